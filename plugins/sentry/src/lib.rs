//! Sentry, or what speaks its protocol: alerts as events, runs of checks as check-ins of cron monitors and as transactions, and what
//! applications reported to the host, handed on.
//!
//! Flows in: all kinds of news. Flows out: envelopes over the connection `default`, whose secret `key` the host puts into a header.
//! Between deliveries it remembers, in the host's state, what the other side does not want for a while, what was dropped and not yet
//! reported, and when each monitor was last told. It scrubs nothing: that is the host's, before it hands anything over.

mod batch;
mod category;
mod envelope;
mod event;
mod identity;
mod limits;
mod losses;
mod monitor;
mod pass;
mod trace;
mod upstream;

use std::collections::BTreeSet;

use batch::Batch;
use bellwether_sdk::{
    ForwardEvents, ForwardRuns, Refused,
    delivery::DeliveryFailure,
    log,
    news::{Event, Reason, Run},
    prelude::*,
};
use category::Category;
use envelope::{Envelope, Item};
use schemars::JsonSchema;
use serde::Deserialize;
use upstream::{News, SLOT, Upstream};

/// The plugin.
#[derive(Debug)]
pub struct Sentry;

/// What is sent, and how it is called.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Types of items that the other side takes; all unless set. Bugsink takes `event`; GlitchTip `event` and `transaction`.
    #[schemars(length(min = 1, max = 50), inner(pattern(r"^[a-z_]{1,50}$")))]
    items: Option<BTreeSet<String>>,
    /// Of all that is sent; the host's own unless set.
    #[schemars(length(min = 1, max = 64))]
    environment: Option<String>,
    /// `NAME@VERSION`; the host's version unless set.
    #[schemars(length(min = 1, max = 200))]
    release: Option<String>,
    /// Where an alert that names no `instance` or `host` comes from.
    #[schemars(length(min = 1, max = 200))]
    server_name: Option<String>,
    /// Whether the end of a group is an event, too.
    resolved: bool,
    /// The share of runs that are sent as transactions; 0 for none.
    #[schemars(range(min = 0.0, max = 1.0))]
    traces_sample_rate: f64,
    /// Before the names of checks in those of monitors, for projects that several hosts share.
    #[schemars(regex(pattern = r"^[a-z0-9_-]{0,30}$"))]
    monitor_prefix: String,
    /// Minutes that a check-in may be late. One of them may be used up, since no more than one is sent within a minute.
    #[schemars(range(min = 2, max = 1440))]
    checkin_margin: u32,
    /// Check-ins in a row that failed or are missing before there is an issue.
    #[schemars(range(min = 1, max = 720))]
    failure_threshold: u32,
    /// Good ones in a row that resolve it.
    #[schemars(range(min = 1, max = 720))]
    recovery_threshold: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            items: None,
            environment: None,
            release: None,
            server_name: None,
            resolved: false,
            traces_sample_rate: 0.0,
            monitor_prefix: String::new(),
            // A host that restarts, and a batch that is tried again, are no news.
            checkin_margin: 5,
            failure_threshold: 1,
            recovery_threshold: 1,
        }
    }
}

impl Settings {
    /// Whether the other side takes items of a type.
    fn takes(&self, kind: &str) -> bool {
        self.items.as_ref().is_none_or(|items| items.contains(kind))
    }
}

impl Forwarder for Sentry {
    const NAME: &'static str = "sentry";
    const SUMMARY: &'static str =
        "Alerts, runs of checks and what applications report, in Sentry or what speaks its protocol";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about.connection(
            SLOT,
            &["https", "http"],
            "Of the DSN https://KEY@HOST/PROJECT: https://HOST/api/PROJECT/, with secrets.key.",
        );
    }

    fn deliver(settings: Settings, notification: Notification) -> Result<Receipt, DeliveryFailure> {
        if !settings.takes("event") {
            return Err(DeliveryFailure::permanent(
                "alerts are sent as events, and `event` is not among settings.items",
            ));
        }
        let is_over = !notification.is_firing() && !matches!(notification.reason, Reason::Passed | Reason::Test);
        if is_over && !settings.resolved {
            return Ok(Receipt::new().with("not_sent", "settings.resolved is false"));
        }
        let mut upstream = Upstream::open(&settings, News::Alerts);
        let told = tell(&settings, &mut upstream, &notification);
        upstream.close();
        told
    }
}

/// An alert waits for the end of a limit; it is the one thing that is not dropped.
fn tell(
    settings: &Settings,
    upstream: &mut Upstream<'_>,
    notification: &Notification,
) -> Result<Receipt, DeliveryFailure> {
    if let Some(left) = upstream.limited(Category::Error) {
        let why = format!("Sentry takes no events for another {} s", left.as_secs());
        return Err(DeliveryFailure::transient(why).after(Some(left)));
    }
    let id = event::id(notification);
    let item = Item::new("event", &event::write(settings, notification)).map_err(DeliveryFailure::permanent)?;
    match upstream.send(Envelope::of(Some(&id), item)) {
        Ok(response) => Ok(Receipt::new().with("event_id", id).with("status", response.status)),
        Err(unsent) => Err(unsent.failure().after(upstream.limited(Category::Error))),
    }
}

impl ForwardRuns for Sentry {
    fn deliver_runs(settings: Settings, runs: Vec<Run>) -> Result<Refused, DeliveryFailure> {
        let mut upstream = Upstream::open(&settings, News::Runs);
        let mut batch = Batch::new(&mut upstream);
        if settings.takes("check_in") {
            monitor::check_in(&settings, &mut batch, &runs);
        }
        if settings.takes("transaction") && settings.traces_sample_rate > 0.0 {
            trace::trace(&settings, &mut batch, &runs);
        }
        let refused = batch.finish();
        upstream.close();
        Ok(refused)
    }
}

impl ForwardEvents for Sentry {
    fn deliver_events(settings: Settings, events: Vec<Event>) -> Result<Refused, DeliveryFailure> {
        let mut upstream = Upstream::open(&settings, News::Events);
        let mut batch = Batch::new(&mut upstream);
        pass::forward(&settings, &mut batch, events);
        let refused = batch.finish();
        upstream.close();
        Ok(refused)
    }
}

/// An item that cannot be written is a fault of this plugin.
fn log_of_item(item: Result<Item, String>) -> Option<Item> {
    item.inspect_err(|error| log::error("an item could not be written", &[("why", error)]))
        .ok()
}

export_forwarder!(Sentry: runs, events);

#[cfg(test)]
mod tests;
