//! A heartbeat as the board shows it: the outcome of a check that nobody runs. Pure.

use std::sync::Arc;

use super::super::{Expectation, Heartbeat, HeartbeatState, derive::head};
use crate::{
    clock::Timestamp,
    config,
    metric::{MetricKind, NameError, Sample},
    outcome::{Outcome, Report, ReportedFamily, ReportedPoints, Usage},
};

/// As it is now. `beaten`: it was just heard, and whether that was good.
pub(super) fn outcome(
    config: &config::Heartbeat,
    heartbeat: &Heartbeat,
    beaten: Option<bool>,
    now: Timestamp,
) -> Outcome {
    let expected = Expectation::from(config);
    Outcome {
        check: Arc::clone(&config.name),
        scheduled_at: now,
        started_at: now,
        attempt: 1,
        result: Ok(Report {
            verdicts: vec![heartbeat.verdict(&config.description, expected, now)],
            // Names are constants, and the test below shows a bad one.
            families: families(heartbeat, expected, beaten, now).unwrap_or_default(),
            refused: Vec::new(),
        }),
        usage: Usage::default(),
    }
}

fn families(
    heartbeat: &Heartbeat,
    expected: Expectation,
    beaten: Option<bool>,
    now: Timestamp,
) -> Result<Vec<ReportedFamily>, NameError> {
    let state = heartbeat.state(expected, now);
    let states = HeartbeatState::ALL
        .into_iter()
        .map(|each| sample(&[each.as_str()], if each == state { 1.0 } else { 0.0 }));
    let mut families = vec![ReportedFamily {
        head: head(
            "bellwether_heartbeat_state",
            "How a heartbeat is: 1 for the state it has",
            "",
            MetricKind::Gauge,
            &["state"],
        )?,
        points: ReportedPoints::Values(states.collect()),
    }];
    if let Some((last, _)) = heartbeat.last() {
        families.push(ReportedFamily {
            head: head(
                "bellwether_heartbeat_last_timestamp_seconds",
                "When a heartbeat came last",
                "seconds",
                MetricKind::Gauge,
                &[],
            )?,
            points: ReportedPoints::Values(vec![sample(&[], last.as_seconds_f64())]),
        });
    }
    families.push(ReportedFamily {
        head: head(
            "bellwether_heartbeat_due_timestamp_seconds",
            "When a heartbeat is late, if nothing more comes",
            "seconds",
            MetricKind::Gauge,
            &[],
        )?,
        points: ReportedPoints::Values(vec![sample(&[], heartbeat.due(expected).as_seconds_f64())]),
    });
    if let Some(is_good) = beaten {
        let result = if is_good { "ok" } else { "failed" };
        families.push(ReportedFamily {
            head: head(
                "bellwether_heartbeat_beats_total",
                "Times a heartbeat came, by what it said",
                "",
                MetricKind::Counter,
                &["result"],
            )?,
            points: ReportedPoints::Increments(vec![sample(&[result], 1.0)]),
        });
    }
    Ok(families)
}

fn sample(values: &[&str], value: f64) -> Sample {
    let values: Vec<Arc<str>> = values.iter().map(|value| Arc::from(*value)).collect();
    Sample {
        label_values: values.into(),
        value,
        created: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ingest::samples, outcome::Status};

    #[test]
    fn a_beat_is_a_report_with_its_state_its_time_and_a_count() {
        let at = |seconds: u64| Timestamp::from_seconds(1_700_000_000 + seconds);
        let config = samples::heartbeat("etl");
        let mut heartbeat = Heartbeat::new(at(0));
        heartbeat.beat(true, at(5));
        let outcome = outcome(&config, &heartbeat, Some(true), at(5));
        assert_eq!((&*outcome.check, outcome.status()), ("etl", Some(Status::Ok)));
        let report = outcome.result.expect("a report");
        let names: Vec<String> = report
            .families
            .iter()
            .map(|family| family.head.name.to_string())
            .collect();
        assert_eq!(
            names,
            [
                "bellwether_heartbeat_state",
                "bellwether_heartbeat_last_timestamp_seconds",
                "bellwether_heartbeat_due_timestamp_seconds",
                "bellwether_heartbeat_beats_total"
            ]
        );
        let due = match &report.families[2].points {
            ReportedPoints::Values(samples) => samples[0].value,
            other => panic!("{other:?}"),
        };
        assert!((due - at(75).as_seconds_f64()).abs() < 1e-6);
    }
}
