//! Running totals: counters and histograms that the host keeps because a plugin has no memory.
//!
//! Flows in: increments and observations. Flows out: points. A new series first appears as zero and grows one snapshot
//! later ([`Totals::settle`]), so that its first increase is an increase to whoever computes rates. Totals begin with the
//! process and are never restored: a total that goes backwards is a false rate.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::catalog::Refusal;
use crate::{
    clock::Timestamp,
    metric::{Bucket, FamilyHead, HistogramSample, MetricName, Points, Sample},
};

type LabelValues = Box<[Arc<str>]>;

/// Totals of one owner.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// By name.
    families: Vec<Family>,
    series: usize,
}

#[derive(Debug)]
struct Family {
    head: Arc<FamilyHead>,
    kept: Kept,
    /// It has series that were not shown yet.
    is_unsettled: bool,
    /// Since it was last shown.
    has_changed: bool,
}

#[derive(Debug)]
enum Kept {
    Counters(Series<Counter>),
    Histograms {
        bounds: Box<[f64]>,
        series: Series<Histogram>,
    },
}

/// By label values. Most totals have one series or two, and there are several per check: sorted vectors spare the tens
/// of megabytes that trees would cost a fleet.
type Series<T> = Vec<(LabelValues, T)>;

fn known<'s, T>(series: &'s mut Series<T>, labels: &LabelValues) -> Option<&'s mut T> {
    let at = series.binary_search_by(|(known, _)| known.cmp(labels)).ok()?;
    series.get_mut(at).map(|(_, total)| total)
}

fn begin<T>(series: &mut Series<T>, begun: BTreeMap<&LabelValues, T>) {
    if !begun.is_empty() {
        series.extend(begun.into_iter().map(|(labels, total)| (labels.clone(), total)));
        series.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
}

#[derive(Debug)]
struct Counter {
    shown: f64,
    pending: f64,
    is_new: bool,
    created: Timestamp,
}

#[derive(Debug)]
struct Histogram {
    shown: Tally,
    pending: Tally,
    is_new: bool,
    created: Timestamp,
}

/// Counts per bucket, not cumulative; the last one is `+Inf`.
#[derive(Clone, Debug)]
struct Tally {
    counts: Box<[u64]>,
    sum: f64,
}

impl Tally {
    fn empty(bounds: &[f64]) -> Self {
        Self {
            counts: vec![0; bounds.len() + 1].into(),
            sum: 0.0,
        }
    }

    fn observe(&mut self, bounds: &[f64], value: f64) {
        // NaN is in no bucket but `+Inf`, as everywhere in Prometheus.
        let at = bounds.partition_point(|bound| *bound < value || value.is_nan());
        self.counts[at] += 1;
        self.sum += value;
    }

    fn absorb(&mut self, other: &mut Self) {
        for (count, more) in self.counts.iter_mut().zip(&mut other.counts) {
            *count += std::mem::take(more);
        }
        self.sum += std::mem::take(&mut other.sum);
    }
}

impl Totals {
    /// How many series these are in an exposition.
    pub(super) fn series(&self) -> usize {
        self.series
    }

    fn place(&self, name: &MetricName) -> Result<usize, usize> {
        self.families.binary_search_by(|family| family.head.name.cmp(name))
    }

    /// Whether a total is kept under this name.
    pub(super) fn holds(&self, name: &MetricName) -> bool {
        self.place(name).is_ok()
    }

    /// The family under this name, begun when there is none.
    fn family_mut(&mut self, head: &Arc<FamilyHead>, kept: impl FnOnce() -> Kept) -> Result<&mut Family, Refusal> {
        let at = self.place(&head.name).unwrap_or_else(|at| {
            let begun = Family {
                head: Arc::clone(head),
                kept: kept(),
                is_unsettled: false,
                has_changed: false,
            };
            self.families.insert(at, begun);
            at
        });
        let family = &mut self.families[at];
        if family.head.label_names != head.label_names {
            return Err(Refusal::LabelNames);
        }
        Ok(family)
    }

    /// Adds to counters. `room` is how many new series may begin; returns how many could not.
    pub(super) fn increase(
        &mut self,
        head: &Arc<FamilyHead>,
        samples: &[Sample],
        room: usize,
        now: Timestamp,
    ) -> Result<usize, Refusal> {
        let family = self.family_mut(head, || Kept::Counters(Vec::new()))?;
        let Kept::Counters(counters) = &mut family.kept else {
            return Err(Refusal::Total);
        };
        let mut begun: BTreeMap<&LabelValues, Counter> = BTreeMap::new();
        let mut refused: BTreeSet<&LabelValues> = BTreeSet::new();
        for sample in samples {
            family.has_changed |= sample.value > 0.0;
            let counter = known(counters, &sample.label_values).or_else(|| begun.get_mut(&sample.label_values));
            if let Some(counter) = counter {
                counter.add(sample.value);
            } else if begun.len() < room {
                begun.insert(&sample.label_values, Counter::beginning_with(sample.value, now));
            } else {
                refused.insert(&sample.label_values);
            }
        }
        let count = begun.len();
        begin(counters, begun);
        family.note_begun(count);
        self.note_begun(&head.name, count);
        Ok(refused.len())
    }

    /// Adds to histograms. `room` is how many series of the exposition may begin; returns how many could not.
    pub(super) fn observe(
        &mut self,
        head: &Arc<FamilyHead>,
        upper_bounds: &[f64],
        samples: &[Sample],
        room: usize,
        now: Timestamp,
    ) -> Result<usize, Refusal> {
        let family = self.family_mut(head, || Kept::Histograms {
            bounds: upper_bounds.into(),
            series: Vec::new(),
        })?;
        let Kept::Histograms { bounds, series } = &mut family.kept else {
            return Err(Refusal::Total);
        };
        if **bounds != *upper_bounds {
            return Err(Refusal::Bounds);
        }
        let each = bounds.len() + 3;
        let mut begun: BTreeMap<&LabelValues, Histogram> = BTreeMap::new();
        let mut refused: BTreeSet<&LabelValues> = BTreeSet::new();
        family.has_changed |= !samples.is_empty();
        for sample in samples {
            let histogram = known(series, &sample.label_values).or_else(|| begun.get_mut(&sample.label_values));
            if let Some(histogram) = histogram {
                histogram.observe(bounds, sample.value);
            } else if (begun.len() + 1).saturating_mul(each) <= room {
                begun.insert(
                    &sample.label_values,
                    Histogram::beginning_with(bounds, sample.value, now),
                );
            } else {
                refused.insert(&sample.label_values);
            }
        }
        let count = begun.len();
        begin(series, begun);
        family.note_begun(count);
        self.note_begun(&head.name, count * each);
        Ok(refused.len() * each)
    }

    /// A family without a series must not stay: the number of families has to be bounded too.
    fn note_begun(&mut self, name: &MetricName, series: usize) {
        self.series += series;
        if let Ok(at) = self.place(name)
            && self.families[at].is_empty()
        {
            self.families.remove(at);
        }
    }

    /// What was published as zero may grow now.
    pub(super) fn settle(&mut self) {
        for family in self.families.iter_mut().filter(|family| family.is_unsettled) {
            family.is_unsettled = false;
            family.has_changed = true;
            match &mut family.kept {
                Kept::Counters(series) => series.iter_mut().for_each(|(_, counter)| counter.settle()),
                Kept::Histograms { series, .. } => series.iter_mut().for_each(|(_, histogram)| histogram.settle()),
            }
        }
    }

    /// Whether [`Self::settle`] has something to do.
    pub(super) fn is_unsettled(&self) -> bool {
        self.families.iter().any(|family| family.is_unsettled)
    }

    /// Forgets a family whose name somebody else holds by now.
    pub(super) fn forget(&mut self, name: &MetricName) {
        if let Ok(at) = self.place(name) {
            let family = self.families.remove(at);
            self.series -= family.points().series();
        }
    }

    /// Forgets single series, by the family and the values of its labels: whoever reports them has given them up. One that comes back
    /// begins anew.
    pub(super) fn forget_series(&mut self, gone: &[(&'static str, Vec<Arc<str>>)]) {
        let mut by_family: BTreeMap<&str, BTreeSet<&[Arc<str>]>> = BTreeMap::new();
        for (family, labels) in gone {
            by_family.entry(family).or_default().insert(labels);
        }
        for family in &mut self.families {
            let Some(gone) = by_family.get(family.head.name.as_str()) else {
                continue;
            };
            let before = family.points().series();
            match &mut family.kept {
                Kept::Counters(series) => series.retain(|(labels, _)| !gone.contains(&**labels)),
                Kept::Histograms { series, .. } => series.retain(|(labels, _)| !gone.contains(&**labels)),
            }
            let lost = before - family.points().series();
            family.has_changed |= lost > 0;
            self.series -= lost;
        }
    }

    /// Names of all families.
    pub(super) fn names(&self) -> impl Iterator<Item = &MetricName> {
        self.families.iter().map(|family| &family.head.name)
    }

    /// One family as it is to be shown.
    pub(super) fn family(&self, name: &MetricName) -> Option<(&Arc<FamilyHead>, Points)> {
        let family = self.families.get(self.place(name).ok()?)?;
        Some((&family.head, family.points()))
    }

    /// Families that changed since they were last taken from here.
    pub(super) fn take_changed(&mut self) -> Vec<(Arc<FamilyHead>, Points)> {
        let changed = self.families.iter_mut().filter_map(|family| {
            std::mem::take(&mut family.has_changed).then(|| (Arc::clone(&family.head), family.points()))
        });
        changed.collect()
    }
}

impl Family {
    fn note_begun(&mut self, series: usize) {
        self.is_unsettled |= series > 0;
        self.has_changed |= series > 0;
    }

    fn is_empty(&self) -> bool {
        match &self.kept {
            Kept::Counters(series) => series.is_empty(),
            Kept::Histograms { series, .. } => series.is_empty(),
        }
    }

    fn points(&self) -> Points {
        match &self.kept {
            Kept::Counters(counters) => Points::Values(counters.iter().map(counter_sample).collect()),
            Kept::Histograms { bounds, series } => {
                Points::Histograms(series.iter().map(|entry| histogram_sample(bounds, entry)).collect())
            }
        }
    }
}

fn counter_sample((labels, counter): &(LabelValues, Counter)) -> Sample {
    Sample {
        label_values: labels.clone(),
        value: counter.shown,
        created: Some(counter.created),
    }
}

fn histogram_sample(bounds: &[f64], (labels, histogram): &(LabelValues, Histogram)) -> HistogramSample {
    let mut count = 0;
    let buckets = bounds.iter().zip(&histogram.shown.counts).map(|(&upper_bound, more)| {
        count += more;
        Bucket {
            upper_bound,
            cumulative_count: count,
        }
    });
    HistogramSample {
        label_values: labels.clone(),
        buckets: buckets.collect(),
        sum: histogram.shown.sum,
        count: histogram.shown.counts.iter().sum(),
        created: Some(histogram.created),
    }
}

impl Counter {
    fn beginning_with(value: f64, now: Timestamp) -> Self {
        Self {
            shown: 0.0,
            pending: value.max(0.0),
            is_new: true,
            created: now,
        }
    }

    fn add(&mut self, value: f64) {
        // `max` also turns NaN, which would poison the total for good, into nothing.
        let value = value.max(0.0);
        if self.is_new {
            self.pending += value;
        } else {
            self.shown += value;
        }
    }

    fn settle(&mut self) {
        self.is_new = false;
        self.shown += std::mem::take(&mut self.pending);
    }
}

impl Histogram {
    fn beginning_with(bounds: &[f64], value: f64, now: Timestamp) -> Self {
        let mut begun = Self {
            shown: Tally::empty(bounds),
            pending: Tally::empty(bounds),
            is_new: true,
            created: now,
        };
        begun.observe(bounds, value);
        begun
    }

    fn observe(&mut self, bounds: &[f64], value: f64) {
        let tally = if self.is_new {
            &mut self.pending
        } else {
            &mut self.shown
        };
        tally.observe(bounds, value);
    }

    fn settle(&mut self) {
        self.is_new = false;
        self.shown.absorb(&mut self.pending);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metric::{LabelName, MetricKind};

    fn head(kind: MetricKind) -> Arc<FamilyHead> {
        Arc::new(FamilyHead {
            name: MetricName::new("runs_total").expect("valid"),
            help: "".into(),
            unit: "".into(),
            kind,
            label_names: Arc::new([LabelName::new("queue").expect("valid")]),
        })
    }

    fn sample(queue: &str, value: f64) -> Sample {
        Sample {
            label_values: Box::new([queue.into()]),
            value,
            created: None,
        }
    }

    fn counts(totals: &Totals) -> Vec<(String, f64)> {
        let name = MetricName::new("runs_total").expect("valid");
        match totals.family(&name).expect("kept").1 {
            Points::Values(samples) => samples
                .iter()
                .map(|s| (s.label_values[0].to_string(), s.value))
                .collect(),
            other => panic!("not counters: {other:?}"),
        }
    }

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[test]
    fn a_total_is_zero_in_one_snapshot_and_grows_in_the_next() {
        let mut totals = Totals::default();
        let head = head(MetricKind::Counter);
        totals.increase(&head, &[sample("a", 2.0)], 10, NOW).expect("new");
        totals.increase(&head, &[sample("a", 3.0)], 10, NOW).expect("known");
        assert_eq!(counts(&totals), [("a".to_owned(), 0.0)]);
        totals.settle();
        assert_eq!(counts(&totals), [("a".to_owned(), 5.0)]);
        totals
            .increase(&head, &[sample("a", 1.0), sample("b", 7.0)], 10, NOW)
            .expect("known");
        assert_eq!(counts(&totals), [("a".to_owned(), 6.0), ("b".to_owned(), 0.0)]);
    }

    #[test]
    fn new_series_past_the_room_are_dropped_and_old_ones_go_on() {
        let mut totals = Totals::default();
        let head = head(MetricKind::Counter);
        totals.increase(&head, &[sample("a", 1.0)], 1, NOW).expect("new");
        totals.settle();
        let dropped = totals.increase(&head, &[sample("b", 1.0), sample("a", 1.0)], 0, NOW);
        assert_eq!(dropped, Ok(1));
        assert_eq!(counts(&totals), [("a".to_owned(), 2.0)]);
        assert_eq!(totals.series(), 1);
    }

    #[test]
    fn observations_are_sorted_into_cumulative_buckets() {
        let mut totals = Totals::default();
        let head = head(MetricKind::Histogram);
        let values = [0.5, 1.0, 1.5, 99.0, f64::NAN].map(|value| sample("a", value));
        totals.observe(&head, &[1.0, 2.0], &values[..4], 100, NOW).expect("new");
        totals.settle();
        let (_, points) = totals.family(&head.name).expect("kept");
        let Points::Histograms(histograms) = points else {
            panic!("not histograms")
        };
        let buckets: Vec<u64> = histograms[0]
            .buckets
            .iter()
            .map(|bucket| bucket.cumulative_count)
            .collect();
        assert_eq!(
            (buckets, histograms[0].count, histograms[0].sum),
            (vec![2, 3], 4, 102.0)
        );
        assert_eq!(
            totals.observe(&head, &[1.0], &values[..1], 100, NOW),
            Err(Refusal::Bounds)
        );
        totals
            .observe(&head, &[1.0, 2.0], &values[4..], 100, NOW)
            .expect("NaN is counted");
        assert_eq!(totals.series(), 5);
    }

    proptest! {
        #[test]
        fn totals_never_go_back_and_nothing_is_lost(
            steps in prop::collection::vec((0u8..4, 0.0..100.0f64, any::<bool>()), 1..60),
        ) {
            let mut totals = Totals::default();
            let head = head(MetricKind::Counter);
            let mut expected = BTreeMap::<String, f64>::new();
            let mut before = BTreeMap::<String, f64>::new();
            for (queue, value, publish) in steps {
                let queue = format!("q{queue}");
                totals.increase(&head, &[sample(&queue, value)], 100, NOW).expect("counter");
                *expected.entry(queue).or_default() += value;
                if publish {
                    for (queue, shown) in counts(&totals) {
                        let last = before.insert(queue.clone(), shown);
                        prop_assert!(last.is_some() || shown == 0.0, "{queue} began with {shown}");
                        prop_assert!(shown >= last.unwrap_or(0.0));
                    }
                    totals.settle();
                }
            }
            totals.settle();
            for (queue, shown) in counts(&totals) {
                prop_assert!((shown - expected[&queue]).abs() < 1e-6);
            }
        }
    }
}
