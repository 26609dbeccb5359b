//! Text as it is, in Discord's Markdown.

use std::borrow::Cow;

/// Put behind an `@`: a blank of no width, so that no name follows it. Discord is told as well to mention nobody.
const NO_MENTION: char = '\u{200b}';

/// Characters that mean something: emphasis, code, spoilers, quotes, headings, links, and whatever stands in angle brackets (mentions,
/// emoji, times).
fn is_special(character: char) -> bool {
    matches!(
        character,
        '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '#' | '[' | ']'
    )
}

/// Units that a character takes when it is escaped.
pub(crate) fn cost(character: char) -> usize {
    match character {
        '@' => 2,
        special if is_special(special) => 2,
        other => other.len_utf16(),
    }
}

/// Everything is text.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(|character| character == '@' || is_special(character)) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_special(character) {
            escaped.push('\\');
        }
        escaped.push(character);
        if character == '@' {
            escaped.push(NO_MENTION);
        }
    }
    Cow::Owned(escaped)
}

/// `[title](url)`. The address is plain ASCII, and a bracket would end it.
pub(crate) fn link(title: &str, url: &str) -> String {
    let url = url.replace('(', "%28").replace(')', "%29");
    format!("[{}]({url})", escape(title))
}
