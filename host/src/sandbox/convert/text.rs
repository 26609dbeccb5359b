//! Text from guests: secrets blanked, made printable, bounded.

use std::borrow::Cow;

use crate::secret::Redactor;

/// What stands where a label value had a character that may not stand there.
const REPLACEMENT: &str = "\u{fffd}";

/// Characters that move a terminal's cursor or turn the reading order around: with them one line can pose as another.
fn deceptive(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The longest prefix of at most `bytes` bytes that ends between characters.
fn prefix(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// One printable line of at most `bytes` bytes, the cut marked with `…`. Secrets go first, so that none survives in half.
pub(super) fn line(text: &str, bytes: usize, redactor: &Redactor) -> String {
    let text = redactor.redact(text);
    let text = text.trim_matches(|c: char| c.is_whitespace() || deceptive(c));
    let (kept, mark) = if text.len() <= bytes {
        (text, "")
    } else {
        (prefix(text, bytes.saturating_sub('…'.len_utf8())), "…")
    };
    let mut line: String = kept.chars().map(|c| if deceptive(c) { ' ' } else { c }).collect();
    line.push_str(mark);
    line
}

/// A name for a message: what the guest wrote, printable and short.
pub(super) fn shown(name: &str, redactor: &Redactor) -> String {
    /// Enough to recognise a name by.
    const SHOWN_BYTES: usize = 96;
    line(name, SHOWN_BYTES, redactor)
}

/// A label value as it will be exposed. Line feeds and tabs stay, since exporters use them and the exposition escapes
/// them; other control characters are replaced.
pub(super) fn label_value<'t>(text: &'t str, redactor: &Redactor) -> Cow<'t, str> {
    let text = redactor.redact_label(text);
    let odd = |c: char| deceptive(c) && c != '\n' && c != '\t';
    if text.contains(odd) {
        Cow::Owned(text.replace(odd, REPLACEMENT))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_between_characters_and_says_so() {
        let line = line(&"ü".repeat(100), 20, &Redactor::default());
        assert_eq!(line, format!("{}…", "ü".repeat(8)));
    }

    #[test]
    fn a_line_cannot_move_the_cursor_or_turn_around() {
        let line = line(" a\u{1b}[2Jb\nc\u{202e}d\0 ", 100, &Redactor::default());
        assert_eq!(line, "a [2Jb c d");
    }

    #[test]
    fn a_label_value_keeps_line_feeds_and_loses_other_control_characters() {
        assert_eq!(
            label_value("a\nb\tc\0d\re", &Redactor::default()),
            "a\nb\tc\u{fffd}d\u{fffd}e"
        );
        assert!(matches!(
            label_value("plain", &Redactor::default()),
            Cow::Borrowed("plain")
        ));
    }
}
