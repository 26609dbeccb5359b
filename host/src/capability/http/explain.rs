//! hyper's errors in words that say what the server did.

use std::{error::Error as _, io};

use super::{
    message::{Error, Phase},
    wire::HEAD_BYTES_MAX,
};

/// Causes of one error that are told.
const CAUSES_MAX: usize = 4;

/// Of an exchange that ended in `phase`.
pub(super) fn hyper(error: &hyper::Error, phase: Phase) -> Error {
    if error.is_parse_too_large() {
        return Error::Limit(format!(
            "the head of the answer is larger than {} KiB",
            HEAD_BYTES_MAX / 1024
        ));
    }
    let what = if let Some(io) = find::<io::Error>(error) {
        match io.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                format!("the answer is broken, seen in {phase}: {io}")
            }
            io::ErrorKind::UnexpectedEof => format!("the server closed the connection during {phase}"),
            _ => format!("the connection failed during {phase}: {io}"),
        }
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        format!("the server closed the connection during {phase}")
    } else if error.is_parse() {
        format!("the answer is not HTTP: {}", chain(error))
    } else {
        format!("the exchange failed during {phase}: {}", chain(error))
    };
    Error::Protocol(what)
}

/// An error and its causes, without repeats.
pub(super) fn chain(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    for _ in 0..CAUSES_MAX {
        let Some(next) = cause else { break };
        let said = next.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = next.source();
    }
    text
}

fn find<T: std::error::Error + 'static>(error: &hyper::Error) -> Option<&T> {
    let mut cause = error.source();
    for _ in 0..CAUSES_MAX {
        let next = cause?;
        if let Some(found) = next.downcast_ref::<T>() {
            return Some(found);
        }
        cause = next.source();
    }
    None
}
