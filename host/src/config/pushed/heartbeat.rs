//! `[heartbeat.NAME]`: something that is missed when it says nothing.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use super::PushListen;
use crate::{
    config::{
        access::{self, Token},
        check::{self, Checks, INTERVAL_MAX},
        named::Kind,
        reader::Reader,
        reading::Reading,
        resolved::{Access, Heartbeat},
        source::{At, Span},
        tree::{Entry, Table},
        vocabulary::HEARTBEAT,
        wording::excerpt,
    },
    metric::LabelName,
};

/// Most heartbeats: each is looked at once a second.
pub const HEARTBEATS_MAX: usize = 10_000;

/// How much later than expected a beat may come, unless the file says otherwise: a job that takes a little longer than yesterday.
pub const HEARTBEAT_GRACE_DEFAULT: Duration = Duration::from_secs(60);

/// From what a network can keep up to the rarest of jobs.
const INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=INTERVAL_MAX;
const GRACE: RangeInclusive<Duration> = Duration::ZERO..=INTERVAL_MAX;

/// Longest description, in bytes: it is a line on a page.
const DESCRIPTION_BYTES_MAX: usize = 500;

/// Of the tables read here.
const KIND: Kind = Kind {
    word: "heartbeat",
    spec: &HEARTBEAT,
};

/// One as the file says it.
#[derive(Debug)]
pub(super) struct FileHeartbeat {
    pub(super) name: At<String>,
    interval: Option<Duration>,
    grace: Duration,
    pub(super) keys: Vec<Token>,
    description: Option<At<String>>,
    labels: BTreeMap<LabelName, String>,
    required: bool,
}

pub(super) fn read(reading: &Reading<'_>, main: &Table) -> Vec<FileHeartbeat> {
    let entries = KIND.entries(reading, main);
    if let Some(entry) = entries.get(HEARTBEATS_MAX) {
        reading.error(entry.key_span, format!("more than {HEARTBEATS_MAX} heartbeats"), None);
    }
    let read = |entry: &Entry| {
        KIND.name(reading, entry);
        let table = KIND.table(reading, entry)?;
        let reader = Reader::new(reading, table, &HEARTBEAT, &["heartbeat", &entry.key]);
        Some(one(&reader, entry))
    };
    entries.iter().take(HEARTBEATS_MAX).filter_map(read).collect()
}

fn one(reader: &Reader<'_, '_>, entry: &Entry) -> FileHeartbeat {
    if reader.table.get("interval").is_none() {
        let message = format!("heartbeat `{}` does not say how often it comes", excerpt(&entry.key));
        let hint = "add interval = \"1h\"; `grace` is how much later it may come".to_owned();
        reader.reading.error(entry.key_span, message, hint);
    }
    let grace = reader.duration("grace", &GRACE);
    FileHeartbeat {
        name: At {
            value: entry.key.clone(),
            span: entry.key_span,
        },
        interval: reader.duration("interval", &INTERVAL).map(|given| given.value),
        grace: grace.map_or(HEARTBEAT_GRACE_DEFAULT, |given| given.value),
        keys: access::tokens(reader, "key", "HEARTBEAT_KEY"),
        description: description(reader),
        labels: check::labels(reader),
        required: reader.boolean("required").is_none_or(|given| given.value),
    }
}

fn description(reader: &Reader<'_, '_>) -> Option<At<String>> {
    let given = reader.string("description")?;
    if given.value.len() > DESCRIPTION_BYTES_MAX || given.value.contains(char::is_control) {
        let message = format!("`description` must be one line of at most {DESCRIPTION_BYTES_MAX} bytes");
        reader.reading.error(given.span, message, None);
        return None;
    }
    Some(given)
}

impl FileHeartbeat {
    /// None: a problem was noted.
    pub(super) fn resolved(self, reading: &Reading<'_>) -> Option<Heartbeat> {
        Some(Heartbeat {
            name: self.name.value.as_str().into(),
            interval: self.interval?,
            grace: self.grace,
            keys: self.keys.iter().map(|key| key.secret.value.clone()).collect(),
            description: self.description.map(|given| given.value).unwrap_or_default(),
            labels: self.labels,
            required: self.required,
            location: reading.sources.file_and_line(self.name.span),
        })
    }

    /// What everybody may see of it.
    pub(super) fn seen(&self) -> Vec<(Span, String)> {
        let labels = self.labels.values().map(|value| (self.name.span, value.clone()));
        let description = self.description.iter().map(|given| (given.span, given.value.clone()));
        let name = [(self.name.span, self.name.value.clone())];
        name.into_iter().chain(description).chain(labels).collect()
    }
}

/// Both are shown under their names, in the same places.
pub(super) fn refuse_names_of_checks(reading: &Reading<'_>, heartbeats: &[FileHeartbeat], checks: &Checks) {
    for heartbeat in heartbeats {
        if let Some(check) = checks.places.get(&heartbeat.name.value) {
            let place = reading.sources.file_and_line(check.name);
            let message = format!(
                "there is a check `{}` already, in {place}: both would be shown under this name",
                excerpt(&heartbeat.name.value)
            );
            reading.error(heartbeat.name.span, message, "rename one".to_owned());
        }
    }
}

/// Where others can reach the host, whoever can send a beat can keep an alert from being raised.
pub(super) fn refuse_unprotected(
    reading: &Reading<'_>,
    heartbeats: &[FileHeartbeat],
    access: &Access,
    listen: PushListen,
) {
    let Some((address, _)) = listen.filter(|(address, _)| !address.ip().to_canonical().is_loopback()) else {
        return;
    };
    let has_tokens = access.read.len() + access.push.len() + access.admin.len() > 0;
    if has_tokens || access.open {
        return;
    }
    for heartbeat in heartbeats.iter().filter(|heartbeat| heartbeat.keys.is_empty()) {
        let name = excerpt(&heartbeat.name.value);
        let message = format!("other machines can reach {address}, and heartbeat `{name}` asks for no key");
        let hint = "give it one (make it: openssl rand -hex 24): key = \"${secret:HEARTBEAT_KEY}\"; or add [access] push = \
                    \"${secret:BELLWETHER_PUSH_TOKEN}\" for all of them";
        reading.error(heartbeat.name.span, message, hint.to_owned());
    }
}
