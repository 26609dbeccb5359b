//! The fake host behaves as the real one where a plugin can tell, and objects to what the real one would.

use std::time::Duration;

use bellwether_sdk::{
    FailureKind, context,
    context::Previous,
    fake::{Fake, answer, describe, json, no_answer},
    http, log, postgres,
    prelude::*,
    redis,
    report::{MetricFamily, Points, Sample, Status},
    system::{self, Cpu, Load, Memory, ProcessGroup, ProcessQuery, Processes, Section, Snapshot},
};

const LOAD: Gauge<0> = Gauge::new("load", "Load.", []);
const STRAY: Gauge<0> = Gauge::new("stray", "Nobody described it.", []);
const HIGH: Code = Code::new("high", "Too much.");

/// Declares a check whose run is the given block; descriptions may be given before it.
macro_rules! check {
    ($name:ident, |$about:ident| $describe:expr, $run:block) => {
        struct $name;

        impl Check for $name {
            const NAME: &'static str = "probe";
            const SUMMARY: &'static str = "Does what a test wants";
            type Settings = NoSettings;

            fn describe($about: &mut Description) {
                $describe;
            }

            fn run(_: NoSettings) -> Result<Report, Failure> {
                $run
            }
        }
    };
    ($name:ident, $run:block) => {
        check!($name, |_about| (), $run);
    };
}

#[test]
fn state_lasts_from_run_to_run_and_a_run_reads_its_own_writes() {
    check!(Memory, {
        let before: u32 = state::get_json("runs")?.unwrap_or(0);
        state::set_json("runs", &(before + 1))?;
        state::set("gone", b"x")?;
        state::delete("gone")?;
        assert_eq!(state::get_json::<u32>("runs")?, Some(before + 1));
        assert_eq!(state::get("gone")?, None);
        Err(Failure::target("also a failed run keeps its state"))
    });
    let mut fake = Fake::new();
    fake.run::<Memory>(json!({}));
    fake.run::<Memory>(json!({}));
    assert_eq!(fake.state("runs"), Some(b"2".as_slice()));
    assert_eq!(fake.all_state().len(), 1);
}

#[test]
fn state_beyond_the_quota_is_refused_and_the_old_value_stays() {
    check!(Hoard, {
        state::set("k", &[0; 63])?;
        state::set("k", &[0; 64])?;
        Ok(Report::new())
    });
    let mut fake = Fake::new().with_state_quota(64);
    let run = fake.run::<Hoard>(json!({}));
    assert_eq!(run.failure().kind(), FailureKind::Internal);
    assert!(run.failure().message().contains("quota of 64"), "{}", run.failure());
    assert_eq!(fake.state("k").map(<[u8]>::len), Some(63));
}

#[test]
fn state_that_does_not_parse_names_its_key() {
    check!(Old, {
        state::get_json::<u32>("runs")?;
        Ok(Report::new())
    });
    let run = Fake::new().with_state("runs", "many").run::<Old>(json!({}));
    assert!(
        run.failure().message().contains("`runs` does not parse"),
        "{}",
        run.failure()
    );
}

#[test]
fn the_context_is_what_the_test_says() {
    check!(Look, {
        let previous = context::previous_run().expect("the test gives one");
        log::info(
            &context::name(),
            &[
                ("at", &context::scheduled_at_unix()),
                ("interval", &context::interval().unwrap_or_default().as_secs()),
                ("attempt", &context::attempt()),
                ("previous", &previous.outcome),
                ("remaining", &context::remaining().as_millis()),
                ("environment", &context::fact("environment").unwrap_or_default()),
                ("url", &context::connections()[0].url),
            ],
        );
        assert_eq!(context::scheduled_at() - Duration::from_secs(60), previous.started_at);
        Ok(Report::new())
    });
    let mut fake = Fake::new()
        .with_name("machine")
        .with_scheduled_at_unix(1_000_000)
        .with_interval(Duration::from_secs(60))
        .with_attempt(2)
        .with_previous_run(Previous {
            started_at: std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(999_940),
            outcome: "trap".to_owned(),
        })
        .with_remaining(Duration::from_millis(750))
        .with_fact("environment", "production")
        .with_connection("default", "https", "https://example.com/");
    let run = fake.run::<Look>(json!({}));
    let line = &run.logs[0];
    let values: Vec<_> = line.fields.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!((line.level, line.message.as_str()), (log::Level::Info, "machine"));
    assert_eq!(
        values,
        [
            "1000000",
            "60",
            "2",
            "trap",
            "750",
            "production",
            "https://example.com/"
        ]
    );
    fake.advance(Duration::from_secs(60));
    assert_eq!(run.logs.len(), 1);
}

fn snapshot() -> Snapshot {
    let group = |name: &str| ProcessGroup {
        name: name.to_owned(),
        count: 1,
        ..ProcessGroup::default()
    };
    Snapshot {
        cpu: Some(Cpu {
            usage_ratio: Some(0.25),
            ..Cpu::default()
        }),
        memory: Some(Memory::default()),
        load: Some(Load {
            one: 2.0,
            ..Load::default()
        }),
        processes: Some(Processes {
            groups: vec![group("web"), group("db")],
            ..Processes::default()
        }),
        ..Snapshot::default()
    }
}

#[test]
fn system_gives_the_sections_that_are_asked_for_and_no_others() {
    check!(Machine, |about| about.metric(&LOAD), {
        let query = ProcessQuery {
            group: "web".to_owned(),
            name_regex: "^nginx$".to_owned(),
        };
        let snapshot = system::read(Section::LOAD | Section::PROCESSES, &[query])?;
        assert!(snapshot.cpu.is_none() && snapshot.memory.is_none());
        let groups = snapshot.processes.map(|processes| processes.groups).unwrap_or_default();
        assert_eq!(
            groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(),
            ["web"]
        );
        let mut report = Report::new();
        report.gauge(&LOAD).set([], snapshot.load.map_or(0.0, |load| load.one));
        Ok(report)
    });
    let run = Fake::new().with_system(snapshot()).run::<Machine>(json!({}));
    assert_eq!(run.value("load", &[]), Some(2.0));
    let run = Fake::new().with_system_error("no /proc").run::<Machine>(json!({}));
    assert_eq!(run.failure().kind(), FailureKind::Target);
}

#[test]
#[should_panic(expected = "`system` is not granted")]
fn a_capability_that_was_not_granted_ends_the_run() {
    check!(Greedy, {
        system::read(Section::CPU, &[])?;
        Ok(Report::new())
    });
    Fake::new().run::<Greedy>(json!({}));
}

#[test]
fn http_is_answered_by_the_test() {
    check!(
        Site,
        |about| about.connection("default", &["https"], "The site.").code(&HIGH),
        {
            let mut report = Report::new();
            let request = http::Request::get("default", "status").header("accept", "text/plain");
            match http::send(&request) {
                Ok(response) if response.status == 200 => report.ok(response.header("Server").unwrap_or("")),
                Ok(response) => report.critical("", &HIGH, format!("status {}", response.status)),
                Err(failure) => return Err(failure.into()),
            };
            Ok(report)
        }
    );
    let mut fake = Fake::new().with_http(move |request| {
        assert_eq!((request.method.as_str(), request.url.as_str()), ("GET", "status"));
        Ok(http::Response {
            headers: vec![("server".to_owned(), b"nginx".to_vec())],
            ..answer(200, "")
        })
    });
    assert_eq!(fake.run::<Site>(json!({})).status("nginx"), Status::Ok);
    let mut fake = Fake::new().with_http(|_| Err(no_answer(http::Error::Timeout(http::Phase::Connect))));
    let run = fake.run::<Site>(json!({}));
    assert_eq!(run.failure().message(), "no answer in time, while connecting");
    assert!(run.failure().is_retryable());
}

#[test]
fn redis_and_postgres_are_answered_by_the_test() {
    check!(Stores, |about| about.metric(&LOAD), {
        let (replies, _) = redis::pipeline("cache", &[&["LLEN", "mail"], &["GET", "x"]])?;
        let rows = postgres::query("db", "select $1", &[Some("5")])?;
        let five: i64 = rows.values[0][0]
            .as_deref()
            .unwrap_or("0")
            .parse()
            .map_err(Failure::internal)?;
        let mut report = Report::new();
        report.gauge(&LOAD).set(
            [],
            replies[0].integer().unwrap_or(0) + replies[1].integer().unwrap_or(0) + five,
        );
        Ok(report)
    });
    let mut fake = Fake::new()
        .with_redis(|slot, command| {
            assert_eq!(slot, "cache");
            Ok(vec![if command[0] == "LLEN" {
                redis::Node::Integer(30)
            } else {
                redis::Node::Bulk(b"7".to_vec())
            }])
        })
        .with_postgres(|_, sql, parameters| {
            assert_eq!(sql, "select $1");
            Ok(postgres::Rows {
                columns: vec!["?column?".to_owned()],
                values: vec![parameters.to_vec()],
                truncated: false,
                latency_ns: 1,
            })
        });
    assert_eq!(fake.run::<Stores>(json!({})).value("load", &[]), Some(42.0));
}

#[test]
fn settings_that_cannot_be_read_fail_the_run_as_they_would_in_the_host() {
    check!(Plain, { Ok(Report::new()) });
    let run = Fake::new().run::<Plain>(json!({ "typo": 1 }));
    assert_eq!(run.failure().kind(), FailureKind::Settings);
    assert!(run.failure().message().contains("typo"), "{}", run.failure());
}

#[test]
#[should_panic(expected = "metric `stray` is not described")]
fn a_metric_that_was_not_described_fails_the_test() {
    check!(Stray, {
        let mut report = Report::new();
        report.gauge(&STRAY).set([], 1);
        Ok(report)
    });
    Fake::new().run::<Stray>(json!({}));
}

#[test]
#[should_panic(expected = "code `high` is not described")]
fn a_code_that_was_not_described_fails_the_test() {
    check!(Coded, {
        let mut report = Report::new();
        report.warning("", &HIGH, "too much");
        Ok(report)
    });
    Fake::new().run::<Coded>(json!({}));
}

#[test]
#[should_panic(expected = "described as counter and reported as gauge")]
fn a_metric_of_another_kind_than_described_fails_the_test() {
    const DESCRIBED: Counter<0> = Counter::new("jobs_total", "Jobs.", []);
    check!(Kinds, |about| about.metric(&DESCRIBED), {
        let mut report = Report::new();
        let family = MetricFamily {
            name: "jobs_total".to_owned(),
            help: String::new(),
            unit: String::new(),
            label_names: Vec::new(),
            points: Points::Gauge(Vec::new()),
        };
        report.push_family(family).map_err(Failure::internal)?;
        Ok(report)
    });
    Fake::new().run::<Kinds>(json!({}));
}

#[test]
#[should_panic(expected = "is reported twice")]
fn the_same_series_twice_fails_the_test() {
    check!(Twice, |about| about.metric(&LOAD), {
        let mut report = Report::new();
        report.gauge(&LOAD).set([], 1).set([], 2);
        Ok(report)
    });
    Fake::new().run::<Twice>(json!({}));
}

const DONE: Increments<1> = Increments::new("done_total", "Jobs done.", ["queue"]);

/// By hand, as [`Report::push_family`] takes them.
fn by_hand(points: Points) -> MetricFamily {
    MetricFamily {
        name: "done_total".to_owned(),
        help: String::new(),
        unit: String::new(),
        label_names: vec!["queue".to_owned()],
        points,
    }
}

fn sample(queue: &str) -> Sample {
    Sample {
        label_values: vec![queue.to_owned()],
        value: 1.0,
    }
}

#[test]
#[should_panic(expected = "series `done_total`[\"mail\"] is reported twice")]
fn one_total_twice_fails_the_test_as_the_host_refuses_it() {
    check!(Twofold, |about| about.metric(&DONE), {
        let mut report = Report::new();
        let points = Points::Increments(vec![sample("mail"), sample("mail")]);
        report.push_family(by_hand(points)).map_err(Failure::internal)?;
        Ok(report)
    });
    Fake::new().run::<Twofold>(json!({}));
}

#[test]
#[should_panic(expected = "is reported twice")]
fn two_series_that_the_host_would_expose_alike_fail_the_test() {
    check!(Alike, |about| about.metric(&DONE), {
        let mut report = Report::new();
        let points = Points::Increments(vec![sample("a\u{1}"), sample("a\u{2}")]);
        report.push_family(by_hand(points)).map_err(Failure::internal)?;
        Ok(report)
    });
    Fake::new().run::<Alike>(json!({}));
}

#[test]
#[should_panic(expected = "metric `done_total` stands in the report twice")]
fn the_same_metric_twice_fails_the_test() {
    check!(Again, |about| about.metric(&DONE), {
        let mut report = Report::new();
        for queue in ["mail", "video"] {
            let points = Points::Increments(vec![sample(queue)]);
            report.push_family(by_hand(points)).map_err(Failure::internal)?;
        }
        Ok(report)
    });
    Fake::new().run::<Again>(json!({}));
}

#[test]
fn what_is_added_to_one_total_twice_is_one_sample_with_the_sum() {
    check!(Sums, |about| about.metric(&DONE), {
        let mut report = Report::new();
        let mut done = report.increments(&DONE);
        done.add(["mail"], 1).add(["video"], 5).add(["mail"], 2);
        Ok(report)
    });
    let run = Fake::new().run::<Sums>(json!({}));
    assert_eq!(run.value("done_total", &["mail"]), Some(3.0));
    assert_eq!(run.value("done_total", &["video"]), Some(5.0));
}

#[test]
#[should_panic(expected = "has two verdicts")]
fn two_verdicts_on_one_target_fail_the_test() {
    check!(Torn, |about| about.code(&HIGH), {
        let mut report = Report::new();
        report.ok("a");
        report.critical("a", &HIGH, "too much");
        Ok(report)
    });
    Fake::new().run::<Torn>(json!({}));
}

#[test]
#[should_panic(expected = "deny_unknown_fields")]
fn settings_that_accept_unknown_keys_fail_the_test() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Open {}

    struct Lax;

    impl Check for Lax {
        const NAME: &'static str = "lax";
        const SUMMARY: &'static str = "Lets typos pass";
        type Settings = Open;

        fn run(_: Open) -> Result<Report, Failure> {
            Ok(Report::new())
        }
    }
    describe::<Lax>();
}

#[test]
fn a_plugin_with_metrics_named_by_its_target_describes_itself_so() {
    check!(Merging, |about| about.dynamic_metrics(), {
        let mut report = Report::new();
        report.gauge(&STRAY).set([], 1);
        Ok(report)
    });
    assert_eq!(Fake::new().run::<Merging>(json!({})).value("stray", &[]), Some(1.0));
}

#[test]
fn names_that_the_target_gives_may_all_begin_with_something() {
    check!(Merging, |about| about.dynamic_metrics_beginning(&["other_", "str"]), {
        let mut report = Report::new();
        report.gauge(&STRAY).set([], 1);
        Ok(report)
    });
    assert_eq!(Fake::new().run::<Merging>(json!({})).value("stray", &[]), Some(1.0));
}

#[test]
#[should_panic(expected = "metric `stray` is not described")]
fn a_name_that_begins_otherwise_must_be_described() {
    check!(Merging, |about| about.dynamic_metrics_beginning(&["other_"]), {
        let mut report = Report::new();
        report.gauge(&STRAY).set([], 1);
        Ok(report)
    });
    Fake::new().run::<Merging>(json!({}));
}

#[test]
fn a_run_that_panics_leaves_the_thread_clean_for_the_next() {
    check!(Bad, { panic!("on purpose") });
    check!(Good, { Ok(Report::new()) });
    let outcome = std::panic::catch_unwind(|| Fake::new().run::<Bad>(json!({})));
    assert!(outcome.is_err());
    assert!(Fake::new().run::<Good>(json!({})).result.is_ok());
}
