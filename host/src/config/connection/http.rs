//! What a connection adds to requests over HTTP: `methods`, `headers`, `query`, `secrets`, `auth` and `sign`.
//!
//! Flows in: the table of the connection. Flows out: values that can go on the wire as they are; what no request can carry
//! is noted here, so that it is found before the first run and not by it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    HttpAuth, Shown, Sign,
    credential::{always, named, perhaps},
};
use crate::{
    config::{
        reader::Reader,
        source::{At, Span},
        tree::{Entry, Node, Table, Value},
        vocabulary::{self, CONNECTION_AUTH, CONNECTION_BASIC, CONNECTION_SIGN},
        wording::excerpt,
    },
    secret::Secret,
};

/// What a connection allows when it does not say: what changes nothing.
pub const METHODS_DEFAULT: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// Methods that turn a connection into something else than requests and answers, or show them to whoever asks.
const METHODS_REFUSED: [&str; 2] = ["CONNECT", "TRACE"];

/// Headers that say how one connection is used (RFC 9110, 7.6.1) and not what is asked, or frame the message. The host writes
/// them itself, so neither a configuration nor a guest sets them.
pub const HOP_BY_HOP: [&str; 13] = [
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// What the host writes besides.
const WRITTEN_BY_THE_HOST: [&str; 2] = ["content-length", "host"];

/// Most entries of `headers`, `query` or `secrets`: servers refuse requests with more headers than this.
pub(super) const ENTRIES_MAX: usize = 100;

/// What is added to requests.
#[derive(Debug, Default)]
pub(super) struct Additions {
    pub(super) methods: BTreeSet<String>,
    pub(super) headers: Vec<(String, Secret)>,
    pub(super) query: Vec<(String, Secret)>,
    pub(super) secrets: BTreeMap<String, Secret>,
    pub(super) auth: Option<HttpAuth>,
    pub(super) sign: Option<Sign>,
}

pub(super) fn read(reader: &Reader<'_, '_>, shown: &mut Shown) -> Additions {
    let additions = Additions {
        methods: methods(reader),
        headers: headers(reader, shown),
        query: query(reader, shown),
        secrets: secrets(reader, shown),
        auth: auth(reader, shown),
        sign: sign(reader, shown),
    };
    refuse_double_headers(reader, &additions);
    additions
}

fn methods(reader: &Reader<'_, '_>) -> BTreeSet<String> {
    let Some(words) = reader.strings("methods") else {
        return METHODS_DEFAULT.map(str::to_owned).into();
    };
    if let Some(Node {
        span,
        value: Value::Array(items),
    }) = reader.node("methods")
        && items.is_empty()
    {
        let hint = "leave it out for GET, HEAD and OPTIONS, or name some: methods = [\"GET\", \"POST\"]".to_owned();
        reader
            .reading
            .error(*span, "`methods` is empty: no request could be sent", hint);
    }
    words.iter().filter_map(|word| method(reader, word)).collect()
}

fn method(reader: &Reader<'_, '_>, word: &At<String>) -> Option<String> {
    let method = word.value.to_ascii_uppercase();
    let shown = excerpt(&word.value);
    if METHODS_REFUSED.contains(&method.as_str()) {
        let message = format!("method `{shown}` is not offered: it does more than ask and answer");
        reader.reading.error(word.span, message, "remove it".to_owned());
        return None;
    }
    if !is_token(&method) {
        let hint = "for example: methods = [\"GET\", \"POST\"]".to_owned();
        reader
            .reading
            .error(word.span, format!("\"{shown}\" is not a method"), hint);
        return None;
    }
    Some(method)
}

fn headers(reader: &Reader<'_, '_>, shown: &mut Shown) -> Vec<(String, Secret)> {
    let mut seen = BTreeSet::new();
    let mut header = |entry: &Entry| {
        let name = header_name(reader, &entry.key, entry.key_span);
        let value = perhaps(reader, "headers", &entry.key, &entry.node, shown)?;
        let name = name?;
        if !seen.insert(name.clone()) {
            let message = format!("header `{name}` is set twice: names differ in nothing but case");
            reader
                .reading
                .error(entry.key_span, message, "keep one of them".to_owned());
            return None;
        }
        fits_header(reader, &format!("headers.{name}"), value.expose(), entry.node.span).then_some((name, value))
    };
    let entries = entries(reader, "headers", "a header of every request");
    entries.iter().filter_map(&mut header).collect()
}

/// Lower case.
fn header_name(reader: &Reader<'_, '_>, written: &str, span: Span) -> Option<String> {
    let name = written.to_ascii_lowercase();
    if HOP_BY_HOP
        .iter()
        .chain(&WRITTEN_BY_THE_HOST)
        .any(|refused| *refused == name.as_str())
    {
        let message = format!("header `{name}` is the host's own to write");
        let hint = match name.as_str() {
            "host" => "it follows from `url`; what TLS asks for is tls.server_name",
            "proxy-authorization" => "proxy = { url = \"…\", user = \"…\", password = \"…\" } logs in to a proxy",
            _ => "remove it",
        };
        reader.reading.error(span, message, hint.to_owned());
        return None;
    }
    if !is_token(&name) {
        let message = format!("`{}` cannot be the name of a header", excerpt(written));
        let hint = "names have letters, digits and `-`, such as `x-api-key`".to_owned();
        reader.reading.error(span, message, hint);
        return None;
    }
    Some(name)
}

/// Says nothing about the value, which may be a secret.
fn fits_header(reader: &Reader<'_, '_>, what: &str, value: &str, span: Span) -> bool {
    let visible = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let fits = visible && value.trim() == value;
    if !fits {
        let message = format!("`{what}` cannot be sent in a header");
        let hint = "values are visible ASCII characters, with blanks between them only".to_owned();
        reader.reading.error(span, message, hint);
    }
    fits
}

/// `tchar` of RFC 9110.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn query(reader: &Reader<'_, '_>, shown: &mut Shown) -> Vec<(String, Secret)> {
    let parameter = |entry: &Entry| {
        Some((
            entry.key.clone(),
            perhaps(reader, "query", &entry.key, &entry.node, shown)?,
        ))
    };
    let entries = entries(reader, "query", "a parameter of every request");
    entries.iter().filter_map(parameter).collect()
}

fn secrets(reader: &Reader<'_, '_>, shown: &mut Shown) -> BTreeMap<String, Secret> {
    let secret = |entry: &Entry| {
        let value = named(reader, "secrets", &entry.key, &entry.node, shown)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if entry.key.is_empty() || !entry.key.bytes().all(plain) {
            let message = format!("`{}` cannot be the name of a secret", excerpt(&entry.key));
            let hint = "plugins write it as {{secret:NAME}}: use letters, digits, `_` and `-`".to_owned();
            reader.reading.error(entry.key_span, message, hint);
            return None;
        }
        Some((entry.key.clone(), value))
    };
    let entries = entries(reader, "secrets", "a secret that plugins may name");
    entries.iter().filter_map(secret).collect()
}

/// What stands in a table of free names. A key of the connection may have slid into it.
fn entries<'r>(reader: &Reader<'r, '_>, key: &'static str, becomes: &str) -> &'r [Entry] {
    let Some(node) = reader.node(key) else { return &[] };
    let Value::Table(table) = &node.value else {
        let hint = format!("for example: {key} = {{ NAME = \"${{secret:NAME}}\" }}");
        reader.wrong(key, node, "a table", Some(hint));
        return &[];
    };
    if table.entries.len() > ENTRIES_MAX {
        let message = format!(
            "`{key}` has {} entries; at most {ENTRIES_MAX} are accepted",
            table.entries.len()
        );
        reader.reading.error(node.span, message, None);
    }
    warn_of_slid(reader, table, becomes);
    &table.entries
}

fn warn_of_slid(reader: &Reader<'_, '_>, table: &Table, becomes: &str) {
    for entry in table.entries.iter().filter(|_| table.headed) {
        if vocabulary::is_connection_key(&entry.key) && reader.table.get(&entry.key).is_none() {
            let line = reader.reading.sources.line(table.span);
            let (key, owner) = (&entry.key, reader.title());
            let hint =
                format!("if `{key}` of `{owner}` is meant, move it above line {line}, where another table begins");
            reader
                .reading
                .warn(entry.key_span, format!("`{key}` becomes {becomes}"), hint);
        }
    }
}

fn auth(reader: &Reader<'_, '_>, shown: &mut Shown) -> Option<HttpAuth> {
    let node = reader.node("auth")?;
    if !matches!(node.value, Value::Table(_)) {
        let hint = "auth = { bearer = \"${secret:NAME}\" }, or auth = { basic = { user = \"…\", password = \
                    \"${secret:NAME}\" } }";
        reader.wrong("auth", node, "a table", Some(hint.to_owned()));
        return None;
    }
    let auth = reader.table("auth", &CONNECTION_AUTH)?;
    match (auth.node("basic"), auth.node("bearer")) {
        (Some(_), Some(second)) => {
            let message = "`auth` has both `basic` and `bearer`, and a request carries one of them";
            auth.reading.error(second.span, message, "keep one of them".to_owned());
            None
        }
        (Some(_), None) => basic(&auth, shown),
        (None, Some(node)) => bearer(&auth, node, shown),
        (None, None) => {
            let hint = "auth = { bearer = \"${secret:NAME}\" }".to_owned();
            auth.reading
                .error(auth.table.span, "`auth` has neither `basic` nor `bearer`", hint);
            None
        }
    }
}

fn bearer(auth: &Reader<'_, '_>, node: &Node, shown: &mut Shown) -> Option<HttpAuth> {
    let token = always(auth, "auth.bearer", node, shown)?;
    let fits = !token.expose().contains(' ') && fits_header(auth, "auth.bearer", token.expose(), node.span);
    if token.expose().contains(' ') {
        let hint = "the word `Bearer` is not part of it; the host writes that".to_owned();
        auth.reading.error(node.span, "`auth.bearer` has a blank in it", hint);
    }
    fits.then_some(HttpAuth::Bearer(token))
}

fn basic(auth: &Reader<'_, '_>, shown: &mut Shown) -> Option<HttpAuth> {
    let basic = auth.table("basic", &CONNECTION_BASIC)?;
    let user = basic.string("user");
    let password = basic.node("password");
    if password.is_none() {
        let hint = "basic = { user = \"…\", password = \"${secret:NAME}\" }".to_owned();
        basic
            .reading
            .error(basic.table.span, "`auth.basic` has no `password`", hint);
    }
    let password = always(&basic, "auth.basic.password", password?, shown);
    if let Some(user) = user.as_ref().filter(|user| user.value.contains(':')) {
        let hint =
            "Basic authentication ends a name at the first colon: what follows belongs into `password`".to_owned();
        basic
            .reading
            .error(user.span, "`auth.basic.user` has a colon in it", hint);
        return None;
    }
    Some(HttpAuth::Basic {
        user: user.map(|user| user.value).unwrap_or_default(),
        password: password?,
    })
}

fn sign(reader: &Reader<'_, '_>, shown: &mut Shown) -> Option<Sign> {
    let sign = reader.table("sign", &CONNECTION_SIGN)?;
    for key in ["header", "key"].into_iter().filter(|key| sign.node(key).is_none()) {
        let hint = "sign = { header = \"x-signature\", key = \"${secret:NAME}\" }".to_owned();
        sign.reading
            .error(sign.table.span, format!("`sign` has no `{key}`"), hint);
    }
    let name = |key: &str| {
        let At { value, span } = sign.string(key)?;
        header_name(&sign, &value, span)
    };
    let key = sign.node("key").and_then(|node| always(&sign, "sign.key", node, shown));
    let (header, timestamp_header) = (name("header"), name("timestamp_header"));
    let prefix = sign.string("prefix");
    if let Some(prefix) = &prefix
        && !fits_header(&sign, "sign.prefix", &prefix.value, prefix.span)
    {
        return None;
    }
    Some(Sign {
        header: header?,
        key: key?,
        prefix: prefix.map(|prefix| prefix.value).unwrap_or_default(),
        timestamp_header,
    })
}

/// A header that two keys write would be sent with one of two values.
fn refuse_double_headers(reader: &Reader<'_, '_>, additions: &Additions) {
    let sign = additions.sign.as_ref();
    let time = sign.and_then(|sign| sign.timestamp_header.as_deref());
    let written = [
        ("auth", additions.auth.as_ref().map(|_| "authorization")),
        ("sign", sign.map(|sign| sign.header.as_str())),
        ("sign", time),
    ];
    let mut seen: Vec<(&str, &str)> = additions
        .headers
        .iter()
        .map(|(name, _)| ("headers", name.as_str()))
        .collect();
    for (key, header) in written {
        let Some(header) = header else { continue };
        if let (Some((other, _)), Some(node)) = (seen.iter().find(|(_, known)| *known == header), reader.node(key)) {
            let message = format!("`{key}` and `{other}` both write the header `{header}`");
            reader.reading.error(node.span, message, "keep one of them".to_owned());
        }
        seen.push((key, header));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_what_a_request_line_and_header_names_may_have() {
        assert!(is_token("PROPFIND") && is_token("x-api_key.2"));
        for bad in ["", "a b", "a:b", "ü", "a\r\nb", "a(b)"] {
            assert!(!is_token(bad), "{bad:?}");
        }
    }
}
