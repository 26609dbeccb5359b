//! `{{secret:NAME}}` in bodies and header values. Pure.

use std::collections::BTreeMap;

use crate::{capability::http::message::Error, config::Connection, secret::Secret};

const OPEN: &[u8] = b"{{secret:";
const CLOSE: &[u8] = b"}}";
/// Longest name looked for: what is longer is text that happens to look alike.
const NAME_BYTES_MAX: usize = 128;

/// `text` with the connection's secrets in their places. `None`: there is no place in it.
pub(in crate::capability::http) fn fill(text: &[u8], connection: &Connection) -> Result<Option<Vec<u8>>, Error> {
    let mut filled = Vec::new();
    let mut rest = text;
    let mut any = false;
    while let Some((before, name, after)) = next(rest) {
        any = true;
        filled.extend_from_slice(before);
        filled.extend_from_slice(known(&connection.secrets, name, connection)?.expose().as_bytes());
        rest = after;
    }
    filled.extend_from_slice(rest);
    Ok(any.then_some(filled))
}

/// Whether [`fill`] would change anything.
pub(in crate::capability::http) fn has_places(text: &[u8]) -> bool {
    next(text).is_some()
}

fn known<'s>(secrets: &'s BTreeMap<String, Secret>, name: &str, connection: &Connection) -> Result<&'s Secret, Error> {
    secrets.get(name).ok_or_else(|| {
        Error::Denied(format!(
            "connection `{}` has no secret `{name}`: add `secrets.{name}` to it",
            connection.name
        ))
    })
}

/// What stands before the first place, its name, and what stands behind it.
fn next(text: &[u8]) -> Option<(&[u8], &str, &[u8])> {
    let mut from = 0;
    while let Some(open) = find(&text[from..], OPEN).map(|at| from + at) {
        let inside = &text[open + OPEN.len()..];
        let close = find(&inside[..inside.len().min(NAME_BYTES_MAX)], CLOSE);
        match close.and_then(|close| name(&inside[..close]).map(|name| (name, close))) {
            Some((name, close)) => return Some((&text[..open], name, &inside[close + CLOSE.len()..])),
            None => from = open + OPEN.len(),
        }
    }
    None
}

fn name(bytes: &[u8]) -> Option<&str> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let whole = !bytes.is_empty() && bytes.iter().all(is_part);
    whole.then(|| std::str::from_utf8(bytes).ok()).flatten()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::http::fixtures::connection;

    fn filled(text: &str) -> Result<Option<String>, Error> {
        let mut api = connection("api", "https://h.test/");
        api.secrets.insert("key".to_owned(), Secret::new("s3cr3t"));
        api.secrets.insert("other".to_owned(), Secret::new("{{secret:key}}"));
        let filled = fill(text.as_bytes(), &api)?;
        Ok(filled.map(|bytes| String::from_utf8(bytes).expect("text")))
    }

    #[test]
    fn every_place_is_filled_once() {
        let text = r#"{"a":"{{secret:key}}","b":"{{secret:key}}"}"#;
        assert_eq!(
            filled(text).expect("known"),
            Some(r#"{"a":"s3cr3t","b":"s3cr3t"}"#.to_owned())
        );
        assert_eq!(
            filled("{{secret:other}}").expect("known"),
            Some("{{secret:key}}".to_owned())
        );
        assert_eq!(
            filled("{{{{secret:key}}}}").expect("known"),
            Some("{{s3cr3t}}".to_owned())
        );
    }

    #[test]
    fn what_only_looks_like_a_place_stays() {
        for text in [
            "",
            "{{secret:",
            "{{secret:}}",
            "{{secret:a b}}",
            "{{ secret:key }}",
            "{secret:key}",
        ] {
            assert_eq!(filled(text).expect("no place"), None, "{text}");
        }
    }

    #[test]
    fn an_unknown_name_is_denied_with_the_key_to_add() {
        let said = filled("{{secret:token}}").expect_err("unknown");
        assert!(
            matches!(&said, Error::Denied(text) if text.contains("`secrets.token`")),
            "{said}"
        );
    }
}
