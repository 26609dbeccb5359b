use std::time::Duration;

use bellwether_sdk::{
    Status,
    fake::{Fake, Run},
};
use serde_json::json;

use super::*;
use crate::{
    MlPipeline,
    tests::fixture::{NOW, Server, ago, run_one},
};

fn settings(more: Value) -> Value {
    let mut target = json!({ "url": "http://server/report.json" });
    target
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({ "report": { "two_tower": target } })
}

fn judged(report: Value, more: Value) -> Run {
    run_one(settings(more), Server::new().json("/report.json", 200, report))
}

fn code_of(run: &Run) -> (Status, &str) {
    let verdict = run.verdict("report two_tower");
    (verdict.status, &verdict.code)
}

#[test]
fn accuracy_is_reported_under_the_name_that_dashboards_know() {
    let accuracy = json!({ "at": "/metrics/accuracy", "floor": { "warning": 0.8, "critical": 0.7 } });
    let of = |value: f64| {
        judged(
            json!({ "metrics": { "accuracy": value } }),
            json!({ "model": "two_tower_768", "accuracy": accuracy }),
        )
    };
    let run = of(0.91);
    assert_eq!(run.value("ml_model_accuracy", &["two_tower_768"]), Some(0.91));
    assert_eq!(code_of(&run), (Status::Ok, ""));
    assert_eq!(run.verdict("report two_tower").summary, "accuracy 0.91");
    assert_eq!(code_of(&of(0.79)), (Status::Warning, "value_low"));
    assert_eq!(code_of(&of(0.5)), (Status::Critical, "value_low"));
}

/// A host whose report changes from run to run.
fn sequence(reports: Vec<Value>, more: Value) -> Vec<(Status, String)> {
    let mut next = reports.clone().into_iter();
    let server = Server::new().answering(move |_| (200, next.next().unwrap().to_string()));
    let mut fake = Fake::new().with_scheduled_at_unix(NOW).with_http(server.into_answer());
    let count = reports.len();
    let runs = (0..count).map(|_| {
        let run = fake.run::<MlPipeline>(settings(more.clone()));
        fake.advance(Duration::from_secs(60));
        let (status, code) = code_of(&run);
        (status, code.to_owned())
    });
    runs.collect()
}

#[test]
fn a_drop_is_judged_against_the_report_before_and_stays_until_the_next_report() {
    let report = |made: u64, accuracy: f64| json!({ "made": ago(made), "accuracy": accuracy });
    let reports = vec![
        report(9_000, 0.92),
        report(9_000, 0.92),
        report(5_000, 0.85),
        report(5_000, 0.85),
        report(1_000, 0.86),
    ];
    let more = json!({ "timestamp_at": "/made", "accuracy": { "at": "/accuracy", "max_drop": { "warning": 0.02, "critical": 0.05 } } });
    let codes = sequence(reports, more);
    let dropped = (Status::Critical, "value_dropped".to_owned());
    let fine = (Status::Ok, String::new());
    assert_eq!(codes, [fine.clone(), fine.clone(), dropped.clone(), dropped, fine]);
}

#[test]
fn without_a_time_the_content_tells_reports_apart() {
    let report = |accuracy: f64| json!({ "accuracy": accuracy });
    let more = json!({ "accuracy": { "at": "/accuracy", "max_drop": { "warning": 0.02 } } });
    let codes = sequence(vec![report(0.9), report(0.9), report(0.8), report(0.8)], more);
    let statuses: Vec<Status> = codes.into_iter().map(|(status, _)| status).collect();
    assert_eq!(statuses, [Status::Ok, Status::Ok, Status::Warning, Status::Warning]);
}

/// The form of Evidently's `DataDriftTable`.
fn evidently(scores: &[(&str, f64)]) -> Value {
    let columns: serde_json::Map<String, Value> = scores
        .iter()
        .map(|(name, score)| {
            (
                (*name).to_owned(),
                json!({ "column_name": name, "stattest_name": "PSI", "drift_score": score }),
            )
        })
        .collect();
    json!({ "metrics": [{ "metric": "DataDriftTable", "result": { "number_of_columns": scores.len(), "drift_by_columns": columns } }] })
}

const SCORES: &str = "/metrics/*/result/drift_by_columns/*/drift_score";

#[test]
fn features_that_drifted_are_named_worst_first() {
    let drift = json!({ "drift": { "at": SCORES } });
    let run = judged(evidently(&[("age", 0.05), ("city", 0.12)]), drift.clone());
    assert_eq!(code_of(&run), (Status::Warning, "drifted"));
    assert_eq!(
        run.verdict("report two_tower").summary,
        "1 of 2 features drifted: city 0.120"
    );
    assert_eq!(run.value("ml_drift_score", &["two_tower", "age"]), Some(0.05));
    let run = judged(evidently(&[("age", 0.3), ("city", 0.12)]), drift.clone());
    assert_eq!(code_of(&run).0, Status::Critical);
    assert!(
        run.verdict("report two_tower")
            .summary
            .ends_with("age 0.300, city 0.120")
    );
    assert_eq!(
        code_of(&judged(evidently(&[("age", 0.0999)]), drift.clone())).0,
        Status::Ok
    );
    assert_eq!(code_of(&judged(json!({}), drift)), (Status::Warning, "value_missing"));
}

#[test]
fn a_place_that_leads_to_half_a_million_numbers_is_said_to_be_no_table_of_features() {
    let drift = json!({ "drift": { "at": "/list/*" } });
    let run = judged(json!({ "list": vec![1; 200_000] }), drift);
    assert_eq!(code_of(&run), (Status::Warning, "value_missing"));
    let said = &run.verdict("report two_tower").summary;
    assert!(said.contains("`/list/*` leads to 200000 values"), "{said}");
}

#[test]
fn a_share_of_drifted_features_can_be_what_matters() {
    let drift = json!({ "drift": { "at": SCORES, "score": { "warning": 0.1 }, "share": { "critical": 0.5 } } });
    assert_eq!(
        code_of(&judged(evidently(&[("a", 0.9), ("b", 0.0), ("c", 0.0)]), drift.clone())).0,
        Status::Ok
    );
    assert_eq!(
        code_of(&judged(evidently(&[("a", 0.9), ("b", 0.0)]), drift)).0,
        Status::Critical
    );
}

#[test]
fn a_report_that_is_not_renewed_is_too_old() {
    let more = |warning: &str| json!({ "timestamp_at": "/made", "max_age": { "warning": warning, "critical": "2d" } });
    let report = || json!({ "made": ago(7_200) });
    let run = judged(report(), more("3h"));
    assert_eq!(code_of(&run).0, Status::Ok);
    assert_eq!(
        run.value("ml_report_timestamp_seconds", &["two_tower"]),
        Some((NOW - 7_200) as f64)
    );
    assert_eq!(
        code_of(&judged(report(), more("1h"))),
        (Status::Warning, "report_too_old")
    );
    assert_eq!(
        code_of(&judged(json!({}), more("1h"))),
        (Status::Warning, "timestamp_missing")
    );
}

#[test]
fn the_time_may_be_that_of_the_file() {
    let server = Server::new()
        .json("/report.json", 200, json!({}))
        .header("last-modified", "Wed, 31 Dec 2025 22:00:00 GMT");
    let run = run_one(settings(json!({ "max_age": { "warning": "1h" } })), server);
    assert_eq!(code_of(&run), (Status::Warning, "report_too_old"));
}

#[test]
fn a_figure_that_is_gone_or_a_report_that_is_none_is_said() {
    let figures = json!({ "figures": { "ndcg": { "at": "/ndcg" } } });
    let run = judged(json!({ "other": 1 }), figures.clone());
    assert_eq!(code_of(&run), (Status::Warning, "value_missing"));
    let page = Server::new().text("/report.json", 200, "<html>login</html>");
    assert_eq!(
        code_of(&run_one(settings(figures.clone()), page)),
        (Status::Critical, "unreadable")
    );
    let gone = Server::new().text("/report.json", 404, "");
    assert_eq!(
        code_of(&run_one(settings(figures), gone)),
        (Status::Critical, "unexpected_status")
    );
}
