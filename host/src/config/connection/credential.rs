//! One credential in a connection: read, made known to whoever blanks secrets, and how `--print` may show it.
//!
//! Some fields are credentials always (`password`); others are when they hold a reference to a secret or are called like
//! one (`headers.authorization`). Flows out: the value, as a [`Secret`] either way, so that nobody has to tell them apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    config::{
        print::escaped,
        reader::Reader,
        reading::{Expanded, Secrets},
        tree::{Node, Value},
        wording::bare_or_quoted,
    },
    secret::{SECRET_BYTES_MIN, Secret},
};

/// Stands for a constant in `--print`.
const MASK: &str = "[redacted]";

/// Parts of names whose values are credentials even where nobody says so.
const TELLING: [&str; 9] = [
    "authorization",
    "authentication",
    "cookie",
    "token",
    "secret",
    "password",
    "key",
    "credential",
    "signature",
];

/// How the values of one connection are written in the file, constants masked; and which of them are credentials.
#[derive(Clone, Default)]
pub(in crate::config) struct Shown {
    /// By key and name.
    texts: BTreeMap<(&'static str, String), String>,
    /// Keys.
    credentials: BTreeSet<&'static str>,
}

/// Without the texts: a variable may have brought a secret into a field that is none.
impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shown({} values)", self.texts.len())
    }
}

impl Shown {
    /// As TOML text in which references are followed again; masked when nothing is known.
    pub(in crate::config) fn get(&self, key: &'static str, name: &str) -> &str {
        self.texts.get(&(key, name.to_owned())).map_or(MASK, String::as_str)
    }

    /// Keys that hold a credential, each once, by name.
    pub(super) fn credentials(&self) -> impl Iterator<Item = &'static str> {
        self.credentials.iter().copied()
    }

    fn note(&mut self, key: &'static str, name: &str, text: String) {
        self.texts.insert((key, name.to_owned()), text);
    }
}

/// A field that is always a credential. `key` is its path within the connection.
pub(in crate::config) fn always(
    reader: &Reader<'_, '_>,
    key: &'static str,
    node: &Node,
    shown: &mut Shown,
) -> Option<Secret> {
    named(reader, key, "", node, shown)
}

/// As [`always`], for one of many below `key`.
pub(super) fn named(
    reader: &Reader<'_, '_>,
    key: &'static str,
    name: &str,
    node: &Node,
    shown: &mut Shown,
) -> Option<Secret> {
    let what = path(key, name);
    let expanded = reader.text(&what, node, "a string", Secrets::Allowed)?;
    let secret = Secret::new(&expanded.text);
    // Even one that is refused: it may stand elsewhere too.
    reader.reading.keep_secret(&secret);
    if expanded.text.len() < SECRET_BYTES_MIN {
        let message = format!(
            "`{what}` is {} bytes long; at least {SECRET_BYTES_MIN} are needed",
            expanded.text.len()
        );
        let hint = "a shorter one could not be hidden without hiding ordinary words";
        reader.reading.error(node.span, message, hint.to_owned());
        return None;
    }
    warn_of_constant(reader, &what, node, &expanded);
    let text = if expanded.constant {
        MASK.to_owned()
    } else {
        written(node)
    };
    shown.note(key, name, text);
    shown.credentials.insert(key);
    Some(secret)
}

/// A field that is a credential when it looks like one.
pub(super) fn perhaps(
    reader: &Reader<'_, '_>,
    key: &'static str,
    name: &str,
    node: &Node,
    shown: &mut Shown,
) -> Option<Secret> {
    let what = path(key, name);
    let expanded = reader.text(&what, node, "a string", Secrets::Allowed)?;
    let telling = is_telling(name);
    if telling && !expanded.secret {
        reader.reading.keep_secret(&Secret::new(&expanded.text));
        warn_of_constant(reader, &what, node, &expanded);
    }
    let text = match (expanded.secret, telling && expanded.constant) {
        (true, _) => written(node),
        (false, true) => MASK.to_owned(),
        (false, false) if telling => written(node),
        (false, false) => escaped(&expanded.text),
    };
    shown.note(key, name, text);
    if telling || expanded.secret {
        shown.credentials.insert(key);
    }
    Some(Secret::new(&expanded.text))
}

/// A URL that is itself a credential is one when a secret is in it. What it is worth as a secret is kept by the caller.
pub(super) fn note_url(shown: &mut Shown, key: &'static str, node: &Node) {
    shown.note(key, "", written(node));
    shown.credentials.insert(key);
}

fn is_telling(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|part| name.contains(part))
}

fn warn_of_constant(reader: &Reader<'_, '_>, what: &str, node: &Node, expanded: &Expanded) {
    if expanded.constant && !expanded.secret {
        let message = format!("`{what}` stands in the file, where everybody who reads the file sees it");
        let hint = format!(
            "keep it out of the file: {what} = \"${{secret:NAME}}\" takes it from the variable NAME, or from the file that \
             NAME_FILE names"
        );
        reader.reading.warn(node.span, message, hint);
    }
}

fn written(node: &Node) -> String {
    match &node.value {
        Value::String(text) => text.clone(),
        _ => MASK.to_owned(),
    }
}

/// `headers.apikey`.
fn path(key: &str, name: &str) -> String {
    if name.is_empty() {
        key.to_owned()
    } else {
        format!("{key}.{}", bare_or_quoted(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_they_hold() {
        for name in ["Authorization", "x-api-key", "apikey", "set-cookie", "PRIVATE-TOKEN"] {
            assert!(is_telling(name), "{name}");
        }
        for name in ["accept", "x-region", "user-agent", "x-author"] {
            assert!(!is_telling(name), "{name}");
        }
    }

    #[test]
    fn what_nobody_noted_is_masked() {
        assert_eq!(Shown::default().get("password", ""), MASK);
        assert_eq!(path("headers", "x.y"), "headers.\"x.y\"");
    }
}
