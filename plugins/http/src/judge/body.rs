//! Texts in the body, and its length.

use bellwether_sdk::Status;

use super::Finding;
use crate::{observation::Answer, settings::ExpectSettings, verdict};

pub(super) fn judge(expect: &ExpectSettings, answer: &Answer, failed: Status, findings: &mut Vec<Finding>) {
    findings.extend(size(expect, answer, failed));
    let texts = [&expect.body_contains, &expect.body_lacks];
    let patterns = [&expect.body_matches, &expect.body_lacks_match];
    if texts.iter().all(|list| list.is_none()) && patterns.iter().all(|list| list.is_none()) {
        return;
    }
    let body = String::from_utf8_lossy(&answer.body);
    let found = present(expect, &body).chain(absent(expect, &body));
    findings.extend(found.map(|(text, by_regex)| {
        let finding = Finding::new(failed, &verdict::BODY, format!("{text}{}", cut(answer)));
        if by_regex { finding.by_regex() } else { finding }
    }));
    findings.extend(unproven(expect, answer, failed));
}

/// What should be there and is not.
fn present<'e>(expect: &'e ExpectSettings, body: &'e str) -> impl Iterator<Item = (String, bool)> + 'e {
    let texts = expect
        .body_contains
        .iter()
        .flatten()
        .filter(|text| !body.contains(text.as_str()));
    let patterns = expect
        .body_matches
        .iter()
        .flatten()
        .filter(|pattern| !pattern.is_in(body));
    texts
        .map(|text| (format!("the body lacks `{text}`"), false))
        .chain(patterns.map(|pattern| (format!("the body does not match `{}`", pattern.as_str()), true)))
}

/// What should not be there and is.
fn absent<'e>(expect: &'e ExpectSettings, body: &'e str) -> impl Iterator<Item = (String, bool)> + 'e {
    let texts = expect
        .body_lacks
        .iter()
        .flatten()
        .filter(|text| body.contains(text.as_str()));
    let patterns = expect
        .body_lacks_match
        .iter()
        .flatten()
        .filter(|pattern| pattern.is_in(body));
    texts
        .map(|text| (format!("the body contains `{text}`"), false))
        .chain(patterns.map(|pattern| (format!("the body matches `{}`", pattern.as_str()), true)))
}

fn cut(answer: &Answer) -> String {
    if answer.body_truncated {
        format!(" in its first {} bytes, which is all that was kept", answer.body.len())
    } else {
        String::new()
    }
}

/// That something is not there cannot be said of half a body.
fn unproven(expect: &ExpectSettings, answer: &Answer, failed: Status) -> Option<Finding> {
    let asked = expect.body_lacks.is_some() || expect.body_lacks_match.is_some();
    (asked && answer.body_truncated).then(|| {
        let text = format!(
            "only {} bytes of the body were kept: raise `request.body_bytes`",
            answer.body.len()
        );
        Finding::new(failed, &verdict::BODY, text)
    })
}

/// A body that was cut off is at least as long as what was kept.
fn size(expect: &ExpectSettings, answer: &Answer, failed: Status) -> Option<Finding> {
    let range = expect.body_bytes?;
    let bytes = answer.body.len() as f64;
    let said = if answer.body_truncated { "more than " } else { "" };
    let finding = |limit: String| {
        let text = format!("the body has {said}{bytes} bytes, {limit}");
        Some(Finding::new(failed, &verdict::BODY_SIZE, text))
    };
    if let Some(minimum) = range
        .minimum
        .filter(|minimum| bytes < *minimum && !answer.body_truncated)
    {
        return finding(format!("less than {minimum}"));
    }
    match range.maximum {
        Some(maximum) if bytes > maximum => finding(format!("more than {maximum}")),
        Some(maximum) if answer.body_truncated => finding(format!(
            "and whether more than {maximum} is not known: raise `request.body_bytes`"
        )),
        _ => None,
    }
}
