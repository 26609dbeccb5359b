//! What becomes of the commands of one call: sent, refused, or answered before they are.
//!
//! Pure. Flows in: the commands, and how large the collections are that some of them would be answered with whole. Flows out:
//! bytes to send, and one reply for each command. No argument says how much such a command yields, so that its size is
//! asked for first, in a round trip of its own that calls without such commands do not make. Between the two questions a
//! collection may grow; what it grows by in that moment is the bound.

use super::{
    Answer, COMMANDS_BYTES_MAX, COMMANDS_MAX, Command, Error, Info, Reply,
    allow::{self, Refusal},
    arguments::{ELEMENTS_MAX, is},
    resp::{Node, encode},
};

/// Begins the error that stands in place of a refused command's reply. Redis' own errors begin with such a word, too.
const REFUSED: &str = "DENIED";

/// Commands that are answered with all of a collection, and which one says how large it is.
const WHOLE: [(&str, &str); 4] = [
    ("HGETALL", "HLEN"),
    ("HKEYS", "HLEN"),
    ("HVALS", "HLEN"),
    ("SMEMBERS", "SCARD"),
];

/// Of a collection that is larger than what may be asked for at once.
const TOO_LARGE: &str = "it would answer with more than 1000 elements; HSCAN or SSCAN asks piece by piece";

/// What becomes of one command.
#[derive(Clone, Debug, PartialEq)]
enum Fate {
    Sent,
    Refused(Refusal),
    /// By what the server said about its collection.
    Answered(Reply),
}

/// A call.
#[derive(Clone, Debug)]
pub(super) struct Plan<'c> {
    commands: &'c [Command],
    /// One for each command.
    fates: Vec<Fate>,
}

/// What is sent at once.
#[derive(Debug, Default)]
pub(super) struct Wire<'c> {
    pub(super) bytes: Vec<u8>,
    /// One for each command.
    pub(super) names: Vec<&'c [u8]>,
}

impl<'c> Plan<'c> {
    /// Decides about each command; refuses a call that is too large.
    pub(super) fn of(commands: &'c [Command]) -> Result<Self, Error> {
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
        let fate = |command: &Command| allow::decide(command).map_or_else(Fate::Refused, |()| Fate::Sent);
        Ok(Self {
            commands,
            fates: commands.iter().map(fate).collect(),
        })
    }

    /// How large the collections are that would be answered whole.
    pub(super) fn questions(&self) -> Wire<'c> {
        let mut wire = Wire::default();
        for question in self.sent().filter_map(question) {
            encode(&question, &mut wire.bytes);
            wire.names.push(question[0]);
        }
        wire
    }

    /// Takes in the answers to [`Self::questions`].
    pub(super) fn heed(&mut self, sizes: Vec<Reply>) {
        let asked = self.commands.iter().zip(&mut self.fates);
        let asked = asked.filter(|(command, fate)| **fate == Fate::Sent && question(command).is_some());
        for ((command, fate), size) in asked.zip(sizes) {
            *fate = judged(command, size);
        }
    }

    /// What remains to be sent.
    pub(super) fn wire(&self) -> Wire<'c> {
        let mut wire = Wire::default();
        for command in self.sent() {
            encode(command, &mut wire.bytes);
            wire.names.push(command.first().map_or(&[], Vec::as_slice));
        }
        wire
    }

    fn sent(&self) -> impl Iterator<Item = &'c Command> {
        let all = self.commands.iter().zip(&self.fates);
        all.filter(|(_, fate)| **fate == Fate::Sent).map(|(command, _)| command)
    }

    /// The server's replies, and ours where a command was not sent.
    pub(super) fn answer(self, answered: Vec<Reply>, info: Info) -> Answer {
        let mut answered = answered.into_iter();
        let mut refused = Vec::new();
        let reply = |fate| match fate {
            Fate::Sent => answered.next().unwrap_or_default(),
            Fate::Answered(reply) => reply,
            Fate::Refused(refusal) => {
                let reply = vec![Node::Error(format!("{REFUSED} {refusal}"))];
                refused.push(refusal);
                reply
            }
        };
        Answer {
            replies: self.fates.into_iter().map(reply).collect(),
            info,
            refused,
        }
    }
}

/// Name and key of the command that says how large the answer to `command` would be.
fn question(command: &Command) -> Option<[&[u8]; 2]> {
    let [name, key] = &command[..] else { return None };
    let (_, size) = WHOLE.iter().find(|(whole, _)| is(name, whole))?;
    Some([size.as_bytes(), key])
}

/// An error is the command's own: the key holds something else, or the ACL keeps it. Whatever else is no size is none.
fn judged(command: &Command, size: Reply) -> Fate {
    match &size[..] {
        [Node::Integer(0..=ELEMENTS_MAX)] => Fate::Sent,
        [Node::Error(_)] => Fate::Answered(size),
        _ => Fate::Refused(allow::refusal(&[&command[0]], TOO_LARGE)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn command(text: &str) -> Command {
        text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    fn commands(texts: &[&str]) -> Vec<Command> {
        texts.iter().map(|text| command(text)).collect()
    }

    fn info() -> Info {
        Info {
            address: "127.0.0.1:6379".into(),
            latency: Duration::ZERO,
            details: Vec::new(),
        }
    }

    fn error_of(reply: &[Node]) -> &str {
        let [Node::Error(said)] = reply else {
            panic!("{reply:?}")
        };
        said
    }

    #[test]
    fn replies_stand_where_their_commands_stood() {
        let commands = commands(&["GET a", "DEL a", "LLEN q", "KEYS *"]);
        let plan = Plan::of(&commands).expect("within limits");
        let wire = plan.wire();
        assert_eq!(
            wire.bytes,
            b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$4\r\nLLEN\r\n$1\r\nq\r\n"
        );
        assert_eq!((wire.names.len(), plan.questions().names.len()), (2, 0));
        let answer = plan.answer(vec![vec![Node::Nil], vec![Node::Integer(3)]], info());
        assert_eq!(answer.replies[0], [Node::Nil]);
        assert_eq!(answer.replies[2], [Node::Integer(3)]);
        for (at, name) in [(1, "DENIED `DEL`"), (3, "DENIED `KEYS`")] {
            assert!(error_of(&answer.replies[at]).starts_with(name), "{:?}", answer.replies);
        }
        assert_eq!(answer.refused.len(), 2);
    }

    #[test]
    fn a_call_that_is_too_large_is_denied() {
        let many = vec![command("PING"); COMMANDS_MAX + 1];
        assert!(matches!(Plan::of(&many), Err(Error::Denied(_))));
        let long = [vec![b"GET".to_vec(), vec![b'x'; COMMANDS_BYTES_MAX]]];
        assert!(matches!(Plan::of(&long), Err(Error::Denied(_))));
    }

    #[test]
    fn the_limit_in_the_refusal_is_the_limit() {
        assert!(TOO_LARGE.contains(&format!(" {ELEMENTS_MAX} ")));
    }

    #[test]
    fn whatever_would_be_answered_whole_is_measured_first() {
        let commands = commands(&[
            "smembers a",
            "HGETALL b",
            "HKEYS c",
            "HVALS d",
            "HGET e f",
            "SMEMBERS g h",
        ]);
        let questions = Plan::of(&commands).expect("within limits").questions();
        assert_eq!(questions.names, [&b"SCARD"[..], b"HLEN", b"HLEN", b"HLEN"]);
        assert_eq!(
            String::from_utf8(questions.bytes).expect("text").replace("\r\n", " "),
            "*2 $5 SCARD $1 a *2 $4 HLEN $1 b *2 $4 HLEN $1 c *2 $4 HLEN $1 d "
        );
    }

    #[test]
    fn a_collection_that_is_too_large_or_that_nobody_can_measure_is_not_asked_for() {
        let commands = commands(&["SMEMBERS a", "LLEN q", "SMEMBERS b", "HGETALL c", "HVALS d"]);
        let mut plan = Plan::of(&commands).expect("within limits");
        plan.heed(vec![
            vec![Node::Integer(ELEMENTS_MAX)],
            vec![Node::Integer(ELEMENTS_MAX + 1)],
            vec![Node::Error("WRONGTYPE no hash".into())],
            vec![Node::Nil],
        ]);
        assert_eq!(plan.wire().names.len(), 2);
        let answer = plan.answer(vec![vec![Node::Array(0)], vec![Node::Integer(3)]], info());
        assert_eq!(answer.replies[..2], [vec![Node::Array(0)], vec![Node::Integer(3)]]);
        assert!(error_of(&answer.replies[2]).starts_with("DENIED `SMEMBERS` was not sent: it would answer with"));
        assert_eq!(error_of(&answer.replies[3]), "WRONGTYPE no hash");
        assert!(error_of(&answer.replies[4]).starts_with("DENIED `HVALS`"));
        assert_eq!(answer.refused.len(), 2);
    }
}
