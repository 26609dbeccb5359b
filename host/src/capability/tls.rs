//! TLS towards targets: whom to trust, who we are, and what was learnt in the handshake.
//!
//! Flows in: a connection's `tls` and a byte stream. Flows out: an encrypted stream with the server's certificates, or an
//! error that has the certificates too: a verdict about an expired certificate must be able to show it. Sessions are
//! never resumed, since that would hide the certificates and make one probe's time incomparable with the next. It dials
//! nothing.

mod certificate;
mod explain;
mod pem;
mod verify;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    client::{Resumption, WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName},
    sign::{CertifiedKey, SingleCertAndKey},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout_at,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub use self::{certificate::Certificate, pem::PemError, verify::Witness};
use crate::{clock::Instant, config::TlsOptions};

/// ALPN of HTTP/2.
pub const H2: &[u8] = b"h2";
/// ALPN of HTTP/1.1.
pub const HTTP_1_1: &[u8] = b"http/1.1";

/// Why a connection's `tls` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of `ca` or `client`.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// A certificate in `ca` that cannot be a root.
    #[error("a certificate in {} cannot be trusted: {reason}", path.display())]
    Root {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The system has none, and no `ca` is set.
    #[error(
        "this system has no trusted certificates: install its `ca-certificates`, or set `tls.ca` of the connection"
    )]
    NoRoots,
    /// `client` does not work.
    #[error("the client certificate in {} cannot be used: {reason}", path.display())]
    Client {
        /// The certificate file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// rustls does not want this.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// What a handshake showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// `TLS 1.3`; "" when it was not agreed.
    pub version: String,
    /// IANA's name, such as `TLS_AES_128_GCM_SHA256`; "" when it was not agreed.
    pub cipher: String,
    /// What ALPN agreed on.
    pub alpn: Option<Vec<u8>>,
    /// Leaf first.
    pub chain: Vec<Certificate>,
}

/// Why there is no encrypted stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The certificate, the protocol or the stream.
    #[error("{0}")]
    Refused(String),
    /// The deadline passed.
    #[error("timed out during the TLS handshake")]
    Timeout,
}

/// A failed handshake, with what was learnt in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct HandshakeFailure {
    /// Why.
    pub error: HandshakeError,
    /// Present once the server showed its certificates.
    pub session: Option<Session>,
}

impl From<HandshakeError> for HandshakeFailure {
    fn from(error: HandshakeError) -> Self {
        Self { error, session: None }
    }
}

/// The roots that the system trusts, read once, when they are first needed. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    native: Arc<OnceLock<Native>>,
}

/// Almost every connection trusts these and nothing else, so their verifier is kept.
#[derive(Debug)]
struct Native {
    roots: Arc<RootCertStore>,
    verifier: Option<Arc<dyn ServerCertVerifier>>,
}

impl Native {
    fn read() -> Self {
        let mut roots = RootCertStore::empty();
        // Single files that cannot be read or understood make the system trust less, never more.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let roots = Arc::new(roots);
        Self {
            verifier: verifier(Arc::clone(&roots)).ok(),
            roots,
        }
    }
}

/// How a connection does TLS. Cheap to clone; made anew when its files may have changed.
#[derive(Clone, Debug)]
pub struct TlsClient {
    /// `None`: whatever is shown is accepted.
    verifier: Option<Arc<dyn ServerCertVerifier>>,
    identity: Option<Arc<SingleCertAndKey>>,
    server_name: Option<String>,
}

impl Trust {
    /// Prepares a connection's `tls`. Blocks on the disk when it names files, and the first time.
    pub fn client(&self, options: &TlsOptions) -> Result<TlsClient, TlsError> {
        Ok(TlsClient {
            verifier: self.verifier(options)?,
            identity: identity(options)?,
            server_name: options.server_name.clone(),
        })
    }

    fn verifier(&self, options: &TlsOptions) -> Result<Option<Arc<dyn ServerCertVerifier>>, TlsError> {
        if options.insecure {
            return Ok(None);
        }
        match &options.ca {
            None => self.native().verifier.clone().ok_or(TlsError::NoRoots).map(Some),
            Some(ca) => {
                let own = if options.ca_only {
                    RootCertStore::empty()
                } else {
                    RootCertStore::clone(&self.native().roots)
                };
                verifier(Arc::new(with_roots(own, ca)?)).map(Some)
            }
        }
    }

    fn native(&self) -> &Native {
        self.native.get_or_init(Native::read)
    }
}

fn with_roots(mut roots: RootCertStore, ca: &Path) -> Result<RootCertStore, TlsError> {
    for certificate in pem::certificates(ca)? {
        roots.add(certificate).map_err(|error| TlsError::Root {
            path: ca.to_owned(),
            reason: explain::file(&error),
        })?;
    }
    Ok(roots)
}

fn verifier(roots: Arc<RootCertStore>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    match WebPkiServerVerifier::builder_with_provider(roots, provider()).build() {
        Ok(verifier) => Ok(verifier),
        Err(rustls::client::VerifierBuilderError::NoRootAnchors) => Err(TlsError::NoRoots),
        Err(error) => Err(TlsError::Setup(error.to_string())),
    }
}

fn identity(options: &TlsOptions) -> Result<Option<Arc<SingleCertAndKey>>, TlsError> {
    let Some(files) = &options.client else { return Ok(None) };
    let chain = pem::certificates(&files.certificate)?;
    let key = pem::private_key(&files.key)?;
    let pair = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| TlsError::Client {
        path: files.certificate.clone(),
        reason: explain::file(&error),
    })?;
    Ok(Some(Arc::new(SingleCertAndKey::from(pair))))
}

/// The one provider; made once.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

impl TlsClient {
    /// A configuration for one handshake, and who saw the certificates in it.
    pub fn config(&self, alpn: &[&[u8]]) -> Result<(Arc<ClientConfig>, Witness), TlsError> {
        let witness = Witness::new(self.verifier.clone(), &provider());
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| TlsError::Setup(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(witness.clone()));
        let mut config = match &self.identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::<SingleCertAndKey>::clone(identity)),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Ok((Arc::new(config), witness))
    }

    /// Shakes hands as `host`'s client, or under the configured `server_name`.
    pub async fn handshake<S>(
        &self,
        host: &str,
        alpn: &[&[u8]],
        stream: S,
        deadline: Instant,
    ) -> Result<(TlsStream<S>, Session), HandshakeFailure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = self.name(host)?;
        let (config, witness) = self
            .config(alpn)
            .map_err(|error| HandshakeError::Refused(error.to_string()))?;
        match timeout_at(deadline, TlsConnector::from(config).connect(name, stream)).await {
            Ok(Ok(stream)) => {
                let session = session(&stream, &witness);
                Ok((stream, session))
            }
            Ok(Err(error)) => Err(failed(&witness, |shown| {
                HandshakeError::Refused(explain::io(&error, shown))
            })),
            Err(_) => Err(failed(&witness, |_| HandshakeError::Timeout)),
        }
    }

    fn name(&self, host: &str) -> Result<ServerName<'static>, HandshakeError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        ServerName::try_from(name.to_owned())
            .map_err(|_| HandshakeError::Refused(format!("`{name}` is no name that a certificate could be for")))
    }
}

fn failed(witness: &Witness, why: impl FnOnce(Option<&Certificate>) -> HandshakeError) -> HandshakeFailure {
    let chain = described(&witness.chain());
    let error = why(chain.first());
    let session = (!chain.is_empty()).then(|| Session {
        chain,
        ..Session::default()
    });
    HandshakeFailure { error, session }
}

fn session<S>(stream: &TlsStream<S>, witness: &Witness) -> Session {
    let (_, connection) = stream.get_ref();
    Session {
        version: connection.protocol_version().map(version).unwrap_or_default(),
        cipher: connection.negotiated_cipher_suite().map(cipher).unwrap_or_default(),
        alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
        chain: described(&witness.chain()),
    }
}

fn described(chain: &[CertificateDer<'_>]) -> Vec<Certificate> {
    chain.iter().map(|der| Certificate::of(der)).collect()
}

fn version(version: rustls::ProtocolVersion) -> String {
    match version {
        rustls::ProtocolVersion::TLSv1_3 => "TLS 1.3".to_owned(),
        rustls::ProtocolVersion::TLSv1_2 => "TLS 1.2".to_owned(),
        other => format!("{other:?}"),
    }
}

/// rustls marks suites of TLS 1.3 in their names; IANA does not.
fn cipher(suite: rustls::SupportedCipherSuite) -> String {
    let name = suite.suite().as_str().unwrap_or_default();
    match name.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
