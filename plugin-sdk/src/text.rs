//! Text and bodies for people elsewhere: cut to a limit with a count of what is missing, and JSON that the host hands on as it is.

use std::borrow::Cow;

use serde::Serialize;

/// How the host's places for secrets begin.
const PLACE: &str = "{{secret:";

/// The same within a text of JSON, and no place.
const NO_PLACE: &str = "\\u007b{secret:";

/// Length as most receivers count it, in units of UTF-16. It is never less than the number of characters.
pub fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// At most `max` units of UTF-16. What is cut off is counted: `the beginning … (12 more characters)`. A mark that does not fit
/// itself is left away.
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    // A byte is never less than a unit, so most texts need no count.
    if text.len() <= max || units(text) <= max {
        return Cow::Borrowed(text);
    }
    let characters = text.chars().count();
    // With the longest count there may be: nearer counts are never longer.
    let room = max.saturating_sub(units(&mark(characters)));
    if room == 0 {
        return Cow::Owned(prefix(text, max).to_owned());
    }
    let kept = prefix(text, room).trim_end();
    Cow::Owned(format!("{kept}{}", mark(characters - kept.chars().count())))
}

fn mark(missing: usize) -> String {
    format!(" … ({missing} more characters)")
}

/// The longest beginning of at most `max` units that ends between characters.
pub fn prefix(text: &str, max: usize) -> &str {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += character.len_utf16();
        if used > max {
            return &text[..at];
        }
    }
    text
}

/// JSON in which nothing that came with the news can stand for one of the host's secrets: `{{secret:NAME}}` in a label would be
/// filled in on the wire otherwise. A place that is meant is put in afterwards.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(value)?;
    // Two braces without a name between them stand only within texts.
    Ok(if text.contains(PLACE) {
        text.replace(PLACE, NO_PLACE)
    } else {
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_is_counted() {
        assert_eq!(cut("short", 5), "short");
        let long = "a".repeat(100);
        let cut_text = cut(&long, 50);
        assert_eq!(cut_text, format!("{} … (74 more characters)", "a".repeat(26)));
        assert!(units(&cut_text) <= 50);
        // A blank at the end goes, and is counted.
        assert_eq!(cut(&format!("ab {}", "c".repeat(50)), 26), "ab … (51 more characters)");
    }

    #[test]
    fn no_length_is_too_short_and_no_character_is_halved() {
        let text = "🔔".repeat(40);
        for max in 0..=80 {
            let cut_text = cut(&text, max);
            assert!(units(&cut_text) <= max, "{max}: {cut_text}");
        }
        assert_eq!(cut(&text, 3), "🔔");
        assert_eq!(cut(&text, 80), text);
    }

    #[test]
    fn every_length_keeps_its_limit() {
        let text = "ä bb ".repeat(60);
        for max in 0..=units(&text) {
            assert!(units(&cut(&text, max)) <= max, "{max}");
        }
    }

    #[test]
    fn a_label_cannot_ask_for_a_secret_of_the_host() {
        let label = "x{{secret:key}} {{{secret:key}}} {{secret:";
        let body = json(&[label]).expect("written");
        assert!(!body.contains("{{secret:"), "{body}");
        let back: Vec<String> = serde_json::from_str(&body).expect("JSON");
        assert_eq!(back, [label]);
    }
}
