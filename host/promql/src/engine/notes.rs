//! What is odd about an evaluation though no error.
//!
//! Texts begin as Prometheus' annotations do: tools that show those find the same in ours. They are written only when an
//! evaluation has ended, as most rules are evaluated for ever with the same notes.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{ast::Span, functions::format};

/// One oddity.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Note {
    /// `rate` or `increase` of something that is no counter by its name.
    NotACounter(Arc<str>),
    /// A quantile outside of 0 to 1.
    BadQuantile(f64),
    /// A bucket without a bound.
    BadBucket(Arc<str>),
    /// Buckets that are not cumulative, made so.
    ForcedMonotone,
    /// `sort` in a range query.
    IneffectiveSort,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACounter(name) => write!(
                f,
                "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {name:?}"
            ),
            Self::BadQuantile(quantile) => write!(
                f,
                "PromQL warning: quantile value should be between 0 and 1, got {}",
                format::float(*quantile)
            ),
            Self::BadBucket(bound) => write!(
                f,
                "PromQL warning: bucket label \"le\" is missing or has a malformed value of {bound:?}"
            ),
            Self::ForcedMonotone => f.write_str(
                "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)",
            ),
            Self::IneffectiveSort => f.write_str(
                "PromQL warning: sort is ineffective for range queries since results are always ordered by labels",
            ),
        }
    }
}

/// All of one evaluation, each once.
#[derive(Debug, Default)]
pub(super) struct Notes {
    by_place: BTreeMap<(usize, usize), Vec<Note>>,
}

/// Notes of one place: more of them say nothing new.
const NOTES_OF_A_PLACE: usize = 10;

impl Notes {
    pub(super) fn add(&mut self, span: Span, note: Note) {
        let here = self.by_place.entry((span.start, span.end)).or_default();
        let known = here.iter().any(|own| own == &note || own.is_bad_nan(&note));
        if !known && here.len() < NOTES_OF_A_PLACE {
            here.push(note);
        }
    }

    /// Whether a quantile has a meaning; a note if it has none.
    pub(super) fn check_quantile(&mut self, span: Span, quantile: f64) {
        if !(0.0..=1.0).contains(&quantile) {
            self.add(span, Note::BadQuantile(quantile));
        }
    }

    /// Places and texts, by place.
    pub(super) fn finish(self) -> (Vec<Span>, Vec<String>) {
        let all = self.by_place.into_iter().flat_map(|((start, end), notes)| {
            notes
                .into_iter()
                .map(move |note| (Span { start, end }, note.to_string()))
        });
        all.unzip()
    }
}

impl Note {
    /// NaN is not equal to itself, but one note of it is enough.
    fn is_bad_nan(&self, other: &Self) -> bool {
        matches!((self, other), (Self::BadQuantile(a), Self::BadQuantile(b)) if a.is_nan() && b.is_nan())
    }
}
