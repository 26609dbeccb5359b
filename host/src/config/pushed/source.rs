//! `[source.NAME]`: an application that reports errors and transactions.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use super::{PushListen, origin};
use crate::config::{
    access::{self, Token},
    dispatch::Dispatching,
    named::Kind,
    reader::Reader,
    reading::Reading,
    resolved::{EventLimits, EventSource, Origin, ReceiverKind, Scrub},
    source::{At, Span},
    tree::{Entry, Table, Value},
    vocabulary::{SOURCE, SOURCE_LIMITS, SOURCE_SCRUB},
    wording::excerpt,
};

/// Most sources: each has budgets of its own, and memory for some thousand series and kinds of crashes.
pub const SOURCES_MAX: usize = 1_000;

/// Most sites of one source: each is looked at for every report of a browser.
const ORIGINS_MAX: usize = 100;

/// Largest project: SDKs take any digits, and nobody numbers more than this many.
const PROJECT: RangeInclusive<u64> = 0..=i64::MAX as u64;

/// From a trickle to what one host can read.
const ENVELOPES_PER_SECOND: RangeInclusive<u64> = 1..=10_000;
const BYTES_PER_SECOND: RangeInclusive<u64> = 1_024..=1 << 30;
/// As many as a host is budgeted for in all.
const SERIES: RangeInclusive<u64> = 1..=100_000;

/// Of the tables read here.
const KIND: Kind = Kind {
    word: "source",
    spec: &SOURCE,
};

/// One as the file says it.
#[derive(Debug)]
pub(super) struct FileSource {
    pub(super) name: At<String>,
    project: Option<u64>,
    pub(super) keys: Vec<Token>,
    origins: Vec<Origin>,
    /// Where `origins` stands.
    origins_at: Option<Span>,
    pub(super) receivers: Vec<At<String>>,
    limits: EventLimits,
    scrub: Scrub,
}

pub(super) fn read(reading: &Reading<'_>, main: &Table) -> Vec<FileSource> {
    let entries = KIND.entries(reading, main);
    if let Some(entry) = entries.get(SOURCES_MAX) {
        reading.error(entry.key_span, format!("more than {SOURCES_MAX} sources"), None);
    }
    let read = |entry: &Entry| {
        KIND.name(reading, entry);
        let table = KIND.table(reading, entry)?;
        let reader = Reader::new(reading, table, &SOURCE, &["source", &entry.key]);
        Some(one(&reader, entry))
    };
    entries.iter().take(SOURCES_MAX).filter_map(read).collect()
}

fn one(reader: &Reader<'_, '_>, entry: &Entry) -> FileSource {
    let name = &entry.key;
    let missing = ["project", "key"]
        .into_iter()
        .find(|key| reader.table.get(key).is_none());
    if let Some(missing) = missing {
        let message = format!("source `{}` has no `{missing}`", excerpt(name));
        let hint = "a DSN is http://KEY@HOST/PROJECT: KEY and PROJECT are of your choice, `project = 1` and 32 random \
                    letters (make them: openssl rand -hex 16)";
        reader.reading.error(entry.key_span, message, hint.to_owned());
    }
    FileSource {
        name: At {
            value: name.clone(),
            span: entry.key_span,
        },
        project: project(reader),
        keys: keys(reader, name),
        origins: origins(reader),
        origins_at: reader.node("origins").map(|node| node.span),
        receivers: reader.strings("receivers").unwrap_or_default(),
        limits: limits(reader),
        scrub: scrub(reader),
    }
}

/// In a DSN it is text, and so it may be here.
fn project(reader: &Reader<'_, '_>) -> Option<u64> {
    if let Value::String(text) = &reader.node("project")?.value
        && let Some(number) = text.parse().ok().filter(|number| PROJECT.contains(number))
    {
        return Some(number);
    }
    reader.integer("project", &PROJECT).map(|given| given.value)
}

fn keys(reader: &Reader<'_, '_>, name: &str) -> Vec<Token> {
    let plain = |character: char| {
        if character.is_ascii_alphanumeric() {
            character
        } else {
            '_'
        }
    };
    let variable: String = name.to_ascii_uppercase().chars().map(plain).collect();
    let all = access::tokens(reader, "key", &format!("{variable}_KEY"));
    let (good, odd): (Vec<Token>, Vec<Token>) = all.into_iter().partition(|key| {
        let text = key.secret.value.expose();
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    for key in odd {
        let message = "a key has characters other than letters, digits and `_`, and SDKs refuse such a DSN";
        let hint = "make one: openssl rand -hex 16".to_owned();
        reader.reading.error(key.secret.span, message, hint);
    }
    if let Some(node) = reader
        .node("key")
        .filter(|node| matches!(&node.value, Value::Array(items) if items.is_empty()))
    {
        let hint = "make one: openssl rand -hex 16".to_owned();
        reader.reading.error(node.span, "`key` has none", hint);
    }
    good
}

fn origins(reader: &Reader<'_, '_>) -> Vec<Origin> {
    let given = reader.strings("origins").unwrap_or_default();
    if let Some(one_more) = given.get(ORIGINS_MAX) {
        let message = format!("more than {ORIGINS_MAX} origins");
        reader.reading.error(one_more.span, message, None);
    }
    let parse = |given: &At<String>| {
        origin::parse(&given.value)
            .map_err(|(message, hint)| reader.reading.error(given.span, message, hint))
            .ok()
    };
    given.iter().filter_map(parse).collect()
}

fn limits(reader: &Reader<'_, '_>) -> EventLimits {
    let default = EventLimits::default();
    let Some(limits) = reader.table("limits", &SOURCE_LIMITS) else {
        return default;
    };
    let count = |key, range| limits.integer(key, range).map(|given| given.value);
    let envelopes = count("envelopes_per_second", &ENVELOPES_PER_SECOND).and_then(|given| u32::try_from(given).ok());
    let series = count("series", &SERIES).and_then(|given| usize::try_from(given).ok());
    let bytes = limits.bytes("bytes_per_second", &BYTES_PER_SECOND);
    EventLimits {
        envelopes_per_second: envelopes.unwrap_or(default.envelopes_per_second),
        bytes_per_second: bytes.map_or(default.bytes_per_second, |given| given.value),
        series: series.unwrap_or(default.series),
    }
}

fn scrub(reader: &Reader<'_, '_>) -> Scrub {
    let default = Scrub::default();
    let Some(scrub) = reader.table("scrub", &SOURCE_SCRUB) else {
        return default;
    };
    let wish = |key, unsaid| scrub.boolean(key).map_or(unsaid, |given| given.value);
    Scrub {
        emails: wish("emails", default.emails),
        ips: wish("ips", default.ips),
        bodies: wish("bodies", default.bodies),
    }
}

impl FileSource {
    /// None: a problem was noted.
    pub(super) fn resolved(self, reading: &Reading<'_>, receivers: Vec<Arc<str>>) -> Option<EventSource> {
        let keys: Vec<_> = self.keys.iter().map(|key| key.secret.value.clone()).collect();
        if keys.is_empty() {
            return None;
        }
        Some(EventSource {
            name: self.name.value.as_str().into(),
            project: self.project?,
            keys,
            origins: self.origins,
            receivers,
            limits: self.limits,
            scrub: self.scrub,
            location: reading.sources.file_and_line(self.name.span),
        })
    }
}

/// Project and key say who it is: two of the same are one.
pub(super) fn refuse_shared_keys(reading: &Reading<'_>, sources: &[FileSource]) {
    let mut claimed: BTreeMap<(u64, &str), &FileSource> = BTreeMap::new();
    for source in sources {
        let Some(project) = source.project else { continue };
        for key in &source.keys {
            let first = claimed.entry((project, key.secret.value.expose())).or_insert(source);
            if !std::ptr::eq(*first, source) {
                let message = format!(
                    "source `{}` has this key in project {project} already: who sends with it could be either",
                    excerpt(&first.name.value)
                );
                let hint = "give each source a key of its own, or a project of its own".to_owned();
                reading.error(key.secret.span, message, hint);
            }
        }
    }
}

/// Pages of other sites are answered where nothing else is.
pub(super) fn warn_of_unreachable(reading: &Reading<'_>, source: &FileSource, listen: PushListen) {
    let span = source
        .origins_at
        .filter(|_| !source.origins.is_empty() && listen.is_none());
    if let Some(span) = span.filter(|_| !reading.failed()) {
        let message = "pages of other sites are answered on `push_listen` only, and there is none";
        let hint = "set it: [host] push_listen = \":9921\"; nothing but pushes is taken there".to_owned();
        reading.warn(span, message, hint);
    }
}

/// Mail and a log say what is the matter, and are no place for envelopes.
pub(super) fn refuse_one_without_events(
    reading: &Reading<'_>,
    dispatching: &Dispatching,
    receiver: &Arc<str>,
    span: Span,
) {
    let known = dispatching.dispatch.receivers.get(receiver);
    let what = match known.map(|receiver| &receiver.kind) {
        Some(ReceiverKind::Email(_)) => "sends email",
        Some(ReceiverKind::Log) => "writes to the log",
        Some(ReceiverKind::Plugin(_)) | None => return,
    };
    let message = format!("receiver `{receiver}` {what} and takes no events of applications");
    let hint = "name one whose plugin does, such as `sentry`; a [[route]] with match = ['alertname=\"NewCrash\"'] tells others \
                of crashes that nobody has seen before";
    reading.error(span, message, hint.to_owned());
}
