//! Sources of events and heartbeats in `--print`.

use std::{collections::BTreeMap, sync::Arc};

use super::{Page, one_or_list};
use crate::config::{
    resolved::{EventSource, Heartbeat},
    units::{show_bytes, show_duration},
};

/// How keys are written, by name.
type Keys = BTreeMap<Arc<str>, Vec<String>>;

/// Every `[source.NAME]`.
pub(super) fn sources(page: &mut Page, sources: &BTreeMap<Arc<str>, Arc<EventSource>>, keys: &Keys) {
    for source in sources.values() {
        print_source(page, source, keys.get(&source.name).map_or(&[], Vec::as_slice));
    }
}

fn print_source(page: &mut Page, source: &EventSource, keys: &[String]) {
    page.table(&["source", &source.name]);
    page.comment(&format!("from {}", source.location));
    page.raw("project", &source.project.to_string());
    page.raw("key", &one_or_list(keys));
    let origins: Vec<String> = source.origins.iter().map(ToString::to_string).collect();
    page.raw("origins", &super::dispatch::list(&origins));
    page.raw("receivers", &super::dispatch::list(&source.receivers));
    page.table(&["source", &source.name, "limits"]);
    page.raw("envelopes_per_second", &source.limits.envelopes_per_second.to_string());
    page.text("bytes_per_second", &show_bytes(source.limits.bytes_per_second));
    page.raw("series", &source.limits.series.to_string());
    page.table(&["source", &source.name, "scrub"]);
    page.raw("emails", &source.scrub.emails.to_string());
    page.raw("ips", &source.scrub.ips.to_string());
    page.raw("bodies", &source.scrub.bodies.to_string());
}

/// Every `[heartbeat.NAME]`.
pub(super) fn heartbeats(page: &mut Page, heartbeats: &BTreeMap<Arc<str>, Arc<Heartbeat>>, keys: &Keys) {
    for heartbeat in heartbeats.values() {
        print_heartbeat(page, heartbeat, keys.get(&heartbeat.name).map_or(&[], Vec::as_slice));
    }
}

fn print_heartbeat(page: &mut Page, heartbeat: &Heartbeat, keys: &[String]) {
    page.table(&["heartbeat", &heartbeat.name]);
    page.comment(&format!("from {}", heartbeat.location));
    page.text("interval", &show_duration(heartbeat.interval));
    page.text("grace", &show_duration(heartbeat.grace));
    match keys {
        [] => page.comment("key: a token of `push`, where there are tokens"),
        keys => page.raw("key", &one_or_list(keys)),
    }
    page.text("description", &heartbeat.description);
    page.raw("required", &heartbeat.required.to_string());
    if !heartbeat.labels.is_empty() {
        page.table(&["heartbeat", &heartbeat.name, "labels"]);
        let labels = heartbeat.labels.iter();
        labels.for_each(|(name, value)| page.text(name.as_str(), value));
    }
}
