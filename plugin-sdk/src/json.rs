//! JSON of others, read within what a run has of memory and of time.
//!
//! Flows in: the bytes of an answer. Flows out: the document, or why it is not read. A tree takes up to a hundred times the bytes that
//! it is written in: a megabyte of empty tables would cost a run all of its memory, and with it the verdicts on everything else. So
//! one cheap pass adds up what the tree will take before any of it is made. A tree is to be freed before the next is read.

use std::{cell::Cell, fmt, time::Duration};

use serde::de::DeserializeOwned;

use crate::work::{Cost, Work};

/// What a run has unless the plugin describes that it needs more, and the configuration does not say less.
const RUN_BYTES: usize = 64 << 20;

/// Of that, for all but bodies and trees: the program, settings, a report of 4 MiB with its many small texts, and what is made of a
/// tree while it is judged.
const OTHERS_BYTES: usize = 16 << 20;

/// Most that one tree may take: half of what is left when no more than one body is held. The megabyte that the host keeps of a body
/// fits when it is a list of numbers or texts; it does not fit when it is nothing but small tables.
pub const TREE_BYTES_MAX: usize = 24 << 20;

/// Of a byte, to read it: the pass that adds up, the tree, and freeing it. Measured in the sandbox: 35 ns for the tree, where there is a
/// number for every second byte.
pub const READING: Cost = Cost::nanoseconds(60);

/// A value in the sandbox, wherever it stands.
const VALUE_BYTES: usize = 24;

/// A list that grows has room for this many at first, and then for twice as many again and again.
const LIST_LEAST: usize = 4;

/// A node of a table: 11 names of 12 bytes, 11 values, and what leads to other nodes.
const NODE_BYTES: usize = 480;

/// Members that a node has at least, when there is more than one.
const NODE_MEMBERS: usize = 5;

/// What the allocator adds to a text.
const TEXT_BYTES: usize = 16;

/// Lists and tables within each other that are read at all.
const DEPTH_MAX: usize = 128;

/// Why a document was not read.
#[derive(Debug)]
pub enum Unread {
    /// It would take more memory than is granted to any.
    TooLarge(usize),
    /// It would take so many bytes of memory, which are not left beside the other bodies of this run.
    NoRoom(usize),
    /// There is no time left in this run for so many bytes of JSON.
    NoTime(usize),
    /// It is not JSON, or not of the form that is looked for.
    Invalid(serde_json::Error),
}

impl Unread {
    /// Whether it says something about the document. Otherwise the run has no more to give, and nobody can tell.
    pub fn is_of_document(&self) -> bool {
        matches!(self, Self::TooLarge(_) | Self::Invalid(_))
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes) => write!(
                f,
                "its JSON would take {} MiB of memory to read, more than the {} MiB that any may take: it is made of very many small parts",
                mebibytes(*bytes),
                TREE_BYTES_MAX >> 20
            ),
            Self::NoRoom(bytes) => write!(
                f,
                "its JSON would take {} MiB of memory to read, which this run has not left beside its other answers",
                mebibytes(*bytes)
            ),
            Self::NoTime(bytes) => write!(f, "this run has no time left to read {bytes} bytes of JSON"),
            Self::Invalid(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Unread {}

const fn mebibytes(bytes: usize) -> usize {
    bytes.div_ceil(1 << 20)
}

/// What a tree may take beside bodies of so many bytes that are held at once.
pub const fn room_beside(held: usize) -> usize {
    let left = (RUN_BYTES - OTHERS_BYTES).saturating_sub(held);
    if left < TREE_BYTES_MAX { left } else { TREE_BYTES_MAX }
}

/// Reads a document, when the tree of it fits in `room` bytes, and reading it in what is left of `work`.
pub fn read<T: DeserializeOwned>(bytes: &[u8], room: usize, work: &Work) -> Result<T, Unread> {
    let read = work.perform(bytes.len(), READING, || {
        let takes = memory_of(bytes);
        match takes {
            _ if takes > TREE_BYTES_MAX => Err(Unread::TooLarge(takes)),
            _ if takes > room => Err(Unread::NoRoom(takes)),
            _ => serde_json::from_slice(bytes).map_err(Unread::Invalid),
        }
    });
    read.unwrap_or(Err(Unread::NoTime(bytes.len())))
}

/// What the documents of one run have in common: time, and the bodies they stand in.
#[derive(Clone, Debug)]
pub struct Reader {
    work: Work,
    held: Cell<usize>,
}

impl Reader {
    /// With so much time for reading and for whatever else is asked of [`work`](Self::work).
    pub fn new(most: Duration) -> Self {
        Self {
            work: Work::new(most),
            held: Cell::new(0),
        }
    }

    /// From now on bodies of so many bytes are held at once.
    pub fn hold(&self, bytes: usize) {
        self.held.set(bytes);
    }

    /// Of those, so many bytes are held no longer.
    pub fn release(&self, bytes: usize) {
        self.held.set(self.held.get().saturating_sub(bytes));
    }

    /// Time for what is done with documents.
    pub const fn work(&self) -> &Work {
        &self.work
    }

    /// As [`read`].
    pub fn read<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Unread> {
        read(bytes, room_beside(self.held.get()), &self.work)
    }
}

/// A list or a table that is not at its end.
#[derive(Clone, Copy)]
struct Open {
    table: bool,
    parts: usize,
    /// Nothing of the next part was seen yet.
    fresh: bool,
}

impl Open {
    fn takes(self) -> usize {
        match (self.parts, self.table) {
            (0, _) => 0,
            (members, true) => NODE_BYTES * (1 + members / NODE_MEMBERS),
            // While it grows, what it had before is still there.
            (items, false) => items.next_power_of_two().max(LIST_LEAST) * VALUE_BYTES * 3 / 2,
        }
    }
}

/// What the tree of a document takes in the sandbox, at least as much as it really does. Of what is no JSON, what is made of it before
/// that is noticed.
pub fn memory_of(bytes: &[u8]) -> usize {
    let mut open: Vec<Open> = Vec::new();
    let (mut takes, mut at) = (VALUE_BYTES, 0);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | b']' | b'}') {
            begin_part(&mut open);
        }
        match byte {
            b'"' => {
                let length = text_length(&bytes[at..]);
                takes += if length == 0 { 0 } else { length + TEXT_BYTES };
                at += length + 1;
            }
            b'[' | b'{' if open.len() == DEPTH_MAX => break,
            b'[' | b'{' => open.push(Open {
                table: byte == b'{',
                parts: 0,
                fresh: true,
            }),
            b',' => {
                if let Some(last) = open.last_mut() {
                    last.fresh = true;
                }
            }
            b']' | b'}' => takes += open.pop().map_or(0, Open::takes),
            _ => {}
        }
    }
    takes + open.into_iter().map(Open::takes).sum::<usize>()
}

fn begin_part(open: &mut [Open]) {
    if let Some(last) = open.last_mut().filter(|last| last.fresh) {
        last.parts += 1;
        last.fresh = false;
    }
}

/// Bytes up to the quote that ends the text.
fn text_length(rest: &[u8]) -> usize {
    let mut length = 0;
    while let Some(&byte) = rest.get(length) {
        match byte {
            b'"' => return length,
            b'\\' => length += 2,
            _ => length += 1,
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn work() -> Work {
        Work::new(Duration::from_secs(60))
    }

    fn list_of(part: &str, count: usize) -> String {
        format!("[{}]", vec![part; count].join(","))
    }

    #[test]
    fn a_megabyte_of_small_tables_is_not_made_into_a_tree() {
        let deep = format!("{}0{}", "{\"\":".repeat(100), "}".repeat(100));
        for evil in [
            list_of("{\"\":0}", 149_000),
            list_of("{\"a\":1}", 120_000),
            list_of(&deep, 1_700),
        ] {
            assert!(evil.len() <= 1 << 20, "{}", evil.len());
            let unread = read::<Value>(evil.as_bytes(), TREE_BYTES_MAX, &work()).expect_err("it is too large");
            assert!(
                matches!(unread, Unread::TooLarge(bytes) if bytes > 48 << 20),
                "{unread}"
            );
            assert!(unread.is_of_document());
        }
    }

    #[test]
    fn a_megabyte_of_numbers_or_texts_is_read_and_so_are_ordinary_tables() {
        let run =
            r#"{"info":{"run_id":"0123456789abcdef0123456789abcdef","status":"FINISHED","start_time":1767225600000}}"#;
        for fine in [
            list_of("0.123456789", 87_000),
            list_of("1", 500_000),
            list_of("\"some text\"", 87_000),
            list_of(run, 10_000),
        ] {
            assert!(fine.len() > 900_000, "{}", fine.len());
            let value: Value = read(fine.as_bytes(), TREE_BYTES_MAX, &work()).expect("it is read");
            assert!(value.is_array());
        }
    }

    #[test]
    fn what_other_bodies_leave_no_room_for_is_no_fault_of_the_document() {
        let text = list_of("1", 500_000);
        let beside = |held| read::<Value>(text.as_bytes(), room_beside(held), &work());
        assert!(beside(1 << 20).is_ok());
        let unread = beside(32 << 20).expect_err("there is no room");
        assert!(
            matches!(unread, Unread::NoRoom(_)) && !unread.is_of_document(),
            "{unread}"
        );
        let none = Work::new(Duration::ZERO);
        let unread = read::<Value>(text.as_bytes(), TREE_BYTES_MAX, &none).expect_err("there is no time");
        assert!(
            matches!(unread, Unread::NoTime(bytes) if bytes == text.len()),
            "{unread}"
        );
        assert!(
            read::<Value>(b"[1]", TREE_BYTES_MAX, &none).is_ok(),
            "little always fits"
        );
    }

    #[test]
    fn texts_are_passed_over_whatever_stands_in_them() {
        let plain = memory_of(br#"["abcdefgh"]"#);
        assert_eq!(memory_of(br#"["[[{{\",]"]"#), plain);
        assert_eq!(memory_of(b"[]"), VALUE_BYTES);
        assert_eq!(memory_of(b"{}"), VALUE_BYTES);
        assert_eq!(memory_of(b"[ ]"), VALUE_BYTES);
        assert!(memory_of(br#"{"a":[1]}"#) > memory_of(br#"{"a":[]}"#));
    }

    #[test]
    fn what_never_ends_is_added_up_as_far_as_it_would_be_read() {
        let deep = "[".repeat(500_000);
        assert!(memory_of(deep.as_bytes()) < 1 << 20);
        assert!(matches!(
            read::<Value>(deep.as_bytes(), TREE_BYTES_MAX, &work()),
            Err(Unread::Invalid(_))
        ));
        let open = format!("[{}", "{\"\":0},".repeat(149_000));
        assert!(matches!(
            read::<Value>(open.as_bytes(), TREE_BYTES_MAX, &work()),
            Err(Unread::TooLarge(_))
        ));
    }
}
