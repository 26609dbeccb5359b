//! Measurements out of what applications report: errors by level, durations of requests and of other transactions, by release.
//!
//! Flows in: items of one source, cleaned. Flows out: increments and observations since they were last taken, within the source's limit
//! of series; the board keeps the totals. SDKs send a share of transactions only (`traces_sample_rate`), so counts of them are of that
//! share; errors are sent whole unless their own rate says otherwise.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::series::{SeriesBudget, SeriesKey};
use crate::{
    clock::Timestamp,
    metric::{FamilyHead, LabelName, MetricKind, MetricName, NameError, Sample},
    outcome::{ReportedFamily, ReportedPoints},
};

/// Errors by release and level.
pub const ERRORS: &str = "app_errors_total";
/// Requests that applications answered.
pub const REQUESTS: &str = "app_request_duration_seconds";
/// Everything else that is a transaction: tasks, page loads, jobs.
pub const TRANSACTIONS: &str = "app_transaction_duration_seconds";

/// Single durations that wait to be taken, of one source. They are taken once a second or so; what is beyond is counted.
const OBSERVATIONS_MAX: usize = 10_000;

/// Of both histograms: those that OpenTelemetry advises for requests, and longer ones for tasks.
const BOUNDS: [f64; 17] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 3.0, 5.0, 7.5, 10.0, 60.0, 300.0,
];

/// Longest duration that is believed: a day. Clocks of browsers jump.
const DURATION_SECONDS_MAX: f64 = 86_400.0;

/// A transaction whose name is a raw address: its name says nothing that could be counted.
const UNNAMED: &str = "unnamed";

/// The board adds `source`.
const ERROR_LABELS: [&str; 3] = ["release", "environment", "level"];
const REQUEST_LABELS: [&str; 5] = ["release", "environment", "method", "route", "status"];
const TRANSACTION_LABELS: [&str; 4] = ["release", "environment", "op", "transaction"];

/// Which of the labels an application may have any number of values of.
const ERROR_OPEN: [bool; 3] = [true, true, false];
const REQUEST_OPEN: [bool; 5] = [true, true, true, true, false];
const TRANSACTION_OPEN: [bool; 4] = [true, true, true, true];

/// Levels that Sentry knows.
const LEVELS: [&str; 5] = ["fatal", "error", "warning", "info", "debug"];

/// Methods of HTTP that are told apart.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

type LabelValues = Vec<Arc<str>>;

/// What one source has reported since it was last taken.
#[derive(Clone, Debug)]
pub struct Derived {
    budget: SeriesBudget,
    errors: BTreeMap<LabelValues, u64>,
    requests: Vec<(LabelValues, f64)>,
    transactions: Vec<(LabelValues, f64)>,
    overflowed: u64,
}

impl Derived {
    /// Of a source with at most `series_max` label sets. A histogram's counts as one.
    pub fn new(series_max: usize) -> Self {
        Self {
            budget: SeriesBudget::new(series_max),
            errors: BTreeMap::new(),
            requests: Vec::new(),
            transactions: Vec::new(),
            overflowed: 0,
        }
    }

    /// An item `event`.
    pub fn note_event(&mut self, event: &Value, now: Timestamp) {
        let level = event["level"].as_str().unwrap_or("error");
        let level = LEVELS.into_iter().find(|known| *known == level).unwrap_or("error");
        let values = [text(&event["release"]), environment(event), level];
        let labels = self.budget.admit(ERRORS, &values, &ERROR_OPEN, now);
        *self.errors.entry(labels).or_default() += 1;
    }

    /// An item `transaction`. One whose times make no sense is left out.
    pub fn note_transaction(&mut self, transaction: &Value, now: Timestamp) {
        let Some(duration) = duration(transaction) else { return };
        if self.requests.len() + self.transactions.len() >= OBSERVATIONS_MAX {
            self.overflowed += 1;
            return;
        }
        let (release, environment, name) = (
            text(&transaction["release"]),
            environment(transaction),
            name(transaction),
        );
        let op = transaction["contexts"]["trace"]["op"].as_str().unwrap_or("default");
        if op == "http.server" {
            let status = status(transaction);
            let values = [release, environment, method(transaction), name, &status];
            let labels = self.budget.admit(REQUESTS, &values, &REQUEST_OPEN, now);
            self.requests.push((labels, duration));
        } else {
            let values = [release, environment, op, name];
            let labels = self.budget.admit(TRANSACTIONS, &values, &TRANSACTION_OPEN, now);
            self.transactions.push((labels, duration));
        }
    }

    /// An item `span` of the second version, which SDKs send instead of transactions: of a request or a task its outermost span counts.
    pub fn note_spans(&mut self, payload: &Value, now: Timestamp) {
        let spans = payload["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let outermost = spans.iter().filter(|span| span["is_segment"].as_bool() == Some(true));
        outermost.for_each(|span| self.note_transaction(&as_transaction(span), now));
    }

    /// Label sets that were given up since this was asked last, with their families.
    pub fn take_silent(&mut self) -> Vec<SeriesKey> {
        self.budget.take_silent()
    }

    /// Label sets so far, and points that had to be told as `other`.
    pub fn series(&self) -> (usize, u64) {
        (self.budget.len(), self.budget.folded())
    }

    /// Durations that found no room.
    pub const fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// What came since the last time, for the board. Empty families are left out.
    pub fn take(&mut self) -> Result<Vec<ReportedFamily>, NameError> {
        let mut families = Vec::new();
        let errors = std::mem::take(&mut self.errors);
        if !errors.is_empty() {
            let samples = errors.into_iter().map(|(labels, count)| sample(labels, count as f64));
            let head = head(
                ERRORS,
                "Errors and messages that applications reported",
                "",
                MetricKind::Counter,
                &ERROR_LABELS,
            )?;
            let points = ReportedPoints::Increments(samples.collect());
            families.push(ReportedFamily { head, points });
        }
        let requests = std::mem::take(&mut self.requests);
        families.extend(histogram(
            REQUESTS,
            "Requests that applications answered, of the share they report",
            &REQUEST_LABELS,
            requests,
        )?);
        let transactions = std::mem::take(&mut self.transactions);
        let help = "Tasks, page loads and other transactions of applications, of the share they report";
        families.extend(histogram(TRANSACTIONS, help, &TRANSACTION_LABELS, transactions)?);
        Ok(families)
    }
}

fn histogram(
    name: &str,
    help: &str,
    labels: &[&str],
    observed: Vec<(LabelValues, f64)>,
) -> Result<Option<ReportedFamily>, NameError> {
    if observed.is_empty() {
        return Ok(None);
    }
    Ok(Some(ReportedFamily {
        head: head(name, help, "seconds", MetricKind::Histogram, labels)?,
        points: ReportedPoints::Observations {
            upper_bounds: BOUNDS.into(),
            samples: observed
                .into_iter()
                .map(|(labels, value)| sample(labels, value))
                .collect(),
        },
    }))
}

pub(super) fn head(
    name: &str,
    help: &str,
    unit: &str,
    kind: MetricKind,
    labels: &[&str],
) -> Result<FamilyHead, NameError> {
    Ok(FamilyHead {
        name: MetricName::new(name)?,
        help: help.into(),
        unit: unit.into(),
        kind,
        label_names: labels
            .iter()
            .map(|label| LabelName::new(label))
            .collect::<Result<_, _>>()?,
    })
}

fn sample(labels: LabelValues, value: f64) -> Sample {
    Sample {
        label_values: labels.into(),
        value,
        created: None,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn environment(item: &Value) -> &str {
    // What Sentry itself takes when nothing is said.
    item["environment"]
        .as_str()
        .filter(|said| !said.is_empty())
        .unwrap_or("production")
}

/// In the words of a transaction. Attributes are tables with a value and its type.
fn as_transaction(span: &Value) -> Value {
    let attribute = |name: &str| &span["attributes"][name]["value"];
    let first = |names: [&str; 2]| {
        let mut values = names.into_iter().map(attribute);
        values.find(|value| !value.is_null()).cloned().unwrap_or_default()
    };
    json!({
        "transaction": span["name"],
        "transaction_info": { "source": first(["sentry.span.source", "sentry.source"]) },
        "release": attribute("sentry.release"),
        "environment": attribute("sentry.environment"),
        "start_timestamp": span["start_timestamp"],
        "timestamp": span["end_timestamp"],
        "contexts": { "trace": { "op": attribute("sentry.op"), "data": {
            "http.request.method": first(["http.request.method", "http.method"]),
            "http.response.status_code": first(["http.response.status_code", "http.status_code"]),
        } } },
    })
}

/// Only a name that was made from a route, a task or a component can be counted: others hold ids.
fn name(transaction: &Value) -> &str {
    let source = transaction["transaction_info"]["source"].as_str().unwrap_or("unknown");
    let is_plain = matches!(source, "route" | "view" | "component" | "task" | "custom" | "sanitized");
    let name = text(&transaction["transaction"]);
    if is_plain && !name.is_empty() { name } else { UNNAMED }
}

fn method(transaction: &Value) -> &'static str {
    let said = text(&transaction["request"]["method"]);
    let said = if said.is_empty() {
        text(&transaction["contexts"]["trace"]["data"]["http.request.method"])
    } else {
        said
    };
    METHODS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(said))
        .unwrap_or_default()
}

/// The status as three digits, wherever SDKs put it; "" when none says.
fn status(transaction: &Value) -> String {
    let trace = &transaction["contexts"]["trace"]["data"];
    let places = [
        &transaction["contexts"]["response"]["status_code"],
        &trace["http.response.status_code"],
        &trace["http.status_code"],
        &transaction["tags"]["http.status_code"],
    ];
    let number = |value: &&Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let found = places.iter().find_map(number);
    found
        .filter(|status| (100..600).contains(status))
        .map(|status| status.to_string())
        .unwrap_or_default()
}

/// In seconds. Times are numbers of seconds or RFC 3339.
fn duration(transaction: &Value) -> Option<f64> {
    let at = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => Some(crate::clock::of_rfc3339(text)? as f64 / 1_000.0),
        _ => None,
    };
    let duration = at(&transaction["timestamp"])? - at(&transaction["start_timestamp"])?;
    (0.0..=DURATION_SECONDS_MAX).contains(&duration).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn request(route: &str, seconds: f64) -> Value {
        json!({
            "type": "transaction", "transaction": route, "transaction_info": { "source": "route" }, "release": "shop@2",
            "start_timestamp": 1_700_000_000.0, "timestamp": 1_700_000_000.0 + seconds, "request": { "method": "get" },
            "contexts": { "trace": { "op": "http.server", "data": { "http.response.status_code": 503 } } },
        })
    }

    fn taken(derived: &mut Derived) -> BTreeMap<String, Vec<(Vec<String>, f64)>> {
        let family = |family: ReportedFamily| {
            let (ReportedPoints::Increments(samples) | ReportedPoints::Observations { samples, .. }) = family.points
            else {
                panic!("of another kind");
            };
            let texts = |sample: &Sample| sample.label_values.iter().map(|value| value.to_string()).collect();
            let width = family.head.label_names.len();
            assert!(samples.iter().all(|sample| sample.label_values.len() == width));
            let samples = samples.iter().map(|sample| (texts(sample), sample.value)).collect();
            (family.head.name.to_string(), samples)
        };
        derived.take().expect("good names").into_iter().map(family).collect()
    }

    #[test]
    fn errors_are_counted_by_release_and_level() {
        let mut derived = Derived::new(100);
        for level in [json!("fatal"), json!("fatal"), json!("nonsense"), json!(null)] {
            derived.note_event(
                &json!({ "level": level, "release": "shop@2", "environment": "staging" }),
                NOW,
            );
        }
        let expected = |level: &str| {
            vec!["shop@2", "staging", level]
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            taken(&mut derived)[ERRORS],
            [(expected("error"), 2.0), (expected("fatal"), 2.0)]
        );
        assert!(taken(&mut derived).is_empty(), "what was taken is not told again");
    }

    #[test]
    fn requests_and_other_transactions_are_told_apart() {
        let mut derived = Derived::new(100);
        derived.note_transaction(&request("/user/{id}", 0.25), NOW);
        derived.note_transaction(&json!({
            "transaction": "nightly", "transaction_info": { "source": "task" }, "contexts": { "trace": { "op": "queue.task" } },
            "start_timestamp": "2023-11-14T22:13:20Z", "timestamp": "2023-11-14T22:13:22.500Z",
        }), NOW);
        let all = taken(&mut derived);
        assert_eq!(all[REQUESTS][0].0, ["shop@2", "production", "GET", "/user/{id}", "503"]);
        assert!((all[REQUESTS][0].1 - 0.25).abs() < 1e-6);
        assert_eq!(
            all[TRANSACTIONS],
            [(
                ["", "production", "queue.task", "nightly"].map(str::to_owned).to_vec(),
                2.5
            )]
        );
    }

    #[test]
    fn of_spans_the_outermost_are_requests_and_transactions() {
        let said = |value: Value| json!({ "type": "string", "value": value });
        let span = |name: &str, op: &str, is_segment: bool| {
            json!({
                "name": name, "is_segment": is_segment, "start_timestamp": 1_700_000_000.0, "end_timestamp": 1_700_000_000.5,
                "attributes": {
                    "sentry.op": said(json!(op)), "sentry.span.source": said(json!("route")), "sentry.release": said(json!("shop@2")),
                    "sentry.environment": said(json!("staging")), "http.request.method": said(json!("GET")),
                    "http.response.status_code": { "type": "integer", "value": 200 },
                },
            })
        };
        let mut derived = Derived::new(100);
        let items = [
            span("GET /user/:id", "http.server", true),
            span("SELECT", "db", false),
            span("nightly", "queue.process", true),
        ];
        derived.note_spans(&json!({ "items": items }), NOW);
        derived.note_spans(&json!({ "items": [7, null, { "is_segment": true }] }), NOW);
        derived.note_spans(&json!([]), NOW);
        let all = taken(&mut derived);
        assert_eq!(all[REQUESTS].len(), 1);
        assert_eq!(all[REQUESTS][0].0, ["shop@2", "staging", "GET", "GET /user/:id", "200"]);
        assert!((all[REQUESTS][0].1 - 0.5).abs() < 1e-6);
        assert_eq!(all[TRANSACTIONS].len(), 1);
        assert_eq!(
            all[TRANSACTIONS][0].0,
            ["shop@2", "staging", "queue.process", "nightly"]
        );
    }

    #[test]
    fn raw_addresses_are_not_told_apart_and_odd_times_are_left_out() {
        let mut derived = Derived::new(100);
        let mut raw = request("/user/42", 0.1);
        raw["transaction_info"]["source"] = json!("url");
        derived.note_transaction(&raw, NOW);
        for (start, end) in [
            (json!(2), json!(1)),
            (json!(0), json!(100_000)),
            (json!(null), json!(1)),
            (json!("x"), json!("y")),
        ] {
            let mut odd = request("/", 1.0);
            odd["start_timestamp"] = start;
            odd["timestamp"] = end;
            derived.note_transaction(&odd, NOW);
        }
        let all = taken(&mut derived);
        assert_eq!((all[REQUESTS].len(), all[REQUESTS][0].0[3].as_str()), (1, UNNAMED));
    }

    #[test]
    fn a_source_keeps_its_limit_of_series_and_loses_no_point() {
        let mut derived = Derived::new(10);
        for number in 0..100 {
            derived.note_transaction(&request(&format!("/page-{number}"), 0.1), NOW);
            derived.note_event(&json!({ "release": format!("shop@{number}") }), NOW);
        }
        let all = taken(&mut derived);
        let labels: std::collections::BTreeSet<_> = all.values().flatten().map(|(labels, _)| labels.clone()).collect();
        assert!(labels.len() <= 12, "{}", labels.len());
        assert_eq!(all[REQUESTS].len(), 100);
        assert!((all[ERRORS].iter().map(|(_, count)| count).sum::<f64>() - 100.0).abs() < 1e-9);
        assert_eq!(derived.series(), (10, 190));
    }

    #[test]
    fn durations_that_nobody_takes_are_bounded() {
        let mut derived = Derived::new(10);
        for _ in 0..OBSERVATIONS_MAX + 5 {
            derived.note_transaction(&request("/", 0.1), NOW);
        }
        assert_eq!(derived.overflowed(), 5);
    }

    #[test]
    fn whatever_has_the_form_of_json_is_survived() {
        let mut derived = Derived::new(10);
        for odd in [
            json!(null),
            json!([1]),
            json!("x"),
            json!({ "contexts": [], "timestamp": {}, "level": 7, "release": [] }),
        ] {
            derived.note_event(&odd, NOW);
            derived.note_transaction(&odd, NOW);
        }
        assert_eq!(taken(&mut derived).len(), 1);
    }
}
