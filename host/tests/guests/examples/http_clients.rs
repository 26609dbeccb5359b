//! Asks what it was given, and what it was not, through the contract's client and through WASI's.

use guests::{Status, context, http, report, verdict};
use wasip2::{
    http::{
        outgoing_handler,
        types::{ErrorCode, Fields, OutgoingRequest, Scheme},
    },
    io::streams::StreamError,
};

fn by_contract(url: &str) -> String {
    let request = http::Request {
        method: "GET".to_owned(),
        connection: None,
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: None,
        max_redirects: 0,
        max_body_bytes: None,
        fresh_connection: true,
        address_family: http::AddressFamily::Any,
        connect_to: None,
        options: Vec::new(),
    };
    match http::send(&request) {
        Ok(response) => format!("{} {}", response.status, String::from_utf8_lossy(&response.body)),
        Err(failure) => format!("{:?}", failure.error),
    }
}

fn by_wasi(url: &str) -> String {
    match asked(url) {
        Ok(text) => text,
        Err(code) => format!("{code:?}"),
    }
}

fn asked(url: &str) -> Result<String, ErrorCode> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request.set_authority(Some(authority)).expect("an authority");
    request.set_path_with_query(Some(path)).expect("a path");
    let answer = outgoing_handler::handle(request, None)?;
    answer.subscribe().block();
    let response = answer.get().expect("ready").expect("once")?;
    let body = response.consume().expect("once");
    let stream = body.stream().expect("once");
    let mut text = format!("{} ", response.status());
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(bytes) => text.push_str(&String::from_utf8_lossy(&bytes)),
            Err(StreamError::Closed) => return Ok(text),
            Err(StreamError::LastOperationFailed(error)) => return Ok(error.to_debug_string()),
        }
    }
}

guests::guest!(|_| {
    let mut made = report(Vec::new())?;
    for given in context::connections() {
        for (what, url) in [
            ("granted", given.url.clone()),
            ("outside", format!("{}../admin", given.url)),
            ("hidden", format!("{}..%2fadmin", given.url)),
            ("elsewhere", "http://other.test/".to_owned()),
            ("metadata", "http://169.254.169.254/".to_owned()),
        ] {
            for (client, said) in [("contract", by_contract(&url)), ("wasi", by_wasi(&url))] {
                made.verdicts.push(guests::Verdict {
                    target: format!("{client} {what}"),
                    ..verdict(Status::Ok, &said)
                });
            }
        }
    }
    Ok(made)
});
