//! How a call ended, in the host's words.
//!
//! Flows in: whatever stopped a guest — its own failure, a trap, a limit, a refusal, a panic of ours — and what the
//! store remembers. Flows out: a [`Failure`] with one reason of the closed set and a message for a person. Nothing is
//! retried here.

use std::{fmt::Write, future::Future, time::Duration};

use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::{
    guest::{Guest, Stopped},
    limits::{HOSTCALL_FUEL, Refused, TABLE_ELEMENTS_MAX},
    stdio,
};
use crate::{
    capability::log::clean,
    clock::Instant,
    outcome::{Denied, Failure, Reason},
    secret::Redactor,
    supervisor::Panic,
};

/// Longest message. It stands in logs, on the page and in notifications.
const MESSAGE_BYTES_MAX: usize = 2 * 1024;
/// Innermost functions named in the message of a trap.
const FRAMES_MAX: usize = 6;
/// Longest name of one; Rust's with their generics fill a screen.
const FRAME_CHARS_MAX: usize = 80;
/// How names of functions begin that stand between a plugin's mistake and the trap.
const RUNTIME: [&str; 8] = [
    "abort", "std::", "core::", "alloc::", "__rust", "rust_", "_rust", "dlmalloc",
];

/// How wasmtime says that host calls carried too much; the error has no public type.
const FUEL_EXHAUSTED: &str = "fuel allocated for hostcalls has been exhausted";
/// How wasmtime says that a component has too many parts; likewise.
const TOO_MANY_PARTS: &str = "resource limit exceeded";

/// How wasmtime says that the system gave it no memory to map; likewise.
const NO_ROOM: [&str; 2] = ["mmap failed", "failed to allocate"];

/// Why a call did not return.
#[derive(Debug)]
pub(super) enum Ended {
    /// An error out of wasmtime: a trap, a refusal of ours, a limit.
    Error(wasmtime::Error),
    /// The wall clock.
    Timeout(Duration),
}

/// Drives guest code under the wall clock. `wall` is what there was at the beginning, for the message.
pub(super) async fn within<T>(
    deadline: Instant,
    wall: Duration,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> Result<T, Ended> {
    match tokio::time::timeout_at(deadline, call).await {
        Ok(returned) => returned.map_err(Ended::Error),
        Err(_) => Err(Ended::Timeout(wall)),
    }
}

/// Who a message is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'p> {
    /// `check.NAME` or `receiver.NAME`; "" while loading.
    pub(super) table: &'p str,
    /// `checks.d/web.toml:12`; "" while loading.
    pub(super) location: &'p str,
    pub(super) redactor: &'p Redactor,
}

fn failure(reason: Reason, message: &str, redactor: &Redactor) -> Failure {
    Failure {
        reason,
        code: String::new(),
        message: clean(message, MESSAGE_BYTES_MAX, redactor),
        retryable: matches!(reason, Reason::Timeout | Reason::Host),
    }
}

/// A panic of ours. Nothing is left of the store to tell.
pub(super) fn host_failed(panic: &Panic, redactor: &Redactor) -> Failure {
    let message = format!("the host itself failed: {}; please report this", panic.message);
    failure(Reason::Host, &message, redactor)
}

/// Why a call did not return, for people.
pub(super) fn explain(ended: &Ended, guest: &Guest, place: Place<'_>) -> Failure {
    match ended {
        Ended::Timeout(wall) => {
            let message = format!(
                "did not end within its timeout of {wall:?} and was stopped{}",
                said(guest)
            );
            failure(Reason::Timeout, &message, place.redactor)
        }
        Ended::Error(error) => {
            let (reason, message) = explain_error(error, guest, place);
            failure(reason, &message, place.redactor)
        }
    }
}

/// In the order of what is certain: what this host decided, then what it remembers refusing, then what wasmtime says.
fn explain_error(error: &wasmtime::Error, guest: &Guest, place: Place<'_>) -> (Reason, String) {
    if let Some(stopped) = error.downcast_ref::<Stopped>() {
        return explain_stopped(stopped, guest, place);
    }
    if let Some(refused) = guest.limiter.refused() {
        let message = format!("{}{}{}", out_of(refused, guest), at(error), said(guest));
        return (Reason::Memory, message);
    }
    if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        let message = format!("the plugin called exit({code}) instead of returning{}", said(guest));
        return (Reason::Trap, message);
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        let trap = trap.to_string();
        let trap = trap.strip_prefix("wasm trap: ").unwrap_or(&trap);
        return (
            Reason::Trap,
            format!("the plugin trapped: {trap}{}{}", said(guest), at(error)),
        );
    }
    let chain = chain(error);
    if chain.contains(FUEL_EXHAUSTED) {
        let message = format!(
            "handed over more than {} MiB at once; report less: fewer series, or fewer labels on each{}",
            HOSTCALL_FUEL >> 20,
            at(error)
        );
        return (Reason::Output, message);
    }
    if chain.contains(TOO_MANY_PARTS) {
        return (Reason::Memory, format!("the component has too many parts: {chain}"));
    }
    if error.downcast_ref::<std::io::Error>().is_some() || NO_ROOM.iter().any(|words| chain.contains(words)) {
        return (Reason::Host, format!("the host could not start the run: {chain}"));
    }
    (
        Reason::Trap,
        format!("the plugin broke the contract: {chain}{}{}", said(guest), at(error)),
    )
}

fn explain_stopped(stopped: &Stopped, guest: &Guest, place: Place<'_>) -> (Reason, String) {
    match stopped {
        Stopped::Cpu => {
            let message = format!(
                "used its CPU budget of {:?} and was stopped; if it needs more, raise `limits = {{ cpu = \"…\" }}`{}",
                guest.cpu_budget(),
                said(guest)
            );
            (Reason::Cpu, message)
        }
        Stopped::Denied(denied) => (Reason::Denied, explain_denied(denied, place)),
        Stopped::NotInDescribe(interface) => {
            let message = format!("called `{interface}` while asked to describe itself, when only `log` may be called");
            (Reason::Denied, message)
        }
    }
}

fn explain_denied(denied: &Denied, place: Place<'_>) -> String {
    let Denied { capability, hint } = denied;
    let Place { table, location, .. } = place;
    let (line, more) = hint.split_once('\n').unwrap_or((hint, ""));
    let more = match more {
        "" => String::new(),
        more => format!(", {}", more.replace('\n', " ")),
    };
    let place = if location.is_empty() {
        String::new()
    } else {
        format!(" ({location})")
    };
    format!("called `{capability}`, which it was not granted; to allow it, add `{line}` to [{table}]{place}{more}")
}

fn out_of(refused: Refused, guest: &Guest) -> String {
    match refused {
        Refused::Memory { wanted } => format!(
            "wanted {} MiB of memory and may have {}; if it needs more, raise `limits = {{ memory = \"…\" }}`",
            wanted.div_ceil(1 << 20),
            guest.limiter.memory_max() >> 20
        ),
        Refused::Table { wanted } => {
            format!("wanted tables of {wanted} elements in all and may have {TABLE_ELEMENTS_MAX}")
        }
    }
}

/// The whole chain but the backtrace, outermost first, on one line.
fn chain(error: &wasmtime::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if cause.starts_with("error while executing at wasm backtrace") {
            continue;
        }
        let separator = if text.is_empty() { "" } else { ": " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{cause}");
    }
    text
}

/// What the guest wrote to standard error last.
fn said(guest: &Guest) -> String {
    let tail = stdio::lock(&guest.log).tail();
    if tail.is_empty() {
        tail
    } else {
        format!("; it said: {tail}")
    }
}

/// Where it was, innermost first, from the plugin's own code on: which functions of a language's runtime end a panic is
/// no news.
fn at(error: &wasmtime::Error) -> String {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else {
        return String::new();
    };
    let named = trace
        .frames()
        .iter()
        .filter_map(|frame| Some((frame, readable(frame.func_name()?))));
    let mut text = String::new();
    for (frame, name) in named.skip_while(|(_, name)| is_runtime(name)).take(FRAMES_MAX) {
        let separator = if text.is_empty() { "; at " } else { " ← " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{separator}{name}");
        let source = frame
            .symbols()
            .first()
            .and_then(|symbol| Some((symbol.file()?, symbol.line()?)));
        if let Some((file, line)) = source {
            let file = file.rsplit('/').next().unwrap_or(file);
            let _ = write!(text, " ({file}:{line})");
        }
    }
    text
}

/// A symbol as its author wrote it.
fn readable(symbol: &str) -> String {
    let demangled = format!("{:#}", rustc_demangle::demangle(symbol));
    demangled.chars().take(FRAME_CHARS_MAX).collect()
}

fn is_runtime(name: &str) -> bool {
    let name = name.trim_start_matches('<');
    RUNTIME.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_check_the_line_and_the_place() {
        let redactor = Redactor::default();
        let place = Place {
            table: "check.machine",
            location: "bellwether.toml:7",
            redactor: &redactor,
        };
        let denied = Denied {
            capability: "system",
            hint: "allow = [\"system\"]".into(),
        };
        assert_eq!(
            explain_denied(&denied, place),
            "called `system`, which it was not granted; to allow it, add `allow = [\"system\"]` to [check.machine] (bellwether.toml:7)"
        );
        let denied = Denied {
            capability: "http",
            hint: "connection = \"NAME\"\nand a table of its own:\n[connection.NAME]\nurl = \"https://HOST/\"".into(),
        };
        assert_eq!(
            explain_denied(&denied, place),
            "called `http`, which it was not granted; to allow it, add `connection = \"NAME\"` to [check.machine] \
             (bellwether.toml:7), and a table of its own: [connection.NAME] url = \"https://HOST/\""
        );
    }

    #[test]
    fn symbols_are_readable_and_the_runtime_is_told_from_the_plugin() {
        assert_eq!(readable("_ZN5trial7recurse17h2277f2b8b1d75b28E"), "trial::recurse");
        assert_eq!(readable("plain_c"), "plain_c");
        assert!(is_runtime("std::process::abort") && is_runtime("<alloc::vec::Vec<T> as X>::y"));
        assert!(!is_runtime("trial::recurse"));
    }
}
