//! Where a byte of a value stands in the text it was read from.
//!
//! A string of TOML or YAML may be quoted, escaped, folded or indented, and what is wrong in it (an expression, a template) is
//! known by its place in the value. Flows in: both texts. Flows out: an offset. It parses neither language: it walks both texts
//! side by side and passes over what only one of them has, which is blanks and escapes.

/// What stands for other characters in the source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    /// `\n`, `\"`, `\u00e9`.
    Backslash,
    /// `''` for one.
    Doubled,
}

/// The byte of `source`, a string as written, where byte `at` of its `value` stands. `quoted`: it has its quotes around it, or is
/// of a language in which what begins with a quote is. What cannot be followed is where it was lost.
pub fn place_within(source: &str, value: &str, at: usize, quoted: bool) -> usize {
    let (mut here, escapes) = if quoted { opening(source) } else { (0, Escapes::None) };
    for (index, wanted) in value.char_indices() {
        if is_blank(wanted) {
            if index >= at {
                return here;
            }
            continue;
        }
        loop {
            let Some((found, length)) = next(&source[here..], escapes) else {
                return here;
            };
            if found == Some(wanted) {
                if index >= at {
                    return here;
                }
                here += length;
                break;
            }
            if found.is_some_and(|found| !is_blank(found)) {
                return here;
            }
            here += length;
        }
    }
    here
}

const fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\n' | '\r' | '\t')
}

/// Where the text begins, and what is escaped in it.
fn opening(source: &str) -> (usize, Escapes) {
    for (quotes, escapes) in [
        ("\"\"\"", Escapes::Backslash),
        ("'''", Escapes::None),
        ("\"", Escapes::Backslash),
        ("'", Escapes::Doubled),
    ] {
        if source.starts_with(quotes) && source.len() > quotes.len() {
            return (quotes.len(), escapes);
        }
    }
    (0, Escapes::None)
}

/// The next character that the source stands for, and its length there. None: the escape of a line's end, or one that is unknown
/// and passed over.
fn next(source: &str, escapes: Escapes) -> Option<(Option<char>, usize)> {
    let first = source.chars().next()?;
    match (first, escapes) {
        ('\\', Escapes::Backslash) => Some(escaped(source)),
        ('\'', Escapes::Doubled) if source.starts_with("''") => Some((Some('\''), 2)),
        _ => Some((Some(first), first.len_utf8())),
    }
}

fn escaped(source: &str) -> (Option<char>, usize) {
    let Some(letter) = source[1..].chars().next() else {
        return (None, 1);
    };
    let digits = match letter {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => 0,
    };
    if digits > 0 {
        let code = source
            .get(2..2 + digits)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        return (code.and_then(char::from_u32), 2 + digits.min(source.len() - 2));
    }
    let meant = match letter {
        'n' => Some('\n'),
        't' => Some('\t'),
        'r' => Some('\r'),
        '\n' | '\r' => None,
        other => Some(other),
    };
    (meant, 1 + letter.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows in the source at the place of `needle` in the value.
    fn at<'s>(source: &'s str, value: &str, needle: &str) -> &'s str {
        &source[place_within(
            source,
            value,
            value.find(needle).unwrap(),
            source.starts_with(['"', '\'']),
        )..]
    }

    #[test]
    fn every_way_of_writing_a_string_is_followed() {
        assert!(at("rate(x[5m])", "rate(x[5m])", "x[").starts_with("x[5m]"));
        assert!(at("\"a{b=\\\"c\\\"} > é\"", "a{b=\"c\"} > é", "é").starts_with("é\""));
        assert!(at("'a{b=''c''} > 5'", "a{b='c'} > 5", "5").starts_with("5'"));
        assert!(at("a\n      > 5\n", "a\n  > 5\n", "5").starts_with("5\n"));
        assert!(at("a\n    > 5\n", "a > 5", "> 5").starts_with("> 5\n"));
        assert!(at("\"\"\"\n  a \\\n   b\"\"\"", "  a b", "b").starts_with("b\"\"\""));
        assert!(at("\"a\\nb\"", "a\nb", "b").starts_with("b\""));
    }

    #[test]
    fn the_end_is_a_place_and_nonsense_is_none_to_panic_at() {
        assert_eq!(place_within("\"abc\"", "abc", 3, true), 4);
        assert_eq!(place_within("'a' == 1", "'a' == 1", 4, false), 4);
        for source in ["", "\"", "'", "\\", "\"\\u12", "|", "é"] {
            for at in 0..5 {
                assert!(place_within(source, "xyé z", at, true) <= source.len());
            }
        }
    }
}
