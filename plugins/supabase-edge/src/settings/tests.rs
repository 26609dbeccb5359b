use bellwether_sdk::{FailureKind, fake::json};
use serde_json::Value;

use super::*;

fn problem(settings: Value) -> String {
    let settings: Settings = serde_json::from_value(settings).expect("fits the schema");
    let failure = settings.check().expect_err("must be refused");
    assert_eq!(failure.kind(), FailureKind::Settings);
    failure.message().to_owned()
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let cases = [
        (json!({}), "nothing to look at"),
        (json!({ "functions": { "a b": {} } }), "functions.a b"),
        (
            json!({ "functions": { "a": { "json": {}, "body": "x", "mode": "invoke" } } }),
            "both `body` and `json`",
        ),
        (json!({ "functions": { "a": { "body": "x" } } }), "mode = \"invoke\""),
        (
            json!({ "functions": { "a": { "regions": ["EU"] } } }),
            "functions.a.regions: `EU`",
        ),
        (
            json!({ "regions": ["eu-west-1", "eu-west-1"], "functions": { "a": {} } }),
            "stands there twice",
        ),
        (
            json!({ "functions": { "a": { "expect": { "headers": { "x": "(" } } } } }),
            "functions.a.expect.headers.x",
        ),
        (
            json!({ "functions": { "a-b": {}, "a_b": {} }, "duration_ms_aliases": true }),
            "edge_a_b_duration_ms",
        ),
        (json!({ "functions": { "x".repeat(129): {} } }), "at most 128"),
        (json!({ "discover": {} }), "management = {}"),
        (
            json!({ "discover": {}, "management": { "functions": false } }),
            "management = {}",
        ),
        (
            json!({ "discover": { "call": { "slug": "a" } }, "management": {} }),
            "discover.call",
        ),
        (json!({ "management": { "every": "30s" } }), "management.every"),
        (
            json!({ "surfaces": { "auth": { "expect": { "json": [{ "pointer": "/a" }] } } } }),
            "surfaces.auth.expect.json[0]",
        ),
        (
            json!({ "surfaces": { "rest": { "expect": { "json": [{ "pointer": "/a" }] } } } }),
            "surfaces.rest.expect.json[0]",
        ),
    ];
    for (settings, said) in cases {
        let problem = problem(settings.clone());
        assert!(problem.contains(said), "{settings}: {problem}");
    }
}

#[test]
fn flows_that_cannot_run_are_refused_with_the_step() {
    let step = |more: Value| {
        let mut step = json!({ "name": "one", "path": "rest/v1/t" });
        step.as_object_mut()
            .expect("object")
            .extend(more.as_object().expect("object").clone());
        step
    };
    let cases = [
        (json!([]), "no step besides"),
        (json!([step(json!({ "always": true }))]), "no step besides"),
        (json!([step(json!({ "name": "" }))]), "steps[0] needs a `name`"),
        (json!([step(json!({})), step(json!({}))]), "steps[1] needs a `name`"),
        (json!([step(json!({ "path": "/" }))]), "has no `path`"),
        (
            json!([step(json!({ "body": "a", "json": 1 }))]),
            "both `body` and `json`",
        ),
        (json!([step(json!({ "path": "t?id=eq.{{id}}" }))]), "{{id}}"),
        (json!([step(json!({ "json": { "deep": ["{{id}}"] } }))]), "{{id}}"),
        (json!([step(json!({ "headers": { "x": "{{id}}" } }))]), "{{id}}"),
        (json!([step(json!({ "capture": { "Id": "/id" } }))]), "capture.Id"),
        (json!([step(json!({ "capture": { "run": "/id" } }))]), "capture.run"),
        (json!([step(json!({ "capture": { "id": "id" } }))]), "capture.id"),
        (
            json!([step(json!({ "expect": { "headers": { "x": "(" } } }))]),
            "steps[0].expect",
        ),
    ];
    for (steps, said) in cases {
        let problem = problem(json!({ "flows": { "f": { "steps": steps } } }));
        assert!(
            problem.starts_with("flows.f") && problem.contains(said),
            "{steps}: {problem}"
        );
    }
}

#[test]
fn what_a_step_captures_is_known_to_the_next_and_not_to_itself() {
    let flow = |first: &str| {
        json!({ "flows": { "f": { "steps": [
            { "name": "make", "path": first, "capture": { "id": "/id" } },
            { "name": "read", "path": "t?id=eq.{{id}}&run={{run}}" },
        ] } } })
    };
    let good: Settings = serde_json::from_value(flow("t?run={{run}}")).expect("valid");
    assert!(good.check().is_ok());
    assert!(problem(flow("t?id={{id}}")).contains("steps[0]"));
}

#[test]
fn keys_that_are_not_known_are_refused_at_every_depth() {
    for settings in [
        json!({ "fonctions": {} }),
        json!({ "functions": { "a": { "methode": "GET" } } }),
        json!({ "functions": { "a": { "method": "HEAD" } } }),
        json!({ "functions": { "a": { "expect": { "satus": [] } } } }),
        json!({ "functions": { "a": { "expect": { "json": [{ "pointer": "", "equal": 1 }] } } } }),
        json!({ "surfaces": { "graphql": {} } }),
        json!({ "management": { "every": "5" } }),
        json!({ "flows": { "f": { "steps": [{ "nmae": "a" }] } } }),
        json!({ "certificate_days": { "warn": 3 } }),
    ] {
        assert!(
            serde_json::from_value::<Settings>(settings.clone()).is_err(),
            "{settings}"
        );
    }
}

/// Every table of the schema, wherever it stands.
fn tables<'s>(schema: &'s Value, found: &mut Vec<&'s Value>) {
    if schema.get("properties").is_some() {
        found.push(schema);
    }
    match schema {
        Value::Object(fields) => fields.values().for_each(|field| tables(field, found)),
        Value::Array(items) => items.iter().for_each(|item| tables(item, found)),
        _ => {}
    }
}

#[test]
fn the_schema_closes_every_table_and_tells_of_every_key() {
    let schema = schemars::schema_for!(Settings);
    let mut found = Vec::new();
    tables(schema.as_value(), &mut found);
    assert!(found.len() > 10, "{}", found.len());
    for table in found {
        assert_eq!(table.get("additionalProperties"), Some(&json!(false)), "{table}");
        for (name, key) in table["properties"].as_object().expect("properties") {
            assert!(key.get("description").is_some(), "{name} has no description");
        }
    }
}

#[test]
fn the_schema_keeps_critical_days_below_a_warning() {
    use bellwether_sdk::settings::ASCENDING_KEYWORD;
    let days = schemars::schema_for!(CertificateDays);
    assert_eq!(days.get(ASCENDING_KEYWORD), Some(&json!(["critical", "warning"])));
}

/// So that the table in the README cannot forget a key.
#[test]
fn the_readme_tells_of_every_key() {
    let readme = include_str!("../../README.md");
    let schema = schemars::schema_for!(Settings);
    let mut found = Vec::new();
    tables(schema.as_value(), &mut found);
    for table in found {
        for name in table["properties"].as_object().expect("properties").keys() {
            let told = [
                format!("`{name}`"),
                format!(".{name}`"),
                format!("`{name}."),
                format!(".{name}."),
            ];
            assert!(
                told.iter().any(|form| readme.contains(form.as_str())),
                "`{name}` is not in the README"
            );
        }
    }
}

/// The sample is what people copy: it fits the types, makes sense, and uses every part.
#[test]
fn the_sample_is_a_configuration_that_works() {
    let sample: toml::Table = toml::from_str(include_str!("../../sample.toml")).expect("TOML");
    let settings = serde_json::to_value(&sample["check"]["edge"]["settings"]).expect("JSON");
    let settings: Settings = serde_json::from_value(settings).expect("fits the schema");
    settings.check().expect("makes sense");
    assert!(settings.discover.is_some() && settings.management.is_some());
    assert_eq!(settings.functions.len(), 2);
    assert_eq!(settings.flows["recommend"].steps.len(), 3);
}
