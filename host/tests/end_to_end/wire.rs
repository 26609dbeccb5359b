//! HTTP as the servers of this suite speak it: one request on a connection, heard whole, and one answer.
//!
//! Each server is a thread that ends with the process of the test.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

/// How long a client may take over one request. None of them waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest request that is heard: more than any receiver is sent.
const BODY_BYTES_MAX: u64 = 16 << 20;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    /// All lines up to the empty one, as they came.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut named = lines.filter(|(header, _)| header.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim())
    }
}

/// An answer, whole. `headers` are lines that each end in `\r\n`.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Said\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// Serves from now on, and gives the port.
pub(crate) fn serve(say: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    let say = Arc::new(say);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let say = Arc::clone(&say);
            std::thread::spawn(move || {
                if let Some(request) = hear(&client) {
                    // A client that has gone has heard enough.
                    let _ = (&client).write_all(&say(&request));
                }
            });
        }
    });
    port
}

/// None: it went away, or sent what is no request.
fn hear(client: &TcpStream) -> Option<Request> {
    client.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let mut words = head.split(' ');
    let mut request = Request {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        body: Vec::new(),
        head,
    };
    let length: u64 = request
        .header("content-length")
        .map_or(Some(0), |length| length.parse().ok())?;
    assert!(length <= BODY_BYTES_MAX, "a request of {length} bytes");
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body).ok()?;
    request.body = body;
    Some(request)
}

/// Sends a request on to another port as it came, and gives the answer as it comes.
pub(crate) fn forwarded(request: &Request, port: u16) -> Vec<u8> {
    let mut upstream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    upstream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let head = request
        .head
        .trim_end()
        .lines()
        .filter(|line| !is_of_the_connection(line));
    let mut bytes = head.collect::<Vec<_>>().join("\r\n").into_bytes();
    bytes.extend_from_slice(b"\r\nconnection: close\r\n\r\n");
    bytes.extend_from_slice(&request.body);
    upstream.write_all(&bytes).expect("it listens");
    let mut said = Vec::new();
    upstream.read_to_end(&mut said).expect("it answers");
    said
}

fn is_of_the_connection(line: &str) -> bool {
    line.to_ascii_lowercase().starts_with("connection:")
}
