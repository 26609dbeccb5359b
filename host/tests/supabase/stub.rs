//! A server that replays what only the hosted platform sends: statuses and headers from Supabase's documentation
//! (`guides/functions/error-codes`, `guides/functions/status-codes`, `guides/platform/http-status-codes`).
//!
//! Flows in: requests to `/functions/v1/NAME`. Flows out: the answer of that name in the table, and then the end of the
//! connection. It lives as long as the test.

use std::{
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

/// One documented answer, and the code and status that the plugin is to give it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) name: &'static str,
    status: u16,
    header: &'static str,
    /// Code and status.
    pub(crate) verdict: (&'static str, &'static str),
}

/// The function, or what is behind it, does not work.
const fn down(name: &'static str, status: u16, header: &'static str, code: &'static str) -> Answer {
    Answer {
        name,
        status,
        header,
        verdict: (code, "critical"),
    }
}

/// The check's own matter: nobody can tell how the function is.
const fn misconfigured(name: &'static str, header: &'static str, code: &'static str) -> Answer {
    Answer {
        verdict: (code, "unknown"),
        ..down(name, 401, header, code)
    }
}

/// In the order of the documents.
pub(crate) const HOSTED: [Answer; 20] = [
    down("threw", 500, "sb-error-code: EDGE_FUNCTION_ERROR", "function_error"),
    down("idle", 504, "sb-error-code: IDLE_TIMEOUT", "idle_timeout"),
    down("limit", 546, "sb-error-code: WORKER_RESOURCE_LIMIT", "resource_limit"),
    down("module", 500, "sb-error-code: WORKER_ERROR", "worker_error"),
    down("quiet", 200, "sb-error-code: WORKER_ERROR", "worker_error"),
    down(
        "status",
        500,
        "sb-error-code: INVALID_RESPONSE_STATUS_CODE",
        "invalid_response",
    ),
    misconfigured("keyless", "sb-error-code: UNAUTHORIZED_NO_AUTH_HEADER", "key_missing"),
    misconfigured("expired", "sb-error-code: UNAUTHORIZED_ASYMMETRIC_JWT", "token_invalid"),
    misconfigured("revoked", "sb-error-code: UNAUTHORIZED_LEGACY_JWT", "token_invalid"),
    misconfigured(
        "malformed",
        "sb-error-code: UNAUTHORIZED_INVALID_JWT_FORMAT",
        "token_malformed",
    ),
    misconfigured("refused", "x-nothing: 1", "unauthorized"),
    Answer {
        verdict: ("rate_limited", "warning"),
        ..down("recursive", 429, "sb-error-code: RATE_LIMIT_EXCEEDED", "rate_limited")
    },
    down("absent", 404, "sb-error-code: NOT_FOUND", "not_deployed"),
    down(
        "blobless",
        404,
        "sb-error-code: NOT_FOUND_FUNCTION_BLOB",
        "bundle_missing",
    ),
    down("unbooted", 503, "sb-error-code: BOOT_ERROR", "boot_error"),
    down(
        "unloaded",
        500,
        "sb-error-code: LOAD_FUNCTION_UNBUNDLING_ERROR",
        "load_failed",
    ),
    down("relay", 200, "x-relay-error: true", "relay_error"),
    down("restricted", 402, "x-nothing: 1", "service_restricted"),
    down("paused", 540, "x-nothing: 1", "project_paused"),
    down("gateway", 544, "x-nothing: 1", "gateway_timeout"),
];

/// More than any test sends; then it ends by itself.
const CONNECTIONS_MAX: usize = 200;

/// Listens on loopback.
#[derive(Debug)]
pub(crate) struct Stub {
    pub(crate) address: String,
}

impl Stub {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten().take(CONNECTIONS_MAX) {
                std::thread::spawn(move || serve(&stream));
            }
        });
        Self { address }
    }
}

/// One request, one answer. What cannot be read is answered with the end of the connection.
fn serve(mut stream: &TcpStream) {
    let Some(path) = read(stream) else { return };
    let name = path.rsplit('/').next().unwrap_or_default();
    let found = HOSTED.iter().find(|answer| answer.name == name);
    let (status, header) = found.map_or((404, "x-nothing: 1"), |answer| (answer.status, answer.header));
    let text = format!("HTTP/1.1 {status} Replayed\r\n{header}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(text.as_bytes());
}

/// The path of a request, of which the body was read too.
fn read(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
    first.split(' ').nth(1).map(str::to_owned)
}
