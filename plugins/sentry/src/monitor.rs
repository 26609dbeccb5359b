//! Runs as check-ins of cron monitors, never more than one a minute for a monitor.
//!
//! Flows in: the runs of a batch. Flows out: check-ins that are due. What fails in between is remembered, in the host's state, and said
//! with the next one. A monitor that hears nothing any more is how Sentry notices a dead host.

use std::{collections::BTreeMap, time::Duration};

use bellwether_sdk::{news::Run, text};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Settings,
    batch::{Batch, Outgoing},
    category::Category,
    envelope::{Envelope, Item},
    event,
    identity::scattered,
    log_of_item,
    losses::Loss,
    trace,
    upstream::{load, save},
};

/// In the host's state.
const KEY: &str = "monitors";

/// Between two check-ins of a monitor: Sentry's own grain.
const MINUTE_SECONDS: u64 = 60;

/// Monitors heard within one minute, some 80 bytes each of the 64 KiB that a receiver has. What is beyond is dropped and counted.
const MONITORS_MAX: usize = 500;

/// Of a monitor's slug.
const SLUG_BYTES_MAX: usize = 50;

/// Of what tells names apart at its end, where they cannot be written as they are.
const SLUG_MARK_BYTES: usize = 8;

/// When each monitor was last told, and whether anything has failed since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Monitors(BTreeMap<String, Told>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
struct Told {
    /// In seconds since 1970; 0 for never.
    at: u64,
    /// Since then.
    failed: bool,
}

/// Why a monitor is told nothing, or what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It was told within the minute.
    TooSoon,
    /// Too many monitors are heard.
    NoRoom,
    /// Whether anything failed since it was last told.
    Now { failed: bool },
}

impl Monitors {
    /// Forgets those that say nothing: told over a minute ago, or in a future that a clock was set back from.
    fn prune(&mut self, now: u64) {
        self.0.retain(|_, told| told.failed || is_recent(*told, now));
    }

    /// A run of a monitor ended.
    fn note(&mut self, slug: &str, failed: bool) {
        if let Some(told) = self.0.get_mut(slug) {
            told.failed |= failed;
        } else if self.0.len() < MONITORS_MAX {
            self.0.insert(slug.to_owned(), Told { at: 0, failed });
        }
    }

    pub(crate) fn due(&self, slug: &str, now: u64) -> Due {
        match self.0.get(slug) {
            None => Due::NoRoom,
            Some(told) if is_recent(*told, now) => Due::TooSoon,
            Some(told) => Due::Now { failed: told.failed },
        }
    }

    fn told(&mut self, slug: &str, now: u64) {
        self.0.insert(slug.to_owned(), Told { at: now, failed: false });
    }
}

fn is_recent(told: Told, now: u64) -> bool {
    now >= told.at && now - told.at < MINUTE_SECONDS
}

/// Sends what is due of a batch.
pub(crate) fn check_in(settings: &Settings, batch: &mut Batch<'_, '_>, runs: &[Run]) {
    let now = batch.upstream.now().as_seconds();
    let mut monitors: Monitors = load(KEY);
    let known = monitors.clone();
    monitors.prune(now);
    let mut told: BTreeMap<String, &Run> = BTreeMap::new();
    for run in runs {
        let slug = slug(settings, &run.check);
        monitors.note(&slug, failed(run));
        let before = told.get(&slug);
        if before.is_none_or(|before| failed(run) || !failed(before)) {
            told.insert(slug, run);
        }
    }
    let slugs: BTreeMap<&str, &String> = told.iter().map(|(slug, run)| (run.id.as_str(), slug)).collect();
    let taken = batch.send_each(&told, |batch, (slug, run)| {
        one(settings, batch, &monitors, slug, run, now)
    });
    for slug in taken.iter().filter_map(|id| slugs.get(id.as_str())) {
        monitors.told(slug, now);
    }
    if monitors != known {
        save(KEY, &monitors);
    }
}

fn one(
    settings: &Settings,
    batch: &mut Batch<'_, '_>,
    monitors: &Monitors,
    slug: &str,
    run: &Run,
    now: u64,
) -> Option<Outgoing> {
    let counted = vec![(Category::Monitor, 1)];
    let failed = match monitors.due(slug, now) {
        Due::TooSoon => return None,
        Due::NoRoom => {
            batch.lose(Loss::BufferOverflow, &counted);
            return None;
        }
        Due::Now { failed } => failed,
    };
    if batch.is_limited(Category::Monitor, &counted) {
        return None;
    }
    let item = log_of_item(Item::new("check_in", &payload(settings, slug, run, failed)))?;
    Some(Outgoing {
        id: run.id.clone(),
        envelope: Envelope::of(None, item),
        counted,
    })
}

/// Whether the check did not find what it looks for, or could not look.
fn failed(run: &Run) -> bool {
    !matches!(run.outcome.as_str(), "ok" | "warning")
}

/// Sentry's slugs are short and lower case. Different checks keep different ones.
pub(crate) fn slug(settings: &Settings, check: &str) -> String {
    let name = format!("{}{check}", settings.monitor_prefix);
    let fits =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || "_-".contains(character);
    let lower = name.to_ascii_lowercase();
    if lower.chars().all(fits) && lower.len() <= SLUG_BYTES_MAX && lower == name {
        return name;
    }
    let plain: String = lower
        .chars()
        .map(|character| if fits(character) { character } else { '-' })
        .collect();
    let mark = (scattered(&name) >> 32) as u32;
    let room = SLUG_BYTES_MAX - SLUG_MARK_BYTES - 1;
    format!("{}-{mark:08x}", text::prefix(&plain, room))
}

fn payload(settings: &Settings, slug: &str, run: &Run, failed: bool) -> Value {
    let mut check_in = json!({
        "check_in_id": text::digest(&run.id),
        "monitor_slug": slug,
        "status": if failed { "error" } else { "ok" },
        "duration": run.duration.as_secs_f64(),
        "environment": event::host_environment(settings),
        "contexts": { "trace": { "trace_id": trace::trace_id(run), "span_id": trace::span_id(run, "") } },
    });
    if let Some(release) = event::release(settings) {
        check_in["release"] = release.into();
    }
    if let Some(config) = config(settings, run) {
        check_in["monitor_config"] = config;
    }
    check_in
}

/// What Sentry makes or updates the monitor by. None for a check that runs when asked.
fn config(settings: &Settings, run: &Run) -> Option<Value> {
    let mut config = json!({
        "checkin_margin": settings.checkin_margin,
        "max_runtime": minutes(run.timeout),
        "failure_issue_threshold": settings.failure_threshold,
        "recovery_threshold": settings.recovery_threshold,
    });
    config["schedule"] = match (&run.schedule, run.interval) {
        (Some((expression, zone)), _) => {
            config["timezone"] = zone.as_str().into();
            json!({ "type": "crontab", "value": expression })
        }
        (None, Some(interval)) => json!({ "type": "interval", "value": minutes(interval), "unit": "minute" }),
        (None, None) => return None,
    };
    Some(config)
}

/// Rounded up, and at least one.
fn minutes(span: Duration) -> u64 {
    let whole = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    whole.div_ceil(MINUTE_SECONDS).max(1)
}
