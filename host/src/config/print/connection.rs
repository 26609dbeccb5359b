//! `[connection.NAME]` in `--print`, and what it grants in a comment.

use super::{Page, quoted, shown as shown_path};
use crate::config::{
    Addresses, Connection, HttpAuth, Protocol, Proxy, Sign, TlsOptions, connection::Shown, wording::bare_or_quoted,
};

/// The whole table; credentials as the file writes them, constants masked.
pub(super) fn table(page: &mut Page, connection: &Connection, shown: &Shown) {
    let name = &*connection.name;
    page.table(&["connection", name]);
    if connection.url_is_secret {
        page.raw("url", &quoted(shown.get("url", "")));
    } else {
        page.text("url", connection.url.as_str());
    }
    if connection.protocol() == Protocol::Http {
        methods(page, connection);
    }
    if let Some(user) = &connection.user {
        page.text("user", user);
    }
    if connection.password.is_some() {
        page.raw("password", &quoted(shown.get("password", "")));
    }
    if let Some(auth) = &connection.auth {
        page.raw("auth", &auth_value(auth, shown));
    }
    if let Some(sign) = &connection.sign {
        page.raw("sign", &sign_value(sign, shown));
    }
    if !matches!(connection.url.scheme(), "unix" | "redis+unix") {
        page.raw("addresses", &addresses(&connection.addresses));
    }
    if let Some(proxy) = &connection.proxy {
        page.raw("proxy", &proxy_value(proxy, shown));
    }
    tls(page, &connection.tls);
    let named = |names: Vec<&String>, key: &'static str, page: &mut Page| {
        if !names.is_empty() {
            page.table(&["connection", name, key]);
        }
        for entry in names {
            page.raw(entry, &quoted(shown.get(key, entry)));
        }
    };
    named(
        connection.headers.iter().map(|(name, _)| name).collect(),
        "headers",
        page,
    );
    named(connection.query.iter().map(|(name, _)| name).collect(), "query", page);
    named(connection.secrets.keys().collect(), "secrets", page);
}

/// Those that nobody said stay unsaid, since saying them would keep receivers from posting.
fn methods(page: &mut Page, connection: &Connection) {
    if connection.says_methods {
        let methods: Vec<String> = connection.methods.iter().map(|method| quoted(method)).collect();
        page.raw("methods", &format!("[{}]", methods.join(", ")));
    } else {
        page.comment("methods: GET, HEAD and OPTIONS, and POST for receivers");
    }
}

fn text(value: &str) -> String {
    quoted(&super::escaped(value))
}

fn auth_value(auth: &HttpAuth, shown: &Shown) -> String {
    match auth {
        HttpAuth::Basic { user, .. } => {
            let password = quoted(shown.get("auth.basic.password", ""));
            format!("{{ basic = {{ user = {}, password = {password} }} }}", text(user))
        }
        HttpAuth::Bearer(_) => format!("{{ bearer = {} }}", quoted(shown.get("auth.bearer", ""))),
    }
}

fn sign_value(sign: &Sign, shown: &Shown) -> String {
    let key = quoted(shown.get("sign.key", ""));
    let mut parts = vec![format!("header = {}", text(&sign.header)), format!("key = {key}")];
    if !sign.prefix.is_empty() {
        parts.push(format!("prefix = {}", text(&sign.prefix)));
    }
    if let Some(header) = &sign.timestamp_header {
        parts.push(format!("timestamp_header = {}", text(header)));
    }
    format!("{{ {} }}", parts.join(", "))
}

fn proxy_value(proxy: &Proxy, shown: &Shown) -> String {
    let url = text(proxy.url.as_str());
    match &proxy.auth {
        None => url,
        Some((user, _)) => {
            let password = quoted(shown.get("proxy.password", ""));
            format!("{{ url = {url}, user = {}, password = {password} }}", text(user))
        }
    }
}

/// `tls`, if there is anything to say.
pub(super) fn tls(page: &mut Page, tls: &TlsOptions) {
    if *tls != TlsOptions::default() {
        page.raw("tls", &tls_value(tls));
    }
}

fn tls_value(tls: &TlsOptions) -> String {
    let path = |key: &str, path: &std::path::Path| format!("{key} = {}", text(&shown_path(path)));
    let mut parts: Vec<String> = tls.ca.iter().map(|ca| path("ca", ca)).collect();
    if tls.ca_only {
        parts.push("ca_only = true".to_owned());
    }
    if let Some(client) = &tls.client {
        parts.push(path("certificate", &client.certificate));
        parts.push(path("key", &client.key));
    }
    if let Some(name) = &tls.server_name {
        parts.push(format!("server_name = {}", text(name)));
    }
    if tls.insecure {
        parts.push("insecure = true".to_owned());
    }
    format!("{{ {} }}", parts.join(", "))
}

fn addresses(addresses: &Addresses) -> String {
    match addresses {
        Addresses::Public => quoted("public"),
        Addresses::Private => quoted("private"),
        Addresses::Networks(networks) => {
            let networks: Vec<String> = networks.iter().map(|network| quoted(&network.to_string())).collect();
            format!("[{}]", networks.join(", "))
        }
    }
}

/// What a check may do with a connection, in a line.
pub(super) fn grant(connection: &Connection) -> String {
    let mut words: Vec<String> = connection.methods.iter().cloned().collect();
    words.push(match (&connection.addresses, connection.url.scheme()) {
        (_, "unix" | "redis+unix") => "a socket".to_owned(),
        (Addresses::Public, _) => "public addresses".to_owned(),
        (Addresses::Private, _) => "private and public addresses".to_owned(),
        (Addresses::Networks(networks), _) => {
            let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
            format!("addresses in {}", networks.join(" and "))
        }
    });
    format!("{} ({})", connection.shown_url(), words.join(", "))
}

/// `connection = "cache"`, or `connections = { … }`.
pub(super) fn bindings<'c>(page: &mut Page, bound: impl Iterator<Item = (&'c String, &'c Connection)>) {
    let bound: Vec<(&String, &Connection)> = bound.collect();
    match bound.as_slice() {
        [] => {}
        [(slot, one)] if *slot == "default" => page.text("connection", &one.name),
        many => {
            let each = many
                .iter()
                .map(|(slot, connection)| format!("{} = {}", bare_or_quoted(slot), text(&connection.name)));
            page.raw("connections", &format!("{{ {} }}", each.collect::<Vec<_>>().join(", ")));
        }
    }
}
