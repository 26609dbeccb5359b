//! The wire format of Redis, RESP2: commands to bytes, bytes to replies in preorder.
//!
//! Flows in: commands, and a stream to read from. Flows out: [`Node`]s, or why there are none. Nothing is allocated ahead of
//! what has arrived, since a length that a server states may be a lie; what has arrived is bounded by a [`Budget`]. The
//! reader is ours because the contract's replies are flat and bounded, while the parsers of client libraries build trees
//! of any size.

use std::io;

use bytes::{Buf, BytesMut};
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Most bytes of all replies to one call: a guest has 64 MiB unless it asks for more, and holds a reply several times over
/// while it takes it apart.
pub const REPLIES_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Most nodes of all replies to one call. Each costs about 50 bytes here and as many in the guest, however short it is.
pub const REPLIES_NODES_MAX: usize = 200_000;

/// Some of those bytes and nodes are kept for short replies: one long value must not cost the lengths that were asked for
/// behind it.
const SHORT_RESERVE_BYTES: usize = 1024 * 1024;
const SHORT_RESERVE_NODES: usize = 20_000;

/// Up to here a reply is short.
const SHORT_BYTES_MAX: usize = 4 * 1024;
const SHORT_NODES_MAX: usize = 64;

/// Most bytes of one call that are read and thrown away, because a reply does not fit: half a second on a slow network card. Beyond
/// that the connection is given up instead.
const PASSED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How the error begins that stands for a reply which did not fit. Redis' own errors begin with a word in capitals as well.
const TOO_LARGE: &str = "TOOLARGE";

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
    #[error("the replies are larger than {} MiB or have more than {REPLIES_NODES_MAX} parts, which is the most of one call, and too large to be passed over", REPLIES_BYTES_MAX / 1024 / 1024)]
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
    passed: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            bytes: REPLIES_BYTES_MAX,
            nodes: REPLIES_NODES_MAX,
            passed: PASSED_BYTES_MAX,
        }
    }
}

impl Budget {
    /// Whether a reply fits that takes so much so far.
    const fn fits(&self, taken: Taken) -> bool {
        let is_short = taken.bytes <= SHORT_BYTES_MAX && taken.nodes <= SHORT_NODES_MAX;
        let (bytes, nodes) = if is_short {
            (0, 0)
        } else {
            (SHORT_RESERVE_BYTES, SHORT_RESERVE_NODES)
        };
        taken.bytes.saturating_add(bytes) <= self.bytes && taken.nodes.saturating_add(nodes) <= self.nodes
    }

    const fn spend(&mut self, taken: Taken) {
        self.bytes = self.bytes.saturating_sub(taken.bytes);
        self.nodes = self.nodes.saturating_sub(taken.nodes);
    }

    fn pass(&mut self, bytes: usize) -> Result<(), Broken> {
        self.passed = self.passed.checked_sub(bytes).ok_or(Broken::TooLarge)?;
        Ok(())
    }
}

/// What one reply takes.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    bytes: usize,
    nodes: usize,
}

/// What stands for a reply that does not fit.
pub(super) fn too_large() -> Vec<Node> {
    vec![Node::Error(format!(
        "{TOO_LARGE} the reply does not fit in what is left of the {} MiB and {REPLIES_NODES_MAX} parts of one call",
        REPLIES_BYTES_MAX / 1024 / 1024
    ))]
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

/// The shortest part of a reply, `:0` or `*0` with what ends a line.
const PART_BYTES_MIN: usize = 4;

/// A part of a reply as far as its line says it.
enum Head {
    Whole(Node),
    /// Bytes of the value that follows.
    Bulk(usize),
    /// Parts that follow.
    Array(usize),
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

    /// Whether nothing has come that nobody asked for, and the other side is still there, as far as is known without waiting.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.is_drained() && self.stream.read_buf(&mut self.buffer).now_or_never().is_none()
    }

    /// One whole reply. One that does not fit is read to its end, and an error stands for it.
    pub(super) async fn next(&mut self, budget: &mut Budget) -> Result<Vec<Node>, Broken> {
        let mut nodes = Some(Vec::new());
        let mut taken = Taken::default();
        let mut pending = 1_usize;
        while pending > 0 {
            let head = self.head(&mut taken).await?;
            taken.nodes += 1;
            pending -= 1;
            match head {
                Head::Array(length) => pending = pending.saturating_add(length),
                Head::Bulk(length) => taken.bytes = taken.bytes.saturating_add(length.saturating_add(2)),
                Head::Whole(_) => {}
            }
            // Each part that is still to come is a node and four bytes at least: a length that lies is seen through before anything arrives.
            let coming = Taken {
                bytes: taken.bytes.saturating_add(pending.saturating_mul(PART_BYTES_MIN)),
                nodes: taken.nodes.saturating_add(pending),
            };
            if nodes.is_some() && !budget.fits(coming) {
                nodes = None;
            }
            match (nodes.as_mut(), head) {
                (Some(nodes), Head::Whole(node)) => nodes.push(node),
                (Some(nodes), Head::Bulk(length)) => nodes.push(Node::Bulk(self.bulk(length).await?)),
                (Some(nodes), Head::Array(length)) => {
                    nodes.push(Node::Array(u32::try_from(length).map_err(|_| Broken::TooLarge)?));
                }
                (None, Head::Bulk(length)) => {
                    budget.pass(length.saturating_add(2))?;
                    self.pass(length).await?;
                }
                (None, Head::Whole(_) | Head::Array(_)) => budget.pass(PART_BYTES_MIN)?,
            }
            if nodes.is_none() && pending.saturating_mul(PART_BYTES_MIN) > budget.passed {
                return Err(Broken::TooLarge);
            }
        }
        match nodes {
            Some(nodes) => {
                budget.spend(taken);
                Ok(nodes)
            }
            None => Ok(too_large()),
        }
    }

    async fn head(&mut self, taken: &mut Taken) -> Result<Head, Broken> {
        let line = self.line().await?;
        taken.bytes = taken.bytes.saturating_add(line.len() + 2);
        let (kind, rest) = line.split_first().ok_or(Broken::Malformed("an empty line"))?;
        match kind {
            b'+' => Ok(Head::Whole(Node::Simple(text(rest)))),
            b'-' => Ok(Head::Whole(Node::Error(text(rest)))),
            b':' => Ok(Head::Whole(Node::Integer(number(rest)?))),
            b'$' => Ok(length(rest)?.map_or(Head::Whole(Node::Nil), Head::Bulk)),
            b'*' => Ok(length(rest)?.map_or(Head::Whole(Node::Nil), Head::Array)),
            _ => Err(Broken::Malformed("a reply of an unknown kind")),
        }
    }

    /// Up to CR LF, which is not part of it.
    async fn line(&mut self) -> Result<BytesMut, Broken> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let mut line = self.buffer.split_to(searched + at + 1);
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

    /// A value that fits.
    async fn bulk(&mut self, length: usize) -> Result<Vec<u8>, Broken> {
        while self.buffer.len() < length + 2 {
            self.fill().await?;
        }
        let bytes = self.buffer.split_to(length).to_vec();
        self.end_of_value().await?;
        Ok(bytes)
    }

    /// A value that does not.
    async fn pass(&mut self, length: usize) -> Result<(), Broken> {
        let mut left = length;
        loop {
            let here = left.min(self.buffer.len());
            self.buffer.advance(here);
            left -= here;
            if left == 0 {
                return self.end_of_value().await;
            }
            self.fill().await?;
        }
    }

    async fn end_of_value(&mut self) -> Result<(), Broken> {
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if !self.buffer.starts_with(b"\r\n") {
            return Err(Broken::Malformed("a value longer than it was said to be"));
        }
        self.buffer.advance(2);
        Ok(())
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
            b"$67108864\r\n",
            b"*15000000\r\n*15000000\r\n",
        ] {
            assert!(read(lie).unwrap_err().contains("the most of one call"), "{lie:?}");
        }
    }

    /// Replies to one call, one after the other.
    fn read_all(bytes: &[u8], count: usize) -> Vec<Vec<Node>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let (mut budget, mut replies, mut all) = (Budget::default(), Replies::new(bytes), Vec::new());
            for _ in 0..count {
                all.push(replies.next(&mut budget).await.expect("a reply"));
            }
            assert!(replies.is_drained());
            all
        })
    }

    fn value(bytes: usize) -> Vec<u8> {
        [format!("${bytes}\r\n").as_bytes(), &vec![b'x'; bytes], b"\r\n"].concat()
    }

    #[test]
    fn a_reply_that_does_not_fit_costs_itself_and_not_those_beside_it() {
        let numbers = b":7\r\n".repeat(500_000);
        let wire = [
            &b":1\r\n"[..],
            &value(9 << 20),
            b":2\r\n",
            b"*500000\r\n",
            &numbers,
            b"*2\r\n",
            &value(9 << 20),
            b":3\r\n",
            &value(6 << 20),
            &value(6 << 20),
            b":4\r\n",
        ]
        .concat();
        let all = read_all(&wire, 8);
        let shown: Vec<String> = all
            .iter()
            .map(|reply| match reply.as_slice() {
                [Node::Integer(number)] => number.to_string(),
                [Node::Error(said)] => said.split(' ').next().unwrap_or_default().to_owned(),
                [Node::Bulk(bytes)] => format!("{} bytes", bytes.len()),
                other => format!("{} nodes", other.len()),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "1",
                TOO_LARGE,
                "2",
                TOO_LARGE,
                TOO_LARGE,
                "6291456 bytes",
                TOO_LARGE,
                "4"
            ]
        );
    }

    #[test]
    fn many_short_replies_fit_behind_long_ones() {
        let long = value(1 << 20).repeat(10);
        let short = value(100).repeat(5_000);
        let all = read_all(&[long, short].concat(), 5_010);
        let refused = all.iter().filter(|reply| matches!(reply[0], Node::Error(_))).count();
        assert_eq!(
            refused, 4,
            "six of a megabyte and what they are told with leave the last for short ones"
        );
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
