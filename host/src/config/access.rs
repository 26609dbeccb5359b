//! `[access]`: tokens, and what is refused without them.

use std::net::SocketAddr;

use super::{
    reader::Reader,
    reading::{Reading, Secrets},
    resolved::{Access, TlsFiles},
    source::{At, FileId, Span},
    tree::{Node, Value},
    vocabulary::{ACCESS, TLS},
};
use crate::secret::Secret;

/// Shortest token, in bytes, wherever it comes from: 16 random letters are beyond guessing over a network, and shorter
/// ones are what people think up.
pub const TOKEN_BYTES_MIN: usize = 16;

/// Longest token, in bytes: it travels in a header, and servers and proxies cut those at 8 KiB.
pub const TOKEN_BYTES_MAX: usize = 4096;

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct FileAccess {
    read: Vec<Token>,
    push: Vec<Token>,
    admin: Vec<Token>,
    open: Option<At<bool>>,
    tls: Option<TlsFiles>,
}

/// One token, and how `--print` may show it.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) secret: At<Secret>,
    pub(super) shown: String,
}

/// How the tokens are written in the file, with constants masked; in the order of [`Access`].
#[derive(Clone, Debug, Default)]
pub(super) struct ShownTokens {
    pub(super) read: Vec<String>,
    pub(super) push: Vec<String>,
    pub(super) admin: Vec<String>,
}

/// Stands for a constant in `--print`.
const MASK: &str = "[redacted]";

pub(super) fn read(root: &Reader<'_, '_>) -> FileAccess {
    let Some(access) = root.table("access", &ACCESS) else {
        return FileAccess::default();
    };
    FileAccess {
        read: tokens(&access, "read", "BELLWETHER_READ_TOKEN"),
        push: tokens(&access, "push", "BELLWETHER_PUSH_TOKEN"),
        admin: tokens(&access, "admin", "BELLWETHER_ADMIN_TOKEN"),
        open: access.boolean("open"),
        tls: tls(&access),
    }
}

/// One token or several; `variable` is where one could come from.
pub(super) fn tokens(access: &Reader<'_, '_>, key: &str, variable: &str) -> Vec<Token> {
    let Some(node) = access.node(key) else {
        return Vec::new();
    };
    let items = match &node.value {
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    items
        .iter()
        .filter_map(|item| token(access, key, variable, item))
        .collect()
}

fn token(access: &Reader<'_, '_>, key: &str, variable: &str, node: &Node) -> Option<Token> {
    let wanted = "a token in quotes, or an array of them";
    let expanded = access.text(key, node, wanted, Secrets::Allowed)?;
    let reading = access.reading;
    // Even one that is refused: it may stand elsewhere too.
    let secret = Secret::new(&expanded.text);
    reading.keep_secret(&secret);
    let length = expanded.text.len();
    if length < TOKEN_BYTES_MIN {
        let message = format!("a token in `{key}` is {length} bytes long; at least {TOKEN_BYTES_MIN} are needed");
        reading.error(node.span, message, "make one: openssl rand -hex 24".to_owned());
        return None;
    }
    if length > TOKEN_BYTES_MAX || !expanded.text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!(
            "a token in `{key}` cannot be sent in a header: it needs at most {TOKEN_BYTES_MAX} visible ASCII characters \
             without spaces"
        );
        reading.error(node.span, message, "make one: openssl rand -hex 24".to_owned());
        return None;
    }
    if expanded.constant {
        let hint = format!(
            "keep it out of the file: {key} = \"${{secret:{variable}}}\" takes it from that variable, or from the file that \
             {variable}_FILE names"
        );
        let message = format!("a token in `{key}` stands in the file, where everybody who reads the file sees it");
        reading.warn(node.span, message, hint);
    }
    let shown = match &node.value {
        Value::String(text) if !expanded.constant => text.clone(),
        _ => MASK.to_owned(),
    };
    Some(Token {
        secret: At {
            value: secret,
            span: node.span,
        },
        shown,
    })
}

fn tls(access: &Reader<'_, '_>) -> Option<TlsFiles> {
    let tls = access.table("tls", &TLS)?;
    let (certificate, key) = (tls.path("certificate"), tls.path("key"));
    let missing = match (tls.table.get("certificate"), tls.table.get("key")) {
        (Some(_), Some(_)) => None,
        (Some(_), None) => Some(("certificate", "key")),
        (None, Some(_)) => Some(("key", "certificate")),
        (None, None) => Some(("[access.tls]", "certificate` and `key")),
    };
    if let Some((given, missing)) = missing {
        let message = format!("`{given}` is given for TLS and `{missing}` is not");
        let hint = "TLS needs both:\n  [access.tls]\n  certificate = \"fullchain.pem\"\n  key = \"privkey.pem\"";
        access.reading.error(tls.table.span, message, hint.to_owned());
    }
    Some(TlsFiles {
        certificate: certificate?.value,
        key: key?.value,
    })
}

/// `listen` is where the host will serve, and where that stands in the file, if it does.
pub(super) fn resolve(
    reading: &Reading<'_>,
    file: FileAccess,
    listen: Option<(SocketAddr, Option<Span>)>,
) -> (Access, ShownTokens) {
    let open = file.open.as_ref().is_some_and(|open| open.value);
    if let (Some(at), true, Some(_)) = (&file.open, open, file.read.first()) {
        reading.error(
            at.span,
            "`open = true` lets everybody read, and `read` asks for a token",
            "keep one of them".to_owned(),
        );
    }
    warn_of_shared_tokens(reading, &file);
    if let Some((address, span)) = listen.filter(|_| !open && file.read.is_empty() && file.admin.is_empty()) {
        refuse_unprotected(reading, address, span);
    }
    let values = |tokens: &[Token]| tokens.iter().map(|token| token.secret.value.clone()).collect();
    let shown = |tokens: &[Token]| tokens.iter().map(|token| token.shown.clone()).collect();
    let tokens = ShownTokens {
        read: shown(&file.read),
        push: shown(&file.push),
        admin: shown(&file.admin),
    };
    let access = Access {
        read: values(&file.read),
        push: values(&file.push),
        admin: values(&file.admin),
        open,
        tls: file.tls,
    };
    (access, tokens)
}

fn warn_of_shared_tokens(reading: &Reading<'_>, file: &FileAccess) {
    for (key, tokens) in [("read", &file.read), ("push", &file.push)] {
        for token in tokens {
            if file.admin.iter().any(|admin| admin.secret.value == token.secret.value) {
                let message = format!("a token of `{key}` is also one of `admin`: whoever has it may do everything");
                reading.warn(
                    token.secret.span,
                    message,
                    "give each scope a token of its own".to_owned(),
                );
            }
        }
    }
}

fn refuse_unprotected(reading: &Reading<'_>, address: SocketAddr, span: Option<Span>) {
    if address.ip().to_canonical().is_loopback() {
        return;
    }
    let message = format!("other machines can reach {address}, and reading from it asks for no token");
    let hint = "add tokens (make one: openssl rand -hex 24), each in the variable it names:\n  \
                [access]\n  \
                read = \"${secret:BELLWETHER_READ_TOKEN}\"\n  \
                admin = \"${secret:BELLWETHER_ADMIN_TOKEN}\"\n\
                or say that everybody may read:\n  \
                [access]\n  \
                open = true\n\
                or serve this machine only: listen = \"127.0.0.1:9920\"";
    let span = span.unwrap_or(Span::new(FileId::MAIN, &(0..0)));
    reading.error(span, message, hint.to_owned());
}
