//! When a check turns: from well to not, from one reason to another, and back. Pure.
//!
//! Flows in: the word of each outcome and when it came, and the word from before this process began. Flows out: whether that is worth
//! a line, and what was said before. What stays as it is needs no line, and what changes all the time would fill the log: the metrics
//! have each run.

use std::time::Duration;

use crate::clock::Instant;

/// Lines about one check that may come at once: what is being mended turns a few times.
const LINES_AT_ONCE: u32 = 10;

/// Between two lines about one check that has used up those. Short enough that whoever reads the log learns within a run or two how a
/// check that flapped has ended up; long enough that ten thousand checks which all flap are some 170 lines a second.
const APART: Duration = Duration::from_secs(60);

/// The word of a check that is well: nobody is told that it began so.
const WELL: &str = "ok";

/// What was said of one check.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The last word that was said, or that needed no saying; from before this process, until something was heard.
    said: Option<&'static str>,
    /// The last word there was in this process.
    last: Option<&'static str>,
    /// When all lines may come at once again: each takes [`APART`] to come back.
    rested_at: Option<Instant>,
    unsaid: u32,
}

/// Something to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// What was said before, or was true before this process began; none at the first run that is known of.
    pub(super) from: Option<&'static str>,
    /// How often it turned since then without a word. None, and the same word as before: so it was before this process began.
    pub(super) unsaid: u32,
}

impl Told {
    /// Of a check that had this outcome before this process began.
    pub(super) fn before(word: &'static str) -> Self {
        Self {
            said: Some(word),
            ..Self::default()
        }
    }

    /// Whether `word`, an outcome's, is news. After too much of it the next is said when there is room again, whatever it is by then.
    pub(super) fn hear(&mut self, word: &'static str, now: Instant) -> Option<Turn> {
        let last = self.last.replace(word);
        let is_first = last.is_none();
        if is_first && word == WELL && self.said.is_none() {
            self.said = Some(word);
        }
        let is_told = self.said == Some(word) && self.unsaid == 0;
        if is_told && (!is_first || word == WELL) {
            return None;
        }
        if !self.has_room(now) {
            self.unsaid += u32::from(last != Some(word));
            return None;
        }
        Some(Turn {
            from: self.said.replace(word),
            unsaid: std::mem::take(&mut self.unsaid),
        })
    }

    /// Takes the room for one line, if there is any.
    fn has_room(&mut self, now: Instant) -> bool {
        let rested_at = self.rested_at.map_or(now, |at| at.max(now));
        let has_room = rested_at.saturating_duration_since(now) <= APART * (LINES_AT_ONCE - 1);
        if has_room {
            self.rested_at = Some(rested_at + APART);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn turn(from: &'static str) -> Option<Turn> {
        Some(Turn {
            from: Some(from),
            unsaid: 0,
        })
    }

    fn heard<const N: usize>(mut told: Told, words: [&'static str; N]) -> [Option<Turn>; N] {
        let now = Clock::system().monotonic();
        words.map(|word| told.hear(word, now))
    }

    const AT_FIRST: Option<Turn> = Some(Turn { from: None, unsaid: 0 });

    #[test]
    fn a_turn_is_said_once_and_so_is_the_way_back() {
        let said = heard(Told::default(), ["ok", "cpu", "cpu", "critical", "ok", "ok"]);
        assert_eq!(said, [None, turn("ok"), None, turn("cpu"), turn("critical"), None]);
    }

    #[test]
    fn what_is_not_well_at_its_first_run_never_was_well() {
        let said = heard(Told::default(), ["critical", "critical", "ok", "critical"]);
        assert_eq!(said, [AT_FIRST, None, turn("critical"), turn("ok")]);
    }

    #[test]
    fn what_was_before_this_process_began_is_known_and_what_is_still_not_well_is_said_again() {
        assert_eq!(
            heard(Told::before("critical"), ["critical", "critical"]),
            [turn("critical"), None]
        );
        assert_eq!(heard(Told::before("critical"), ["ok"]), [turn("critical")]);
        assert_eq!(heard(Told::before("ok"), ["ok", "critical"]), [None, turn("ok")]);
    }

    #[test]
    fn what_turns_all_the_time_is_said_ten_times_and_then_once_a_minute_with_how_often_it_was_not() {
        let now = Clock::system().monotonic();
        let mut told = Told::default();
        let flap = |run: u32| if run.is_multiple_of(2) { "critical" } else { "ok" };
        let said = (0..25).filter(|run| told.hear(flap(*run), now).is_some()).count();
        assert_eq!(said, 10);
        assert_eq!(told.hear("critical", now + APART / 2), None);
        let news = told.hear("critical", now + APART).expect("a minute later");
        let (from, unsaid) = (Some("ok"), 15);
        assert_eq!(news, Turn { from, unsaid });
        assert_eq!(told.hear("critical", now + APART), None, "it is said");
        assert_eq!(told.hear("ok", now + APART), None, "no room");
        let news = told.hear("ok", now + APART * 2).expect("another minute later");
        let (from, unsaid) = (Some("critical"), 1);
        assert_eq!(news, Turn { from, unsaid });
    }

    #[test]
    fn who_has_been_quiet_may_say_as_much_as_at_first() {
        let now = Clock::system().monotonic();
        let mut told = Told::default();
        let words = || ["critical", "ok"].into_iter().cycle();
        words().take(30).for_each(|word| {
            told.hear(word, now);
        });
        let later = now + APART * LINES_AT_ONCE;
        let said = words().take(30).filter(|word| told.hear(word, later).is_some()).count();
        assert_eq!(said, 10);
    }
}
