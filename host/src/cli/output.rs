//! What verbs print, and where: results on standard output, everything else on standard error. A closed pipe ends
//! quietly.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use super::Exit;

/// Help and version are results; everything else clap says is an error of usage.
pub(super) fn usage(error: &clap::Error) -> Exit {
    // Nothing is left to tell anyone when the terminal is gone.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Ok }
}

/// A result, as text.
pub(super) fn text(text: &str) -> Exit {
    bytes(text.as_bytes())
}

/// A result, as bytes.
pub(super) fn bytes(bytes: &[u8]) -> Exit {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Exit::Ok,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Ok,
        Err(error) => fail(
            Exit::Unreachable,
            &format!("standard output cannot be written: {error}"),
        ),
    }
}

/// A result, as one JSON object on several lines.
pub(super) fn json(value: &impl Serialize) -> Exit {
    match serde_json::to_string_pretty(value) {
        Ok(text) => bytes(format!("{text}\n").as_bytes()),
        Err(error) => fail(
            Exit::Internal,
            &format!("the answer cannot be written as JSON: {error}"),
        ),
    }
}

/// A line for the person at the terminal.
pub(super) fn note(text: &str) {
    // Nothing is left to tell anyone when the terminal is gone.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Says why and hands the exit code back.
pub(super) fn fail(exit: Exit, why: &str) -> Exit {
    note(&failure(why));
    exit
}

/// How it is said that something failed.
pub(super) fn failure(why: &str) -> String {
    format!("error: {why}")
}
