//! TLS from the outside.

use std::{io::Write as _, sync::Arc};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::*;
use crate::config::TlsFiles;

struct Pair {
    certificate: String,
    key: String,
}

fn pair() -> Pair {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    Pair {
        certificate: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
    }
}

/// A directory with a certificate and its key, and access that names them.
fn files(pair: &Pair) -> (tempfile::TempDir, Access, TlsFiles) {
    let dir = tempfile::tempdir().expect("a directory");
    let files = TlsFiles {
        certificate: dir.path().join("cert.pem"),
        key: dir.path().join("key.pem"),
    };
    write(&files, pair);
    (
        dir,
        Access {
            tls: Some(files.clone()),
            ..Access::default()
        },
        files,
    )
}

fn write(files: &TlsFiles, pair: &Pair) {
    std::fs::write(&files.certificate, &pair.certificate).expect("written");
    std::fs::write(&files.key, &pair.key).expect("written");
}

/// A client that trusts this certificate and no other.
fn trusting(
    host: &Host,
    pair: &Pair,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Result<Client, String> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).expect("a certificate");
    roots.add(certificate).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = StreamOwned::new(connection, client::tcp(host.address()));
    stream.flush().map_err(|error| error.to_string())?;
    while stream.conn.is_handshaking() {
        stream
            .conn
            .complete_io(&mut stream.sock)
            .map_err(|error| error.to_string())?;
    }
    Ok(Client::over(stream))
}

const BOTH: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12, &rustls::version::TLS13];

#[test]
fn tls_is_spoken_and_plain_http_is_not() {
    let pair = pair();
    let (_dir, access, _) = files(&pair);
    let host = Setup {
        access,
        ..Setup::default()
    }
    .start();
    assert_eq!(host.handle.scheme(), "https");
    for versions in [BOTH, &BOTH[..1]] {
        let mut client = trusting(&host, &pair, versions).expect("a handshake");
        assert_eq!(client.ask("GET", "/metrics", &[]).text(), board::TEXT);
    }
    let mut plain = host.connect();
    plain.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(!plain.drain().starts_with(b"HTTP"));
    host.wait_for("a failed handshake is counted", |host| {
        host.counted("bellwether_http_connections_closed_total", &["handshake"]) == 1.0
    });
}

#[test]
fn a_changed_certificate_is_taken_and_a_bad_one_is_not() {
    let (old, new) = (pair(), pair());
    let (_dir, access, files) = files(&old);
    let host = Setup {
        access,
        ..Setup::default()
    }
    .start();
    let mut kept = trusting(&host, &old, BOTH).expect("a handshake");

    std::fs::write(&files.certificate, "nothing").expect("written");
    host.wait_for("the bad file is named", |host| host.log().contains("no certificate in"));
    assert!(host.log().contains("the old one stays"), "{}", host.log());
    assert!(trusting(&host, &old, BOTH).is_ok());

    write(&files, &new);
    host.wait_for("the new certificate is announced", |host| {
        host.log().contains("new certificate from")
    });
    assert!(trusting(&host, &old, BOTH).is_err());
    assert!(trusting(&host, &new, BOTH).is_ok());
    assert_eq!(
        kept.ask("GET", "/health/live", &[]).status,
        200,
        "open connections go on"
    );
    assert_eq!(host.counted("bellwether_certificate_reloads_total", &["ok"]), 1.0);
    assert_eq!(host.counted("bellwether_certificate_reloads_total", &["refused"]), 1.0);
}

#[test]
fn a_reload_takes_the_certificate_at_once_and_can_turn_tls_on() {
    let pair = pair();
    let (_dir, access, _) = files(&pair);
    let host = host();
    assert_eq!(host.handle.scheme(), "http");
    host.handle.configure(&access).expect("configured");
    assert_eq!(host.handle.scheme(), "https");
    let mut client = trusting(&host, &pair, BOTH).expect("a handshake");
    assert_eq!(client.ask("GET", "/health/live", &[]).status, 200);
}
