//! What applications reported, handed on whole.
//!
//! Flows in: events of the host, each an envelope (`application/x-sentry-envelope`) or one item, scrubbed by the host. Flows out: the
//! same envelope without what the other side does not take now: types of items that are not on the list, and what is limited.

use bellwether_sdk::{DeliveryFailure, news::Event, text};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::{
    Settings,
    batch::{Batch, Counted, Outgoing},
    category::Category,
    envelope::{Envelope, Item},
    losses::Loss,
};

/// Of a whole envelope.
const ENVELOPE: &str = "application/x-sentry-envelope";

/// Items that say nothing without the event they came with.
const COMPANIONS: [&str; 2] = ["attachment", "user_report"];

/// Hands a batch on.
pub(crate) fn forward(settings: &Settings, batch: &mut Batch<'_, '_>, events: Vec<Event>) {
    batch.send_each(events, |batch, event| {
        match envelope(&event.kind, &event.content_type, event.payload, &event.id) {
            Ok(envelope) => one(settings, batch, event.id, envelope),
            Err(why) => {
                batch.refuse(&event.id, DeliveryFailure::permanent(why));
                None
            }
        }
    });
}

fn envelope(kind: &str, content_type: &str, payload: Vec<u8>, id: &str) -> Result<Envelope, String> {
    if content_type == ENVELOPE {
        return Envelope::parse(&payload).map_err(|error| format!("no envelope: {error}"));
    }
    let mut item = Item::of_bytes(kind, payload);
    if !content_type.is_empty() && content_type != "application/json" {
        item.headers.insert("content_type".to_owned(), content_type.into());
    }
    // Sentry wants to know which event an envelope is about, before it looks into it.
    let event_id = matches!(kind, "event" | "transaction").then(|| event_id(&item, id));
    Ok(Envelope::of(event_id.as_deref(), item))
}

fn event_id(item: &Item, id: &str) -> String {
    let payload: Map<String, Value> = serde_json::from_slice(&item.payload).unwrap_or_default();
    let said = payload.get("event_id").and_then(Value::as_str);
    said.map_or_else(|| text::digest(id), str::to_owned)
}

fn one(settings: &Settings, batch: &mut Batch<'_, '_>, id: String, mut envelope: Envelope) -> Option<Outgoing> {
    let mut is_limited = false;
    let mut is_orphaned = false;
    let mut taken = Vec::new();
    for mut item in envelope.items {
        let kind = item.kind().to_owned();
        let is_companion = COMPANIONS.contains(&kind.as_str());
        let counted = counted(&item);
        if !settings.takes(&kind) || (is_companion && is_orphaned) {
            continue;
        }
        if batch.is_limited(Category::of_item(&kind), &counted) {
            is_limited = true;
            is_orphaned |= matches!(kind.as_str(), "event" | "transaction");
        } else if item.defuse() {
            taken.push((item, counted));
        } else {
            batch.lose(Loss::Invalid, &counted);
        }
    }
    // One that stands before its event.
    taken.retain(|(item, _)| !is_orphaned || !COMPANIONS.contains(&item.kind()));
    if taken.is_empty() {
        if is_limited {
            batch.refuse(
                &id,
                DeliveryFailure::permanent("dropped: a limit of the other side is in force"),
            );
        }
        return None;
    }
    let (items, counted): (Vec<Item>, Vec<Counted>) = taken.into_iter().unzip();
    envelope.items = items;
    Some(Outgoing {
        id,
        envelope,
        counted: counted.concat(),
    })
}

/// What it counts as when it is lost. A transaction is as many spans as it has, and one more.
fn counted(item: &Item) -> Counted {
    let category = Category::of_item(item.kind());
    let quantity = match category {
        Category::LogItem | Category::TraceMetric => {
            item.headers.get("item_count").and_then(Value::as_u64).unwrap_or(1)
        }
        Category::Attachment => item.payload.len() as u64,
        _ => 1,
    };
    match category {
        // Reports of applications are about losses of their own.
        Category::Internal => Vec::new(),
        Category::Transaction => vec![(category, quantity), (Category::Span, spans(&item.payload) + 1)],
        _ => vec![(category, quantity)],
    }
}

fn spans(payload: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    struct Spans {
        #[serde(default)]
        spans: Vec<IgnoredAny>,
    }
    serde_json::from_slice::<Spans>(payload).map_or(0, |of| of.spans.len() as u64)
}
