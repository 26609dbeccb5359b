//! Who may do what over the socket, and TLS.

use std::{net::TcpStream, sync::Arc, time::Instant};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use base64::Engine as _;

use crate::{
    host::{Answer, PATIENCE, Place, Running, exchange, request},
    obedient,
};

const READ: &str = "a-token-for-reading";
const PUSH: &str = "a-token-for-pushing";
const ADMIN: &str = "a-token-for-admins";

fn guarded() -> Place {
    Place::new(
        &(obedient("only", "say = 1", "")
            + "[access]\nread = \"${secret:READ}\"\npush = \"${secret:PUSH}\"\nadmin = \"${secret:ADMIN}\"\n"),
    )
}

fn run(place: &Place) -> Running {
    place.run_with(|command| {
        command.env("READ", READ).env("PUSH", PUSH).env("ADMIN", ADMIN);
    })
}

#[test]
fn tokens_open_what_their_scope_covers_and_nothing_else() {
    let place = guarded();
    let host = run(&place);
    host.eventually("/health/ready", |body| body.contains("\"ready\""));
    let presented = [
        None,
        Some("not-a-token-of-this-host"),
        Some(READ),
        Some(PUSH),
        Some(ADMIN),
    ];
    // A request, and the status for each of the above.
    let table = [
        ("GET", "/health/live", [200, 200, 200, 200, 200]),
        ("GET", "/health/ready", [200, 200, 200, 200, 200]),
        ("GET", "/metrics", [401, 401, 200, 403, 200]),
        ("GET", "/", [401, 401, 200, 403, 200]),
        ("GET", "/health/detailed", [401, 401, 200, 403, 200]),
        ("GET", "/api/v1/checks", [401, 401, 200, 403, 200]),
        ("GET", "/nowhere", [401, 401, 404, 403, 404]),
        ("POST", "/-/reload", [401, 401, 403, 403, 200]),
        ("POST", "/api/v1/checks/only/run", [401, 401, 403, 403, 200]),
        ("POST", "/api/v1/checks/nobody/run", [401, 401, 403, 403, 404]),
    ];
    for (method, path, wanted) in table {
        let status = |token: &Option<&str>| {
            let bearer = token.map(|token| format!("Bearer {token}"));
            let headers: Vec<_> = bearer.iter().map(|bearer| ("Authorization", bearer.as_str())).collect();
            request(host.address(), method, path, &headers).status
        };
        assert_eq!(presented.each_ref().map(status), wanted, "{method} {path}");
    }
    let basic = format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(format!("prometheus:{READ}"))
    );
    assert_eq!(
        request(host.address(), "GET", "/metrics", &[("Authorization", &basic)]).status,
        200
    );

    let stranger = host.get("/metrics");
    assert!(
        stranger.head.to_ascii_lowercase().contains("www-authenticate:"),
        "{stranger:?}"
    );
    let ready = host.get("/health/ready").body;
    assert!(!ready.contains("only"), "strangers learn no names: {ready}");
    let read = format!("Bearer {READ}");
    let deadline = Instant::now() + PATIENCE;
    for reason in ["no_token", "wrong_token", "scope"] {
        let counted = format!("bellwether_http_refused_total{{reason=\"{reason}\"}}");
        while !request(host.address(), "GET", "/metrics", &[("Authorization", &read)])
            .body
            .contains(&counted)
        {
            assert!(Instant::now() < deadline, "{counted}");
        }
    }
    host.stop();
}

#[test]
fn a_rotated_token_is_taken_over_by_a_reload() {
    let place = Place::new("[access]\nread = \"a-token-of-yesterday\"\nadmin = \"a-token-for-admins\"\n");
    let host = run(&place);
    let status = |token: &str| {
        request(
            host.address(),
            "GET",
            "/metrics",
            &[("Authorization", &format!("Bearer {token}"))],
        )
        .status
    };
    assert_eq!((status("a-token-of-yesterday"), status("a-token-of-today")), (200, 401));
    place.configure("[access]\nread = \"a-token-of-today\"\nadmin = \"a-token-for-admins\"\n");
    let admin = format!("Bearer {ADMIN}");
    assert_eq!(
        request(host.address(), "POST", "/-/reload", &[("Authorization", &admin)]).status,
        200
    );
    assert_eq!((status("a-token-of-yesterday"), status("a-token-of-today")), (401, 200));
    host.stop();
}

#[test]
fn without_tokens_pages_of_other_sites_get_nothing() {
    let host = Place::new("");
    let host = host.run();
    let ask =
        |method: &str, path: &str, headers: &[(&str, &str)]| request(host.address(), method, path, headers).status;
    assert_eq!(ask("GET", "/metrics", &[]), 200);
    assert_eq!(
        ask("POST", "/-/reload", &[("Origin", "https://elsewhere.example")]),
        403
    );
    assert_eq!(ask("POST", "/-/reload", &[("Sec-Fetch-Site", "cross-site")]), 403);
    let head = "GET /metrics HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(host.address()).expect("connect");
    stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
    assert_eq!(
        exchange(&mut stream, head).status,
        403,
        "a foreign name that resolves to this machine reads nothing"
    );
}

struct Pair {
    certificate: String,
    key: String,
}

impl Pair {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        Self {
            certificate: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        }
    }

    fn put(&self, place: &Place) {
        place.write("key.pem", &self.key);
        place.write("cert.pem", &self.certificate);
    }

    /// One request by a client that trusts this certificate and no other.
    fn get(&self, host: &Running, path: &str) -> Result<Answer, String> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate"))
            .expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions");
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let name = "localhost".try_into().expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
        let socket = TcpStream::connect(host.address()).expect("connect");
        socket.set_read_timeout(Some(PATIENCE)).expect("timeout");
        let mut stream = StreamOwned::new(connection, socket);
        while stream.conn.is_handshaking() {
            stream
                .conn
                .complete_io(&mut stream.sock)
                .map_err(|error| error.to_string())?;
        }
        Ok(exchange(
            &mut stream,
            &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
        ))
    }
}

#[test]
fn tls_is_served_and_a_renewed_certificate_taken_over_without_a_restart() {
    let (old, new) = (Pair::new(), Pair::new());
    let place = Place::new("[access.tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n");
    old.put(&place);
    let mut host = place.run();
    assert!(
        host.seen.iter().any(|line| line.starts_with("listening on https://")),
        "{:?}",
        host.seen
    );
    assert_eq!(old.get(&host, "/health/live").expect("a handshake").status, 200);
    assert!(
        new.get(&host, "/health/live").is_err(),
        "another certificate is not trusted"
    );

    new.put(&place);
    host.line("new certificate from");
    assert_eq!(new.get(&host, "/health/live").expect("a handshake").status, 200);
    assert!(old.get(&host, "/health/live").is_err());

    place.write("cert.pem", "not a certificate");
    host.line("the certificate changed and cannot be used, the old one stays");
    assert_eq!(new.get(&host, "/health/live").expect("a handshake").status, 200);
    let refused = "bellwether_certificate_reloads_total{result=\"refused\"} 1";
    let deadline = Instant::now() + PATIENCE;
    while !new.get(&host, "/metrics").expect("a handshake").body.contains(refused) {
        assert!(Instant::now() < deadline, "it is not counted");
    }
    host.stop();
}

#[test]
fn a_certificate_that_cannot_be_used_keeps_the_host_from_starting_and_says_which_file() {
    let place = Place::new("[access.tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n");
    let refused = place.finish(&["run"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("cert.pem"), "{refused:?}");
    Pair::new().put(&place);
    place.write("key.pem", &Pair::new().key);
    let refused = place.finish(&["run"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("key"), "{refused:?}");
}
