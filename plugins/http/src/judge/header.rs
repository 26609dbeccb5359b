//! Headers of the answer.

use bellwether_sdk::{
    Status,
    text::cut,
    work::{Searched, Work},
};

use super::{Finding, SHOWN_CHARACTERS};
use crate::{
    observation::Answer,
    settings::{ExpectSettings, HeaderExpectation},
    verdict,
};

pub(super) fn judge(
    expect: &ExpectSettings,
    answer: &Answer,
    failed: Status,
    work: &Work,
    findings: &mut Vec<Finding>,
) {
    let expected = expect.headers.iter().flatten();
    findings.extend(expected.filter_map(|expected| one(expected, answer, failed, work)));
}

fn one(expected: &HeaderExpectation, answer: &Answer, failed: Status, work: &Work) -> Option<Finding> {
    let name = &expected.name;
    let values: Vec<&str> = answer.header(name).collect();
    let finding = |text: String| Some(Finding::new(failed, &verdict::HEADER, text));
    if expected.absent {
        return if values.is_empty() {
            None
        } else {
            finding(format!("there is a header `{name}`"))
        };
    }
    if values.is_empty() {
        return finding(format!("there is no header `{name}`"));
    }
    // Headers are others' to choose and may be 64 KiB long.
    let actual = cut(&values.join(", "), SHOWN_CHARACTERS).into_owned();
    if let Some(wanted) = expected.equals.as_deref().filter(|wanted| !values.contains(wanted)) {
        return finding(format!("header `{name}` is `{actual}`, not `{wanted}`"))
            .map(|finding| finding.contrast(wanted, actual));
    }
    let pattern = expected.matches.as_ref()?;
    let found: Vec<Searched> = values.iter().map(|value| work.search(pattern, value, true)).collect();
    if found.contains(&Searched::Found) {
        return None;
    }
    if found.iter().any(|found| *found != Searched::Missing) {
        let text = format!(
            "this run has no time to search the header `{name}` for `{}`",
            pattern.as_str()
        );
        return Some(Finding::new(Status::Unknown, &verdict::NOT_SEARCHED, text));
    }
    finding(format!(
        "header `{name}` is `{actual}`, which does not match `{}`",
        pattern.as_str()
    ))
    .map(Finding::by_regex)
}
