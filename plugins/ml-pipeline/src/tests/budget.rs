//! What answers may cost in memory, time and words, and whose loss it is where they cost more.

use bellwether_sdk::{Status, fake::json};
use serde_json::Value;

use super::fixture::{Server, run_one};

/// A megabyte of tables with one member each, of which a tree takes more memory than a run has.
fn a_megabyte_of_tables() -> String {
    format!("[{}]", vec!["{\"\":0}"; 149_000].join(","))
}

#[test]
fn an_answer_that_memory_does_not_suffice_for_is_its_own_targets_fault() {
    let evil = a_megabyte_of_tables();
    let server = Server::new()
        .text("/evil", 200, &evil)
        .text("/failed", 500, &evil)
        .json("/fine", 200, json!([1]));
    let run = run_one(
        json!({
            "canary": {
                "evil": { "url": "http://server/evil", "assert": [{ "at": "/0", "exists": true }] },
                "failed": { "url": "http://server/failed" },
                "fine": { "url": "http://server/fine", "assert": [{ "at": "/0", "equals": 1 }] },
            },
            "report": { "evil": { "url": "http://server/evil", "accuracy": { "at": "/acc" } } },
        }),
        server,
    );
    for target in ["canary evil", "report evil"] {
        let verdict = run.verdict(target);
        assert_eq!(
            (verdict.status, verdict.code.as_str()),
            (Status::Critical, "body_too_large")
        );
        assert!(verdict.summary.contains("memory"), "{}", verdict.summary);
    }
    assert_eq!(run.verdict("canary failed").code, "unexpected_status");
    assert_eq!(run.status("canary fine"), Status::Ok);
}

#[test]
fn what_many_long_answers_leave_no_time_for_is_unknown_and_short_ones_are_judged() {
    let list = format!("[{}]", vec!["\"\""; 340_000].join(","));
    let mut server = Server::new().json("/fine", 200, json!([1, 2]));
    let unique = json!([{ "at": "/*", "unique": true }]);
    let mut canaries = json!({ "zz_fine": { "url": "http://server/fine", "assert": unique } });
    for index in 0..20 {
        server = server.text(&format!("/{index}"), 200, &list);
        canaries[format!("t{index}")] = json!({ "url": format!("http://server/{index}"), "assert": unique });
    }
    let run = run_one(json!({ "canary": canaries }), server);
    assert_eq!(run.status("canary zz_fine"), Status::Ok);
    let verdicts = run.report().verdicts().iter();
    let unjudged = verdicts.filter(|verdict| verdict.code == "not_judged").count();
    assert!(unjudged >= 5, "{unjudged} of 20 were left out");
    assert_eq!(run.value("ml_target_up", &["canary", "zz_fine"]), Some(1.0));
}

#[test]
fn a_report_whose_names_are_too_long_for_the_host_comes_without_their_metric() {
    let name = |index: usize| format!("{index}{}", "n".repeat(1_000));
    let features: serde_json::Map<String, Value> =
        (0..500).map(|index| (name(index), json!({ "psi": 0.01 }))).collect();
    let (mut server, mut reports) = (Server::new(), json!({}));
    for index in 0..12 {
        server = server.json(&format!("/{index}"), 200, json!({ "drift": features }));
        reports[format!("r{index}")] =
            json!({ "url": format!("http://server/{index}"), "drift": { "at": "/drift/*/psi" } });
    }
    let run = run_one(json!({ "report": reports }), server);
    assert_eq!(run.report().verdicts().len(), 12);
    assert_eq!(run.value("ml_target_up", &["report", "r11"]), Some(1.0));
    let families = run.report().families();
    assert!(families.iter().all(|family| family.name != "ml_drift_score"));
    let line = run.logs.iter().find(|line| line.message.contains("left out")).unwrap();
    assert!(
        line.fields
            .contains(&("metrics".to_owned(), "ml_drift_score".to_owned())),
        "{line:?}"
    );
    assert!(
        line.fields.contains(&("series".to_owned(), "6000".to_owned())),
        "{line:?}"
    );
}
