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
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    cut_by(text, max, char::len_utf16)
}

/// As [`cut`], for a medium in which a character takes what `cost` says, such as five for an `&` that is written `&amp;`. Escape what
/// comes of it, the mark included: it keeps the limit then.
pub fn cut_by(text: &str, max: usize, cost: impl Fn(char) -> usize) -> Cow<'_, str> {
    if cost_of(text, &cost) <= max {
        return Cow::Borrowed(text);
    }
    let characters = text.chars().count();
    // With the longest count there may be: nearer counts are never longer.
    let room = max.saturating_sub(cost_of(&mark(characters), &cost));
    if room == 0 {
        return Cow::Owned(prefix_by(text, max, &cost).to_owned());
    }
    let kept = prefix_by(text, room, &cost).trim_end();
    Cow::Owned(format!("{kept}{}", mark(characters - kept.chars().count())))
}

/// What a text takes in a medium.
pub fn cost_of(text: &str, cost: impl Fn(char) -> usize) -> usize {
    text.chars().map(cost).sum()
}

fn mark(missing: usize) -> String {
    format!(" … ({missing} more characters)")
}

/// The longest beginning of at most `max` units that ends between characters.
pub fn prefix(text: &str, max: usize) -> &str {
    prefix_by(text, max, char::len_utf16)
}

fn prefix_by(text: &str, max: usize, cost: impl Fn(char) -> usize) -> &str {
    let mut used = 0;
    for (at, character) in text.char_indices() {
        used += cost(character);
        if used > max {
            return &text[..at];
        }
    }
    text
}

/// Lines one below the other, as many as fit into `max`. Those that do not are counted in a last line, with the `left_out` that were
/// left out before: `… and 12 more alerts`. That line stands also alone; where it does not fit either, there is nothing.
pub fn lines_within(
    lines: impl ExactSizeIterator<Item = String>,
    left_out: usize,
    max: usize,
    cost: impl Fn(char) -> usize,
) -> String {
    let all = lines.len() + left_out;
    let reserve = cost_of(&more(all), &cost) + cost('\n');
    let (mut text, mut used, mut taken) = (String::new(), 0, 0);
    // Where the text stood before lines that fit only as long as nothing has to be said below them.
    let mut safe = (0, 0);
    for line in lines {
        let more = cost_of(&line, &cost) + cost('\n');
        if used + more > max + cost('\n') {
            break;
        }
        used += more;
        taken += 1;
        text.push_str(&line);
        text.push('\n');
        if used + reserve <= max + cost('\n') {
            safe = (text.len(), taken);
        }
    }
    if taken < all {
        text.truncate(safe.0);
        let last = more(all - safe.1);
        if safe.0 > 0 || cost_of(&last, &cost) <= max {
            text.push_str(&last);
        }
    }
    text.truncate(text.trim_end_matches('\n').len());
    text
}

fn more(alerts: usize) -> String {
    match alerts {
        1 => "… and 1 more alert".to_owned(),
        many => format!("… and {many} more alerts"),
    }
}

/// Thirty-two hexadecimal digits that tell texts of any length apart, for keys that may not be long. Each digit depends on all of the
/// text, so that a part of them will do where fewer are wanted. Two texts of somebody who wants them to be taken for one can be found, so
/// it is no proof of anything.
pub fn digest(text: &str) -> String {
    let hash = scattered(fnv(text));
    format!("{hash:032x}")
}

/// FNV-1a of 128 bits: the same on every machine and with every compiler, and a line long. What a text ends with is in few of its bits.
fn fnv(text: &str) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.bytes()
        .fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

/// The finish of MurmurHash3, whose purpose this is. No two hashes become one.
fn scattered(hash: u128) -> u128 {
    const FIRST: u64 = 0xff51_afd7_ed55_8ccd;
    const SECOND: u64 = 0xc4ce_b9fe_1a85_ec53;
    let mixed = |half: u64| {
        let half = (half ^ (half >> 33)).wrapping_mul(FIRST);
        let half = (half ^ (half >> 33)).wrapping_mul(SECOND);
        half ^ (half >> 33)
    };
    let joined = |high: u64, low: u64| {
        let high = high.wrapping_add(low);
        (high, low.wrapping_add(high))
    };
    let (high, low) = joined((hash >> 64) as u64, hash as u64);
    let (high, low) = joined(mixed(high), mixed(low));
    (u128::from(high) << 64) | u128::from(low)
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
    use std::collections::BTreeSet;

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
    fn a_medium_in_which_characters_are_dearer_gets_fewer_of_them() {
        let dear = |character: char| if character == '&' { 5 } else { 1 };
        let text = "&".repeat(40);
        for max in 0..=200 {
            assert!(cost_of(&cut_by(&text, max, dear), dear) <= max, "{max}");
        }
        assert_eq!(cut_by(&text, 200, dear), text);
        assert_eq!(cut_by(&text, 40, dear), "&&& … (37 more characters)");
    }

    #[test]
    fn lines_that_do_not_fit_are_counted() {
        let within = |count: usize, left_out, max| {
            let lines: Vec<String> = (0..count).map(|n| format!("line {n:03}")).collect();
            lines_within(lines.into_iter(), left_out, max, char::len_utf16)
        };
        assert_eq!(within(3, 0, 26), "line 000\nline 001\nline 002");
        assert_eq!(within(3, 0, 25), "… and 3 more alerts");
        assert_eq!(within(3, 0, 19), "… and 3 more alerts");
        assert_eq!(within(4, 0, 30), "line 000\n… and 3 more alerts");
        assert_eq!(within(1, 5, 100), "line 000\n… and 5 more alerts");
        assert_eq!(
            within(5_000, 0, 60),
            "line 000\nline 001\nline 002\nline 003\n… and 4996 more alerts"
        );
        assert_eq!(within(2, 0, 5), "");
        assert_eq!(within(0, 0, 100), "");
        for max in 0..400 {
            assert!(units(&within(60, 7, max)) <= max, "{max}");
        }
    }

    #[test]
    fn a_digest_is_made_of_the_published_examples_and_stays_the_same() {
        for (text, hash, digits) in [
            (
                "",
                0x6c62272e07bb014262b821756295c58d,
                "d6f70b0c565acea90af20b0e816f4f63",
            ),
            (
                "a",
                0xd228cb696f1a8caf78912b704e4a8964,
                "d360641d9507385b2615ccc4db20ccc9",
            ),
            (
                "foobar",
                0x343e1662793c64bf6f0d3597ba446f18,
                "2774f630e7c54676baa26ba2777eb83f",
            ),
        ] {
            assert_eq!((fnv(text), digest(text).as_str()), (hash, digits), "{text:?}");
        }
    }

    #[test]
    fn texts_that_differ_at_their_end_differ_in_every_part_of_their_digests() {
        let all: Vec<String> = (0..2_000).map(|number| digest(&format!("web-{number}"))).collect();
        for from in [0, 8, 16, 24] {
            let parts: BTreeSet<&str> = all.iter().map(|digits| &digits[from..from + 8]).collect();
            assert_eq!(parts.len(), all.len(), "{from}");
        }
        let upper = all.iter().filter(|digits| digits.as_str() >= "c").count();
        assert!((400..=600).contains(&upper), "{upper}");
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
