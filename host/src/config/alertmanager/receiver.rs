//! `receivers`: which of their ways there are here as well.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    super::{
        foreign::{Doc, Fields, FileConnection, FileUrl, SecretFrom, Text, text_of},
        source::Span,
        wording::{bare_or_quoted, excerpt},
    },
    FileMail, mail, template,
};
use crate::yaml::{Kind, Node};

/// How Alertmanager calls a way, what is taken of it, and how it is called here.
struct Known {
    key: &'static str,
    /// At the end of names.
    word: &'static str,
    fields: &'static [&'static str],
    /// Whether it is told when an alert is over, unless the file says so.
    sends_resolved: bool,
}

static KNOWN: [Known; 7] = [
    Known {
        key: "slack_configs",
        word: "slack",
        fields: &[
            "send_resolved",
            "api_url",
            "api_url_file",
            "http_config",
            "timeout",
            "channel",
            "title",
            "text",
        ],
        sends_resolved: false,
    },
    Known {
        key: "webhook_configs",
        word: "webhook",
        fields: &[
            "send_resolved",
            "url",
            "url_file",
            "http_config",
            "timeout",
            "max_alerts",
        ],
        sends_resolved: true,
    },
    Known {
        key: "email_configs",
        word: "email",
        fields: mail::EMAIL,
        sends_resolved: false,
    },
    Known {
        key: "pagerduty_configs",
        word: "pagerduty",
        fields: &[
            "send_resolved",
            "routing_key",
            "routing_key_file",
            "url",
            "http_config",
            "timeout",
            "description",
        ],
        sends_resolved: true,
    },
    Known {
        key: "discord_configs",
        word: "discord",
        fields: &[
            "send_resolved",
            "webhook_url",
            "webhook_url_file",
            "http_config",
            "title",
            "message",
            "username",
        ],
        sends_resolved: true,
    },
    Known {
        key: "msteams_configs",
        word: "teams",
        fields: &[
            "send_resolved",
            "webhook_url",
            "webhook_url_file",
            "http_config",
            "title",
            "text",
        ],
        sends_resolved: true,
    },
    Known {
        key: "msteamsv2_configs",
        word: "teams",
        fields: &[
            "send_resolved",
            "webhook_url",
            "webhook_url_file",
            "http_config",
            "title",
            "text",
        ],
        sends_resolved: true,
    },
];

/// Where Slack's bots write to.
const SLACK_API: &str = "https://slack.com/api/";

/// Where PagerDuty takes events.
const PAGERDUTY: &str = "https://events.pagerduty.com/";

/// What the path of an address there ends in, which the plugin asks for itself.
const PAGERDUTY_PATH: &str = "v2/enqueue";

/// A way of a receiver.
#[derive(Clone, Debug)]
pub(in super::super) struct FileWay {
    pub(in super::super) span: Span,
    /// The receiver's name in the file.
    pub(in super::super) of: String,
    /// Its own name here.
    pub(in super::super) name: String,
    pub(in super::super) kind: WayKind,
    pub(in super::super) send_resolved: bool,
    pub(in super::super) timeout: Option<Duration>,
    pub(in super::super) title: Option<String>,
    pub(in super::super) text: Option<String>,
}

/// By which means.
#[derive(Clone, Debug)]
pub(in super::super) enum WayKind {
    /// Mail.
    Mail(Box<FileMail>),
    /// A plugin of this name, with these settings as TOML has them.
    Plugin {
        plugin: &'static str,
        connection: Box<FileConnection>,
        settings: BTreeMap<&'static str, serde_json::Value>,
    },
}

/// A receiver that nobody is behind, on purpose or because there is no such way here.
#[derive(Clone, Debug)]
pub(in super::super) struct Silent {
    pub(in super::super) name: String,
    pub(in super::super) span: Span,
}

#[derive(Debug, Default)]
pub(super) struct Receivers {
    pub(super) ways: Vec<FileWay>,
    pub(super) silent: Vec<Silent>,
}

/// All but those whose place others take.
pub(super) fn all(
    doc: &Doc<'_, '_>,
    file: &Fields<'_>,
    global: &Fields<'_>,
    used: &BTreeSet<String>,
    replaced: &BTreeSet<String>,
) -> Receivers {
    let mut all = Receivers::default();
    let mut seen = BTreeSet::new();
    for node in doc.list(file, "receivers") {
        let Kind::Map(entries) = &node.kind else {
            doc.error(node, format!("a receiver must be a mapping, not {}", node.what()), None);
            continue;
        };
        let named = Fields(
            entries
                .iter()
                .filter_map(|(key, value)| Some((text_of(key)?, key, value)))
                .collect(),
        );
        let Some(name) = doc.text(&named, "name") else {
            doc.error(node, "this receiver has no name", None);
            continue;
        };
        if !seen.insert(name.value.clone()) {
            let message = format!("there is a receiver `{}` already", excerpt(&name.value));
            doc.reading.error(name.span, message, "rename one".to_owned());
        } else if !replaced.contains(&name.value) {
            one(doc, &name, &named, global, used, &mut all);
        }
    }
    all
}

fn one(
    doc: &Doc<'_, '_>,
    name: &Text,
    fields: &Fields<'_>,
    global: &Fields<'_>,
    used: &BTreeSet<String>,
    all: &mut Receivers,
) {
    let mut found: Vec<(&'static Known, &Node)> = Vec::new();
    let mut foreign: Vec<&Node> = Vec::new();
    for (key, node, value) in fields
        .0
        .iter()
        .filter(|(key, _, value)| *key != "name" && !value.is_nothing())
    {
        match KNOWN.iter().find(|known| known.key == *key) {
            Some(known) => found.extend(doc.list(fields, key).iter().map(|item| (known, item))),
            None if key.ends_with("_configs") && matches!(&value.kind, Kind::List(items) if items.is_empty()) => {}
            None => foreign.push(node),
        }
    }
    say_what_is_foreign(doc, name, &foreign, found.is_empty() && used.contains(&name.value));
    if found.is_empty() {
        all.silent.push(Silent {
            name: name.value.clone(),
            span: name.span,
        });
    }
    let lone = found.len() == 1;
    for (known, node) in found {
        let own = own_name(name, known, lone, &all.ways);
        all.ways.extend(way(doc, name, known, node, global, own));
    }
}

/// Ways that there are not here: a receiver that is left with none and that a route names is an error.
fn say_what_is_foreign(doc: &Doc<'_, '_>, name: &Text, foreign: &[&Node], is_mute: bool) {
    let shown = excerpt(&name.value);
    for node in foreign {
        let key = text_of(node).unwrap_or_default();
        let message = format!(
            "`{}` of the receiver `{shown}`: there is no such way here",
            excerpt(key)
        );
        let table = bare_or_quoted(&shown);
        let hint = format!(
            "a receiver of that name in bellwether.toml takes its place:\n  [receiver.{table}]\n  plugin = \"webhook\"\n  connection = \
             \"NAME\""
        );
        if is_mute {
            doc.error(node, format!("{message}, and nobody would hear"), hint);
        } else {
            doc.warn(node, message, hint);
        }
    }
}

/// A lone way has its receiver's name, others say what they are; what names cannot have becomes `_`.
fn own_name(name: &Text, known: &Known, lone: bool, others: &[FileWay]) -> String {
    let good = |c: char| {
        if c.is_ascii_alphanumeric() || "_-.".contains(c) {
            c
        } else {
            '_'
        }
    };
    let mut plain: String = name.value.chars().map(good).collect();
    if !plain.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        plain.insert(0, 'r');
    }
    // Room for what follows.
    plain.truncate(80);
    let first = if lone {
        plain.clone()
    } else {
        format!("{plain}.{}", known.word)
    };
    let numbered = (2..).map(|number| format!("{plain}.{}-{number}", known.word));
    let is_free = |candidate: &String| others.iter().all(|other| other.name != *candidate);
    let found = std::iter::once(first.clone()).chain(numbered).find(is_free);
    found.unwrap_or(first)
}

fn way(
    doc: &Doc<'_, '_>,
    of: &Text,
    known: &'static Known,
    node: &Node,
    global: &Fields<'_>,
    name: String,
) -> Option<FileWay> {
    let what = format!("`{}`", known.key);
    let fields = doc.taken(node, &what, known.fields);
    let send_resolved = doc.boolean(&fields, "send_resolved").unwrap_or(known.sends_resolved);
    let timeout = doc.duration(&fields, "timeout").map(|given| given.value);
    let timeout = timeout.filter(|given| !given.is_zero());
    let texts = |title, text| {
        let read = |key: &str| {
            if key.is_empty() {
                None
            } else {
                template::read(doc, &fields, key)
            }
        };
        (read(title), read(text))
    };
    let (kind, (title, text)) = match known.word {
        "email" => {
            let mail = mail::read(doc, &fields, global, &name)?;
            let texts = (mail.title.clone(), mail.text.clone());
            (WayKind::Mail(Box::new(mail)), texts)
        }
        "slack" => (slack(doc, &fields, global, node, &name)?, texts("title", "text")),
        "webhook" => (webhook(doc, &fields, global, node, &name)?, texts("", "")),
        "pagerduty" => (pagerduty(doc, &fields, global, node, &name)?, texts("description", "")),
        "discord" => (
            chat(doc, &fields, global, node, &name, "discord")?,
            texts("title", "message"),
        ),
        _ => (
            chat(doc, &fields, global, node, &name, "teams")?,
            texts("title", "text"),
        ),
    };
    Some(FileWay {
        span: of.span,
        of: of.value.clone(),
        name,
        kind,
        send_resolved,
        timeout,
        title,
        text,
    })
}

type Settings = BTreeMap<&'static str, serde_json::Value>;

fn plugin(plugin: &'static str, connection: FileConnection, settings: Settings) -> WayKind {
    WayKind::Plugin {
        plugin,
        connection: Box::new(connection),
        settings,
    }
}

fn without_address(doc: &Doc<'_, '_>, node: &Node, key: &str) {
    doc.error(node, format!("there is no `{key}`, nor one in `global`"), None);
}

/// With the address of the API it is a bot, whose token stands in `http_config`; any other address is an incoming webhook, which has
/// a channel of its own.
fn slack(doc: &Doc<'_, '_>, own: &Fields<'_>, global: &Fields<'_>, node: &Node, name: &str) -> Option<WayKind> {
    let url = doc
        .secret(own, "api_url", &format!("{name}_URL"))
        .or_else(|| doc.secret(global, "slack_api_url", "SLACK_API_URL"));
    if url.is_none() {
        without_address(doc, node, "api_url");
    }
    let url = url?;
    let is_bot = matches!(&url.from, SecretFrom::Text(text) if text.starts_with(SLACK_API));
    if !is_bot {
        let why =
            "an incoming webhook has a channel of its own; settings.channel is for bots, at https://slack.com/api/";
        doc.lost(own, "channel", why);
        let connection = FileConnection::new(doc, FileUrl::Secret(url), own, global, name);
        return Some(plugin("slack", connection, Settings::new()));
    }
    let address = Text {
        value: SLACK_API.to_owned(),
        span: url.span,
    };
    let connection = FileConnection::new(doc, FileUrl::Plain(address), own, global, name);
    let channel = doc
        .text(own, "channel")
        .map(|channel| ("channel", channel.value.into()));
    Some(plugin("slack", connection, channel.into_iter().collect()))
}

fn webhook(doc: &Doc<'_, '_>, own: &Fields<'_>, global: &Fields<'_>, node: &Node, name: &str) -> Option<WayKind> {
    let url = doc.secret(own, "url", &format!("{name}_URL"));
    if url.is_none() {
        without_address(doc, node, "url");
    }
    let connection = FileConnection::new(doc, FileUrl::Secret(url?), own, global, name);
    let most = doc.text(own, "max_alerts").and_then(|text| {
        let number = text.value.parse::<u32>();
        number
            .map_err(|_| {
                doc.reading
                    .error(text.span, "`max_alerts` must be a whole number", None)
            })
            .ok()
    });
    let most = most.filter(|most| *most > 0).map(|most| ("max_alerts", most.into()));
    Some(plugin("webhook", connection, most.into_iter().collect()))
}

fn pagerduty(doc: &Doc<'_, '_>, own: &Fields<'_>, global: &Fields<'_>, node: &Node, name: &str) -> Option<WayKind> {
    let key = doc.secret(own, "routing_key", &format!("{name}_ROUTING_KEY"));
    if key.is_none() {
        let hint =
            "keys of the first version of the events API (`service_key`) are not taken: make one for Events API v2"
                .to_owned();
        doc.error(node, "there is no `routing_key`", hint);
    }
    let url = doc.text(own, "url").or_else(|| doc.text(global, "pagerduty_url"));
    let url = match url {
        Some(mut url) => {
            url.value.truncate(url.value.trim_end_matches(PAGERDUTY_PATH).len());
            url
        }
        None => Text {
            value: PAGERDUTY.to_owned(),
            span: doc.span(node),
        },
    };
    let mut connection = FileConnection::new(doc, FileUrl::Plain(url), own, global, name);
    connection.secrets.push(("routing_key", key?));
    Some(plugin("pagerduty", connection, Settings::new()))
}

/// Discord and Teams: an address that is all there is.
fn chat(
    doc: &Doc<'_, '_>,
    own: &Fields<'_>,
    global: &Fields<'_>,
    node: &Node,
    name: &str,
    word: &'static str,
) -> Option<WayKind> {
    let url = doc.secret(own, "webhook_url", &format!("{name}_URL"));
    if url.is_none() {
        without_address(doc, node, "webhook_url");
    }
    let connection = FileConnection::new(doc, FileUrl::Secret(url?), own, global, name);
    let username = doc.text(own, "username").filter(|name| !name.value.is_empty());
    let username = username.map(|name| ("username", name.value.into()));
    Some(plugin(word, connection, username.into_iter().collect()))
}
