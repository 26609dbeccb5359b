//! Kind `report`: is accuracy kept, and is there drift? Reads what an evaluation wrote as JSON; computes nothing from data.

mod drift;
mod figure;

use std::collections::BTreeMap;

use bellwether_sdk::{Address, Report, http::Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Ask, Place, Seen, Target};
use crate::{
    answer::{document, not_judged, succeeded, took},
    budget, code,
    finding::{Finding, Judgement},
    memory::Memory,
    metrics::{MODEL_ACCURACY, REPORT_TIMESTAMP, REPORT_VALUE},
    pointer,
    settings::{
        levels::{Span, Spans},
        slot::Slot,
    },
    time::{self, spoken},
};
use drift::Drift;
use figure::Figure;

/// The name under which accuracy is remembered and reported.
const ACCURACY: &str = "accuracy";

/// Figures that a summary names.
const NAMED_MAX: usize = 3;

/// A report, and which of its figures matter.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportTarget {
    /// Where the report lies. Granted by standing here, without credentials.
    url: Option<Address>,
    /// Instead of `url`: a connection slot, for a place that asks for credentials. `default` when neither is given.
    connection: Option<Slot>,
    /// How long an answer may take, such as `"2s"`; unless said, what is left of the run.
    timeout: Option<Span>,
    /// What follows the address.
    #[schemars(extend("pattern" = "^(/.*)?$"))]
    #[serde(default)]
    path: String,
    /// The model it is about; the target's own name unless said.
    model: Option<String>,
    /// Where the report says when it was made.
    timestamp_at: Option<String>,
    /// How old the report may be. Needs `timestamp_at` or a server that sends `Last-Modified`.
    #[serde(default)]
    max_age: Spans,
    /// The model's accuracy, also reported as `ml_model_accuracy`.
    accuracy: Option<Figure>,
    /// Other figures, by names of your own: ndcg, latency, number of rows.
    #[serde(default)]
    figures: BTreeMap<String, Figure>,
    /// How far features drifted.
    drift: Option<Drift>,
}

impl ReportTarget {
    /// The model whose accuracy this reports.
    pub(crate) fn accuracy_of<'s>(&'s self, name: &'s str) -> Option<&'s str> {
        self.accuracy.as_ref().map(|_| self.model.as_deref().unwrap_or(name))
    }

    /// All figures by name.
    fn figures(&self) -> impl Iterator<Item = (&str, &Figure)> {
        let accuracy = self.accuracy.iter().map(|figure| (ACCURACY, figure));
        accuracy.chain(self.figures.iter().map(|(name, figure)| (name.as_str(), figure)))
    }

    fn timestamp(&self, report: &Value, response: &Response) -> Option<f64> {
        match &self.timestamp_at {
            Some(at) => pointer::first(report, at).and_then(time::unix),
            None => time::of_header(response, "last-modified"),
        }
    }

    fn judge_age(&self, timestamp: Option<f64>, now: f64) -> Option<Finding> {
        let Some(timestamp) = timestamp else {
            let asked = self.timestamp_at.is_some() || self.max_age != Spans::default();
            let text = "the report does not say when it was made";
            return asked.then(|| Finding::warning(code::TIMESTAMP_MISSING, text));
        };
        let age = now - timestamp;
        let (status, level) = self.max_age.passed(age)?;
        let text = format!("the report is {} old, more than {}", spoken(age), spoken(level));
        Some(Finding::new(status, code::REPORT_TOO_OLD, text))
    }

    /// Judges the figures, against their levels and against the report before.
    fn judge_figures(
        &self,
        seen: &Seen<'_>,
        read: &Read<'_>,
        memory: &mut Memory,
        report: &mut Report,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut values = BTreeMap::new();
        for (name, figure) in self.figures() {
            match figure.read(read.report) {
                None => findings.push(figure.missing(name)),
                Some(value) => {
                    values.insert(name.to_owned(), value);
                }
            }
        }
        self.measure(seen.name, &values, report);
        let before = memory.report(seen.name, &read.identity, values.clone());
        let judged = self
            .figures()
            .filter_map(|(name, figure)| Some((name, figure, *values.get(name)?)));
        findings.extend(judged.flat_map(|(name, figure, value)| figure.judge(name, value, before.get(name).copied())));
        findings
    }

    fn measure(&self, name: &str, values: &BTreeMap<String, f64>, report: &mut Report) {
        for (figure, value) in values {
            report.gauge(&REPORT_VALUE).set([name, figure], *value);
        }
        if let (Some(model), Some(accuracy)) = (self.accuracy_of(name), values.get(ACCURACY)) {
            report.gauge(&MODEL_ACCURACY).set([model], *accuracy);
        }
    }

    fn summary(&self, report: &Value) -> String {
        let told = self
            .figures()
            .filter_map(|(name, figure)| Some(format!("{name} {}", figure.read(report)?)));
        let told: Vec<String> = told.take(NAMED_MAX).collect();
        if told.is_empty() {
            "the report is as it should be".to_owned()
        } else {
            told.join(", ")
        }
    }
}

/// A report that was read.
struct Read<'r> {
    report: &'r Value,
    /// Tells it apart from the one before.
    identity: String,
}

impl<'r> Read<'r> {
    /// By its time, or by its content where it tells none.
    fn new(report: &'r Value, timestamp: Option<f64>) -> Self {
        let identity = timestamp.map_or_else(|| fingerprint(&report.to_string()), |at| at.to_string());
        Self { report, identity }
    }
}

/// FNV-1a, 64 bits: enough to tell two reports apart, and no crate.
fn fingerprint(text: &str) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = text
        .bytes()
        .fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{hash:016x}")
}

impl Target for ReportTarget {
    fn place(&self) -> Place<'_> {
        Place {
            url: self.url.as_deref(),
            connection: self.connection,
            timeout: self.timeout,
        }
    }

    fn problems(&self) -> Vec<String> {
        let figures = self.figures().filter_map(|(name, figure)| figure.problem(name));
        let taken = (self.accuracy.is_some() && self.figures.contains_key(ACCURACY))
            .then(|| "`accuracy` and `figures.accuracy` exclude each other".to_owned());
        let pointer = self.timestamp_at.as_ref().and_then(|at| {
            let problem = pointer::problem(at)?;
            Some(format!("`timestamp_at = \"{at}\"` {problem}"))
        });
        let drift = self.drift.as_ref().and_then(Drift::problem);
        let nothing = self.figures().next().is_none() && self.drift.is_none() && self.max_age == Spans::default();
        let nothing = nothing.then(|| "nothing is judged: add `accuracy`, `figures`, `drift` or `max_age`".to_owned());
        let others = [self.max_age.problem("max_age"), pointer, drift, taken, nothing];
        figures.chain(others.into_iter().flatten()).collect()
    }

    fn asks(&self) -> Result<Vec<Ask>, String> {
        Ok(vec![Ask {
            method: "GET".to_owned(),
            path: self.path.clone(),
            ..Ask::default()
        }])
    }

    fn judge(&self, seen: &Seen<'_>, memory: &mut Memory, report: &mut Report) -> Judgement {
        let mut judgement = Judgement::default();
        for answer in seen.answers {
            let response = match succeeded(answer, "the report", code::UNEXPECTED_STATUS, code::UNEXPECTED_STATUS) {
                Ok(response) => response,
                Err(finding) => {
                    judgement.push(finding);
                    continue;
                }
            };
            judgement.took(took(response));
            match document(response) {
                Err(finding) => judgement.push(finding),
                Ok(_) if !budget::affords(response.body.len(), budget::LOOKING) => {
                    judgement.push(not_judged(response));
                }
                Ok(document) => {
                    let timestamp = self.timestamp(&document, response);
                    if let Some(timestamp) = timestamp {
                        report.gauge(&REPORT_TIMESTAMP).set([seen.name], timestamp);
                    }
                    let read = Read::new(&document, timestamp);
                    judgement.push(self.judge_age(timestamp, seen.now));
                    for finding in self.judge_figures(seen, &read, memory, report) {
                        judgement.push(finding);
                    }
                    judgement.push(
                        self.drift
                            .as_ref()
                            .and_then(|drift| drift.judge(seen.name, &document, report)),
                    );
                    judgement.good = self.summary(&document);
                }
            }
        }
        judgement
    }
}

#[cfg(test)]
mod tests;
