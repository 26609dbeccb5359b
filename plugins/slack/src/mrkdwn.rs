//! Text as it is, in Slack's markup.
//!
//! Three characters begin everything that mentions, links or refers, and are written as entities. Names and addresses that stand in
//! plain text are left alone by messages that say `parse: none` and by texts that are `verbatim`. Emphasis cannot be escaped; it
//! reaches nobody.

/// Units that a character takes when it is escaped.
pub(crate) fn cost(character: char) -> usize {
    entity(character).map_or_else(|| character.len_utf16(), str::len)
}

fn entity(character: char) -> Option<&'static str> {
    Some(match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        _ => return None,
    })
}

/// Everything is text.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match entity(character) {
            Some(entity) => escaped.push_str(entity),
            None => escaped.push(character),
        }
    }
    escaped
}

/// `<url|title>`. The address is plain ASCII; a bar or a bracket would end it.
pub(crate) fn link(title: &str, url: &str) -> String {
    let url = url.replace('|', "%7C").replace('<', "%3C").replace('>', "%3E");
    format!("<{}|{}>", escape(&url), escape(title))
}
