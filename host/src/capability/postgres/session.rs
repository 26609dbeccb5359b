//! One connection to a PostgreSQL server, from dialling to a statement in a transaction of its own.
//!
//! Flows in: a statement that was judged. Flows out: its rows, or what the server refused. Each statement runs unnamed in a
//! read-only transaction that is rolled back, so that it works behind poolers that hand every transaction to another
//! backend. Where there is no pooler, `DISCARD ALL` takes away what a session may have kept besides. A pooler's backends
//! belong to others, too: there, only what outlives a transaction and stands in others' way is taken away, which is
//! advisory locks.

use std::{io, time::Duration};

use bytes::BytesMut;
use postgres_protocol::{IsNull, message::frontend};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    Error,
    login::{Welcome, log_in},
    rows::{Gathered, ROWS_MAX},
    target::{Target, TlsMode},
    wire::{Broken, Wire},
};
use crate::{
    capability::database::{
        Line, Tools, Unreachable,
        doing::{Doing, Step},
    },
    clock::Instant,
    config::Connection,
};

/// Who answers; how long the role's own settings let a statement run, in milliseconds, 0 being for ever; and which roles it
/// belongs to whose members reach beyond the database.
const PROBE: &str = "SELECT pg_backend_pid(), setting, (SELECT string_agg(rolname::text, ', ' ORDER BY rolname) FROM pg_roles \
                     WHERE rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files') AND \
                     pg_has_role(oid, 'MEMBER')) FROM pg_settings WHERE name = 'statement_timeout'";

/// Before the statement, for a pooler's backend: a failed transaction runs nothing until it went back to here.
const SAVE: &str = "; SAVEPOINT bellwether";

/// After the statement, while that backend is still ours.
const UNLOCK: &str = "ROLLBACK TO SAVEPOINT bellwether; SELECT pg_catalog.pg_advisory_unlock_all()";

/// A session within a transaction.
const IN_TRANSACTION: u8 = b'T';

/// A session without one.
const IDLE: u8 = b'I';

/// What it takes to cancel a statement from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct CancelKey {
    welcome: Welcome,
    encrypted: bool,
}

/// Logged in, and with nothing outstanding.
#[derive(Debug)]
pub(super) struct Session {
    wire: Wire,
    /// Who answered.
    pub(super) address: String,
    pub(super) cancel: CancelKey,
    kind: Kind,
    /// Set for the role, and not to be exceeded.
    own_timeout: Option<Duration>,
    /// The roles by which it reaches beyond the database, as people read them.
    pub(super) reaching: Option<String>,
    /// Whether another statement may follow.
    pub(super) clean: bool,
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A backend of our own.
    Direct,
    /// A pooler, whose backends change.
    Pooled,
    /// PgBouncer's console.
    Console,
}

impl Session {
    /// Dials and logs in.
    pub(super) async fn open(
        tools: &Tools,
        target: &Target,
        connection: &Connection,
        deadline: Instant,
        doing: &Doing,
    ) -> Result<Self, Error> {
        let Connected {
            line,
            encrypted,
            address,
        } = connect(tools, target, connection, deadline, doing).await?;
        let mut wire = Wire::new(line);
        let unheard = target.is_unheard(encrypted, &connection.tls);
        doing.begin(Step::LoggingIn(address.clone(), None));
        let welcome = log_in(&mut wire, target, connection, unheard, doing).await?;
        let mut session = Self {
            wire,
            address,
            cancel: CancelKey { welcome, encrypted },
            kind: Kind::Console,
            own_timeout: None,
            reaching: None,
            clean: true,
        };
        if !target.is_console() {
            doing.begin(Step::Meeting(session.address.clone()));
            let probed = session.simple(PROBE, 1).await;
            let probed = probed.map_err(|broken| Error::Connect(doing.broke(broken)))?;
            if let Some(said) = probed.error.as_ref().filter(|_| !probed.is_complete()) {
                // A pooler lets everybody in, and hangs up on whom it has no backend for.
                return Err(Error::Connect(doing.broke(said)));
            }
            session.learn(&probed);
        }
        Ok(session)
    }

    /// The role may do everything.
    pub(super) const fn is_superuser(&self) -> bool {
        self.cancel.welcome.superuser
    }

    fn learn(&mut self, probed: &Gathered) {
        let first = probed.rows.values.first();
        let value = |at: usize| first.and_then(|row| row.get(at)).and_then(Option::as_deref);
        let process = self.cancel.welcome.process.to_string();
        self.kind = if value(0) == Some(&process) {
            Kind::Direct
        } else {
            Kind::Pooled
        };
        let own = value(1)
            .and_then(|text| text.parse().ok())
            .filter(|milliseconds| *milliseconds > 0);
        self.own_timeout = own.map(Duration::from_millis);
        self.reaching = value(2).map(str::to_owned);
    }

    /// Runs one statement, for at most `patience` on the server.
    pub(super) async fn query(
        &mut self,
        sql: &str,
        parameters: &[Option<String>],
        patience: Duration,
    ) -> Result<Gathered, Broken> {
        self.clean = false;
        if self.kind == Kind::Console {
            let answer = self.simple(sql, 1).await?;
            self.clean = self.wire.is_drained();
            return Ok(answer);
        }
        let begun = self.simple(&self.begin(patience), 1).await?;
        if begun.error.is_some() {
            return Ok(begun);
        }
        if begun.status != IN_TRANSACTION {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the server began no transaction").into());
        }
        let mut messages = statement(sql, parameters)?;
        let after: &[&str] = match self.kind {
            Kind::Direct => &["ROLLBACK", "DISCARD ALL"],
            Kind::Pooled => &[UNLOCK, "ROLLBACK"],
            Kind::Console => &[],
        };
        for tidying in after {
            frontend::query(tidying, &mut messages)?;
        }
        let rounds = 1 + after.len();
        self.wire.send(&messages).await?;
        let answer = self.gather(rounds).await?;
        self.clean = answer.is_complete() && answer.status == IDLE && self.wire.is_drained();
        Ok(answer)
    }

    fn begin(&self, patience: Duration) -> String {
        let patience = self.own_timeout.map_or(patience, |own| own.min(patience));
        // 0 would mean for ever.
        let milliseconds = patience.as_millis().clamp(1, i32::MAX as u128);
        let save = if self.kind == Kind::Pooled { SAVE } else { "" };
        format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {milliseconds}{save}")
    }

    /// By the protocol that takes text and nothing else.
    async fn simple(&mut self, sql: &str, rounds: usize) -> Result<Gathered, Broken> {
        let mut message = BytesMut::new();
        frontend::query(sql, &mut message)?;
        self.wire.send(&message).await?;
        self.gather(rounds).await
    }

    /// What a server says before it hangs up is an answer, and so are the rows before one that is too large.
    async fn gather(&mut self, rounds: usize) -> Result<Gathered, Broken> {
        let mut gathered = Gathered::new(rounds);
        while !gathered.is_complete() {
            match self.wire.next(gathered.room()).await {
                Ok(message) => gathered.heed(&message)?,
                Err(Broken::RowTooLarge) => {
                    gathered.rows.truncated = true;
                    break;
                }
                Err(broken) if broken.is_closed() && gathered.error.is_some() => break,
                Err(broken) => return Err(broken),
            }
        }
        Ok(gathered)
    }
}

/// A statement and its parameters, everything as text: the server finds out the types.
fn statement(sql: &str, parameters: &[Option<String>]) -> io::Result<BytesMut> {
    // One more than are kept, so that it is known whether there were more.
    const ASKED: i32 = ROWS_MAX as i32 + 1;
    let mut messages = BytesMut::new();
    frontend::parse("", sql, [], &mut messages)?;
    let text = |value: &Option<String>, into: &mut BytesMut| match value {
        None => Ok(IsNull::Yes),
        Some(text) => {
            into.extend_from_slice(text.as_bytes());
            Ok(IsNull::No)
        }
    };
    frontend::bind("", "", [], parameters, text, [], &mut messages).map_err(|error| match error {
        frontend::BindError::Conversion(_) => io::Error::from(io::ErrorKind::InvalidInput),
        frontend::BindError::Serialization(error) => error,
    })?;
    frontend::describe(b'P', "", &mut messages)?;
    frontend::execute("", ASKED, &mut messages)?;
    frontend::sync(&mut messages);
    Ok(messages)
}

/// A stream to the server.
struct Connected {
    line: Line,
    encrypted: bool,
    /// Who answered.
    address: String,
}

async fn connect(
    tools: &Tools,
    target: &Target,
    connection: &Connection,
    deadline: Instant,
    doing: &Doing,
) -> Result<Connected, Error> {
    let (mut line, address) = tools.dial(&target.place, connection, deadline, doing).await?;
    let connected = |line, encrypted, address| Connected {
        line,
        encrypted,
        address,
    };
    if target.tls == TlsMode::Disable {
        return Ok(connected(line, false, address));
    }
    doing.begin(Step::Encrypting(address.clone()));
    let offered = offers_tls(&mut line).await;
    if offered.map_err(|error| Error::Connect(doing.broke(error)))? {
        let options = target.tls.options(&connection.tls);
        let line = tools.encrypt(line, (&target.host, &address), &options, deadline);
        return Ok(connected(line.await?, true, address));
    }
    if target.tls == TlsMode::Prefer {
        return Ok(connected(line, false, address));
    }
    Err(Error::Connect(format!(
        "{address} does not offer TLS: turn it on there, or say `?sslmode=disable` in the URL"
    )))
}

/// Asks, before anything else is said. One byte is read and no more: what followed it unencrypted would not be the server's.
async fn offers_tls(line: &mut Line) -> io::Result<bool> {
    let mut message = BytesMut::new();
    frontend::ssl_request(&mut message);
    line.write_all(&message).await?;
    line.flush().await?;
    match line.read_u8().await? {
        b'S' => Ok(true),
        b'N' => Ok(false),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "this is no PostgreSQL server",
        )),
    }
}

/// Asks the server to end what the session of `key` is doing. The answer, if any, is the end of the connection.
pub(super) async fn cancel(
    tools: &Tools,
    target: &Target,
    connection: &Connection,
    key: CancelKey,
    deadline: Instant,
) -> Result<(), Error> {
    let mut target = target.clone();
    if !key.encrypted {
        target.tls = TlsMode::Disable;
    }
    let doing = Doing::new(&target.place);
    let Connected { mut line, .. } = connect(tools, &target, connection, deadline, &doing).await?;
    let mut message = BytesMut::new();
    frontend::cancel_request(key.welcome.process, key.welcome.key, &mut message);
    let gone = |error: io::Error| Error::Connect(error.to_string());
    line.write_all(&message).await.map_err(gone)?;
    line.flush().await.map_err(gone)?;
    // Closed once it was heeded.
    let _ = line.read_u8().await;
    Ok(())
}

impl From<Unreachable> for Error {
    fn from(unreachable: Unreachable) -> Self {
        match unreachable {
            Unreachable::Denied(why) => Self::Denied(why),
            Unreachable::Connect(why) => Self::Connect(why),
            Unreachable::Timeout => Self::Timeout(String::new()),
        }
    }
}
