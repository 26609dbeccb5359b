//! Texts in the body, and its length.

use std::borrow::Cow;

use bellwether_sdk::{Status, pattern::Pattern};

use super::Finding;
use crate::{
    observation::Answer,
    request,
    settings::ExpectSettings,
    verdict,
    work::{self, Searched, Work},
};

pub(super) fn judge(
    expect: &ExpectSettings,
    answer: &Answer,
    failed: Status,
    work: &mut Work,
    findings: &mut Vec<Finding>,
) {
    findings.extend(size(expect, answer, failed));
    let texts = [&expect.body_contains, &expect.body_lacks];
    let patterns = [&expect.body_matches, &expect.body_lacks_match];
    if texts.iter().all(|list| list.is_none()) && patterns.iter().all(|list| list.is_none()) {
        return;
    }
    let part = Part::new(expect, answer, work);
    let mut unsearched = Vec::new();
    let found = part.texts(expect, &mut unsearched);
    let by_regex = part.patterns(expect, &mut unsearched);
    let finding = |text: String| Finding::new(failed, &verdict::BODY, format!("{text}{}", cut(answer)));
    findings.extend(found.into_iter().map(finding));
    findings.extend(by_regex.into_iter().map(finding).map(Finding::by_regex));
    findings.extend(unproven(expect, answer, failed));
    findings.extend(part.unsearched(&unsearched, answer));
}

/// What of a body is looked at: all that was kept, unless the run has no time for that.
struct Part<'a> {
    body: Cow<'a, str>,
    /// Up to where expressions are looked for; they cost more than texts.
    for_patterns: usize,
    /// Nothing of what was kept is missing in `body`.
    is_all: bool,
    /// The host kept all.
    is_whole: bool,
}

impl<'a> Part<'a> {
    fn new(expect: &ExpectSettings, answer: &'a Answer, work: &mut Work) -> Self {
        let looked_at = work.part(&answer.body, work::of_texts(expect));
        let body = String::from_utf8_lossy(looked_at);
        let for_patterns = work.part(body.as_bytes(), work::of_patterns(expect)).len();
        Self {
            for_patterns,
            is_all: looked_at.len() == answer.body.len(),
            is_whole: !answer.body_truncated,
            body,
        }
    }

    fn all_for_patterns(&self) -> bool {
        self.is_all && self.for_patterns == self.body.len()
    }

    fn has(&self, pattern: &Pattern) -> bool {
        let whole = self.is_whole && self.all_for_patterns();
        work::searched(pattern, &self.body[..self.for_patterns], whole) == Searched::Found
    }

    /// Texts that should be there and are not, or the other way round; those that nobody can tell are added to `unsearched`.
    fn texts<'e>(&self, expect: &'e ExpectSettings, unsearched: &mut Vec<&'e str>) -> Vec<String> {
        let mut found = Vec::new();
        for (list, wanted) in [(&expect.body_contains, true), (&expect.body_lacks, false)] {
            for text in list.iter().flatten() {
                match (self.body.contains(text.as_str()), wanted) {
                    (true, true) => {}
                    (true, false) => found.push(format!("the body contains `{text}`")),
                    (false, _) if !self.is_all => unsearched.push(text),
                    (false, true) => found.push(format!("the body lacks `{text}`")),
                    (false, false) => {}
                }
            }
        }
        found
    }

    /// The same of expressions.
    fn patterns<'e>(&self, expect: &'e ExpectSettings, unsearched: &mut Vec<&'e str>) -> Vec<String> {
        let mut found = Vec::new();
        for (list, wanted) in [(&expect.body_matches, true), (&expect.body_lacks_match, false)] {
            for pattern in list.iter().flatten() {
                let text = pattern.as_str();
                match (self.has(pattern), wanted) {
                    (true, true) => {}
                    (true, false) => found.push(format!("the body matches `{text}`")),
                    (false, _) if !self.all_for_patterns() => unsearched.push(text),
                    (false, true) => found.push(format!("the body does not match `{text}`")),
                    (false, false) => {}
                }
            }
        }
        found
    }

    /// Neither that it is there nor that it is not can be said of what was not looked at.
    fn unsearched(&self, sought: &[&str], answer: &Answer) -> Option<Finding> {
        let first = sought.first()?;
        let others = match sought.len() - 1 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let text = format!(
            "`{first}`{others} not found in the first {} of {} bytes of the body, which are all that this run has the time to \
             search",
            self.for_patterns,
            answer.body.len()
        );
        Some(Finding::new(Status::Unknown, &verdict::NOT_SEARCHED, text))
    }
}

fn cut(answer: &Answer) -> String {
    if answer.body_truncated {
        format!(" in its first {} bytes, which is all that was kept", answer.body.len())
    } else {
        String::new()
    }
}

/// What helps when only so many bytes of a body were kept. From a certain length on no setting does.
pub(super) fn mend(kept: usize) -> &'static str {
    if kept < request::BODY_BYTES as usize {
        "raise `request.body_bytes`"
    } else {
        "no more is kept of any body, so ask for something shorter"
    }
}

/// That something is not there cannot be said of half a body.
fn unproven(expect: &ExpectSettings, answer: &Answer, failed: Status) -> Option<Finding> {
    let asked = [
        ("body_lacks", expect.body_lacks.is_some()),
        ("body_lacks_match", expect.body_lacks_match.is_some()),
    ];
    let (key, _) = asked.into_iter().find(|(_, asked)| *asked && answer.body_truncated)?;
    let kept = answer.body.len();
    let text = format!("only {kept} bytes of the body were kept, too few for `{key}`: {}", mend(kept));
    Some(Finding::new(failed, &verdict::BODY, text))
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
            "and whether more than {maximum} is not known: {}",
            mend(answer.body.len())
        )),
        _ => None,
    }
}
