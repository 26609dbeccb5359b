//! A server on loopback that hears requests whole and answers each as a test wants.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Longest request that is heard: more than any forwarder sends.
const REQUEST_BYTES_MAX: usize = 16 << 20;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// `POST /v2/enqueue HTTP/1.1` and the headers, as they came.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut named = lines.filter(|(header, _)| header.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// `/v2/enqueue`.
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

/// What is said: a status, header lines, and a body. None: nothing, and the connection ends.
pub(crate) type Said = Option<(u16, &'static str, String)>;

/// See the module.
pub(crate) struct Server {
    port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Heard) -> Said + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let port = listener.local_addr().expect("bound").port();
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let kept = Arc::clone(&heard);
        #[expect(clippy::disallowed_methods, reason = "a test's own server, which ends with the test")]
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let Some(request) = hear(&mut client).await else {
                    continue;
                };
                let said = answer(&request);
                kept.lock().expect("no panic").push(request);
                if let Some(said) = said {
                    say(&mut client, said).await;
                }
            }
        });
        Self { port, heard, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("no panic").clone()
    }
}

async fn hear(client: &mut TcpStream) -> Option<Heard> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut heard = Heard {
                head,
                body: bytes.split_off(end + 4),
            };
            let length: usize = heard.header("content-length").unwrap_or("0").parse().ok()?;
            while heard.body.len() < length.min(REQUEST_BYTES_MAX) {
                if client.read_buf(&mut heard.body).await.ok()? == 0 {
                    return None;
                }
            }
            return Some(heard);
        }
        if client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

async fn say(client: &mut TcpStream, (status, headers, body): (u16, &str, String)) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Said\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
    // A client that has gone has heard enough.
    let _ = client.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await;
}
