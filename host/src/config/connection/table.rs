//! Reads every `[connection.NAME]` of the main file and the included ones.
//!
//! Flows in: tables. Flows out: connections by name, where each stands, and how its credentials may be shown. Which check
//! uses which is for `check` to say.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Connection, Protocol, Shown, address, clear,
    credential::{always, note_url},
    fit, http, networks, tls,
};
use crate::{
    config::{
        named::Kind,
        reader::Reader,
        reading::{Reading, Secrets},
        source::Span,
        tree::{Entry, Table},
        vocabulary::CONNECTION,
        wording::excerpt,
    },
    secret::Secret,
};

/// Most connections of one configuration: what one host can watch, with a place of its own for every tenth check.
pub const CONNECTIONS_MAX: usize = 5_000;

/// From this length on, the path of a secret URL is blanked by itself too, in bytes: servers and errors repeat paths, and
/// shorter ones are ordinary words.
const SECRET_PATH_BYTES_MIN: usize = 16;

/// Of the tables read here.
const KIND: Kind = Kind {
    word: "connection",
    spec: &CONNECTION,
};

/// Everything that came out of the connection tables.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Connections {
    pub(in crate::config) all: BTreeMap<Arc<str>, Arc<Connection>>,
    /// Where each name stands, also of those that could not be read.
    pub(in crate::config) places: BTreeMap<String, ConnectionPlace>,
    pub(in crate::config) shown: BTreeMap<Arc<str>, Shown>,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct ConnectionPlace {
    pub(in crate::config) name: Span,
    /// Of its URL, if it has one.
    pub(in crate::config) url: Option<Span>,
}

pub(in crate::config) fn read<'r>(reading: &'r Reading<'_>, roots: impl IntoIterator<Item = &'r Table>) -> Connections {
    let mut connections = Connections::default();
    for entry in roots.into_iter().flat_map(|root| KIND.entries(reading, root)) {
        let Some(table) = KIND.table(reading, entry) else {
            continue;
        };
        if let Some(first) = connections.places.get(&entry.key) {
            KIND.duplicate(reading, entry, first.name);
            continue;
        }
        if connections.places.len() == CONNECTIONS_MAX {
            let hint = "share the checks among several hosts".to_owned();
            reading.error(entry.key_span, format!("more than {CONNECTIONS_MAX} connections"), hint);
            break;
        }
        let place = ConnectionPlace {
            name: entry.key_span,
            url: table.get("url").map(|url| url.node.span),
        };
        connections.places.insert(entry.key.clone(), place);
        add(reading, entry, table, &mut connections);
    }
    connections
}

fn add(reading: &Reading<'_>, entry: &Entry, table: &Table, connections: &mut Connections) {
    KIND.name(reading, entry);
    let reader = Reader::new(reading, table, &CONNECTION, &["connection", &entry.key]);
    let mut shown = Shown::default();
    if let Some(connection) = one(&reader, entry, &mut shown) {
        let name = Arc::clone(&connection.name);
        connections.all.insert(Arc::clone(&name), Arc::new(connection));
        connections.shown.insert(name, shown);
    }
}

/// `None`: a problem was noted. What a URL that cannot be read might have wanted is read all the same, for its problems.
fn one(reader: &Reader<'_, '_>, entry: &Entry, shown: &mut Shown) -> Option<Connection> {
    let target = target(reader, entry, shown);
    let protocol = target.as_ref().map(|target| target.protocol);
    if let Some(Target { url, protocol, .. }) = &target {
        fit::refuse_misfits(reader, url.scheme(), *protocol);
    }
    let http = protocol.is_none_or(|protocol| protocol == Protocol::Http);
    let additions = http.then(|| (http::read(reader, shown), tls::proxy(reader, shown)));
    let login = (!http || protocol.is_none()).then(|| log_in(reader, protocol, shown));
    let tls = tls::options(reader);
    let Target { url, secret, .. } = target?;
    let addresses = networks::read(reader, &url).unwrap_or_else(|| networks::usual(&url));
    let mut connection = Connection::plain(&entry.key, url, addresses);
    connection.url_is_secret = secret;
    connection.tls = tls;
    (connection.user, connection.password) = login.unwrap_or_default();
    if let Some((additions, proxy)) = additions {
        connection.methods = additions.methods;
        connection.says_methods = reader.node("methods").is_some();
        connection.headers = additions.headers;
        connection.query = additions.query;
        connection.secrets = additions.secrets;
        connection.auth = additions.auth;
        connection.sign = additions.sign;
        connection.proxy = proxy;
    }
    refuse_double_parameters(reader, &connection);
    clear::warn(reader, &connection, shown);
    Some(connection)
}

/// A parameter that the URL and `query` both have would be sent twice.
fn refuse_double_parameters(reader: &Reader<'_, '_>, connection: &Connection) {
    let in_url: BTreeSet<String> = connection
        .url
        .query_pairs()
        .map(|(name, _)| name.into_owned())
        .collect();
    let double = connection.query.iter().find(|(name, _)| in_url.contains(name));
    if let (Some((name, _)), Some(node)) = (double, reader.node("query")) {
        let message = format!("`query` and `url` both have the parameter `{}`", excerpt(name));
        reader.reading.error(node.span, message, "keep one of them".to_owned());
    }
}

/// User and password of Redis or PostgreSQL.
fn log_in(reader: &Reader<'_, '_>, protocol: Option<Protocol>, shown: &mut Shown) -> (Option<String>, Option<Secret>) {
    let user = reader.string("user").map(|user| user.value);
    let node = reader.node("password");
    let password = node.and_then(|node| always(reader, "password", node, shown));
    match (protocol, reader.node("user"), node) {
        (Some(Protocol::Redis), Some(user), None) => {
            let hint = "password = \"${secret:NAME}\"; without either, the host does not log in".to_owned();
            let message = "`user` is given and `password` is not: Redis wants both";
            reader.reading.error(user.span, message, hint);
        }
        (Some(Protocol::Postgres), None, Some(password)) => {
            let message = "`password` is given and `user` is not: PostgreSQL wants to know whose it is";
            reader.reading.error(password.span, message, "user = \"…\"".to_owned());
        }
        _ => {}
    }
    (user, password)
}

/// Where a connection leads.
struct Target {
    url: url::Url,
    protocol: Protocol,
    /// The URL itself is a credential.
    secret: bool,
}

fn target(reader: &Reader<'_, '_>, entry: &Entry, shown: &mut Shown) -> Option<Target> {
    let Some(node) = reader.node("url") else {
        let message = format!("connection `{}` has no `url`", excerpt(&entry.key));
        let hint = "say where it leads: url = \"https://HOST/\", \"rediss://HOST:6379/0\" or \
                    \"postgres://HOST:5432/DATABASE\"";
        reader.reading.error(entry.key_span, message, hint.to_owned());
        return None;
    };
    let expanded = reader.text("url", node, "a string", Secrets::Allowed)?;
    match address::parse(&expanded.text) {
        Ok((url, protocol)) => {
            let secret = expanded.secret;
            if secret {
                note_url(shown, "url", node);
                keep_url(reader.reading, &url, expanded.constant);
            }
            Some(Target { url, protocol, secret })
        }
        Err(error) => {
            let hint = error.hint(false);
            reader.reading.error(node.span, format!("`url` {error}"), hint);
            None
        }
    }
}

/// What is said about a secret URL may name it as it was parsed, or its path alone.
pub(in crate::config) fn keep_url(reading: &Reading<'_>, url: &url::Url, has_constant: bool) {
    reading.keep_secret(&Secret::new(url.as_str()));
    let path = &url[url::Position::BeforePath..];
    if !has_constant && path.len() >= SECRET_PATH_BYTES_MIN {
        reading.keep_secret(&Secret::new(path));
    }
}
