//! Guests that misbehave, one per file in `tests/guests`, each in a sandbox beside a healthy check: what becomes of
//! them, word for word, and that the healthy check does not notice. A guest without a test fails this suite.
//!
//! Needs: python, node
//! Budget: 10 min

#[path = "support/bench.rs"]
mod bench;
#[path = "support/forwarding.rs"]
mod forwarding;
#[path = "support/guests.rs"]
mod guests;
#[path = "support/outside.rs"]
mod outside;
#[path = "support/roll.rs"]
mod roll;

use std::time::Duration;

use bellwether::{
    config::{Capability, Limits},
    metric::MetricKind,
    outcome::{Reason, ReportedPoints},
    sandbox::{CompileError, InspectError, LoadError},
};

use self::bench::{Bench, Given, failure, report};

/// Makes a test of each guest, run beside a healthy check on one thread, and remembers the names.
macro_rules! guests {
    ([$($there:ident: $elsewhere:path,)*] $($(#[$note:meta])* async fn $name:ident($bench:ident) $body:block)*) => {
        /// Guests that have a test.
        const TESTED: &[&str] = &[$(stringify!($there),)* $(stringify!($name)),*];

        $(
            #[tokio::test]
            async fn $there() {
                let bench = &Bench::new();
                let healthy = bench.load(&guests::rust("healthy").await).await;
                bench.beside_healthy(&healthy, $elsewhere(bench)).await;
            }
        )*

        $(
            $(#[$note])*
            #[tokio::test]
            async fn $name() {
                let $bench = &Bench::new();
                let healthy = $bench.load(&guests::rust("healthy").await).await;
                $bench.beside_healthy(&healthy, async $body).await;
            }
        )*
    };
}

#[test]
fn every_guest_has_a_test() {
    let unmatched = roll::unmatched(&guests::names(), TESTED);
    assert!(unmatched.is_empty(), "\n{}\n", unmatched.join("\n"));
}

fn cpu(milliseconds: u64) -> Given {
    let limits = Limits {
        cpu: Some(Duration::from_millis(milliseconds)),
        ..Limits::default()
    };
    Given {
        limits,
        ..Given::default()
    }
}

fn says(text: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(text.contains(wanted), "{text:?} does not say {wanted:?}");
    }
}

/// The names of a report's families, and those of its refused ones.
fn families(end: &bellwether::sandbox::RunEnd) -> (Vec<&str>, Vec<&str>) {
    let report = report(end);
    let names = report.families.iter().map(|family| family.head.name.as_str()).collect();
    (
        names,
        report.refused.iter().map(|refused| refused.name.as_str()).collect(),
    )
}

guests! {
    [
        connections: outside::connections,
        databases: outside::databases,
        http_clients: outside::http_clients,
        two_doors: outside::two_doors,
        request_hoard: outside::request_hoard,
        forwarder: forwarding::obedient,
        forwarder_loop: forwarding::spinning,
        forwarder_trap: forwarding::trapping,
        forwarder_receipt: forwarding::boasting,
        forwarder_denied: forwarding::denied,
        forwarder_sleep: forwarding::silent,
    ]

    async fn healthy(bench) {
        let plugin = bench.load(&guests::rust("healthy").await).await;
        let end = bench.run("another", &plugin, &Given::default()).await;
        assert_eq!(report(&end).verdicts[0].summary, "run 1");
        assert_eq!(end.logs.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["ran"]);
        assert!(end.outcome.usage.memory_peak_bytes > 0);
        let end = bench.run("another", &plugin, &Given::default()).await;
        assert_eq!(report(&end).verdicts[0].summary, "run 2");
    }

    async fn obedient(bench) {
        let plugin = bench.load(&guests::rust("obedient").await).await;
        let settings = r#"{"say":"hello","wait_ms":300}"#;
        let end = bench.run("another", &plugin, &Given { settings, ..Given::default() }).await;
        assert_eq!(report(&end).verdicts[0].summary, settings);
        assert!(end.outcome.usage.duration >= Duration::from_millis(300), "{:?}", end.outcome.usage);
        assert_eq!(end.logs.iter().map(|line| line.message.as_str()).next_back(), Some("obeyed"));
        for (settings, word) in [(r#"{"end":"failure"}"#, "target"), (r#"{"end":"panic"}"#, "trap")] {
            let end = bench.run("another", &plugin, &Given { settings, ..Given::default() }).await;
            says(&failure(&end, word).message, &[settings]);
        }
    }

    async fn every_kind(bench) {
        let plugin = bench.load(&guests::rust("every_kind").await).await;
        let end = bench.run("guest", &plugin, &Given::default()).await;
        let (taken, refused) = families(&end);
        assert_eq!((taken.len(), refused), (14, vec![]));
        let kinds: std::collections::HashSet<_> = report(&end).families.iter().map(|family| family.head.kind).collect();
        assert_eq!(kinds.len(), 7, "{kinds:?}");
    }

    async fn endless_loop(bench) {
        let plugin = bench.load(&guests::rust("endless_loop").await).await;
        let end = bench.run("hostile", &plugin, &Given::default()).await;
        says(&failure(&end, "cpu").message, &["used its CPU budget of 1s and was stopped", "limits = { cpu ="]);
        let spent = end.outcome.usage.cpu;
        assert!((Duration::from_secs(1)..Duration::from_millis(1_500)).contains(&spent), "{spent:?}");
        assert_eq!(end.state, None);
    }

    async fn endless_loop_in_realloc(bench) {
        let path = bench.write("guest", &guests::component("endless_loop_in_realloc", guests::CONTRACT));
        let plugin = bench.load(&path).await;
        let end = bench.run("hostile", &plugin, &cpu(300)).await;
        says(&failure(&end, "cpu").message, &["used its CPU budget of 300ms"]);
    }

    async fn endless_loop_in_start(bench) {
        let path = bench.write("guest", &guests::component("endless_loop_in_start", guests::CONTRACT));
        let LoadError::Describe { failure, .. } = bench.refused(&path).await else { panic!("another reason") };
        assert_eq!(failure.reason, Reason::Cpu, "{failure:?}");
        says(&failure.message, &["used its CPU budget of 1s"]);
    }

    async fn endless_loop_in_describe(bench) {
        let path = guests::rust("endless_loop_in_describe").await;
        let refused = bench.refused(&path).await;
        says(&refused.to_string(), &["endless_loop_in_describe.wasm` cannot describe itself", "used its CPU budget of 1s"]);
        assert!(matches!(refused, LoadError::Describe { failure, .. } if failure.reason == Reason::Cpu));
    }

    async fn sleeping_forever(bench) {
        let plugin = bench.load(&guests::rust("sleeping_forever").await).await;
        let given = Given { timeout: Duration::from_millis(500), ..Given::default() };
        let end = bench.run("hostile", &plugin, &given).await;
        let failure = failure(&end, "timeout");
        says(&failure.message, &["did not end within its timeout of 500ms and was stopped"]);
        assert!(failure.retryable);
        assert!(end.outcome.usage.cpu < Duration::from_millis(400), "{:?}", end.outcome.usage);
        assert!(end.outcome.usage.duration >= Duration::from_millis(500));
    }

    async fn memory_hoard(bench) {
        let path = bench.write("guest", &guests::component("memory_hoard", guests::CONTRACT));
        let plugin = bench.load(&path).await;
        let end = bench.run("hostile", &plugin, &Given::default()).await;
        says(&failure(&end, "memory").message, &["wanted 65 MiB of memory and may have 64", "limits = { memory ="]);
        let peak = end.outcome.usage.memory_peak_bytes;
        assert!((63 << 20..=64 << 20).contains(&peak), "{peak}");
    }

    async fn table_growth(bench) {
        let path = bench.write("guest", &guests::component("table_growth", guests::CONTRACT));
        let plugin = bench.load(&path).await;
        let end = bench.run("hostile", &plugin, &Given::default()).await;
        says(&failure(&end, "memory").message, &["wanted tables of 20001 elements in all and may have 20000"]);
    }

    async fn deep_recursion(bench) {
        let plugin = bench.load(&guests::rust("deep_recursion").await).await;
        let end = bench.run("hostile", &plugin, &Given::default()).await;
        says(&failure(&end, "trap").message, &["call stack exhausted", "dig"]);
    }

    async fn panic_with_message(bench) {
        let plugin = bench.load(&guests::rust("panic_with_message").await).await;
        let end = bench.run("hostile", &plugin, &Given { settings: r#"{"a":1}"#, ..Given::default() }).await;
        says(&failure(&end, "trap").message, &[r#"the backup of {"a":1} is 3 days old"#, "panic_with_message.rs:3"]);
        assert!(!failure(&end, "trap").message.contains('\n'));
    }

    async fn million_samples(bench) {
        let path = bench.write("guest", &guests::component("million_samples", guests::CONTRACT));
        let plugin = bench.load(&path).await;
        let end = bench.run("hostile", &plugin, &Given::default()).await;
        says(&failure(&end, "output").message, &["handed over more than 4 MiB at once"]);
    }

    async fn megabyte_label(bench) {
        let plugin = bench.load(&guests::rust("megabyte_label").await).await;
        let end = bench.run("hostile", &plugin, &Given::default()).await;
        assert_eq!(families(&end), (vec!["just_right"], vec!["too_long"]));
        says(&report(&end).refused[0].reason, &["a value of label `of` is 1048576 bytes long; at most 1024"]);
    }

    async fn invalid_names(bench) {
        let plugin = bench.load(&guests::rust("invalid_names").await).await;
        let end = bench.run("hostile", &plugin, &Given::default()).await;
        let (good, refused) = families(&end);
        assert_eq!(good, ["own_check", "just_right"]);
        let bad = ["", "with space", "injected 1 up", "9lives", "naïve", "bellwether_check_up", "bad_label", "reserved_label"];
        assert_eq!(refused, bad);
        assert_eq!(report(&end).families[0].head.label_names[0].as_str(), "exported_check");
    }

    async fn nan_bucket_bounds(bench) {
        let plugin = bench.load(&guests::rust("nan_bucket_bounds").await).await;
        let end = bench.run("hostile", &plugin, &Given::default()).await;
        let (good, refused) = families(&end);
        assert_eq!(good, ["good_read", "good_observed"]);
        assert_eq!(refused, ["nan_read", "unsorted_read", "nan_observed", "unsorted_observed"]);
        for (refused, reason) in report(&end).refused.iter().zip(["NaN", "not ascending", "NaN", "not ascending"]) {
            says(&refused.reason, &["bucket bounds", reason]);
        }
    }

    async fn duplicate_series(bench) {
        let plugin = bench.load(&guests::rust("duplicate_series").await).await;
        let end = bench.run("hostile", &plugin, &Given::default()).await;
        assert_eq!(families(&end), (vec!["twice_in_all"], vec!["twice_inside", "twice_in_all"]));
        says(&report(&end).refused[0].reason, &[r#"series ["a"] appears twice"#]);
        says(&report(&end).refused[1].reason, &["already"]);
    }

    /// No report says anything wrong by itself: it is the board that knows what the family was. It is served as what it
    /// was or not at all, and the rest of the report stands.
    async fn type_change(bench) {
        let plugin = bench.load(&guests::rust("type_change").await).await;
        let board = bench.board("hostile").await;
        for (run, kind) in [(1.0, MetricKind::Gauge), (2.0, MetricKind::Untyped), (3.0, MetricKind::Gauge)] {
            let end = bench.run("hostile", &plugin, &Given::default()).await;
            assert_eq!(families(&end), (vec!["moody", "steady"], vec![]));
            assert_eq!(report(&end).families[0].head.kind, kind);
            board.submit(end.outcome).await;
            let snapshot = bench::reporting(&board, "steady", run).await;
            let moody = snapshot.families.iter().find(|family| family.head.name.as_str() == "moody");
            let refused = &snapshot.checks[0].refused;
            if kind == MetricKind::Gauge {
                assert_eq!(moody.map(|family| family.head.kind), Some(MetricKind::Gauge));
                assert_eq!(*refused, []);
            } else {
                assert!(moody.is_none(), "{moody:?}");
                assert_eq!(refused[0].name, "moody");
                says(&refused[0].reason, &["untyped", "gauge"]);
            }
        }
    }

    async fn log_flood(bench) {
        let plugin = bench.load(&guests::rust("log_flood").await).await;
        let end = bench.run("hostile", &plugin, &cpu(20_000)).await;
        assert_eq!(families(&end), (vec![], vec![]));
        assert_eq!(end.logs.len(), 100);
        assert_eq!(end.outcome.usage.log_lines_dropped, 3 * 10_000 - 100);
        let logged = bench.log();
        assert_eq!(logged.lines().filter(|line| line.contains("hostile")).count(), 100);
        assert!(logged.contains("stdout 0") && logged.contains("stderr 0") && !logged.contains("line 9999"));
    }

    async fn state_over_quota(bench) {
        let plugin = bench.load(&guests::rust("state_over_quota").await).await;
        for kept in ["false", "true"] {
            let end = bench.run("hostile", &plugin, &cpu(20_000)).await;
            let verdict = &report(&end).verdicts[0];
            assert_eq!(end.outcome.word(), "ok", "{verdict:?}");
            says(&verdict.summary, &["state would take", "this check may keep 65536"]);
            assert_eq!(verdict.details[0].1, kept);
            let keys: u64 = verdict.details[1].1.parse().expect("a number");
            assert!((5_000..10_000).contains(&keys), "{keys}");
        }
        assert_eq!(bench.state("hostile"), [("small".to_owned(), b"fits".to_vec())]);
    }

    async fn state_then_trap(bench) {
        let plugin = bench.load(&guests::rust("state_then_trap").await).await;
        for _ in 0..2 {
            let end = bench.run("hostile", &plugin, &Given::default()).await;
            says(&failure(&end, "trap").message, &["before: false, during: true"]);
            assert_eq!(end.state, None);
        }
        assert_eq!(bench.state("hostile"), []);
    }

    async fn ungranted_call(bench) {
        let plugin = bench.load(&guests::rust("ungranted_call").await).await;
        let end = bench.run("hostile", &plugin, &Given::default()).await;
        let failure = failure(&end, "denied");
        says(&failure.message, &["`system`", r#"add `allow = ["system"]` to [check.hostile] (bellwether.toml:12)"#]);
        assert_eq!(end.outcome.usage.denied.len(), 1);
        assert_eq!(end.outcome.usage.denied[0].capability, "system");
        let granted = Given { allow: [Capability::System].into(), ..Given::default() };
        let end = bench.run("hostile", &plugin, &granted).await;
        assert_eq!(families(&end), (vec!["load"], vec![]));
        assert_eq!(end.outcome.usage.denied, []);
    }

    async fn foreign_interface(bench) {
        let refused = bench.refused(&guests::rust("foreign_interface").await).await;
        says(&refused.to_string(), &["acme:gadgets/telepathy@1.2.0"]);
        assert!(matches!(refused, LoadError::Inspect { source: InspectError::UnknownImport(_), .. }));
    }

    async fn unknown_interface(bench) {
        let telepathy = "interface telepathy { read-mind: func(); }\n\nworld check-plugin {\n    import telepathy;";
        let contract = guests::CONTRACT.replacen("world check-plugin {", telepathy, 1);
        let path = bench.write("guest", &guests::component("unknown_interface", &contract));
        let refused = bench.refused(&path).await;
        says(&refused.to_string(), &["bellwether:plugin/telepathy@0.1.0"]);
        assert!(matches!(refused, LoadError::Inspect { source: InspectError::UnknownImport(_), .. }));
    }

    async fn unknown_contract_version(bench) {
        let contract = guests::CONTRACT.replacen("bellwether:plugin@0.1.0", "bellwether:plugin@0.9.0", 1);
        let path = bench.write("guest", &guests::component("unknown_contract_version", &contract));
        let refused = bench.refused(&path).await;
        says(&refused.to_string(), &["0.9.0", "provides 0.1.0"]);
        assert!(matches!(refused, LoadError::Inspect { source: InspectError::Version { .. }, .. }));
    }

    async fn schema_remote_ref(bench) {
        let plugin = bench.load(&guests::rust("schema_remote_ref").await).await;
        let checked = plugin.check_settings(&["{}", r#"{"remote":1}"#]).await;
        assert_eq!(checked.len(), 2);
        for checked in checked {
            let problems = checked.expect_err("the schema cannot be used");
            says(&problems[0].message, &["file:///etc/passwd", "/properties/file/$ref", "nothing is fetched"]);
        }
    }

    async fn schema_regex_bomb(bench) {
        let plugin = bench.load(&guests::rust("schema_regex_bomb").await).await;
        let settings = format!(r#"{{"slow":"{}"}}"#, "a".repeat(50_000));
        let checked = plugin.check_settings(&[&settings]).await;
        let problems = checked[0].as_ref().expect_err("the schema cannot be used");
        says(&problems[0].message, &["((a{1,1000}){1,1000}){1,1000}", "too large once compiled"]);
    }

    async fn schema_recursive_ref(bench) {
        let plugin = bench.load(&guests::rust("schema_recursive_ref").await).await;
        let deep = format!("{}{{}}{}", r#"{"inner":"#.repeat(60), "}".repeat(60));
        let wrong = r#"{"inner":{"inner":{"outer":1}}}"#;
        let checked = plugin.check_settings(&["{}", &deep, wrong]).await;
        assert_eq!(checked[..2], [Ok(Vec::new()), Ok(Vec::new())]);
        let problems = checked[2].as_ref().expect_err("an unknown setting");
        assert_eq!(problems[0].pointer, "/inner/inner/outer");
    }

    async fn schema_branches(bench) {
        too_dear(bench, "schema_branches", "more than 3 s of CPU time and was ended").await;
    }

    async fn schema_errors(bench) {
        // Memory runs out first, unless the machine is slow.
        too_dear(bench, "schema_errors", "it ").await;
    }

    async fn core_module(bench) {
        let path = bench.write("guest", &guests::module("core_module"));
        let refused = bench.refused(&path).await;
        says(&refused.to_string(), &["core module"]);
        assert!(matches!(refused, LoadError::Inspect { source: InspectError::CoreModule, .. }));
    }

    async fn text_file(bench) {
        let refused = bench.refused(&guests::file("text_file")).await;
        says(&refused.to_string(), &["text_file.wasm", "this is text, not a WebAssembly component"]);
        // Somebody may have named the wrong file, and one with a secret in it.
        assert!(!refused.to_string().contains("This is not WebAssembly at all"), "{refused}");
        assert!(matches!(refused, LoadError::Inspect { source: InspectError::Text { .. }, .. }));
    }

    async fn empty_file(bench) {
        let refused = bench.refused(&guests::file("empty_file")).await;
        says(&refused.to_string(), &["empty_file.wasm", "empty"]);
        assert!(matches!(refused, LoadError::Inspect { source: InspectError::Empty, .. }));
    }

    async fn precompiled(bench) {
        let component = std::fs::read(guests::rust("healthy").await).expect("a component");
        let path = bench.write("guest", &guests::precompiled(&component));
        let refused = bench.refused(&path).await;
        assert!(matches!(refused, LoadError::Inspect { source: InspectError::Precompiled, .. }), "{refused}");
    }

    async fn minutes_to_compile(bench) {
        let path = bench.write("guest", &guests::minutes_to_compile());
        let hurried = Bench::compiling_within(Duration::from_secs(4), Duration::from_secs(120));
        let refused = hurried.refused(&path).await;
        says(&refused.to_string(), &["does not compile", "more than 4 s of CPU time and was ended"]);
        assert!(matches!(refused, LoadError::Compile { source: CompileError::Cpu(_), .. }));
        let hurried = Bench::compiling_within(Duration::from_secs(60), Duration::from_millis(700));
        let refused = hurried.refused(&path).await;
        assert!(matches!(refused, LoadError::Compile { source: CompileError::Wall(_), .. }), "{refused}");
    }

    async fn python(bench) {
        if let Some(path) = guests::scripted("python", &["python3"]).await {
            counts_its_runs(bench, &path, "python").await;
        }
    }

    async fn javascript(bench) {
        if let Some(path) = guests::scripted("javascript", &["node", "npm"]).await {
            counts_its_runs(bench, &path, "javascript").await;
        }
    }
}

/// Checking settings against the schema of `guest` ends, and says that it is the schema; another plugin's are checked
/// meanwhile.
async fn too_dear(bench: &Bench, guest: &str, why: &str) {
    let (dear, other) = (guests::rust(guest).await, guests::rust("obedient").await);
    // Compiled under the usual limits, which leaves the result in the cache that both share.
    for path in [&dear, &other] {
        bench.load(path).await;
    }
    let hurried = Bench::compiling_within(Duration::from_secs(3), Duration::from_secs(120));
    let (dear, other) = (hurried.load(&dear).await, hurried.load(&other).await);
    let (checked, others) = tokio::join!(dear.check_settings(&["{}", "{}"]), other.check_settings(&["{}"]));
    assert_eq!(others, [Ok(Vec::new())]);
    assert_eq!(checked.len(), 2);
    for checked in checked {
        let problems = checked.expect_err("too dear");
        says(
            &problems[0].message,
            &["schema cannot be used, for checking settings is too dear: it", why],
        );
    }
}

/// The guests in other languages are one check: under the default limits it describes itself, has its settings checked,
/// logs, keeps state and reports.
async fn counts_its_runs(bench: &Bench, path: &std::path::Path, language: &str) {
    let plugin = bench.load(path).await;
    assert_eq!(plugin.description().name, language);
    assert_eq!(plugin.description().metrics[0].name, format!("{language}_runs"));
    let checked = plugin
        .check_settings(&["{}", r#"{"greeting":"hi"}"#, r#"{"greting":"hi"}"#])
        .await;
    assert_eq!(checked[..2], [Ok(Vec::new()), Ok(Vec::new())]);
    says(
        &checked[2].as_ref().expect_err("a misspelt setting")[0].message,
        &["did you mean `greeting`?"],
    );
    for runs in [1.0, 2.0] {
        let end = bench
            .run(
                "guest",
                &plugin,
                &Given {
                    settings: r#"{"greeting":"hi"}"#,
                    ..Given::default()
                },
            )
            .await;
        assert_eq!(report(&end).verdicts[0].summary, format!("hi, run {runs}"));
        let family = &report(&end).families[0];
        assert_eq!(family.head.name.as_str(), format!("{language}_runs"));
        let ReportedPoints::Values(samples) = &family.points else {
            panic!("values")
        };
        assert_eq!((&*samples[0].label_values[0], samples[0].value), ("hi", runs));
        let lines: Vec<_> = end.logs.iter().map(|line| line.message.as_str()).collect();
        assert!(
            lines.contains(&"guest ran") && lines.contains(&"said on stdout"),
            "{lines:?}"
        );
        let peak = end.outcome.usage.memory_peak_bytes;
        assert!(peak < 32 << 20, "{language} took {peak} bytes of the default 64 MiB");
    }
}
