//! PostgreSQL for plugins: one query at a time over connections that the configuration grants.
//!
//! Owns one connection for each check and connection of the configuration, kept between runs. Flows in: SQL with
//! parameters as text, a deadline. Flows out: rows as text, or why there are none. `statement` decides what is sent; what
//! it may do is the business of the role that logs in.

mod events;
mod login;
mod rows;
mod session;
pub mod statement;
mod target;
mod token;
mod wire;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::timeout_at;

pub use self::rows::{ROWS_BYTES_MAX, ROWS_MAX, Rows};
use self::{
    events::{ReachingRole, SuperuserRole},
    rows::{Gathered, Said},
    session::{CancelKey, Session, cancel},
    target::Target,
    wire::Broken,
};
use super::database::{
    Tools,
    doing::{Doing, Step},
    shelf::Shelf,
};
use crate::{clock::Instant, config::Connection};

/// Longest time before the deadline at which a statement is given up, so that the server can still be told to end it.
const CANCEL_RESERVE_MAX: Duration = Duration::from_millis(250);

/// SQLSTATE of a statement that was ended before it was done, by the server's own clock or because somebody asked for it.
pub const QUERY_CANCELED: &str = "57014";

/// What a call yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was found.
    pub rows: Rows,
    /// From the first byte of the transaction to the last; dialling is not in it.
    pub latency: Duration,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The configuration does not permit it, or what is asked for is no query.
    #[error("{0}")]
    Denied(String),
    /// No connection, also for want of time, or it broke: in which step, and with whom.
    #[error("{0}")]
    Connect(String),
    /// The server does not know us.
    #[error("{0}")]
    Authentication(String),
    /// The server took the connection, and then the deadline passed, here or there: in which step, and at which address.
    #[error("{0}")]
    Timeout(String),
    /// The server refused the statement.
    #[error("{message} (SQLSTATE {code})")]
    Query {
        /// SQLSTATE.
        code: String,
        /// In the server's words.
        message: String,
    },
}

/// Asks PostgreSQL servers. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Postgres {
    tools: Tools,
    kept: Shelf<Session>,
    /// Connections whose role was warned of. As many as the configuration has.
    warned: Arc<Mutex<HashSet<Arc<str>>>>,
}

/// One call.
struct Call<'c> {
    check: &'c Arc<str>,
    connection: &'c Arc<Connection>,
    target: Target,
    sql: &'c str,
    parameters: &'c [Option<String>],
    /// When to give up, with time left to cancel.
    until: Instant,
    /// When the answer must be there.
    deadline: Instant,
}

impl Postgres {
    /// With no connections yet.
    pub fn new(tools: Tools) -> Self {
        Self {
            tools,
            kept: Shelf::default(),
            warned: Arc::default(),
        }
    }

    /// Runs one query, for `check` and over `connection`.
    pub async fn query(
        &self,
        check: &Arc<str>,
        connection: &Arc<Connection>,
        sql: &str,
        parameters: &[Option<String>],
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let target = judge(connection, sql, parameters)?;
        let now = self.tools.clock.monotonic();
        let call = Call {
            check,
            connection,
            target,
            sql,
            parameters,
            until: deadline - reserve(deadline.saturating_duration_since(now)),
            deadline,
        };
        match self.ask(&call, &Doing::new(&call.target.place)).await {
            Ok(answer) => Ok(self.without_secrets(answer, connection)),
            Err(error) => Err(self.scrubbed(error, connection)),
        }
    }

    /// Over the connection that was kept, or a new one. A kept one may have been closed meanwhile; since everything is
    /// rolled back, asking again is harmless.
    async fn ask(&self, call: &Call<'_>, doing: &Doing) -> Result<Answer, Error> {
        let now = self.tools.clock.monotonic();
        if let Some(kept) = self.kept.take(call.check, call.connection, now) {
            match self.run(call, kept, doing).await {
                Err(broken) if broken.is_closed() => {}
                Ok((gathered, _)) if gathered.error.as_ref().is_some_and(is_going_away) => {}
                ended => return told(ended, doing),
            }
        }
        let opened = Session::open(&self.tools, &call.target, call.connection, call.until, doing);
        let fresh = match timeout_at(call.until, opened).await {
            Ok(Err(Error::Timeout(_))) | Err(_) => return Err(late(doing)),
            Ok(opened) => opened?,
        };
        self.warn(call, &fresh);
        told(self.run(call, fresh, doing).await, doing)
    }

    async fn run(&self, call: &Call<'_>, mut session: Session, doing: &Doing) -> Result<(Gathered, Duration), Broken> {
        doing.begin(Step::Asking(session.address.clone(), None));
        let began = self.tools.clock.monotonic();
        let patience = call.until.saturating_duration_since(began);
        // The server's own clock strikes a little earlier than ours.
        let asked = session.query(call.sql, call.parameters, patience * 9 / 10);
        let Ok(gathered) = timeout_at(call.until, asked).await else {
            self.cancel(call, session.cancel).await;
            return Err(Broken::Late);
        };
        let gathered = gathered?;
        let ended = self.tools.clock.monotonic();
        if session.clean {
            self.kept.put(call.check, call.connection, session, ended);
        } else if !gathered.is_complete() && gathered.error.is_none() {
            // It still sends what there is no room for.
            self.cancel(call, session.cancel).await;
        }
        Ok((gathered, ended - began))
    }

    /// While the session is still there, since a pooler forgets what a client that left was doing. Where the server cannot be
    /// told, its own timeout ends the statement.
    async fn cancel(&self, call: &Call<'_>, key: CancelKey) {
        let told = cancel(&self.tools, &call.target, call.connection, key, call.deadline);
        let _ = timeout_at(call.deadline, told).await;
    }

    /// Once for each connection: it stays true until somebody changes the role.
    fn warn(&self, call: &Call<'_>, session: &Session) {
        let (check, connection, user) = (&**call.check, &*call.connection.name, &*call.target.user);
        let telemetry = &self.tools.telemetry;
        match &session.reaching {
            _ if session.is_superuser() && self.is_news(call) => telemetry.emit(&SuperuserRole {
                check,
                connection,
                user,
            }),
            Some(roles) if self.is_news(call) => telemetry.emit(&ReachingRole {
                check,
                connection,
                user,
                roles,
            }),
            _ => {}
        }
    }

    fn is_news(&self, call: &Call<'_>) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        warned.insert(Arc::clone(&call.connection.name))
    }

    /// Names and values that repeat a secret do so without it.
    fn without_secrets(&self, mut answer: Answer, connection: &Connection) -> Answer {
        let rows = &mut answer.rows;
        for text in rows
            .columns
            .iter_mut()
            .chain(rows.values.iter_mut().flatten().flatten())
        {
            *text = self.tools.scrubbed(text, connection);
        }
        answer
    }

    fn scrubbed(&self, error: Error, connection: &Connection) -> Error {
        let clean = |text: String| self.tools.scrubbed(&text, connection);
        match error {
            Error::Denied(text) => Error::Denied(clean(text)),
            Error::Connect(text) => Error::Connect(clean(text)),
            Error::Authentication(text) => Error::Authentication(clean(text)),
            Error::Timeout(text) => Error::Timeout(clean(text)),
            Error::Query { code, message } => Error::Query {
                code: clean(code),
                message: clean(message),
            },
        }
    }
}

/// Where the statement goes, if it may go anywhere.
fn judge(connection: &Connection, sql: &str, parameters: &[Option<String>]) -> Result<Target, Error> {
    statement::decide(sql, parameters).map_err(|refusal| Error::Denied(refusal.to_string()))?;
    let target = Target::of(connection)
        .map_err(|why| Error::Denied(format!("connection `{}` is not for PostgreSQL: {why}", connection.name)))?;
    if target.is_console() && (!statement::is_show(sql) || !parameters.is_empty()) {
        return Err(Error::Denied(
            "PgBouncer's console knows SHOW only, without parameters".to_owned(),
        ));
    }
    Ok(target)
}

fn reserve(remaining: Duration) -> Duration {
    (remaining / 4).min(CANCEL_RESERVE_MAX)
}

/// Without a connection it is that which is missing, and not an answer.
fn late(doing: &Doing) -> Error {
    if doing.is_connected() {
        Error::Timeout(doing.out_of_time())
    } else {
        Error::Connect(doing.out_of_time())
    }
}

fn told(ended: Result<(Gathered, Duration), Broken>, doing: &Doing) -> Result<Answer, Error> {
    let (gathered, latency) = ended.map_err(|broken| match broken {
        Broken::Late => late(doing),
        Broken::Io(_) | Broken::TooLarge(_) | Broken::RowTooLarge => Error::Connect(doing.broke(broken)),
    })?;
    match gathered.error {
        Some(said) => Err(refused(said, doing)),
        None => Ok(Answer {
            rows: gathered.rows,
            latency,
        }),
    }
}

/// The server ends the session, not the statement: it stops, or somebody ended the backend.
fn is_going_away(said: &Said) -> bool {
    said.code.starts_with("57P") || said.code.starts_with("08")
}

fn refused(said: Said, doing: &Doing) -> Error {
    match said.code.as_str() {
        // By `statement_timeout`, or a cancel request.
        QUERY_CANCELED => Error::Timeout(format!("{}, which gave up: {}", doing.out_of_time(), said.message)),
        _ if is_going_away(&said) => Error::Connect(doing.broke(&said)),
        _ => Error::Query {
            code: said.code,
            message: said.message,
        },
    }
}

#[cfg(test)]
#[path = "late_tests.rs"]
mod late_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{capability::database::Place, testing};

    fn connection(url: &str) -> Connection {
        Connection {
            user: Some("monitor".into()),
            ..testing::connection(url)
        }
    }

    #[test]
    fn the_console_of_a_pooler_knows_show_only() {
        let console = connection("postgres://localhost:6432/pgbouncer");
        assert!(judge(&console, "SHOW POOLS", &[]).is_ok());
        assert!(matches!(judge(&console, "SELECT 1", &[]), Err(Error::Denied(_))));
        assert!(matches!(judge(&console, "SHOW POOLS", &[None]), Err(Error::Denied(_))));
        assert!(judge(&connection("postgres://localhost/shop"), "SELECT 1", &[None]).is_ok());
    }

    #[test]
    fn a_connection_for_something_else_is_named() {
        let wrong = judge(&connection("redis://cache"), "SELECT 1", &[]).expect_err("wrong");
        assert!(wrong.to_string().contains("postgres://"), "{wrong}");
    }

    #[test]
    fn what_the_server_says_becomes_the_right_kind_of_error() {
        let doing = Doing::new(&Place::Unix("/run/pg".into()));
        doing.begin(Step::Asking("10.0.0.7:5432".to_owned(), None));
        let said = |code: &str| {
            let said = Said {
                code: code.into(),
                message: "m".into(),
            };
            refused(said, &doing)
        };
        let waiting = "waiting for 10.0.0.7:5432 to answer the query";
        assert_eq!(
            said("57014"),
            Error::Timeout(format!("no answer in time, while {waiting}, which gave up: m"))
        );
        assert_eq!(
            said("57P02"),
            Error::Connect(format!("the connection broke while {waiting}: m (SQLSTATE 57P02)"))
        );
        assert!(matches!(said("57P01"), Error::Connect(_)));
        assert!(matches!(said("08P01"), Error::Connect(_)));
        assert!(matches!(said("42P01"), Error::Query { code, .. } if code == "42P01"));
    }

    #[test]
    fn there_is_always_time_left_to_cancel() {
        assert_eq!(reserve(Duration::from_secs(10)), CANCEL_RESERVE_MAX);
        assert_eq!(reserve(Duration::from_millis(400)), Duration::from_millis(100));
    }
}
