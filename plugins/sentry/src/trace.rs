//! Runs as transactions, of which a share is sent, with a span for each phase.
//!
//! A run waits for its turn and then executes; what it did meanwhile stands in its details as `phase.NAME`, with the value
//! `START+DURATION` in nanoseconds since it began.

use std::time::Duration;

use bellwether_sdk::{
    news::{Run, Timestamp},
    text,
};
use serde_json::{Map, Value, json};

use crate::{
    Settings,
    batch::{Batch, Counted},
    category::Category,
    envelope::{self, Envelope, Item},
    event,
    identity::scattered,
    log_of_item,
    losses::Loss,
};

/// How details with phases begin.
const PHASE: &str = "phase.";

/// Spans of one transaction; a run has a handful of phases.
const SPANS_MAX: usize = 100;

/// A wait for a turn that is worth a span.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// Of a message in the transaction's data.
const MESSAGE_UNITS_MAX: usize = 1_000;

/// Thirty-two hexadecimal digits, the same on every attempt.
pub(crate) fn trace_id(run: &Run) -> String {
    text::digest(&format!("trace {}", run.id))
}

/// Sixteen of them; "" is the whole run.
pub(crate) fn span_id(run: &Run, phase: &str) -> String {
    format!("{:016x}", scattered(&format!("span {} {phase}", run.id)).max(1))
}

/// Sends those runs of a batch that are chosen.
pub(crate) fn trace(settings: &Settings, batch: &mut Batch<'_, '_>, runs: &[Run]) {
    for run in runs {
        let spans = spans(run);
        let counted = vec![(Category::Transaction, 1), (Category::Span, spans.len() as u64 + 1)];
        if !is_chosen(settings.traces_sample_rate, run) {
            batch.lose(Loss::SampleRate, &counted);
        } else if !batch.is_limited(Category::Transaction, &counted) {
            one(settings, batch, run, &spans, &counted);
        }
    }
}

fn one(settings: &Settings, batch: &mut Batch<'_, '_>, run: &Run, spans: &[Value], counted: &Counted) {
    let id = text::digest(&format!("transaction {}", run.id));
    let transaction = transaction(settings, run, &id, spans);
    if let Some(item) = log_of_item(Item::new("transaction", &transaction)) {
        batch.send(&run.id, Envelope::of(Some(&id), item), counted);
    }
}

/// By the run's id, so that another attempt chooses the same.
fn is_chosen(rate: f64, run: &Run) -> bool {
    let place = (scattered(&run.id) >> 32) as u32;
    f64::from(place) < rate * (f64::from(u32::MAX) + 1.0)
}

fn transaction(settings: &Settings, run: &Run, id: &str, spans: &[Value]) -> Value {
    let mut transaction = json!({
        "type": "transaction",
        "event_id": id,
        "platform": "other",
        "transaction": format!("check {}", run.check),
        "transaction_info": { "source": "task" },
        "start_timestamp": began(run).as_seconds_f64(),
        "timestamp": run.started_at.plus(run.duration).as_seconds_f64(),
        "environment": event::host_environment(settings),
        "level": "info",
        "tags": { "check": run.check, "plugin": run.plugin, "outcome": run.outcome },
        "contexts": { "trace": {
            "trace_id": trace_id(run),
            "span_id": span_id(run, ""),
            "op": "check.run",
            "status": status(run),
            "data": data(run),
        } },
        "spans": spans,
        "sdk": envelope::sdk(),
    });
    if let Some(release) = event::release(settings) {
        transaction["release"] = release.into();
    }
    if let Some(server) = &settings.server_name {
        transaction["server_name"] = server.as_str().into();
    }
    transaction
}

fn data(run: &Run) -> Value {
    let labels = run
        .labels
        .iter()
        .map(|(name, value)| (format!("label.{name}"), value.into()));
    let mut data: Map<String, Value> = labels.collect();
    if !run.message.is_empty() {
        let message = text::cut(&run.message, MESSAGE_UNITS_MAX);
        data.insert("message".to_owned(), message.into());
    }
    Value::Object(data)
}

/// With its wait, when it had to.
fn began(run: &Run) -> Timestamp {
    if waited(run) >= WAIT_MIN {
        run.scheduled_at
    } else {
        run.started_at
    }
}

fn waited(run: &Run) -> Duration {
    Duration::from_nanos(run.started_at.as_nanos().saturating_sub(run.scheduled_at.as_nanos()))
}

/// Sentry's words for how something ended.
fn status(run: &Run) -> &'static str {
    match run.outcome.as_str() {
        "ok" | "warning" => "ok",
        "timeout" => "deadline_exceeded",
        "denied" => "permission_denied",
        "cpu" | "memory" | "output" => "resource_exhausted",
        "settings" => "invalid_argument",
        "target" => "unavailable",
        "critical" => "failed_precondition",
        "unknown" => "unknown_error",
        _ => "internal_error",
    }
}

fn spans(run: &Run) -> Vec<Value> {
    let span = |name: &str, op: &str, from: Timestamp, length: Duration| {
        json!({
            "trace_id": trace_id(run),
            "span_id": span_id(run, name),
            "parent_span_id": span_id(run, ""),
            "op": op,
            "description": name,
            "start_timestamp": from.as_seconds_f64(),
            "timestamp": from.plus(length).as_seconds_f64(),
            "status": "ok",
        })
    };
    let wait = (waited(run) >= WAIT_MIN).then(|| span("wait", "queue", run.scheduled_at, waited(run)));
    let said = run.details.iter().filter_map(|(name, value)| {
        let (start, length) = value.split_once('+')?;
        let (start, length) = (start.trim().parse().ok()?, length.trim().parse().ok()?);
        let from = run.started_at.plus(Duration::from_nanos(start));
        Some(span(
            name.strip_prefix(PHASE)?,
            "check.phase",
            from,
            Duration::from_nanos(length),
        ))
    });
    wait.into_iter().chain(said).take(SPANS_MAX).collect()
}
