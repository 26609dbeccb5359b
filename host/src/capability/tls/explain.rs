//! Why a handshake failed, in words that say what to do about it.

use std::io;

use rustls::{CertificateError, Error, pki_types::UnixTime};

use crate::clock::Timestamp;

/// Names of a certificate that are listed when it is for others.
const NAMES_MAX: usize = 5;

/// Of the error that a stream ended with.
pub(super) fn io(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(inner) => tls(inner),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the connection was closed during the TLS handshake".to_owned()
        }
        None => format!("the connection failed during the TLS handshake: {error}"),
    }
}

fn tls(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(reason) => certificate(reason),
        Error::InvalidMessage(_) => "the server does not speak TLS on this port".to_owned(),
        Error::AlertReceived(alert) => format!("the server refused the TLS handshake ({alert:?})"),
        Error::PeerIncompatible(reason) => format!("no common TLS version or cipher ({reason:?})"),
        other => format!("the TLS handshake failed: {other}"),
    }
}

fn certificate(reason: &CertificateError) -> String {
    match reason {
        CertificateError::Expired => "the certificate has expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => format!("the certificate expired at {}", at(*not_after)),
        CertificateError::NotValidYet => "the certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("the certificate is not valid before {}", at(*not_before))
        }
        CertificateError::UnknownIssuer => {
            "the certificate was issued by nobody we trust (an authority of your own is added with `tls.ca`, and the server \
             must send its intermediate certificates)"
                .to_owned()
        }
        CertificateError::BadSignature => {
            "the certificate's signature is wrong: it was altered, or issued by another authority than the one of the same \
             name that we trust"
                .to_owned()
        }
        CertificateError::NotValidForName => "the certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "the certificate is not for `{}` but for {}",
            expected.to_str(),
            listed(presented)
        ),
        other => format!("the certificate is refused: {other}"),
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "no name at all".to_owned();
    }
    let shown = names[..names.len().min(NAMES_MAX)].join(", ");
    let more = names.len().saturating_sub(NAMES_MAX);
    if more == 0 {
        shown
    } else {
        format!("{shown} and {more} more")
    }
}

fn at(time: UnixTime) -> Timestamp {
    Timestamp::from_seconds(time.as_secs())
}
