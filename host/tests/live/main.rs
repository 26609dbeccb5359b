//! Rules here and in a live Prometheus: the host evaluates a rule file over its history, Debian's Prometheus scrapes the host and
//! evaluates the same file, and both raise the same alerts at the same time. What the host recorded meanwhile is replayed through
//! `promtool test rules`. Rule files of a public collection load and fire unedited.
//!
//! Flows in: a page of metrics that follows a script, merged by the plugin `prometheus`; what exporters of others serve. Flows out:
//! alerts that only one of the two has, or has at another time.
//!
//! Needs: prometheus, promtool, node-exporter, blackbox-exporter
//! Budget: 8 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it waits on real time and serves from a thread of its own"
)]

mod collection;
mod replay;
mod script;
mod watch;

#[path = "../support"]
mod support {
    #![expect(dead_code, reason = "each suite uses a part of it")]
    pub(crate) mod host;
    pub(crate) mod server;
}

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    time::Instant,
};

use support::server::{Server, command, free_port};

/// Of the checks, the history, the scrapes and the rules, in seconds.
const INTERVAL: f64 = 1.0;

/// One check on one exporter.
fn check(name: &str, url: &str) -> String {
    format!("[check.{name}]\nplugin = \"prometheus\"\ninterval = \"1s\"\nsettings.url = \"{url}\"\n")
}

/// Of every configuration: what a Prometheus has in its own.
fn head(rules: &str) -> String {
    // The server beside it has no rules but these.
    let alerting =
        format!("[alerting]\nrule_files = [\"{rules}\"]\nbundled_rules = false\nevaluation_interval = \"1s\"\n\n");
    alerting + "[history]\ninterval = \"1s\"\n\n"
}

/// On loopback.
fn at(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// A Prometheus that scrapes `host` and evaluates `rules`, in the folder `place`.
fn prometheus(place: &Path, host: SocketAddr, rules: &str) -> (Server, SocketAddr) {
    let configuration = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\nrule_files: ['{rules}']\n\
         scrape_configs:\n  - job_name: bellwether\n    honor_labels: true\n    static_configs: [ {{ targets: [ '{host}' ] }} ]\n"
    );
    std::fs::write(place.join("prometheus.yml"), configuration).expect("write");
    let port = free_port();
    let mut server = command("prometheus");
    server
        .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .current_dir(place);
    (
        Server::start(server, "Server is ready to receive web requests"),
        at(port),
    )
}

/// What a served page says, so many seconds after it began to be so.
type Content = Box<dyn Fn(f64) -> String + Send>;

/// A page that anybody may scrape, until the test ends; its content can be replaced.
#[derive(Clone)]
struct Page {
    address: SocketAddr,
    content: Arc<Mutex<(Content, Instant)>>,
}

impl Page {
    fn open(content: Content) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("bound");
        let content = Arc::new(Mutex::new((content, Instant::now())));
        let shown = Arc::clone(&content);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let text = {
                    let shown = shown.lock().expect("no panic");
                    shown.0(shown.1.elapsed().as_secs_f64())
                };
                // A client that leaves is its own affair.
                let _ = answer(client, &text);
            }
        });
        Self { address, content }
    }

    fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }

    fn show(&self, content: Content) {
        *self.content.lock().expect("no panic") = (content, Instant::now());
    }
}

fn answer(mut client: TcpStream, text: &str) -> std::io::Result<()> {
    let (mut heard, mut byte) = (Vec::new(), [0]);
    while !heard.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        heard.push(byte[0]);
    }
    let length = text.len();
    write!(
        client,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    )
}
