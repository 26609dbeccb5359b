//! Both text formats, whole, as strict parsers see them.

use std::{collections::BTreeSet, io::Read as _, process::Command};

use super::{
    host::{Answer, request},
    parsers::{Parsed, Parser, Series},
    shop::{self, Shop},
    tools::{self, Said},
};

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

/// The label values of the guest `every_kind`, after the rule that "" is no label.
const NASTY: &[&str] = &[
    "",
    " ",
    " both ends ",
    "\"",
    "say \"hello\"",
    "\\",
    "C:\\new\\table\\",
    "\\n",
    "\\\"",
    "\n",
    "two\nlines\n",
    "tab\there",
    "a=\"b\",c=\"d\"} 1",
    "{}",
    "# EOF",
    "# HELP shop_jobs Another.",
    "one, two; three",
    "1e3",
    "NaN",
    "grün 温度 🔔",
    "e\u{301}",
    "null\u{a0}width\u{200b}",
];

fn scrape(shop: &Shop, headers: &[(&str, &str)]) -> Answer {
    let answer = request(shop.running.address(), "GET", "/metrics", headers);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// Both formats of one snapshot: whatever changes from one to the next, the time of a run or the host's own cost changes.
fn both(shop: &Shop) -> (String, String) {
    let moment = |body: &str| {
        let tells = [
            "bellwether_check_last_run_timestamp_seconds",
            "process_cpu_seconds_total",
            "bellwether_schedule_lateness_seconds_count",
        ];
        let lines = body
            .lines()
            .filter(|line| tells.iter().any(|tell| line.starts_with(tell)));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    for _ in 0..100 {
        let text = scrape(shop, &[]).body;
        let open_metrics = scrape(shop, &[("Accept", OPEN_METRICS)]).body;
        if moment(&text) == moment(&open_metrics) {
            return (text, open_metrics);
        }
    }
    panic!("there was a new snapshot between any two scrapes");
}

fn lint(exposition: &str) -> Said {
    tools::feed(
        Command::new(tools::program("promtool")).args(["check", "metrics"]),
        exposition.as_bytes(),
    )
}

/// Lines that promtool says about `exposition`, without those about these names.
fn complaints(said: &Said, but: impl Fn(&str) -> bool) -> Vec<&str> {
    let lines = said.stderr.lines().filter(|line| !line.is_empty());
    lines
        .filter(|line| !but(line.split(' ').next().unwrap_or_default()))
        .collect()
}

#[tokio::test]
async fn promtool_finds_nothing_to_say_about_what_is_named_by_us() {
    let shop = shop::open(2).await;
    let said = lint(&scrape(&shop, &[]).body);
    // Names that node_exporter chose, after the kernel's, and that are reported on request.
    assert_eq!(
        complaints(&said, |name| name.starts_with("node_memory_")),
        Vec::<&str>::new()
    );
    // 3: it was parsed whole, and there is something about style.
    assert_eq!(said.code, Some(3), "{said:?}");
}

#[test]
fn promtool_accepts_the_quickstart_without_a_word() {
    let place =
        super::host::Place::new("[check.machine]\nplugin = \"system\"\nallow = [\"system\"]\ninterval = \"1s\"\n");
    let running = place.run();
    running.value("bellwether_check_runs_total{check=\"machine\",outcome=\"ok\"}");
    let body = running.eventually("/metrics", |body| body.contains("\nsystem_cpu_"));
    let said = lint(&body);
    assert_eq!((said.code, &*said.stderr), (Some(0), ""), "{said:?}");
}

#[test]
fn promtool_does_complain_when_there_is_reason_to() {
    let said = lint("# TYPE shop_jobs counter\nshop_jobs 1\n");
    assert_eq!(
        (said.code, complaints(&said, |_| false).len()),
        (Some(3), 2),
        "{said:?}"
    );
    assert_eq!(lint("shop_jobs{ 1\n").code, Some(1));
}

#[tokio::test]
async fn both_formats_say_the_same_to_parsers_of_others() {
    let shop = shop::open(2).await;
    let (text, open_metrics) = both(&shop);
    let (text, open_metrics) = (
        Parsed::read(Parser::Text, &text),
        Parsed::read(Parser::OpenMetrics, &open_metrics),
    );
    only_these_differ(&text, &open_metrics);
    for (series, value) in &open_metrics.samples {
        if let Some(other) = text.samples.get(series) {
            assert_eq!(
                f64::from_bits(*value).to_bits(),
                f64::from_bits(*other).to_bits(),
                "{series:?}"
            );
        }
    }
    for family in &open_metrics.families {
        // The text parser too takes `_total` off the names of counters, but not `_info` off those of infos.
        let name = if family.kind == "info" {
            format!("{}_info", family.name)
        } else {
            family.name.clone()
        };
        assert_eq!(family.help, text.family(&name).help, "{name}");
        assert!(!family.help.is_empty(), "{name} has no help");
    }
    told_as_meant(&text);
    told_as_meant(&open_metrics);
    kinds_are_kept(&open_metrics);
}

/// OpenMetrics has the times at which totals of the host began, and no sum and count of a histogram with negative buckets.
fn only_these_differ(text: &Parsed, open_metrics: &Parsed) {
    let (text, open_metrics) = (text.series(), open_metrics.series());
    let names = |series: Vec<&Series>| {
        series
            .into_iter()
            .map(|(name, _)| name.clone())
            .collect::<BTreeSet<_>>()
    };
    let began = names(open_metrics.difference(&text).copied().collect());
    assert!(began.iter().all(|name| name.ends_with("_created")), "{began:?}");
    for name in [
        "shop_visits_created",
        "shop_wait_seconds_created",
        "bellwether_check_runs_created",
    ] {
        assert!(began.contains(name), "{began:?}");
    }
    let only_text = names(text.difference(&open_metrics).copied().collect());
    assert_eq!(
        only_text,
        BTreeSet::from(["shop_drift_celsius_count", "shop_drift_celsius_sum"].map(str::to_owned))
    );
}

/// Samples against what the guest reported.
fn told_as_meant(parsed: &Parsed) {
    let jobs = parsed.by_label("shop_jobs", "queue");
    let meant: Vec<_> = NASTY.iter().enumerate().map(|(at, text)| (*text, at as f64)).collect();
    assert_eq!(jobs, meant.into_iter().collect());
    assert_eq!(parsed.family("shop_jobs").help, "Jobs in a \"queue\", by C:\\folder.");
    let edges = parsed.by_label("shop_edge_seconds", "which");
    assert!(edges["nan"].is_nan());
    let exact = [
        ("infinity", f64::INFINITY),
        ("minus infinity", f64::NEG_INFINITY),
        // `-0` as we write it, which Python takes for a whole number.
        ("minus zero", 0.0),
        ("smallest", f64::from_bits(1)),
        ("smallest normal", f64::MIN_POSITIVE),
        ("largest", f64::MAX),
        ("a third", 1.0 / 3.0),
        ("sum of tenths", 0.1 + 0.2),
        ("past exact integers", 9_007_199_254_740_993.0),
        ("a trillion", 1e12),
        ("a billionth", 1e-9),
    ];
    assert_eq!(edges.len(), exact.len() + 1);
    for (which, value) in exact {
        assert_eq!(edges[which].to_bits(), value.to_bits(), "{which}: {}", edges[which]);
    }
    let staff = parsed
        .series()
        .into_iter()
        .find(|(name, _)| name == "shop_staff")
        .expect("there")
        .1
        .clone();
    let staff: Vec<_> = staff
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        staff,
        [
            ("check", "shop"),
            ("exported_check", "x"),
            ("exported_team", "y"),
            ("team", "the \"A\" team\\")
        ]
    );
    totals_fit_together(parsed);
    let statuses = parsed.series().into_iter().filter(|(name, labels)| {
        name == "bellwether_check_status" && labels.get("target").is_some_and(|target| target == "say \"hello\"\\")
    });
    assert_eq!(statuses.count(), 4);
}

/// What the host adds up itself: after n runs, n times what one reports.
fn totals_fit_together(parsed: &Parsed) {
    let runs = parsed.by_label("shop_orders_total", "desk")["front"];
    assert!(runs >= 2.0);
    let visits = parsed.by_label("shop_visits_total", "door");
    assert_eq!(visits.len(), NASTY.len());
    let waits = parsed.by_label("shop_wait_seconds_bucket", "le");
    let told = visits[""];
    assert!(told >= 1.0 && told <= runs, "{told} of {runs}");
    for (at, text) in NASTY.iter().enumerate() {
        assert_eq!(visits[text], told * (at + 1) as f64, "{text:?}");
    }
    assert_eq!(
        waits,
        [
            ("0.5", told),
            ("1.0", told * 2.0),
            ("2.5", told * 3.0),
            ("+Inf", told * 4.0)
        ]
        .into()
    );
}

fn kinds_are_kept(open_metrics: &Parsed) {
    let kinds = [
        ("shop_jobs", "gauge", ""),
        ("shop_edge_seconds", "gauge", "seconds"),
        ("shop_orders", "counter", ""),
        ("shop_visits", "counter", ""),
        ("shop_checkout_duration_seconds", "histogram", "seconds"),
        ("shop_drift_celsius", "histogram", "celsius"),
        ("shop_wait_seconds", "histogram", "seconds"),
        ("shop_answer_seconds", "summary", "seconds"),
        ("shop_legacy", "unknown", ""),
        ("shop_build", "info", ""),
        ("shop_door", "stateset", ""),
        ("shop_light", "gauge", ""),
        ("bellwether_build", "info", ""),
        ("process_cpu_seconds", "counter", "seconds"),
        ("process_resident_memory_bytes", "gauge", "bytes"),
        ("bellwether_schedule_lateness_seconds", "histogram", "seconds"),
    ];
    for (name, kind, unit) in kinds {
        let family = open_metrics.family(name);
        assert_eq!((&*family.kind, &*family.unit), (kind, unit), "{name}");
    }
    let shop = open_metrics
        .families
        .iter()
        .filter(|family| family.name.starts_with("shop_"));
    assert_eq!(shop.count(), shop::FAMILIES_OF_EVERY_KIND);
}

#[tokio::test]
async fn compressed_answers_and_bare_heads_are_the_same_answer() {
    let shop = shop::open(1).await;
    for accept in ["text/plain", OPEN_METRICS] {
        let packed = scrape(&shop, &[("Accept", accept), ("Accept-Encoding", "gzip")]);
        assert!(
            packed.head.to_ascii_lowercase().contains("content-encoding: gzip"),
            "{}",
            packed.head
        );
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*packed.bytes)
            .read_to_string(&mut text)
            .expect("gzip");
        assert!(
            packed.bytes.len() * 4 < text.len(),
            "{} bytes of {}",
            packed.bytes.len(),
            text.len()
        );
        let parser = if accept == OPEN_METRICS {
            Parser::OpenMetrics
        } else {
            Parser::Text
        };
        assert!(!Parsed::read(parser, &text).samples.is_empty());
        let head = request(shop.running.address(), "HEAD", "/metrics", &[("Accept", accept)]);
        let get = scrape(&shop, &[("Accept", accept)]);
        assert_eq!((head.status, head.bytes.len()), (200, 0));
        assert_eq!(names_of_headers(&head), names_of_headers(&get));
        assert_eq!(header(&head, "content-type"), header(&get, "content-type"));
        assert!(header(&head, "content-length").parse::<usize>().expect("a length") > 10_000);
    }
}

fn names_of_headers(answer: &Answer) -> BTreeSet<String> {
    let lines = answer.head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.map(|(name, _)| name.to_ascii_lowercase()).collect()
}

fn header(answer: &Answer, wanted: &str) -> String {
    let mut lines = answer.head.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found
        .unwrap_or_else(|| panic!("no {wanted} in {}", answer.head))
        .1
        .to_owned()
}
