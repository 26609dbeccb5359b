//! Whether a pack of alert rules speaks of what the plugin describes.
//!
//! Flows in: the text of a Prometheus rule file, and a description. Flows out: what is wrong. It reads as much of YAML and of the
//! query language as rule packs need and judges neither: promtool does.

use std::collections::BTreeSet;

use crate::bindings::identity::{Description, MetricDescription};

/// Labels that stand at every series without the plugin's doing.
const OF_THE_HOST: [&str; 3] = ["check", "instance", "job"];

/// What the host itself says of each check, with its labels: a pack may ask whether its check sees anything at all.
const METRICS_OF_THE_HOST: [(&str, &[&str]); 4] = [
    ("bellwether_check_up", &[]),
    ("bellwether_check_status", &["target", "status"]),
    ("bellwether_check_consecutive_failures", &[]),
    ("bellwether_check_last_run_timestamp_seconds", &[]),
];

/// Words of the query language that are followed by names of labels in parentheses.
const BEFORE_LABELS: [&str; 6] = ["by", "group_left", "group_right", "ignoring", "on", "without"];

/// Other words of the query language that are no metrics.
const OPERATORS: [&str; 8] = ["and", "atan2", "bool", "inf", "nan", "offset", "or", "unless"];

/// One alert or recorded series.
#[derive(Debug, Default)]
struct Rule {
    name: String,
    expression: String,
    /// All the lines below its name.
    text: String,
}

/// What an expression names.
#[derive(Debug, Default)]
struct Named {
    /// Metrics, each with the labels in its braces.
    metrics: Vec<(String, Vec<String>)>,
    /// Labels that series are matched or grouped by.
    labels: Vec<String>,
}

/// All problems of a rule file.
pub(super) fn problems(description: &Description, file: &str) -> Vec<String> {
    let rules = rules(file);
    if rules.is_empty() {
        return vec!["there are no rules".to_owned()];
    }
    rules.iter().flat_map(|rule| of_rule(description, rule)).collect()
}

fn of_rule(description: &Description, rule: &Rule) -> Vec<String> {
    let named = names(&rule.expression);
    let mut found = Vec::new();
    let mut known: BTreeSet<&str> = OF_THE_HOST.into_iter().collect();
    if named.metrics.is_empty() {
        found.push("it names no metric".to_owned());
    }
    for (metric, labels) in &named.metrics {
        if let Some((_, own)) = METRICS_OF_THE_HOST.iter().find(|(name, _)| name == metric) {
            known.extend(*own);
            let strange = labels
                .iter()
                .filter(|label| !own.contains(&label.as_str()) && !is_the_hosts(label));
            found.extend(strange.map(|label| format!("`{metric}` has no label `{label}`")));
            continue;
        }
        let Some(described) = described(description, metric) else {
            found.push(format!("`{metric}` is not described"));
            continue;
        };
        let own: BTreeSet<&str> = described.label_names.iter().map(String::as_str).collect();
        known.extend(&own);
        let strange = labels
            .iter()
            .filter(|label| !own.contains(label.as_str()) && !is_of_kind(described, label) && !is_the_hosts(label));
        found.extend(strange.map(|label| format!("`{metric}` has no label `{label}`")));
        if described.kind == "histogram" {
            known.insert("le");
        }
    }
    let told = rule.text.split("$labels.").skip(1).map(leading_word);
    let unknown = named
        .labels
        .iter()
        .map(String::as_str)
        .chain(told)
        .filter(|label| !known.contains(label));
    found.extend(unknown.map(|label| format!("none of its metrics has a label `{label}`")));
    found
        .into_iter()
        .map(|problem| format!("{}: {problem}", rule.name))
        .collect()
}

/// A histogram's series have other names than the family.
fn described<'d>(description: &'d Description, metric: &str) -> Option<&'d MetricDescription> {
    let find = |name: &str| description.metrics.iter().find(|known| known.name == name);
    let of_parts = || {
        let parts = ["_bucket", "_count", "_sum"];
        let family = parts.iter().find_map(|part| metric.strip_suffix(part))?;
        find(family).filter(|known| known.kind == "histogram" || known.kind == "summary")
    };
    find(metric).or_else(of_parts)
}

/// Labels that a type brings.
fn is_of_kind(metric: &MetricDescription, label: &str) -> bool {
    match metric.kind.as_str() {
        "histogram" => label == "le",
        "summary" => label == "quantile",
        _ => false,
    }
}

fn is_the_hosts(label: &str) -> bool {
    OF_THE_HOST.contains(&label)
}

/// Rules with their expressions, which may stand behind the key or, after `|` or `>`, in the lines below it.
fn rules(file: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut block: Option<usize> = None;
    for line in file.lines() {
        let text = line.trim_start();
        let depth = line.len() - text.len();
        if text.starts_with('#') || text.is_empty() {
            continue;
        }
        if let Some(name) = after_any(text, &["- alert:", "- record:"]) {
            rules.push(Rule {
                name: name.to_owned(),
                ..Rule::default()
            });
            block = None;
            continue;
        }
        let Some(rule) = rules.last_mut() else { continue };
        rule.text.push_str(text);
        rule.text.push('\n');
        if block.is_some_and(|key| depth > key) {
            rule.expression.push_str(text);
            rule.expression.push('\n');
            continue;
        }
        block = None;
        match after_any(text, &["expr:"]) {
            Some("|" | ">" | "|-" | ">-") => block = Some(depth),
            Some(expression) => expression.clone_into(&mut rule.expression),
            None => {}
        }
    }
    rules
}

fn after_any<'t>(text: &'t str, keys: &[&str]) -> Option<&'t str> {
    keys.iter().find_map(|key| text.strip_prefix(key)).map(str::trim)
}

/// Reads an expression from left to right.
fn names(expression: &str) -> Named {
    let mut named = Named::default();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '"' | '\'' => after_quoted(rest),
            '[' => rest.split_once(']').map_or("", |(_, after)| after),
            '{' => {
                let (labels, after) = matchers(&rest[1..]);
                if let Some((_, known)) = named.metrics.last_mut() {
                    known.extend(labels);
                }
                after
            }
            first if is_of_name(first) && !first.is_ascii_digit() => {
                let word = leading_word(rest);
                note(word, &rest[word.len()..], &mut named)
            }
            first if first.is_ascii_digit() => &rest[leading_word(rest).len()..],
            first => &rest[first.len_utf8()..],
        };
    }
    named
}

/// What a word is depends on what follows; answers with the text after both.
fn note<'t>(word: &str, after: &'t str, named: &mut Named) -> &'t str {
    let inside = after.trim_start().strip_prefix('(');
    if BEFORE_LABELS.contains(&word) {
        let Some((labels, after)) = inside.and_then(|inside| inside.split_once(')')) else {
            return after;
        };
        let labels = labels.split(',').map(|label| label.trim().to_owned());
        named.labels.extend(labels.filter(|label| !label.is_empty()));
        return after;
    }
    // `sum by (…) (…)`: an aggregation.
    let aggregates = ["by", "without"].contains(&leading_word(after.trim_start()));
    if inside.is_none() && !aggregates && !OPERATORS.contains(&word) {
        named.metrics.push((word.to_owned(), Vec::new()));
    }
    after
}

/// The labels before `}`, and what follows it.
fn matchers(text: &str) -> (Vec<String>, &str) {
    let mut labels = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '}' => return (labels, &rest[1..]),
            '"' | '\'' => after_quoted(rest),
            first if is_of_name(first) => {
                let word = leading_word(rest);
                labels.push(word.to_owned());
                &rest[word.len()..]
            }
            first => &rest[first.len_utf8()..],
        };
    }
    (labels, "")
}

/// What follows a text in quotes.
fn after_quoted(text: &str) -> &str {
    let mut characters = text.char_indices();
    let quote = characters.next().map(|(_, quote)| quote);
    let mut escaped = false;
    for (at, character) in characters {
        if !escaped && Some(character) == quote {
            return &text[at + 1..];
        }
        escaped = !escaped && character == '\\';
    }
    ""
}

fn leading_word(text: &str) -> &str {
    let end = text.find(|character| !is_of_name(character)).unwrap_or(text.len());
    &text[..end]
}

/// Of metrics, which may have a colon, and of labels.
fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == ':'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_and_labels_are_told_from_functions_operators_and_texts() {
        let named = names(
            "sum by (job, le) (rate(http_seconds_bucket{code=~\"up{x}|b\",job!=\"a\"}[5m] offset 1h)) > bool 0.5e3 and on (check) up",
        );
        let expected = [
            (
                "http_seconds_bucket".to_owned(),
                vec!["code".to_owned(), "job".to_owned()],
            ),
            ("up".to_owned(), Vec::new()),
        ];
        assert_eq!(named.metrics, expected);
        assert_eq!(named.labels, ["job", "le", "check"]);
    }

    #[test]
    fn an_expression_may_stand_in_the_lines_below_its_key() {
        let file = "groups:\n  - name: g\n    rules:\n      # one\n      - alert: A\n        expr: |\n          x\n            > 1\n        \
                    labels:\n          severity: warning\n      - alert: B\n        expr: y > 2\n";
        let rules = rules(file);
        let read: Vec<(&str, &str)> = rules
            .iter()
            .map(|rule| (rule.name.as_str(), rule.expression.as_str()))
            .collect();
        assert_eq!(read, [("A", "x\n> 1\n"), ("B", "y > 2")]);
    }
}
