//! How far a call to a database server has come, so that one that is out of time, or whose connection breaks, can say where.
//!
//! Flows in: each step as it begins. Flows out: words for a person, with the address as soon as it is known. It decides nothing.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Place;

/// Longest name of a command that is repeated: the longest real ones have about 30 characters.
const NAME_SHOWN_MAX: usize = 40;

/// What a call waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::capability) enum Step {
    /// The addresses of this name.
    Resolving(String),
    /// A connection to this place; of several addresses, the one that was tried last.
    Connecting(Place, Option<SocketAddr>),
    /// The handshake with who answers at this address.
    Encrypting(String),
    /// The greeting there, in as many commands as it takes.
    LoggingIn(String, Option<Command>),
    /// The first answer there, which a pooler gives when it has a server for us.
    Meeting(String),
    /// Answers from there.
    Asking(String, Option<Command>),
}

/// One of a pipeline, by what is answered first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::capability) struct Command {
    /// Without arguments, since those may be anything.
    name: Vec<u8>,
    /// From 1.
    place: usize,
    count: usize,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = &self.name[..self.name.len().min(NAME_SHOWN_MAX)];
        write!(f, "`{}`", short.to_ascii_uppercase().escape_ascii())?;
        if self.count > 1 {
            write!(f, ", command {} of {}", self.place, self.count)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolving(host) => write!(f, "looking up the addresses of {host}"),
            Self::Connecting(Place::Tcp { host, port }, tried) => {
                write!(f, "connecting to {host}, port {port}")?;
                match tried {
                    Some(tried) if tried.ip().to_string() != *host => write!(f, ", at {}", tried.ip()),
                    _ => Ok(()),
                }
            }
            Self::Connecting(Place::Unix(path), _) => write!(f, "connecting to {}", path.display()),
            Self::Encrypting(address) => write!(f, "agreeing on TLS with {address}, which may not speak it"),
            Self::LoggingIn(address, None) => write!(f, "logging in at {address}, which took the connection"),
            Self::LoggingIn(address, Some(command)) => {
                write!(f, "logging in at {address}, which took the connection, with {command}")
            }
            Self::Meeting(address) => write!(f, "waiting for the first answer of {address}, which has let us in"),
            Self::Asking(address, None) => write!(f, "waiting for {address} to answer the query"),
            Self::Asking(address, Some(command)) => write!(f, "waiting for {address} to answer {command}"),
        }
    }
}

/// The step of one call.
#[derive(Debug)]
pub(in crate::capability) struct Doing(Mutex<Step>);

impl Doing {
    pub(in crate::capability) fn new(place: &Place) -> Self {
        Self(Mutex::new(Step::Connecting(place.clone(), None)))
    }

    fn step(&self) -> MutexGuard<'_, Step> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::capability) fn begin(&self, step: Step) {
        *self.step() = step;
    }

    /// Within the step: the next answer is to this command. Called for each of thousands, so it makes room only once.
    pub(in crate::capability) fn awaits(&self, name: &[u8], place: usize, count: usize) {
        if let Step::LoggingIn(_, command) | Step::Asking(_, command) = &mut *self.step() {
            let command = command.get_or_insert_default();
            command.name.clear();
            command.name.extend_from_slice(&name[..name.len().min(NAME_SHOWN_MAX)]);
            (command.place, command.count) = (place, count);
        }
    }

    /// Whether there was a connection that the server took part in: encrypted, where it has to be.
    pub(in crate::capability) fn is_connected(&self) -> bool {
        matches!(*self.step(), Step::LoggingIn(..) | Step::Meeting(_) | Step::Asking(..))
    }

    /// For a person: `connecting to …`.
    pub(in crate::capability) fn words(&self) -> String {
        self.step().to_string()
    }

    /// For a person.
    pub(in crate::capability) fn out_of_time(&self) -> String {
        format!("no answer in time, while {}", self.step())
    }

    /// For a person, of a connection that was there.
    pub(in crate::capability) fn broke(&self, why: impl fmt::Display) -> String {
        format!("the connection broke while {}: {why}", self.step())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_told_with_its_address_and_its_command() {
        let tcp = || Place::Tcp {
            host: "db".to_owned(),
            port: 5432,
        };
        let doing = Doing::new(&tcp());
        assert_eq!(doing.words(), "connecting to db, port 5432");
        doing.begin(Step::Connecting(tcp(), "10.0.0.7:5432".parse().ok()));
        assert_eq!(
            doing.out_of_time(),
            "no answer in time, while connecting to db, port 5432, at 10.0.0.7"
        );
        doing.begin(Step::Connecting(Place::Unix("/run/x.sock".into()), None));
        assert_eq!(doing.words(), "connecting to /run/x.sock");
        doing.begin(Step::LoggingIn("10.0.0.7:6379".to_owned(), None));
        doing.awaits(b"auth", 1, 3);
        assert_eq!(
            doing.words(),
            "logging in at 10.0.0.7:6379, which took the connection, with `AUTH`, command 1 of 3"
        );
        doing.begin(Step::Asking("10.0.0.7:6379".to_owned(), None));
        doing.awaits(b"LLEN\x1b", 1, 1);
        assert_eq!(
            doing.broke("reset"),
            r"the connection broke while waiting for 10.0.0.7:6379 to answer `LLEN\x1b`: reset"
        );
        assert!(doing.is_connected());
    }
}
