//! What came of one run on the fake host.

use crate::{
    Failure, Report, Status,
    bindings::bellwether::plugin::{log::Level, report as wit},
    report::{Points, Sample, Verdict},
};

/// A line in the host's log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What happened.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

/// The report or failure of one run, and what it logged. The accessors panic when there is no such thing: in a test that
/// is what one wants.
#[derive(Clone, Debug)]
pub struct Run {
    /// As the host would get it.
    pub result: Result<Report, Failure>,
    /// In order.
    pub logs: Vec<LogLine>,
}

impl Run {
    pub(super) fn new(result: Result<wit::Report, wit::Failure>, logs: Vec<LogLine>) -> Self {
        Self {
            result: result.map(Report).map_err(Failure),
            logs,
        }
    }

    /// The report.
    pub fn report(&self) -> &Report {
        self.result
            .as_ref()
            .unwrap_or_else(|failure| panic!("the run failed: {failure:?}"))
    }

    /// The failure.
    pub fn failure(&self) -> &Failure {
        match &self.result {
            Err(failure) => failure,
            Ok(report) => panic!("the run did not fail: {report:?}"),
        }
    }

    /// The verdict on `target`.
    pub fn verdict(&self, target: &str) -> &Verdict {
        let verdicts = self.report().verdicts();
        verdicts
            .iter()
            .find(|verdict| verdict.target == target)
            .unwrap_or_else(|| panic!("no verdict on `{target}` among {verdicts:?}"))
    }

    /// How `target` is.
    pub fn status(&self, target: &str) -> Status {
        self.verdict(target).status
    }

    /// The value of one series; of a family of histograms or summaries, the number of its values. None when absent.
    pub fn value(&self, metric: &str, labels: &[&str]) -> Option<f64> {
        let family = self.report().families().iter().find(|family| family.name == metric)?;
        match &family.points {
            Points::Gauge(samples)
            | Points::Counter(samples)
            | Points::Untyped(samples)
            | Points::Info(samples)
            | Points::StateSet(samples) => matching(samples, labels).next(),
            Points::Increments(samples) => matching(samples, labels).reduce(|sum, value| sum + value),
            Points::Observations(observations) => {
                let observed = matching(&observations.samples, labels).map(|_| 1.0);
                observed.reduce(|count, one| count + one)
            }
            Points::Histogram(samples) => samples
                .iter()
                .find(|sample| sample.label_values == labels)
                .map(|sample| sample.count as f64),
            Points::Summary(samples) => samples
                .iter()
                .find(|sample| sample.label_values == labels)
                .map(|sample| sample.count as f64),
        }
    }
}

fn matching<'s>(samples: &'s [Sample], labels: &'s [&'s str]) -> impl Iterator<Item = f64> + 's {
    samples
        .iter()
        .filter(move |sample| sample.label_values == labels)
        .map(|sample| sample.value)
}
