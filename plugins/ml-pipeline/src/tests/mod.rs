//! The plugin as a whole, on a host in memory.

mod budget;
pub(crate) mod fixture;

use std::time::Duration;

use bellwether_sdk::{
    FailureKind, Status,
    fake::{Fake, Run, assert_readme, assert_rules, describe, json},
    http::Error,
    report::Points,
};
use serde_json::Value;

use super::MlPipeline;
use fixture::{NOW, Server, failure, response, run_one};

/// A canary against TEI's `/embed`.
fn canary(more: Value) -> Value {
    let mut target =
        json!({ "url": "http://server/", "path": "/embed", "body": { "inputs": "hello" }, "model": "two_tower_768" });
    target
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({ "canary": { "t": target } })
}

fn embedding(size: usize) -> Value {
    let each = 1.0 / (size as f64).sqrt();
    json!([vec![each; size]])
}

#[test]
fn a_canary_asserts_768_dimensions_on_a_real_answer() {
    let asserted = json!({ "assert": [{ "at": "/0", "dim": 768, "finite": true, "norm": 1 }] });
    let of = |size| {
        run_one(
            canary(asserted.clone()),
            Server::new().json("/embed", 200, embedding(size)),
        )
    };
    let run = of(768);
    assert_eq!(run.status("canary t"), Status::Ok);
    assert_eq!(
        run.value("ml_embedding_dimension", &["canary", "t", "two_tower_768"]),
        Some(768.0)
    );
    assert_eq!(
        run.value("ml_inference_latency_seconds", &["t", "two_tower_768"]),
        Some(1.0),
        "one observation"
    );
    let run = of(512);
    assert_eq!(
        (run.status("canary t"), run.verdict("canary t").code.as_str()),
        (Status::Critical, "assertion_failed")
    );
    assert_eq!(run.verdict("canary t").summary, "`/0`: has 512 dimensions, not 768");
    assert_eq!(
        run.value("ml_embedding_dimension", &["canary", "t", "two_tower_768"]),
        Some(512.0)
    );
}

#[test]
fn the_dimension_that_is_measured_is_the_one_that_is_complained_of() {
    let of = |at: &str| {
        let asserted = json!({ "assert": [{ "at": at, "dim": 768 }] });
        let vector = |size: usize| vec![0.5; size];
        let batch = json!([vector(768), vector(767), vector(768)]);
        run_one(canary(asserted), Server::new().json("/embed", 200, batch))
    };
    for at in ["", "/*"] {
        let run = of(at);
        let summary = &run.verdict("canary t").summary;
        assert!(summary.contains("767 dimensions, not 768"), "{summary}");
        assert_eq!(
            run.value("ml_embedding_dimension", &["canary", "t", "two_tower_768"]),
            Some(767.0)
        );
    }
}

#[test]
fn an_embedding_with_nan_is_found_although_it_is_no_json() {
    let settings = canary(json!({ "assert": [{ "at": "/0", "finite": true }] }));
    let run = run_one(settings, Server::new().text("/embed", 200, "[[0.1, NaN, 0.2]]"));
    assert!(
        run.verdict("canary t").summary.contains("not finite"),
        "{:?}",
        run.verdict("canary t")
    );
}

#[test]
fn a_canary_says_why_it_was_turned_away() {
    let of = |status, body| {
        let run = run_one(canary(json!({})), Server::new().json("/embed", status, body));
        (
            run.status("canary t"),
            run.verdict("canary t").code.clone(),
            run.verdict("canary t").summary.clone(),
        )
    };
    // `ErrorResponse` of Text Embeddings Inference, with its statuses.
    let (status, code, summary) = of(
        429,
        json!({ "error": "Model is overloaded", "error_type": "overloaded" }),
    );
    assert_eq!((status, code.as_str()), (Status::Warning, "overloaded"));
    assert!(summary.ends_with("HTTP 429: Model is overloaded"));
    let (status, code, _) = of(424, json!({ "error": "Inference failed", "error_type": "backend" }));
    assert_eq!((status, code.as_str()), (Status::Critical, "unexpected_status"));
    assert_eq!(of(401, json!({})).1, "unauthorized");
}

#[test]
fn a_status_can_be_what_is_wanted() {
    let of = |status| {
        run_one(
            canary(json!({ "status": [422] })),
            Server::new().text("/embed", status, ""),
        )
        .status("canary t")
    };
    assert_eq!((of(422), of(200)), (Status::Ok, Status::Critical));
}

#[test]
fn a_slow_answer_is_a_verdict_and_slow_runs_are_counted() {
    let settings = canary(json!({ "latency": { "warning": "20ms", "critical": "1s" }, "recommendation": true }));
    let server = Server::new().json("/embed", 200, json!([]));
    let mut fake = Fake::new().with_http(server.into_answer());
    let runs: Vec<Run> = (0..2).map(|_| fake.run::<MlPipeline>(settings.clone())).collect();
    let verdict = runs[1].verdict("canary t");
    assert_eq!((verdict.status, verdict.code.as_str()), (Status::Warning, "too_slow"));
    assert_eq!(verdict.summary, "answered in 40 ms, more than 20 ms");
    assert_eq!(verdict.latency_ns, Some(40_000_000));
    assert_eq!(runs[1].value("ml_canary_slow_runs", &["t", "warning"]), Some(2.0));
    assert_eq!(runs[1].value("ml_canary_slow_runs", &["t", "critical"]), Some(0.0));
    assert_eq!(
        runs[1].value("recommendation_latency_seconds", &["two_tower_768"]),
        Some(1.0)
    );
}

#[test]
fn the_request_is_as_configured() {
    let server = Server::new().answering(|request| {
        assert_eq!(
            (request.method.as_str(), request.url.as_str()),
            ("PUT", "http://server/embed")
        );
        assert_eq!(request.body, br#"{"inputs":"hello"}"#);
        assert_eq!(request.timeout_ms, Some(1_500));
        let header = |name: &str| {
            request
                .headers
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
        assert_eq!(header("x-canary"), Some(b"{{secret:key}}".to_vec()));
        assert_eq!(header("content-type"), Some(b"application/json".to_vec()));
        (200, String::new())
    });
    let settings =
        canary(json!({ "method": "PUT", "headers": { "x-canary": "{{secret:key}}" }, "timeout": "1s 500ms" }));
    assert_eq!(run_one(settings, server).status("canary t"), Status::Ok);
}

/// Seven targets, of which one of each kind and one that nobody answers.
fn everything() -> Value {
    json!({
        "ready": { "up": { "url": "http://server/", "preset": "bentoml" }, "down": { "url": "http://gone/", "preset": "bentoml" } },
        "canary": { "c": { "url": "http://server/embed" } },
        "runs": { "r": { "url": "http://gone/", "system": "airflow3", "pipeline": "train" } },
        "report": { "p": { "url": "http://gone/", "accuracy": { "at": "/a" } } },
        "scrape": { "s": { "url": "http://gone/", "values": { "v": { "metric": "m" } } } },
        "freshness": { "f": { "url": "http://gone/", "at": "/a" } },
    })
}

#[test]
fn one_target_that_fails_hides_no_other() {
    let mut fake = Fake::new().with_http(|request| {
        if request.url.starts_with("http://gone") {
            return Err(failure(Error::Connect("connection refused".into())));
        }
        Ok(response(200, ""))
    });
    let run = fake.run::<MlPipeline>(everything());
    let statuses: Vec<(String, Status)> = run
        .report()
        .verdicts()
        .iter()
        .map(|verdict| (verdict.target.clone(), verdict.status))
        .collect();
    assert_eq!(statuses.len(), 7, "{statuses:?}");
    for (target, status) in statuses {
        let good = ["ready up", "canary c"].contains(&target.as_str());
        assert_eq!(status, if good { Status::Ok } else { Status::Critical }, "{target}");
    }
    assert_eq!(
        run.verdict("runs r").summary,
        "cannot connect: connection refused",
        "said once for two requests"
    );
    assert_eq!(run.value("ml_target_up", &["ready", "down"]), Some(0.0));
    assert_eq!(run.value("ml_target_up", &["ready", "up"]), Some(1.0));
}

#[test]
fn what_the_host_refuses_is_unknown_and_says_what_to_grant() {
    let mut fake = Fake::new().with_http(|request| {
        if request.url.starts_with("http://gone") {
            return Err(failure(Error::Denied("add `http://gone/`".into())));
        }
        Ok(response(200, ""))
    });
    let run = fake.run::<MlPipeline>(everything());
    let verdict = run.verdict("ready down");
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Unknown, "not_granted")
    );
    assert!(verdict.summary.contains("add `http://gone/`"));
    assert_eq!(run.status("ready up"), Status::Ok);
}

#[test]
fn of_targets_that_were_not_asked_nothing_is_invented() {
    for (error, code) in [
        (Error::Exhausted("waited for a free seat".into()), "not_asked"),
        (Error::Denied("add `http://gone/`".into()), "not_granted"),
    ] {
        let mut fake = Fake::new().with_http(move |request| {
            if request.url.starts_with("http://gone") {
                return Err(failure(error.clone()));
            }
            Ok(response(200, ""))
        });
        let mut settings = everything();
        settings["ready"]["model"] = json!({ "url": "http://gone/", "preset": "kserve", "model": "m", "dimension": 3 });
        let run = fake.run::<MlPipeline>(settings);
        for target in [
            "ready down",
            "ready model",
            "runs r",
            "report p",
            "scrape s",
            "freshness f",
        ] {
            let verdict = run.verdict(target);
            assert_eq!(
                (verdict.status, verdict.code.as_str()),
                (Status::Unknown, code),
                "{target}"
            );
        }
        let asked = ["up", "c"];
        for family in run.report().families() {
            let Points::Gauge(samples) = &family.points else {
                continue;
            };
            let counted = ["ml_target_failing_runs", "ml_target_unanswered_runs"].contains(&family.name.as_str());
            let place = family.label_names.iter().position(|name| name == "target");
            let place = place.expect("a label `target`");
            let of_others = |label_values: &[String]| !asked.contains(&label_values[place].as_str());
            assert_eq!(
                samples.iter().any(|sample| of_others(&sample.label_values)),
                counted,
                "{}",
                family.name
            );
        }
        assert_eq!(run.value("ml_target_up", &["ready", "up"]), Some(1.0));
    }
}

#[test]
fn where_nothing_is_granted_there_is_no_report() {
    let mut fake = Fake::new().with_http(|_| Err(failure(Error::Denied("add `http://server/`".into()))));
    let run = fake.run::<MlPipeline>(canary(json!({})));
    assert_eq!(run.failure().kind(), FailureKind::Denied);
    assert!(run.failure().message().contains("add `http://server/`"));
}

#[test]
fn failing_runs_are_counted_and_forgotten_with_their_target() {
    let mut healthy = [false, false, true].into_iter();
    let mut fake = Fake::new().with_scheduled_at_unix(NOW).with_http(move |_| {
        let status = if healthy.next().unwrap_or(true) { 200 } else { 503 };
        Ok(response(status, ""))
    });
    let settings = json!({ "ready": { "t": { "url": "http://server/", "preset": "bentoml" } } });
    let counted: Vec<Option<f64>> = (0..3)
        .map(|_| {
            fake.advance(Duration::from_secs(60));
            let run = fake.run::<MlPipeline>(settings.clone());
            run.value("ml_target_failing_runs", &["ready", "t", "critical"])
        })
        .collect();
    assert_eq!(counted, [Some(1.0), Some(2.0), Some(0.0)]);
    let other = json!({ "ready": { "other": { "url": "http://server/", "preset": "bentoml" } } });
    let _ = fake.run::<MlPipeline>(other);
    let kept = String::from_utf8_lossy(fake.state("memory-1").unwrap()).into_owned();
    assert!(!kept.contains("ready t"), "{kept}");
}

#[test]
fn a_memory_that_cannot_be_read_or_kept_costs_no_verdict() {
    let server = Server::new().text("/embed", 200, "");
    let mut fake = Fake::new().with_state("memory-1", "{").with_http(server.into_answer());
    let run = fake.run::<MlPipeline>(canary(json!({})));
    assert_eq!(run.status("canary t"), Status::Ok);
    assert_eq!(run.logs.len(), 1, "{:?}", run.logs);
    let server = Server::new().text("/embed", 200, "");
    let mut full = Fake::new().with_state_quota(4).with_http(server.into_answer());
    let run = full.run::<MlPipeline>(canary(json!({})));
    assert_eq!((run.status("canary t"), run.logs.len()), (Status::Ok, 1));
}

#[test]
fn a_slot_is_asked_where_no_address_is_given() {
    let mut fake = Fake::new().with_http(|request| {
        assert_eq!(request.connection.as_deref(), Some("serving"));
        assert_eq!(request.url, "/readyz");
        Ok(response(200, ""))
    });
    let run = fake.run::<MlPipeline>(json!({ "ready": { "t": { "connection": "serving", "preset": "bentoml" } } }));
    assert_eq!(run.status("ready t"), Status::Ok);
}

fn refusal(settings: Value) -> String {
    let run = run_one(settings.clone(), Server::new());
    let failure = run.failure();
    assert_eq!(failure.kind(), FailureKind::Settings, "{settings}");
    failure.message().to_owned()
}

#[test]
fn settings_that_make_no_sense_are_refused_with_all_that_is_wrong() {
    let ready = |target: Value| refusal(json!({ "ready": { "t": target } }));
    let cases = [
        (refusal(json!({})), "nothing to look at"),
        (refusal(json!({ "ready": { "a b": {} } })), "a name is made of"),
        (
            ready(json!({ "url": "http://a", "connection": "serving" })),
            "exclude each other",
        ),
        (
            ready(json!({ "preset": "bentoml", "model": "m" })),
            "`bentoml` has no use for `model`",
        ),
        (
            ready(json!({ "preset": "triton", "model": "m", "alias": "a" })),
            "no use for `alias`",
        ),
        (
            ready(json!({ "preset": "vllm", "model": "m", "dimension": 768 })),
            "use a `canary`",
        ),
        (
            ready(json!({ "preset": "kserve", "dimension": 768 })),
            "`dimension` needs `model`",
        ),
        (
            ready(json!({ "preset": "kserve", "path": "/x" })),
            "belong to preset `generic`",
        ),
        (ready(json!({ "preset": "tensorflow_serving" })), "name a `model`"),
        (ready(json!({ "prest": "kserve" })), "prest"),
        (ready(json!({ "preset": "kserv" })), "kserv"),
        (ready(json!({ "timeout": "soon" })), "not a duration"),
        (
            refusal(canary(json!({ "latency": { "warning": "2s", "critical": "1s" } }))),
            "latency.warning",
        ),
        (
            refusal(canary(json!({ "assert": [{ "at": "x", "len": 1 }] }))),
            "JSON pointer",
        ),
        (
            refusal(json!({ "runs": { "t": { "system": "vllm", "pipeline": "p" } } })),
            "these have: mlflow",
        ),
        (
            refusal(json!({ "runs": { "t": { "system": "airflow3" } } })),
            "pipeline",
        ),
        (refusal(json!({ "report": { "t": {} } })), "nothing is judged"),
        (
            refusal(json!({ "report": { "t": { "drift": { "at": "x" } } } })),
            "JSON pointer",
        ),
        (refusal(json!({ "scrape": { "t": {} } })), "nothing to pick"),
        (
            refusal(json!({ "scrape": { "t": { "preset": "triton", "values": { "x": {} } } } })),
            "needs a `metric`",
        ),
        (
            refusal(json!({ "scrape": { "t": { "preset": "mlflow" } } })),
            "has no metrics",
        ),
        (refusal(json!({ "freshness": { "t": {} } })), "where the time stands"),
        (
            refusal(json!({ "freshness": { "t": { "preset": "qdrant" } } })),
            "needs `index`",
        ),
        (
            refusal(json!({ "freshness": { "t": { "preset": "vllm", "index": "i" } } })),
            "does not tell ages",
        ),
        (
            refusal(json!({ "freshness": { "t": { "preset": "meilisearch", "index": "i", "at": "/x" } } })),
            "belong to preset `generic`",
        ),
    ];
    for (message, wanted) in cases {
        assert!(message.contains(wanted), "`{message}` does not say `{wanted}`");
    }
    let both = refusal(json!({ "report": { "a": {}, "b": {} } }));
    assert!(both.contains("`report.a`") && both.contains("`report.b`"), "{both}");
    let accuracy = json!({ "model": "m", "accuracy": { "at": "/a" } });
    let twice = refusal(json!({ "report": { "a": accuracy, "b": accuracy } }));
    assert!(twice.contains("two reports have `accuracy` of `m`"), "{twice}");
}

#[test]
fn the_description_is_sound_and_grants_stand_in_every_address() {
    describe::<MlPipeline>();
    let schema = serde_json::to_string(&schemars::schema_for!(super::Settings)).unwrap();
    assert_eq!(schema.matches("x-bellwether-grant").count(), 6, "{schema}");
}

#[test]
fn every_table_of_the_schema_is_closed_and_every_setting_is_described() {
    fn visit(at: &str, schema: &Value, problems: &mut Vec<String>) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
                problems.push(format!("{at} is open"));
            }
            let silent = properties
                .iter()
                .filter(|(_, property)| property.get("description").is_none());
            problems.extend(silent.map(|(name, _)| format!("{at}/{name} says nothing")));
        }
        let parts = schema.as_object().into_iter().flatten();
        parts.for_each(|(name, part)| visit(&format!("{at}/{name}"), part, problems));
    }
    let schema = serde_json::to_value(schemars::schema_for!(super::Settings)).unwrap();
    let mut problems = Vec::new();
    visit("", &schema, &mut problems);
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn the_readme_names_every_metric_and_every_code() {
    assert_readme::<MlPipeline>(include_str!("../../README.md"));
}

/// Every check of this plugin in a TOML text, run against a server that knows nothing.
fn checks(text: &str) -> Vec<Run> {
    let file: Value = toml::from_str(text).unwrap();
    let checks = file["check"].as_object().into_iter().flatten();
    let settings = checks.map(|(_, check)| check["settings"].clone());
    settings.map(|settings| run_one(settings, Server::new())).collect()
}

#[test]
fn the_sample_and_the_examples_make_sense() {
    let sample = checks(include_str!("../../sample.toml"));
    let readme = include_str!("../../README.md");
    let blocks = readme
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let examples: Vec<Run> = blocks.flat_map(checks).collect();
    assert_eq!((sample.len(), examples.len()), (2, 3));
    for run in sample.iter().chain(&examples) {
        assert!(!run.report().verdicts().is_empty());
    }
}

#[test]
fn rules_speak_of_what_is_reported() {
    assert_rules::<MlPipeline>(include_str!("../../rules.yml"));
}
