//! Servers that say what a test wants, byte by byte where it matters.

use std::{future::Future, path::PathBuf};

use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::*;

/// What a server heard of one request.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// Request line and headers.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Heard {
    /// The value of a header, by its lower-case name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(super) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }
}

/// Reads one request; `None`: the other side is done.
pub(super) async fn hear<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Heard> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut heard = Heard {
        head: String::from_utf8_lossy(&bytes[..end]).into_owned(),
        body: bytes[end..].to_vec(),
    };
    let length = heard
        .header("content-length")
        .map_or(0, |length| length.parse().expect("a number"));
    while heard.body.len() < length {
        if stream.read_buf(&mut heard.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(heard)
}

/// Whether the other side is gone does not matter to a server.
pub(super) async fn say<S: AsyncWrite + Unpin>(stream: &mut S, text: impl AsRef<[u8]>) {
    let _ = stream.write_all(text.as_ref()).await;
    let _ = stream.flush().await;
}

/// A whole answer.
pub(super) fn ok(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// In chunks of this many bytes.
pub(super) fn chunked(headers: &str, body: &[u8], size: usize) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n{headers}\r\n").into_bytes();
    for chunk in body.chunks(size) {
        answer.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        answer.extend_from_slice(chunk);
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

pub(super) fn redirect(status: u16, to: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Moved\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

impl World {
    /// Each connection is given to `talk`. Returns the port.
    pub(super) async fn serve<F, T>(&self, talk: F) -> u16
    where
        F: Fn(TcpStream) -> T + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let port = listener.local_addr().expect("an address").port();
        let supervisor = self.supervisor.clone();
        drop(self.supervisor.spawn("server", async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Or the kernel holds small writes back for 40 ms of real time, which paused time knows nothing of.
                stream.set_nodelay(true).expect("set");
                drop(supervisor.spawn("talk", talk(stream)));
            }
        }));
        port
    }

    /// Answers each request with what `answer` makes of it, and keeps what was heard.
    pub(super) async fn answer<F>(&self, answer: F) -> (u16, Arc<Mutex<Vec<Heard>>>)
    where
        F: Fn(&Heard) -> Vec<u8> + Send + Sync + 'static,
    {
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let (ear, answer) = (Arc::clone(&heard), Arc::new(answer));
        let port = self.serve(move |mut stream| {
            let (ear, answer) = (Arc::clone(&ear), Arc::clone(&answer));
            async move {
                while let Some(request) = hear(&mut stream).await {
                    let said = answer(&request);
                    ear.lock().expect("not poisoned").push(request);
                    say(&mut stream, said).await;
                }
            }
        });
        (port.await, heard)
    }
}

/// A certificate for names, in a file that a connection can trust.
pub(super) struct Identity {
    dir: tempfile::TempDir,
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

impl Identity {
    pub(super) fn new(names: &[&str], until: i32) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut wanted = rcgen::CertificateParams::new(names).expect("names");
        wanted.not_before = rcgen::date_time_ymd(2020, 1, 1);
        wanted.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = wanted.self_signed(&key).expect("a certificate");
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("ca.pem"), certificate.pem()).expect("written");
        Self { dir, certificate, key }
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    pub(super) fn acceptor(&self, alpn: &[&[u8]]) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::from_pem_slice(self.key.serialize_pem().as_bytes()).expect("a key");
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], key)
            .expect("a pair");
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A connection that trusts this and nothing else.
    pub(super) fn at(&self, port: u16) -> Connection {
        let mut trusting = connection("target", &format!("https://target.test:{port}/"));
        trusting.tls.ca = Some(self.ca());
        trusting.tls.ca_only = true;
        trusting
    }
}
