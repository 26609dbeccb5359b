//! Small pieces of messages: titles of tables, keys as TOML writes them, values cut to size.

use super::meant;

/// `[check.web]`.
pub(super) fn title(path: &[String]) -> String {
    let parts: Vec<String> = path.iter().map(|part| bare_or_quoted(part)).collect();
    format!("[{}]", parts.join("."))
}

/// A key as TOML wants it.
pub(super) fn bare_or_quoted(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if bare {
        key.to_owned()
    } else {
        toml::Value::String(key.to_owned()).to_string()
    }
}

/// Values of unknown size, for messages.
pub(super) fn excerpt(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let shown = |character: char| if character.is_control() { '·' } else { character };
    let mut short: String = text.chars().take(SHOWN_MAX).map(shown).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        short.push('…');
    }
    short
}

/// "did you mean `info`? One of: error, warn, …"
pub(super) fn one_of<'w>(written: &str, words: impl Iterator<Item = &'w str>) -> String {
    let words: Vec<&str> = words.collect();
    let all = words.join(", ");
    match meant::nearest(written, words.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"? Known: {all}"),
        None => format!("known: {all}"),
    }
}
