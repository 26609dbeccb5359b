//! How outcomes and families look in `--json`. Part of the interface: names here never change their meaning.

use serde_json::{Value, json};

use crate::{
    metric::{FamilyHead, LabelName, Sample},
    outcome::{Outcome, ReportedFamily, ReportedPoints, Verdict},
};

/// An outcome as `once --json` prints it.
pub(super) fn outcome(outcome: &Outcome, logs: &Value) -> Value {
    let report = outcome.result.as_ref().ok();
    let failure = outcome.result.as_ref().err();
    json!({
        "check": &*outcome.check,
        "outcome": outcome.word(),
        "failure": failure.map(|failure| json!({
            "reason": failure.reason.as_str(),
            "code": failure.code,
            "message": failure.message,
            "retryable": failure.retryable,
        })),
        "verdicts": report.map_or_else(Vec::new, |report| report.verdicts.iter().map(verdict).collect()),
        "families": report.map_or_else(Vec::new, |report| report.families.iter().map(family).collect()),
        "refused_families": report.map_or_else(Vec::new, |report| {
            report.refused.iter().map(|refused| json!({ "name": refused.name, "reason": refused.reason })).collect()
        }),
        "duration_seconds": outcome.usage.duration.as_secs_f64(),
        "cpu_seconds": outcome.usage.cpu.as_secs_f64(),
        "memory_peak_bytes": outcome.usage.memory_peak_bytes,
        "denied": outcome.usage.denied.iter().map(|denied| {
            json!({ "capability": denied.capability, "hint": denied.hint })
        }).collect::<Vec<_>>(),
        "log_lines_dropped": outcome.usage.log_lines_dropped,
        "logs": logs,
    })
}

fn verdict(verdict: &Verdict) -> Value {
    json!({
        "target": &*verdict.target,
        "status": verdict.status.as_str(),
        "code": verdict.code,
        "summary": verdict.summary,
        "latency_seconds": verdict.latency.map(|latency| latency.as_secs_f64()),
        "details": verdict.details.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>(),
    })
}

fn family(family: &ReportedFamily) -> Value {
    let head = &family.head;
    let (temporality, samples) = match &family.points {
        ReportedPoints::Values(samples) => ("cumulative", values(head, samples)),
        ReportedPoints::Increments(samples) => ("increments", values(head, samples)),
        ReportedPoints::Observations { samples, .. } => ("observations", values(head, samples)),
        ReportedPoints::Histograms(samples) => (
            "cumulative",
            samples
                .iter()
                .map(|sample| {
                    json!({
                        "labels": labels(&head.label_names, &sample.label_values),
                        "sum": number(sample.sum),
                        "count": sample.count,
                        "buckets": sample.buckets.iter().map(|bucket| {
                            json!({ "le": number(bucket.upper_bound), "count": bucket.cumulative_count })
                        }).collect::<Vec<_>>(),
                    })
                })
                .collect(),
        ),
        ReportedPoints::Summaries(samples) => (
            "cumulative",
            samples
                .iter()
                .map(|sample| {
                    json!({
                        "labels": labels(&head.label_names, &sample.label_values),
                        "sum": number(sample.sum),
                        "count": sample.count,
                        "quantiles": sample.quantiles.iter().map(|quantile| {
                            json!({ "quantile": number(quantile.quantile), "value": number(quantile.value) })
                        }).collect::<Vec<_>>(),
                    })
                })
                .collect(),
        ),
    };
    json!({
        "name": head.name.as_str(),
        "type": head.kind.as_str(),
        "help": &*head.help,
        "unit": &*head.unit,
        "points": temporality,
        "samples": samples,
    })
}

fn values(head: &FamilyHead, samples: &[Sample]) -> Vec<Value> {
    let shape = |sample: &Sample| json!({ "labels": labels(&head.label_names, &sample.label_values), "value": number(sample.value) });
    samples.iter().map(shape).collect()
}

fn labels(names: &[LabelName], values: &[std::sync::Arc<str>]) -> Value {
    let present = names.iter().zip(values).filter(|(_, value)| !value.is_empty());
    present
        .map(|(name, value)| (name.as_str().to_owned(), Value::from(&**value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// JSON has no NaN and no infinities; they are strings, as in Prometheus' own API.
fn number(value: f64) -> Value {
    if value.is_finite() {
        return json!(value);
    }
    let word = if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    };
    word.into()
}
