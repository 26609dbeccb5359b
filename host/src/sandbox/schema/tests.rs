use serde_json::{Value, json};

use super::{
    admit::{SCHEMA_BYTES_MAX, SchemaError},
    *,
};

fn findings(schema: &Value, settings: &Value) -> Vec<(String, String)> {
    let checked = check(&schema.to_string(), &[settings.to_string()]).expect("the schema is usable");
    let problems = checked
        .into_iter()
        .next()
        .expect("one result per document")
        .err()
        .unwrap_or_default();
    problems
        .into_iter()
        .map(|problem| (problem.pointer, problem.message))
        .collect()
}

fn finding(schema: &Value, settings: &Value) -> (String, String) {
    let findings = findings(schema, settings);
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.into_iter().next().expect("one")
}

fn found(pointer: &str, message: &str) -> (String, String) {
    (pointer.to_owned(), message.to_owned())
}

fn refusal(schema: &Value) -> SchemaError {
    check(&schema.to_string(), &["{}".to_owned()]).expect_err("the schema is refused")
}

/// The shape that `schemars` gives a settings struct.
fn probe() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings",
        "type": "object",
        "additionalProperties": false,
        "required": ["url"],
        "properties": {
            "url": { "type": "string", "format": "uri", "description": "What to ask.\nMore.", "x-bellwether-grant": "http" },
            "interval": { "type": "integer", "minimum": 1, "maximum": 60 },
            "method": { "$ref": "#/$defs/Method", "default": "GET" },
            "limit": { "anyOf": [{ "$ref": "#/$defs/Limit" }, { "type": "null" }] },
            "tags": { "type": "array", "items": { "type": "string", "minLength": 1 }, "maxItems": 2, "uniqueItems": true },
            "ratio": { "type": ["number", "null"], "exclusiveMinimum": 0 }
        },
        "$defs": {
            "Method": { "oneOf": [
                { "description": "Reads.", "type": "string", "const": "GET" },
                { "description": "Reads less.", "type": "string", "const": "HEAD" }
            ] },
            "Limit": {
                "type": "object",
                "additionalProperties": false,
                "properties": { "warning": { "type": "number" }, "critical": { "type": "number" } }
            }
        }
    })
}

#[test]
fn settings_that_fit_have_no_problems() {
    let settings = json!({
        "url": "https://example.com/", "interval": 5, "method": "HEAD", "limit": { "warning": 1.5 }, "tags": ["a"]
    });
    assert_eq!(findings(&probe(), &settings), []);
}

#[test]
fn each_table_has_its_own_result_in_order() {
    let tables = [r#"{"url":"https://a/"}"#, "{}", r#"{"url":"https://b/"}"#].map(str::to_owned);
    let checked = check(&probe().to_string(), &tables).expect("usable");
    assert_eq!(
        checked.iter().map(Result::is_ok).collect::<Vec<_>>(),
        [true, false, true]
    );
}

#[test]
fn an_unknown_setting_is_named_with_what_was_meant() {
    let settings = json!({ "url": "https://a/", "intervall": 5 });
    assert_eq!(
        finding(&probe(), &settings),
        found("/intervall", "unknown setting `intervall`; did you mean `interval`?")
    );
}

#[test]
fn an_unknown_setting_of_an_inner_table_is_compared_with_that_tables() {
    let settings = json!({ "url": "https://a/", "limit": { "warnin": 5 } });
    assert_eq!(
        finding(&probe(), &settings),
        found("/limit/warnin", "unknown setting `warnin`; did you mean `warning`?")
    );
}

#[test]
fn an_unknown_setting_like_no_other_lists_the_known_ones() {
    let settings = json!({ "url": "https://a/", "limit": { "zzz": 5 } });
    let (pointer, message) = finding(&probe(), &settings);
    assert_eq!(pointer, "/limit/zzz");
    assert_eq!(message, "unknown setting `zzz`; known here: `critical`, `warning`");
}

#[test]
fn a_missing_setting_is_named_with_its_description() {
    assert_eq!(
        finding(&probe(), &json!({})),
        found("", "setting `url` is missing (What to ask.)")
    );
}

#[test]
fn a_wrong_type_says_what_was_given() {
    let of = |name: &str, value: Value| {
        let mut settings = json!({ "url": "https://a/" });
        settings[name] = value;
        finding(&probe(), &settings)
    };
    assert_eq!(of("url", json!(5)), found("/url", "must be a string, not `5`"));
    assert_eq!(
        of("interval", json!("5s")),
        found("/interval", "must be a whole number, not `\"5s\"`")
    );
    assert_eq!(
        of("interval", json!(5.5)),
        found("/interval", "must be a whole number, not `5.5`")
    );
    assert_eq!(
        of("tags", json!({ "a": 1 })),
        found("/tags", "must be a list, not a table")
    );
    assert_eq!(
        of("tags", json!(["a", true])),
        found("/tags/1", "must be a string, not `true`")
    );
    assert_eq!(
        of("ratio", json!("half")),
        found("/ratio", "must be a number, not `\"half\"`")
    );
    assert_eq!(of("limit", json!(7)), found("/limit", "must be a table, not `7`"));
}

#[test]
fn a_choice_lists_what_may_be_chosen() {
    let settings = json!({ "url": "https://a/", "method": "HAED" });
    assert_eq!(
        finding(&probe(), &settings),
        found(
            "/method",
            "must be one of `\"GET\"`, `\"HEAD\"`, not `\"HAED\"`; did you mean `\"HEAD\"`?"
        )
    );
    let schema = json!({ "properties": { "level": { "enum": ["low", "high", 3] } } });
    assert_eq!(
        finding(&schema, &json!({ "level": true })),
        found("/level", "must be one of `\"low\"`, `\"high\"`, `3`, not `true`")
    );
}

#[test]
fn bounds_and_formats_say_what_is_wanted() {
    let of = |name: &str, value: Value| {
        let mut settings = json!({ "url": "https://a/" });
        settings[name] = value;
        finding(&probe(), &settings)
    };
    assert_eq!(
        of("interval", json!(0)),
        found("/interval", "must be at least 1, not `0`")
    );
    assert_eq!(
        of("interval", json!(61)),
        found("/interval", "must be at most 60, not `61`")
    );
    assert_eq!(of("ratio", json!(0)), found("/ratio", "must be more than 0, not `0`"));
    assert_eq!(of("tags", json!([""])), found("/tags/0", "must not be empty"));
    assert_eq!(
        of("tags", json!(["a", "b", "c"])),
        found("/tags", "must have at most 2 entries, not a list of 3")
    );
    assert_eq!(of("tags", json!(["a", "a"])), found("/tags", "has an entry twice"));
    assert_eq!(
        of("url", json!("example.com")),
        found(
            "/url",
            "must be an absolute URL, such as `https://example.com/`, not `\"example.com\"`"
        )
    );
}

#[test]
fn every_problem_is_reported_at_once_up_to_a_limit() {
    let settings = json!({ "interval": "x", "method": 1 });
    let pointers: Vec<_> = findings(&probe(), &settings)
        .into_iter()
        .map(|(pointer, _)| pointer)
        .collect();
    assert_eq!(pointers, ["", "/interval", "/method"]);
    let many: serde_json::Map<_, _> = (0..100).map(|n| (format!("key{n:03}"), json!(1))).collect();
    let listed = findings(&json!({ "additionalProperties": false }), &Value::Object(many));
    assert_eq!(listed.len(), PROBLEMS_MAX + 1);
    assert_eq!(
        listed.last().map(|(_, message)| message.as_str()),
        Some("and 80 more problems")
    );
}

#[test]
fn a_plugin_without_a_schema_takes_no_settings() {
    let checked = check("", &["{}".to_owned(), r#"{"a/b":1}"#.to_owned()]).expect("usable");
    assert_eq!(checked[0], Ok(Vec::new()));
    let problems = checked[1].as_ref().expect_err("a setting too many");
    assert_eq!(problems[0].pointer, "/a~1b");
    assert_eq!(problems[0].message, "unknown setting `a/b`; there are no settings here");
}

#[test]
fn a_reference_out_of_the_schema_is_refused_and_nothing_is_fetched() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    listener.set_nonblocking(true).expect("non-blocking");
    let address = listener.local_addr().expect("an address");
    for reference in [
        format!("http://{address}/schema.json"),
        "file:///etc/hostname".into(),
        "other.json".into(),
    ] {
        let schema = json!({ "properties": { "a": { "items": [{ "$ref": reference }] } } });
        let refused = refusal(&schema);
        assert_eq!(
            refused,
            SchemaError::Remote {
                pointer: "/properties/a/items/0/$ref".into(),
                reference: reference.clone()
            }
        );
        assert!(refused.to_string().contains(&reference) && refused.to_string().contains("nothing is fetched"));
    }
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn no_other_keyword_leads_out_of_the_schema_either() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    listener.set_nonblocking(true).expect("non-blocking");
    let url = format!("http://{}/meta.json", listener.local_addr().expect("an address"));
    for schema in [
        json!({ "$schema": url }),
        json!({ "$dynamicRef": url }),
        json!({ "$recursiveRef": url }),
        json!({ "$id": url, "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "b.json" } } }),
    ] {
        let _ = refusal(&schema);
    }
    // A base address alone fetches nothing, and many generators write one.
    let identified =
        json!({ "$id": url, "properties": { "a": { "$ref": "#/$defs/a" } }, "$defs": { "a": { "type": "string" } } });
    assert_eq!(finding(&identified, &json!({ "a": 1 })).0, "/a");
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn a_reference_as_data_or_as_the_name_of_a_setting_is_none() {
    let schema = json!({ "properties": {
        "$ref": { "type": "string" },
        "a": { "const": { "$ref": "http://example.com/" } },
    } });
    assert_eq!(
        findings(&schema, &json!({ "$ref": "x", "a": { "$ref": "http://example.com/" } })),
        []
    );
}

#[test]
fn a_pattern_that_would_compile_to_gigabytes_is_refused() {
    for pattern in [
        "((a{1,1000}){1,1000}){1,1000}",
        r"(\w{1,500}){1,500}",
        "(?=a)b",
        r"(a)\1",
        "(",
    ] {
        for schema in [
            json!({ "properties": { "a": { "pattern": pattern } } }),
            json!({ "patternProperties": { pattern: {} } }),
        ] {
            let refused = refusal(&schema);
            assert!(matches!(refused, SchemaError::Pattern { .. }), "{pattern}: {refused:?}");
            assert!(refused.to_string().contains(pattern), "{refused}");
        }
    }
}

#[test]
fn a_pattern_that_would_backtrack_for_ever_is_matched_in_linear_time() {
    let schema = json!({ "properties": { "a": { "type": "string", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$" } } });
    let (pointer, message) = finding(&schema, &json!({ "a": "a".repeat(50_000) }));
    assert_eq!(pointer, "/a");
    assert!(
        message.contains("does not match the pattern") && message.len() < 300,
        "{message}"
    );
}

#[test]
fn patterns_are_counted() {
    let patterns: serde_json::Map<_, _> = (0..501).map(|n| (format!("p{n}"), json!({ "pattern": "a" }))).collect();
    assert_eq!(
        refusal(&json!({ "properties": patterns })),
        SchemaError::TooManyPatterns(501)
    );
}

#[test]
fn a_huge_schema_is_refused_unread() {
    let text = format!("{{\"title\":\"{}\"}}", "x".repeat(SCHEMA_BYTES_MAX));
    assert_eq!(check(&text, &[]), Err(SchemaError::TooLarge(text.len())));
}

#[test]
fn a_deeply_nested_schema_is_refused_or_used_but_does_not_end_the_process() {
    let nested = |depth: usize| format!("{}{{}}{}", r#"{"not":"#.repeat(depth), "}".repeat(depth));
    assert!(matches!(check(&nested(10_000), &[]), Err(SchemaError::Json(_))));
    assert!(check(&nested(100), &["{}".to_owned()]).is_ok());
}

#[test]
fn what_is_no_schema_is_refused_with_the_place() {
    assert!(matches!(check("{", &[]), Err(SchemaError::Json(_))));
    let refused = refusal(&json!({ "properties": { "a": { "type": "sting" } } }));
    assert!(refused.to_string().contains("/properties/a/type"), "{refused}");
    let _ = refusal(&json!({ "$ref": "#/$defs/nowhere" }));
    let _ = refusal(&json!("a string"));
}

#[test]
fn a_long_value_is_not_repeated_in_full() {
    let (_, message) = finding(
        &probe(),
        &json!({ "url": "https://a/", "interval": "x".repeat(10_000) }),
    );
    assert!(message.len() < 200, "{message}");
}

#[test]
fn numbers_that_must_not_descend_are_compared() {
    let levels = |names: Value| json!({ "type": "object", "x-bellwether-ascending": names });
    let schema = json!({ "properties": {
        "busy": { "anyOf": [{ "$ref": "#/$defs/Levels" }, { "type": "null" }] },
        "left": levels(json!(["critical", "warning"])),
    }, "$defs": { "Levels": levels(json!(["notice", "warning", "critical"])) } });
    for fits in [
        json!({ "busy": { "warning": 80, "critical": 90 }, "left": { "warning": 20, "critical": 10.5 } }),
        json!({ "busy": { "warning": 80, "critical": 80 } }),
        json!({ "busy": { "critical": 80 }, "left": {} }),
        json!({ "left": { "warning": "high", "critical": 1 } }),
    ] {
        assert_eq!(findings(&schema, &fits), [], "{fits}");
    }
    assert_eq!(
        finding(&schema, &json!({ "busy": { "warning": 95, "critical": 90.5 } })),
        found(
            "/busy",
            "`warning` is 95 and must not be above `critical`, which is 90.5"
        )
    );
    let (pointer, _) = finding(&schema, &json!({ "busy": { "notice": 5, "critical": 4 } }));
    assert_eq!(pointer, "/busy");
    assert_eq!(
        finding(&schema, &json!({ "left": { "warning": 10, "critical": 20 } })),
        found("/left", "`critical` is 20 and must not be above `warning`, which is 10")
    );
    for wrong in [json!("warning"), json!(["warning", 1]), json!({})] {
        let refused = refusal(&levels(wrong));
        assert!(refused.to_string().contains("x-bellwether-ascending"), "{refused}");
    }
}

#[test]
fn regular_expressions_are_read_while_the_configuration_is() {
    let of = |engine: &str| json!({ "type": ["string", "array", "object"], "x-bellwether-pattern": engine });
    let schema = json!({ "properties": { "lite": of("regex-lite"), "full": of("regex") } });
    for fits in [
        json!({ "lite": "^a+$", "full": "\\p{Greek}" }),
        json!({ "lite": ["a", ""], "full": { "web": "nginx|caddy" } }),
        json!({ "lite": { "not": [1, null] } }),
    ] {
        assert_eq!(findings(&schema, &fits), [], "{fits}");
    }
    for (wrong, pointer) in [
        (json!({ "lite": "(" }), "/lite"),
        (json!({ "lite": "\\p{Greek}" }), "/lite"),
        (json!({ "lite": ["a", "["] }), "/lite"),
        (json!({ "full": { "web": "(?=a)" } }), "/full"),
        (json!({ "full": "(a{1000}){1000}" }), "/full"),
    ] {
        let (place, message) = finding(&schema, &wrong);
        assert_eq!(place, pointer);
        assert!(
            message.contains("` is not a regular expression: ") && !message.contains('\n'),
            "{message}"
        );
    }
    let refused = refusal(&of("javascript"));
    assert!(refused.to_string().contains("x-bellwether-pattern"), "{refused}");
}
