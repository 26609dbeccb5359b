//! Runs as transactions, of which a share is sent, with a span for each phase.
//!
//! A run waits for its turn and then executes; what it did meanwhile stands in its details as `phase.NAME`, with the value
//! `START+DURATION` in nanoseconds since it began. `phase.NAME/PART` is a part of it.

use std::{collections::BTreeSet, time::Duration};

use bellwether_sdk::{
    news::{Run, Timestamp},
    text,
};
use serde_json::{Map, Value, json};

use crate::{
    Settings,
    batch::{Batch, Outgoing},
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

/// Details in the transaction's data.
const DETAILS_MAX: usize = 50;

/// Of a text in it.
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
    batch.send_each(runs, |batch, run| one(settings, batch, run));
}

fn one(settings: &Settings, batch: &mut Batch<'_, '_>, run: &Run) -> Option<Outgoing> {
    let spans = spans(run);
    let counted = vec![(Category::Transaction, 1), (Category::Span, spans.len() as u64 + 1)];
    if !is_chosen(settings.traces_sample_rate, run) {
        batch.lose(Loss::SampleRate, &counted);
        return None;
    }
    if batch.is_limited(Category::Transaction, &counted) {
        return None;
    }
    let id = text::digest(&format!("transaction {}", run.id));
    let item = log_of_item(Item::new("transaction", &transaction(settings, run, &id, &spans)))?;
    Some(Outgoing {
        id: run.id.clone(),
        envelope: Envelope::of(Some(&id), item),
        counted,
    })
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
    let details = run.details.iter().filter(|(name, _)| !name.starts_with(PHASE));
    let message = ("message", run.message.as_str());
    let texts = details.map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, text) in texts.take(DETAILS_MAX).chain([message]) {
        if !text.is_empty() {
            data.insert(name.to_owned(), text::cut(text, MESSAGE_UNITS_MAX).into());
        }
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
    let phases: Vec<(&str, Timestamp, Duration)> = run.details.iter().filter_map(|detail| phase(run, detail)).collect();
    let names: BTreeSet<&str> = phases.iter().map(|(name, ..)| *name).collect();
    let wait = ("wait", "queue", "", run.scheduled_at, waited(run));
    let wait = (waited(run) >= WAIT_MIN).then_some(wait);
    let said = phases.iter().map(|(name, from, length)| match name.rsplit_once('/') {
        Some((whole, _)) if names.contains(whole) => (*name, "check.phase", whole, *from, *length),
        _ => (*name, operation(name), "", *from, *length),
    });
    let span = |(name, op, parent, from, length): (&str, &str, &str, Timestamp, Duration)| {
        json!({
            "trace_id": trace_id(run),
            "span_id": span_id(run, name),
            "parent_span_id": span_id(run, parent),
            "op": op,
            "description": name.rsplit('/').next().unwrap_or(name),
            "start_timestamp": from.as_seconds_f64(),
            "timestamp": from.plus(length).as_seconds_f64(),
            "status": "ok",
        })
    };
    wait.into_iter().chain(said).map(span).take(SPANS_MAX).collect()
}

fn phase<'r>(run: &Run, (name, value): &'r (String, String)) -> Option<(&'r str, Timestamp, Duration)> {
    let (start, length) = value.split_once('+')?;
    let (start, length) = (start.trim().parse().ok()?, length.trim().parse().ok()?);
    let from = run.started_at.plus(Duration::from_nanos(start));
    Some((name.strip_prefix(PHASE)?, from, Duration::from_nanos(length)))
}

/// Sentry's word for what the host calls `http 2`.
fn operation(name: &str) -> &'static str {
    match name.split(' ').next() {
        Some("http") => "http.client",
        Some("redis") => "db.redis",
        Some("postgres") => "db",
        _ => "check.phase",
    }
}
