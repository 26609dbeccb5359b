//! Routes, receivers, inhibitions and time intervals as tables.

use std::collections::BTreeSet;

use super::{
    super::{
        alertmanager::{self, Alertmanager, FileMail, FileWay, Purpose, WayKind},
        dispatch::{FileGroupBy, FilePeriod, FilePolicy, FileRoute, Parent},
        foreign::{FileAuth, FileConnection, FileTls, FileUrl, Secrets},
        reading::Reading,
        resolved::GroupBy,
        source::{At, FileId},
        units::show_duration,
        wording::bare_or_quoted,
    },
    page::{Page, inline, list, quoted, secret, text},
};

/// Writes what a file says.
pub(super) fn write(reading: &Reading<'_>, file: FileId, secrets: &Secrets, page: &mut Page) {
    let read = alertmanager::read(reading, file, secrets, &BTreeSet::new(), Purpose::Migration);
    for way in &read.ways {
        receiver(&read, way, page);
    }
    defaults(&read, page);
    for interval in &read.intervals {
        time_interval(&interval.name.value, &interval.periods, page);
    }
    let parents: BTreeSet<usize> = read
        .routes
        .iter()
        .filter_map(|route| match route.parent {
            Parent::At(at) => Some(at),
            Parent::Root | Parent::Named(_) => None,
        })
        .collect();
    for (at, route) in read.routes.iter().enumerate() {
        self::route(&read, at, route, parents.contains(&at), page);
    }
    for inhibition in read.inhibitions.iter().filter_map(|file| file.resolved.as_ref()) {
        page.item(&["inhibit"]);
        page.raw("source", &list(inhibition.source.iter().map(ToString::to_string)));
        page.raw("target", &list(inhibition.target.iter().map(ToString::to_string)));
        if !inhibition.equal.is_empty() {
            page.raw("equal", &list(&inhibition.equal));
        }
    }
}

/// The ways of the receivers that a route names.
fn ways<'f>(read: &'f Alertmanager, named: &[At<String>]) -> Vec<&'f str> {
    let of = |name: &At<String>| {
        let ways = read.ways.iter().filter(|way| way.of == name.value);
        ways.map(|way| way.name.as_str()).collect::<Vec<_>>()
    };
    named.iter().flat_map(of).collect()
}

fn defaults(read: &Alertmanager, page: &mut Page) {
    let named = read.defaults.receivers.as_deref().unwrap_or_default();
    page.alerting("receivers", list(ways(read, named)));
    for (key, value) in policy(&read.defaults.policy) {
        page.alerting(key, value);
    }
    if let Some(timeout) = read.defaults.resolve_timeout {
        page.alerting("resolve_timeout", quoted(&show_duration(timeout)));
    }
}

fn policy(policy: &FilePolicy) -> Vec<(&'static str, String)> {
    let group_by = policy.group_by.as_ref().map(|FileGroupBy(group_by)| match group_by {
        GroupBy::All => list(["..."]),
        GroupBy::Labels(labels) => list(labels),
    });
    let repeat = policy.repeat_interval.as_ref().map(|given| given.value);
    let spans = [
        ("group_wait", policy.group_wait),
        ("group_interval", policy.group_interval),
        ("repeat_interval", repeat),
    ];
    let spans = spans
        .into_iter()
        .filter_map(|(key, span)| Some((key, quoted(&show_duration(span?)))));
    group_by
        .map(|value| ("group_by", value))
        .into_iter()
        .chain(spans)
        .collect()
}

fn route(read: &Alertmanager, at: usize, route: &FileRoute, is_parent: bool, page: &mut Page) {
    let name = |at: usize| format!("route-{}", at + 1);
    page.item(&["route"]);
    if is_parent {
        page.text("name", &name(at));
    }
    if let Parent::At(parent) = route.parent {
        page.text("parent", &name(parent));
    }
    if !route.matchers.is_empty() {
        page.raw("match", &list(route.matchers.iter().map(ToString::to_string)));
    }
    if let Some(named) = &route.receivers {
        page.raw("receivers", &list(ways(read, named)));
    }
    if route.goes_on {
        page.raw("continue", "true");
    }
    for (key, value) in policy(&route.policy) {
        page.raw(key, &value);
    }
    for (key, times) in [("mute_times", &route.mute_times), ("active_times", &route.active_times)] {
        if !times.is_empty() {
            page.raw(key, &list(times.iter().map(|name| name.value.as_str())));
        }
    }
}

fn time_interval(name: &str, periods: &[FilePeriod], page: &mut Page) {
    page.table(&["time_interval", name]);
    match periods {
        [one] => fields(one).iter().for_each(|(key, value)| page.raw(key, value)),
        many => {
            let each = many.iter().filter_map(|period| inline(&fields(period)));
            page.raw(
                "any",
                &format!("[\n    {},\n]", each.collect::<Vec<_>>().join(",\n    ")),
            );
        }
    }
}

fn fields(period: &FilePeriod) -> Vec<(String, String)> {
    let lists = period.lists().into_iter().filter(|(_, list)| !list.is_empty());
    let written = lists.map(|(key, texts)| (key.to_owned(), list(texts.iter().map(|text| text.value.as_str()))));
    let zone = period
        .timezone
        .iter()
        .map(|zone| ("timezone".to_owned(), text(&zone.value)));
    written.chain(zone).collect()
}

fn receiver(read: &Alertmanager, way: &FileWay, page: &mut Page) {
    let several = read.ways.iter().filter(|other| other.of == way.of).count() > 1;
    page.table(&["receiver", &way.name]);
    if several || way.of != way.name {
        page.comment(&format!("of the receiver {}", text(&way.of)));
    }
    if let WayKind::Plugin { plugin, settings, .. } = &way.kind {
        page.text("plugin", plugin);
        page.text("connection", &way.name);
        for (key, value) in settings {
            let value = match value {
                serde_json::Value::String(value) => text(value),
                other => other.to_string(),
            };
            page.raw(&format!("settings.{key}"), &value);
        }
    }
    if !way.send_resolved {
        page.raw("send_resolved", "false");
    }
    if let Some(timeout) = way.timeout {
        page.text("timeout", &show_duration(timeout));
    }
    for (key, template) in [("title", &way.title), ("text", &way.text)] {
        template.iter().for_each(|template| page.text(key, template));
    }
    match &way.kind {
        WayKind::Plugin { connection, .. } => self::connection(&way.name, connection, Some("POST"), page),
        WayKind::Mail(mail) => self::mail(&way.name, mail, page),
    }
}

fn mail(name: &str, mail: &FileMail, page: &mut Page) {
    page.table(&["receiver", name, "email"]);
    let (server, port) = &mail.server;
    let server = match server.contains(':') {
        true => format!("[{server}]:{port}"),
        false => format!("{server}:{port}"),
    };
    page.text("server", &server);
    page.text("security", mail.security.as_str());
    if let Some((user, password)) = &mail.login {
        page.text("user", user);
        page.raw("password", &secret(&password.name));
    }
    page.text("from", &mail.from);
    page.raw("to", &list(&mail.to));
    for (key, value) in [("reply_to", &mail.reply_to), ("hello", &mail.hello)] {
        value.iter().for_each(|value| page.text(key, value));
    }
    tls(&mail.tls, page);
}

/// A connection of this name; `method` is what it allows.
pub(super) fn connection(name: &str, connection: &FileConnection, method: Option<&str>, page: &mut Page) {
    page.table(&["connection", name]);
    match &connection.url {
        FileUrl::Plain(url) => page.text("url", &url.value),
        FileUrl::Secret(url) => page.raw("url", &secret(&url.name)),
    }
    if let Some(method) = method {
        page.raw("methods", &list([method]));
    }
    match &connection.auth {
        Some(FileAuth::Basic(user, password)) => {
            let basic = format!("{{ user = {}, password = {} }}", text(user), secret(&password.name));
            page.raw("auth", &format!("{{ basic = {basic} }}"));
        }
        Some(FileAuth::Bearer(token)) => page.raw("auth", &format!("{{ bearer = {} }}", secret(&token.name))),
        None => {}
    }
    for (header, value) in &connection.headers {
        page.raw(&format!("headers.{}", bare_or_quoted(header)), &secret(&value.name));
    }
    for (key, value) in &connection.secrets {
        page.raw(&format!("secrets.{key}"), &secret(&value.name));
    }
    connection
        .proxy
        .iter()
        .for_each(|proxy| page.text("proxy", &proxy.value));
    tls(&connection.tls, page);
}

fn tls(tls: &FileTls, page: &mut Page) {
    let entry = |key: &str, value: &Option<String>| Some((key.to_owned(), text(value.as_ref()?)));
    let mut entries: Vec<(String, String)> = [
        entry("ca", &tls.ca),
        entry("certificate", &tls.certificate),
        entry("key", &tls.key),
        entry("server_name", &tls.server_name),
    ]
    .into_iter()
    .flatten()
    .collect();
    if tls.ca.is_some() {
        entries.push(("ca_only".to_owned(), "true".to_owned()));
    }
    if tls.insecure {
        entries.push(("insecure".to_owned(), "true".to_owned()));
    }
    inline(&entries).iter().for_each(|value| page.raw("tls", value));
}
