//! How much of what was answered a run can afford to search. Pure.
//!
//! The engine that looks for expressions works at some ten megabytes a second with a small one, and at some kilobytes with the
//! largest; a run that uses up its CPU time loses its whole report. So a run has a sum of work, shared among its targets: those
//! that want least come first, and what they leave goes to the others. Flows in: lengths and costs. Flows out: how far to look.

use bellwether_sdk::pattern::Pattern;

use crate::{request, settings::ExpectSettings, target::Target};

/// Of one run, in bytes of text times bytes of expression. Measured in the sandbox on a core of 2023, with expressions whose
/// every part stays alive, it takes 0.4 s: two fifths of the CPU time that a run has unless configured, so that a machine of half
/// the speed is still done.
const OF_A_RUN: u64 = 12 << 30;

/// Of a byte that is looked at for one text: a fiftieth of what the smallest expression takes.
const TEXT: u64 = 64;

/// Of a byte that is read as UTF-8 before.
const READING: u64 = 64;

/// Of a byte that is read as JSON: 45 ns at worst.
const JSON: u64 = 1 << 10;

/// What is left of it.
#[derive(Debug)]
pub(crate) struct Work {
    left: u64,
}

/// What a search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Searched {
    Found,
    /// Not in the whole text.
    Missing,
    /// Not in so many bytes at its beginning, and more was not looked at.
    MissingInFirst(usize),
}

impl Work {
    pub(crate) const fn of_a_run() -> Self {
        Self { left: OF_A_RUN }
    }

    /// One of `many` equal parts, taken out.
    pub(crate) fn share(&mut self, many: usize) -> Self {
        let part = self.left / u64::try_from(many).unwrap_or(u64::MAX).max(1);
        self.left -= part;
        Self { left: part }
    }

    /// Puts back what a part was not used for.
    pub(crate) fn give_back(&mut self, rest: &Self) {
        self.left = self.left.saturating_add(rest.left);
    }

    /// As much of the beginning of `text` as may be looked at, at `cost` for a byte.
    pub(crate) fn part<'t>(&mut self, text: &'t [u8], cost: u64) -> &'t [u8] {
        let affordable = usize::try_from(self.left / cost.max(1)).unwrap_or(usize::MAX);
        let mut end = text.len().min(affordable);
        // Not within a character.
        while end < text.len() && end > 0 && text[end] & 0b1100_0000 == 0b1000_0000 {
            end -= 1;
        }
        self.left = self.left.saturating_sub(cost.saturating_mul(end as u64));
        &text[..end]
    }

    /// All of it or nothing, for JSON has no beginning that could be read.
    pub(crate) fn affords_json(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(JSON.saturating_mul(bytes as u64));
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    /// Looks for `pattern` as far as may be.
    pub(crate) fn search(&mut self, pattern: &Pattern, text: &str) -> Searched {
        let part = self.part(text.as_bytes(), pattern.cost()).len();
        searched(pattern, &text[..part], part == text.len())
    }
}

/// Looks for `pattern` in all of `part`, which may be the whole.
pub(crate) fn searched(pattern: &Pattern, part: &str, whole: bool) -> Searched {
    match whole {
        true if pattern.is_in(part) => Searched::Found,
        true => Searched::Missing,
        false if pattern.is_surely_in(part) => Searched::Found,
        false => Searched::MissingInFirst(part.len()),
    }
}

/// Of a byte of the body, for its texts.
pub(crate) fn of_texts(expect: &ExpectSettings) -> u64 {
    let lists = [&expect.body_contains, &expect.body_lacks];
    let texts: usize = lists.into_iter().flatten().map(Vec::len).sum();
    TEXT.saturating_mul(texts as u64).saturating_add(READING)
}

/// Of a byte of the body, for its expressions.
pub(crate) fn of_patterns(expect: &ExpectSettings) -> u64 {
    let lists = [&expect.body_matches, &expect.body_lacks_match];
    let costs = lists.into_iter().flatten().flatten().map(Pattern::cost);
    costs.fold(0, u64::saturating_add)
}

/// What looking at all of a body of so many bytes would take.
pub(crate) fn wanted(target: &Target, bytes: usize) -> u64 {
    if !request::wants_body(target) {
        return 0;
    }
    let expect = &target.expect;
    let json = if expect.json.is_some() { JSON } else { 0 };
    let of_a_byte = of_texts(expect)
        .saturating_add(of_patterns(expect))
        .saturating_add(json);
    of_a_byte.saturating_mul(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).expect("a regular expression")
    }

    #[test]
    fn what_one_leaves_the_others_have() {
        let mut all = Work { left: 90 };
        let mut first = all.share(3);
        assert_eq!(first.part(b"0123456789", 2).len(), 10);
        all.give_back(&first);
        assert_eq!(all.share(2).left, 35);
        assert_eq!(all.share(1).left, 35);
    }

    #[test]
    fn a_part_ends_between_characters() {
        let text = "aüb";
        let of = |left| Work { left }.part(text.as_bytes(), 1).len();
        assert_eq!([0, 1, 2, 3, 4, 9].map(of), [0, 1, 1, 3, 4, 4]);
    }

    #[test]
    fn what_was_not_looked_at_is_never_missing() {
        let dot = pattern("b");
        let enough = dot.cost() * 3;
        assert_eq!(Work { left: enough }.search(&dot, "aab"), Searched::Found);
        assert_eq!(Work { left: enough }.search(&dot, "aaa"), Searched::Missing);
        assert_eq!(Work { left: enough }.search(&dot, "aaab"), Searched::MissingInFirst(3));
        assert_eq!(Work { left: 0 }.search(&dot, "b"), Searched::MissingInFirst(0));
        assert_eq!(Work { left: 0 }.search(&dot, ""), Searched::Missing);
    }

    #[test]
    fn json_is_read_whole_or_not_at_all() {
        let mut work = Work { left: JSON * 10 };
        assert!(!work.affords_json(11));
        assert!(work.affords_json(10));
        assert!(!work.affords_json(1));
    }
}
