use bellwether_sdk::{Status, fake::Run as Outcome};
use serde_json::json;

use super::*;
use crate::tests::fixture::{NOW, Server, run_one};

/// Airflow 3's form, in the order given: state, seconds since the start, seconds since the end.
fn dag(runs: &[(&str, u64, Option<u64>)], success: bool, more: Value) -> Outcome {
    let list = |runs: &[(&str, u64, Option<u64>)]| {
        let runs: Vec<Value> = runs
            .iter()
            .map(|(state, start, end)| {
                let end = end.map(|end| NOW - end);
                json!({ "dag_run_id": format!("{state}-{start}"), "state": state, "start_date": NOW - start, "end_date": end })
            })
            .collect();
        json!({ "dag_runs": runs }).to_string()
    };
    let recent = list(runs);
    let latest = if success {
        list(&[("success", 50_000, Some(40_000))])
    } else {
        list(&[])
    };
    let server = Server::new().answering(move |request| {
        let body = if request.url.contains("state=success") {
            &latest
        } else {
            &recent
        };
        (200, body.clone())
    });
    let mut target = json!({ "url": "http://server/", "system": "airflow3", "pipeline": "train" });
    target
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    run_one(json!({ "runs": { "t": target } }), server)
}

fn code(outcome: &Outcome) -> (Status, String) {
    let verdict = outcome.verdict("runs t");
    (verdict.status, verdict.code.clone())
}

#[test]
fn the_last_success_counts_even_when_it_is_not_among_the_latest_runs() {
    let run = dag(
        &[("failed", 100, Some(50))],
        true,
        json!({ "max_age": { "warning": "10h" } }),
    );
    assert_eq!(
        run.value("ml_run_last_success_timestamp_seconds", &["t", "train"]),
        Some((NOW - 40_000) as f64)
    );
    assert!(
        run.verdict("runs t")
            .summary
            .contains("last success 11 h 6 min ago, more than 10 h"),
        "{:?}",
        run.verdict("runs t")
    );
    assert_eq!(code(&run), (Status::Warning, "run_failed".into()));
}

#[test]
fn a_success_that_is_too_old_is_as_bad_as_its_level() {
    let age = |warning: &str, critical: &str| {
        let levels = json!({ "max_age": { "warning": warning, "critical": critical } });
        code(&dag(&[("success", 50_000, Some(40_000))], true, levels))
    };
    assert_eq!(age("12h", "1d").0, Status::Ok);
    assert_eq!(age("10h", "1d"), (Status::Warning, "success_too_old".into()));
    assert_eq!(age("1h", "10h"), (Status::Critical, "success_too_old".into()));
}

#[test]
fn never_to_have_succeeded_is_said_when_an_age_is_asked() {
    let running = [("running", 100, None)];
    assert_eq!(code(&dag(&running, false, json!({}))).0, Status::Ok);
    let run = dag(&running, false, json!({ "max_age": { "warning": "1h" } }));
    assert_eq!(code(&run), (Status::Warning, "no_success".into()));
    assert_eq!(
        run.value("ml_run_last_success_timestamp_seconds", &["t", "train"]),
        None
    );
}

#[test]
fn failures_in_a_row_are_counted_up_to_the_last_success() {
    let runs = [
        ("running", 10, None),
        ("failed", 100, Some(50)),
        ("failed", 200, Some(150)),
        ("success", 300, Some(250)),
        ("failed", 400, Some(350)),
    ];
    let levels = json!({ "max_failures": { "warning": 1, "critical": 2 } });
    let run = dag(&runs, true, levels);
    assert_eq!(run.value("ml_run_consecutive_failures", &["t", "train"]), Some(2.0));
    assert_eq!(code(&run), (Status::Critical, "run_failed".into()));
    assert!(
        run.verdict("runs t")
            .summary
            .contains("the last 2 runs failed, latest failed-100")
    );
    assert_eq!(
        code(&dag(&runs, true, json!({ "max_failures": { "warning": 3 } }))).0,
        Status::Ok
    );
}

#[test]
fn a_run_under_way_for_too_long_is_found() {
    let runs = [
        ("queued", 5, None),
        ("running", 7_200, None),
        ("success", 9_000, Some(8_000)),
    ];
    let run = dag(
        &runs,
        true,
        json!({ "max_runtime": { "warning": "1h", "critical": "3h" } }),
    );
    assert_eq!(code(&run), (Status::Warning, "running_too_long".into()));
    assert_eq!(run.value("ml_run_running_seconds", &["t", "train"]), Some(7_200.0));
    assert_eq!(
        run.value("ml_run_state", &["t", "train", "waiting"]),
        Some(1.0),
        "the latest"
    );
    assert_eq!(
        code(&dag(&runs, true, json!({ "max_runtime": { "warning": "3h" } }))).0,
        Status::Ok
    );
}

#[test]
fn a_pipeline_without_any_run_is_unknown() {
    assert_eq!(code(&dag(&[], false, json!({}))), (Status::Unknown, "no_runs".into()));
}
