//! The reference names every key of the configuration and every metric of the host's own, and none that is not there.

use std::collections::BTreeSet;

use super::source::Breach;

/// Where keys are listed in the code.
pub(crate) const VOCABULARY: &str = "host/src/config/vocabulary.rs";

/// The document.
pub(crate) const REFERENCE: &str = "REFERENCE.md";

/// Beginnings of the names of the host's own metrics.
const METRICS: [&str; 2] = ["bellwether_", "process_"];

/// Keys of `vocabulary` that the reference does not name at the beginning of a row, alone or as `table.key`.
pub(crate) fn missing_keys(vocabulary: &str, reference: &str) -> Vec<Breach> {
    let rows: Vec<&str> = reference.lines().filter_map(|line| line.strip_prefix("| `")).collect();
    let keys: Vec<&str> = rows.iter().filter_map(|row| row.split('`').next()).collect();
    let known = |key: &str| {
        keys.iter()
            .any(|row| row.rsplit('.').next() == Some(key) || row.starts_with(&format!("{key}.")))
    };
    let missing = keys_of(vocabulary).into_iter().filter(|(_, key)| !known(key));
    missing
        .map(|(line, key)| Breach::new(VOCABULARY, line, format!("`{key}` is not in {REFERENCE}")))
        .collect()
}

/// What stands in quotes in `keys: &[…]` and `LIMIT_KEYS`, but for the names of whole tables.
fn keys_of(vocabulary: &str) -> Vec<(usize, &str)> {
    const TABLES: [&str; 15] = [
        "host",
        "access",
        "log",
        "history",
        "defaults",
        "connection",
        "check",
        "alerting",
        "rule",
        "receiver",
        "route",
        "inhibit",
        "time_interval",
        "source",
        "heartbeat",
    ];
    let mut inside = false;
    let mut keys = Vec::new();
    for (index, line) in vocabulary.lines().enumerate() {
        let begins = line.contains("keys: &[") || line.contains("LIMIT_KEYS: &[");
        if begins || inside {
            let list = if begins {
                line.split("&[").last().unwrap_or_default()
            } else {
                line
            };
            let words = list.split('"').skip(1).step_by(2).filter(|word| !TABLES.contains(word));
            keys.extend(words.map(|word| (index + 1, word)));
            inside = !line.contains(']') || begins && !list.contains(']');
        }
    }
    keys
}

/// Metrics that stand in quotes in the code and not in the reference, or the other way round.
pub(crate) fn metrics<'c>(code: impl Iterator<Item = &'c str>, reference: &str) -> Vec<Breach> {
    let in_code: BTreeSet<&str> = code.flat_map(|text| names(text, '"')).collect();
    let in_reference: BTreeSet<&str> = names(reference, '`').collect();
    let missing = in_code.difference(&in_reference);
    let missing = missing.map(|name| {
        Breach::new(
            REFERENCE,
            0,
            format!("`{name}` is reported by the host and not explained"),
        )
    });
    let invented = in_reference.difference(&in_code);
    missing
        .chain(invented.map(|name| Breach::new(REFERENCE, 0, format!("no code reports `{name}`"))))
        .collect()
}

/// Names of metrics in `text`, each between two `quote`s.
fn names(text: &str, quote: char) -> impl Iterator<Item = &str> {
    text.split(quote).filter(|name| {
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        plain
            && METRICS
                .iter()
                .any(|start| name.len() > start.len() && name.starts_with(start))
    })
}

#[test]
fn a_key_that_is_not_explained_is_found() {
    let vocabulary = "    keys: &[\"listen\", \"tls\"],\n    later: &[\"x\"],\n    keys: &[\n        \"every\",\n    ],\n    later: &[],\nconst LIMIT_KEYS: &[&str] = &[\"cpu\"];\n";
    let missing = |reference| {
        let breaches = missing_keys(vocabulary, reference);
        breaches
            .iter()
            .map(|breach| (breach.line, breach.message.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        missing("| `listen` | |\n| `tls.key` | |\n| `every` * | |\n| `limits.cpu` | |\n"),
        []
    );
    assert_eq!(
        missing("| `listen` | |\n| `tls.key` | |\n| `limits.cpu` | |\n")[0],
        (4, "`every` is not in REFERENCE.md".to_owned())
    );
    assert_eq!(missing("`listen`").len(), 4);
}

#[test]
fn metrics_are_compared_both_ways() {
    let code = [
        "name: \"bellwether_up_total\", \"Bellwether_no\", \"bellwether_\"",
        "\"process_threads\"",
    ];
    assert!(metrics(code.into_iter(), "`bellwether_up_total` and `process_threads`").is_empty());
    assert_eq!(metrics(code.into_iter(), "`bellwether_up_total`").len(), 1);
    assert_eq!(
        metrics(
            code.into_iter(),
            "`bellwether_up_total` `process_threads` `bellwether_gone`"
        )
        .len(),
        1
    );
}
