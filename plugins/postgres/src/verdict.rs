//! Codes, and what a person should make of a query that was refused.

use bellwether_sdk::{Code, Description, metric::Gauge, postgres::Error, streak};

use crate::facts::{is_exhausted, is_not_now};

pub(crate) const UNREACHABLE: Code = Code::new(
    "unreachable",
    "No connection: the server is down, starting up, or a firewall is between.",
);
pub(crate) const EXHAUSTED: Code = Code::new(
    "connections_exhausted",
    "The server has no connection left for us: find who holds them, or raise max_connections.",
);
pub(crate) const LOGIN: Code = Code::new(
    "login_refused",
    "The role or its password was refused: see the connection, and pg_hba.conf.",
);
pub(crate) const TIMEOUT: Code = Code::new(
    "timeout",
    "No answer in time: the server is overloaded, or the query is too dear.",
);
pub(crate) const DENIED: Code = Code::new("denied", "The host refused the query: the summary says why.");
pub(crate) const PERMISSION: Code = Code::new(
    "permission_missing",
    "Our role may not see this: make it a member of pg_monitor, or grant it what the summary names.",
);
pub(crate) const FAILED: Code = Code::new("query_failed", "The server refused a query: the summary has its words.");
pub(crate) const CONNECTIONS: Code = Code::new(
    "connections_high",
    "Few connections are left: find who holds them, put a pooler between, or raise max_connections.",
);
pub(crate) const TRANSACTION: Code = Code::new(
    "transaction_old",
    "A transaction has been open for long: it keeps vacuum from cleaning up. Find it in pg_stat_activity.",
);
pub(crate) const IDLE: Code = Code::new(
    "idle_in_transaction",
    "A client has left a transaction open and does nothing: mend it, or set idle_in_transaction_session_timeout.",
);
pub(crate) const LOCKED: Code = Code::new(
    "locks_waiting",
    "Queries wait for locks: pg_blocking_pids() says for whom.",
);
pub(crate) const LAG: Code = Code::new(
    "replication_lag",
    "A standby is behind: see its load, and the network between.",
);
pub(crate) const BROKEN: Code = Code::new(
    "replication_stopped",
    "This standby does not receive: see whether the server it receives from is up, and its slot is there.",
);
pub(crate) const SLOT: Code = Code::new(
    "slot_retains",
    "A slot makes the server keep much of its log, until the disk is full: mend its receiver, or drop it.",
);
pub(crate) const WRAPAROUND: Code = Code::new(
    "wraparound_near",
    "Transaction numbers run out; the server stops writing then. Vacuum the database, and end what keeps vacuum from it.",
);
pub(crate) const CACHE: Code = Code::new(
    "cache_hit_low",
    "Many blocks are read from disk: too little memory, or a query without an index.",
);
pub(crate) const SIZE: Code = Code::new("database_large", "A database is larger than the threshold allows.");
pub(crate) const QUERY: Code = Code::new(
    "query_threshold",
    "A query of your own has a value beyond its threshold.",
);
pub(crate) const ROWS: Code = Code::new(
    "query_rows",
    "The rows of a query of your own do not make metrics: the summary says why.",
);

pub(crate) const ALL: [&Code; 19] = [
    &UNREACHABLE,
    &EXHAUSTED,
    &LOGIN,
    &TIMEOUT,
    &DENIED,
    &PERMISSION,
    &FAILED,
    &CONNECTIONS,
    &TRANSACTION,
    &IDLE,
    &LOCKED,
    &LAG,
    &BROKEN,
    &SLOT,
    &WRAPAROUND,
    &CACHE,
    &SIZE,
    &QUERY,
    &ROWS,
];

pub(crate) const RUNS: Gauge<2> = Gauge::new(
    "postgres_not_ok_runs",
    "Runs in a row in which the target was not ok (severity warning), or critical.",
    streak::LABELS,
);

pub(crate) fn describe(about: &mut Description) {
    about.metric(&RUNS);
    for code in ALL {
        about.code(code);
    }
}

/// Insufficient privilege.
const SQLSTATE_PRIVILEGE: &str = "42501";

/// What an error is called, and what is said about it. `role` is ours, where it is known.
pub(crate) fn explain(error: &Error, role: Option<&str>) -> (&'static Code, String) {
    match error {
        Error::Denied(reason) => (&DENIED, format!("denied: {reason}")),
        Error::Connect(reason) if is_exhausted("", reason) => (&EXHAUSTED, format!("no connection is left: {reason}")),
        Error::Connect(reason) => (&UNREACHABLE, format!("cannot connect: {reason}")),
        Error::Authentication(reason) if is_exhausted("", reason) => {
            (&EXHAUSTED, format!("no connection is left: {reason}"))
        }
        Error::Authentication(reason) => (&LOGIN, format!("login refused: {reason}")),
        Error::Timeout => (&TIMEOUT, "no answer in time".to_owned()),
        Error::Query((state, message)) => of_query(state, message, role),
    }
}

fn of_query(state: &str, message: &str, role: Option<&str>) -> (&'static Code, String) {
    if is_exhausted(state, message) {
        return (&EXHAUSTED, format!("no connection is left: {message}"));
    }
    if is_not_now(state) {
        return (&UNREACHABLE, message.to_owned());
    }
    if state == SQLSTATE_PRIVILEGE {
        return (&PERMISSION, format!("{message}: {}", grant(role)));
    }
    (&FAILED, format!("{message} (SQLSTATE {state})"))
}

/// The statement that mends it.
pub(crate) fn grant(role: Option<&str>) -> String {
    let role = role.filter(|role| !role.is_empty()).unwrap_or("ROLE");
    format!("GRANT pg_monitor TO \"{role}\"")
}
