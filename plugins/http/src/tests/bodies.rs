//! What stands in a body, and bodies that are too much.

use bellwether_sdk::{
    Status,
    fake::json,
    http::{Error, Failure, Response},
};
use serde_json::Value;

use super::{answer, code, failure, judged, phases, run_with};

#[test]
fn many_targets_share_the_memory_for_bodies() {
    let targets: Vec<Value> = (0..512)
        .map(|at| json!({ "url": format!("https://a.example/{at}") }))
        .collect();
    let run = run_with(json!({ "targets": targets }), |request| {
        assert_eq!(request.max_body_bytes, Some(32 << 10));
        Ok(answer(200, "fine"))
    });
    assert_eq!(run.report().verdicts().len(), 512);
}

#[test]
fn a_body_beyond_what_is_read_is_no_success_and_a_part_is_enough_only_when_that_is_said() {
    let answered = Failure {
        status: Some(200),
        remote_address: Some("192.0.2.7:443".into()),
        phases: phases(),
        ..*failure(Error::Limit("the body is longer than 1 MiB".into()))
    };
    let run = judged(json!({}), Err(Box::new(answered)));
    let (status, word, said) = code(&run);
    assert_eq!((status, word), (Status::Critical, "body_too_long"));
    assert!(
        said.contains("answered 200") && said.contains("set `expect.whole_body = false`"),
        "{said}"
    );
    assert_eq!(run.value("http_probe_success", &["t"]), Some(0.0));
    assert!(run.value("http_probe_phase_seconds", &["t", "transfer"]).is_some());
    for (expect, wished) in [(json!({}), true), (json!({ "whole_body": false }), false)] {
        let settings = json!({ "url": "https://a.example/", "name": "t", "expect": expect });
        let run = run_with(settings, move |request| {
            let option = ("whole-body".to_owned(), "true".to_owned());
            assert_eq!(request.options.contains(&option), wished);
            Ok(Response {
                body_truncated: true,
                ..answer(200, "begin")
            })
        });
        assert_eq!(run.status("t"), Status::Ok);
    }
}

#[test]
fn body_conditions_hold_or_say_what_is_wrong() {
    let holds = json!({
        "body_contains": ["hea"], "body_lacks": ["error"], "body_matches": ["^he.*y$"], "body_lacks_match": ["[0-9]"],
        "body_bytes": { "minimum": 7, "maximum": 7 },
    });
    assert_eq!(judged(holds, Ok(answer(200, "healthy"))).status("t"), Status::Ok);
    for (expect, wanted, said) in [
        (
            json!({ "body_contains": ["up"] }),
            "body_unexpected",
            "the body lacks `up`",
        ),
        (
            json!({ "body_lacks": ["heal"] }),
            "body_unexpected",
            "the body contains `heal`",
        ),
        (
            json!({ "body_matches": ["^x"] }),
            "body_unexpected",
            "the body does not match `^x`",
        ),
        (
            json!({ "body_lacks_match": ["thy$"] }),
            "body_unexpected",
            "the body matches `thy$`",
        ),
        (
            json!({ "body_bytes": { "minimum": 8 } }),
            "body_size_unexpected",
            "the body has 7 bytes, less than 8",
        ),
        (
            json!({ "body_bytes": { "maximum": 6 } }),
            "body_size_unexpected",
            "the body has 7 bytes, more than 6",
        ),
        (
            json!({ "json": [{ "pointer": "" }] }),
            "json_unexpected",
            "the body is not JSON: expected value at line 1 column 1",
        ),
    ] {
        assert_eq!(
            code(&judged(expect, Ok(answer(200, "healthy")))),
            (Status::Critical, wanted, said)
        );
    }
}

#[test]
fn json_conditions_name_the_place() {
    let run = judged(
        json!({ "json": [{ "pointer": "/status", "equals": "ok" }] }),
        Ok(answer(200, r#"{"status":"bad"}"#)),
    );
    assert_eq!(
        code(&run),
        (Status::Critical, "json_unexpected", "`/status` is \"bad\", not \"ok\"")
    );
}

#[test]
fn half_a_body_proves_no_absence() {
    let cut = || Response {
        body_truncated: true,
        ..answer(200, "begin")
    };
    assert_eq!(
        judged(json!({ "body_contains": ["beg"] }), Ok(cut())).status("t"),
        Status::Ok
    );
    for (expect, said) in [
        (
            json!({ "body_lacks": ["x"] }),
            "only 5 bytes of the body were kept, too few for `body_lacks`: raise `request.body_bytes`",
        ),
        (
            json!({ "json": [{ "pointer": "/a" }] }),
            "only 5 bytes of the JSON were kept: raise `request.body_bytes`",
        ),
        (
            json!({ "body_contains": ["end"] }),
            "the body lacks `end` in its first 5 bytes, which is all that was kept",
        ),
        (
            json!({ "body_bytes": { "maximum": 9 } }),
            "the body has more than 5 bytes, and whether more than 9 is not known: raise `request.body_bytes`",
        ),
    ] {
        assert_eq!(code(&judged(expect, Ok(cut()))).2, said);
    }
    assert_eq!(
        judged(json!({}), Ok(cut())).value("http_probe_body_bytes", &["t"]),
        None
    );
}

#[test]
fn where_no_more_is_kept_nobody_is_told_to_raise_what_is_kept() {
    let long = || Response {
        body: vec![b'a'; 1 << 20],
        body_truncated: true,
        ..answer(200, "")
    };
    for expect in [
        json!({ "whole_body": false, "body_lacks": ["x"] }),
        json!({ "whole_body": false, "body_lacks_match": ["x"] }),
        json!({ "whole_body": false, "body_bytes": { "maximum": 2_000_000 } }),
        json!({ "whole_body": false, "json": [{ "pointer": "/a" }] }),
    ] {
        let run = judged(expect, Ok(long()));
        let (status, _, said) = code(&run);
        assert_eq!(status, Status::Critical);
        assert!(
            said.contains("no more is kept of any body, so ask for something shorter") && !said.contains("raise"),
            "{said}"
        );
    }
    let endless = Failure {
        status: Some(200),
        remote_address: Some("192.0.2.7:443".into()),
        phases: phases(),
        ..*failure(Error::Limit("the body is longer than 1 MiB".into()))
    };
    let run = judged(json!({ "body_lacks": ["x"] }), Err(Box::new(endless)));
    let said = code(&run).2;
    assert!(
        said.ends_with(
            "`expect.body_lacks` cannot be judged by a part: ask for something shorter, or drop it and set \
                        `expect.whole_body = false`"
        ),
        "{said}"
    );
}

#[test]
fn a_body_without_end_is_too_long_however_small_its_pieces_and_a_redirect_too_many_is_not() {
    let stopped = |status, why: &str| Failure {
        status: Some(status),
        remote_address: Some("192.0.2.7:443".into()),
        ..*failure(Error::Limit(why.into()))
    };
    let pieces = stopped(200, "while reading the body: it comes in more than 32768 pieces");
    let run = judged(json!({}), Err(Box::new(pieces)));
    assert_eq!(
        (code(&run).0, code(&run).1),
        (Status::Critical, "body_too_long"),
        "{}",
        code(&run).2
    );
    let pieces = stopped(200, "while reading the body: it comes in more than 32768 pieces");
    let run = judged(json!({ "whole_body": false }), Err(Box::new(pieces)));
    assert!(
        code(&run)
            .2
            .ends_with("; lower `request.body_bytes`, so that less of it is read"),
        "{}",
        code(&run).2
    );
    let full = stopped(200, "the bodies of this run are larger than 32 MiB together");
    let run = judged(json!({}), Err(Box::new(full)));
    assert_eq!((code(&run).0, code(&run).1), (Status::Unknown, "over_limit"));
    assert_eq!(
        run.value("http_probe_success", &["t"]),
        None,
        "it is not the target's fault"
    );
    assert_eq!(run.value("http_probe_status_code", &["t"]), Some(200.0));
    let run = judged(json!({}), Err(Box::new(stopped(302, "more than 5 redirects"))));
    assert_eq!((code(&run).0, code(&run).1), (Status::Critical, "over_limit"));
}

#[test]
fn expressions_that_take_too_long_leave_their_targets_unknown_and_everything_else_stands() {
    let page = "a".repeat(1 << 20);
    let costly = json!({ "body_matches": ["(a?){500}z"] });
    let mut targets: Vec<Value> = (0..20)
        .map(|at| json!({ "url": format!("https://long.example/{at}"), "expect": costly }))
        .collect();
    targets.push(json!({ "url": "https://lacks.example/", "expect": { "body_lacks_match": ["(a?){500}z"] } }));
    targets.push(json!({ "url": "https://found.example/", "expect": { "body_matches": ["(a?){500}a"] } }));
    targets.push(json!({ "url": "https://short.example/", "expect": { "body_matches": ["^ok$"] } }));
    let run = run_with(
        json!({ "targets": targets, "name_sets": ["canonical", "blackbox"] }),
        move |request| {
            let body = if request.url == "https://short.example/" {
                "ok"
            } else {
                &page
            };
            Ok(answer(200, body))
        },
    );
    let long = run.verdict("https://long.example/7");
    assert_eq!((long.status, long.code.as_str()), (Status::Unknown, "not_searched"));
    assert!(
        long.summary.starts_with("`(a?){500}z` is not in the first ")
            && long
                .summary
                .ends_with(" bytes of the body, and this run has no time to search all 1048576"),
        "{}",
        long.summary
    );
    assert_eq!(run.verdict("https://lacks.example/").code, "not_searched");
    assert_eq!(run.status("https://short.example/"), Status::Ok);
    for gauge in ["http_probe_success", "probe_success"] {
        assert_eq!(run.value(gauge, &["https://long.example/7"]), None, "nobody knows");
        assert_eq!(run.value(gauge, &["https://short.example/"]), Some(1.0));
    }
    let known = run.value("http_probe_status_code", &["https://long.example/7"]);
    assert_eq!(known, Some(200.0));
    assert_eq!(run.report().verdicts().len(), 23);
    assert_ne!(run.status("https://found.example/"), Status::Critical, "it is there");
}

#[test]
fn what_is_found_in_the_part_that_was_searched_is_found() {
    let page = format!("it is ok{}", "a".repeat(1 << 20));
    let costly = "(a?){500}z";
    let expect = json!({ "body_matches": ["ok"], "body_lacks_match": [costly, "is"] });
    let run = judged(expect, Ok(answer(200, &page)));
    let (status, word, said) = code(&run);
    assert_eq!((status, word), (Status::Critical, "body_unexpected"));
    assert!(
        said.starts_with("the body matches `is`; `(a?){500}z` is not in the first "),
        "{said}"
    );
    assert_eq!(run.value("http_probe_success", &["t"]), Some(0.0), "that much is known");
}

#[test]
fn a_head_request_has_no_body_to_judge() {
    let settings = json!({
        "url": "https://a.example/", "name": "t", "request": { "method": "HEAD" }, "expect": { "body_contains": ["x"] },
    });
    assert_eq!(run_with(settings, |_| Ok(answer(200, ""))).status("t"), Status::Ok);
}

#[test]
fn json_that_memory_does_not_suffice_for_is_as_a_body_that_is_too_long_and_the_rest_stands() {
    let evil = format!("[{}]", vec!["{\"\":0}"; 149_000].join(","));
    let exists = json!({ "json": [{ "pointer": "/0" }] });
    let settings = json!({ "targets": [
        { "name": "evil", "url": "https://a.example/evil", "expect": exists },
        { "name": "fine", "url": "https://a.example/fine", "expect": exists },
    ] });
    let run = run_with(settings, move |request| {
        Ok(answer(200, if request.url.ends_with("evil") { &evil } else { "[1]" }))
    });
    let verdict = run.verdict("evil");
    assert_eq!(
        (verdict.status, verdict.code.as_str()),
        (Status::Critical, "body_too_long")
    );
    assert!(verdict.summary.contains("memory"), "{}", verdict.summary);
    assert_eq!(run.status("fine"), Status::Ok);
}
