//! One connection to a Redis server, from dialling to a pipeline.
//!
//! Flows in: a connection of the configuration and encoded commands. Flows out: replies. Logging in, choosing the database
//! and saying who we are happen in one write; what answers is learnt from `HELLO`, which an ACL user may be refused
//! without harm. It decides nothing about commands.

use tokio::io::AsyncWriteExt as _;

use super::{
    Error, failed,
    plan::Wire,
    resp::{Broken, Budget, Node, Replies, encode, too_large},
    target::Target,
};
use crate::{
    capability::database::{
        Line, Tools, Unreachable,
        doing::{Doing, Step as At},
    },
    clock::Instant,
    config::Connection,
};

/// What the server's administrator sees in `CLIENT LIST`.
const CLIENT_NAME: &str = "bellwether";

/// What `HELLO` says that is worth passing on.
const DETAILS: [&str; 4] = ["server", "version", "mode", "role"];

/// To whom the server hung up on at its first word.
const TLS_HINT: &str = "if it speaks TLS at that port, the URL has to begin with `rediss://`";

/// Logged in, and with nothing outstanding.
#[derive(Debug)]
pub(super) struct Session {
    replies: Replies<Line>,
    /// In the middle of a reply.
    is_given_up: bool,
    /// Who answered.
    pub(super) address: String,
    /// Names and values of [`DETAILS`].
    pub(super) details: Vec<(String, String)>,
}

/// A command of the handshake and what its refusal means.
struct Step {
    command: Vec<String>,
    refused: Refused,
}

impl Step {
    fn name(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }
}

#[derive(Clone, Copy)]
enum Refused {
    Authentication,
    /// The database cannot be chosen.
    Database,
    /// It does not matter.
    Ignored,
    /// Nor does it here; the answer is what is known about the server.
    Details,
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
        let (mut line, address) = tools.dial(&target.place, connection, deadline, doing).await?;
        if let (true, Some(host)) = (target.tls, target.place.host()) {
            doing.begin(At::Encrypting(address.clone()));
            line = tools.encrypt(line, (host, &address), &connection.tls, deadline).await?;
        }
        doing.begin(At::LoggingIn(address.clone(), None));
        let mut session = Self {
            replies: Replies::new(line),
            is_given_up: false,
            address,
            details: Vec::new(),
        };
        let may_be_tls = !target.tls && target.place.host().is_some();
        session.greet(&steps(target, connection), may_be_tls, doing).await?;
        Ok(session)
    }

    /// `may_be_tls`: the other end may speak TLS, which was not asked for; such a server hangs up on what it cannot read.
    async fn greet(&mut self, steps: &[Step], may_be_tls: bool, doing: &Doing) -> Result<(), Error> {
        let mut wire = Vec::new();
        steps.iter().for_each(|step| encode(&step.command, &mut wire));
        self.send(&wire).await.map_err(|broken| failed(&broken, doing))?;
        let mut budget = Budget::default();
        for (step, place) in steps.iter().zip(1..) {
            doing.awaits(step.name().as_bytes(), place, steps.len());
            let reply = self.replies.next(&mut budget).await;
            let is_first = place == 1;
            let reply = reply.map_err(|broken| match failed(&broken, doing) {
                Error::Connect(said) if may_be_tls && is_first && broken.is_closed() => {
                    Error::Connect(format!("{said}; {TLS_HINT}"))
                }
                other => other,
            })?;
            if let Some(details) = heed(step, &reply, &self.address)? {
                self.details = details;
            }
        }
        Ok(())
    }

    async fn send(&mut self, wire: &[u8]) -> Result<(), Broken> {
        self.replies.stream.write_all(wire).await?;
        self.replies.stream.flush().await?;
        Ok(())
    }

    /// Writes all commands and reads as many replies. Where one is too large even to be passed over, the connection is given up and what
    /// was asked behind it is said to be too large as well: what came before is not lost.
    pub(super) async fn exchange(&mut self, wire: &Wire<'_>, doing: &Doing) -> Result<Vec<Vec<Node>>, Broken> {
        let count = wire.names.len();
        if let Some(first) = wire.names.first() {
            doing.awaits(first, 1, count);
        }
        self.send(&wire.bytes).await?;
        let mut budget = Budget::default();
        let mut replies = Vec::with_capacity(count);
        for (name, place) in wire.names.iter().zip(1..) {
            doing.awaits(name, place, count);
            match self.replies.next(&mut budget).await {
                Err(Broken::TooLarge) => {
                    self.is_given_up = true;
                    replies.resize_with(count, too_large);
                    break;
                }
                reply => replies.push(reply?),
            }
        }
        Ok(replies)
    }

    /// Whether what comes next will be an answer to what is asked next: before each pipeline, for what was late for the last one, or came
    /// with the log-in, would shift all answers by one.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.replies.is_quiet()
    }

    /// Whether another pipeline may follow.
    pub(super) fn is_clean(&self) -> bool {
        !self.is_given_up && self.replies.is_drained()
    }
}

fn steps(target: &Target, connection: &Connection) -> Vec<Step> {
    let step = |words: &[&str], refused| Step {
        command: words.iter().map(|word| (*word).to_owned()).collect(),
        refused,
    };
    let mut steps = Vec::new();
    let password = connection.password.as_ref().map(|password| password.expose());
    match (&connection.user, password) {
        (Some(user), password) => {
            steps.push(step(
                &["AUTH", user, password.unwrap_or_default()],
                Refused::Authentication,
            ));
        }
        (None, Some(password)) => steps.push(step(&["AUTH", password], Refused::Authentication)),
        (None, None) => {}
    }
    if target.database != 0 {
        steps.push(step(&["SELECT", &target.database.to_string()], Refused::Database));
    }
    steps.push(step(&["CLIENT", "SETNAME", CLIENT_NAME], Refused::Ignored));
    steps.push(step(&["HELLO", "2"], Refused::Details));
    steps
}

/// What the answer to a step means: what is known about the server now, nothing, or the end.
fn heed(step: &Step, reply: &[Node], address: &str) -> Result<Option<Vec<(String, String)>>, Error> {
    let Some(Node::Error(said)) = reply.first() else {
        return Ok(matches!(step.refused, Refused::Details).then(|| details(reply)));
    };
    // A server that is full, or that lets in only its own machine, answers whatever it was asked, and hangs up.
    if said.starts_with("DENIED") || said.contains("max number of clients") {
        return Err(Error::Connect(format!(
            "{address} took the connection and hung up: {said}"
        )));
    }
    match step.refused {
        Refused::Authentication => Err(Error::Authentication(format!(
            "{address} refused `AUTH`: {said}; are `user` and `password` of the connection those of an ACL user (`ACL LIST`)?"
        ))),
        _ if said.starts_with("NOAUTH") => Err(Error::Authentication(format!(
            "{address} asks for a password and the connection has none: {said}"
        ))),
        Refused::Database => {
            let database = step.command.last().map_or("", String::as_str);
            Err(Error::Connect(format!("{address} refused `SELECT {database}`: {said}")))
        }
        Refused::Ignored | Refused::Details => Ok(None),
    }
}

/// Names and values of a flat reply, as far as they are wanted.
fn details(reply: &[Node]) -> Vec<(String, String)> {
    let pairs = reply.get(1..).unwrap_or_default().chunks_exact(2);
    let wanted = pairs.filter_map(|pair| match pair {
        [Node::Bulk(name), Node::Bulk(value)] => {
            let name = DETAILS.iter().find(|known| known.as_bytes() == name)?;
            Some(((*name).to_owned(), String::from_utf8_lossy(value).into_owned()))
        }
        _ => None,
    });
    wanted.collect()
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
