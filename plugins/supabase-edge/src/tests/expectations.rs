//! Functions: what an answer has to be like, and bodies that are cut off, are too long or do not end.

use bellwether_sdk::{
    Status,
    fake::{json, no_answer},
    http::{Error, Failure},
};

use super::{answer, header, host};
use crate::SupabaseEdge;

#[test]
fn expectations_are_held_against_the_answer() {
    let vector = json!({ "model": "two_tower_768", "vector": vec![0.1; 768] }).to_string();
    let (mut fake, _) = host(move |_| Ok(header(answer(200, &vector), "content-type", "application/json")));
    let mut code = |expect: serde_json::Value| {
        let settings = json!({ "functions": { "f": { "mode": "invoke", "expect": expect } } });
        fake.run::<SupabaseEdge>(settings).verdict("function f").code.clone()
    };
    let right = json!({
        "status": [200],
        "headers": { "content-type": "^application/json" },
        "json": [
            { "pointer": "/model", "equals": "two_tower_768" },
            { "pointer": "/vector", "type": "array", "length": 768 },
            { "pointer": "/vector/0", "min": 0, "max": 1 },
        ],
        "body_bytes": 100_000,
    });
    assert_eq!(code(right), "");
    assert_eq!(
        code(json!({ "json": [{ "pointer": "/vector", "length": 512 }] })),
        "assertion_failed"
    );
    assert_eq!(
        code(json!({ "headers": { "content-type": "text" } })),
        "header_mismatch"
    );
    assert_eq!(code(json!({ "headers": { "etag": "" } })), "header_mismatch");
    assert_eq!(code(json!({ "body_bytes": 10 })), "body_too_large");
    assert_eq!(code(json!({ "status": [201] })), "unexpected_status");
}

#[test]
fn a_body_that_was_cut_off_or_is_no_json_fails_its_assertions() {
    for (truncated, code, said) in [
        (true, "body_too_large", "longer than what is kept"),
        (false, "assertion_failed", "not JSON"),
    ] {
        let (mut fake, _) = host(move |_| {
            let mut response = answer(200, "{\"a\":");
            response.body_truncated = truncated;
            Ok(response)
        });
        let expect = json!({ "json": [{ "pointer": "/a", "exists": true }] });
        let run = fake.run::<SupabaseEdge>(json!({ "functions": { "f": { "expect": expect } } }));
        let verdict = run.verdict("function f");
        assert_eq!((verdict.status, verdict.code.as_str()), (Status::Critical, code));
        assert!(verdict.summary.contains(said), "{}", verdict.summary);
    }
}

#[test]
fn a_body_without_an_end_is_no_success_unless_a_part_is_enough() {
    let (mut fake, _) = host(|_| {
        let mut response = answer(200, "x");
        response.body_truncated = true;
        Ok(response)
    });
    let mut verdict = |expect: serde_json::Value| {
        let run = fake.run::<SupabaseEdge>(json!({ "functions": { "f": { "expect": expect } } }));
        let verdict = run.verdict("function f");
        (verdict.status, verdict.code.clone())
    };
    let too_large = (Status::Critical, "body_too_large".to_owned());
    assert_eq!(verdict(json!({})), too_large);
    assert_eq!(verdict(json!({ "status": [200] })), too_large);
    assert_eq!(verdict(json!({ "whole_body": false })).0, Status::Ok);
    assert_eq!(verdict(json!({ "whole_body": false, "body_bytes": 1 })), too_large);
}

#[test]
fn a_limit_is_the_functions_fault_once_it_answers_and_the_runs_before() {
    let pieces = || Error::Limit("more than 32768 pieces".into());
    let full = || Error::Exhausted("all bodies of this run are larger than 32 MiB".into());
    for (why, status, asked, code, wanted) in [
        (pieces(), Some(200), true, "body_too_large", Status::Critical),
        (pieces(), None, true, "not_http", Status::Critical),
        (pieces(), Some(302), true, "over_limit", Status::Unknown),
        (pieces(), None, false, "over_limit", Status::Unknown),
        (full(), Some(200), true, "over_limit", Status::Unknown),
    ] {
        let (mut fake, _) = host(move |_| {
            Err(Box::new(Failure {
                status,
                remote_address: asked.then(|| "192.0.2.7:443".to_owned()),
                ..*no_answer(why.clone())
            }))
        });
        let run = fake.run::<SupabaseEdge>(json!({ "functions": { "f": {} } }));
        let verdict = run.verdict("function f");
        assert_eq!((verdict.status, verdict.code.as_str()), (wanted, code));
    }
}
