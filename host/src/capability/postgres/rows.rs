//! The answer to a statement, gathered from messages, within bounds.
//!
//! Flows in: messages of the server, one after the other. Flows out: rows in text form, or what the server refused. Pure.

use std::{fmt, io};

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::{DataRowBody, ErrorResponseBody, Message, RowDescriptionBody};

use super::wire::Broken;

/// Most rows of one answer: a metric for each of ten thousand things is more than anybody looks at.
pub const ROWS_MAX: usize = 10_000;

/// Most bytes of rows of one answer; a value costs a guest about four times its size while it takes it apart.
pub const ROWS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Rows in PostgreSQL's text form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Their names, in order; they may repeat.
    pub columns: Vec<String>,
    /// `None` is NULL.
    pub values: Vec<Vec<Option<String>>>,
    /// There were more, beyond [`ROWS_MAX`] or [`ROWS_BYTES_MAX`].
    pub truncated: bool,
}

/// An error of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// SQLSTATE.
    pub(super) code: String,
    pub(super) message: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.code)
    }
}

impl Said {
    pub(super) fn of(body: &ErrorResponseBody) -> Self {
        let mut said = Self::default();
        let mut fields = body.fields();
        while let Ok(Some(field)) = fields.next() {
            let text = || String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'C' => said.code = text(),
                b'M' => said.message = text(),
                _ => {}
            }
        }
        said
    }
}

/// What was gathered so far.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) rows: Rows,
    /// The first one.
    pub(super) error: Option<Said>,
    /// Of the last `ReadyForQuery`: `I` idle, `T` in a transaction, `E` in a failed one.
    pub(super) status: u8,
    /// How often the server must say that it is ready.
    rounds: usize,
    /// It said so once: what follows is tidied up, and is no part of the answer.
    answered: bool,
    room: usize,
}

impl Gathered {
    /// Until the server was ready `rounds` times.
    pub(super) fn new(rounds: usize) -> Self {
        Self {
            rows: Rows::default(),
            error: None,
            status: 0,
            rounds,
            answered: false,
            room: ROWS_BYTES_MAX,
        }
    }

    /// Bytes that the next row may have.
    pub(super) const fn room(&self) -> usize {
        self.room
    }

    /// Whether there is nothing more to come.
    pub(super) const fn is_complete(&self) -> bool {
        self.rounds == 0
    }

    /// Takes in the next message.
    pub(super) fn heed(&mut self, message: &Message) -> Result<(), Broken> {
        match message {
            Message::RowDescription(_) | Message::DataRow(_) if self.answered => {}
            Message::RowDescription(body) => self.rows.columns = columns(body)?,
            Message::DataRow(body) => self.row(body)?,
            Message::ErrorResponse(body) => {
                self.error.get_or_insert_with(|| Said::of(body));
            }
            Message::ReadyForQuery(body) => {
                self.status = body.status();
                self.rounds = self.rounds.saturating_sub(1);
                self.answered = true;
            }
            Message::CopyInResponse(_) | Message::CopyOutResponse(_) => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the server began to copy").into());
            }
            _ => {}
        }
        Ok(())
    }

    fn row(&mut self, body: &DataRowBody) -> Result<(), Broken> {
        self.room = self.room.saturating_sub(body.buffer().len() + ROW_HEAD_BYTES);
        if self.rows.values.len() == ROWS_MAX {
            self.rows.truncated = true;
            return Ok(());
        }
        let text = |range: std::ops::Range<usize>| {
            let bytes = body.buffer().get(range).unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        let values = body.ranges().map(|range| Ok(range.map(text))).collect()?;
        self.rows.values.push(values);
        Ok(())
    }
}

/// Tag, length and number of columns of a row's message.
const ROW_HEAD_BYTES: usize = 7;

fn columns(body: &RowDescriptionBody) -> io::Result<Vec<String>> {
    body.fields().map(|field| Ok(field.name().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut as _, BytesMut};

    use super::*;

    fn message(tag: u8, body: &[u8]) -> Message {
        let mut wire = BytesMut::new();
        wire.put_u8(tag);
        wire.put_i32(i32::try_from(body.len() + 4).expect("short"));
        wire.put_slice(body);
        Message::parse(&mut wire).ok().flatten().expect("a message")
    }

    fn row(values: &[Option<&str>]) -> Message {
        let mut body = BytesMut::new();
        body.put_u16(u16::try_from(values.len()).expect("few"));
        for value in values {
            match value {
                None => body.put_i32(-1),
                Some(text) => {
                    body.put_i32(i32::try_from(text.len()).expect("short"));
                    body.put_slice(text.as_bytes());
                }
            }
        }
        message(b'D', &body)
    }

    fn gathered(messages: &[Message]) -> Gathered {
        let mut all = Gathered::new(1);
        messages
            .iter()
            .for_each(|message| all.heed(message).expect("understood"));
        all
    }

    #[test]
    fn values_are_text_and_null_is_none() {
        let described = message(b'T', b"\0\x01state\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0");
        let all = gathered(&[described, row(&[Some("idle")]), row(&[None]), message(b'Z', b"T")]);
        assert_eq!(all.rows.columns, ["state"]);
        assert_eq!(all.rows.values, [[Some("idle".to_owned())], [None]]);
        assert!(all.is_complete() && all.status == b'T' && !all.rows.truncated);
    }

    #[test]
    fn rows_beyond_the_limit_are_dropped_and_said_to_be() {
        let mut all = Gathered::new(1);
        for _ in 0..=ROWS_MAX {
            all.heed(&row(&[Some("x")])).expect("understood");
        }
        assert_eq!(all.rows.values.len(), ROWS_MAX);
        assert!(all.rows.truncated);
    }

    #[test]
    fn every_row_takes_from_the_room() {
        let all = gathered(&[row(&[Some("12345")]), row(&[])]);
        assert_eq!(all.room(), ROWS_BYTES_MAX - (7 + 4 + 5) - 7);
    }

    #[test]
    fn what_is_tidied_up_afterwards_is_no_part_of_the_answer() {
        let described = |name: &str| {
            let column = [
                &b"\0\x01"[..],
                name.as_bytes(),
                b"\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0",
            ];
            message(b'T', &column.concat())
        };
        let mut all = Gathered::new(2);
        for next in [
            described("state"),
            row(&[Some("idle")]),
            message(b'Z', b"T"),
            described("unlocked"),
            row(&[Some("")]),
            message(b'Z', b"I"),
        ] {
            all.heed(&next).expect("understood");
        }
        assert!(all.is_complete() && all.status == b'I');
        assert_eq!(all.rows.columns, ["state"]);
        assert_eq!(all.rows.values, [[Some("idle".to_owned())]]);
    }

    #[test]
    fn the_first_error_is_kept_with_its_code() {
        let first = message(b'E', b"SERROR\0C42P01\0Mrelation \"x\" does not exist\0\0");
        let second = message(b'E', b"C25P02\0Mtransaction is aborted\0\0");
        let said = gathered(&[first, second]).error.expect("an error");
        assert_eq!(
            (said.code.as_str(), said.message.as_str()),
            ("42P01", "relation \"x\" does not exist")
        );
    }
}
