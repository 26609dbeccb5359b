//! Targets that misbehave, all in one check: each gets its verdict with its phase, and the healthy ones between them are ok.

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Mutex,
    thread,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};

use super::{
    said::Said,
    servers::{Tls, accept, config, hear, ok, say, serve},
    support::host::Place,
};

/// Of each request.
const PATIENCE_SECONDS: f64 = 3.0;

/// A target, and what becomes of it.
struct Target {
    name: &'static str,
    url: String,
    /// More settings, one a line.
    settings: &'static str,
    status: &'static str,
    code: &'static str,
    /// In the summary.
    words: &'static str,
    /// Where it hung, for those that do.
    hung_in: Option<&'static str>,
    /// Which phase was too much and was ended, and is measured.
    ended_in: Option<&'static str>,
}

impl Target {
    fn healthy(name: &'static str) -> Self {
        let address = serve(|mut client| {
            hear(&mut client)?;
            say(&mut client, ok("", "well"))
        });
        Self {
            name,
            url: format!("http://{address}/"),
            settings: "",
            status: "ok",
            code: "",
            words: "200 in",
            hung_in: None,
            ended_in: None,
        }
    }

    fn at(name: &'static str, address: SocketAddr, code: &'static str, words: &'static str) -> Self {
        Self {
            name,
            url: format!("http://{address}/"),
            status: "critical",
            code,
            words,
            ..Self::healthy(name)
        }
    }

    fn tls(self) -> Self {
        let url = self.url.replace("http://127.0.0.1", "https://localhost");
        Self { url, ..self }
    }

    fn hung_in(self, phase: &'static str) -> Self {
        let hung_in = Some(phase);
        Self { hung_in, ..self }
    }

    fn ended_in(self, phase: &'static str) -> Self {
        let ended_in = Some(phase);
        Self { ended_in, ..self }
    }

    fn with(self, settings: &'static str) -> Self {
        Self { settings, ..self }
    }
}

/// Keeps the client, and says nothing more.
fn keep(client: TcpStream) {
    static KEPT: Mutex<Vec<TcpStream>> = Mutex::new(Vec::new());
    KEPT.lock().expect("not poisoned").push(client);
}

/// After `head`, a byte a second.
fn drips(head: &'static str) -> SocketAddr {
    serve(move |mut client| {
        hear(&mut client)?;
        say(&mut client, head)?;
        loop {
            thread::sleep(Duration::from_secs(1));
            say(&mut client, "x")?;
        }
    })
}

/// After `head`, the same bytes without end.
fn floods(head: &'static str, part: &'static [u8]) -> SocketAddr {
    serve(move |mut client| {
        hear(&mut client)?;
        say(&mut client, head)?;
        loop {
            client.write_all(part)?;
        }
    })
}

fn says(answer: impl AsRef<[u8]> + Send + Sync + 'static) -> SocketAddr {
    serve(move |mut client| {
        hear(&mut client)?;
        say(&mut client, &answer)
    })
}

fn ten_mebibytes_of_headers() -> SocketAddr {
    let mut head = "HTTP/1.1 200 OK\r\n".to_owned();
    for number in 0..10 * 1024 {
        write!(head, "x-{number}: {}\r\n", "y".repeat(1024)).expect("text");
    }
    says(head + "\r\n")
}

/// 100 MiB of nothing in 100 KiB.
fn gzip_bomb() -> SocketAddr {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..100 {
        encoder.write_all(&vec![0; 1024 * 1024]).expect("written");
    }
    says(ok("content-encoding: gzip\r\n", encoder.finish().expect("finished")))
}

/// Chunks of one byte.
static TINY: [u8; 6 * 4096] = {
    let mut chunks = [b'x'; 6 * 4096];
    let mut at = 0;
    while at < chunks.len() {
        let [size, cr, lf] = *b"1\r\n";
        (chunks[at], chunks[at + 1], chunks[at + 2]) = (size, cr, lf);
        (chunks[at + 4], chunks[at + 5]) = (cr, lf);
        at += 6;
    }
    chunks
};

/// A reset is what the kernel sends when what a client said was not read.
fn resets() -> SocketAddr {
    serve(|mut client| {
        client.read_exact(&mut [0])?;
        say(&mut client, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")?;
        thread::sleep(Duration::from_millis(200));
        Ok(())
    })
}

/// Sends its certificate, and expects to be refused.
fn unknown_authority(dir: &std::path::Path) -> SocketAddr {
    let tls = Tls::new(dir);
    serve(move |client| {
        let mut stream = tls.accept(client);
        hear(&mut stream)?;
        say(&mut stream, ok("", "never seen"))
    })
}

fn expired() -> SocketAddr {
    let mut wanted = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("names");
    wanted.not_before = rcgen::date_time_ymd(2020, 1, 1);
    wanted.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let key = rcgen::KeyPair::generate().expect("a key");
    let chain = vec![wanted.self_signed(&key).expect("a certificate").der().clone()];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("a key");
    let config = config(chain, key);
    serve(move |client| {
        let mut stream = accept(&config, client);
        hear(&mut stream)?;
        say(&mut stream, ok("", "never seen"))
    })
}

/// Where nobody listens.
fn closed() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    listener.local_addr().expect("bound")
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

/// A body that is read in part cannot be the whole of what was wanted, unless that is said.
const A_PART_IS_ENOUGH: &str = "expect.whole_body = false\n";

fn targets(dir: &std::path::Path) -> Vec<Target> {
    let silent = serve(|client| {
        keep(client);
        Ok(())
    });
    let leaves = serve(|mut client| hear(&mut client).map(drop));
    let broken = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n";
    let is_late = |name, address, words| Target::at(name, address, "timeout", words);
    let is_wrong = |name, address, words| Target::at(name, address, "protocol_error", words);
    let is_long = |name, address| {
        Target::at(name, address, "body_too_long", "set `expect.whole_body = false`").ended_in("transfer")
    };
    vec![
        Target::healthy("healthy first"),
        is_late("never answers", silent, "waiting for the first byte").hung_in("processing"),
        is_late("never shakes hands", silent, "agreeing on TLS")
            .tls()
            .hung_in("tls"),
        is_late(
            "drips its head",
            drips("HTTP/1.1 200 OK\r\nx: "),
            "waiting for the first byte",
        )
        .hung_in("processing"),
        is_late(
            "drips its body",
            drips("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"),
            "receiving the body",
        )
        .hung_in("transfer"),
        Target::healthy("healthy between"),
        is_long("never ends", floods("HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 64 * 1024])),
        is_long("explodes", gzip_bomb()),
        Target {
            url: format!("http://{}/", floods("HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 64 * 1024])),
            ..Target::healthy("never ends, and may").with(A_PART_IS_ENOUGH)
        },
        is_long("never ends, byte by byte", floods(CHUNKED, &TINY)),
        Target {
            url: format!("http://{}/", floods(CHUNKED, &TINY)),
            ..Target::healthy("never ends, byte by byte, and may").with(A_PART_IS_ENOUGH)
        },
        Target::at(
            "has 10 MiB of headers",
            ten_mebibytes_of_headers(),
            "over_limit",
            "head of the answer",
        )
        .ended_in("processing"),
        Target::at(
            "has one header without end",
            floods("HTTP/1.1 200 OK\r\nx: ", &[b'y'; 16 * 1024]),
            "over_limit",
            "head of the answer",
        )
        .ended_in("processing"),
        Target::at(
            "announces without end",
            floods("HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
            "over_limit",
            "announces it",
        )
        .ended_in("processing"),
        is_wrong("breaks its chunks", says(broken), "reading the body"),
        is_wrong("resets", resets(), "reading the body"),
        is_wrong("leaves", leaves, "waiting for the answer"),
        is_wrong(
            "is no web server",
            says("-ERR unknown command 'GET'\r\n\r\n"),
            "not HTTP",
        ),
        Target::at("nobody vouches for", unknown_authority(dir), "tls_failed", "TLS").tls(),
        Target::at("is out of time", expired(), "certificate_expired", "expired").tls(),
        Target::at("is closed", closed(), "connect_failed", "refused"),
        Target::healthy("healthy last"),
    ]
}

fn configuration(targets: &[Target]) -> String {
    let mut text = format!(
        "[check.many]\nplugin = \"http\"\ntimeout = \"30s\"\ninterval = \"1m\"\nsettings.request.timeout_seconds = {PATIENCE_SECONDS}\n"
    );
    for Target {
        name, url, settings, ..
    } in targets
    {
        write!(
            text,
            "[[check.many.settings.targets]]\nname = \"{name}\"\nurl = \"{url}\"\n{settings}"
        )
        .expect("text");
    }
    text
}

#[test]
fn each_misbehaviour_is_a_verdict_with_its_phase_beside_those_of_healthy_targets() {
    let dir = tempfile::tempdir().expect("a directory");
    let targets = targets(dir.path());
    let place = Place::new(&configuration(&targets));
    let said = Said::of(&place.finish(&["once", "many", "--json"]));
    assert_eq!(said.verdicts(), targets.len());
    let mut wrong = Vec::new();
    for target in &targets {
        let (status, code, summary) = said.judged(target.name);
        let verdict = said.verdict(target.name);
        let hung_in = detail(verdict, "hung_in");
        let fits = (status, code) == (target.status, target.code) && summary.contains(target.words);
        if !fits || hung_in != target.hung_in {
            wrong.push(verdict.to_string());
        }
        let up = f64::from(u8::from(target.status == "ok"));
        let labels = [("target", target.name)];
        assert_eq!(said.sample("http_probe_success", &labels), Some(up), "{}", target.name);
        if let Some(phase) = target.ended_in {
            let labels = [("target", target.name), ("phase", phase)];
            let spent = said.sample("http_probe_phase_seconds", &labels);
            assert!(spent.is_some_and(|seconds| seconds > 0.0), "{}: {spent:?}", target.name);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // All at once, so the slowest alone counts.
    let longest = said.duration_seconds();
    assert!(longest < 2.0 * PATIENCE_SECONDS, "it took {longest} s");
}

fn detail<'v>(verdict: &'v serde_json::Value, name: &str) -> Option<&'v str> {
    let mut details = verdict["details"].as_array()?.iter();
    details.find(|detail| detail["name"] == name)?["value"].as_str()
}
