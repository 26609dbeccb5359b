//! `tls` and `proxy` of a connection.
//!
//! Files are named here and read when somebody dials: a renewed certificate counts without a reload.

use std::net::IpAddr;

use super::{Proxy, Shown, TlsOptions, address, credential::always};
use crate::config::{
    TlsFiles,
    reader::Reader,
    reading::Secrets,
    source::{At, Span},
    tree::Value,
    vocabulary::{CONNECTION_PROXY, CONNECTION_TLS},
    wording::excerpt,
};

/// Longest name of a server (RFC 1035).
const NAME_BYTES_MAX: usize = 253;

pub(in crate::config) fn options(reader: &Reader<'_, '_>) -> TlsOptions {
    let Some(tls) = reader.table("tls", &CONNECTION_TLS) else {
        return TlsOptions::default();
    };
    let (ca, ca_only) = (tls.path("ca"), tls.boolean("ca_only"));
    if let (None, Some(At { value: true, span })) = (tls.node("ca"), &ca_only) {
        let hint = "name what to trust: tls.ca = \"ca.pem\"".to_owned();
        tls.reading
            .error(*span, "`tls.ca_only` trusts `tls.ca` alone, and there is none", hint);
    }
    let insecure = tls.boolean("insecure");
    if let Some(At { value: true, span }) = &insecure {
        let hint = "whoever is on the way can read and change everything, credentials too; name what to trust instead: \
                    tls.ca = \"ca.pem\"";
        tls.reading.warn(
            *span,
            "`tls.insecure` accepts whatever certificate is shown",
            hint.to_owned(),
        );
    }
    TlsOptions {
        ca: ca.map(|ca| ca.value),
        ca_only: ca_only.is_some_and(|only| only.value),
        client: client(&tls),
        server_name: server_name(&tls),
        insecure: insecure.is_some_and(|insecure| insecure.value),
    }
}

fn client(tls: &Reader<'_, '_>) -> Option<TlsFiles> {
    let (certificate, key) = (tls.path("certificate"), tls.path("key"));
    let missing = match (tls.node("certificate"), tls.node("key")) {
        (Some(node), None) => Some((node, "certificate", "key")),
        (None, Some(node)) => Some((node, "key", "certificate")),
        _ => None,
    };
    if let Some((node, given, missing)) = missing {
        let message = format!("`tls.{given}` is given and `tls.{missing}` is not");
        let hint =
            "who shows a certificate needs its key: tls = { certificate = \"client.pem\", key = \"client.key\" }";
        tls.reading.error(node.span, message, hint.to_owned());
    }
    Some(TlsFiles {
        certificate: certificate?.value,
        key: key?.value,
    })
}

fn server_name(tls: &Reader<'_, '_>) -> Option<String> {
    let At { value, span } = tls.string("server_name")?;
    if is_server_name(&value) {
        return Some(value.to_ascii_lowercase());
    }
    let message = format!("`tls.server_name` cannot be \"{}\"", excerpt(&value));
    let hint = "a name or an address alone, without scheme and port: \"db.example.com\"".to_owned();
    tls.reading.error(span, message, hint);
    None
}

fn is_server_name(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.parse::<IpAddr>().is_ok() || (text.len() <= NAME_BYTES_MAX && text.split('.').all(part))
}

pub(super) fn proxy(reader: &Reader<'_, '_>, shown: &mut Shown) -> Option<Proxy> {
    let node = reader.node("proxy")?;
    if let Value::String(_) = node.value {
        let text = reader.text("proxy", node, "a URL", Secrets::Refused)?.text;
        let url = proxy_url(reader, "proxy", &text, node.span)?;
        return Some(Proxy { url, auth: None });
    }
    if !matches!(node.value, Value::Table(_)) {
        let hint = "proxy = \"http://proxy.example.com:3128\"".to_owned();
        reader.wrong("proxy", node, "a URL or a table", Some(hint));
        return None;
    }
    let proxy = reader.table("proxy", &CONNECTION_PROXY)?;
    if proxy.node("url").is_none() {
        let hint = "proxy = { url = \"http://proxy.example.com:3128\", user = \"…\", password = \"${secret:NAME}\" }";
        proxy
            .reading
            .error(proxy.table.span, "`proxy` has no `url`", hint.to_owned());
    }
    let url = proxy.string("url");
    let url = url.and_then(|At { value, span }| proxy_url(&proxy, "proxy.url", &value, span));
    let auth = login(&proxy, shown);
    Some(Proxy { url: url?, auth })
}

fn login(proxy: &Reader<'_, '_>, shown: &mut Shown) -> Option<(String, crate::secret::Secret)> {
    let (user, password) = (proxy.string("user"), proxy.node("password"));
    let missing = match (proxy.node("user"), password) {
        (Some(node), None) => Some((node, "user", "password")),
        (None, Some(node)) => Some((node, "password", "user")),
        _ => None,
    };
    if let Some((node, given, missing)) = missing {
        let message = format!("`proxy.{given}` is given and `proxy.{missing}` is not");
        proxy.reading.error(node.span, message, "a proxy wants both".to_owned());
    }
    let password = password.and_then(|node| always(proxy, "proxy.password", node, shown));
    Some((user?.value, password?))
}

fn proxy_url(reader: &Reader<'_, '_>, key: &str, text: &str, span: Span) -> Option<url::Url> {
    let refuse = |message: String, hint: &str| {
        reader.reading.error(span, message, hint.to_owned());
        None
    };
    let url = match address::parse(text) {
        Ok((url, _)) => url,
        Err(super::AddressError::Userinfo(_)) => {
            return refuse(
                format!("`{key}` holds a user or a password before the `@`"),
                "proxy = { url = \"…\", user = \"…\", password = \"${secret:NAME}\" }",
            );
        }
        Err(error) => return refuse(format!("`{key}` {error}"), "proxy = \"http://proxy.example.com:3128\""),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse(
            format!(
                "`{key}` has the scheme `{}`; proxies are spoken to over http or https",
                url.scheme()
            ),
            "proxy = \"http://proxy.example.com:3128\"",
        );
    }
    if url.path() != "/" || url.query().is_some() {
        return refuse(
            format!("`{key}` has a path, and a proxy has none"),
            "end it after the port",
        );
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_name_is_a_name_or_an_address_and_nothing_more() {
        for good in ["db.example.com", "localhost", "10.0.0.7", "2001:db8::1", "a_b.svc"] {
            assert!(is_server_name(good), "{good}");
        }
        for bad in ["", "https://x", "x:443", "x/y", "a..b", "x.", "ü.de", "[::1]"] {
            assert!(!is_server_name(bad), "{bad}");
        }
    }
}
