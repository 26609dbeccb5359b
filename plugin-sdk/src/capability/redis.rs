//! Read-only Redis over a granted connection. The host owns address, TLS, AUTH, Sentinel and Cluster.

pub use crate::bindings::bellwether::plugin::redis::{Error, Info, Node};
use crate::{Failure, capability::host::redis as host};

/// One reply as a tree; the contract has it flat, in preorder.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Nothing there.
    Nil,
    /// A whole number.
    Integer(i64),
    /// RESP3 only.
    Double(f64),
    /// RESP3 only.
    Boolean(bool),
    /// A status, such as `OK`.
    Simple(String),
    /// A value.
    Bulk(Vec<u8>),
    /// This command failed; others of the pipeline may not have.
    Error(String),
    /// A list or set.
    Array(Vec<Reply>),
    /// RESP3 only.
    Dictionary(Vec<(Reply, Reply)>),
}

impl Reply {
    /// The number in an integer reply, or in text that is one.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(value) => Some(*value),
            _ => self.text()?.parse().ok(),
        }
    }

    /// The reply did not fit in what one call may bring. By itself it may, in a call of its own.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::Error(message) if message.starts_with(TOO_LARGE))
    }

    /// The text of a value or status.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Simple(text) => Some(text),
            Self::Bulk(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Nil
            | Self::Integer(_)
            | Self::Double(_)
            | Self::Boolean(_)
            | Self::Error(_)
            | Self::Array(_)
            | Self::Dictionary(_) => None,
        }
    }
}

/// How an error begins that the host puts in place of a reply which did not fit beside the others of its call.
pub const TOO_LARGE: &str = "TOOLARGE";

/// Deepest nesting of a reply that is followed; no command that the host lets through comes near it.
const DEPTH_MAX: u32 = 16;

fn tree(nodes: &mut impl Iterator<Item = Node>, depth: u32) -> Option<Reply> {
    let node = nodes.next()?;
    if depth == DEPTH_MAX {
        return None;
    }
    Some(match node {
        Node::Nil => Reply::Nil,
        Node::Integer(value) => Reply::Integer(value),
        Node::Double(value) => Reply::Double(value),
        Node::Boolean(value) => Reply::Boolean(value),
        Node::Simple(text) => Reply::Simple(text),
        Node::Bulk(bytes) => Reply::Bulk(bytes),
        Node::Error(message) => Reply::Error(message),
        Node::Array(length) => Reply::Array((0..length).map(|_| tree(nodes, depth + 1)).collect::<Option<_>>()?),
        Node::Dictionary(length) => Reply::Dictionary(
            (0..length)
                .map(|_| Some((tree(nodes, depth + 1)?, tree(nodes, depth + 1)?)))
                .collect::<Option<_>>()?,
        ),
    })
}

/// A flat reply as a tree; an error for one that breaks off or is nested too deeply.
pub fn parse(nodes: Vec<Node>) -> Result<Reply, Error> {
    tree(&mut nodes.into_iter(), 0)
        .ok_or_else(|| Error::Protocol("the reply breaks off or is nested too deeply".into()))
}

/// Commands over the connection bound to `slot`, in one round trip. A command that fails is an error among the replies.
pub fn pipeline(slot: &str, commands: &[&[&str]]) -> Result<(Vec<Reply>, Info), Error> {
    let commands: Vec<Vec<Vec<u8>>> = commands
        .iter()
        .map(|words| words.iter().map(|word| word.as_bytes().to_vec()).collect())
        .collect();
    let (replies, info) = host::pipeline(slot, &commands)?;
    Ok((replies.into_iter().map(parse).collect::<Result<_, _>>()?, info))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(reason) => Self::denied(reason),
            Error::Authentication(reason) => Self::target(format_args!("refused to log in: {reason}")).permanent(),
            Error::Timeout => Self::target("no answer in time"),
            // The host says in whole words in which step it was, with which command, and what is wrong.
            Error::Connect(reason) | Error::Protocol(reason) => Self::target(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_reply_becomes_a_tree() {
        let nodes = vec![
            Node::Array(2),
            Node::Dictionary(1),
            Node::Simple("a".into()),
            Node::Integer(1),
            Node::Nil,
        ];
        let pair = (Reply::Simple("a".into()), Reply::Integer(1));
        assert_eq!(
            parse(nodes).ok(),
            Some(Reply::Array(vec![Reply::Dictionary(vec![pair]), Reply::Nil]))
        );
    }

    #[test]
    fn a_reply_that_breaks_off_or_nests_without_end_is_an_error() {
        assert!(parse(vec![Node::Array(2), Node::Nil]).is_err());
        assert!(parse(vec![Node::Array(1); 100]).is_err());
    }
}
