//! What a request over HTTP needs: `http_config` of Alertmanager, the same fields of a job of Prometheus.

use super::{
    super::{source::Span, tree::Table, wording::excerpt},
    Doc, Fields, FileSecret, SecretFrom, Text,
};
use crate::yaml::{Kind, Node};

/// What is taken of it.
pub(in super::super) const HTTP: &[&str] = &[
    "basic_auth",
    "authorization",
    "bearer_token",
    "bearer_token_file",
    "proxy_url",
    "tls_config",
    "http_headers",
    // What they ask for is so here, or nobody notices.
    "follow_redirects",
    "enable_http2",
];

const BASIC: &[&str] = &["username", "password", "password_file"];

const AUTHORIZATION: &[&str] = &["type", "credentials", "credentials_file"];

const TLS: &[&str] = &[
    "ca_file",
    "cert_file",
    "key_file",
    "server_name",
    "insecure_skip_verify",
];

/// What a way needs of the network.
#[derive(Clone, Debug)]
pub(in super::super) struct FileConnection {
    pub(in super::super) url: FileUrl,
    /// Put where a plugin writes `{{secret:NAME}}`.
    pub(in super::super) secrets: Vec<(&'static str, FileSecret)>,
    pub(in super::super) auth: Option<FileAuth>,
    pub(in super::super) headers: Vec<(String, FileSecret)>,
    pub(in super::super) proxy: Option<Text>,
    pub(in super::super) tls: FileTls,
}

/// Where to.
#[derive(Clone, Debug)]
pub(in super::super) enum FileUrl {
    /// Everybody may know.
    Plain(Text),
    /// It is itself a secret.
    Secret(FileSecret),
}

/// How to log in.
#[derive(Clone, Debug)]
pub(in super::super) enum FileAuth {
    /// User and password.
    Basic(String, FileSecret),
    /// A token.
    Bearer(FileSecret),
}

/// `tls_config`; paths as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct FileTls {
    pub(in super::super) ca: Option<String>,
    pub(in super::super) certificate: Option<String>,
    pub(in super::super) key: Option<String>,
    pub(in super::super) server_name: Option<String>,
    pub(in super::super) insecure: bool,
}

impl FileConnection {
    /// To a place, with nothing more.
    pub(in super::super) const fn plain(url: FileUrl) -> Self {
        Self {
            url,
            secrets: Vec::new(),
            auth: None,
            headers: Vec::new(),
            proxy: None,
            tls: FileTls {
                ca: None,
                certificate: None,
                key: None,
                server_name: None,
                insecure: false,
            },
        }
    }

    /// Whether there is no more to it than its address.
    pub(in super::super) fn is_plain(&self) -> bool {
        let bare = self.auth.is_none() && self.headers.is_empty() && self.secrets.is_empty() && self.proxy.is_none();
        bare && self.tls == FileTls::default() && matches!(self.url, FileUrl::Plain(_))
    }

    /// To a place, by `http_config` of a way or else of `global`. `name` begins the names of its secrets.
    pub(in super::super) fn new(
        doc: &Doc<'_, '_>,
        url: FileUrl,
        own: &Fields<'_>,
        global: &Fields<'_>,
        name: &str,
    ) -> Self {
        let mut connection = Self::plain(url);
        if let Some(node) = own.get("http_config").or_else(|| global.get("http_config")) {
            connection.configure(doc, node, name);
        }
        connection
    }

    fn configure(&mut self, doc: &Doc<'_, '_>, node: &Node, name: &str) {
        self.configure_by(doc, &doc.taken(node, "`http_config`", HTTP), name);
    }

    /// By fields among which those of [`HTTP`] are.
    pub(in super::super) fn configure_by(&mut self, doc: &Doc<'_, '_>, fields: &Fields<'_>, name: &str) {
        self.auth = auth(doc, fields, name);
        self.proxy = doc.text(fields, "proxy_url");
        self.headers = headers(doc, fields, name);
        if let Some(node) = fields.get("tls_config") {
            self.tls = tls(doc, node);
        }
    }
}

impl FileUrl {
    /// Where it stands.
    pub(in super::super) const fn span(&self) -> Span {
        match self {
            Self::Plain(text) => text.span,
            Self::Secret(secret) => secret.span,
        }
    }
}

fn auth(doc: &Doc<'_, '_>, fields: &Fields<'_>, name: &str) -> Option<FileAuth> {
    if let Some(node) = fields.get("basic_auth") {
        let basic = doc.taken(node, "`basic_auth`", BASIC);
        let user = doc.text(&basic, "username").map(|user| user.value);
        let password = doc.secret(&basic, "password", &format!("{name}_PASSWORD"))?;
        return Some(FileAuth::Basic(user.unwrap_or_default(), password));
    }
    if let Some(node) = fields.get("authorization") {
        let given = doc.taken(node, "`authorization`", AUTHORIZATION);
        let kind = doc.text(&given, "type");
        if let Some(kind) = kind.filter(|kind| !kind.value.eq_ignore_ascii_case("bearer")) {
            let message = format!(
                "`authorization` of the type `{}` is not taken over",
                excerpt(&kind.value)
            );
            let hint = "headers of the connection may hold it: headers.authorization = \"${secret:NAME}\"".to_owned();
            doc.reading.warn(kind.span, message, hint);
            return None;
        }
        return doc
            .secret(&given, "credentials", &format!("{name}_TOKEN"))
            .map(FileAuth::Bearer);
    }
    doc.secret(fields, "bearer_token", &format!("{name}_TOKEN"))
        .map(FileAuth::Bearer)
}

/// The first value of each: a connection has one.
fn headers(doc: &Doc<'_, '_>, fields: &Fields<'_>, name: &str) -> Vec<(String, FileSecret)> {
    let Some(node) = fields.get("http_headers") else {
        return Vec::new();
    };
    let Kind::Map(entries) = &node.kind else {
        doc.error(
            node,
            format!("`http_headers` must be a mapping, not {}", node.what()),
            None,
        );
        return Vec::new();
    };
    let header = |(key, value): &(Node, Node)| {
        let header = doc.text_at(key, "http_headers")?;
        let given = doc.taken(value, "a header", &["values", "secrets", "files"]);
        let sources: [(&str, fn(String) -> SecretFrom); 3] = [
            ("values", SecretFrom::Text),
            ("secrets", SecretFrom::Text),
            ("files", SecretFrom::File),
        ];
        let (text, from) = sources.into_iter().find_map(|(key, from)| {
            let texts = doc.texts(&given, key)?;
            Some((texts.into_iter().next()?, from))
        })?;
        let secret = doc.hidden(from(text.value), text.span, &format!("{name}_{}", header.value));
        Some((header.value.to_ascii_lowercase(), secret))
    };
    entries.iter().filter_map(header).collect()
}

/// `tls_config`, also of mail.
pub(in super::super) fn tls(doc: &Doc<'_, '_>, node: &Node) -> FileTls {
    let fields = doc.taken(node, "`tls_config`", TLS);
    let text = |key| {
        doc.text(&fields, key)
            .map(|text| text.value)
            .filter(|text| !text.is_empty())
    };
    FileTls {
        ca: text("ca_file"),
        certificate: text("cert_file"),
        key: text("key_file"),
        server_name: text("server_name"),
        insecure: doc.boolean(&fields, "insecure_skip_verify").unwrap_or(false),
    }
}

/// A table that is nowhere written, for what has one everywhere else.
pub(in super::super) const fn no_table(span: Span) -> Table {
    Table {
        span,
        entries: Vec::new(),
        headed: false,
    }
}
