//! Answers that cost more than a run has: each is its own target's loss.

use bellwether_sdk::{Status, fake::json};

use super::{answer, host};
use crate::SupabaseEdge;

/// A megabyte of tables with one member each, of which a tree takes more memory than a run has.
fn a_megabyte_of_tables() -> String {
    format!("[{}]", vec!["{\"\":0}"; 149_000].join(","))
}

#[test]
fn a_body_that_memory_does_not_suffice_for_hides_no_other_target() {
    let evil = a_megabyte_of_tables();
    let (mut fake, _) = host(move |request| {
        Ok(match request.url.as_str() {
            "functions/v1/failed" => answer(500, &evil),
            "functions/v1/fine" => answer(204, ""),
            _ => answer(200, &evil),
        })
    });
    let run = fake.run::<SupabaseEdge>(json!({
        "functions": { "failed": {}, "fine": {} },
        "surfaces": { "auth": {}, "storage": {} },
        "flows": { "f": { "steps": [
            { "name": "a", "path": "rest/v1/a", "expect": { "json": [{ "pointer": "/0", "exists": true }] } },
        ] } },
    }));
    assert_eq!(run.verdict("function failed").code, "function_error");
    assert_eq!(run.status("function fine"), Status::Ok);
    for surface in ["auth", "storage"] {
        let verdict = run.verdict(surface);
        assert_eq!(verdict.code, "body_too_large");
        assert!(verdict.summary.contains("memory"), "{}", verdict.summary);
    }
    let flow = run.verdict("flow f");
    assert!(flow.summary.contains("memory"), "{}", flow.summary);
}

#[test]
fn a_step_that_there_is_no_time_to_judge_is_said_to_be_so_and_functions_stand() {
    let long = format!("\"{}\"", "a".repeat(1_000_000));
    let (mut fake, _) = host(move |request| {
        Ok(match request.url.as_str() {
            "functions/v1/fine" => answer(204, ""),
            _ => answer(200, &long),
        })
    });
    let run = fake.run::<SupabaseEdge>(json!({
        "functions": { "fine": {} },
        "flows": { "f": { "steps": [
            { "name": "a", "path": "rest/v1/a", "expect": { "json": [{ "pointer": "", "matches": "(a?){500}z" }] } },
        ] } },
    }));
    assert_eq!(run.status("function fine"), Status::Ok);
    let flow = run.verdict("flow f");
    assert!(flow.summary.contains("has the time to search"), "{}", flow.summary);
    assert_eq!((flow.status, flow.code.as_str()), (Status::Unknown, "flow_unjudged"));
}
