//! Applications with Sentry's own SDKs, which report to the host by nothing but another DSN; and what becomes of what they report: series with
//! their release, the events themselves in Sentry's place, cleaned, and a message in Slack about a crash that nobody has seen before.
//! Besides, what leaves by itself: check-ins of checks to Sentry's place, and the alert about a heartbeat that stays out.
//!
//! Flows in: `sentry-sdk` for Python and `@sentry/node`, a page of another site, and a heartbeat. Flows out: `/metrics`, what Kent keeps, what
//! Slack's webhook would take.
//!
//! Needs: sentry-doubles, sentry-node, node
//! Budget: 6 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests watch real processes from outside: they read the clock, wait, and serve from threads of their own"
)]

#[path = "../sentry/doubles.rs"]
#[expect(dead_code, reason = "the suite of the plugin also asks the judge")]
mod doubles;
#[path = "../end_to_end/slack.rs"]
#[expect(dead_code, reason = "shared with another suite, which looks at bytes")]
mod slack;
#[path = "../support"]
mod support {
    #[expect(dead_code, reason = "each suite uses a part of it")]
    pub(crate) mod host;
}
#[path = "../end_to_end/wire.rs"]
#[expect(dead_code, reason = "shared with another suite, which hands requests on")]
mod wire;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use doubles::Double;
use serde_json::Value;
use slack::Slack;
use support::host::{PATIENCE, Place, Running, request, sample};

/// Of the sources. Whoever has it may report.
const KEYS: [&str; 2] = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];

/// In what the applications report; it may not go on.
const CANARIES: [&str; 2] = ["canary-of-the-python-service", "canary-of-the-node-service"];

/// How often is looked.
const LOOK: Duration = Duration::from_millis(250);

/// A host with two sources whose reports go on to Kent, and crashes that nobody has seen to Slack.
struct Setting {
    kent: Double,
    slack: Slack,
    host: Running,
    _place: Place,
}

impl Setting {
    fn open() -> Self {
        let (kent, slack) = (Double::start("kent"), Slack::open());
        let place = Place::new(&configuration(&kent.url("api/1/")));
        let (key, url) = (kent.key().to_owned(), slack.url());
        let host = place.run_with(|command| {
            command
                .env("SLACK_URL", url)
                .env("SENTRY_KEY", key)
                .env("API_KEY", KEYS[0])
                .env("WEB_KEY", KEYS[1]);
        });
        Self {
            kent,
            slack,
            host,
            _place: place,
        }
    }

    /// What an SDK is given instead of Sentry's.
    fn dsn(&self, project: usize) -> String {
        format!("http://{}@{}/{project}", KEYS[project - 1], self.host.address())
    }

    /// Waits until Kent has something like this, and gives all it has.
    fn kept(&mut self, is_it: impl Fn(&Value) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let events = self.kent.events();
            if events.iter().any(|event| is_it(&event["payload"]["body"])) {
                return events;
            }
            assert!(Instant::now() < deadline, "not among {events:#?}");
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until so many messages in Slack are about this.
    fn told(&self, about: &str, times: usize) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let messages = self.slack.shown();
            let found = messages.iter().filter(|message| message.contains(about)).count();
            if found >= times {
                return messages;
            }
            assert!(
                Instant::now() < deadline,
                "{found} of {times} about {about}: {messages:#?}"
            );
            std::thread::sleep(LOOK);
        }
    }
}

fn configuration(kent: &str) -> String {
    format!(
        r#"push_listen = "127.0.0.1:0"

[history]
interval = "1s"

[connection.slack]
url = "${{secret:SLACK_URL}}"

[connection.sentry]
url = "{kent}"
secrets.key = "${{secret:SENTRY_KEY}}"

[receiver.team]
plugin = "slack"
connection = "slack"

[receiver.issues]
plugin = "sentry"
connection = "sentry"
runs = ["*"]

[alerting]
receivers = ["team"]
evaluation_interval = "1s"
group_wait = "1s"
group_interval = "1s"

[source.api]
project = 1
key = "${{secret:API_KEY}}"
receivers = ["issues"]

[source.web]
project = 2
key = "${{secret:WEB_KEY}}"
receivers = ["issues"]
origins = ["https://www.example.com"]

[heartbeat.import]
interval = "5s"
grace = "1s"

[check.machine]
plugin = "system"
allow = ["system"]
interval = "5s"
"#
    )
}

/// Ends by itself: what is sent is sent within the SDK's own patience.
fn reports(mut command: Command) {
    let output = command.env_remove("SENTRY_DSN").output().expect("it starts");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sentry_sdks")
        .join(name)
}

fn told_of(name: &str) -> std::ffi::OsString {
    std::env::var_os(name).unwrap_or_else(|| panic!("{name} is set: cargo xtask test sentry_sdks"))
}

/// The service in Python, which crashes so often.
fn python(dsn: &str, crashes: u32) {
    let mut command = Command::new(told_of("BELLWETHER_TEST_SENTRY"));
    command
        .arg(script("report.py"))
        .args([dsn, "api@1.4.2", &crashes.to_string()]);
    reports(command);
}

/// The service in Node.js.
fn node(dsn: &str, crashes: u32) {
    let mut command = Command::new("node");
    command
        .arg(script("report.cjs"))
        .arg(told_of("BELLWETHER_TEST_SENTRY_NODE"));
    command.args([dsn, "web@2.0.0", &crashes.to_string()]);
    reports(command);
}

/// Project, source, release, what it crashes with, and how it is run: by a DSN, so many crashes.
type Application = (usize, &'static str, &'static str, &'static str, fn(&str, u32));

/// The value of the first series whose line begins so and has all of these.
fn series(body: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let is_it = |line: &&str| line.starts_with(&format!("{name}{{")) && labels.iter().all(|label| line.contains(label));
    body.lines().find(is_it)?.rsplit(' ').next()?.parse().ok()
}

#[test]
fn sdks_report_by_another_dsn_alone_and_their_reports_arrive_cleaned_counted_and_told_once() {
    let mut setting = Setting::open();
    let applications: [Application; 2] = [
        (1, "api", "api@1.4.2", "KeyError", python),
        (2, "web", "web@2.0.0", "TypeError", node),
    ];
    for (project, source, release, crash, report) in applications {
        report(&setting.dsn(project), 1);
        let labels = [
            &format!("source=\"{source}\""),
            &format!("release=\"{release}\"") as &str,
            "environment=\"production\"",
        ];
        let labels = labels.map(|label: &str| label);
        setting.host.eventually("/metrics", |body| {
            series(body, "app_errors_total", &labels) == Some(1.0)
        });
        let body = setting.host.eventually("/metrics", |body| {
            series(body, "app_request_duration_seconds_count", &labels).is_some()
        });
        assert_eq!(
            series(&body, "app_request_duration_seconds_count", &labels),
            Some(1.0),
            "{body}"
        );

        // The first of its kind is told at once; the next ones are counted.
        let messages = setting.told(crash, 1);
        let first = messages.iter().find(|message| message.contains(crash)).expect("told");
        assert!(first.contains(source) && first.contains(release), "{first}");
        report(&setting.dsn(project), 3);
        setting.host.eventually("/metrics", |body| {
            series(body, "app_errors_total", &labels) == Some(4.0)
        });

        let is_crash = |body: &Value| body["exception"]["values"][0]["type"] == crash;
        setting.kept(is_crash);
        // Python's SDK sends transactions, that of Node.js spans one by one.
        let is_request = |body: &Value| {
            let said = &body["items"][0]["attributes"]["sentry.release"]["value"];
            said == release || (body["type"] == "transaction" && body["release"] == release)
        };
        let kept = setting.kept(is_request);
        let exception = kept
            .iter()
            .map(|event| &event["payload"]["body"])
            .find(|body| is_crash(body))
            .expect("kept");
        assert_eq!(
            (&exception["release"], &exception["environment"]),
            (&release.into(), &"production".into())
        );
        assert!(
            exception["exception"]["values"][0]["stacktrace"]["frames"].is_array(),
            "{exception:#}"
        );
    }
    let kept = Value::from(setting.kent.events()).to_string();
    let messages = setting.slack.shown();
    for gone in CANARIES.iter().chain(&["jane.doe@example.com"]).chain(&KEYS) {
        assert!(!kept.contains(gone), "{gone} in {kept}");
        assert!(!messages.concat().contains(gone), "{gone} in {messages:#?}");
    }
    for (_, _, _, crash, _) in applications {
        let about = messages.iter().filter(|message| message.contains(crash)).count();
        assert_eq!(about, 1, "{crash} is told once: {messages:#?}");
    }
    setting.slack.is_content();
}

#[test]
fn a_page_that_the_source_names_may_ask_before_it_reports() {
    let setting = Setting::open();
    let line = setting
        .host
        .seen
        .iter()
        .find(|line| line.starts_with("taking pushes on "))
        .expect("said");
    let address = line
        .split("://")
        .nth(1)
        .and_then(|at| at.trim().parse().ok())
        .expect("an address");
    let path = format!("/api/2/envelope/?sentry_version=7&sentry_key={}", KEYS[1]);
    let preflight = |origin: &str| {
        let asked = [
            ("Origin", origin),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "content-type"),
        ];
        request(address, "OPTIONS", &path, &asked)
    };
    let allowed = preflight("https://www.example.com");
    let head = allowed.head.to_ascii_lowercase();
    assert!(
        allowed.status < 300 && head.contains("access-control-allow-origin: https://www.example.com"),
        "{allowed:?}"
    );
    assert_eq!(preflight("https://evil.example.net").status, 403);
}

#[test]
fn runs_of_checks_check_in_with_a_monitor_that_knows_when_the_next_is_due() {
    let mut setting = Setting::open();
    let kept = setting.kept(|body| body["monitor_slug"] == "machine");
    let check_in = kept
        .iter()
        .map(|event| &event["payload"]["body"])
        .find(|body| body["monitor_slug"] == "machine");
    let check_in = check_in.expect("kept");
    assert_eq!(check_in["status"], "ok", "{check_in:#}");
    assert_eq!(
        check_in["monitor_config"]["schedule"]["type"], "interval",
        "{check_in:#}"
    );
}

#[test]
fn a_heartbeat_that_stays_out_is_told_and_so_is_that_it_is_back() {
    let setting = Setting::open();
    let messages = setting.told("FIRING HeartbeatMissed", 1);
    let missed = messages
        .iter()
        .find(|message| message.contains("FIRING HeartbeatMissed"))
        .expect("told");
    assert!(
        missed.contains("Heartbeat import is missed") && missed.contains("check=import"),
        "{missed}"
    );
    let deadline = Instant::now() + PATIENCE;
    while !setting
        .slack
        .shown()
        .iter()
        .any(|message| message.contains("RESOLVED HeartbeatMissed"))
    {
        assert!(Instant::now() < deadline, "{:#?}", setting.slack.shown());
        assert_eq!(setting.host.post("/heartbeat/import").status, 200);
        std::thread::sleep(LOOK);
    }
    let body = setting.host.get("/metrics").body;
    assert_eq!(
        sample(&body, "bellwether_heartbeat_state{check=\"import\",state=\"late\"}"),
        Some(0.0)
    );
    setting.slack.is_content();
}
