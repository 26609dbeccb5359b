//! Judgements: one per target, texts fit for people.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use super::{Refusal, Refused, text, wit};
use crate::{
    outcome::{Status, Verdict},
    secret::Redactor,
};

/// Verdicts of one report. Each becomes four series and a row of the page; a plugin that looks at more things than this
/// judges them in groups.
pub(super) const VERDICTS_MAX: usize = 1_000;

/// Bytes of a target: it is a label value and the word by which people speak of the thing.
const TARGET_BYTES_MAX: usize = 256;

/// Bytes of a code, a word out of a closed set.
pub(super) const CODE_BYTES_MAX: usize = 64;

/// Bytes of a summary: one line, with room for an error message of the target's.
const SUMMARY_BYTES_MAX: usize = 1 << 10;

/// Details of one verdict, and the bytes of each: links, expected and actual values.
const DETAILS_MAX: usize = 32;
const DETAIL_NAME_BYTES_MAX: usize = 64;
const DETAIL_VALUE_BYTES_MAX: usize = 4 << 10;

/// How refused verdicts are listed among the families: no family can be called so.
const LISTED_AS: &str = "(verdicts)";

/// One verdict per target, the worst of each. Past [`VERDICTS_MAX`] the mildest are left out, so that a flood hides
/// nothing that someone must see.
pub(super) fn verdicts(mut guest: Vec<wit::Verdict>, redactor: &Redactor, refused: &mut Refused) -> Vec<Verdict> {
    if guest.len() > VERDICTS_MAX {
        let refusal = Refusal::TooManyVerdicts(guest.len());
        refused.push(LISTED_AS.to_owned(), &refusal, redactor);
        guest.sort_by_key(|verdict| std::cmp::Reverse(status(verdict.status)));
        guest.truncate(VERDICTS_MAX);
    }
    let mut places: HashMap<Arc<str>, usize> = HashMap::with_capacity(guest.len());
    let mut taken: Vec<Verdict> = Vec::with_capacity(guest.len());
    for verdict in guest {
        let verdict = one(&verdict, redactor);
        match places.entry(Arc::clone(&verdict.target)) {
            Entry::Vacant(place) => {
                place.insert(taken.len());
                taken.push(verdict);
            }
            Entry::Occupied(place) => {
                let refusal = Refusal::RepeatedTarget(verdict.target.to_string());
                refused.push(LISTED_AS.to_owned(), &refusal, redactor);
                let earlier = &mut taken[*place.get()];
                if verdict.status > earlier.status {
                    *earlier = verdict;
                }
            }
        }
    }
    taken
}

const fn status(status: wit::Status) -> Status {
    match status {
        wit::Status::Ok => Status::Ok,
        wit::Status::Warning => Status::Warning,
        wit::Status::Critical => Status::Critical,
        wit::Status::Unknown => Status::Unknown,
    }
}

fn one(guest: &wit::Verdict, redactor: &Redactor) -> Verdict {
    // Blanked as a label, since it becomes one; then cut like any other line.
    let target = text::label_value(&guest.target, redactor);
    let detail = |(name, value): &(String, String)| {
        (
            text::line(name, DETAIL_NAME_BYTES_MAX, redactor),
            text::line(value, DETAIL_VALUE_BYTES_MAX, redactor),
        )
    };
    Verdict {
        target: text::line(&target, TARGET_BYTES_MAX, redactor).into(),
        status: status(guest.status),
        code: text::line(&guest.code, CODE_BYTES_MAX, redactor),
        summary: text::line(&guest.summary, SUMMARY_BYTES_MAX, redactor),
        latency: guest.latency_ns.map(Duration::from_nanos),
        details: guest.details.iter().take(DETAILS_MAX).map(detail).collect(),
    }
}
