//! Debian's Prometheus server scrapes the running host: nothing it could complain about, and it holds what we served.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    host::{PATIENCE, Running, request},
    parsers::{Parsed, Parser, Series},
    shop, tools,
};

/// Scrapes that are watched: a minute of them.
const MINUTE: u64 = 60 / INTERVAL_SECONDS;

/// Between two scrapes, and how long one may take. A busy machine may keep a scrape waiting for a while.
const INTERVAL_SECONDS: u64 = 2;

/// A server with a data directory of its own; ended when dropped.
struct Prometheus {
    child: Child,
    dir: tempfile::TempDir,
    address: SocketAddr,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// Scrapes `host`, and logs all it has to say.
    fn watching(host: &Running, more: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let target = host.address();
        let configuration = format!(
            "global: {{ scrape_interval: {INTERVAL_SECONDS}s, scrape_timeout: {INTERVAL_SECONDS}s }}\n\
             scrape_configs:\n  - job_name: bellwether\n    honor_labels: true\n    \
             static_configs: [ {{ targets: [ '{target}' ] }} ]\n"
        );
        std::fs::write(dir.path().join("prometheus.yml"), configuration).expect("write");
        let log = std::fs::File::create(dir.path().join("log")).expect("create");
        let mut command = Command::new(tools::program("prometheus"));
        command
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg("--log.level=debug");
        command
            .arg("--web.listen-address=127.0.0.1:0")
            .args(more)
            .current_dir(dir.path());
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let mut server = Self {
            child,
            dir,
            address: target,
        };
        server.address = server.listening();
        server
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).expect("a log")
    }

    /// Where it says that it listens.
    fn listening(&self) -> SocketAddr {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            let line = log.lines().find(|line| line.contains("msg=\"Listening on\""));
            if let Some(address) = line.and_then(|line| line.split("address=").nth(1)) {
                return address.trim().parse().expect("an address");
            }
            assert!(Instant::now() < deadline, "it does not listen: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The result of an instant query. It listens before it is ready, and answers 503 until then.
    fn query(&self, expression: &str) -> Vec<Value> {
        let path = format!("/api/v1/query?query={}", encoded(expression));
        let deadline = Instant::now() + PATIENCE;
        let answer = loop {
            let answer = request(self.address, "GET", &path, &[]);
            if answer.status != 503 || Instant::now() > deadline {
                break answer;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        assert_eq!(answer.status, 200, "{expression}: {}", answer.body);
        let mut body: Value = serde_json::from_str(&answer.body).expect("JSON");
        let Value::Array(result) = body["data"]["result"].take() else {
            panic!("{}", answer.body)
        };
        result
    }

    /// The only value of a query.
    fn number(&self, expression: &str) -> f64 {
        let result = self.query(expression);
        assert_eq!(result.len(), 1, "{expression}: {result:?}");
        number(&result[0]["value"])
    }

    /// Waits until it has scraped this often, and never without success.
    fn has_only_seen_it_up(&self, scrapes: u64) {
        let patience = PATIENCE + Duration::from_secs(2 * scrapes * INTERVAL_SECONDS);
        let deadline = Instant::now() + patience;
        loop {
            let count = self.query("count_over_time(up[10m])");
            if count
                .first()
                .is_some_and(|count| number(&count["value"]) >= scrapes as f64)
            {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "{count:?} of {scrapes} scrapes: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(500));
        }
        assert_eq!(self.number("min_over_time(up[10m])"), 1.0, "{}", self.log());
    }

    /// Its log has no warning, and no word about a scrape that went wrong.
    fn has_nothing_to_complain_about(&self) {
        let log = self.log();
        let bad = [
            "level=warn",
            "level=error",
            "out of order",
            "out-of-order",
            "uplicate",
            "Error on ingesting",
            "failed",
        ];
        let complaints: Vec<_> = log
            .lines()
            .filter(|line| bad.iter().any(|bad| line.contains(bad)))
            .collect();
        assert_eq!(complaints, Vec::<&str>::new());
    }

    /// What it holds now of what it scraped, as we served it: without the labels it adds.
    fn holds(&self) -> BTreeMap<Series, f64> {
        let mut held = BTreeMap::new();
        for one in self.query("{job=\"bellwether\",__name__!~\"up|scrape_.+\"}") {
            let mut labels: BTreeMap<String, String> = serde_json::from_value(one["metric"].clone()).expect("labels");
            let name = labels.remove("__name__").expect("a name");
            assert_eq!(labels.remove("job").as_deref(), Some("bellwether"));
            labels.remove("instance").expect("an instance");
            held.insert((name, labels), number(&one["value"]));
        }
        held
    }

    /// Every total, count and bucket over all scrapes: none ever fell.
    fn has_seen_no_reset(&self) {
        let series = self.query("{job=\"bellwether\",__name__=~\".+_(total|count|bucket)\"}[10m]");
        assert!(series.len() > 50, "{} series", series.len());
        for one in series {
            let values: Vec<f64> = one["values"].as_array().expect("values").iter().map(number).collect();
            assert!(values.is_sorted(), "{}: {values:?}", one["metric"]);
        }
    }
}

/// Of a pair of time and text.
fn number(pair: &Value) -> f64 {
    pair[1].as_str().expect("text").parse().expect("a number")
}

fn encoded(expression: &str) -> String {
    expression.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Series that Prometheus keeps as we serve them. It drops labels without a value, which we never write.
fn served(host: &Running) -> BTreeMap<Series, f64> {
    let open_metrics = ("Accept", "application/openmetrics-text;version=1.0.0");
    let body = request(host.address(), "GET", "/metrics", &[open_metrics]).body;
    let samples = Parsed::read(Parser::OpenMetrics, &body).samples;
    samples
        .into_iter()
        .map(|(series, bits)| (series, f64::from_bits(bits)))
        .collect()
}

/// Waits until the server holds the series that we serve, no more and no fewer.
fn holds_what_is_served(server: &Prometheus, host: &Running) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (held, served) = (server.holds(), served(host));
        let missing: Vec<_> = served.keys().filter(|series| !held.contains_key(series)).collect();
        let extra: Vec<_> = held.keys().filter(|series| !served.contains_key(series)).collect();
        if missing.is_empty() && extra.is_empty() {
            steady_values_are_equal(&held, &served);
            assert_eq!(server.number("scrape_samples_scraped"), served.len() as f64);
            assert_eq!(
                server.number("scrape_samples_post_metric_relabeling"),
                served.len() as f64
            );
            return;
        }
        assert!(Instant::now() < deadline, "missing: {missing:#?}\nextra: {extra:#?}");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Those of the guest that do not change from run to run.
fn steady_values_are_equal(held: &BTreeMap<Series, f64>, served: &BTreeMap<Series, f64>) {
    const MOVING: [&str; 3] = ["shop_orders_", "shop_visits_", "shop_wait_"];
    let steady = |name: &str| name.starts_with("shop_") && !MOVING.iter().any(|moving| name.starts_with(moving));
    let mut compared = 0;
    for (series, value) in served.iter().filter(|((name, _), _)| steady(name)) {
        let (one, other) = (value, &held[series]);
        assert!(
            one == other || one.is_nan() && other.is_nan(),
            "{series:?}: {one} and {other}"
        );
        compared += 1;
    }
    assert!(compared > 40, "{compared}");
}

#[tokio::test]
async fn a_minute_of_scrapes_leaves_prometheus_without_a_complaint_and_with_all_we_served() {
    let shop = shop::open(2).await;
    let server = Prometheus::watching(&shop.running, &[]);
    server.has_only_seen_it_up(MINUTE);
    holds_what_is_served(&server, &shop.running);
    server.has_seen_no_reset();
    server.has_nothing_to_complain_about();
    assert_eq!(server.number("bellwether_check_up{check=\"shop\"}"), 1.0);
    assert!(server.number("rate(shop_visits_total{check=\"shop\",door=\" \"}[1m])") > 0.0);
}

/// With this feature the server asks for protobuf first, and must be content with what it gets.
#[tokio::test]
async fn a_prometheus_that_prefers_protobuf_is_served_text_that_it_takes() {
    let shop = shop::open(1).await;
    let server = Prometheus::watching(&shop.running, &["--enable-feature=native-histograms"]);
    server.has_only_seen_it_up(5);
    holds_what_is_served(&server, &shop.running);
    server.has_nothing_to_complain_about();
}
