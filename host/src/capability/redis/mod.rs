//! Redis for plugins: read-only pipelines over connections that the configuration grants.
//!
//! Owns one connection for each check and connection of the configuration, kept between runs. Flows in: commands as bytes,
//! a deadline. Flows out: one reply for each command, or why there is none. `allow` decides what is sent; what it refuses
//! is answered in place of the server and fails nothing else. Sentinel and Cluster are not followed: a connection leads to
//! one server, whose redirections come back as errors of single commands.

pub mod allow;
mod arguments;
mod plan;
mod refused;
mod resp;
mod session;
mod target;

use std::{sync::Arc, time::Duration};

use tokio::time::timeout_at;

use self::{allow::Refusal, plan::Plan, resp::Broken, session::Session, target::Target};
pub use self::{
    arguments::ELEMENTS_MAX,
    resp::{Node, REPLIES_BYTES_MAX, REPLIES_NODES_MAX},
};
use super::database::{
    Tools,
    doing::{Doing, Step},
    shelf::Shelf,
};
use crate::{clock::Instant, config::Connection};

/// Most commands of one call: a hundred queues with a hundred questions each.
pub const COMMANDS_MAX: usize = 10_000;

/// Most bytes of one call's commands.
pub const COMMANDS_BYTES_MAX: usize = 1024 * 1024;

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
    /// From the first byte written to the last reply; dialling is not in it, nor is asking how large collections are.
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
    /// No connection, or it broke: in which step, and with whom.
    #[error("{0}")]
    Connect(String),
    /// The server does not know us.
    #[error("{0}")]
    Authentication(String),
    /// The deadline passed: in which step, and of whom something was expected.
    #[error("{0}")]
    Timeout(String),
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

impl Redis {
    /// With no connections yet.
    pub fn new(tools: Tools) -> Self {
        Self {
            tools,
            kept: Shelf::default(),
        }
    }

    /// Sends `commands` in one round trip, for `check` and over `connection`; in two where some would be answered with a whole
    /// collection, whose size is asked for first.
    pub async fn pipeline(
        &self,
        check: &Arc<str>,
        connection: &Arc<Connection>,
        commands: &[Command],
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let plan = Plan::of(commands)?;
        let target = Target::of(&connection.url)
            .map_err(|why| Error::Denied(format!("connection `{}` is not for Redis: {why}", connection.name)))?;
        let doing = Doing::new(&target.place);
        let asked = self.ask(check, connection, &target, &plan, deadline, &doing);
        let mut answer = match timeout_at(deadline, asked).await {
            Ok(Err(Error::Timeout(_))) | Err(_) => return Err(Error::Timeout(doing.out_of_time())),
            Ok(answered) => answered.map_err(|error| self.scrubbed(error, connection))?,
        };
        let nodes = answer.replies.iter_mut().flatten();
        nodes.for_each(|node| without_secrets(node, &self.tools, connection));
        Ok(answer)
    }

    /// Over the connection that was kept, or a new one. A kept one may have been closed meanwhile; since all commands only
    /// read, asking again is harmless.
    async fn ask(
        &self,
        check: &Arc<str>,
        connection: &Arc<Connection>,
        target: &Target,
        plan: &Plan<'_>,
        deadline: Instant,
        doing: &Doing,
    ) -> Result<Answer, Error> {
        let now = self.tools.clock.monotonic();
        let kept = self.kept.take(check, connection, now);
        if let Some(kept) = kept.and_then(|mut kept| kept.is_quiet().then_some(kept)) {
            match self.exchange(check, connection, kept, plan.clone(), doing).await {
                Err(broken) if broken.is_closed() => {}
                ended => return ended.map_err(|broken| failed(&broken, doing)),
            }
        }
        let mut fresh = Session::open(&self.tools, target, connection, deadline, doing).await?;
        if !fresh.is_quiet() {
            return Err(Error::Protocol(format!(
                "{} said more than it was asked, or hung up, right after the log-in: is it Redis?",
                fresh.address
            )));
        }
        self.exchange(check, connection, fresh, plan.clone(), doing)
            .await
            .map_err(|broken| failed(&broken, doing))
    }

    async fn exchange(
        &self,
        check: &Arc<str>,
        connection: &Arc<Connection>,
        mut session: Session,
        mut plan: Plan<'_>,
        doing: &Doing,
    ) -> Result<Answer, Broken> {
        doing.begin(Step::Asking(session.address.clone(), None));
        let questions = plan.questions();
        if !questions.names.is_empty() {
            plan.heed(session.exchange(&questions, doing).await?);
        }
        let wire = plan.wire();
        let began = self.tools.clock.monotonic();
        let replies = session.exchange(&wire, doing).await?;
        let ended = self.tools.clock.monotonic();
        let info = Info {
            address: session.address.clone(),
            latency: ended - began,
            details: self.details(&session, connection),
        };
        if session.is_clean() {
            self.kept.put(check, connection, session, ended);
        }
        Ok(plan.answer(replies, info))
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
            Error::Timeout(text) => Error::Timeout(clean(text)),
            Error::Protocol(text) => Error::Protocol(clean(text)),
        }
    }
}

/// Of a connection that was open.
fn failed(broken: &Broken, doing: &Doing) -> Error {
    match broken {
        Broken::Io(error) => Error::Connect(doing.broke(error)),
        Broken::Malformed(_) => Error::Protocol(format!("{broken}, while {}", doing.words())),
        Broken::TooLarge => Error::Protocol(broken.to_string()),
    }
}

/// A part of a reply that repeats a secret does so without it.
fn without_secrets(node: &mut Node, tools: &Tools, connection: &Connection) {
    match node {
        Node::Simple(text) | Node::Error(text) => *text = tools.scrubbed(text, connection),
        Node::Bulk(bytes) => {
            if let Some(clean) = tools.scrubbed_bytes(bytes, connection) {
                *bytes = clean;
            }
        }
        Node::Nil | Node::Integer(_) | Node::Array(_) => {}
    }
}

#[cfg(test)]
#[path = "late_tests.rs"]
mod tests;
