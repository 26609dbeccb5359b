//! From what goes wrong to people: one host as a user configures it, real programs and servers that fail and are mended, and three receivers
//! that hear of every alert that the guides of two services name, with its labels and the verdict behind it, and of its end.
//!
//! Flows in: a real edge function in Deno, a real Redis, the machine itself with a disk of its own, and a stage that stands for an API, a
//! model server, a store of data and a service with metrics (`stage`). Flows out: what Slack's webhook would take (`slack`), what `aiosmtpd`
//! took, what Bugsink keeps, and every byte that went there.
//!
//! Needs: deno, redis-server, python, sentry-doubles
//! Budget: 12 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests watch real processes from outside: they read the clock, wait, and serve from threads of their own"
)]

#[path = "../supabase/deno.rs"]
mod deno;
#[path = "../sentry/doubles.rs"]
#[expect(dead_code, reason = "the suite of the plugin also asks the judge")]
mod doubles;
mod mail;
#[path = "../outages/mount.rs"]
#[expect(dead_code, reason = "another suite also writes to what cannot be written")]
mod mount;
#[path = "../queues/redis.rs"]
#[expect(dead_code, reason = "another suite also counts what it sends")]
mod redis;
mod row;
mod sentry;
#[path = "../support/server.rs"]
#[expect(dead_code, reason = "each suite uses a part of it")]
mod server;
mod setting;
mod slack;
#[path = "../email/server.rs"]
#[expect(dead_code, reason = "another suite speaks to it in other ways")]
mod smtp;
mod stage;
#[path = "../support"]
mod support {
    pub(crate) mod certificates;
    #[expect(dead_code, reason = "each suite uses a part of it")]
    pub(crate) mod host;
}
mod wire;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use row::Row;
use setting::{PENDING, Setting};
use stage::{CANARY, MODEL_REASON, USERS};
use support::host::Running;

/// How long it may take until everybody was told of everything: Slack takes one message a second, and a share of errors is one of the latest
/// 64 calls.
const PATIENCE: Duration = Duration::from_secs(200);

/// How often is looked. Bugsink is asked for everything it has each time.
const LOOK: Duration = Duration::from_secs(1);

/// The rows of the guides, and the alerts that come of them.
fn rows(setting: &Setting) -> Vec<Row> {
    let (critical, warning) = ("critical", "warning");
    let pending = format!("Value {PENDING}");
    let backing_up = format!("queue backing up: {PENDING} reservations are pending");
    let in_japanese = format!("予約キューが滞留しています（{PENDING} 件）");
    let mut rows = vec![
        Row::new(
            "A33",
            ("SystemCpuHigh", critical),
            &["check=machine", "target=cpu"],
            &["code cpu_high", "CPUs"],
        ),
        Row::new(
            "A34",
            ("SystemMemoryHigh", warning),
            &["check=machine", "target=memory"],
            &["code memory_high"],
        ),
        Row::new(
            "A36",
            ("HttpTargetFailing", warning),
            &["check=api", "target=search"],
            &["code slow"],
        ),
        Row::new(
            "A36",
            ("HttpTargetFailing", critical),
            &["check=api", "target=recommend"],
            &["code slow"],
        ),
        Row::new(
            "A37",
            ("EdgeFunctionErrorRatio", critical),
            &["check=edge-load", "operation=like"],
            &["of the latest calls went wrong"],
        ),
        Row::new(
            "A38",
            ("MlModelLoadFailed", critical),
            &["check=models", "target=two_tower", "model=two_tower_768"],
            &["code model_load_failed", MODEL_REASON],
        ),
        Row::new(
            "A39",
            ("EdgeFunctionDown", critical),
            &["check=edge", "operation=sync", "function=calls"],
            &[
                "Edge function sync does not work",
                "status 500, WORKER_ERROR (code worker_error)",
            ],
        ),
        Row::new(
            "A39",
            ("EdgeFunctionDown", critical),
            &["check=edge", "operation=embed", "function=passes_on"],
            &[
                "Edge function embed does not work",
                "status 546, WORKER_RESOURCE_LIMIT (code resource_limit)",
            ],
        ),
        Row::new(
            "A40",
            ("MlDataStopped", warning),
            &["check=models", "target=items", "kind=freshness"],
            &["code data_stopped"],
        ),
        Row::new(
            "A41",
            ("EdgeFlowFailed", critical),
            &["check=edge", "flow=order"],
            &["code flow_failed", "step 2 of 3, `hand on`: worker_error"],
        ),
        Row::new("B14", ("HighErrorRatio", critical), &[], &["% of the requests fail"]),
        Row::new(
            "B15",
            ("SlowAPIResponse", warning),
            &[],
            &["The API answers slowly: p95 is "],
        ),
        Row::new(
            "B17",
            ("QueueBackingUp", warning),
            &["check=reservations", "queue=reservations"],
            &[&pending, "code backing_up"],
        ),
        Row::new(
            "B17",
            ("ReservationQueueBackingUp", warning),
            &["check=reservations", "queue=reservations"],
            &[&pending, &backing_up, &in_japanese],
        ),
        Row::new("B18", ("HighErrorRate", warning), &[], &["errors per second"]),
        Row::new("B19", ("SlowAPIResponse", warning), &[], &["The threshold is 3 s."]),
        Row::new(
            "B20",
            ("DatabaseConnectionPoolExhausted", critical),
            &["check=shop"],
            &["95% of the database's connections are in use"],
        ),
        Row::new(
            "A60",
            ("LoginsFail", warning),
            &["check=shop", "user_email=[hidden:"],
            &["has failed 5 times"],
        ),
    ];
    if let Some(disk) = setting.disk() {
        let target = format!("target=\"disk {}\"", disk.display());
        rows.push(Row::new(
            "A35",
            ("SystemDiskProblem", critical),
            &["check=machine", &target],
            &["code disk_full"],
        ));
    }
    rows
}

/// What every receiver was told until now, by its name.
fn told(setting: &mut Setting) -> [(&'static str, Vec<String>); 3] {
    [
        ("Slack", setting.slack.shown()),
        ("mail", setting.mail.shown()),
        ("Sentry", setting.sentry.events().iter().map(sentry::shown).collect()),
    ]
}

/// Waits until all rows are so at every receiver.
fn until_all(setting: &mut Setting, rows: &[Row], is_so: fn(&Row, &[String]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = told(setting);
        let lacks = |row: &Row| {
            let lacking = all.iter().filter(|(_, notifications)| !is_so(row, notifications));
            let lacking: Vec<&str> = lacking.map(|(name, _)| *name).collect();
            (!lacking.is_empty()).then(|| format!("{} {} ({}) at {lacking:?}", row.item, row.alert, row.severity))
        };
        let missing: Vec<String> = rows.iter().filter_map(lacks).collect();
        if missing.is_empty() {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "missing: {missing:#?}\nof what was told: {all:#?}"
        );
        std::thread::sleep(LOOK);
    }
}

/// Waits until every check has reported so many times, and all of them that all is well.
fn until_all_is_well(host: &Running) {
    let is_well = |body: &str| {
        let runs = |line: &&str| line.starts_with("bellwether_check_runs_total{") && line.contains("outcome=\"ok\"");
        let counts = body
            .lines()
            .filter(runs)
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        counts.filter(|runs| *runs >= 2.0).count() >= 7
    };
    host.eventually("/metrics", is_well);
    host.eventually("/health/detailed", |body| {
        serde_json::from_str::<serde_json::Value>(body).is_ok_and(|health| health["status"] == "healthy")
    });
}

/// Alerts that fire now, but for what is the machine's own: it may be as busy or as full as it is.
fn firing(host: &Running) -> Vec<serde_json::Value> {
    let all = host.get_json("/api/v2/alerts");
    let is_ours = |alert: &&serde_json::Value| {
        let name = alert["labels"]["alertname"].as_str().unwrap_or_default();
        // The latest hundred calls of a function, and the hour in which an error is new, outlast the test.
        let lasting = ["EdgeFunctionErrorRatio", "NewError"];
        !["SystemCpuHigh", "SystemDiskProblem"].contains(&name) && !lasting.contains(&name)
    };
    all.as_array()
        .expect("a list")
        .iter()
        .filter(is_ours)
        .cloned()
        .collect()
}

#[test]
fn every_alert_of_both_guides_reaches_three_receivers_with_its_reason_and_so_does_its_end() {
    let mut setting = Setting::open();
    let host = setting.run();
    until_all_is_well(&host);
    assert_eq!(firing(&host), Vec::<serde_json::Value>::new(), "all is well");
    setting.breaks(&host);
    let rows = rows(&setting);
    until_all(&mut setting, &rows, Row::is_told);
    counts_stand_in_sentry(&mut setting);
    two_hidden_values_stay_two(&mut setting);

    setting.recovers(&host);
    until_all(&mut setting, &rows, Row::is_over);
    let deadline = Instant::now() + PATIENCE;
    while !firing(&host).is_empty() {
        assert!(Instant::now() < deadline, "it fires on: {:#?}", firing(&host));
        std::thread::sleep(LOOK);
    }
    host.stop();
    setting.slack.is_content();
    setting.mail.is_content();
    nothing_leaks(&mut setting);
}

/// The message about the queue is a warning, and carries the number as a number.
fn counts_stand_in_sentry(setting: &mut Setting) {
    let events = setting.sentry.events();
    let is_it = |event: &&serde_json::Value| event["tags"]["alertname"] == "ReservationQueueBackingUp";
    let event = events.iter().find(is_it).expect("told");
    assert_eq!(event["level"], "warning");
    assert_eq!(event["contexts"]["monitor"]["value"].as_f64(), Some(PENDING as f64));
}

/// Two people cannot log in: two alerts in one message, of which nobody sees who they are.
fn two_hidden_values_stay_two(setting: &mut Setting) {
    for (receiver, notifications) in told(setting) {
        let about = notifications
            .iter()
            .filter(|notification| notification.contains("FIRING LoginsFail"));
        let hidden = |notification: &String| {
            let values = notification.split("user_email=[hidden:").skip(1);
            values
                .filter_map(|rest| rest.split(']').next())
                .map(str::to_owned)
                .collect::<BTreeSet<_>>()
        };
        let most = about.map(hidden).map(|values| values.len()).max();
        assert_eq!(most, Some(2), "{receiver}: {notifications:#?}");
    }
}

/// Nothing that may not leave is in any byte to any of the three.
fn nothing_leaks(setting: &mut Setting) {
    let mut gone = setting.secrets();
    gone.extend(
        USERS
            .iter()
            .flat_map(|user| user.split(['.', '@']))
            .filter(|part| !["example", "com"].contains(part))
            .map(str::to_owned),
    );
    gone.push(CANARY.to_owned());
    let all = [setting.slack.bytes(), setting.mail.bytes(), setting.sentry.bytes()];
    for bytes in all.iter().flatten() {
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        for secret in &gone {
            assert!(!text.contains(&secret.to_ascii_lowercase()), "{secret} in {text}");
        }
    }
}
