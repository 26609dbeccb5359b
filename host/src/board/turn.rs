//! When a check turns: from well to not, from one reason to another, and back. Pure.
//!
//! Flows in: the word of each outcome and when it came. Flows out: whether that is worth a line, and what was said before. What
//! stays as it is needs no line, and what changes all the time would fill the log: the metrics have each run.

use std::time::Duration;

use crate::clock::Instant;

/// Lines about one check within [`SPAN`]: what turns more often than that is not told by more of them.
const LINES_MAX: u32 = 10;

/// Long enough that ten thousand checks which all flap are some thirty lines a second.
const SPAN: Duration = Duration::from_secs(3600);

/// The word of a check that is well: nobody is told that it began so.
const WELL: &str = "ok";

/// What was said of one check.
#[derive(Debug)]
pub(super) struct Told {
    /// The last word that was said.
    said: &'static str,
    /// The last word there was.
    last: &'static str,
    began: Option<Instant>,
    lines: u32,
    unsaid: u32,
}

/// Something to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// What was said before.
    pub(super) from: &'static str,
    /// How often it turned since then without a word.
    pub(super) unsaid: u32,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            said: WELL,
            last: WELL,
            began: None,
            lines: 0,
            unsaid: 0,
        }
    }
}

impl Told {
    /// Whether `word`, an outcome's, is news. After too much of it the next is said when the span is over, whatever it is by then.
    pub(super) fn hear(&mut self, word: &'static str, now: Instant) -> Option<Turn> {
        let has_turned = std::mem::replace(&mut self.last, word) != word;
        if self.began.is_none_or(|began| now >= began + SPAN) {
            (self.began, self.lines) = (Some(now), 0);
        }
        if word == self.said && self.unsaid == 0 {
            return None;
        }
        if self.lines == LINES_MAX {
            self.unsaid += u32::from(has_turned);
            return None;
        }
        self.lines += 1;
        Some(Turn {
            from: std::mem::replace(&mut self.said, word),
            unsaid: std::mem::take(&mut self.unsaid),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn turn(from: &'static str) -> Option<Turn> {
        Some(Turn { from, unsaid: 0 })
    }

    #[test]
    fn a_turn_is_said_once_and_so_is_the_way_back() {
        let now = Clock::system().monotonic();
        let mut told = Told::default();
        let heard = ["ok", "cpu", "cpu", "critical", "ok", "ok"].map(|word| told.hear(word, now));
        assert_eq!(heard, [None, turn("ok"), None, turn("cpu"), turn("critical"), None]);
    }

    #[test]
    fn what_turns_all_the_time_is_said_so_often_and_then_as_it_is_when_the_hour_is_over() {
        let now = Clock::system().monotonic();
        let mut told = Told::default();
        let flap = |run: u32| if run.is_multiple_of(2) { "critical" } else { "ok" };
        let said = (0..25).filter(|run| told.hear(flap(*run), now).is_some()).count();
        assert_eq!(said, 10);
        assert_eq!(told.hear("critical", now + SPAN / 2), None);
        let news = told.hear("critical", now + SPAN).expect("an hour later");
        assert_eq!(news, Turn { from: "ok", unsaid: 15 });
        assert_eq!(told.hear("critical", now + SPAN), None);
    }
}
