//! Redis for plugins: read-only pipelines over connections that the configuration grants.
//!
//! Owns one connection for each check and connection of the configuration, kept between runs. Flows in: commands as bytes,
//! a deadline. Flows out: one reply for each command, or why there is none. `allow` decides what is sent; what it refuses
//! is answered in place of the server and fails nothing else. Sentinel and Cluster are not followed: a connection leads to
//! one server, whose redirections come back as errors of single commands.

pub mod allow;
mod arguments;
mod refused;
mod resp;
mod session;
mod target;

use std::{sync::Arc, time::Duration};

use tokio::time::timeout_at;

use self::{
    allow::Refusal,
    resp::{Broken, encode},
    session::Session,
    target::Target,
};
pub use self::{
    arguments::ELEMENTS_MAX,
    resp::{Node, REPLIES_BYTES_MAX, REPLIES_NODES_MAX},
};
use super::database::{BLANK, Tools, password, shelf::Shelf};
use crate::{clock::Instant, config::Connection};

/// Most commands of one call: a hundred queues with a hundred questions each.
pub const COMMANDS_MAX: usize = 10_000;

/// Most bytes of one call's commands.
pub const COMMANDS_BYTES_MAX: usize = 1024 * 1024;

/// Begins the error that stands in place of a refused command's reply. Redis' own errors begin with such a word, too.
const REFUSED: &str = "DENIED";

/// A command: its name and arguments.
pub type Command = Vec<Vec<u8>>;

/// A reply in preorder.
pub type Reply = Vec<Node>;

/// What a call yields.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// One for each command.
    pub replies: Vec<Reply>,
    /// The server that answered.
    pub info: Info,
    /// Commands that were not sent.
    pub refused: Vec<Refusal>,
}

/// About the server and the call.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// As it was dialled: address and port, or the path of a socket.
    pub address: String,
    /// From the first byte written to the last reply; dialling is not in it.
    pub latency: Duration,
    /// `server`, `version`, `mode`, `role`: as far as the server says so, at the time of dialling.
    pub details: Vec<(String, String)>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The configuration does not permit it, or a limit does not.
    #[error("{0}")]
    Denied(String),
    /// No connection, or it broke.
    #[error("{0}")]
    Connect(String),
    /// The server does not know us.
    #[error("{0}")]
    Authentication(String),
    /// The deadline passed.
    #[error("timed out")]
    Timeout,
    /// What came back was no Redis, or too much.
    #[error("{0}")]
    Protocol(String),
}

/// Asks Redis servers. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Redis {
    tools: Tools,
    kept: Shelf<Session>,
}

/// The part of a call that is sent.
struct Wire {
    bytes: Vec<u8>,
    count: usize,
}

impl Redis {
    /// With no connections yet.
    pub fn new(tools: Tools) -> Self {
        Self {
            tools,
            kept: Shelf::default(),
        }
    }

    /// Sends `commands` in one round trip, for `check` and over `connection`.
    pub async fn pipeline(
        &self,
        check: &Arc<str>,
        connection: &Arc<Connection>,
        commands: &[Command],
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let judged = judge(commands)?;
        let target = Target::of(&connection.url)
            .map_err(|why| Error::Denied(format!("connection `{}` is not for Redis: {why}", connection.name)))?;
        let wire = wire(commands, &judged);
        let asked = self.ask(check, connection, &target, &wire, deadline);
        let (replies, info) = match timeout_at(deadline, asked).await {
            Ok(answered) => answered.map_err(|error| self.scrubbed(error, connection))?,
            Err(_) => return Err(Error::Timeout),
        };
        let replies = replies.into_iter().map(|reply| self.without_secrets(reply, connection));
        Ok(merged(judged, replies.collect(), info))
    }

    /// Over the connection that was kept, or a new one. A kept one may have been closed meanwhile; since all commands only
    /// read, asking again is harmless.
    async fn ask(
        &self,
        check: &Arc<str>,
        connection: &Arc<Connection>,
        target: &Target,
        wire: &Wire,
        deadline: Instant,
    ) -> Result<(Vec<Reply>, Info), Error> {
        let now = self.tools.clock.monotonic();
        if let Some(kept) = self.kept.take(check, connection, now) {
            match self.exchange(check, connection, kept, wire).await {
                Err(broken) if broken.is_closed() => {}
                ended => return ended.map_err(failed),
            }
        }
        let fresh = Session::open(&self.tools, target, connection, deadline).await?;
        self.exchange(check, connection, fresh, wire).await.map_err(failed)
    }

    async fn exchange(
        &self,
        check: &Arc<str>,
        connection: &Arc<Connection>,
        mut session: Session,
        wire: &Wire,
    ) -> Result<(Vec<Reply>, Info), Broken> {
        let began = self.tools.clock.monotonic();
        let replies = session.exchange(&wire.bytes, wire.count).await?;
        let ended = self.tools.clock.monotonic();
        let info = Info {
            address: session.address.clone(),
            latency: ended - began,
            details: self.details(&session, connection),
        };
        if session.is_clean() {
            self.kept.put(check, connection, session, ended);
        }
        Ok((replies, info))
    }

    fn details(&self, session: &Session, connection: &Connection) -> Vec<(String, String)> {
        let clean = |(name, value): &(String, String)| (name.clone(), self.tools.scrubbed(value, connection));
        session.details.iter().map(clean).collect()
    }

    fn scrubbed(&self, error: Error, connection: &Connection) -> Error {
        let clean = |text: String| self.tools.scrubbed(&text, connection);
        match error {
            Error::Denied(text) => Error::Denied(clean(text)),
            Error::Connect(text) => Error::Connect(clean(text)),
            Error::Authentication(text) => Error::Authentication(clean(text)),
            Error::Timeout => Error::Timeout,
            Error::Protocol(text) => Error::Protocol(clean(text)),
        }
    }

    /// Replies that repeat the connection's password do so without it.
    fn without_secrets(&self, mut reply: Reply, connection: &Connection) -> Reply {
        for node in &mut reply {
            match node {
                Node::Simple(text) | Node::Error(text) => *text = self.tools.scrubbed(text, connection),
                Node::Bulk(bytes) => blank(bytes, connection),
                Node::Nil | Node::Integer(_) | Node::Array(_) => {}
            }
        }
        reply
    }
}

/// Decides about each command; refuses a call that is too large.
fn judge(commands: &[Command]) -> Result<Vec<Result<(), Refusal>>, Error> {
    let bytes = || commands.iter().flatten().map(Vec::len).sum::<usize>();
    if commands.len() > COMMANDS_MAX {
        return Err(Error::Denied(format!(
            "a call may hold {COMMANDS_MAX} commands and this one holds more"
        )));
    }
    if bytes() > COMMANDS_BYTES_MAX {
        return Err(Error::Denied(format!(
            "a call may hold {COMMANDS_BYTES_MAX} bytes and this one holds more"
        )));
    }
    Ok(commands.iter().map(|command| allow::decide(command)).collect())
}

fn wire(commands: &[Command], judged: &[Result<(), Refusal>]) -> Wire {
    let mut wire = Wire {
        bytes: Vec::new(),
        count: 0,
    };
    let sent = commands.iter().zip(judged).filter(|(_, judged)| judged.is_ok());
    for (command, _) in sent {
        encode(command, &mut wire.bytes);
        wire.count += 1;
    }
    wire
}

/// The server's replies, and ours where a command was not sent.
fn merged(judged: Vec<Result<(), Refusal>>, answered: Vec<Reply>, info: Info) -> Answer {
    let mut answered = answered.into_iter();
    let mut refused = Vec::new();
    let reply = |judged| match judged {
        Ok(()) => answered.next().unwrap_or_default(),
        Err(refusal) => {
            let reply = vec![Node::Error(format!("{REFUSED} {refusal}"))];
            refused.push(refusal);
            reply
        }
    };
    Answer {
        replies: judged.into_iter().map(reply).collect(),
        info,
        refused,
    }
}

/// Of a connection that was open.
fn failed(broken: Broken) -> Error {
    match broken {
        Broken::Io(error) => Error::Connect(format!("the connection broke: {error}")),
        Broken::Malformed(_) | Broken::TooLarge => Error::Protocol(broken.to_string()),
    }
}

/// Takes the connection's password out, wherever it stands.
fn blank(bytes: &mut Vec<u8>, connection: &Connection) {
    let password = password(connection).unwrap_or_default().as_bytes();
    if password.is_empty() || password.len() > bytes.len() {
        return;
    }
    let mut clean = Vec::new();
    let mut rest = &bytes[..];
    while let Some(at) = rest.windows(password.len()).position(|window| window == password) {
        clean.extend_from_slice(&rest[..at]);
        clean.extend_from_slice(BLANK.as_bytes());
        rest = &rest[at + password.len()..];
    }
    if !clean.is_empty() {
        clean.extend_from_slice(rest);
        *bytes = clean;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{secret::Secret, testing};

    fn command(text: &str) -> Command {
        text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn replies_stand_where_their_commands_stood() {
        let commands = [command("GET a"), command("DEL a"), command("LLEN q"), command("KEYS *")];
        let judged = judge(&commands).expect("within limits");
        let wire = wire(&commands, &judged);
        assert_eq!(
            wire.bytes,
            b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$4\r\nLLEN\r\n$1\r\nq\r\n"
        );
        assert_eq!(wire.count, 2);
        let info = Info {
            address: "127.0.0.1:6379".into(),
            latency: Duration::ZERO,
            details: Vec::new(),
        };
        let answer = merged(judged, vec![vec![Node::Nil], vec![Node::Integer(3)]], info);
        assert_eq!(answer.replies[0], [Node::Nil]);
        assert_eq!(answer.replies[2], [Node::Integer(3)]);
        for (at, name) in [(1, "DENIED `DEL`"), (3, "DENIED `KEYS`")] {
            let [Node::Error(said)] = &answer.replies[at][..] else {
                panic!("{:?}", answer.replies[at])
            };
            assert!(said.starts_with(name), "{said}");
        }
        assert_eq!(answer.refused.len(), 2);
    }

    #[test]
    fn a_call_that_is_too_large_is_denied() {
        let many = vec![command("PING"); COMMANDS_MAX + 1];
        assert!(matches!(judge(&many), Err(Error::Denied(_))));
        let long = [vec![b"GET".to_vec(), vec![b'x'; COMMANDS_BYTES_MAX]]];
        assert!(matches!(judge(&long), Err(Error::Denied(_))));
    }

    #[test]
    fn a_password_is_taken_out_of_values_however_often_it_stands_there() {
        let connection = |password: &str| Connection {
            password: Some(Secret::new(password)),
            ..testing::connection("redis://cache")
        };
        let blanked = |text: &str, password: &str| {
            let mut bytes = text.as_bytes().to_vec();
            blank(&mut bytes, &connection(password));
            String::from_utf8(bytes).expect("text")
        };
        assert_eq!(blanked("a s3cr3t-s3cr3t b", "s3cr3t-s3cr3t"), "a [redacted] b");
        assert_eq!(blanked("hunter22hunter22", "hunter22"), "[redacted][redacted]");
        assert_eq!(blanked("[redacted]", "redacted"), "[[redacted]]");
        assert_eq!(blanked("plain", "s3cr3t-s3cr3t"), "plain");
    }
}
