//! Receivers, routes, inhibitions and time intervals in `--print`, those of Alertmanager's file among them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Page, connection, escaped, print_grants, print_limits, print_plugin, print_settings, quoted};
use crate::{
    alert::Matcher,
    config::{
        User,
        connection::Shown,
        dispatch::FilePeriod,
        resolved::{Dispatch, Email, Forwarder, GroupBy, Receiver, ReceiverKind, Route, Timings},
        source::At,
        units::show_duration,
    },
};

/// Every `[receiver.NAME]`.
pub(super) fn receivers(page: &mut Page, dispatch: &Dispatch, shown: &BTreeMap<Arc<str>, Shown>) {
    for receiver in dispatch.receivers.values() {
        let shown = shown.get(&receiver.name).cloned().unwrap_or_default();
        print_receiver(page, receiver, &shown);
    }
}

fn print_receiver(page: &mut Page, receiver: &Receiver, shown: &Shown) {
    page.table(&["receiver", &receiver.name]);
    page.comment(&format!("from {}", receiver.location));
    if let ReceiverKind::Plugin(forwarder) = &receiver.kind {
        print_grants(page, &BTreeSet::new(), &forwarder.connections, &[]);
        print_plugin(page, &forwarder.plugin);
    }
    if receiver.kind == ReceiverKind::Log {
        page.raw("log", "true");
    }
    page.text("timeout", &show_duration(receiver.timeout));
    page.raw("send_resolved", &receiver.send_resolved.to_string());
    for (key, template) in [("title", &receiver.title), ("text", &receiver.text)] {
        template.iter().for_each(|template| page.text(key, template));
    }
    match receiver.rate_limit {
        Some(limit) => page.text(
            "rate_limit",
            &format!("{}/{}", limit.messages, show_duration(limit.per)),
        ),
        None => page.comment("rate_limit: what its kind is known to take"),
    }
    if !receiver.runs.is_empty() {
        let runs: Vec<String> = receiver.runs.iter().map(ToString::to_string).collect();
        page.raw("runs", &list(&runs));
    }
    match &receiver.kind {
        ReceiverKind::Plugin(forwarder) => print_forwarder(page, &receiver.name, forwarder),
        ReceiverKind::Email(email) => print_email(page, &receiver.name, email, shown),
        ReceiverKind::Log => {}
    }
}

fn print_forwarder(page: &mut Page, name: &str, forwarder: &Forwarder) {
    let bound = forwarder.connections.iter().map(|(slot, bound)| (slot, &**bound));
    connection::bindings(page, bound);
    print_limits(page, User::Receiver(name), &forwarder.limits);
    print_settings(page, User::Receiver(name), &forwarder.settings);
}

fn print_email(page: &mut Page, name: &str, email: &Email, shown: &Shown) {
    page.table(&["receiver", name, "email"]);
    let server = match email.server.contains(':') {
        true => format!("[{}]:{}", email.server, email.port),
        false => format!("{}:{}", email.server, email.port),
    };
    page.text("server", &server);
    page.text("security", email.security.as_str());
    email.user.iter().for_each(|user| page.text("user", user));
    if email.password.is_some() {
        page.raw("password", &quoted(shown.get("password", "")));
    }
    page.text("from", &email.from);
    for (key, addresses) in [("to", &email.to), ("cc", &email.cc), ("bcc", &email.bcc)] {
        if !addresses.is_empty() {
            page.raw(key, &list(addresses));
        }
    }
    for (key, value) in [("reply_to", &email.reply_to), ("hello", &email.hello)] {
        value.iter().for_each(|value| page.text(key, value));
    }
    connection::tls(page, &email.tls);
}

/// The keys of `[alerting]` about notifications.
pub(super) fn defaults(page: &mut Page, dispatch: &Dispatch) {
    page.raw("receivers", &list(&dispatch.root.receivers));
    page.raw("fallback_receivers", &list(&dispatch.fallback_receivers));
    page.raw("group_by", &group_by(&dispatch.root.group_by));
    timings(page, &dispatch.root.timings);
    page.text("resolve_timeout", &show_duration(dispatch.resolve_timeout));
    page.raw("redact_labels", &list(&dispatch.redact_labels));
}

/// `[time_interval.NAME]`, `[[route]]` and `[[inhibit]]`.
pub(super) fn tables(page: &mut Page, dispatch: &Dispatch, periods: &BTreeMap<String, Vec<FilePeriod>>) {
    for (name, periods) in periods {
        page.table(&["time_interval", name]);
        match periods.as_slice() {
            [one] => fields(one).iter().for_each(|(key, value)| page.raw(key, value)),
            many => {
                let each = many.iter().map(|period| {
                    let fields = fields(period);
                    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                    format!("{{ {} }}", fields.join(", "))
                });
                page.raw("any", &format!("[{}]", each.collect::<Vec<_>>().join(", ")));
            }
        }
    }
    let named = names(&dispatch.routes);
    for (at, route) in dispatch.routes.iter().enumerate() {
        print_route(
            page,
            route,
            named.get(&at),
            route.parent.and_then(|parent| named.get(&parent)),
        );
    }
    for inhibition in &dispatch.inhibitions {
        page.gap();
        page.line("[[inhibit]]");
        page.comment(&format!("from {}", inhibition.location));
        page.raw("source", &matchers(&inhibition.source));
        page.raw("target", &matchers(&inhibition.target));
        page.raw("equal", &list(&inhibition.equal));
    }
}

/// Of those that have one and of those that others stand below: Alertmanager's have none.
fn names(routes: &[Route]) -> BTreeMap<usize, String> {
    let parents = routes.iter().filter_map(|route| route.parent);
    let given = |name: &str| routes.iter().any(|route| route.name.as_deref() == Some(name));
    let mut all: BTreeMap<usize, String> = BTreeMap::new();
    for parent in parents {
        all.entry(parent).or_insert_with(|| {
            let mut name = format!("route-{}", parent + 1);
            while given(&name) {
                name.push('-');
            }
            name
        });
    }
    let own = routes.iter().enumerate();
    all.extend(own.filter_map(|(at, route)| Some((at, route.name.as_ref()?.to_string()))));
    all
}

fn print_route(page: &mut Page, route: &Route, name: Option<&String>, parent: Option<&String>) {
    page.gap();
    page.line("[[route]]");
    page.comment(&format!("from {}", route.location));
    name.iter().for_each(|name| page.text("name", name));
    parent.iter().for_each(|parent| page.text("parent", parent));
    page.raw("match", &matchers(&route.matchers));
    page.raw("receivers", &list(&route.receivers));
    page.raw("continue", &route.goes_on.to_string());
    page.raw("group_by", &group_by(&route.group_by));
    timings(page, &route.timings);
    for (key, times) in [("mute_times", &route.mute_times), ("active_times", &route.active_times)] {
        if !times.is_empty() {
            page.raw(key, &list(times));
        }
    }
}

fn timings(page: &mut Page, timings: &Timings) {
    page.text("group_wait", &show_duration(timings.group_wait));
    page.text("group_interval", &show_duration(timings.group_interval));
    page.text("repeat_interval", &show_duration(timings.repeat_interval));
}

fn group_by(group_by: &GroupBy) -> String {
    match group_by {
        GroupBy::All => list(["..."]),
        GroupBy::Labels(labels) => list(labels),
    }
}

fn matchers(matchers: &[Matcher]) -> String {
    let texts: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    list(&texts)
}

fn fields(period: &FilePeriod) -> Vec<(&'static str, String)> {
    let written = |list: &[At<String>]| super::dispatch::list(list.iter().map(|text| text.value.as_str()));
    let lists = period.lists().into_iter().filter(|(_, list)| !list.is_empty());
    let mut fields: Vec<(&'static str, String)> = lists.map(|(key, list)| (key, written(list))).collect();
    fields.extend(
        period
            .timezone
            .iter()
            .map(|zone| ("timezone", quoted(&escaped(&zone.value)))),
    );
    fields
}

pub(super) fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let texts = texts.into_iter().map(|text| quoted(&escaped(text.as_ref())));
    format!("[{}]", texts.collect::<Vec<_>>().join(", "))
}
