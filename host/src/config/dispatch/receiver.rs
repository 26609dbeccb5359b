//! `[receiver.NAME]`: one destination of notifications, a forwarder plugin or what the host sends itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use super::{
    super::{
        Connection, METHODS_DEFAULT, Protocol,
        connection::{Connections, Shown},
        guest::{self, GuestPlace},
        named::Kind,
        reader::Reader,
        reading::Reading,
        resolved::{Forwarder, PluginOrigin, PluginSource, RateLimit, Receiver, ReceiverKind},
        source::At,
        tree::{Entry, Table, Value},
        units,
        vocabulary::{RECEIVER, RECEIVER_LIMITS},
        wording::{bare_or_quoted, excerpt},
    },
    FileDispatch, email,
};

/// Most receivers: each has queues and a task of its own.
pub const RECEIVERS_MAX: usize = 1_000;

/// One attempt to deliver, unless the file says otherwise: as a run of a check.
pub const RECEIVER_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// From what a network takes to what nobody waits for, since the next message waits as long.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(300);

/// Longest template, in bytes: services cut what comes out of longer ones.
const TEMPLATE_BYTES_MAX: usize = 32 * 1024;

/// Longest time of a rate limit: what is rarer is no notification.
const RATE_PER_MAX: Duration = Duration::from_secs(24 * 3_600);

/// How news is handed over.
const NEWS_METHOD: &str = "POST";

/// Of the tables read here.
const KIND: Kind = Kind {
    word: "receiver",
    spec: &RECEIVER,
};

/// Keys that only a plugin has.
const PLUGIN_KEYS: [&str; 5] = ["sha256", "limits", "connection", "connections", "settings"];

/// A receiver as a file says it.
#[derive(Debug)]
pub(in super::super) struct FileReceiver {
    pub(in super::super) name: At<String>,
    pub(in super::super) place: GuestPlace,
    /// None: a problem was noted, or nobody hears.
    pub(in super::super) resolved: Option<Receiver>,
    pub(in super::super) shown: Option<Shown>,
    /// What Alertmanager's file calls it, if it comes from there: it may have several ways, and each is a receiver here.
    pub(in super::super) of: Option<String>,
    /// It is there to be named, and nobody hears.
    pub(in super::super) is_silent: bool,
}

impl FileReceiver {
    /// What routes call it.
    pub(in super::super) fn stands_for(&self) -> &str {
        self.of.as_deref().unwrap_or(&self.name.value)
    }
}

pub(super) fn read(
    reading: &Reading<'_>,
    main: &Table,
    connections: &Connections,
    used: &mut BTreeSet<String>,
) -> Vec<FileReceiver> {
    let entries = KIND.entries(reading, main);
    if let Some(entry) = entries.get(RECEIVERS_MAX) {
        let message = format!("more than {RECEIVERS_MAX} receivers");
        reading.error(entry.key_span, message, None);
    }
    let read = |entry: &Entry| {
        KIND.name(reading, entry);
        let table = KIND.table(reading, entry)?;
        let reader = Reader::new(reading, table, &RECEIVER, &["receiver", &entry.key]);
        let mut shown = Shown::default();
        Some(FileReceiver {
            name: At {
                value: entry.key.clone(),
                span: entry.key_span,
            },
            place: GuestPlace {
                name: entry.key_span,
                table: table.clone(),
            },
            resolved: one(&reader, entry, connections, used, &mut shown),
            shown: Some(shown),
            of: None,
            is_silent: false,
        })
    };
    entries.iter().take(RECEIVERS_MAX).filter_map(read).collect()
}

/// `None`: a problem was noted.
fn one(
    reader: &Reader<'_, '_>,
    entry: &Entry,
    connections: &Connections,
    used: &mut BTreeSet<String>,
    shown: &mut Shown,
) -> Option<Receiver> {
    let kind = kind(reader, entry, connections, used, shown);
    let timeout = reader.duration("timeout", &TIMEOUT);
    let send_resolved = reader.boolean("send_resolved");
    let (title, text) = (template(reader, "title"), template(reader, "text"));
    let rate_limit = rate_limit(reader);
    Some(Receiver {
        name: entry.key.as_str().into(),
        kind: kind?,
        timeout: timeout.map_or(RECEIVER_TIMEOUT_DEFAULT, |given| given.value),
        send_resolved: send_resolved.is_none_or(|given| given.value),
        title,
        text,
        rate_limit,
        location: reader.reading.sources.file_and_line(entry.key_span),
    })
}

/// Exactly one of `plugin`, `email` and `log`.
fn kind(
    reader: &Reader<'_, '_>,
    entry: &Entry,
    connections: &Connections,
    used: &mut BTreeSet<String>,
    shown: &mut Shown,
) -> Option<ReceiverKind> {
    let given: Vec<&Entry> = ["plugin", "email", "log"]
        .iter()
        .filter_map(|key| reader.table.get(key))
        .collect();
    match given.as_slice() {
        [] => {
            let message = format!("receiver `{}` says no way to reach it", excerpt(&entry.key));
            let hint =
                "one of: plugin = \"slack\" (bellwether plugins lists them), an `email` table, log = true".to_owned();
            reader.reading.error(entry.key_span, message, hint);
            None
        }
        [only] if only.key == "plugin" => plugin(reader, connections, used),
        [only] => {
            refuse_plugin_keys(reader, &only.key);
            match only.key.as_str() {
                "log" => log(reader),
                _ => email::read(reader, shown).map(|email| ReceiverKind::Email(Box::new(email))),
            }
        }
        [first, second, ..] => {
            let message = format!("`{}` and `{}` both say how to reach it", first.key, second.key);
            let hint = "keep one; a second way is a receiver of its own, and routes name both".to_owned();
            reader.reading.error(second.key_span, message, hint);
            None
        }
    }
}

fn refuse_plugin_keys(reader: &Reader<'_, '_>, kind: &str) {
    for entry in PLUGIN_KEYS.iter().filter_map(|key| reader.table.get(key)) {
        let message = format!("`{}` is for plugins, and `{kind}` is none", entry.key);
        reader.reading.error(entry.key_span, message, "remove it".to_owned());
    }
}

fn log(reader: &Reader<'_, '_>) -> Option<ReceiverKind> {
    let given = reader.boolean("log")?;
    if !given.value {
        let hint = "remove the table; a route with receivers = [] tells nobody".to_owned();
        reader
            .reading
            .error(given.span, "`log = false` is no way to reach anybody", hint);
        return None;
    }
    Some(ReceiverKind::Log)
}

fn plugin(reader: &Reader<'_, '_>, connections: &Connections, used: &mut BTreeSet<String>) -> Option<ReceiverKind> {
    let mut file = guest::read(reader);
    let limits = guest::limits(reader, &RECEIVER_LIMITS);
    let bound = file.bind(reader.reading, connections, used);
    let bound: BTreeMap<_, _> = bound
        .into_iter()
        .map(|(slot, connection)| (slot, posting(connection)))
        .collect();
    let origin = file.plugin?.value;
    refuse_what_cannot_send(reader, &origin, &bound);
    Some(ReceiverKind::Plugin(Forwarder {
        plugin: PluginSource {
            origin,
            sha256: file.sha256,
        },
        plugin_edition: 0,
        limits,
        connections: bound,
        settings: file.settings,
    }))
}

/// News is posted: a connection that does not say what it allows allows a receiver that as well.
fn posting(connection: Arc<Connection>) -> Arc<Connection> {
    if connection.says_methods || connection.protocol() != Protocol::Http {
        return connection;
    }
    let mut own = (*connection).clone();
    own.methods.insert(NEWS_METHOD.to_owned());
    Arc::new(own)
}

/// A receiver whose connections all allow nothing but reading would never deliver anything. Plugins of the host post; others may have
/// another way, such as PUT.
fn refuse_what_cannot_send(reader: &Reader<'_, '_>, origin: &PluginOrigin, bound: &BTreeMap<String, Arc<Connection>>) {
    let reads_only = |methods: &BTreeSet<String>| match origin {
        PluginOrigin::Bundled(_) => !methods.contains(NEWS_METHOD),
        PluginOrigin::File(_) => methods.iter().all(|method| METHODS_DEFAULT.contains(&method.as_str())),
    };
    // What has no methods is no HTTP, or has problems of its own.
    let is_mute = |connection: &Connection| !connection.methods.is_empty() && reads_only(&connection.methods);
    let Some(first) = bound.values().next().filter(|_| bound.values().all(|one| is_mute(one))) else {
        return;
    };
    let Some(node) = reader.node("connection").or_else(|| reader.node("connections")) else {
        return;
    };
    let methods: Vec<&str> = first.methods.iter().map(String::as_str).collect();
    let name = excerpt(&first.name);
    let message = format!(
        "nothing can be sent over connection `{name}`: its `methods` allow {} and not {NEWS_METHOD}",
        methods.join(", ")
    );
    let hint = format!(
        "add \"{NEWS_METHOD}\" to `methods` of `[connection.{}]`; without `methods`, checks may read and receivers post",
        bare_or_quoted(&name)
    );
    reader.reading.error(node.span, message, hint);
}

fn template(reader: &Reader<'_, '_>, key: &str) -> Option<Arc<str>> {
    let given = reader.string(key)?;
    if given.value.len() > TEMPLATE_BYTES_MAX {
        let length = given.value.len();
        let message = format!("`{key}` is {length} bytes long; at most {TEMPLATE_BYTES_MAX} are accepted");
        reader.reading.error(given.span, message, None);
        return None;
    }
    Some(given.value.into())
}

/// `1/s`, `30/m`, `5/2s`.
fn rate_limit(reader: &Reader<'_, '_>) -> Option<RateLimit> {
    let given = match reader.node("rate_limit").map(|node| (&node.value, node)) {
        None | Some((Value::String(_), _)) => reader.string("rate_limit")?,
        Some((_, node)) => {
            let hint = "messages, a slash and a time: rate_limit = \"1/s\"".to_owned();
            reader.wrong("rate_limit", node, "a string", Some(hint));
            return None;
        }
    };
    let limit = parse_rate(given.value.trim());
    if limit.is_none() {
        let message = format!("`rate_limit` cannot be \"{}\"", excerpt(&given.value));
        let hint = "messages, a slash and a time up to a day: \"1/s\", \"30/m\", \"5/2s\"".to_owned();
        reader.reading.error(given.span, message, hint);
    }
    limit
}

fn parse_rate(text: &str) -> Option<RateLimit> {
    let (messages, per) = text.split_once('/')?;
    let per = per.trim();
    // A unit alone is one of it.
    let per = match per.starts_with(|first: char| first.is_ascii_digit()) {
        true => units::duration(per),
        false => units::duration(&format!("1{per}")),
    };
    let limit = RateLimit {
        messages: messages.trim().parse().ok()?,
        per: per.ok()?,
    };
    (limit.messages > 0 && !limit.per.is_zero() && limit.per <= RATE_PER_MAX).then_some(limit)
}

/// A receiver that nobody names is one too many, or a name is missing somewhere. Those of Alertmanager's file are its own affair.
pub(super) fn warn_of_unheard(reading: &Reading<'_>, file: &FileDispatch) {
    let named: BTreeMap<&str, ()> = file
        .routes
        .iter()
        .filter_map(|route| route.receivers.as_ref())
        .chain(&file.defaults.receivers)
        .chain([&file.defaults.fallback_receivers])
        .flatten()
        .map(|name| (name.value.as_str(), ()))
        .collect();
    for receiver in file.receivers.iter().filter(|receiver| receiver.of.is_none()) {
        if !named.contains_key(receiver.name.value.as_str()) && !reading.failed() {
            let name = &receiver.name.value;
            let message = format!("no route names the receiver `{name}`, so it hears nothing");
            let hint = format!(
                "name it in a [[route]], or for whatever no route takes:\n  [alerting]\n  receivers = [\"{name}\"]"
            );
            reading.warn(receiver.name.span, message, hint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_messages_in_a_time() {
        let limit = |messages, seconds| {
            Some(RateLimit {
                messages,
                per: Duration::from_secs(seconds),
            })
        };
        for (text, expected) in [
            ("1/s", limit(1, 1)),
            ("30 / m", limit(30, 60)),
            ("5/2s", limit(5, 2)),
            ("10/1h30m", limit(10, 5_400)),
            ("0/s", None),
            ("1/0s", None),
            ("1/2d", None),
            ("1", None),
            ("s/1", None),
            ("-1/s", None),
        ] {
            assert_eq!(parse_rate(text), expected, "{text}");
        }
    }
}
