//! Declarations of metrics: one `const` each, from which a plugin both describes and reports.
//!
//! A bad name does not compile, and a sample cannot have more or fewer labels than its family:
//!
//! ```
//! use bellwether_sdk::prelude::*;
//!
//! const JOBS: Gauge<2> = Gauge::new("queue_jobs", "Jobs in the queue.", ["queue", "state"]);
//!
//! let mut report = Report::new();
//! report.gauge(&JOBS).set(["mail", "waiting"], 3).set(["mail", "active"], 1);
//! ```
//!
//! ```compile_fail
//! # use bellwether_sdk::prelude::*;
//! const DONE: Counter<1> = Counter::new("queue_done", "A counter's name ends in _total.", ["queue"]);
//! ```
//!
//! Names are without the prefix, which the host adds, and in base units: seconds, bytes, ratios from 0 to 1. The unit
//! is read from the name (`…_seconds`, `…_bytes_total`).

use std::time::Duration;

use crate::{
    bindings::bellwether::plugin::report as wit,
    name::{assert_labels, ends_with, same, unit_of, valid_label, valid_metric},
};

/// What all declarations share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<const N: usize> {
    pub(crate) name: &'static str,
    help: &'static str,
    unit: &'static str,
    labels: [&'static str; N],
}

impl<const N: usize> Head<N> {
    const fn new(name: &'static str, help: &'static str, unit: &'static str, labels: [&'static str; N]) -> Self {
        assert!(
            valid_metric(name),
            "a metric name is letters, digits, `_` and `:`, and does not start with a digit"
        );
        assert_labels(&labels);
        Self {
            name,
            help,
            unit,
            labels,
        }
    }

    pub(crate) fn family(&self, state_label: Option<&str>, points: wit::Points) -> wit::MetricFamily {
        wit::MetricFamily {
            name: self.name.to_owned(),
            help: self.help.to_owned(),
            unit: self.unit.to_owned(),
            label_names: self
                .labels
                .iter()
                .copied()
                .chain(state_label)
                .map(str::to_owned)
                .collect(),
            points,
        }
    }
}

/// Anything declared in this module; [`crate::Description::metric`] takes it.
pub trait Metric: sealed::Sealed {
    /// The family without points, as a report would carry it.
    #[doc(hidden)]
    fn family(&self) -> wit::MetricFamily;
}

mod sealed {
    pub trait Sealed {}
}

const fn check_plain<const N: usize>(name: &str, _labels: &[&str; N]) {
    assert!(
        !ends_with(name, "_total") && !ends_with(name, "_info") && !ends_with(name, "_created"),
        "`_total` is for counters, `_info` for infos and `_created` for the host"
    );
}

const fn check_total<const N: usize>(name: &str, _labels: &[&str; N]) {
    assert!(ends_with(name, "_total"), "the name of a counter ends in `_total`");
}

const fn check_info<const N: usize>(name: &str, _labels: &[&str; N]) {
    assert!(ends_with(name, "_info"), "the name of an info ends in `_info`");
}

const fn check_any<const N: usize>(_name: &str, _labels: &[&str; N]) {}

const fn check_distribution<const N: usize>(name: &str, labels: &[&str; N]) {
    check_plain(name, labels);
    assert!(
        !ends_with(name, "_bucket") && !ends_with(name, "_sum") && !ends_with(name, "_count"),
        "`_bucket`, `_sum` and `_count` are added to the names of histograms and summaries"
    );
    let mut at = 0;
    while at < N {
        assert!(
            !same(labels[at], "le") && !same(labels[at], "quantile"),
            "`le` and `quantile` are added to the labels of histograms and summaries"
        );
        at += 1;
    }
}

const fn no_unit(_name: &'static str) -> &'static str {
    ""
}

macro_rules! declaration {
    ($(#[$doc:meta])* $name:ident, $points:ident, $unit:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<const N: usize>(pub(crate) Head<N>);

        impl<const N: usize> $name<N> {
            /// Declares the family; `[]` for no labels. Panics on a bad name: in a `const`, that is while compiling.
            pub const fn new(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
                $check(name, &labels);
                Self(Head::new(name, help, $unit(name), labels))
            }
        }

        impl<const N: usize> sealed::Sealed for $name<N> {}

        impl<const N: usize> Metric for $name<N> {
            fn family(&self) -> wit::MetricFamily {
                self.0.family(None, wit::Points::$points(Vec::new()))
            }
        }
    };
}

declaration! {
    /// A value that goes up and down. A report replaces the last value.
    Gauge, Gauge, unit_of, check_plain
}
declaration! {
    /// A running total read from the target, which keeps it. The name ends in `_total`.
    Counter, Counter, unit_of, check_total
}
declaration! {
    /// A running total that the host keeps: a run reports what to add. The name ends in `_total`.
    Increments, Increments, unit_of, check_total
}
declaration! {
    /// A histogram read from the target, which keeps its buckets.
    Histogram, Histogram, unit_of, check_distribution
}
declaration! {
    /// Quantiles read from the target. Only for merging what others expose: quantiles cannot be added up.
    Summary, Summary, unit_of, check_distribution
}
declaration! {
    /// Of no declared type. Only for merging what others expose.
    Untyped, Untyped, unit_of, check_any
}
declaration! {
    /// Always 1; the labels are the news. The name ends in `_info`.
    Info, Info, no_unit, check_info
}

/// A histogram that the host keeps: a run reports raw values.
#[derive(Clone, Copy, Debug)]
pub struct Observations<const N: usize> {
    pub(crate) head: Head<N>,
    pub(crate) upper_bounds: &'static [f64],
}

impl<const N: usize> Observations<N> {
    /// Declares the family with the upper bounds of its buckets: ascending, finite, without `+Inf`. Panics on a bad
    /// name or bound: in a `const`, that is while compiling.
    pub const fn new(
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        upper_bounds: &'static [f64],
    ) -> Self {
        check_distribution(name, &labels);
        assert!(!upper_bounds.is_empty(), "a histogram needs a bucket besides `+Inf`");
        let mut at = 0;
        while at < upper_bounds.len() {
            assert!(upper_bounds[at].is_finite(), "bounds are finite: `+Inf` is added");
            assert!(
                at == 0 || upper_bounds[at - 1] < upper_bounds[at],
                "bounds are ascending"
            );
            at += 1;
        }
        Self {
            head: Head::new(name, help, unit_of(name), labels),
            upper_bounds,
        }
    }

    pub(crate) fn points(&self) -> wit::Points {
        wit::Points::Observations(wit::Observations {
            upper_bounds: self.upper_bounds.to_vec(),
            samples: Vec::new(),
        })
    }
}

impl<const N: usize> sealed::Sealed for Observations<N> {}

impl<const N: usize> Metric for Observations<N> {
    fn family(&self) -> wit::MetricFamily {
        self.head.family(None, self.points())
    }
}

/// One of several states: a series for each, of which the current one is 1 and the others 0.
#[derive(Clone, Copy, Debug)]
pub struct StateSet<const N: usize> {
    pub(crate) head: Head<N>,
    pub(crate) state_label: &'static str,
    pub(crate) states: &'static [&'static str],
}

impl<const N: usize> StateSet<N> {
    /// Declares the family. The state becomes the last label, named `state_label`, and is one of `states`. Panics on a
    /// bad name: in a `const`, that is while compiling.
    pub const fn new(
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        state_label: &'static str,
        states: &'static [&'static str],
    ) -> Self {
        check_plain(name, &labels);
        assert!(valid_label(state_label), "the name of the state label is no label name");
        let mut at = 0;
        while at < N {
            assert!(!same(labels[at], state_label), "the state has a label of its own");
            at += 1;
        }
        assert!(!states.is_empty(), "there is at least one state");
        Self {
            head: Head::new(name, help, "", labels),
            state_label,
            states,
        }
    }
}

impl<const N: usize> sealed::Sealed for StateSet<N> {}

impl<const N: usize> Metric for StateSet<N> {
    fn family(&self) -> wit::MetricFamily {
        self.head
            .family(Some(self.state_label), wit::Points::StateSet(Vec::new()))
    }
}

/// The contract's word for what the points are: `increments` are a counter, `observations` a histogram.
pub(crate) fn kind_of(points: &wit::Points) -> &'static str {
    match points {
        wit::Points::Gauge(_) => "gauge",
        wit::Points::Counter(_) | wit::Points::Increments(_) => "counter",
        wit::Points::Histogram(_) | wit::Points::Observations(_) => "histogram",
        wit::Points::Summary(_) => "summary",
        wit::Points::Untyped(_) => "untyped",
        wit::Points::Info(_) => "info",
        wit::Points::StateSet(_) => "state-set",
    }
}

/// What a sample may be given as. Integers beyond 2^53 lose their last digits, as they would in Prometheus; a
/// [`Duration`] becomes seconds, and `true` becomes 1.
pub trait Number {
    /// As Prometheus holds it.
    fn to_f64(self) -> f64;
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}

number!(f32, f64, i32, i64, u16, u32, u64, usize);

impl Number for bool {
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }
}

impl Number for Duration {
    fn to_f64(self) -> f64 {
        self.as_secs_f64()
    }
}
