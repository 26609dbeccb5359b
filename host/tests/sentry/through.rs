//! Runs of checks on their way to Sentry, through the real binary: what its cron monitors and traces are told, how often, and what they
//! are not.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use crate::{
    KEY,
    doubles::judge,
    envelopes::{heard, items, items_of, of_type, until},
    server::{Heard, Server},
    support::host::{Place, Running, sample},
    taken,
};

/// The connection, and a receiver that hears of runs.
fn receiver(server: &Server, runs: &str, more: &str) -> String {
    format!(
        "[connection.sentry]\nurl = \"{}\"\nsecrets.key = \"${{secret:SENTRY_KEY}}\"\n\n[receiver.sentry]\nplugin = \"sentry\"\n\
         connection = \"sentry\"\nruns = {runs}\nsettings.traces_sample_rate = 1\n{more}\n",
        server.url("sentry/api/7/")
    )
}

/// A check of a page, every second.
fn check(name: &str, url: &str) -> String {
    format!("[check.{name}]\nplugin = \"http\"\ninterval = \"1s\"\nsettings.url = \"{url}\"\n")
}

fn run(place: &Place) -> Running {
    place.run_with(|command| {
        command.env("SENTRY_KEY", KEY);
    })
}

async fn website() -> Server {
    Server::start(|_| Some((200, "", "well".to_owned()))).await
}

/// How many runs of a check have ended.
fn runs_of(host: &Running, check: &str) -> f64 {
    let body = host.get("/metrics").body;
    let of = format!("bellwether_check_runs_total{{check=\"{check}\"");
    let counts = body.lines().filter(|line| line.starts_with(&of));
    counts
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// Some more runs of a check end, so that what they would have caused is there.
async fn goes_on(host: &Running, check: &str, runs: f64) {
    let before = runs_of(host, check);
    until("more runs", || runs_of(host, check) >= before + runs).await;
}

/// Slugs of check-ins with how often each was told, and their status.
fn monitors(check_ins: &[Value]) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for check_in in check_ins {
        let text = |name: &str| check_in[name].as_str().expect("text");
        all.entry(text("monitor_slug")).or_default().push(text("status"));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_become_check_ins_once_a_minute_and_transactions_with_what_they_asked() {
    let (server, site) = (Server::start(taken).await, website().await);
    let page = site.url("");
    let place = Place::new(&format!(
        "{}{}{}[check.web-denied]\nplugin = \"system\"\ninterval = \"1s\"\n\n\
         [check.web-asked]\nplugin = \"http\"\ncron = \"5 4 1 1 *\"\ntimezone = \"Europe/Berlin\"\nsettings.url = \"{page}\"\n",
        receiver(&server, "[\"web*\"]", ""),
        check("web", &page),
        check("other", &page),
    ));
    let host = run(&place);
    until("a transaction of each", || {
        let all = of_type(&server, "transaction");
        let names: BTreeSet<&str> = all.iter().filter_map(|one| one["transaction"].as_str()).collect();
        names.contains("check web") && names.contains("check web-denied")
    })
    .await;
    assert_eq!(host.post("/api/v1/checks/web-asked/run").status, 200);
    until("what was asked for", || {
        of_type(&server, "check_in")
            .iter()
            .any(|one| one["monitor_slug"] == json!("web-asked"))
    })
    .await;
    let transactions = heard(&server, "transaction", 20).await;
    let check_ins = of_type(&server, "check_in");
    let told = monitors(&check_ins);
    assert_eq!(
        told.keys().copied().collect::<Vec<_>>(),
        ["web", "web-asked", "web-denied"]
    );
    assert_eq!((told["web"][0], told["web-denied"][0]), ("ok", "error"));
    let config = |slug: &str| {
        let one = check_ins.iter().find(|one| one["monitor_slug"] == json!(slug));
        one.expect("a check-in")["monitor_config"].clone()
    };
    assert_eq!(
        config("web")["schedule"],
        json!({ "type": "interval", "value": 1, "unit": "minute" })
    );
    assert_eq!(
        (
            config("web-asked")["schedule"].clone(),
            config("web-asked")["timezone"].clone()
        ),
        (
            json!({ "type": "crontab", "value": "5 4 1 1 *" }),
            json!("Europe/Berlin")
        )
    );
    has_parts(&transactions);
    every_part_is_accepted(&server);
    apart_by_a_minute(&server);
    let taken = "bellwether_forwarded_items_total{receiver=\"sentry\",kind=\"runs\",outcome=\"taken\"}";
    let metrics = host.eventually("/metrics", |body| of_receiver(body, taken) >= 20.0);
    let said = host.stop().join("\n");
    for text in [&said, &metrics] {
        assert!(!text.contains(KEY), "the key stands in the host's own words");
    }
}

/// The value of a series whose labels may come in any order.
fn of_receiver(metrics: &str, series: &str) -> f64 {
    let (name, labels) = series.trim_end_matches('}').split_once('{').expect("labels");
    let labels: Vec<&str> = labels.split(',').collect();
    let own = metrics
        .lines()
        .find(|line| line.starts_with(&format!("{name}{{")) && labels.iter().all(|label| line.contains(label)));
    own.and_then(|line| sample(metrics, line.rsplit_once(' ')?.0))
        .unwrap_or(0.0)
}

/// Of each page that was asked for: the request, and below it its parts, within it.
fn has_parts(transactions: &[Value]) {
    let one = transactions
        .iter()
        .find(|one| one["transaction"] == json!("check web"))
        .expect("a transaction");
    let spans = one["spans"].as_array().expect("spans");
    let named = |name: &str| {
        let found = spans.iter().find(|span| span["description"] == json!(name));
        found.unwrap_or_else(|| panic!("no span {name}: {spans:#?}"))
    };
    let request = named("http");
    assert_eq!(
        (&request["op"], &request["parent_span_id"]),
        (&json!("http.client"), &one["contexts"]["trace"]["span_id"])
    );
    let time = |of: &Value, end: &str| of[end].as_f64().expect("a time");
    for part in ["processing", "transfer"] {
        let part = named(part);
        assert_eq!(part["parent_span_id"], request["span_id"]);
        assert!(
            time(part, "start_timestamp") >= time(request, "start_timestamp") - 1e-6,
            "{part}"
        );
        assert!(time(part, "timestamp") <= time(request, "timestamp") + 1e-6, "{part}");
    }
    assert_eq!(one["contexts"]["trace"]["status"], json!("ok"));
    let denied = transactions
        .iter()
        .find(|one| one["transaction"] == json!("check web-denied"));
    let trace = &denied.expect("a transaction")["contexts"]["trace"];
    assert_eq!(trace["status"], json!("permission_denied"));
    assert!(
        trace["data"]["message"]
            .as_str()
            .is_some_and(|why| why.contains("allow")),
        "{trace}"
    );
}

/// The first envelope of each sort, before Sentry's parser and Relay's normaliser; and the key where it belongs, and nowhere else.
fn every_part_is_accepted(server: &Server) {
    let mut known = BTreeSet::new();
    for heard in server.heard() {
        let auth = heard.header("x-sentry-auth").expect("a header");
        assert!(auth.ends_with(&format!("sentry_key={KEY}")));
        assert!(!heard.text().contains(KEY));
        let sort: Vec<String> = items_of(&heard).into_iter().map(|(kind, _)| kind).collect();
        if known.insert(sort) {
            for item in judge(&heard.body)["items"].as_array().expect("items") {
                assert_eq!(item["complaints"], json!([]), "{item}");
            }
        }
    }
}

/// No monitor is told twice within a minute.
fn apart_by_a_minute(server: &Server) {
    let mut before: BTreeMap<String, i64> = BTreeMap::new();
    for heard in server.heard() {
        let first = heard.text();
        let headers: Value = serde_json::from_str(first.lines().next().expect("a line")).expect("JSON");
        let at = bellwether::clock::of_rfc3339(headers["sent_at"].as_str().expect("a time")).expect("a time");
        for (_, check_in) in items_of(&heard).into_iter().filter(|(kind, _)| kind == "check_in") {
            let slug = check_in["monitor_slug"].as_str().expect("text").to_owned();
            if let Some(last) = before.insert(slug.clone(), at) {
                assert!(at - last >= 60_000, "{slug} was told again after {} ms", at - last);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_host_is_silent_and_one_that_is_back_does_not_tell_a_monitor_twice_in_a_minute() {
    let (server, site) = (Server::start(taken).await, website().await);
    let place = Place::new(&format!(
        "{}{}",
        receiver(&server, "[\"*\"]", "settings.checkin_margin = 3\n"),
        check("web", &site.url("")),
    ));
    let mut host = run(&place);
    let first = heard(&server, "check_in", 1).await;
    assert_eq!(
        first[0]["monitor_config"]["checkin_margin"],
        json!(3),
        "how long Sentry waits for the next"
    );
    // Another batch came after it, so that what the plugin remembers is on disk.
    let before = of_type(&server, "transaction").len();
    heard(&server, "transaction", before + 6).await;
    host.child.kill().expect("it ran");
    host.wait();
    let silent = items(&server).len();
    let host = run(&place);
    assert_eq!(items(&server).len(), silent, "nobody spoke while it was dead");
    heard(&server, "transaction", of_type(&server, "transaction").len() + 6).await;
    host.stop();
    apart_by_a_minute(&server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_by_category_are_obeyed_while_alerts_still_go_and_what_was_dropped_is_reported() {
    let asked = AtomicUsize::new(0);
    let limits = "x-sentry-rate-limits: 600:monitor:key, 25:transaction;span:organization\r\n";
    let answer = move |_: &Heard| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Some((429, limits, "{}".to_owned())),
        _ => Some((200, "", "{}".to_owned())),
    };
    let (server, site) = (Server::start(answer).await, website().await);
    let place = Place::new(&format!(
        "[history]\ninterval = \"1s\"\n\n[alerting]\nevaluation_interval = \"1s\"\ngroup_wait = \"0s\"\nbundled_rules = false\nreceivers = [\"sentry\"]\n\n{}{}\
         [[rule]]\nalert = \"Fires\"\nexpr = 'bellwether_check_runs_total > 12'\n",
        receiver(&server, "[\"*\"]", ""),
        check("web", &site.url("")),
    ));
    let host = run(&place);
    let events = heard(&server, "event", 1).await;
    assert_eq!(events[0]["tags"]["alertname"], json!("Fires"));
    let transactions = heard(&server, "transaction", 3).await;
    assert_eq!(transactions[0]["transaction"], json!("check web"));
    let reports = heard(&server, "client_report", 1).await;
    let lost = |category: &str| -> u64 {
        let all = reports
            .iter()
            .filter_map(|report| report["discarded_events"].as_array())
            .flatten();
        let own =
            all.filter(|lost| lost["category"] == json!(category) && lost["reason"] == json!("ratelimit_backoff"));
        own.filter_map(|lost| lost["quantity"].as_u64()).sum()
    };
    assert!(
        lost("transaction") >= 3 && lost("span") > lost("transaction"),
        "{reports:#?}"
    );
    assert_eq!(
        of_type(&server, "check_in").len(),
        1,
        "monitors are limited for ten minutes"
    );
    let heard = server.heard();
    let (first, second) = (items_of(&heard[0]), items_of(&heard[1]));
    assert_eq!(
        (first[0].0.as_str(), second[0].0.as_str()),
        ("check_in", "event"),
        "alerts go meanwhile"
    );
    host.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_ends_and_begins_what_a_receiver_hears_and_a_stop_sends_what_waits() {
    let (server, site) = (Server::start(taken).await, website().await);
    let with = |runs: &str, more: &str| {
        format!(
            "[alerting]\nreceivers = [\"sentry\"]\n\n{}{}{}",
            receiver(&server, runs, more),
            check("web", &site.url("")),
            check("api", &site.url("")),
        )
    };
    let place = Place::new(&with("[]", ""));
    let mut host = run(&place);
    host.line("All checks are loaded.");
    goes_on(&host, "web", 3.0).await;
    place.configure(&with("[\"web\"]", ""));
    host.signal("HUP");
    host.line("The configuration was reloaded.");
    heard(&server, "transaction", 3).await;
    // Another release from here on, and another check.
    place.configure(&with("[\"api\"]", "settings.release = \"shop@2\"\n"));
    host.signal("HUP");
    host.line("The configuration was reloaded.");
    until("the other release", || {
        let all = of_type(&server, "transaction");
        all.iter()
            .any(|one| one["release"] == json!("shop@2") && one["transaction"] == json!("check api"))
    })
    .await;
    place.configure(&with("[]", "settings.release = \"shop@3\"\n"));
    host.signal("HUP");
    host.line("The configuration was reloaded.");
    // What was under way when it was told.
    goes_on(&host, "api", 2.0).await;
    let silent = items(&server).len();
    goes_on(&host, "api", 8.0).await;
    assert_eq!(items(&server).len(), silent);
    place.configure(&with("[\"*\"]", "settings.release = \"shop@4\"\n"));
    host.signal("HUP");
    host.line("The configuration was reloaded.");
    goes_on(&host, "web", 1.0).await;
    host.stop();
    let all = of_type(&server, "transaction");
    assert!(
        all.iter().any(|one| one["release"] == json!("shop@4")),
        "what waited was sent before the end"
    );
    assert!(
        all.iter().all(|one| one["release"] != json!("shop@3")),
        "what nobody wants any more was not"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_refused_where_nobody_carries_them_and_of_checks_that_are_not_there() {
    let sentry = "[connection.sentry]\nurl = \"https://sentry.example.com/api/1/\"\n\n[check.web-shop]\nplugin = \"http\"\n\n\
                  [receiver.sentry]\nplugin = \"sentry\"\nconnection = \"sentry\"\n";
    let said =
        Place::new(&format!("{sentry}runs = [\"web-shpo\", \"later-*\"]\n")).finish(&["validate", "--no-plugins"]);
    assert_ne!(said.code, 0);
    for text in ["there is no check `web-shpo`", "did you mean \"web-shop\"?"] {
        assert!(said.stderr.contains(text), "{text}\n{}", said.stderr);
    }
    let said = Place::new(&format!("{sentry}runs = [\"later-*\"]\n")).finish(&["validate", "--no-plugins"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stderr.contains("no check fits \"later-*\" in `runs`"),
        "{}",
        said.stderr
    );
    let place = Place::new(
        "[connection.chat]\nurl = \"https://chat.example.com/\"\n\n[receiver.chat]\nplugin = \"webhook\"\nconnection = \"chat\"\n\
         runs = [\"*\"]\n",
    );
    let said = place.finish(&["validate"]);
    assert_ne!(said.code, 0);
    assert!(
        said.stderr.contains("plugin `webhook` does not carry runs of checks")
            && said.stderr.contains("bellwether.toml:"),
        "{}",
        said.stderr
    );
}
