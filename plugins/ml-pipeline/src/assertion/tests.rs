use serde_json::json;

use super::*;

fn assertion(at: &str, settings: Value) -> Assertion {
    let mut whole = json!({ "at": at });
    whole
        .as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

/// Holds for one answer and not for the other, and then says `why`.
fn tells_apart(at: &str, settings: Value, good: Value, bad: Value, why: &str) {
    let assertion = assertion(at, settings.clone());
    assert_eq!(assertion.problem(), None, "{settings}");
    assert_eq!(
        broken_by(&assertion, &good),
        Vec::<String>::new(),
        "{settings} of {good}"
    );
    let broken = broken_by(&assertion, &bad).join("; ");
    assert!(
        broken.contains(why),
        "{settings} of {bad}: `{broken}` does not say `{why}`"
    );
}

#[test]
fn exists() {
    tells_apart(
        "/a",
        json!({ "exists": true }),
        json!({ "a": 0 }),
        json!({}),
        "nothing at `/a`",
    );
    tells_apart(
        "/error",
        json!({ "exists": false }),
        json!({}),
        json!({ "error": "x" }),
        "a value at `/error`",
    );
}

#[test]
fn lengths() {
    tells_apart(
        "",
        json!({ "len": 2 }),
        json!([1, 2]),
        json!([1]),
        "has 1 elements, not 2",
    );
    tells_apart(
        "/t",
        json!({ "len": 2 }),
        json!({ "t": "äö" }),
        json!({ "t": 5 }),
        "no length",
    );
    tells_apart(
        "/items",
        json!({ "min_len": 1 }),
        json!({ "items": [1] }),
        json!({ "items": [] }),
        "at least 1",
    );
    tells_apart("", json!({ "max_len": 1 }), json!([1]), json!([1, 2]), "at most 1");
}

#[test]
fn dimensions_of_a_vector_and_of_each_in_a_batch() {
    tells_apart(
        "/0",
        json!({ "dim": 3 }),
        json!([[1, 2, 3]]),
        json!([[1, 2]]),
        "has 2 dimensions, not 3",
    );
    tells_apart(
        "",
        json!({ "dim": 2 }),
        json!([[1, 2], [3, 4]]),
        json!([[1, 2], [3]]),
        "has 1 dimensions",
    );
    tells_apart(
        "",
        json!({ "dim": 2 }),
        json!([1, 2]),
        json!(["a", "b"]),
        "vector of numbers",
    );
    tells_apart("", json!({ "dim": 2 }), json!([1, 2]), json!(7), "must be a vector");
    tells_apart(
        "/data/*/embedding",
        json!({ "dim": 1 }),
        json!({ "data": [{ "embedding": [1] }] }),
        json!({ "data": [{ "embedding": [1] }, { "embedding": [] }] }),
        "has 0 dimensions",
    );
}

#[test]
fn the_768_dimensions_of_a_two_tower_model() {
    let vector = |size: usize| json!({ "outputs": [{ "name": "user", "shape": [1, size], "data": vec![0.5; size] }] });
    tells_apart(
        "/outputs/0/data",
        json!({ "dim": 768, "finite": true }),
        vector(768),
        vector(512),
        "has 512 dimensions, not 768",
    );
}

#[test]
fn finite_at_any_depth() {
    tells_apart(
        "",
        json!({ "finite": true }),
        json!([[1.5], [-2]]),
        json!([[1.5], [null]]),
        "not finite",
    );
    tells_apart("", json!({ "finite": true }), json!([1]), json!(["1"]), "no number");
}

#[test]
fn norm_within_a_tolerance() {
    tells_apart(
        "",
        json!({ "norm": 1 }),
        json!([0.6, 0.8]),
        json!([3, 4]),
        "has norm 5.0000, not 1",
    );
    tells_apart(
        "",
        json!({ "norm": 5, "tolerance": 0.5 }),
        json!([3, 4.2]),
        json!([3, 5]),
        "within 0.5",
    );
    tells_apart("", json!({ "norm": 1 }), json!([1]), json!([null]), "vector of numbers");
}

#[test]
fn cosine_to_a_reference_or_to_another_vector_of_the_answer() {
    let given = json!({ "cosine": { "min": 0.98, "reference": [1, 0] } });
    tells_apart(
        "",
        given.clone(),
        json!([2, 0.01]),
        json!([1, 1]),
        "cosine similarity 0.7071",
    );
    tells_apart(
        "",
        given.clone(),
        json!([1, 0]),
        json!([1, 0, 0]),
        "has 3 dimensions, the reference 2",
    );
    tells_apart("", given, json!([1, 0]), json!([0, 0]), "less than 0.98");
    let other = json!({ "cosine": { "min": 0.5, "reference_at": "/item" } });
    tells_apart(
        "/user",
        other,
        json!({ "user": [1, 0], "item": [1, 1] }),
        json!({ "user": [1, 0] }),
        "not two vectors",
    );
}

#[test]
fn unique_in_a_list_and_over_many_places() {
    tells_apart(
        "",
        json!({ "unique": true }),
        json!([1, 2]),
        json!(["a", "b", "a"]),
        "has \"a\" twice",
    );
    let items = |ids: [u32; 2]| json!({ "items": ids.map(|id| json!({ "id": id })) });
    tells_apart(
        "/items/*/id",
        json!({ "unique": true }),
        items([1, 2]),
        items([1, 1]),
        "has 1 twice",
    );
}

#[test]
fn sorted_either_way() {
    tells_apart(
        "",
        json!({ "sorted": "ascending" }),
        json!([1, 1, 2]),
        json!([2, 1]),
        "2 stands before 1",
    );
    tells_apart(
        "/*/score",
        json!({ "sorted": "descending" }),
        json!([{ "score": 0.9 }, { "score": 0.1 }]),
        json!([{ "score": 0.1 }, { "score": 0.9 }]),
        "not sorted",
    );
    tells_apart(
        "",
        json!({ "sorted": "ascending" }),
        json!(["a", "b"]),
        json!(["a", 1]),
        "have no order",
    );
}

#[test]
fn range_of_all_numbers() {
    tells_apart(
        "",
        json!({ "range": { "min": 0, "max": 1 } }),
        json!([0, [0.5, 1]]),
        json!([0, [1.5]]),
        "1.5 is above 1",
    );
    tells_apart(
        "",
        json!({ "range": { "min": 0 } }),
        json!(3),
        json!(-1),
        "-1 is below 0",
    );
    tells_apart("", json!({ "range": { "max": 0 } }), json!(0), json!("x"), "no number");
}

#[test]
fn equality_with_one_or_several() {
    tells_apart(
        "/n",
        json!({ "equals": 1 }),
        json!({ "n": 1.0 }),
        json!({ "n": 2 }),
        "is 2, not 1",
    );
    tells_apart(
        "/s",
        json!({ "one_of": ["a", "b"] }),
        json!({ "s": "b" }),
        json!({ "s": "c" }),
        "not \"a\" or \"b\"",
    );
    tells_apart(
        "",
        json!({ "equals": [1, 2] }),
        json!([1.0, 2.0]),
        json!([2, 1]),
        "is [2,1]",
    );
}

#[test]
fn parts_of_lists_and_texts() {
    tells_apart(
        "/*/id",
        json!({ "contains": "x" }),
        json!([{ "id": "w" }, { "id": "x" }]),
        json!([{ "id": "w" }, { "id": "xx" }]),
        "does not contain \"x\"",
    );
    tells_apart(
        "",
        json!({ "contains": 7 }),
        json!([1, 7.0]),
        json!([]),
        "does not contain 7",
    );
    tells_apart(
        "/t",
        json!({ "contains": "ell" }),
        json!({ "t": "hello" }),
        json!({ "t": "hi" }),
        "does not contain",
    );
}

#[test]
fn patterns() {
    tells_apart(
        "/v",
        json!({ "matches": "^v[0-9]+$" }),
        json!({ "v": "v12" }),
        json!({ "v": "12" }),
        "not found",
    );
    tells_apart(
        "/v",
        json!({ "matches": "." }),
        json!({ "v": "x" }),
        json!({ "v": 1 }),
        "must be a text",
    );
}

#[test]
fn sums() {
    tells_apart(
        "",
        json!({ "sum": 1 }),
        json!([0.25, 0.75]),
        json!([0.5, 0.75]),
        "adds up to 1.2500",
    );
    tells_apart(
        "/*/p",
        json!({ "sum": 3, "tolerance": 0 }),
        json!([{ "p": 1 }, { "p": 2 }]),
        json!([{ "p": "1" }]),
        "list of numbers",
    );
}

#[test]
fn all_that_one_assertion_names_must_hold() {
    let both = assertion("", json!({ "len": 2, "unique": true }));
    assert_eq!(both.broken(&json!([1, 2])), Vec::<String>::new());
    assert_eq!(both.broken(&json!([1, 1, 1])).len(), 2);
}

#[test]
fn assertions_that_make_no_sense_are_refused() {
    let problem = |at: &str, settings| assertion(at, settings).problem().unwrap_or_default();
    assert!(problem("", json!({})).contains("nothing is asserted"));
    assert!(problem("", json!({ "unique": false })).contains("nothing is asserted"));
    assert!(problem("a", json!({ "len": 1 })).contains("JSON pointer"));
    let error = serde_json::from_value::<Assertion>(json!({ "at": "", "matches": "(" })).unwrap_err();
    assert!(error.to_string().contains("regular expression"), "{error}");
    assert!(problem("", json!({ "cosine": { "min": 1 } })).contains("reference"));
    assert!(serde_json::from_value::<Assertion>(json!({ "at": "", "lenght": 1 })).is_err());
}

fn broken_by(assertion: &Assertion, answer: &Value) -> Vec<String> {
    let bytes = answer.to_string().len();
    assertion
        .judge(answer, bytes)
        .into_iter()
        .map(|finding| finding.text)
        .collect()
}

fn codes(assertion: Value, answer: &Value, most: std::time::Duration) -> Vec<&'static str> {
    let assertion: Assertion = serde_json::from_value(assertion).unwrap();
    budget::begin_with(0, most);
    let findings = assertion.judge(answer, answer.to_string().len());
    findings.iter().map(|finding| finding.code.name()).collect()
}

#[test]
fn a_pattern_that_would_take_the_whole_run_is_searched_as_far_as_there_is_time() {
    let long = json!("a".repeat(1 << 20));
    let most = std::time::Duration::from_millis(300);
    let costly = json!({ "at": "", "matches": "(a?){500}z" });
    assert_eq!(codes(costly.clone(), &long, most), ["not_judged"]);
    assert_eq!(codes(costly, &json!("aaz"), most), Vec::<&str>::new());
}

#[test]
fn what_there_is_no_time_to_assert_is_not_judged_and_what_is_short_is() {
    let none = std::time::Duration::ZERO;
    let list = json!(vec![""; 300_000]);
    let unique = json!({ "at": "/*", "unique": true });
    assert_eq!(codes(unique.clone(), &list, none), ["not_judged"]);
    assert_eq!(codes(unique.clone(), &json!(["a", "a"]), none), ["assertion_failed"]);
    assert_eq!(codes(unique, &json!(["a", "b"]), none), Vec::<&str>::new());
}
