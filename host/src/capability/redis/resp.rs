//! The wire format of Redis, RESP2: commands to bytes, bytes to replies in preorder.
//!
//! Flows in: commands, and a stream to read from. Flows out: [`Node`]s, or why there are none. Nothing is allocated ahead of
//! what has arrived, since a length that a server states may be a lie; what has arrived is bounded by a [`Budget`]. The
//! reader is ours because the contract's replies are flat and bounded, while the parsers of client libraries build trees
//! of any size.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Most bytes of all replies to one call: a guest has 64 MiB unless it asks for more, and holds a reply several times over
/// while it takes it apart.
pub const REPLIES_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Most nodes of all replies to one call. Each costs about 50 bytes here and as many in the guest, however short it is.
pub const REPLIES_NODES_MAX: usize = 200_000;

/// Longest line: a status, an error, a number or a length. Redis' own errors are a few hundred bytes.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// A part of a reply. An array is followed by its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Nothing there.
    Nil,
    /// A number.
    Integer(i64),
    /// A status, such as `OK`.
    Simple(String),
    /// Bytes.
    Bulk(Vec<u8>),
    /// What the server refused, in its words.
    Error(String),
    /// How many elements follow.
    Array(u32),
}

/// Why replies cannot be read. The connection is of no use afterwards.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the answer is not Redis' protocol: {0}")]
    Malformed(&'static str),
    #[error("the replies are larger than {} MiB or have more than {REPLIES_NODES_MAX} parts, which is the most of one call", REPLIES_BYTES_MAX / 1024 / 1024)]
    TooLarge,
}

impl Broken {
    /// The other side closed or reset the connection.
    pub(super) fn is_closed(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match self {
            Self::Io(error) => matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
            ),
            Self::Malformed(_) | Self::TooLarge => false,
        }
    }
}

/// What may still be read for one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    bytes: usize,
    nodes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            bytes: REPLIES_BYTES_MAX,
            nodes: REPLIES_NODES_MAX,
        }
    }
}

impl Budget {
    fn take_bytes(&mut self, count: usize) -> Result<(), Broken> {
        self.bytes = self.bytes.checked_sub(count).ok_or(Broken::TooLarge)?;
        Ok(())
    }

    fn take_node(&mut self) -> Result<(), Broken> {
        self.nodes = self.nodes.checked_sub(1).ok_or(Broken::TooLarge)?;
        Ok(())
    }
}

/// Appends a command to what is to be written.
pub(super) fn encode<A: AsRef<[u8]>>(command: &[A], into: &mut Vec<u8>) {
    into.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
    for argument in command {
        let argument = argument.as_ref();
        into.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        into.extend_from_slice(argument);
        into.extend_from_slice(b"\r\n");
    }
}

/// Reads replies from a stream.
#[derive(Debug)]
pub(super) struct Replies<S> {
    pub(super) stream: S,
    buffer: BytesMut,
}

impl<S: AsyncRead + Unpin> Replies<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// Whether everything that arrived was read. Anything else means that the other side speaks out of turn.
    pub(super) fn is_drained(&self) -> bool {
        self.buffer.is_empty()
    }

    /// One whole reply.
    pub(super) async fn next(&mut self, budget: &mut Budget) -> Result<Vec<Node>, Broken> {
        let mut nodes = Vec::new();
        let mut pending = 1_usize;
        while pending > 0 {
            budget.take_node()?;
            let node = self.node(budget).await?;
            pending -= 1;
            if let Node::Array(length) = node {
                pending += length as usize;
            }
            if pending > budget.nodes {
                return Err(Broken::TooLarge);
            }
            nodes.push(node);
        }
        Ok(nodes)
    }

    async fn node(&mut self, budget: &mut Budget) -> Result<Node, Broken> {
        let line = self.line(budget).await?;
        let (kind, rest) = line.split_first().ok_or(Broken::Malformed("an empty line"))?;
        match kind {
            b'+' => Ok(Node::Simple(text(rest))),
            b'-' => Ok(Node::Error(text(rest))),
            b':' => Ok(Node::Integer(number(rest)?)),
            b'$' => match length(rest)? {
                None => Ok(Node::Nil),
                Some(length) => self.bulk(length, budget).await.map(Node::Bulk),
            },
            b'*' => match length(rest)? {
                None => Ok(Node::Nil),
                Some(length) => u32::try_from(length).map(Node::Array).map_err(|_| Broken::TooLarge),
            },
            _ => Err(Broken::Malformed("a reply of an unknown kind")),
        }
    }

    /// Up to CR LF, which is not part of it.
    async fn line(&mut self, budget: &mut Budget) -> Result<BytesMut, Broken> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let mut line = self.buffer.split_to(searched + at + 1);
                budget.take_bytes(line.len())?;
                if !line.ends_with(b"\r\n") {
                    return Err(Broken::Malformed("a line that does not end as lines do"));
                }
                line.truncate(line.len() - 2);
                return Ok(line);
            }
            searched = self.buffer.len();
            if searched > LINE_BYTES_MAX {
                return Err(Broken::Malformed("a line without an end"));
            }
            self.fill().await?;
        }
    }

    async fn bulk(&mut self, length: usize, budget: &mut Budget) -> Result<Vec<u8>, Broken> {
        budget.take_bytes(length.saturating_add(2))?;
        while self.buffer.len() < length + 2 {
            self.fill().await?;
        }
        let bytes = self.buffer.split_to(length).to_vec();
        if !self.buffer.starts_with(b"\r\n") {
            return Err(Broken::Malformed("a value longer than it was said to be"));
        }
        self.buffer.advance(2);
        Ok(bytes)
    }

    async fn fill(&mut self) -> Result<(), Broken> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection").into()),
            _ => Ok(()),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn number(bytes: &[u8]) -> Result<i64, Broken> {
    let parsed = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
    parsed.ok_or(Broken::Malformed("a number that is none"))
}

/// `None`: the null of old, `-1`.
fn length(bytes: &[u8]) -> Result<Option<usize>, Broken> {
    match number(bytes)? {
        -1 => Ok(None),
        stated => usize::try_from(stated)
            .map(Some)
            .map_err(|_| Broken::Malformed("a negative length")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Node>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let mut budget = Budget::default();
        let next = runtime.block_on(async { Replies::new(bytes).next(&mut budget).await });
        next.map_err(|broken| broken.to_string())
    }

    #[test]
    fn a_command_is_an_array_of_bulk_strings_whatever_bytes_it_has() {
        let mut wire = Vec::new();
        encode(&[&b"GET"[..], b"a\r\n\xff"], &mut wire);
        assert_eq!(wire, b"*2\r\n$3\r\nGET\r\n$4\r\na\r\n\xff\r\n");
    }

    #[test]
    fn nested_replies_come_in_preorder() {
        let nodes = read(b"*3\r\n:-7\r\n*2\r\n$-1\r\n*-1\r\n$3\r\na\nb\r\n").unwrap();
        let expected = [
            Node::Array(3),
            Node::Integer(-7),
            Node::Array(2),
            Node::Nil,
            Node::Nil,
            Node::Bulk(b"a\nb".to_vec()),
        ];
        assert_eq!(nodes, expected);
        assert_eq!(read(b"*0\r\n"), Ok(vec![Node::Array(0)]));
        assert_eq!(read(b"$0\r\n\r\n"), Ok(vec![Node::Bulk(Vec::new())]));
        assert_eq!(read(b"+OK\r\n"), Ok(vec![Node::Simple("OK".into())]));
        assert_eq!(read(b"-NOPERM no\r\n"), Ok(vec![Node::Error("NOPERM no".into())]));
    }

    #[test]
    fn lengths_that_lie_cost_nothing_and_are_refused() {
        for lie in [
            &b"*2147483647\r\n"[..],
            b"*9223372036854775807\r\n",
            b"$9223372036854775807\r\n",
            b"$8388608\r\n",
            b"*150000\r\n*150000\r\n",
        ] {
            assert!(read(lie).unwrap_err().contains("the most of one call"), "{lie:?}");
        }
    }

    #[test]
    fn what_is_not_the_protocol_is_said_to_be_so() {
        for odd in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"\r\n",
            b":12x\r\n",
            b"$-2\r\n",
            b"*-3\r\n",
            b"+OK\n",
            b"$1\r\nab\r\n",
        ] {
            assert!(read(odd).unwrap_err().contains("not Redis' protocol"), "{odd:?}");
        }
        assert!(read(&vec![b'+'; 1_000_000]).unwrap_err().contains("without an end"));
        assert!(read(b"$5\r\nab").unwrap_err().contains("closed"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn nearly_valid_bytes_neither(text in "[*$:+-]{1,2}[0-9]{0,3}(\r\n[*$:+-][0-9]{0,2}){0,8}\r\n") {
            let _ = read(text.as_bytes());
        }
    }
}
