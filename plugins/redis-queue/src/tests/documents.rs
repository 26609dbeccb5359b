//! README, sample and rules tell the truth.

use std::collections::BTreeSet;

use bellwether_sdk::fake::{assert_readme, assert_rules, describe, json};
use serde_json::Value;

use super::lab::Lab;
use crate::RedisQueue;

const README: &str = include_str!("../../README.md");
const SAMPLE: &str = include_str!("../../sample.toml");
const RULES: &str = include_str!("../../rules.yml");

/// The description in JSON would be the host's; its debug form names everything as well.
fn described() -> String {
    format!("{:?}", describe::<RedisQueue>())
}

/// Texts in quotes after `key: `.
fn named<'d>(described: &'d str, after: &str) -> BTreeSet<&'d str> {
    let parts = described.split(after).skip(1);
    parts.filter_map(|rest| rest.split('"').nth(1)).collect()
}

#[test]
fn every_metric_and_code_stands_in_the_readme() {
    assert_readme::<RedisQueue>(README);
}

#[test]
fn every_key_of_the_settings_stands_in_the_readme_and_says_what_it_is_for() {
    let schema = schemars::schema_for!(crate::Settings);
    let value = schema.as_value();
    let mut tables = vec![value];
    tables.extend(value["$defs"].as_object().expect("definitions").values());
    let mut keys = 0;
    for table in tables
        .into_iter()
        .filter_map(|table| table.get("properties")?.as_object())
    {
        for (key, about) in table {
            keys += 1;
            assert!(
                README.contains(&format!("`{key}`")) || README.contains(&format!(".{key}`")),
                "`{key}`"
            );
            assert!(about.get("description").is_some(), "`{key}` has no description");
        }
    }
    assert!(keys > 30, "{keys}");
}

#[test]
fn unknown_keys_are_refused_in_every_table() {
    let schema = schemars::schema_for!(crate::Settings);
    let value = schema.as_value();
    let tables = value["$defs"].as_object().expect("definitions").values();
    let open: Vec<_> = tables
        .chain([value])
        .filter(|table| table.get("properties").is_some() && table["additionalProperties"] != Value::Bool(false))
        .collect();
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn rules_speak_of_what_is_reported() {
    assert_rules::<RedisQueue>(RULES);
}

#[test]
fn every_code_leads_to_an_alert() {
    let described = described();
    let codes = named(&described, "CodeDescription { code: ");
    let silent: Vec<_> = codes.iter().filter(|code| !RULES.contains(**code)).collect();
    assert!(silent.is_empty(), "no rule fires for {silent:?}");
}

#[test]
fn the_acl_user_in_the_readme_may_send_what_is_sent() {
    let line = README
        .lines()
        .find(|line| line.starts_with("ACL SETUSER"))
        .expect("an ACL user");
    let allowed: BTreeSet<String> = line
        .split(' ')
        .filter_map(|word| word.strip_prefix('+'))
        .map(str::to_uppercase)
        .collect();
    let backends = [
        "celery", "rq", "sidekiq", "bullmq", "resque", "dramatiq", "asynq", "arq",
    ];
    let mut sent = BTreeSet::new();
    for backend in backends {
        let mut lab = Lab::new(|_| {});
        lab.run(json!({ "backend": backend, "queues": ["mail"] }));
        if backend != "arq" {
            lab.run(json!({ "backend": backend, "queues": ["*"] }));
        }
        sent.extend(
            lab.with(|redis| std::mem::take(&mut redis.sent))
                .into_iter()
                .map(|words| {
                    let container = ["CLIENT", "XINFO"].contains(&words[0].as_str());
                    if container {
                        format!("{}|{}", words[0], words[1])
                    } else {
                        words[0].clone()
                    }
                }),
        );
    }
    assert!(sent.len() > 15, "{sent:?}");
    let missing: Vec<_> = sent.iter().filter(|command| !allowed.contains(*command)).collect();
    assert!(missing.is_empty(), "not in the README's ACL user: {missing:?}");
}

#[test]
fn the_sample_has_its_connection() {
    assert!(SAMPLE.contains("[connection.cache]") && SAMPLE.contains("connection = \"cache\""));
    assert!(SAMPLE.contains("plugin = \"redis-queue\""));
}
