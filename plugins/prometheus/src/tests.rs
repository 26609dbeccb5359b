//! The plugin as the host runs it, on the fake one.

use bellwether_sdk::{
    FailureKind, Status,
    fake::{self, Fake, Run, assert_readme, assert_rules, assert_sample, json, no_answer},
    http::{Error, Failure, Phase, Request, Response},
    report::{MetricFamily, Points},
};
use serde_json::Value;

use crate::Prometheus;

const EXPORTER: &str = "\
# HELP jobs_total Jobs done.
# TYPE jobs_total counter
jobs_total{queue=\"mail\",check=\"theirs\"} 3
jobs_total{queue=\"sms\"} 4
# TYPE heat_celsius gauge
heat_celsius{sensor=\"a\"} 41.5
# TYPE wait_seconds histogram
wait_seconds_bucket{le=\"0.5\"} 1
wait_seconds_bucket{le=\"+Inf\"} 2
wait_seconds_sum 3.5
wait_seconds_count 2
# TYPE size summary
size{quantile=\"0.5\"} 7
size_sum 14
size_count 2
odd 5
";

const OPEN: &str = "\
# TYPE jobs counter
jobs_total 3 # {trace=\"x\"} 1
jobs_created 1600000000
# TYPE mode stateset
mode{mode=\"fast\",unit=\"a\"} 1
mode{mode=\"slow\",unit=\"a\"} 0
# TYPE build info
build_info{version=\"1.2\"} 1
# TYPE wait_seconds gauge
# UNIT wait_seconds seconds
wait_seconds 2
# EOF
";

fn answer(status: u16, content_type: &str, body: &str) -> Response {
    let mut answer = fake::answer(status, body);
    answer.headers = vec![("content-type".into(), content_type.as_bytes().to_vec())];
    answer.phases.total_ns = 25_000_000;
    answer
}

fn text(body: &str) -> Response {
    answer(200, "text/plain; version=0.0.4; charset=utf-8", body)
}

fn open(body: &str) -> Response {
    answer(200, "application/openmetrics-text; version=1.0.0; charset=utf-8", body)
}

type Answered = Result<Response, Box<Failure>>;

fn run_with(settings: Value, answer: impl FnMut(&Request) -> Answered + 'static) -> Run {
    Fake::new().with_http(answer).run::<Prometheus>(settings)
}

/// One target, called `t`, that gives this answer; `more` are further settings.
fn scraped(more: impl Into<Value>, answered: Answered) -> Run {
    let more: Value = more.into();
    let mut settings = json!({ "url": "http://127.0.0.1:9100/metrics", "name": "t" });
    for (name, value) in more.as_object().into_iter().flatten() {
        settings[name] = value.clone();
    }
    run_with(settings, move |_| answered.clone())
}

fn family<'r>(run: &'r Run, name: &str) -> &'r MetricFamily {
    let families = run.report().families();
    families
        .iter()
        .find(|family| family.name == name)
        .unwrap_or_else(|| panic!("no `{name}` in {families:#?}"))
}

fn code(run: &Run) -> (Status, &str, &str) {
    let verdict = run.verdict("t");
    (verdict.status, &verdict.code, &verdict.summary)
}

#[test]
fn what_an_exporter_serves_is_merged_with_its_types() {
    let run = scraped(json!({}), Ok(text(EXPORTER)));
    assert_eq!(code(&run), (Status::Ok, "", "11 samples, 5 families merged, 25 ms"));
    let jobs = family(&run, "jobs_total");
    assert_eq!(
        (jobs.help.as_str(), &jobs.label_names[..]),
        ("Jobs done.", &["check".to_owned(), "queue".to_owned()][..])
    );
    assert!(matches!(jobs.points, Points::Counter(_)));
    assert_eq!(run.value("jobs_total", &["theirs", "mail"]), Some(3.0));
    assert_eq!(run.value("jobs_total", &["", "sms"]), Some(4.0));
    assert_eq!(run.value("heat_celsius", &["a"]), Some(41.5));
    let Points::Histogram(waits) = &family(&run, "wait_seconds").points else {
        panic!("{run:?}")
    };
    assert_eq!((waits[0].sum, waits[0].count), (3.5, 2));
    assert_eq!(
        (waits[0].buckets[0].upper_bound, waits[0].buckets[0].cumulative_count),
        (0.5, 1)
    );
    let Points::Summary(sizes) = &family(&run, "size").points else {
        panic!("{run:?}")
    };
    assert_eq!(
        (sizes[0].quantiles[0].value, sizes[0].sum, sizes[0].count),
        (7.0, 14.0, 2)
    );
    assert!(matches!(family(&run, "odd").points, Points::Untyped(_)));
    assert_eq!(run.value("scrape_target_up", &["t"]), Some(1.0));
    assert_eq!(run.value("scrape_target_duration_seconds", &["t"]), Some(0.025));
    assert_eq!(run.value("scrape_target_samples", &["t"]), Some(11.0));
    assert_eq!(run.value("scrape_target_families", &["t"]), Some(5.0));
    assert_eq!(run.value("scrape_target_series", &["t"]), Some(6.0));
    assert_eq!(
        run.value("scrape_target_body_bytes", &["t"]),
        Some(EXPORTER.len() as f64)
    );
}

#[test]
fn open_metrics_brings_its_own_types_and_what_there_is_no_place_for_is_counted() {
    let run = scraped(json!({}), Ok(open(OPEN)));
    assert!(matches!(family(&run, "jobs_total").points, Points::Counter(_)));
    let mode = family(&run, "mode");
    assert_eq!(mode.label_names, ["unit", "mode"], "the state stands last");
    assert!(matches!(mode.points, Points::StateSet(_)));
    assert_eq!(run.value("mode", &["a", "fast"]), Some(1.0));
    assert!(matches!(family(&run, "build_info").points, Points::Info(_)));
    assert_eq!(family(&run, "wait_seconds").unit, "seconds");
    for (reason, count) in [
        ("exemplar", 1.0),
        ("created", 1.0),
        ("timestamp", 0.0),
        ("filtered", 0.0),
    ] {
        assert_eq!(
            run.value("scrape_target_dropped", &["t", reason]),
            Some(count),
            "{reason}"
        );
    }
    assert_eq!(run.status("t"), Status::Ok, "that is no reason to worry");
}

#[test]
fn the_request_asks_for_both_formats_within_the_limits() {
    let settings = json!({ "path": "metrics", "timeout_seconds": 2, "maximum": { "body_bytes": 1000 } });
    let run = run_with(settings, |request| {
        assert_eq!(
            (request.connection.as_deref(), request.url.as_str()),
            (Some("default"), "metrics")
        );
        assert_eq!((request.timeout_ms, request.max_body_bytes), (Some(2000), Some(1000)));
        let (name, value) = &request.headers[0];
        assert_eq!(name, "accept");
        assert!(value.starts_with(b"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4"));
        Ok(text("a 1\n"))
    });
    assert_eq!(run.status("metrics"), Status::Ok);
}

#[test]
fn families_are_allowed_denied_renamed_and_prefixed_by_their_whole_name() {
    let settings = json!({
        "keep": ["jobs.*", "heat.*", "od"], "drop": ["heat_celsius"],
        "rename": [{ "from": "jobs_(.*)", "to": "done_$1" }, { "from": "done.*", "to": "never" }], "name_prefix": "shop_",
    });
    let run = scraped(settings, Ok(text(EXPORTER)));
    assert_eq!(run.value("shop_done_total", &["", "sms"]), Some(4.0));
    assert_eq!(run.value("scrape_target_dropped", &["t", "filtered"]), Some(4.0));
    assert_eq!(run.value("scrape_target_families", &["t"]), Some(1.0));
}

#[test]
fn a_counter_that_loses_its_ending_is_untyped_and_a_bad_name_is_refused() {
    let settings = json!({ "rename": [{ "from": "jobs_total", "to": "jobs" }, { "from": "odd", "to": "o-d" }] });
    let run = scraped(settings, Ok(text(EXPORTER)));
    assert!(matches!(family(&run, "jobs").points, Points::Untyped(_)));
    assert_eq!(
        code(&run),
        (
            Status::Warning,
            "series_dropped",
            "dropped: 1 series or names are beyond what the host takes"
        )
    );
}

#[test]
fn labels_are_added_renamed_and_taken_away() {
    let settings = json!({
        "add_labels": { "site": "north", "queue": "all" }, "rename_labels": { "sensor": "place" }, "drop_labels": ["check"],
    });
    let run = scraped(settings, Ok(text(EXPORTER)));
    assert_eq!(
        family(&run, "jobs_total").label_names,
        ["exported_queue", "queue", "site"]
    );
    assert_eq!(run.value("jobs_total", &["mail", "all", "north"]), Some(3.0));
    assert_eq!(family(&run, "heat_celsius").label_names, ["place", "queue", "site"]);
}

#[test]
fn series_that_a_dropped_label_told_apart_are_one_and_that_is_a_warning() {
    let run = scraped(json!({ "drop_labels": ["queue", "check"] }), Ok(text(EXPORTER)));
    assert_eq!(run.value("jobs_total", &[]), Some(3.0));
    assert_eq!(
        code(&run).2,
        "dropped: 1 series are the same as others, for want of a label"
    );
    assert_eq!(run.value("scrape_target_dropped", &["t", "duplicate"]), Some(1.0));
}

#[test]
fn several_targets_are_told_apart_and_one_that_fails_hides_no_other() {
    let settings = json!({ "targets": [
        { "url": "http://a.example/metrics", "name": "a", "labels": { "role": "web" } },
        { "url": "http://b.example/metrics", "name": "b" },
        { "url": "http://c.example/metrics", "name": "c" },
        { "url": "http://d.example/metrics", "name": "d" },
    ] });
    let run = run_with(settings, |request| match request.url.as_str() {
        "http://a.example/metrics" => Ok(text("up{instance=\"x\"} 1\n")),
        "http://b.example/metrics" => Ok(text("# TYPE up gauge\nup 1\n")),
        "http://c.example/metrics" => Err(no_answer(Error::Connect("refused".into()))),
        _ => Ok(text("up 0\nscrape_target_up 1\n")),
    });
    assert_eq!(
        family(&run, "up").label_names,
        ["exported_instance", "instance", "role"]
    );
    assert_eq!(run.value("up", &["x", "a", "web"]), Some(1.0));
    assert_eq!(run.value("up", &["", "d", ""]), Some(0.0));
    assert_eq!(run.status("a"), Status::Ok);
    assert_eq!(
        run.verdict("b").summary,
        "dropped: 1 series are of families that have another type elsewhere"
    );
    assert_eq!(
        (run.status("c"), run.verdict("c").code.as_str()),
        (Status::Critical, "unreachable")
    );
    assert_eq!(
        run.verdict("d").code,
        "series_dropped",
        "a family may not pose as one of the plugin's own"
    );
    assert_eq!(run.value("scrape_target_up", &["c"]), Some(0.0));
    assert_eq!(run.value("scrape_target_up", &["d"]), Some(1.0));
}

#[test]
fn of_a_target_that_may_not_be_asked_nobody_says_that_it_is_down() {
    let settings = json!({ "targets": [
        { "url": "http://a.example/", "name": "a" }, { "url": "http://b.example/", "name": "b" },
    ] });
    let run = run_with(settings, |request| match request.url.as_str() {
        "http://a.example/" => Ok(text("x 1\n")),
        _ => Err(no_answer(Error::Denied("add the address".into()))),
    });
    assert_eq!(
        (run.status("b"), run.value("scrape_target_up", &["b"])),
        (Status::Unknown, None)
    );
    assert_eq!(run.value("scrape_target_up", &["a"]), Some(1.0));
}

#[test]
fn the_same_series_of_two_targets_needs_a_label() {
    let settings = json!({ "target_label": "", "targets": [
        { "url": "http://a.example/", "name": "a" }, { "url": "http://b.example/", "name": "b" },
    ] });
    let run = run_with(settings, |_| Ok(text("x 1\n")));
    assert_eq!((run.status("a"), run.status("b")), (Status::Ok, Status::Warning));
    assert_eq!(run.value("x", &[]), Some(1.0));
}

#[test]
fn each_way_to_fail_has_its_code() {
    let truncated = Response {
        body_truncated: true,
        ..text("a 1\n")
    };
    let binary = Response {
        body: b"a 1\nb\xff 1\n".to_vec(),
        ..text("")
    };
    let cases: [(Answered, Status, &str, &str); 13] = [
        (
            Err(no_answer(Error::Timeout(Phase::Processing))),
            Status::Critical,
            "timeout",
            "while waiting for the first byte",
        ),
        (
            Err(no_answer(Error::Tls("unknown issuer".into()))),
            Status::Critical,
            "unreachable",
            "TLS failed: unknown issuer",
        ),
        (
            Ok(answer(401, "text/plain", "")),
            Status::Critical,
            "credentials_refused",
            "answered 401",
        ),
        (
            Ok(answer(403, "text/plain", "")),
            Status::Critical,
            "credentials_refused",
            "answered 403",
        ),
        (
            Ok(answer(404, "text/html", "")),
            Status::Critical,
            "not_found",
            "answered 404",
        ),
        (
            Ok(answer(500, "text/plain", "a 1\n")),
            Status::Critical,
            "status_unexpected",
            "answered 500",
        ),
        (
            Ok(answer(302, "text/plain", "")),
            Status::Critical,
            "status_unexpected",
            "not followed",
        ),
        (
            Ok(answer(200, "text/html; charset=utf-8", "<html>")),
            Status::Critical,
            "format_unknown",
            "answered text/html",
        ),
        (
            Ok(text("a 1\nb{ 2\n")),
            Status::Critical,
            "malformed",
            "line 2, column 4: a label name is missing, in `b{ 2`",
        ),
        (Ok(binary), Status::Critical, "malformed", "line 2 is not UTF-8"),
        (Ok(open("a 1\n")), Status::Critical, "malformed", "`# EOF` is missing"),
        (
            Ok(truncated.clone()),
            Status::Critical,
            "too_large",
            "longer than 1048576 bytes: no more is kept of an answer",
        ),
        (Ok(text("# just a comment\n")), Status::Warning, "empty", "no samples"),
    ];
    for (answered, status, wanted, said) in cases {
        let run = scraped(json!({}), answered);
        let (found, code, summary) = code(&run);
        assert_eq!((found, code), (status, wanted), "{summary}");
        assert!(summary.contains(said), "{summary}");
        assert_eq!(run.value("scrape_target_up", &["t"]), Some(0.0));
        assert_eq!(run.value("a", &[]), None, "nothing is taken over");
    }
    let run = scraped(
        json!({}),
        Err(no_answer(Error::Exhausted("waited for a free seat".into()))),
    );
    let (status, word, said) = code(&run);
    assert_eq!((status, word), (Status::Unknown, "not_asked"), "{said}");
    assert_eq!(run.value("scrape_target_up", &["t"]), None, "nobody knows");
    let run = scraped(json!({ "maximum": { "body_bytes": 1000 } }), Ok(truncated));
    assert!(
        code(&run)
            .2
            .contains("longer than 1000 bytes: raise `maximum.body_bytes`")
    );
}

#[test]
fn limits_and_required_families_refuse_the_whole_target() {
    let run = scraped(json!({ "maximum": { "samples": 3 } }), Ok(text(EXPORTER)));
    assert_eq!(
        (run.status("t"), run.verdict("t").code.as_str()),
        (Status::Critical, "too_large")
    );
    assert!(code(&run).2.contains("maximum.samples"));
    let run = scraped(
        json!({ "require": ["jobs_total", "pg_up", "gone"] }),
        Ok(text(EXPORTER)),
    );
    assert_eq!(
        code(&run),
        (Status::Critical, "family_missing", "it does not serve pg_up, gone")
    );
    assert_eq!(run.value("jobs_total", &["", "sms"]), None);
}

#[test]
fn more_than_a_report_holds_is_refused_before_the_host_ends_the_run() {
    let filler = "x".repeat(900);
    let body: String = (0..4000).map(|at| format!("a{{b=\"{at}{filler}\"}} 1\n")).collect();
    let run = scraped(json!({}), Ok(text(&body)));
    let (status, word, said) = code(&run);
    assert_eq!((status, word), (Status::Critical, "too_large"));
    assert!(
        said.contains("takes 3.7 MiB of a report, which holds 3 MiB for all targets and has 3.0 MiB left"),
        "{said}"
    );
    assert!(!said.contains("a check of its own"), "that would not help: {said}");
}

#[test]
fn a_target_that_others_leave_no_room_is_advised_to_have_its_own_check() {
    let filler = "x".repeat(900);
    let body: String = (0..2000).map(|at| format!("a{{b=\"{at}{filler}\"}} 1\n")).collect();
    let settings = json!({ "targets": [
        { "url": "http://a.example/metrics", "name": "first" }, { "url": "http://b.example/metrics", "name": "second" },
    ] });
    let mut fake = Fake::new().with_http(move |_| Ok(text(&body)));
    let run = fake.run::<Prometheus>(settings);
    assert_eq!(run.status("first"), Status::Ok);
    let second = run.verdict("second");
    assert_eq!((second.status, second.code.as_str()), (Status::Unknown, "not_read"));
    let said = &second.summary;
    assert!(
        said.contains("has 1.1 MiB left") && said.ends_with("or give it a check of its own"),
        "{said}"
    );
}

#[test]
fn texts_that_the_run_has_no_time_for_leave_their_targets_unknown_and_everything_else_stands() {
    let page: String = (0..50_000).map(|at| format!("a{{b=\"{at:05}\"}} 1\n")).collect();
    let mut targets: Vec<Value> = (0..60)
        .map(|at| json!({ "url": format!("http://a.example/{at}"), "name": format!("long {at}") }))
        .collect();
    targets.push(json!({ "url": "http://b.example/", "name": "short" }));
    let run = run_with(json!({ "targets": targets, "drop": ["a"] }), move |request| {
        let short = request.url == "http://b.example/";
        Ok(text(if short { "x 1\n" } else { &page }))
    });
    assert_eq!(run.report().verdicts().len(), 61);
    assert_eq!(run.status("long 0"), Status::Ok);
    assert_eq!(run.value("scrape_target_samples", &["long 0"]), Some(50_000.0));
    let late = run.verdict("long 59");
    assert_eq!((late.status, late.code.as_str()), (Status::Unknown, "not_read"));
    assert!(
        late.summary
            .starts_with("this run has no time left for a text of 750000 bytes: "),
        "{}",
        late.summary
    );
    assert_eq!(run.value("scrape_target_up", &["long 59"]), None, "nobody knows");
    assert_eq!(run.status("short"), Status::Ok);
    assert_eq!(run.value("x", &["short"]), Some(1.0));
}

#[test]
fn expressions_for_more_names_than_the_run_has_time_for_leave_their_target_unknown() {
    let page: String = (0..30_000).map(|at| format!("a{at:027} 1\n")).collect();
    let run = scraped(json!({ "drop": ["(a?0?){200}z"] }), Ok(text(&page)));
    let (status, word, said) = code(&run);
    assert_eq!((status, word), (Status::Unknown, "not_read"));
    assert!(
        said.contains("holding its names against `keep`, `drop` and `rename`"),
        "{said}"
    );
}

#[test]
fn an_expression_with_a_comment_at_its_end_is_what_it_is_alone() {
    let run = scraped(json!({ "drop": ["(?x)jobs_total # ours"] }), Ok(text(EXPORTER)));
    assert_eq!(run.status("t"), Status::Ok);
    assert_eq!(run.value("jobs_total", &["", "sms"]), None);
    assert_eq!(run.value("heat_celsius", &["a"]), Some(41.5));
    let run = scraped(json!({ "drop": ["a)|(?:b"] }), Ok(text(EXPORTER)));
    assert_eq!(run.failure().kind(), FailureKind::Settings);
}

#[test]
fn labels_that_are_too_many_cost_the_series_that_have_them_and_no_run() {
    let names: String = (0..50_000).map(|at| format!("a{{l{at}=\"v\"}} 1\n")).collect();
    let run = scraped(json!({}), Ok(text(&names)));
    assert_eq!(family(&run, "a").label_names.len(), 32);
    assert_eq!(run.value("scrape_target_dropped", &["t", "refused"]), Some(49_968.0));
    let labels: String = (0..40_000).map(|at| format!("l{at}=\"v\",")).collect();
    let run = scraped(json!({}), Ok(text(&format!("a{{{labels}}} 1\n"))));
    let (status, word, said) = code(&run);
    assert_eq!((status, word), (Status::Critical, "too_large"));
    assert!(said.contains("more than 128 labels on one series"), "{said}");
}

#[test]
fn labels_of_another_target_that_would_make_too_many_cost_its_series() {
    let page = |from: u32| -> String {
        let labels: Vec<String> = (from..from + 20).map(|at| format!("l{at}=\"v\"")).collect();
        format!("a{{{}}} 1\nb 1\n", labels.join(","))
    };
    let settings = json!({ "targets": [
        { "url": "http://a.example/", "name": "one" }, { "url": "http://b.example/", "name": "two" },
    ] });
    let run = run_with(settings, move |request| {
        Ok(text(&page(if request.url == "http://a.example/" { 0 } else { 20 })))
    });
    assert_eq!((run.status("one"), run.status("two")), (Status::Ok, Status::Warning));
    assert_eq!(run.value("scrape_target_dropped", &["two", "refused"]), Some(1.0));
    assert_eq!(run.value("b", &["two"]), Some(1.0));
}

#[test]
fn families_that_are_too_many_are_refused_before_the_host_ends_the_run() {
    let many = |count: u32| -> String { (0..count).map(|at| format!("metric_{at:05} 1\n")).collect() };
    let run = scraped(json!({}), Ok(text(&many(40_000))));
    assert_eq!((code(&run).0, code(&run).1), (Status::Critical, "too_large"));
    let run = scraped(json!({}), Ok(text(&many(2_000))));
    assert_eq!(run.value("scrape_target_dropped", &["t", "refused"]), Some(10.0));
    assert_eq!(run.report().families().len(), 1_990 + crate::verdict::OWN_NAMES.len());
}

#[test]
fn an_answer_without_end_is_too_large_however_it_comes() {
    let pieces = Failure {
        status: Some(200),
        remote_address: Some("127.0.0.1:9100".into()),
        ..*no_answer(Error::Limit(
            "while reading the body: it comes in more than 32768 pieces".into(),
        ))
    };
    let run = scraped(json!({}), Err(Box::new(pieces)));
    assert_eq!((code(&run).0, code(&run).1), (Status::Critical, "too_large"));
    assert_eq!(run.value("scrape_target_up", &["t"]), Some(0.0));
    let full = Failure {
        status: Some(200),
        remote_address: Some("127.0.0.1:9100".into()),
        ..*no_answer(Error::Exhausted(
            "while reading the body: all bodies of this run are larger than 32 MiB together".into(),
        ))
    };
    let run = scraped(json!({}), Err(Box::new(full)));
    assert_eq!((code(&run).0, code(&run).1), (Status::Unknown, "not_read"));
    assert_eq!(run.value("scrape_target_up", &["t"]), None, "it is not its fault");
}

#[test]
fn series_the_host_would_refuse_do_not_cost_their_family() {
    let long = format!("a{{b=\"{}\"}} 1\na 2\n", "x".repeat(1025));
    let run = scraped(json!({}), Ok(text(&long)));
    assert_eq!(run.value("a", &[]), Some(2.0));
    assert_eq!(run.value("scrape_target_dropped", &["t", "refused"]), Some(1.0));
    assert_eq!(run.status("t"), Status::Warning);
}

#[test]
fn the_format_can_be_said() {
    let run = scraped(
        json!({ "format": "text" }),
        Ok(answer(200, "application/json", "a 1\n")),
    );
    assert_eq!(run.value("a", &[]), Some(1.0));
    let run = scraped(json!({ "format": "openmetrics" }), Ok(text("a 1\n# EOF\n")));
    assert_eq!(run.status("t"), Status::Ok);
}

#[test]
fn when_the_host_refuses_everything_the_run_is_denied() {
    let run = scraped(json!({}), Err(no_answer(Error::Denied("add the address".into()))));
    assert_eq!(run.failure().kind(), FailureKind::Denied);
    assert!(run.failure().message().contains("add the address"));
}

#[test]
fn runs_in_a_row_are_counted() {
    let mut fake = Fake::new().with_http(|_| Err(no_answer(Error::Connect("refused".into()))));
    let settings = json!({ "url": "http://127.0.0.1:9100/metrics", "name": "t" });
    fake.run::<Prometheus>(settings.clone());
    let run = fake.run::<Prometheus>(settings);
    assert_eq!(run.value("scrape_target_not_ok_runs", &["t", "critical"]), Some(2.0));
}

#[test]
fn settings_that_make_no_sense_are_the_users_to_mend() {
    for (settings, said) in [
        (json!({}), "nothing to scrape"),
        (
            json!({ "url": "http://a/", "targets": [{ "path": "x" }] }),
            "stand alone",
        ),
        (json!({ "targets": [{ "name": "x" }] }), "target `x` needs either"),
        (
            json!({ "targets": [{ "url": "http://a/?x" }, { "url": "http://a/?y" }] }),
            "two targets are called `http://a/`",
        ),
        (
            json!({ "url": "http://a/", "keep": ["("] }),
            "`(` is not a regular expression",
        ),
        (
            json!({ "url": "http://a/", "add_labels": { "a-b": "x" } }),
            "`a-b` is no label name",
        ),
        (
            json!({ "url": "http://a/", "target_label": "__x" }),
            "`__x` is no label name",
        ),
        (
            json!({ "url": "http://a/", "rename_labels": { "a": "9" } }),
            "`9` is no label name",
        ),
        (json!({ "url": "http://a/", "kep": [] }), "kep"),
    ] {
        let run = run_with(settings, |_| Ok(text("a 1\n")));
        assert_eq!(run.failure().kind(), FailureKind::Settings);
        assert!(run.failure().message().contains(said), "{}", run.failure());
    }
}

#[test]
fn the_readme_names_every_metric_code_and_reason() {
    let readme = include_str!("../README.md");
    assert_readme::<Prometheus>(readme);
    let run = scraped(json!({}), Ok(text("a 1\n")));
    for name in crate::verdict::OWN_NAMES {
        family(&run, name);
    }
    let Points::Gauge(samples) = &family(&run, "scrape_target_dropped").points else {
        panic!("{run:?}")
    };
    for sample in samples {
        assert!(readme.contains(&format!("`{}`", sample.label_values[1])), "{sample:?}");
    }
}

#[test]
fn every_check_of_the_sample_has_settings_that_are_understood() {
    let sample: Value = toml::from_str(include_str!("../sample.toml")).expect("TOML");
    assert_sample(&sample, |settings| run_with(settings, |_| Ok(text("pg_up 1\n"))));
}

#[test]
fn rules_speak_of_what_is_reported() {
    assert_rules::<Prometheus>(include_str!("../rules.yml"));
}
