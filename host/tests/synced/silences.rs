//! Silences that are set and ended while the host is watched, and what a later host knows of them.
//!
//! Flows in: what the host answered. Flows out: for each silence that was acknowledged and is not known any more, or otherwise than it was
//! acknowledged, a line. They match no alert: what a silence does is tested elsewhere.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::support::host::PATIENCE;

/// One as it was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    pub(crate) id: String,
    /// It was ended.
    pub(crate) is_over: bool,
}

/// Sets one; it is acknowledged when this returns.
pub(crate) fn set(host: SocketAddr, number: usize) -> Silence {
    let now = Timestamp::now();
    let body = json!({
        "matchers": [{ "name": "nobody", "value": format!("s{number}"), "isRegex": false, "isEqual": true }],
        "startsAt": now.to_string(),
        "endsAt": (now + 24.hours()).to_string(),
        "createdBy": "a test",
        "comment": format!("silence {number}"),
    });
    let answer = ask(host, "POST", "/api/v2/silences", &body.to_string());
    let id = answer["silenceID"].as_str().expect("an id").to_owned();
    Silence { id, is_over: false }
}

/// Ends one.
pub(crate) fn end(host: SocketAddr, silence: &Silence) -> Silence {
    ask(host, "DELETE", &format!("/api/v2/silence/{}", silence.id), "");
    Silence {
        is_over: true,
        ..silence.clone()
    }
}

/// A line for each of `acknowledged`, of which later ones overrule earlier ones, that the host does not know so; what is `pending` may or
/// may not be so.
pub(crate) fn lost(host: SocketAddr, acknowledged: &[Silence], pending: Option<&Silence>) -> Vec<String> {
    let all = ask(host, "GET", "/api/v2/silences", "");
    let all = all.as_array().expect("a list");
    let latest = acknowledged
        .iter()
        .enumerate()
        .filter(|(at, silence)| acknowledged[at + 1..].iter().all(|later| later.id != silence.id));
    let is_lost = |silence: &Silence| {
        let known = all.iter().find(|known| known["id"] == *silence.id);
        let state = known.map_or("unknown", |known| known["status"]["state"].as_str().unwrap_or_default());
        let is_pending = pending.is_some_and(|pending| pending.id == silence.id);
        let is_right = match state {
            "active" => !silence.is_over,
            "expired" => silence.is_over || is_pending,
            _ => false,
        };
        (!is_right).then(|| format!("{silence:?} was acknowledged and is {state}"))
    };
    latest.filter_map(|(_, silence)| is_lost(silence)).collect()
}

/// What it answers, which must be 200.
fn ask(host: SocketAddr, method: &str, path: &str, body: &str) -> Value {
    let mut stream = TcpStream::connect_timeout(&host, PATIENCE).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{method} {path}: {answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    serde_json::from_str(body).unwrap_or(Value::Null)
}
