//! Servers that say what a test wants, byte by byte where it matters. Each lives until the test's process ends.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::support::certificates::{Certificates, certificates};

/// Gives each client to `talk`. What becomes of the client is its own affair, so errors end a talk and nothing else.
pub(crate) fn serve(talk: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    let talk = Arc::new(talk);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let talk = Arc::clone(&talk);
            thread::spawn(move || {
                // Or the kernel holds small writes back.
                let _ = client.set_nodelay(true).and_then(|()| talk(client));
            });
        }
    });
    address
}

/// The head of a request, once it is there.
pub(crate) fn hear(stream: &mut impl Read) -> std::io::Result<String> {
    let (mut heard, mut byte) = (Vec::new(), [0]);
    while !heard.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        heard.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&heard).into_owned())
}

pub(crate) fn say(stream: &mut impl Write, text: impl AsRef<[u8]>) -> std::io::Result<()> {
    stream.write_all(text.as_ref())?;
    stream.flush()
}

/// A whole answer, after which the connection ends.
pub(crate) fn ok(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// TLS as `localhost` and 127.0.0.1, from an authority in `dir` that nobody else knows.
pub(crate) struct Tls {
    pub(crate) files: Certificates,
    config: Arc<ServerConfig>,
}

impl Tls {
    pub(crate) fn new(dir: &Path) -> Self {
        let files = certificates(dir, &["localhost", "127.0.0.1"]);
        let chain = CertificateDer::pem_file_iter(&files.certificate)
            .expect("PEM")
            .collect::<Result<Vec<_>, _>>()
            .expect("certificates");
        let key = PrivateKeyDer::from_pem_file(&files.key).expect("a key");
        let config = config(chain, key);
        Self { files, config }
    }

    /// The stream inside; the handshake goes on with the first read or write.
    pub(crate) fn accept(&self, stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
        accept(&self.config, stream)
    }
}

pub(crate) fn accept(config: &Arc<ServerConfig>, stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    let session = ServerConnection::new(Arc::clone(config)).expect("a session");
    StreamOwned::new(session, stream)
}

pub(crate) fn config(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a pair");
    Arc::new(config)
}
