//! `email_configs`.

use super::{
    super::{
        dispatch::{is_address, parse_server},
        foreign::{Doc, Fields, FileSecret, FileTls, Text, tls},
        resolved::EmailSecurity,
        wording::excerpt,
    },
    template,
};

/// What is taken of it; the rest has no counterpart.
pub(super) const EMAIL: &[&str] = &[
    "send_resolved",
    "to",
    "from",
    "hello",
    "smarthost",
    "auth_username",
    "auth_password",
    "auth_password_file",
    "require_tls",
    "tls_config",
    "headers",
    "text",
];

/// Where TLS begins with the first byte.
const PORT_TLS: u16 = 465;

/// Mail as the file says it.
#[derive(Clone, Debug)]
pub(in super::super) struct FileMail {
    pub(in super::super) server: (String, u16),
    pub(in super::super) security: EmailSecurity,
    pub(in super::super) login: Option<(String, FileSecret)>,
    pub(in super::super) from: String,
    pub(in super::super) to: Vec<String>,
    pub(in super::super) reply_to: Option<String>,
    pub(in super::super) hello: Option<String>,
    pub(in super::super) tls: FileTls,
    pub(in super::super) title: Option<String>,
    pub(in super::super) text: Option<String>,
}

/// None: a problem was noted.
pub(super) fn read(doc: &Doc<'_, '_>, own: &Fields<'_>, global: &Fields<'_>, name: &str) -> Option<FileMail> {
    let either = |key: &str, default: &str| doc.text(own, key).or_else(|| doc.text(global, default));
    let server = either("smarthost", "smtp_smarthost");
    let from = either("from", "smtp_from");
    let to = doc.text(own, "to");
    let (server, from, to) = (
        needed(doc, own, server, "smarthost"),
        needed(doc, own, from, "from"),
        needed(doc, own, to, "to"),
    );
    let server = server.and_then(|text| {
        good(
            doc,
            &text,
            parse_server(&text.value),
            "is no server such as smtp.example.com:587",
        )
    });
    let from = from.and_then(|text| address(doc, &text));
    let to = to.map(|text| addresses(doc, &text)).unwrap_or_default();
    let user = either("auth_username", "smtp_auth_username");
    let password = doc
        .secret(own, "auth_password", &format!("{name}_SMTP_PASSWORD"))
        .or_else(|| doc.secret(global, "smtp_auth_password", "SMTP_PASSWORD"));
    let asks = doc
        .boolean(own, "require_tls")
        .or_else(|| doc.boolean(global, "smtp_require_tls"));
    let headers = headers(doc, own);
    let (server, from) = (server?, from?);
    let security = match (server.1, asks) {
        (PORT_TLS, _) => EmailSecurity::Tls,
        (_, Some(false)) => EmailSecurity::Open,
        _ => EmailSecurity::StartTls,
    };
    let tls_config = own.get("tls_config").or_else(|| global.get("smtp_tls_config"));
    (!to.is_empty()).then(|| FileMail {
        server,
        security,
        login: user.map(|user| user.value).zip(password),
        from,
        to,
        reply_to: headers.reply_to,
        hello: either("hello", "smtp_hello").map(|hello| hello.value),
        tls: tls_config.map(|node| tls(doc, node)).unwrap_or_default(),
        title: headers.subject,
        text: template::read(doc, own, "text"),
    })
}

fn needed(doc: &Doc<'_, '_>, own: &Fields<'_>, text: Option<Text>, key: &str) -> Option<Text> {
    if let (None, Some((_, node, _))) = (&text, own.0.first()) {
        doc.error(
            node,
            format!("mail needs `{key}`, and there is none, nor one in `global`"),
            None,
        );
    }
    text
}

fn good<T>(doc: &Doc<'_, '_>, text: &Text, read: Option<T>, why: &str) -> Option<T> {
    if read.is_none() {
        doc.reading
            .error(text.span, format!("\"{}\" {why}", excerpt(&text.value)), None);
    }
    read
}

fn address(doc: &Doc<'_, '_>, text: &Text) -> Option<String> {
    let why = match text.value.contains("{{") {
        true => "is a template, and addresses of mail cannot be",
        false => "is no address of mail",
    };
    good(
        doc,
        text,
        is_address(&text.value).then(|| text.value.trim().to_owned()),
        why,
    )
}

/// With commas between them.
fn addresses(doc: &Doc<'_, '_>, text: &Text) -> Vec<String> {
    let each = text.value.split(',').map(|one| Text {
        value: one.trim().to_owned(),
        span: text.span,
    });
    each.filter_map(|one| address(doc, &one)).collect()
}

#[derive(Default)]
struct Headers {
    subject: Option<String>,
    reply_to: Option<String>,
}

/// The host writes headers itself but for these two.
fn headers(doc: &Doc<'_, '_>, own: &Fields<'_>) -> Headers {
    let Some(node) = own.get("headers") else {
        return Headers::default();
    };
    let known = ["Subject", "subject", "Reply-To", "reply-to"];
    let fields = doc.taken(node, "`headers`", &known);
    Headers {
        subject: template::read(doc, &fields, "Subject").or_else(|| template::read(doc, &fields, "subject")),
        reply_to: doc
            .text(&fields, "Reply-To")
            .or_else(|| doc.text(&fields, "reply-to"))
            .and_then(|text| address(doc, &text)),
    }
}
