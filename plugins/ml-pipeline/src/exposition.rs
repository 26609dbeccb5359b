//! The text by which servers expose metrics to Prometheus, as far as picking single values needs it.
//!
//! Reads names, labels and values of both text formats; passes over comments, timestamps and exemplars. To merge a whole
//! exposition with its types there is the plugin `prometheus`.

use std::collections::BTreeMap;

/// Values of all samples of `metric` that have these labels; others may come with them. Not-a-number is passed over.
pub(crate) fn values(text: &str, metric: &str, labels: &BTreeMap<String, String>) -> Vec<f64> {
    let samples = text.lines().filter_map(|line| after_name(line, metric));
    samples
        .filter_map(|rest| {
            let (found, rest) = labels_of(rest)?;
            let fits = labels.iter().all(|(name, value)| found.get(name) == Some(value));
            fits.then(|| number(rest)).flatten()
        })
        .filter(|value| !value.is_nan())
        .collect()
}

/// What follows the name, when the line is a sample of just that name.
fn after_name<'l>(line: &'l str, metric: &str) -> Option<&'l str> {
    let rest = line.trim_start().strip_prefix(metric)?;
    rest.starts_with(['{', ' ', '\t']).then_some(rest)
}

/// The labels, and what follows them.
fn labels_of(text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    let Some(mut rest) = text.trim_start().strip_prefix('{') else {
        return Some((labels, text));
    };
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start())?;
        labels.insert(name.trim().to_owned(), value);
        rest = after;
    }
}

/// A text in quotes with `\\`, `\"` and `\n`, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut characters = text.strip_prefix('"')?.char_indices();
    let mut value = String::new();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 2..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

fn number(text: &str) -> Option<f64> {
    let word = text.split_whitespace().next()?;
    match word {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        word => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP nv_inference_request_success Number of successful inference requests
# TYPE nv_inference_request_success counter
nv_inference_request_success{model="two_tower_768",version="1"} 12
nv_inference_request_success{model="two_tower_768",version="2"} 3 1767225600000
nv_inference_request_success{model="other, \"odd\"} }",version="1"} 100
nv_inference_request_success_total 7
vllm:num_requests_waiting 2.5
broken{a="b 1
nan_value NaN
"#;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    #[test]
    fn samples_are_found_by_their_exact_name_and_some_labels() {
        let success = "nv_inference_request_success";
        assert_eq!(values(TEXT, success, &labels(&[])), [12.0, 3.0, 100.0]);
        assert_eq!(
            values(TEXT, success, &labels(&[("model", "two_tower_768")])),
            [12.0, 3.0]
        );
        assert_eq!(
            values(TEXT, success, &labels(&[("model", "other, \"odd\"} }")])),
            [100.0]
        );
        assert!(values(TEXT, success, &labels(&[("gpu", "0")])).is_empty());
        assert_eq!(values(TEXT, "vllm:num_requests_waiting", &labels(&[])), [2.5]);
    }

    #[test]
    fn what_is_broken_or_no_number_is_passed_over() {
        assert!(values(TEXT, "broken", &labels(&[])).is_empty());
        assert!(values(TEXT, "nan_value", &labels(&[])).is_empty());
    }
}
