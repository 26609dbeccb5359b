//! What a run hands back: verdicts and samples.
//!
//! A [`Report`] is built up by naming declarations ([`crate::metric`], [`crate::Code`]), so that what is described and
//! what is reported cannot differ. It holds the contract's own records: handing it over copies nothing.

mod fit;
pub(crate) mod points;
mod verdict;

pub(crate) use fit::{fit, fits};
pub use points::{Added, Histograms, Infos, Observed, States, Summaries, Values};
pub use verdict::{Code, NewVerdict};

use crate::{
    bindings::bellwether::plugin::report as wit,
    metric::{Counter, Gauge, Head, Histogram, Increments, Info, Observations, StateSet, Summary, Untyped},
    name::{valid_label, valid_metric},
};

pub use wit::{
    Bucket, HistogramSample, MetricFamily, Observations as ObservedSamples, Points, Quantile, Sample, Status,
    SummarySample, Verdict,
};

/// Verdicts and samples of one run, in the order they were added.
#[derive(Clone, Debug, PartialEq)]
pub struct Report(pub(crate) wit::Report);

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}

impl Report {
    /// An empty report: a run that found nothing to say is a good run.
    pub const fn new() -> Self {
        Self(wit::Report {
            verdicts: Vec::new(),
            families: Vec::new(),
        })
    }

    /// What was added, in order.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.0.verdicts
    }

    /// What was added, in order of first mention.
    pub fn families(&self) -> &[MetricFamily] {
        &self.0.families
    }

    /// `target` is well; "" is the check as a whole.
    pub fn ok(&mut self, target: &str) -> NewVerdict<'_> {
        self.verdict(target, Status::Ok, "", "")
    }

    /// `target` will need a person soon. `summary` is one line for that person, and never holds a secret.
    pub fn warning(&mut self, target: &str, code: &Code, summary: impl Into<String>) -> NewVerdict<'_> {
        self.verdict(target, Status::Warning, code.name(), summary)
    }

    /// `target` needs a person now. `summary` is one line for that person, and never holds a secret.
    pub fn critical(&mut self, target: &str, code: &Code, summary: impl Into<String>) -> NewVerdict<'_> {
        self.verdict(target, Status::Critical, code.name(), summary)
    }

    /// Nobody can tell how `target` is. When that holds for all targets, return a [`crate::Failure`] instead.
    pub fn unknown(&mut self, target: &str, code: &Code, summary: impl Into<String>) -> NewVerdict<'_> {
        self.verdict(target, Status::Unknown, code.name(), summary)
    }

    fn verdict(&mut self, target: &str, status: Status, code: &str, summary: impl Into<String>) -> NewVerdict<'_> {
        self.0.verdicts.push(Verdict {
            target: target.to_owned(),
            status,
            code: code.to_owned(),
            summary: summary.into(),
            latency_ns: None,
            details: Vec::new(),
        });
        let last = self.0.verdicts.len() - 1;
        NewVerdict(&mut self.0.verdicts[last])
    }

    /// Samples of a gauge.
    pub fn gauge<const N: usize>(&mut self, metric: &Gauge<N>) -> Values<'_, N> {
        Values(self.samples(&metric.0, || Points::Gauge(Vec::new())))
    }

    /// Totals that the target keeps.
    pub fn counter<const N: usize>(&mut self, metric: &Counter<N>) -> Values<'_, N> {
        Values(self.samples(&metric.0, || Points::Counter(Vec::new())))
    }

    /// What to add to totals that the host keeps; never negative.
    pub fn increments<const N: usize>(&mut self, metric: &Increments<N>) -> Added<'_, N> {
        Added(self.samples(&metric.0, || Points::Increments(Vec::new())))
    }

    /// Samples without a type.
    pub fn untyped<const N: usize>(&mut self, metric: &Untyped<N>) -> Values<'_, N> {
        Values(self.samples(&metric.0, || Points::Untyped(Vec::new())))
    }

    /// Label sets that are news in themselves.
    pub fn info<const N: usize>(&mut self, metric: &Info<N>) -> Infos<'_, N> {
        Infos(self.samples(&metric.0, || Points::Info(Vec::new())))
    }

    /// Values for a histogram that the host keeps.
    pub fn observations<const N: usize>(&mut self, metric: &Observations<N>) -> Observed<'_, N> {
        let at = self.position(metric.head.name, || metric.head.family(None, metric.points()));
        Observed(points::samples_of(&mut self.0.families[at].points))
    }

    /// The state of something, out of a declared few.
    pub fn state_set<const N: usize>(&mut self, metric: &StateSet<N>) -> States<'_, N> {
        let at = self.position(metric.head.name, || {
            metric
                .head
                .family(Some(metric.state_label), Points::StateSet(Vec::new()))
        });
        States {
            samples: points::samples_of(&mut self.0.families[at].points),
            states: metric.states,
        }
    }

    /// Histograms that the target keeps.
    pub fn histogram<const N: usize>(&mut self, metric: &Histogram<N>) -> Histograms<'_, N> {
        let at = self.position(metric.0.name, || metric.0.family(None, Points::Histogram(Vec::new())));
        Histograms(points::histograms_of(&mut self.0.families[at].points))
    }

    /// Summaries that the target keeps.
    pub fn summary<const N: usize>(&mut self, metric: &Summary<N>) -> Summaries<'_, N> {
        let at = self.position(metric.0.name, || metric.0.family(None, Points::Summary(Vec::new())));
        Summaries(points::summaries_of(&mut self.0.families[at].points))
    }

    /// Adds a family whose name is only known at run time, as when merging what another program exposes. The plugin
    /// describes itself as having [`crate::Description::dynamic_metrics`]. Refused: a bad name, and points with another number
    /// of label values than there are names.
    pub fn push_family(&mut self, family: MetricFamily) -> Result<(), BadFamily> {
        if !valid_metric(&family.name) {
            return Err(BadFamily::Name(family.name));
        }
        if let Some(label) = family.label_names.iter().find(|label| !valid_label(label)) {
            return Err(BadFamily::Label(label.clone()));
        }
        if !points::every_label_count(&family.points, family.label_names.len()) {
            return Err(BadFamily::LabelCount(family.name));
        }
        self.0.families.push(family);
        Ok(())
    }

    fn samples<const N: usize>(&mut self, head: &Head<N>, empty: fn() -> Points) -> &mut Vec<Sample> {
        let at = self.position(head.name, || head.family(None, empty()));
        points::samples_of(&mut self.0.families[at].points)
    }

    /// Where the family is; it is added when it is new. Plugins report few families, and mostly the last one again.
    fn position(&mut self, name: &str, new: impl FnOnce() -> MetricFamily) -> usize {
        match self.0.families.iter().rposition(|family| family.name == name) {
            Some(at) => at,
            None => {
                self.0.families.push(new());
                self.0.families.len() - 1
            }
        }
    }
}

/// Why [`Report::push_family`] refused a family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadFamily {
    /// Not a metric name.
    Name(String),
    /// Not a label name.
    Label(String),
    /// The named family has a point with too few or too many label values.
    LabelCount(String),
}

impl std::fmt::Display for BadFamily {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => write!(f, "`{name}` is not a metric name"),
            Self::Label(name) => write!(f, "`{name}` is not a label name"),
            Self::LabelCount(name) => write!(f, "a point of `{name}` has not as many label values as there are names"),
        }
    }
}

impl std::error::Error for BadFamily {}
