//! Asks whatever its settings say, through the contract's client and through WASI's, and says what it saw, backwards: so
//! that nothing which is done to what a guest says can hide what it was shown.

use guests::{Failure, FailureKind, Status, http, report, verdict};
use serde_json::Value;
use wasip2::{
    http::{
        outgoing_handler,
        types::{ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme},
    },
    io::streams::StreamError,
};

/// How it ended, in a word, and what was seen of it.
struct Seen {
    word: String,
    text: String,
    /// Resolve, connect, TLS, processing, transfer, total; empty: not known.
    phases: Vec<Option<u64>>,
}

fn ended(word: &str, text: String) -> Seen {
    Seen {
        word: word.to_owned(),
        text,
        phases: Vec::new(),
    }
}

fn text(asked: &Value, name: &str) -> String {
    asked[name].as_str().unwrap_or_default().to_owned()
}

fn optional(asked: &Value, name: &str) -> Option<String> {
    asked[name].as_str().map(str::to_owned)
}

fn pairs(asked: &Value, name: &str) -> Vec<(String, String)> {
    let listed = asked[name].as_array().cloned().unwrap_or_default();
    let pair = |pair: Value| {
        (
            pair[0].as_str().unwrap_or_default().to_owned(),
            pair[1].as_str().unwrap_or_default().to_owned(),
        )
    };
    listed.into_iter().map(pair).collect()
}

fn shown(headers: &[(String, Vec<u8>)]) -> String {
    let line = |(name, value): &(String, Vec<u8>)| format!("{name}: {}\n", String::from_utf8_lossy(value));
    headers.iter().map(line).collect()
}

fn by_contract(asked: &Value) -> Seen {
    let number = |name: &str| asked[name].as_u64().unwrap_or_default();
    let headers = pairs(asked, "headers").into_iter();
    let request = http::Request {
        method: text(asked, "method"),
        connection: optional(asked, "slot"),
        url: text(asked, "url"),
        headers: headers.map(|(name, value)| (name, value.into_bytes())).collect(),
        body: text(asked, "body").into_bytes(),
        timeout_ms: None,
        max_redirects: number("redirects") as u8,
        max_body_bytes: asked["keep"].as_u64().map(|bytes| bytes as u32),
        fresh_connection: asked["fresh"].as_bool().unwrap_or(true),
        address_family: http::AddressFamily::Any,
        connect_to: optional(asked, "connect_to"),
        options: pairs(asked, "options"),
    };
    let (word, text, phases) = match http::send(&request) {
        Ok(seen) => {
            let body = String::from_utf8_lossy(&seen.body).into_owned();
            let text = format!(
                "{} {}\n{}\n{body}",
                seen.status,
                seen.url,
                shown(&seen.headers)
            );
            ("answered", text, seen.phases)
        }
        Err(failure) => {
            let (word, why) = match failure.error {
                http::Error::Denied(why) => ("denied", why),
                http::Error::Invalid(why) => ("invalid", why),
                http::Error::Resolve(why) => ("resolve", why),
                http::Error::Connect(why) => ("connect", why),
                http::Error::Tls(why) => ("tls", why),
                http::Error::Timeout(phase) => ("timeout", format!("{phase:?}")),
                http::Error::Protocol(why) => ("protocol", why),
                http::Error::Limit(why) | http::Error::Exhausted(why) => ("limit", why),
            };
            (word, format!("{why} at {}", failure.url), failure.phases)
        }
    };
    Seen {
        phases: vec![
            phases.resolve_ns,
            phases.connect_ns,
            phases.tls_ns,
            phases.processing_ns,
            phases.transfer_ns,
            Some(phases.total_ns),
        ],
        ..ended(word, text)
    }
}

fn by_wasi(asked: &Value) -> Seen {
    let request = match built(asked) {
        Ok(request) => request,
        Err(part) => return ended("interface", part.to_owned()),
    };
    let body = request.body().expect("the first time");
    match sent(request, body, text(asked, "body").as_bytes()) {
        Ok(text) => ended("answered", text),
        Err(ErrorCode::HttpRequestDenied) => ended("denied", String::new()),
        Err(ErrorCode::HttpRequestUriInvalid) => ended("invalid", String::new()),
        Err(code) => ended("failed", format!("{code:?}")),
    }
}

/// A request, or which of its parts the interface does not take.
fn built(asked: &Value) -> Result<OutgoingRequest, &'static str> {
    let headers = Fields::new();
    for (name, value) in pairs(asked, "headers") {
        headers.append(&name, value.as_bytes()).map_err(|_| "header")?;
    }
    let url = text(asked, "url");
    let (scheme, rest) = url.split_once("://").unwrap_or(("", &url));
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let request = OutgoingRequest::new(headers);
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let method = match text(asked, "method").as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "TRACE" => Method::Trace,
        other => Method::Other(other.to_owned()),
    };
    request.set_method(&method).map_err(|()| "method")?;
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    request.set_authority(Some(authority)).map_err(|()| "authority")?;
    request.set_path_with_query(Some(path)).map_err(|()| "path")?;
    Ok(request)
}

fn sent(request: OutgoingRequest, body: OutgoingBody, bytes: &[u8]) -> Result<String, ErrorCode> {
    // Taken in by the host once it is sent, so it must be small enough for that to wait for nobody.
    if !bytes.is_empty() {
        let stream = body.write().expect("the first time");
        stream.blocking_write_and_flush(bytes).expect("room");
    }
    OutgoingBody::finish(body, None)?;
    let answer = outgoing_handler::handle(request, None)?;
    answer.subscribe().block();
    let response = answer.get().expect("it is there").expect("the first time")?;
    let head = format!("{}\n{}\n", response.status(), shown(&response.headers().entries()));
    Ok(head + &read(&response))
}

fn read(response: &IncomingResponse) -> String {
    let body = response.consume().expect("the first time");
    let stream = body.stream().expect("the first time");
    let mut seen = Vec::new();
    let ended = loop {
        match stream.blocking_read(64 * 1024) {
            Ok(bytes) => seen.extend(bytes),
            Err(StreamError::Closed) => break String::new(),
            Err(StreamError::LastOperationFailed(error)) => break error.to_debug_string(),
        }
    };
    drop(stream);
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    let trailers = match trailers.get() {
        Some(Ok(Ok(Some(fields)))) => shown(&fields.entries()),
        Some(Ok(Ok(None))) => String::new(),
        other => format!("{other:?}"),
    };
    format!("{}{ended}{trailers}", String::from_utf8_lossy(&seen))
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

fn said(door: &str, number: usize, seen: &Seen) -> guests::Verdict {
    let phase = |span: &Option<u64>| span.map_or_else(String::new, |span| span.to_string());
    let phases: Vec<String> = seen.phases.iter().map(phase).collect();
    guests::Verdict {
        target: format!("{door} {number}"),
        details: vec![
            ("backwards".to_owned(), backwards(&format!("{:?}", seen.text))),
            ("phases".to_owned(), phases.join(" ")),
        ],
        ..verdict(Status::Ok, &seen.word)
    }
}

fn run(settings: String) -> Result<guests::Report, Failure> {
    let settings: Value = serde_json::from_str(&settings).expect("JSON");
    let mut made = report(Vec::new())?;
    made.verdicts.clear();
    let mut all = text(&settings, "last_words");
    for (number, asked) in settings["asked"].as_array().into_iter().flatten().enumerate() {
        let mut doors = vec![("contract", by_contract(asked))];
        // What WASI's client has no word for is not asked of it.
        let has_words = ["slot", "connect_to", "options"].iter().all(|name| asked[name].is_null());
        if has_words {
            doors.push(("wasi", by_wasi(asked)));
        }
        for (door, seen) in doors {
            all.push_str(&seen.text);
            made.verdicts.push(said(door, number, &seen));
        }
    }
    match text(&settings, "end").as_str() {
        "panic" => panic!("{all}"),
        "failure" => Err(Failure {
            kind: FailureKind::Target,
            code: String::new(),
            message: all,
            retryable: false,
        }),
        _ => Ok(made),
    }
}

guests::guest!(run, describe: || guests::Description {
    settings_schema: r#"{ "type": "object" }"#.to_owned(),
    ..guests::description()
});
