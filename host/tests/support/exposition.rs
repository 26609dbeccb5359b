//! What a text exposition says, as data; enough for gauges and counters.

use std::collections::{BTreeMap, BTreeSet};

pub type Labels = BTreeMap<String, String>;

/// One family of single values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    /// As `# TYPE` has it; "" without one.
    pub kind: String,
    pub series: BTreeMap<Labels, f64>,
}

impl Family {
    pub fn label_sets(&self) -> BTreeSet<&Labels> {
        self.series.keys().collect()
    }
}

/// Families by name. Panics on a line that is none: the text is a program's, not a person's.
pub fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in text.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').unwrap_or_else(|| panic!("no type: {line}"));
            families.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if !line.starts_with('#') && !line.is_empty() {
            let (name, labels, value) = sample(line).unwrap_or_else(|| panic!("no sample: {line}"));
            families.entry(name).or_default().series.insert(labels, value);
        }
    }
    families
}

fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let (name, labels, value) = match line.split_once('{') {
        Some((name, rest)) => {
            let (labels, rest) = labels(rest)?;
            (name, labels, rest)
        }
        None => {
            let (name, value) = line.split_once(' ')?;
            (name, Labels::new(), value)
        }
    };
    Some((
        name.to_owned(),
        labels,
        value.split_ascii_whitespace().next()?.parse().ok()?,
    ))
}

/// The labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, after) = quoted_text(quoted)?;
        // An empty value means that the label is absent.
        if !value.is_empty() {
            labels.insert(name.to_owned(), value);
        }
        rest = after;
    }
}

/// The text up to the closing quote, and what follows it.
fn quoted_text(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[test]
fn an_exposition_is_read_with_types_labels_and_escapes() {
    let text = "# HELP a_total x\n# TYPE a_total counter\na_total{path=\"C:\\\\d\",said=\"\\\"hi\\\"\",none=\"\"} 1.5e+09\nb 2 1700000000\n";
    let families = parse(text);
    let labels = Labels::from([("path".into(), "C:\\d".into()), ("said".into(), "\"hi\"".into())]);
    assert_eq!(families["a_total"].kind, "counter");
    assert_eq!(families["a_total"].series[&labels], 1.5e9);
    assert_eq!(families["b"].series[&Labels::new()], 2.0);
}
