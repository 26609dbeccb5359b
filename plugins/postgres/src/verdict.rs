//! Codes, and what a person should make of a query that was refused.

use bellwether_sdk::{Code, Description, metric::Gauge, postgres::Error, streak};

use crate::facts::{is_exhausted, is_given_up, is_not_now};

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
    "Our role may not see this: grant it what the summary names.",
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
    "The rows of a query of your own do not all make metrics: the summary says why.",
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

/// No such database, at login.
const SQLSTATE_NO_DATABASE: &str = "SQLSTATE 3D000";

/// Views of the server that, like all tables of its catalogue that are closed, no grant of pg_monitor opens.
const CLOSED_VIEWS: [&str; 4] = [
    "pg_shadow",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_file_settings",
];

/// What an error is called, and what is said about it. `what` was asked; `role` is ours, where it is known.
pub(crate) fn explain(what: &str, error: &Error, role: Option<&str>) -> (&'static Code, String) {
    match error {
        Error::Denied(reason) => (&DENIED, format!("denied: {reason}")),
        Error::Connect(reason) if is_exhausted("", reason) => (&EXHAUSTED, format!("no connection is left: {reason}")),
        Error::Connect(reason) if reason.contains(SQLSTATE_NO_DATABASE) => (
            &UNREACHABLE,
            format!("{reason}: the URL of the connection names a database that is not there"),
        ),
        Error::Connect(reason) => (&UNREACHABLE, reason.clone()),
        Error::Authentication(reason) if is_exhausted("", reason) => {
            (&EXHAUSTED, format!("no connection is left: {reason}"))
        }
        Error::Authentication(reason) => (&LOGIN, format!("login refused: {reason}{}", login_mend(reason))),
        Error::Timeout => (&TIMEOUT, "no answer in time".to_owned()),
        Error::Query((state, message)) => of_query(what, state, message, role),
    }
}

/// What to do about a refused login, where the server's own words say it: the host's have it in them already.
fn login_mend(reason: &str) -> &'static str {
    if reason.contains("pg_hba.conf") {
        ": give this role, database and address a line in pg_hba.conf, and reload the server"
    } else if reason.contains("SQLSTATE") {
        ": are `user` and `password` of the connection those of a role that may log in (\\du)?"
    } else {
        ""
    }
}

fn of_query(what: &str, state: &str, message: &str, role: Option<&str>) -> (&'static Code, String) {
    if is_exhausted(state, message) {
        return (&EXHAUSTED, format!("no connection is left: {message}"));
    }
    if is_given_up(state) {
        return (&TIMEOUT, message.to_owned());
    }
    if is_not_now(state) {
        return (&UNREACHABLE, message.to_owned());
    }
    if state == SQLSTATE_PRIVILEGE {
        let mend = if what.starts_with(OWN_QUERY) {
            grant_of(message, role)
        } else {
            grant(role)
        };
        return (&PERMISSION, format!("{message}: {mend}"));
    }
    (&FAILED, format!("{message} (SQLSTATE {state})"))
}

/// How what was asked begins when it was a query of one's own.
pub(crate) const OWN_QUERY: &str = "query ";

/// The statement that lets our role see what the server knows about itself.
pub(crate) fn grant(role: Option<&str>) -> String {
    format!("GRANT pg_monitor TO {}", name_of(role))
}

/// The statement that lets a query of one's own read what it was refused, by the server's words, which name it without its schema.
/// pg_monitor would open nothing but the server's own views and functions.
fn grant_of(message: &str, role: Option<&str>) -> String {
    let whom = name_of(role);
    let refused = message
        .strip_prefix("permission denied for ")
        .and_then(|rest| rest.split_once(' '));
    // Two words for one kind.
    let (kind, object) = match refused {
        Some(("materialized" | "foreign", rest)) => rest.split_once(' ').unwrap_or_default(),
        Some(kind_and_object) => kind_and_object,
        None => ("", ""),
    };
    let privilege = match kind {
        "table" if object.starts_with("pg_") => return closed(object),
        _ if CLOSED_VIEWS.contains(&object) => return closed(object),
        _ if object.starts_with("pg_") => return grant(role),
        "table" | "view" | "relation" | "sequence" => "SELECT ON",
        "schema" => "USAGE ON SCHEMA",
        "function" | "procedure" => "EXECUTE ON FUNCTION",
        // Another language, or another kind.
        _ => return format!("grant {whom} what the query reads: SELECT on its tables, USAGE on their schema"),
    };
    let sequence = if kind == "sequence" { "SEQUENCE " } else { "" };
    format!("GRANT {privilege} {sequence}{} TO {whom}", quoted(object))
}

/// Passwords, addresses and the like, which a role that watches should not read.
fn closed(object: &str) -> String {
    format!(
        "{object} is for superusers, and who watches should be none: ask a view that is open to all, such as pg_roles"
    )
}

fn name_of(role: Option<&str>) -> String {
    let role = role.filter(|role| !role.is_empty()).unwrap_or("ROLE");
    format!("\"{role}\"")
}

/// As it is where that is a name to SQL.
fn quoted(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.bytes().all(plain) && !name.starts_with(|first: char| first.is_ascii_digit()) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_superusers_may_read_is_not_to_be_granted() {
        for refused in ["table pg_authid", "table pg_statistic", "view pg_shadow"] {
            let said = grant_of(&format!("permission denied for {refused}"), Some("watcher"));
            assert!(said.contains("is for superusers") && !said.contains("GRANT"), "{said}");
        }
    }

    #[test]
    fn a_refused_login_is_told_with_what_to_mend() {
        let said = |error| explain("", &error, None).1;
        let password = "password authentication failed for user \"monitor\" (SQLSTATE 28P01)";
        assert!(said(Error::Authentication(password.into())).contains("`user` and `password` of the connection"));
        let hba = "no pg_hba.conf entry for host \"10.0.0.1\" (SQLSTATE 28000)";
        assert!(said(Error::Authentication(hba.into())).contains("a line in pg_hba.conf"));
        let own = "the server asks for a password and the connection has none";
        assert!(said(Error::Authentication(own.into())).ends_with(own));
        let missing = "database \"x\" does not exist (SQLSTATE 3D000)";
        assert!(said(Error::Connect(missing.into())).contains("names a database that is not there"));
    }

    #[test]
    fn a_query_of_ones_own_is_granted_what_it_was_refused() {
        let of = |message: &str| grant_of(message, Some("watcher"));
        for (message, statement) in [
            (
                "permission denied for table jobs",
                "GRANT SELECT ON jobs TO \"watcher\"",
            ),
            (
                "permission denied for view Jobs",
                "GRANT SELECT ON \"Jobs\" TO \"watcher\"",
            ),
            (
                "permission denied for materialized view sums",
                "GRANT SELECT ON sums TO \"watcher\"",
            ),
            (
                "permission denied for sequence ids",
                "GRANT SELECT ON SEQUENCE ids TO \"watcher\"",
            ),
            (
                "permission denied for schema shop",
                "GRANT USAGE ON SCHEMA shop TO \"watcher\"",
            ),
            (
                "permission denied for function age",
                "GRANT EXECUTE ON FUNCTION age TO \"watcher\"",
            ),
            (
                "permission denied for function pg_ls_waldir",
                "GRANT pg_monitor TO \"watcher\"",
            ),
        ] {
            assert_eq!(of(message), statement);
        }
        assert_eq!(
            of("keine Berechtigung für Tabelle jobs"),
            "grant \"watcher\" what the query reads: SELECT on its tables, USAGE on their schema"
        );
    }
}
