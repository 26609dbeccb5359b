//! Label sets: as many values as names, each short and printable, no two sets alike.

use std::{collections::HashSet, sync::Arc};

use super::{Refusal, text, wit};
use crate::{
    metric::{LabelName, Sample},
    secret::Redactor,
};

/// Bytes of one label value. Addresses, queue names and image digests fit; error messages and documents, which would
/// make a series of every one of them, do not.
pub(super) const LABEL_VALUE_BYTES_MAX: usize = 1 << 10;

/// Up to here, comparing each label set with each is cheaper than hashing them.
const COMPARED_PAIRWISE: usize = 8;

pub(super) type LabelSet = Box<[Arc<str>]>;

/// What label values are held against.
pub(super) struct Labels<'l> {
    names: &'l [LabelName],
    redactor: &'l Redactor,
}

impl<'l> Labels<'l> {
    pub(super) const fn new(names: &'l [LabelName], redactor: &'l Redactor) -> Self {
        Self { names, redactor }
    }

    /// Samples of distinct label sets.
    pub(super) fn series(
        &self,
        samples: Vec<wit::Sample>,
        value: impl Fn(f64) -> Result<(), Refusal>,
    ) -> Result<Vec<Sample>, Refusal> {
        let samples = self.samples(samples, value)?;
        distinct(&samples, |sample| &sample.label_values)?;
        Ok(samples)
    }

    pub(super) fn samples(
        &self,
        samples: Vec<wit::Sample>,
        value: impl Fn(f64) -> Result<(), Refusal>,
    ) -> Result<Vec<Sample>, Refusal> {
        let mut taken: Vec<Sample> = Vec::with_capacity(samples.len());
        for sample in samples {
            value(sample.value)?;
            let label_values = self.set(&sample.label_values, taken.last().map(|last| &*last.label_values))?;
            taken.push(Sample {
                label_values,
                value: sample.value,
                created: None,
            });
        }
        Ok(taken)
    }

    /// One label set. What it has in common with its neighbour is shared: guests list series in nested order.
    pub(super) fn set(&self, values: &[String], neighbour: Option<&[Arc<str>]>) -> Result<LabelSet, Refusal> {
        if values.len() != self.names.len() {
            return Err(Refusal::LabelCount {
                found: values.len(),
                expected: self.names.len(),
            });
        }
        let neighbours = neighbour.unwrap_or_default();
        let shared = |at: usize, value: &str| neighbours.get(at).filter(|neighbour| ***neighbour == *value).cloned();
        values
            .iter()
            .enumerate()
            .map(|(at, value)| {
                self.bounded(at, value)?;
                let value = text::label_value(value, self.redactor);
                self.bounded(at, &value)?;
                Ok(shared(at, &value).unwrap_or_else(|| value.into()))
            })
            .collect()
    }

    fn bounded(&self, at: usize, value: &str) -> Result<(), Refusal> {
        if value.len() > LABEL_VALUE_BYTES_MAX {
            return Err(Refusal::LabelValueTooLong {
                label: self.names[at].to_string(),
                bytes: value.len(),
            });
        }
        Ok(())
    }
}

/// Identity is compared as exposed: two values that were made one by blanking are one series.
pub(super) fn distinct<T>(samples: &[T], labels: impl Fn(&T) -> &LabelSet) -> Result<(), Refusal> {
    let repeated = if samples.len() <= COMPARED_PAIRWISE {
        let earlier = |at: usize| samples[..at].iter().any(|other| labels(other) == labels(&samples[at]));
        (0..samples.len())
            .find(|at| earlier(*at))
            .map(|at| labels(&samples[at]))
    } else {
        let mut seen = HashSet::with_capacity(samples.len());
        samples.iter().map(&labels).find(|set| !seen.insert(*set))
    };
    match repeated {
        Some(set) => Err(Refusal::RepeatedSeries(format!("{set:?}"))),
        None => Ok(()),
    }
}
