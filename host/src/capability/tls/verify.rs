//! Verifies a server's certificates as rustls does, and remembers what was shown, accepted or not.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// Certificates of one chain that are remembered. Real chains have two to four.
const CHAIN_MAX: usize = 10;

type Chain = Vec<CertificateDer<'static>>;

/// Of one handshake. Clones share what was seen.
#[derive(Clone)]
pub struct Witness {
    judge: Option<Arc<dyn ServerCertVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
    seen: Arc<Mutex<Chain>>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness")
            .field("judge", &self.judge)
            .finish_non_exhaustive()
    }
}

impl Witness {
    /// Without a judge every certificate is accepted; that the server has its key is proven all the same.
    pub(super) fn new(judge: Option<Arc<dyn ServerCertVerifier>>, provider: &CryptoProvider) -> Self {
        Self {
            judge,
            algorithms: provider.signature_verification_algorithms,
            seen: Arc::default(),
        }
    }

    /// What the server showed, leaf first; empty when it did not come to that.
    pub fn chain(&self) -> Chain {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, leaf: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) {
        let shown = std::iter::once(leaf).chain(rest).take(CHAIN_MAX);
        let chain = shown.map(|certificate| certificate.clone().into_owned()).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = chain;
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.remember(leaf, rest);
        match &self.judge {
            Some(judge) => judge.verify_server_cert(leaf, rest, name, ocsp, now),
            None if leaf.is_empty() => Err(CertificateError::BadEncoding.into()),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
