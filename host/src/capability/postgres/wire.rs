//! Messages of PostgreSQL's protocol over a stream, none larger than it may be.
//!
//! Flows in: encoded messages to send. Flows out: messages of the server. The format is `postgres-protocol`'s; what is ours
//! is to look at a message's stated length before making room for it.

use std::io;

use bytes::BytesMut;
use postgres_protocol::message::backend::{DATA_ROW_TAG, Header, Message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::capability::database::Line;

/// Largest message that holds no row: an error with its context, the description of 1,664 columns.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Why there is no next message. The connection is of no use afterwards.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("a message of {0} bytes is larger than any that is expected")]
    TooLarge(usize),
    /// A row that the caller has no room for.
    #[error("a row is larger than what may be kept")]
    RowTooLarge,
    /// The caller's time is up.
    #[error("timed out")]
    Late,
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
            Self::TooLarge(_) | Self::RowTooLarge | Self::Late => false,
        }
    }
}

/// A stream of messages.
#[derive(Debug)]
pub(super) struct Wire {
    line: Line,
    buffer: BytesMut,
}

impl Wire {
    pub(super) fn new(line: Line) -> Self {
        Self {
            line,
            buffer: BytesMut::new(),
        }
    }

    /// Whether everything that arrived was read.
    pub(super) fn is_drained(&self) -> bool {
        self.buffer.is_empty()
    }

    pub(super) async fn send(&mut self, messages: &[u8]) -> Result<(), Broken> {
        self.line.write_all(messages).await?;
        self.line.flush().await?;
        Ok(())
    }

    /// The next message. A row may have `row_bytes`.
    pub(super) async fn next(&mut self, row_bytes: usize) -> Result<Message, Broken> {
        loop {
            if let Some(header) = Header::parse(&self.buffer)? {
                fits(header, row_bytes)?;
                if let Some(message) = Message::parse(&mut self.buffer)? {
                    return Ok(message);
                }
            }
            if self.line.read_buf(&mut self.buffer).await? == 0 {
                let closed = io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection");
                return Err(closed.into());
            }
        }
    }
}

fn fits(header: Header, row_bytes: usize) -> Result<(), Broken> {
    let length = usize::try_from(header.len()).unwrap_or(usize::MAX);
    match header.tag() {
        DATA_ROW_TAG if length > row_bytes => Err(Broken::RowTooLarge),
        DATA_ROW_TAG => Ok(()),
        _ if length > MESSAGE_BYTES_MAX => Err(Broken::TooLarge(length)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `bytes`, sent by a server that hangs up then, are read as.
    fn read(bytes: &[u8], row_bytes: usize) -> Result<Message, Broken> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(bytes.len().max(1));
            theirs.write_all(bytes).await.expect("room");
            drop(theirs);
            Wire::new(Box::new(ours)).next(row_bytes).await
        })
    }

    #[test]
    fn a_stated_length_is_judged_before_room_is_made() {
        assert!(matches!(read(b"D\x7f\xff\xff\xff", 1000), Err(Broken::RowTooLarge)));
        assert!(matches!(read(b"E\x7f\xff\xff\xff", 1000), Err(Broken::TooLarge(_))));
        assert!(matches!(
            read(b"D\0\0\0\x0b\0\x01\0\0\0\x01x", 1000),
            Ok(Message::DataRow(_))
        ));
    }

    #[test]
    fn half_a_message_and_a_foreign_protocol_are_errors() {
        assert!(read(b"Z\0\0\0\x05", 0).is_err_and(|broken| broken.is_closed()));
        assert!(read(b"HTTP/1.1 400 Bad Request\r\n", 0).is_err());
        assert!(matches!(read(b"Z\0\0\0\x01I", 0), Err(Broken::Io(_))));
    }
}
