//! The `blackbox` names of the `http` plugin against Debian's `prometheus-blackbox-exporter`, which probes the same targets:
//! facts of HTTP, and every field of certificates that it has.
//!
//! Flows in: targets on loopback, plain and behind a private authority with a certificate between. Flows out: in what the two
//! differ.
//!
//! Needs: blackbox-exporter
//! Budget: 3 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it waits on real time and reads from threads of its own"
)]

#[path = "probes/said.rs"]
#[expect(dead_code, reason = "shared with a suite that looks at verdicts, too")]
mod said;
#[path = "probes/servers.rs"]
#[expect(dead_code, reason = "shared with a suite that has more servers")]
mod servers;

mod support {
    #![expect(dead_code, unreachable_pub, reason = "each suite uses a part of it")]
    pub(crate) mod certificates;
    pub(crate) mod exposition;
    pub(crate) mod host;
    pub(crate) mod server;
}

use std::{
    convert::Infallible,
    io::Write as _,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http_body_util::Full;
use hyper::{Response, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};
use said::Said;
use servers::{accept, config, hear, say, serve};
use support::{
    exposition::{Labels, parse},
    host::{Place, request},
    server::{Server, command, free_port},
};

/// Names that both have and that are the same number in both.
const FACTS: [&str; 11] = [
    "probe_success",
    "probe_ip_protocol",
    "probe_http_status_code",
    "probe_http_redirects",
    "probe_http_ssl",
    "probe_http_version",
    "probe_http_content_length",
    "probe_http_uncompressed_body_length",
    "probe_http_last_modified_timestamp_seconds",
    "probe_failed_due_to_regex",
    "probe_ssl_earliest_cert_expiry",
];

/// Without an answer there is none of these, where the exporter has 0.
const OF_ANSWERS: [&str; 3] = [
    "probe_http_version",
    "probe_http_content_length",
    "probe_http_uncompressed_body_length",
];

/// We show the certificate that was refused, too.
const OF_REFUSED_CERTIFICATES: &str = "probe_ssl_earliest_cert_expiry";

/// What the exporter is told that our targets say themselves.
const MODULES: &str = "modules:
  plain: {prober: http, timeout: 10s, http: {preferred_ip_protocol: ip4}}
  regex: {prober: http, timeout: 10s, http: {preferred_ip_protocol: ip4, fail_if_body_not_matches_regexp: [\"never said\"]}}
  status: {prober: http, timeout: 10s, http: {preferred_ip_protocol: ip4, valid_status_codes: [404]}}
  stay: {prober: http, timeout: 10s, http: {preferred_ip_protocol: ip4, follow_redirects: false, valid_status_codes: [302]}}
  gzip: {prober: http, timeout: 10s, http: {preferred_ip_protocol: ip4, compression: gzip, headers: {Accept-Encoding: gzip}}}
  trusting: {prober: http, timeout: 10s, http: {preferred_ip_protocol: ip4, tls_config: {ca_file: CA}}}
";

/// What the exporter measures that we do not.
const THEIRS_ALONE: [&str; 2] = ["probe_ip_addr_hash", "probe_ssl_last_chain_expiry_timestamp_seconds"];

/// By path.
fn answer(head: &str) -> Vec<u8> {
    let path = head.split(' ').nth(1).unwrap_or_default();
    let whole = |status: &str, headers: &str, body: &str| {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
            .into_bytes()
    };
    match path {
        "/dated" => whole("200 OK", "last-modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n", "dated"),
        "/chunks" => {
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                .to_vec()
        }
        "/unstated" => b"HTTP/1.0 200 OK\r\n\r\nuntil it is closed".to_vec(),
        "/once" => whole("302 Found", "location: /twice\r\n", ""),
        "/twice" => whole("301 Moved", "location: /dated\r\n", "moved"),
        "/broken" => whole("503 Service Unavailable", "", "later"),
        "/missing" => whole("404 Not Found", "", "gone"),
        "/packed" => packed(),
        _ => whole("200 OK", "content-type: text/plain\r\n", "well"),
    }
}

fn packed() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&[b'z'; 5000]).expect("written");
    servers::ok("content-encoding: gzip\r\n", encoder.finish().expect("finished"))
}

fn plain() -> SocketAddr {
    serve(|mut client| {
        let head = hear(&mut client)?;
        say(&mut client, answer(&head))
    })
}

/// TLS behind a root that is in the file of that name, and an authority between that ends before its certificate does.
fn tls(root_file: &Path) -> Arc<ServerConfig> {
    let named = |name: &str, until: i32, is_ca: IsCa| {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        // In the usual order: the exporter names attributes in one of its own, we in that of the certificate.
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in [
            (DnType::CountryName, "DE"),
            (DnType::OrganizationName, "Shop, Inc."),
            (DnType::CommonName, name),
        ] {
            params.distinguished_name.push(kind, value);
        }
        params.not_before = rcgen::date_time_ymd(2024, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 2, 3);
        params.is_ca = is_ca;
        params
    };
    let authority = || IsCa::Ca(BasicConstraints::Unconstrained);
    let (root, root_key) = (named("Root", 2090, authority()), KeyPair::generate().expect("a key"));
    std::fs::write(root_file, root.self_signed(&root_key).expect("signed").pem()).expect("written");
    let root = Issuer::new(root, root_key);
    let (between, between_key) = (named("Between", 2070, authority()), KeyPair::generate().expect("a key"));
    let shown = between.signed_by(&between_key, &root).expect("signed").der().clone();
    let between = Issuer::new(between, between_key);
    let mut leaf = named("shop.test", 2080, IsCa::NoCa);
    let names = CertificateParams::new(["localhost", "shop.test", "127.0.0.1"].map(str::to_owned));
    leaf.subject_alt_names = names.expect("names").subject_alt_names;
    let key = KeyPair::generate().expect("a key");
    let chain = vec![leaf.signed_by(&key, &between).expect("signed").der().clone(), shown];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
    config(chain, key)
}

fn encrypted(config: &Arc<ServerConfig>) -> SocketAddr {
    let config = Arc::clone(config);
    serve(move |client| {
        let mut stream = accept(&config, client);
        let head = hear(&mut stream)?;
        say(&mut stream, answer(&head))?;
        stream.conn.send_close_notify();
        say(&mut stream, "")
    })
}

/// The same in HTTP/2, and in nothing else.
fn second_version(config: &Arc<ServerConfig>) -> SocketAddr {
    let mut config = ServerConfig::clone(config);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    listener.set_nonblocking(true).expect("set");
    let address = listener.local_addr().expect("bound");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    std::thread::spawn(move || runtime.block_on(serve_second_version(listener, config)));
    address
}

/// One client after the other.
async fn serve_second_version(listener: TcpListener, config: ServerConfig) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    while let Ok((client, _)) = listener.accept().await {
        // A client that leaves is its own affair.
        let Ok(stream) = acceptor.accept(client).await else {
            continue;
        };
        let service = service_fn(|_| async {
            let body = Full::new(Bytes::from_static(b"second"));
            Ok::<_, Infallible>(Response::new(body))
        });
        let _ = http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }
}

/// Where nobody listens.
fn closed() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    listener.local_addr().expect("bound")
}

struct Exporter {
    _server: Server,
    address: SocketAddr,
}

impl Exporter {
    fn start(dir: &Path, root_file: &Path) -> Self {
        let file = dir.join("blackbox.yml");
        let modules = MODULES.replace("CA}", &format!("{}}}", root_file.display()));
        std::fs::write(&file, modules).expect("written");
        let port = free_port();
        let mut exporter = command("prometheus-blackbox-exporter");
        exporter
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        Self {
            _server: Server::start(exporter, "Listening on"),
            address: ([127, 0, 0, 1], port).into(),
        }
    }

    fn probe(&self, case: &Case) -> Vec<(String, Labels, f64)> {
        let path = format!("/probe?module={}&target={}", case.module, case.url);
        let answer = request(self.address, "GET", &path, &[]);
        assert_eq!(answer.status, 200, "{answer:?}");
        let families = parse(&answer.body).into_iter();
        families
            .flat_map(|(name, family)| {
                let series = family.series.into_iter();
                series.map(move |(labels, value)| (name.clone(), labels, value))
            })
            .collect()
    }
}

/// One target for both.
struct Case {
    /// Ours, which has the connection that is needed.
    check: &'static str,
    name: &'static str,
    module: &'static str,
    /// As the exporter is told.
    url: String,
    /// As we are, when it lies under the connection.
    path: Option<&'static str>,
    /// More of our settings.
    settings: &'static str,
}

fn cases(plain: SocketAddr, encrypted: SocketAddr, second: SocketAddr) -> Vec<Case> {
    let at = |name, module, path: &str, settings| Case {
        check: "first",
        name,
        module,
        url: format!("http://{plain}{path}"),
        path: None,
        settings,
    };
    let behind = |name, path: &'static str| Case {
        check: "first",
        name,
        module: "trusting",
        url: format!("https://localhost:{}/{path}", encrypted.port()),
        path: Some(path),
        settings: "",
    };
    vec![
        // It also allows whatever lies below.
        at("root", "plain", "/", ""),
        at("dated", "plain", "/dated", ""),
        at("chunks", "plain", "/chunks", ""),
        at("unstated", "plain", "/unstated", ""),
        at("packed", "gzip", "/packed", ""),
        at("redirected", "plain", "/once", ""),
        at(
            "stays",
            "stay",
            "/once",
            "request.redirects = 0\nexpect.status = [302]\n",
        ),
        at("broken", "plain", "/broken", ""),
        at("missing", "plain", "/missing", ""),
        at("meant to be missing", "status", "/missing", "expect.status = [404]\n"),
        at("does not say", "regex", "/", "expect.body_matches = [\"never said\"]\n"),
        Case {
            url: format!("http://{}/", closed()),
            ..at("closed", "plain", "/", "")
        },
        behind("encrypted", "dated"),
        behind("encrypted and redirected", "once"),
        Case {
            check: "second",
            url: format!("https://localhost:{}/", second.port()),
            ..behind("second version", "")
        },
        Case {
            module: "plain",
            url: format!("https://127.0.0.1:{}/", encrypted.port()),
            path: None,
            ..behind("not trusted", "")
        },
    ]
}

/// A check with its connection and its cases.
fn configuration(check: &str, cases: &[Case], encrypted: SocketAddr, root_file: &Path) -> String {
    let mut text = format!(
        "[connection.{check}]\nurl = \"https://localhost:{}/\"\ntls.ca = \"{}\"\n\
         [check.{check}]\nplugin = \"http\"\nconnection = \"{check}\"\nsettings.name_sets = [\"blackbox\"]\n",
        encrypted.port(),
        root_file.display(),
    );
    for case in cases.iter().filter(|case| case.check == check) {
        let place = match case.path {
            Some(path) => format!("path = \"{path}\""),
            None => format!("url = \"{}\"", case.url),
        };
        text.push_str(&format!(
            "[[check.{check}.settings.targets]]\nname = \"{}\"\n{place}\n{}",
            case.name, case.settings
        ));
    }
    text
}

/// Whether ours may lack what they have, or the other way round.
fn may_differ(case: &Case, name: &str, ours: Option<f64>, theirs: Option<f64>) -> bool {
    let unanswered = ["closed", "not trusted"].contains(&case.name);
    let absent = OF_ANSWERS.contains(&name) && ours.is_none() && theirs == Some(0.0);
    let refused = name == OF_REFUSED_CERTIFICATES && case.name == "not trusted" && ours.is_some() && theirs.is_none();
    // The host takes away the length of what it decompressed.
    let decompressed = name == "probe_http_content_length" && case.name == "packed" && ours == Some(-1.0);
    // The exporter counts the one that it did not follow.
    let stayed = name == "probe_http_redirects" && case.name == "stays" && (ours, theirs) == (Some(0.0), Some(1.0));
    unanswered && (absent || refused) || decompressed || stayed
}

fn differences(case: &Case, said: &Said, theirs: &[(String, Labels, f64)]) -> Vec<String> {
    let mut found = Vec::new();
    for name in FACTS {
        let ours = said.sample(name, &[("instance", case.name)]);
        let other = theirs
            .iter()
            .find(|(known, ..)| known == name)
            .map(|(.., value)| *value);
        if ours != other && !may_differ(case, name, ours, other) {
            found.push(format!("{}: {name} is {ours:?}, theirs {other:?}", case.name));
        }
    }
    for (family, labels, _) in theirs.iter().filter(|(_, labels, _)| !labels.is_empty()) {
        if family == "probe_http_duration_seconds" {
            continue;
        }
        let ours = said.labels(family, case.name);
        for (label, value) in labels {
            let own = ours.and_then(|labels| labels[label].as_str());
            if own != Some(value) {
                found.push(format!("{}: {family} has {label} {own:?}, theirs {value}", case.name));
            }
        }
    }
    found
}

#[test]
fn facts_of_http_and_certificates_agree_with_blackbox_exporter() {
    let dir = tempfile::tempdir().expect("a directory");
    let root_file = dir.path().join("root.pem");
    let tls = tls(&root_file);
    let (plain, encrypted, second) = (plain(), encrypted(&tls), second_version(&tls));
    let exporter = Exporter::start(dir.path(), &root_file);
    let cases = cases(plain, encrypted, second);
    let place = Place::new(
        &[("first", encrypted), ("second", second)]
            .map(|(check, address)| configuration(check, &cases, address, &root_file))
            .concat(),
    );
    let once = |check| Said::of(&place.finish(&["once", check, "--json"]));
    let (first, other) = (once("first"), once("second"));
    let mut found = Vec::new();
    let mut families = std::collections::BTreeSet::new();
    for case in &cases {
        let theirs = exporter.probe(case);
        let said = if case.check == "first" { &first } else { &other };
        found.extend(differences(case, said, &theirs));
        families.extend(theirs.into_iter().map(|(name, ..)| name));
    }
    let version = other.sample("probe_http_version", &[("instance", "second version")]);
    assert_eq!(version, Some(2.0));
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    for name in FACTS
        .iter()
        .chain(&["probe_ssl_last_chain_info", "probe_tls_version_info"])
    {
        assert!(families.contains(*name), "{name} was never compared");
    }
    for name in &families {
        let known = FACTS.contains(&name.as_str())
            || THEIRS_ALONE.contains(&name.as_str())
            || first.labels(name, "encrypted").is_some();
        assert!(known, "we have no {name}");
    }
}
