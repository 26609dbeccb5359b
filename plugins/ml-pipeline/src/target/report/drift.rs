//! Drift of features: scores that a report has, or histograms that it has of reference and current data.

use std::collections::BTreeMap;

use bellwether_sdk::Report;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::{code, finding::Finding, metrics::DRIFT_SCORE, pointer, settings::levels::Ceiling};

/// Common bands of the population stability index: below 0.1 stable, up to 0.25 moderate, above it major. 0.1 is also the
/// default of Evidently.
const PSI_BANDS: Ceiling = Ceiling {
    warning: Some(0.1),
    critical: Some(0.25),
};

/// Features of one report that get a series: a table of features may be generated, and a check has 5,000 series in all.
const FEATURES_MAX: usize = 500;

/// Features of one report that are read at all: ten times what the widest tables have.
const FEATURES_READ_MAX: usize = 10_000;

/// Drifted features that a summary names.
const NAMED_MAX: usize = 3;

/// The share that stands in for an empty bin, whose logarithm would be infinite. Small beside any bin that matters.
const EMPTY_BIN_SHARE: f64 = 1e-4;

/// Where drift stands, and when it matters.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drift {
    /// Where the scores stand, with `*` for the feature: `/drift_by_columns/*/drift_score`.
    #[schemars(extend("pattern" = "^(/.*)?$"))]
    at: Option<String>,
    /// Instead of `at`: where histograms of the reference stand, with `*` for the feature. The score is their PSI.
    reference_at: Option<String>,
    /// And where those of current data stand, with the same bins.
    current_at: Option<String>,
    /// From which score on a feature has drifted; those of PSI unless said: `{ warning = 0.1, critical = 0.25 }`.
    score: Option<Ceiling>,
    /// From which share of drifted features (0 to 1) on it matters. Without it every drifted feature does.
    share: Option<Ceiling>,
}

impl Drift {
    /// What is wrong with the settings.
    pub(super) fn problem(&self) -> Option<String> {
        let places = [&self.at, &self.reference_at, &self.current_at];
        let bad = places.into_iter().flatten().find_map(|at| {
            let problem = pointer::problem(at)?;
            Some(format!("`{at}` {problem}"))
        });
        let given = places.map(Option::is_some);
        let clear = given == [true, false, false] || given == [false, true, true];
        bad.or_else(|| (!clear).then(|| "`drift` takes `at`, or `reference_at` and `current_at`".to_owned()))
    }

    /// Reports the scores and judges them.
    pub(super) fn judge(&self, target: &str, document: &Value, report: &mut Report) -> Option<Finding> {
        if let Some(finding) = self.too_many(document) {
            return Some(finding);
        }
        let mut scores = self.scores(document);
        if scores.is_empty() {
            return Some(Finding::warning(code::VALUE_MISSING, "the report has no drift scores"));
        }
        for (feature, score) in scores.iter().take(FEATURES_MAX) {
            report.gauge(&DRIFT_SCORE).set([target, feature], *score);
        }
        scores.sort_by(|left, right| right.1.total_cmp(&left.1));
        self.judge_scores(&scores)
    }

    /// Before any of them has a name: those of half a million would take more memory than the document.
    fn too_many(&self, document: &Value) -> Option<Finding> {
        let places = [&self.at, &self.reference_at, &self.current_at];
        places.into_iter().flatten().find_map(|at| {
            let count = pointer::values(document, at).len();
            let text = || {
                format!("`{at}` leads to {count} values, of which at most {FEATURES_READ_MAX} are read: does it lead to the features?")
            };
            (count > FEATURES_READ_MAX).then(|| Finding::warning(code::VALUE_MISSING, text()))
        })
    }

    /// By feature, each once.
    fn scores(&self, document: &Value) -> Vec<(String, f64)> {
        let mut scores: Vec<(String, f64)> = match (&self.at, &self.reference_at, &self.current_at) {
            (Some(at), _, _) => {
                let found = pointer::find(document, at).into_iter();
                found
                    .filter_map(|found| Some((found.name, found.value.as_f64()?)))
                    .collect()
            }
            (None, Some(reference), Some(current)) => compared(document, reference, current),
            (None, _, _) => Vec::new(),
        };
        scores.sort_by(|left, right| left.0.cmp(&right.0));
        scores.dedup_by(|left, right| left.0 == right.0);
        scores
    }

    /// `scores` stand in descending order.
    fn judge_scores(&self, scores: &[(String, f64)]) -> Option<Finding> {
        let bands = self.score.unwrap_or(PSI_BANDS);
        let has_drifted = |(_, score): &&(String, f64)| bands.reached(*score).is_some();
        let drifted: Vec<&(String, f64)> = scores.iter().filter(has_drifted).collect();
        let (worst, _) = bands.reached(drifted.first()?.1)?;
        let share = drifted.len() as f64 / scores.len() as f64;
        let status = match self.share {
            Some(levels) => levels.reached(share)?.0,
            None => worst,
        };
        let named = drifted.iter().take(NAMED_MAX);
        let named: Vec<String> = named.map(|(feature, score)| format!("{feature} {score:.3}")).collect();
        let (count, all) = (drifted.len(), scores.len());
        let text = format!("{count} of {all} features drifted: {}", named.join(", "));
        Some(Finding::new(status, code::DRIFTED, text))
    }
}

/// Features that both sides have, with the same number of bins.
fn compared(document: &Value, reference: &str, current: &str) -> Vec<(String, f64)> {
    let found = pointer::find(document, current);
    let mut current = BTreeMap::new();
    for one in &found {
        current.entry(one.name.as_str()).or_insert(one);
    }
    let references = pointer::find(document, reference).into_iter();
    let scores = references.filter_map(|reference| {
        let current = current.get(reference.name.as_str())?;
        let score = psi(&counts(reference.value)?, &counts(current.value)?)?;
        Some((reference.name, score))
    });
    scores.collect()
}

fn counts(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(Value::as_f64).collect()
}

/// The population stability index: the sum over bins of (current - reference) * ln(current / reference), in shares. None when
/// bins differ in number or one side is empty.
fn psi(reference: &[f64], current: &[f64]) -> Option<f64> {
    if reference.len() != current.len() {
        return None;
    }
    let (reference, current) = (shares(reference)?, shares(current)?);
    let bins = reference.iter().zip(&current);
    Some(
        bins.map(|(reference, current)| (current - reference) * (current / reference).ln())
            .sum(),
    )
}

fn shares(counts: &[f64]) -> Option<Vec<f64>> {
    let total: f64 = counts.iter().sum();
    let countable = total > 0.0 && counts.iter().all(|count| *count >= 0.0);
    countable.then(|| {
        counts
            .iter()
            .map(|count| (count / total).max(EMPTY_BIN_SHARE))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn psi_is_that_of_its_definition() {
        let score = psi(&[50.0, 50.0], &[30.0, 70.0]).unwrap();
        let expected = (0.3_f64 - 0.5) * (0.3_f64 / 0.5).ln() + (0.7_f64 - 0.5) * (0.7_f64 / 0.5).ln();
        assert!((score - expected).abs() < 1e-12, "{score}");
        assert_eq!(psi(&[1.0, 3.0], &[10.0, 30.0]), Some(0.0), "shares count, not numbers");
        let emptied = psi(&[50.0, 50.0], &[0.0, 100.0]).unwrap();
        assert!(emptied.is_finite() && emptied > 1.0, "{emptied}");
    }

    #[test]
    fn what_cannot_be_compared_has_no_score() {
        assert_eq!(psi(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(psi(&[0.0, 0.0], &[1.0, 2.0]), None);
        assert_eq!(psi(&[-1.0, 2.0], &[1.0, 2.0]), None);
    }

    #[test]
    fn histograms_are_paired_by_feature() {
        let drift: Drift =
            serde_json::from_value(json!({ "reference_at": "/then/*", "current_at": "/now/*" })).unwrap();
        assert_eq!(drift.problem(), None);
        let report = json!({
            "then": { "age": [50, 50], "city": [1, 1], "gone": [1, 1] },
            "now": { "age": [50, 50], "city": [1, 9], "new": [1, 1] },
        });
        let scores = drift.scores(&report);
        let names: Vec<&str> = scores.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["age", "city"]);
        assert!(scores[0].1.abs() < 1e-12 && scores[1].1 > 0.25, "{scores:?}");
    }

    #[test]
    fn it_is_either_scores_or_histograms() {
        let problem = |settings| serde_json::from_value::<Drift>(settings).unwrap().problem();
        assert_eq!(problem(json!({ "at": "/x/*" })), None);
        for bad in [
            json!({}),
            json!({ "at": "/x", "current_at": "/y" }),
            json!({ "reference_at": "/x" }),
        ] {
            assert!(problem(bad).is_some_and(|text| text.contains("`drift` takes")));
        }
        assert!(problem(json!({ "at": "x" })).is_some_and(|text| text.contains("JSON pointer")));
    }
}
