use std::{path::Path, time::Duration};

use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{clock::Clock, config::TlsFiles};

struct Pair {
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

fn pair(names: &[&str], days: std::ops::Range<i32>) -> Pair {
    made(names, days, |_| ())
}

fn made(names: &[&str], days: std::ops::Range<i32>, change: impl FnOnce(&mut rcgen::CertificateParams)) -> Pair {
    let common = names[0];
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut wanted = rcgen::CertificateParams::new(names).expect("names");
    // Authorities of one name that are not one would fail otherwise than those that nobody knows.
    wanted.distinguished_name = rcgen::DistinguishedName::new();
    wanted.distinguished_name.push(rcgen::DnType::CommonName, common);
    wanted.not_before = rcgen::date_time_ymd(days.start, 1, 1);
    wanted.not_after = rcgen::date_time_ymd(days.end, 1, 1);
    change(&mut wanted);
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = wanted.self_signed(&key).expect("a certificate");
    Pair { certificate, key }
}

fn valid() -> Pair {
    pair(&["localhost"], 2020..2100)
}

fn server(pair: &Pair, clients: Option<&Pair>) -> TlsAcceptor {
    let builder = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let mut roots = RootCertStore::empty();
            roots.add(client.certificate.der().clone()).expect("a root");
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let key = PrivateKeyDer::from_pem_slice(pair.key.serialize_pem().as_bytes()).expect("a key");
    let config = builder
        .with_single_cert(vec![pair.certificate.der().clone()], key)
        .expect("a pair");
    TlsAcceptor::from(Arc::new(config))
}

fn written(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("written");
    path
}

/// Both sides over a pipe; what the client has of it.
async fn shake(client: &TlsClient, acceptor: &TlsAcceptor, host: &str) -> Result<Session, HandshakeFailure> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let deadline = Clock::system().monotonic() + Duration::from_secs(20);
    let accepted = async {
        // In TLS 1.3 a refused client certificate shows in the first read only.
        let mut stream = acceptor.accept(far).await.map_err(|_| ())?;
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"!")
            .await
            .map_err(|_| ())?;
        Ok::<_, ()>(stream)
    };
    let (shaken, accepted) = tokio::join!(client.handshake(host, &[], near, deadline), accepted);
    let (_stream, session) = shaken?;
    accepted
        .map(|_| session)
        .map_err(|()| HandshakeError::Refused("by the server".to_owned()).into())
}

fn trusting(ca: PathBuf) -> TlsOptions {
    TlsOptions {
        ca: Some(ca),
        ca_only: true,
        ..TlsOptions::default()
    }
}

#[tokio::test]
async fn a_trusted_server_is_described() {
    let dir = tempfile::tempdir().expect("a directory");
    let pair = valid();
    let ca = written(dir.path(), "ca.pem", &pair.certificate.pem());
    let client = Trust::default().client(&trusting(ca)).expect("a client");
    let session = shake(&client, &server(&pair, None), "localhost").await.expect("shaken");
    assert_eq!(session.version, "TLS 1.3");
    assert!(
        session.cipher.starts_with("TLS_AES_") || session.cipher.starts_with("TLS_CHACHA20"),
        "{session:?}"
    );
    assert_eq!(session.chain[0].dns_names, ["localhost"]);
}

#[tokio::test]
async fn a_refused_certificate_is_shown_all_the_same_and_the_reason_said() {
    let dir = tempfile::tempdir().expect("a directory");
    let (good, old, other) = (
        valid(),
        pair(&["localhost"], 2019..2020),
        pair(&["other.test"], 2020..2100),
    );
    let authority = made(&["localhost"], 2020..2100, |wanted| {
        wanted.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    let for_clients = made(&["localhost"], 2020..2100, |wanted| {
        wanted.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    });
    for (shown, trusted, expected) in [
        (&good, &other, "issued by nobody we trust"),
        (&old, &old, "expired at 2020-01-01T00:00:00.000Z"),
        (&other, &other, "is not for `localhost` but for other.test: use"),
        (&authority, &authority, "is an authority's (`CA:TRUE`)"),
        (&for_clients, &for_clients, "is not meant for servers"),
    ] {
        let ca = written(dir.path(), "ca.pem", &trusted.certificate.pem());
        let client = Trust::default().client(&trusting(ca)).expect("a client");
        let failure = shake(&client, &server(shown, None), "localhost")
            .await
            .expect_err(expected);
        assert!(failure.to_string().contains(expected), "{failure}");
        let session = failure.session.expect("seen");
        assert_eq!(session.chain, [Certificate::of(shown.certificate.der())]);
    }
}

#[tokio::test]
async fn insecure_accepts_what_nobody_trusts_and_reports_it() {
    let pair = pair(&["other.test"], 2019..2020);
    let options = TlsOptions {
        insecure: true,
        ..TlsOptions::default()
    };
    let client = Trust::default().client(&options).expect("a client");
    let session = shake(&client, &server(&pair, None), "localhost").await.expect("shaken");
    assert_eq!(session.chain, [Certificate::of(pair.certificate.der())]);
}

#[tokio::test]
async fn the_configured_name_is_verified_instead_of_the_host() {
    let dir = tempfile::tempdir().expect("a directory");
    let pair = pair(&["inner.test"], 2020..2100);
    let ca = written(dir.path(), "ca.pem", &pair.certificate.pem());
    let options = TlsOptions {
        server_name: Some("inner.test".to_owned()),
        ..trusting(ca)
    };
    let client = Trust::default().client(&options).expect("a client");
    shake(&client, &server(&pair, None), "10.0.0.7").await.expect("shaken");
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_who_asks() {
    let dir = tempfile::tempdir().expect("a directory");
    let (pair, client) = (valid(), pair_of_client());
    let ca = written(dir.path(), "ca.pem", &pair.certificate.pem());
    let without = Trust::default().client(&trusting(ca.clone())).expect("a client");
    shake(&without, &server(&pair, Some(&client)), "localhost")
        .await
        .expect_err("refused");
    let options = TlsOptions {
        client: Some(TlsFiles {
            certificate: written(dir.path(), "client.pem", &client.certificate.pem()),
            key: written(dir.path(), "client.key", &client.key.serialize_pem()),
        }),
        ..trusting(ca)
    };
    let with = Trust::default().client(&options).expect("a client");
    shake(&with, &server(&pair, Some(&client)), "localhost")
        .await
        .expect("shaken");
}

fn pair_of_client() -> Pair {
    pair(&["client.test"], 2020..2100)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_times_out() {
    let options = TlsOptions {
        insecure: true,
        ..TlsOptions::default()
    };
    let client = Trust::default().client(&options).expect("a client");
    let (near, _far) = tokio::io::duplex(64 * 1024);
    let deadline = Clock::system().monotonic() + Duration::from_secs(1);
    let failure = client
        .handshake("localhost", &[], near, deadline)
        .await
        .expect_err("late");
    assert_eq!(failure, HandshakeError::Timeout.into());
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let pair = valid();
    let key = written(dir.path(), "key.pem", &pair.key.serialize_pem());
    let said = |options: &TlsOptions| Trust::default().client(options).expect_err("refused").to_string();
    assert!(said(&trusting(key.clone())).contains("key.pem holds no certificate"));
    assert!(said(&trusting(dir.path().join("absent.pem"))).contains("cannot read"));
    let mixed = TlsOptions {
        client: Some(TlsFiles {
            certificate: written(dir.path(), "cert.pem", &valid().certificate.pem()),
            key,
        }),
        ..TlsOptions {
            insecure: true,
            ..TlsOptions::default()
        }
    };
    let mixed = said(&mixed);
    assert!(
        mixed.contains("client certificate") && mixed.ends_with("the key does not belong to the certificate"),
        "{mixed}"
    );
}
