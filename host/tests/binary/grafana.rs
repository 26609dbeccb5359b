//! A running host as Grafana's data source: what Grafana asks is asked, and what it reads of the answers is there.
//!
//! Flows in: `tests/cases/grafana/requests.json`, whose head says where it is from and how it is to be read. Each request is made as its
//! Go client makes it: with POST and with GET where it may be either, and with an `Accept-Encoding` of gzip, as all Go clients.

use std::{
    io::Read as _,
    net::{SocketAddr, TcpStream},
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value};

use crate::{
    CRITICAL,
    host::{Answer, Place, exchange},
};

/// Cases in the file, so that none is passed over unseen.
const REQUESTS: usize = 27;

/// About the check that is always critical.
const RULES: &str = r#"
[[rule]]
alert = "MemoryUsed"
expr = "system_memory_usage_ratio > 0"
annotations.summary = "{{ $labels.check }} uses memory"
"#;

/// The panel's time range, in seconds.
const PANEL: u64 = 900;

fn recorded() -> Value {
    serde_json::from_str(include_str!("../cases/grafana/requests.json")).expect("JSON")
}

/// As Go's `url.Values` writes them, with the times filled in.
fn fields(fields: &Map<String, Value>, now: f64) -> String {
    let filled = |text: &str| match text {
        "$NOW" => now.to_string(),
        "$FROM" | "$START" => (now as u64 - PANEL).to_string(),
        "$END" => (now as u64).to_string(),
        other => other.to_owned(),
    };
    let escaped = |text: &str| -> String { url::form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pairs = fields.iter().map(|(name, value)| {
        let value = filled(value.as_str().expect("a text"));
        format!("{}={}", escaped(name), escaped(&value))
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn ask(host: SocketAddr, method: &str, path: &str, fields: &str, headers: &Map<String, Value>) -> Answer {
    let mut stream = TcpStream::connect(host).expect("connect");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("timeout");
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.as_str().expect("a text")))
        .collect();
    let common = format!("Host: {host}\r\n{headers}Connection: close\r\n");
    let head = match method {
        "POST" => format!(
            "POST {path} HTTP/1.1\r\n{common}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{fields}",
            fields.len()
        ),
        _ if fields.is_empty() => format!("{method} {path} HTTP/1.1\r\n{common}\r\n"),
        _ => format!("{method} {path}?{fields} HTTP/1.1\r\n{common}\r\n"),
    };
    exchange(&mut stream, &head)
}

fn is_gzip(answer: &Answer) -> bool {
    answer.head.to_ascii_lowercase().contains("content-encoding: gzip")
}

fn body(answer: &Answer) -> Value {
    let mut text = String::new();
    if is_gzip(answer) {
        let mut decoder = flate2::read::GzDecoder::new(&answer.bytes[..]);
        decoder.read_to_string(&mut text).expect("gzip");
    } else {
        text.clone_from(&answer.body);
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Where an answer is not as it is read; the file says how `reads` is meant.
fn amiss(reads: &Value, found: &Value, place: &str) -> Option<String> {
    let wrong = || Some(format!("{place} should be {reads} and is {found}"));
    match reads {
        Value::Object(members) => {
            let Some(object) = found.as_object() else {
                return wrong();
            };
            let named = members.iter().filter(|(name, _)| *name != "*");
            for (name, reads) in named {
                match object.get(name) {
                    None if reads == "-" => {}
                    None => return Some(format!("{place}.{name} is absent")),
                    Some(found) => {
                        if let Some(amiss) = amiss(reads, found, &format!("{place}.{name}")) {
                            return Some(amiss);
                        }
                    }
                }
            }
            let each = members.get("*")?;
            let others: Vec<_> = object.iter().filter(|(name, _)| !members.contains_key(*name)).collect();
            if others.is_empty() {
                return Some(format!("{place} has no other member"));
            }
            others
                .into_iter()
                .find_map(|(name, found)| amiss(each, found, &format!("{place}.{name}")))
        }
        Value::Array(elements) => {
            let Some(list) = found.as_array() else { return wrong() };
            match elements.as_slice() {
                [] => None,
                [each] if list.is_empty() => Some(format!("{place} is empty; it should hold {each}")),
                [each] => list.iter().find_map(|found| amiss(each, found, &format!("{place}[]"))),
                // A pair: `*` says that what follows stands for one place each.
                [_, pair @ ..] if pair.len() == list.len() => {
                    let mut both = pair.iter().zip(list);
                    both.find_map(|(reads, found)| amiss(reads, found, &format!("{place}[]")))
                }
                _ => wrong(),
            }
        }
        Value::String(kind) => {
            let text = found.as_str();
            let fits = match (kind.as_str(), text) {
                ("number", _) => found.is_number(),
                ("text", Some(_)) => true,
                ("decimal", Some(text)) => text.trim_start_matches('+').parse::<f64>().is_ok(),
                ("time", Some(text)) => text.parse::<jiff::Timestamp>().is_ok(),
                (exact, Some(text)) => exact.strip_prefix('=') == Some(text),
                _ => false,
            };
            if fits { None } else { wrong() }
        }
        _ => wrong(),
    }
}

#[test]
fn all_that_grafana_asks_is_answered_as_it_reads_it() {
    let place = Place::new(&format!("{CRITICAL}{RULES}"));
    let host = place.run();
    host.eventually("/api/v1/alerts", |body| body.contains("\"state\":\"firing\""));
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("a time")
        .as_secs_f64();
    let now = (now * 1_000.0).round() / 1_000.0;
    let recorded = recorded();
    let headers = recorded["headers"].as_object().expect("headers");
    let requests = recorded["requests"].as_array().expect("requests");
    assert_eq!(requests.len(), REQUESTS);
    let (mut wrong, mut compressed) = (Vec::new(), 0);
    for request in requests {
        let path = request["path"].as_str().expect("a path");
        let (methods, asked) = match request["form"].as_object() {
            Some(form) => (&["POST", "GET"][..], form),
            None => (&["GET"][..], request["get"].as_object().expect("fields")),
        };
        let fields = fields(asked, now);
        let mut say =
            |method: &str, what: String| wrong.push(format!("{}: {method} {path}?{fields}: {what}", request["when"]));
        // Whoever answered this with anything but these two would not be asked again.
        if request["post_refused"] == true {
            let answer = ask(host.address(), "POST", path, "", headers);
            if !matches!(answer.status, 405 | 400) {
                say("POST", answer.head);
            }
        }
        for method in methods {
            let answer = ask(host.address(), method, path, &fields, headers);
            compressed += usize::from(is_gzip(&answer));
            let status = request["status"].as_u64().unwrap_or(200);
            if u64::from(answer.status) != status {
                say(method, format!("{answer:?}"));
            } else if let Some(amiss) = amiss(&request["reads"], &body(&answer), "answer") {
                say(method, amiss);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compressed >= 5, "only {compressed} answers were compressed");
    host.stop();
}

#[test]
fn an_answer_that_grafana_could_not_read_is_noticed() {
    let reads: Value = serde_json::from_str(
        r#"{"data": {"result": [{"metric": {"*": "text"}, "value": ["*", "number", "decimal"]}], "features": "-"}}"#,
    )
    .expect("JSON");
    for (answer, is_good) in [
        (
            r#"{"data": {"result": [{"metric": {"a": "b"}, "value": [1.5, "+Inf"]}], "more": 1}}"#,
            true,
        ),
        (r#"{"data": {"result": []}}"#, false),
        (r#"{"data": {"result": [{"metric": {}, "value": [1.5, "1"]}]}}"#, false),
        (
            r#"{"data": {"result": [{"metric": {"a": "b"}, "value": [1.5, 1]}]}}"#,
            false,
        ),
        (
            r#"{"data": {"result": [{"metric": {"a": "b"}, "value": ["1.5", "1"]}]}}"#,
            false,
        ),
        (
            r#"{"data": {"result": [{"metric": {"a": "b"}, "value": [1.5, "1"]}], "features": {}}}"#,
            false,
        ),
        (r#"{"data": {}}"#, false),
    ] {
        let found = amiss(&reads, &serde_json::from_str(answer).expect("JSON"), "answer");
        assert_eq!(found.is_none(), is_good, "{answer}: {found:?}");
    }
}
