//! Why a handshake failed, in sentences that say what to do about it.
//!
//! Flows in: the error that a handshake ended with, and the certificate that the server showed. Flows out: words for
//! whoever is woken by them. What rustls says of itself is for programmers; the little of it that is left is spelled out.

use std::{fmt::Debug, io};

use rustls::{
    AlertDescription as Alert, CertificateError, Error, InconsistentKeys, PeerIncompatible, pki_types::UnixTime,
};

use super::Certificate;
use crate::clock::Timestamp;

/// Names of a certificate that are listed when it is for others.
const NAMES_MAX: usize = 5;
/// Letters of a name in a certificate, which whoever made it chose.
const NAME_LETTERS_MAX: usize = 100;
const SECONDS_OF_A_DAY: u64 = 24 * 60 * 60;

/// What the library that checks certificates calls what it cannot say in rustls' words, and what that means.
const OTHERS: [(&str, &str); 6] = [
    (
        "CaUsedAsEndEntity",
        "the certificate is an authority's (`CA:TRUE`), which no server may show as its own: have one issued for the server \
         and set `tls.ca` to the authority's, or make the server's anew with `CA:FALSE` and set `tls.ca` to it",
    ),
    (
        "EndEntityUsedAsCa",
        "the certificate was issued by one that is no authority (`CA:FALSE`): have it issued by an authority",
    ),
    (
        "UnsupportedCertVersion",
        "the certificate is of an old version of X.509, without names: have one of version 3 issued",
    ),
    (
        "NameConstraintViolation",
        "the authority that issued the certificate may not issue it for this name",
    ),
    (
        "PathLenConstraintViolated",
        "between the certificate and the authority stand more authorities than it allows",
    ),
    (
        "UnsupportedCriticalExtension",
        "the certificate has an extension that must be understood and is not known here",
    ),
];

/// Of the error that a stream ended with, and the server's own certificate as far as it came.
pub(super) fn io(error: &io::Error, shown: Option<&Certificate>) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match inner {
        Some(inner) => tls(inner, shown),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the connection was closed during the TLS handshake".to_owned()
        }
        None => format!("the connection failed during the TLS handshake: {error}"),
    }
}

/// Of a file of certificates or keys that cannot be used.
pub(super) fn file(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(reason) => certificate(reason, None),
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the key does not belong to the certificate".to_owned()
        }
        Error::General(why) => why.clone(),
        other => other.to_string(),
    }
}

fn tls(error: &Error, shown: Option<&Certificate>) -> String {
    match error {
        Error::InvalidCertificate(reason) => certificate(reason, shown),
        Error::InvalidMessage(_) => "the server does not speak TLS on this port".to_owned(),
        Error::AlertReceived(alert) => alerted(*alert),
        Error::PeerIncompatible(reason) => incompatible(reason),
        Error::PeerMisbehaved(how) => format!("the server breaks the rules of TLS: {}", spelled(how)),
        Error::NoCertificatesPresented => "the server shows no certificate".to_owned(),
        Error::NoApplicationProtocol => NO_PROTOCOL.to_owned(),
        Error::DecryptError => "the TLS handshake failed: what the server sends cannot be decrypted".to_owned(),
        Error::General(why) => format!("the TLS handshake failed: {why}"),
        other => format!("the TLS handshake failed: {}", spelled(other)),
    }
}

const NO_PROTOCOL: &str = "the server speaks none of the protocols that it was offered over TLS";

/// What a server says when it is the one to refuse.
fn alerted(alert: Alert) -> String {
    let why = match alert {
        Alert::HandshakeFailure => {
            "it has no version or cipher in common with us, or asks for a client certificate (`tls.client`)"
        }
        Alert::ProtocolVersion => "it speaks neither TLS 1.2 nor 1.3",
        Alert::InsufficientSecurity => "its ciphers are none of ours",
        Alert::CertificateRequired => "it asks for a client certificate: set `tls.client`",
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied => "it does not accept our client certificate, or misses one: see `tls.client`",
        Alert::CertificateExpired => "our client certificate (`tls.client`) has expired",
        Alert::CertificateRevoked => "our client certificate (`tls.client`) has been revoked",
        Alert::UnrecognisedName => "it has no certificate for the name it was asked for (`tls.server_name`)",
        Alert::NoApplicationProtocol => return NO_PROTOCOL.to_owned(),
        Alert::InternalError => "something went wrong on its side",
        other => return format!("the server refused the TLS handshake: {}", spelled(&other)),
    };
    format!("the server refused the TLS handshake: {why}")
}

fn incompatible(reason: &PeerIncompatible) -> String {
    match reason {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::Tls12NotOfferedOrEnabled => {
            "the server speaks only versions of TLS before 1.2, which nobody should trust any more".to_owned()
        }
        other => format!("the server and we have too little of TLS in common: {}", spelled(other)),
    }
}

fn certificate(reason: &CertificateError, shown: Option<&Certificate>) -> String {
    match reason {
        CertificateError::Expired => "the certificate has expired: it must be renewed on the server".to_owned(),
        CertificateError::ExpiredContext { time, not_after } => format!(
            "the certificate expired at {}, {} ago: it must be renewed on the server",
            at(*not_after),
            days(*not_after, *time)
        ),
        CertificateError::NotValidYet => {
            "the certificate is not valid yet: is the clock of this machine right?".to_owned()
        }
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "the certificate is not valid before {}, in {}: is the clock of this machine right?",
            at(*not_before),
            days(*time, *not_before)
        ),
        CertificateError::UnknownIssuer => unknown_issuer(shown),
        CertificateError::BadSignature => {
            "the certificate's signature is wrong: it was altered, or issued by another authority than the one of the same \
             name that we trust"
                .to_owned()
        }
        CertificateError::NotValidForName => another_name(None, shown),
        CertificateError::NotValidForNameContext { expected, .. } => another_name(Some(&expected.to_str()), shown),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "the certificate is not meant for servers: have one issued with the extended key usage `serverAuth`".to_owned()
        }
        CertificateError::Revoked => "the certificate has been revoked: it must be replaced on the server".to_owned(),
        CertificateError::BadEncoding => "the certificate cannot be read: it is damaged, or none".to_owned(),
        CertificateError::UnhandledCriticalExtension => {
            "the certificate has an extension that must be understood and is not known here".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the certificate is signed in a way that is not accepted, such as with SHA-1: have it issued anew".to_owned()
        }
        other => otherwise(other),
    }
}

/// The names come from the certificate: the library has them in the form of its own debugging.
fn another_name(expected: Option<&str>, shown: Option<&Certificate>) -> String {
    let expected = expected.unwrap_or("the name it was asked for");
    let names = shown.map_or_else(Vec::new, |shown| {
        shown
            .dns_names
            .iter()
            .chain(&shown.ip_addresses)
            .map(String::as_str)
            .collect()
    });
    if names.is_empty() {
        return format!(
            "the certificate is not for `{expected}`, and for no other name: it needs one as a subject alternative name"
        );
    }
    format!(
        "the certificate is not for `{expected}` but for {}: use a name of it in the URL, or set `tls.server_name`",
        listed(&names)
    )
}

fn unknown_issuer(shown: Option<&Certificate>) -> String {
    match shown {
        Some(shown) if !shown.issuer.is_empty() && shown.issuer == shown.subject => format!(
            "the certificate is issued by nobody we trust but by itself (`{}`): set `tls.ca` to a file with it",
            shortened(&shown.subject)
        ),
        Some(shown) if !shown.issuer.is_empty() => format!(
            "the certificate is issued by nobody we trust but by `{}`: set `tls.ca` to a file with the certificate of that \
             authority; if it is a public one, the server does not send its intermediate certificates",
            shortened(&shown.issuer)
        ),
        _ => {
            "the certificate is issued by nobody we trust: set `tls.ca` to a file with the certificate of its authority"
                .to_owned()
        }
    }
}

fn otherwise(reason: &CertificateError) -> String {
    let said = match reason {
        CertificateError::Other(inner) => inner.to_string(),
        other => format!("{other:?}"),
    };
    let known = OTHERS.iter().find(|(name, _)| said.contains(name));
    known.map_or_else(
        || format!("the certificate is refused: {}", spelled_text(&said)),
        |(_, words)| (*words).to_owned(),
    )
}

fn shortened(name: &str) -> String {
    let mut shown: String = name.chars().take(NAME_LETTERS_MAX).collect();
    if shown.len() < name.len() {
        shown.push('…');
    }
    shown
}

fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES_MAX).map(|name| shortened(name)).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Between two times, the later one second.
fn days(from: UnixTime, to: UnixTime) -> String {
    match to.as_secs().saturating_sub(from.as_secs()) / SECONDS_OF_A_DAY {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

fn at(time: UnixTime) -> Timestamp {
    Timestamp::from_seconds(time.as_secs())
}

fn spelled(named: &impl Debug) -> String {
    spelled_text(&format!("{named:?}"))
}

/// `NoCipherSuitesInCommon` as words.
fn spelled_text(named: &str) -> String {
    let mut words = String::with_capacity(named.len() + 8);
    let mut after_lower = false;
    for letter in named.chars() {
        if letter.is_uppercase() && after_lower {
            words.push(' ');
        }
        after_lower = letter.is_lowercase() || letter.is_ascii_digit();
        words.extend(letter.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{InvalidMessage, OtherError, PeerMisbehaved, pki_types::ServerName};

    use super::*;

    const DAY: u64 = SECONDS_OF_A_DAY;

    fn said(reason: CertificateError, shown: &Certificate) -> String {
        io(&io::Error::other(Error::InvalidCertificate(reason)), Some(shown))
    }

    fn other(name: &'static str) -> CertificateError {
        CertificateError::Other(OtherError(Arc::new(io::Error::other(name))))
    }

    fn unix(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
    }

    fn shop() -> Certificate {
        Certificate {
            subject: "CN=shop.test".to_owned(),
            issuer: "CN=Example CA,O=Example".to_owned(),
            dns_names: ["shop.test", "www.shop.test"].map(str::to_owned).to_vec(),
            ip_addresses: vec!["10.0.0.7".to_owned()],
            ..Certificate::default()
        }
    }

    fn not_valid_for(name: &'static str) -> CertificateError {
        CertificateError::NotValidForNameContext {
            expected: ServerName::try_from(name).expect("a name"),
            presented: vec!["DnsName(\"shop.test\")".to_owned()],
        }
    }

    #[test]
    fn times_are_said_with_how_far_they_are_away() {
        let expired = |time| CertificateError::ExpiredContext {
            time: unix(time),
            not_after: unix(0),
        };
        assert_eq!(
            said(expired(3 * DAY + 1), &shop()),
            "the certificate expired at 1970-01-01T00:00:00.000Z, 3 days ago: it must be renewed on the server"
        );
        assert!(said(expired(DAY), &shop()).contains(", 1 day ago"));
        assert!(said(expired(5), &shop()).contains(", less than a day ago"));
        let early = CertificateError::NotValidYetContext {
            time: unix(0),
            not_before: unix(2 * DAY),
        };
        assert_eq!(
            said(early, &shop()),
            "the certificate is not valid before 1970-01-03T00:00:00.000Z, in 2 days: is the clock of this machine right?"
        );
    }

    #[test]
    fn another_name_is_said_with_the_names_of_the_certificate() {
        assert_eq!(
            said(not_valid_for("example.test"), &shop()),
            "the certificate is not for `example.test` but for shop.test, www.shop.test, 10.0.0.7: use a name of it in the URL, \
             or set `tls.server_name`"
        );
        let nameless = Certificate::default();
        assert!(said(not_valid_for("example.test"), &nameless).contains("for no other name"));
        let many = Certificate {
            dns_names: (0..8).map(|number| format!("n{number}.test")).collect(),
            ..Certificate::default()
        };
        assert!(said(not_valid_for("example.test"), &many).contains("n4.test and 3 more: use"));
    }

    #[test]
    fn an_unknown_issuer_is_named_with_the_key_to_set() {
        let by_authority = said(CertificateError::UnknownIssuer, &shop());
        assert!(
            by_authority.contains("by `CN=Example CA,O=Example`: set `tls.ca`")
                && by_authority.contains("intermediate certificates"),
            "{by_authority}"
        );
        let endless = Certificate {
            issuer: "x".repeat(100_000),
            ..shop()
        };
        assert!(said(CertificateError::UnknownIssuer, &endless).len() < 500);
        let own = Certificate {
            issuer: "CN=shop.test".to_owned(),
            ..shop()
        };
        let by_itself = said(CertificateError::UnknownIssuer, &own);
        assert!(
            by_itself.contains("by itself (`CN=shop.test`): set `tls.ca` to a file with it"),
            "{by_itself}"
        );
    }

    #[test]
    fn what_rustls_has_no_word_for_is_said_too() {
        for (name, words) in OTHERS {
            assert_eq!(said(other(name), &shop()), words);
        }
        assert_eq!(
            said(other("MaximumPathDepthExceeded"), &shop()),
            "the certificate is refused: maximum path depth exceeded"
        );
    }

    #[test]
    fn no_sentence_is_one_for_programmers() {
        let wrapped = |error: Error| io(&io::Error::other(error), None);
        let mut sentences: Vec<String> = [
            CertificateError::BadEncoding,
            CertificateError::Revoked,
            CertificateError::UnknownIssuer,
            CertificateError::InvalidPurpose,
            CertificateError::UnhandledCriticalExtension,
            CertificateError::ApplicationVerificationFailure,
            CertificateError::UnknownRevocationStatus,
            other("MalformedExtensions"),
        ]
        .into_iter()
        .map(|reason| wrapped(Error::InvalidCertificate(reason)))
        .collect();
        sentences.extend(
            [
                Error::AlertReceived(Alert::HandshakeFailure),
                Error::AlertReceived(Alert::CertificateRequired),
                Error::AlertReceived(Alert::UnrecognisedName),
                Error::AlertReceived(Alert::DecodeError),
                Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
                Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
                Error::PeerMisbehaved(PeerMisbehaved::TooMuchEarlyDataReceived),
                Error::InvalidMessage(InvalidMessage::InvalidContentType),
                Error::NoCertificatesPresented,
                Error::HandshakeNotComplete,
            ]
            .map(wrapped),
        );
        for sentence in sentences {
            let prose = sentence.replace("`CA:TRUE`", "").replace("`serverAuth`", "");
            let is_name = |word: &str| {
                let mut letters = word.chars().skip_while(|letter| !letter.is_lowercase());
                letters.any(char::is_uppercase)
            };
            assert!(!prose.split(' ').any(is_name), "{sentence}");
            assert!(!prose.contains(['{', '(']) || prose.contains("(`tls."), "{sentence}");
        }
    }

    #[test]
    fn a_stream_that_ends_is_no_matter_of_certificates() {
        let ended = io(&io::ErrorKind::UnexpectedEof.into(), None);
        assert_eq!(ended, "the connection was closed during the TLS handshake");
        let reset = io(&io::ErrorKind::ConnectionReset.into(), None);
        assert!(reset.contains("failed during the TLS handshake"), "{reset}");
    }
}
