//! One host that watches two services, configured as its README has it: seven checks, the rules of a service, three receivers, and routes by
//! severity. Only the times are shorter than anybody would have them.

use std::path::{Path, PathBuf};

use crate::{
    deno::Deno,
    mail::Mail,
    mount::Mount,
    redis,
    sentry::Sentry,
    slack::Slack,
    smtp::{PASSWORD, USER},
    stage::Stage,
    support::host::{Place, Running},
};

/// The publishable key of the project, which the service repeats in a label.
pub(crate) const SUPABASE_KEY: &str = "sb_publishable_canary-of-the-project";

/// Pending reservations, more than the hundred that are allowed.
pub(crate) const PENDING: usize = 142;

/// A disk of one's own, and how much of it is taken when it is nearly full.
const DISK_KIB: u32 = 4_096;
const DISK_TAKEN_BYTES: usize = 4_000 * 1_024;

/// All that takes part.
pub(crate) struct Setting {
    pub(crate) stage: Stage,
    pub(crate) slack: Slack,
    pub(crate) mail: Mail,
    pub(crate) sentry: Sentry,
    deno: Deno,
    redis: redis::Server,
    place: Place,
    /// None: this user may mount nothing.
    disk: Option<(Mount, PathBuf)>,
}

impl Setting {
    /// All is well.
    pub(crate) fn open() -> Self {
        let place = Place::new("");
        let disk = place.path("disk");
        std::fs::create_dir(&disk).expect("a directory");
        let setting = Self {
            stage: Stage::open(SUPABASE_KEY),
            slack: Slack::open(),
            mail: Mail::open(),
            sentry: Sentry::open(),
            deno: Deno::start(),
            redis: redis::Server::start(),
            disk: Mount::memory(&disk, DISK_KIB).map(|mount| (mount, disk)),
            place,
        };
        let rules = setting.place.path("rules");
        std::fs::create_dir(&rules).expect("a directory");
        setting.place.write("rules/osakamenesu.yml", &hurried_rules());
        setting.configure(WELL);
        setting.warm_up();
        setting
    }

    pub(crate) fn run(&self) -> Running {
        let key = self.sentry.key().to_owned();
        let url = self.slack.url();
        self.place.run_with(|command| {
            command
                .env("SUPABASE_KEY", SUPABASE_KEY)
                .env("REDIS_PASSWORD", redis::PASSWORD)
                .env("SLACK_URL", url)
                .env("SENTRY_KEY", key)
                .env("SMTP_PASSWORD", PASSWORD);
        })
    }

    /// Everything fails that can.
    pub(crate) fn breaks(&self, host: &Running) {
        self.stage.fails();
        let job = "{\"id\":1}";
        let push = ["LPUSH", "reservations"]
            .into_iter()
            .chain(std::iter::repeat_n(job, PENDING));
        self.redis.cli(&push.collect::<Vec<_>>());
        if let Some((_, disk)) = &self.disk {
            std::fs::write(disk.join("ballast"), vec![0x42; DISK_TAKEN_BYTES]).expect("room for it");
        }
        self.configure(BUSY);
        host.signal("HUP");
    }

    /// And is mended.
    pub(crate) fn recovers(&self, host: &Running) {
        self.stage.recovers();
        self.redis.cli(&["DEL", "reservations"]);
        if let Some((_, disk)) = &self.disk {
            std::fs::remove_file(disk.join("ballast")).expect("there");
        }
        self.configure(WELL);
        host.signal("HUP");
    }

    /// Where the disk of one's own is mounted.
    pub(crate) fn disk(&self) -> Option<&Path> {
        self.disk.as_ref().map(|(_, path)| path.as_path())
    }

    /// What no receiver may be told, in any form.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let all = [
            SUPABASE_KEY,
            redis::PASSWORD,
            crate::slack::CANARY,
            self.sentry.key(),
            PASSWORD,
        ];
        all.map(str::to_owned).into()
    }

    fn configure(&self, thresholds: &str) {
        self.place.configure(&self.configuration(thresholds));
    }

    /// Workers of Deno start at the first call, which may take longer than checks allow.
    fn warm_up(&self) {
        for name in ["calls", "passes_on"] {
            let body = format!("{{\"url\":\"{}\"}}", self.stage.url(""));
            let head = format!(
                "POST /functions/v1/{name} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                self.deno.address,
                body.len()
            );
            let mut stream = std::net::TcpStream::connect(&self.deno.address).expect("it listens");
            let answer = crate::support::host::exchange(&mut stream, &head);
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }

    fn configuration(&self, thresholds: &str) -> String {
        let (stage, mail) = (format!("http://127.0.0.1:{}", self.stage.port), &self.mail.server);
        format!(
            r#"
[history]
interval = "1s"

[connection.supabase]
url = "http://{deno}/"
methods = ["GET", "OPTIONS", "POST", "DELETE"]
headers.apikey = "${{secret:SUPABASE_KEY}}"

[connection.cache]
url = "redis://127.0.0.1:{redis}/0"
user = "{redis_user}"
password = "${{secret:REDIS_PASSWORD}}"

[connection.slack]
url = "${{secret:SLACK_URL}}"

[connection.sentry]
url = "{sentry}"
secrets.key = "${{secret:SENTRY_KEY}}"

[receiver.team]
plugin = "slack"
connection = "slack"

[receiver.issues]
plugin = "sentry"
connection = "sentry"
settings = {{ items = ["event"], resolved = true }}

[receiver.mail.email]
server = "127.0.0.1:{smtp}"
security = "starttls"
user = "{USER}"
password = "${{secret:SMTP_PASSWORD}}"
from = "Bellwether <watch@example.com>"
to = ["ops@example.org"]
tls = {{ ca = "{ca}", ca_only = true, server_name = "mail.example.com" }}

[alerting]
rule_files = ["rules/*.yml"]
evaluation_interval = "1s"
external_url = "https://watch.example.com"
receivers = ["team"]
group_by = ["alertname", "check"]
group_interval = "1s"
redact_labels = ["user_email"]

[[route]]
match = ['severity="critical"']
receivers = ["team", "mail", "issues"]
group_wait = "0s"

[[route]]
match = ['severity="warning"']
receivers = ["team", "mail", "issues"]
group_wait = "1s"

[[inhibit]]
source = ['severity="critical"']
target = ['severity="warning"']
equal = ["alertname", "instance", "check", "target"]

[[rule]]
alert = "LoginsFail"
expr = "osakamenesu_login_failures > 3"
labels.severity = "warning"
annotations.summary = "{{{{ $labels.user_email }}}} has failed {{{{ $value }}}} times with {{{{ $labels.token }}}}"

[check.machine]
plugin = "system"
allow = ["system"]
interval = "3s"
{thresholds}

[check.api]
plugin = "http"
interval = "10s"
settings.expect.latency_seconds = {{ warning = 2, critical = 5 }}
settings.targets = [{{ name = "search", url = "{stage}/slow" }}, {{ name = "recommend", url = "{stage}/very-slow" }}]

[check.edge]
plugin = "supabase-edge"
connection = "supabase"
interval = "5s"
timeout = "5s"

[check.edge.settings.functions.sync]
slug = "calls"
mode = "invoke"
json = {{ url = "{stage}/backend" }}

[check.edge.settings.functions.embed]
slug = "passes_on"
mode = "invoke"
json = {{ url = "{stage}/platform" }}

[[check.edge.settings.flows.order.steps]]
name = "make"
method = "POST"
path = "functions/v1/orders"
json = {{ note = "check {{{{run}}}}" }}
expect = {{ status = [201] }}
capture = {{ id = "/0/id" }}

[[check.edge.settings.flows.order.steps]]
name = "hand on"
method = "POST"
path = "functions/v1/calls"
json = {{ url = "{stage}/backend" }}

[[check.edge.settings.flows.order.steps]]
name = "remove"
method = "DELETE"
path = "functions/v1/orders?id={{{{id}}}}"
expect = {{ status = [204] }}
always = true

[check.edge-load]
plugin = "supabase-edge"
connection = "supabase"
interval = "1s"

[check.edge-load.settings.functions.like]
slug = "calls"
mode = "invoke"
json = {{ url = "{stage}/sometimes" }}

[check.models]
plugin = "ml-pipeline"
interval = "3s"
settings.ready.two_tower = {{ url = "{stage}/", preset = "triton", model = "two_tower_768" }}
settings.freshness.items = {{ url = "{stage}/data", at = "/newest" }}

[check.shop]
plugin = "prometheus"
interval = "3s"
settings.url = "{stage}/metrics"

[check.reservations]
plugin = "redis-queue"
connection = "cache"
interval = "3s"
prefix = "osakamenesu_"
settings = {{ backend = "celery", queues = ["reservations"], workers = false }}
"#,
            deno = self.deno.address,
            redis = self.redis.port(),
            redis_user = redis::USER,
            sentry = self.sentry.url(),
            smtp = mail.port,
            ca = mail.certificates.ca.display(),
        )
    }
}

/// As a user has them, but that no machine is as full as this.
const WELL: &str = r#"[check.machine.settings.thresholds]
cpu_percent = { warning = 100 }
memory_percent = { critical = 100 }
disk_percent = { warning = 85, critical = 95 }"#;

/// So low that any machine that runs is beyond them.
const BUSY: &str = r#"[check.machine.settings.thresholds]
cpu_percent = { critical = 0.01 }
memory_percent = { warning = 0.01 }
disk_percent = { warning = 85, critical = 95 }"#;

/// The rules of the example, over seconds instead of minutes.
fn hurried_rules() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/prometheus/osakamenesu.rules.yml");
    let mut text = std::fs::read_to_string(file).expect("the example is there");
    for (long, short) in [
        ("for: 5m", "for: 2s"),
        ("for: 10m", "for: 2s"),
        ("for: 1m", "for: 2s"),
        ("[5m]", "[15s]"),
    ] {
        assert!(text.contains(long), "no {long} in it any more");
        text = text.replace(long, short);
    }
    text
}
