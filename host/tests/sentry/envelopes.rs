//! What a server heard, as envelopes; and waiting until it has.

use std::time::Duration;

use serde_json::Value;

use crate::server::{Heard, Server};

/// How long anything here may take before the test is called failed. Generous: the machine is shared and noisy.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// An item of an envelope: its type, and its payload where that is JSON.
pub(crate) type Item = (String, Value);

/// Of one request.
pub(crate) fn items_of(heard: &Heard) -> Vec<Item> {
    let mut rest = heard.body.as_slice();
    let mut line = |length: Option<usize>| -> Option<Vec<u8>> {
        let end = length.or_else(|| rest.iter().position(|byte| *byte == b'\n'))?;
        let (line, after) = rest.split_at(end.min(rest.len()));
        rest = after.strip_prefix(b"\n").unwrap_or(after);
        Some(line.to_vec())
    };
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or(Value::Null);
    line(None).expect("headers of an envelope");
    let mut items = Vec::new();
    while let Some(head) = line(None).map(|head| json(&head)).filter(Value::is_object) {
        let length = head["length"].as_u64().expect("a length");
        let payload = line(usize::try_from(length).ok()).expect("a payload");
        items.push((head["type"].as_str().expect("a type").to_owned(), json(&payload)));
    }
    items
}

/// All that a server heard.
pub(crate) fn items(server: &Server) -> Vec<Item> {
    server.heard().iter().flat_map(items_of).collect()
}

/// The payloads of one type.
pub(crate) fn of_type(server: &Server, kind: &str) -> Vec<Value> {
    let all = items(server).into_iter();
    all.filter(|(own, _)| own == kind).map(|(_, payload)| payload).collect()
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
        if is_so() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("never: {what}");
}

/// Waits until a server heard so many items of a type, and gives them.
pub(crate) async fn heard(server: &Server, kind: &str, least: usize) -> Vec<Value> {
    until(&format!("{least} of {kind}"), || of_type(server, kind).len() >= least).await;
    of_type(server, kind)
}
