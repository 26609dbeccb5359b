//! Texts in the body, and its length.

use std::borrow::Cow;

use bellwether_sdk::{
    Status,
    pattern::Pattern,
    work::{Searched, Work},
};

use super::Finding;
use crate::{observation::Answer, request, settings::ExpectSettings, verdict, work};

pub(super) fn judge(
    expect: &ExpectSettings,
    answer: &Answer,
    failed: Status,
    work: &Work,
    findings: &mut Vec<Finding>,
) {
    findings.extend(size(expect, answer, failed));
    let texts = [&expect.body_contains, &expect.body_lacks];
    let patterns = [&expect.body_matches, &expect.body_lacks_match];
    if texts.iter().all(|list| list.is_none()) && patterns.iter().all(|list| list.is_none()) {
        return;
    }
    let cost = work::of_texts(expect);
    let looked_at = work.part(&answer.body, cost);
    let mut doubts = Vec::new();
    let (body, texts) = work.measured(cost.of(looked_at.len()), || {
        let body = Body {
            text: String::from_utf8_lossy(looked_at),
            is_all: looked_at.len() == answer.body.len(),
            is_whole: !answer.body_truncated,
            work,
        };
        let texts = body.texts(expect, &mut doubts);
        (body, texts)
    });
    let patterns = body.patterns(expect, &mut doubts);
    let finding = |text: String| Finding::new(failed, &verdict::BODY, format!("{text}{}", cut(answer)));
    findings.extend(texts.into_iter().map(finding));
    findings.extend(patterns.into_iter().map(finding).map(Finding::by_regex));
    findings.extend(unproven(expect, answer, failed));
    findings.extend(in_doubt(&doubts, answer));
}

/// What of a body is looked at.
struct Body<'a> {
    text: Cow<'a, str>,
    /// It is all that was kept: the run has the time for that.
    is_all: bool,
    /// All was kept.
    is_whole: bool,
    work: &'a Work,
}

/// What was not found, and in how many bytes: there was no time to look at more.
type Doubt<'e> = (&'e str, usize);

impl Body<'_> {
    fn contains(&self, text: &str) -> Searched {
        match (self.text.contains(text), self.is_all) {
            (true, _) => Searched::Found,
            (false, true) => Searched::Missing,
            (false, false) => Searched::MissingInFirst(self.text.len()),
        }
    }

    fn matches(&self, pattern: &Pattern) -> Searched {
        match self.work.search(pattern, &self.text, self.is_whole && self.is_all) {
            Searched::Missing if !self.is_all => Searched::MissingInFirst(self.text.len()),
            searched => searched,
        }
    }

    /// Texts that should be there and are not, or the other way round.
    fn texts<'e>(&self, expect: &'e ExpectSettings, doubts: &mut Vec<Doubt<'e>>) -> Vec<String> {
        let mut found = Vec::new();
        for (list, wanted) in [(&expect.body_contains, true), (&expect.body_lacks, false)] {
            for text in list.iter().flatten() {
                match (self.contains(text), wanted) {
                    (Searched::Found, true) | (Searched::Missing, false) => {}
                    (Searched::Found, false) => found.push(format!("the body contains `{text}`")),
                    (Searched::Missing, true) => found.push(format!("the body lacks `{text}`")),
                    (Searched::MissingInFirst(bytes), _) => doubts.push((text, bytes)),
                }
            }
        }
        found
    }

    /// The same of expressions.
    fn patterns<'e>(&self, expect: &'e ExpectSettings, doubts: &mut Vec<Doubt<'e>>) -> Vec<String> {
        let mut found = Vec::new();
        for (list, wanted) in [(&expect.body_matches, true), (&expect.body_lacks_match, false)] {
            for pattern in list.iter().flatten() {
                let text = pattern.as_str();
                match (self.matches(pattern), wanted) {
                    (Searched::Found, true) | (Searched::Missing, false) => {}
                    (Searched::Found, false) => found.push(format!("the body matches `{text}`")),
                    (Searched::Missing, true) => found.push(format!("the body does not match `{text}`")),
                    (Searched::MissingInFirst(bytes), _) => doubts.push((text, bytes)),
                }
            }
        }
        found
    }
}

/// Neither that it is there nor that it is not can be said of what was not looked at.
fn in_doubt(doubts: &[Doubt<'_>], answer: &Answer) -> Option<Finding> {
    let (sought, bytes) = doubts.first()?;
    let others = match doubts.len() - 1 {
        0 => String::new(),
        others => format!("; {others} more are in doubt, too"),
    };
    let kept = answer.body.len();
    let text = format!(
        "`{sought}` is not in the first {bytes} bytes of the body, and this run has no time to search all {kept}{others}"
    );
    Some(Finding::new(Status::Unknown, &verdict::NOT_SEARCHED, text))
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
    let text = format!(
        "only {kept} bytes of the body were kept, too few for `{key}`: {}",
        mend(kept)
    );
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
