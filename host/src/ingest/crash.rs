//! Crashes that nobody has seen before. Pure.
//!
//! Flows in: events of applications. Flows out: whether one is the first of its kind, which is news of its own: it is sent at once, and
//! nothing resolves it. Kinds are told apart by what the application groups by, else by the exception and the innermost frame that is the
//! application's own; never by values or line numbers, which differ each time.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::clock::Timestamp;

/// Kinds that are remembered, some 60 bytes each. Beyond, the one that was silent longest is forgotten, and is new when it comes back.
pub const CRASHES_MAX: usize = 10_000;

/// New kinds of one source that are told within an hour: a release that breaks everything has one cause, and a page for each of its
/// symptoms buries it.
pub const NEWS_PER_HOUR_MAX: u32 = 20;

const HOUR_SECONDS: u64 = 3_600;

/// Longest title, in characters; it becomes a line of a message.
const TITLE_CHARS_MAX: usize = 200;

/// Parts of a fingerprint and frames of a stack that are looked at.
const PARTS_MAX: usize = 20;

/// A crash that is news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// Stable for its kind, within the source.
    pub fingerprint: u64,
    /// `ValueError: no such user`.
    pub title: String,
    /// Where: the innermost frame of the application's own, or the transaction; may be "".
    pub culprit: String,
    /// `error` or `fatal`.
    pub level: String,
    /// May be "".
    pub release: String,
    /// May be "".
    pub environment: String,
}

/// A kind is kept anew when it was last kept so long ago, so that a crash that comes every second is not a write every second.
pub const KEEP_AFTER_SECONDS: u64 = 24 * HOUR_SECONDS;

/// Why a crash is news, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// The first of its kind.
    New,
    /// Seen before, and when it was kept last is recent enough.
    Known,
    /// Seen before, and to be kept again, or it would seem to have been silent.
    Aged,
    /// New, and one too many within the hour: it is counted, and remembered, and not told.
    Flood,
}

/// What is remembered of one source's.
#[derive(Clone, Debug, Default)]
pub struct Crashes {
    /// By fingerprint, when it was last seen, in seconds since 1970, to a day.
    seen: BTreeMap<u64, u64>,
    /// Forgotten for want of room since the last time somebody asked.
    forgotten: Vec<u64>,
    hour: u64,
    told: u32,
}

impl Crashes {
    /// As they were kept: fingerprints, and when each was last seen in seconds since 1970.
    pub fn restored(kept: impl IntoIterator<Item = (u64, u64)>) -> Self {
        Self {
            seen: kept.into_iter().take(CRASHES_MAX).collect(),
            ..Self::default()
        }
    }

    /// To keep.
    pub fn kept(&self) -> impl Iterator<Item = (u64, u64)> {
        self.seen.iter().map(|(fingerprint, at)| (*fingerprint, *at))
    }

    /// One came.
    pub fn note(&mut self, fingerprint: u64, now: Timestamp) -> Novelty {
        let seconds = now.as_nanos() / 1_000_000_000;
        if let Some(seen) = self.seen.get_mut(&fingerprint) {
            if seconds < *seen + KEEP_AFTER_SECONDS {
                return Novelty::Known;
            }
            *seen = seconds;
            return Novelty::Aged;
        }
        self.seen.insert(fingerprint, seconds);
        self.forget_one();
        let hour = seconds / HOUR_SECONDS;
        if hour != self.hour {
            (self.hour, self.told) = (hour, 0);
        }
        if self.told == NEWS_PER_HOUR_MAX {
            return Novelty::Flood;
        }
        self.told += 1;
        Novelty::New
    }

    /// One that was news could not be told: the next of its kind is news again.
    pub fn unsee(&mut self, fingerprint: u64) {
        self.seen.remove(&fingerprint);
        self.told = self.told.saturating_sub(1);
    }

    /// Kinds that had to give way to others since this was asked last.
    pub fn take_forgotten(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.forgotten)
    }

    fn forget_one(&mut self) {
        if self.seen.len() <= CRASHES_MAX {
            return;
        }
        let oldest = self.seen.iter().min_by_key(|(_, at)| **at).map(|(key, _)| *key);
        if let Some(oldest) = oldest {
            self.seen.remove(&oldest);
            self.forgotten.push(oldest);
        }
    }
}

impl Crash {
    /// Of an item `event`. `None`: it is no crash but a message, or something that was handled and is no error.
    pub fn of(event: &Value) -> Option<Self> {
        let exception = exception(event)?;
        let level = event["level"].as_str().unwrap_or("error");
        if !matches!(level, "error" | "fatal") {
            return None;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = exception["type"].as_str().unwrap_or("Error");
        let frame = own_frame(exception);
        let culprit = match frame {
            Some(frame) => place(frame),
            None => text(&event["transaction"]),
        };
        let title = match exception["value"].as_str().unwrap_or_default().lines().next() {
            None | Some("") => kind.to_owned(),
            Some(said) => format!("{kind}: {said}"),
        };
        Some(Self {
            fingerprint: fingerprint(event, kind, &culprit),
            title: title.chars().take(TITLE_CHARS_MAX).collect(),
            culprit: culprit.chars().take(TITLE_CHARS_MAX).collect(),
            level: level.to_owned(),
            release: text(&event["release"]),
            environment: text(&event["environment"]),
        })
    }
}

/// The outermost of a chain: the last, which is what the application saw. Both forms that Sentry takes.
fn exception(event: &Value) -> Option<&Value> {
    let values = &event["exception"]["values"];
    let values = if values.is_array() { values } else { &event["exception"] };
    values.as_array()?.last().filter(|exception| exception.is_object())
}

/// Innermost frames are last. Without any that is the application's own, the innermost.
fn own_frame(exception: &Value) -> Option<&Value> {
    let frames = exception["stacktrace"]["frames"].as_array()?;
    let own = frames
        .iter()
        .rev()
        .find(|frame| frame["in_app"].as_bool() == Some(true));
    own.or_else(|| frames.last())
}

/// `module.function`, without its line, which the next release moves.
fn place(frame: &Value) -> String {
    let file = ["module", "filename", "abs_path"]
        .iter()
        .find_map(|key| frame[*key].as_str());
    let function = frame["function"].as_str().unwrap_or("?");
    format!("{}.{function}", file.unwrap_or("?"))
}

/// FNV-1a over what the application groups by, else over kind and place.
fn fingerprint(event: &Value, kind: &str, culprit: &str) -> u64 {
    let own = event["fingerprint"].as_array().map(Vec::as_slice).unwrap_or_default();
    let parts: Vec<&str> = own.iter().take(PARTS_MAX).filter_map(Value::as_str).collect();
    let is_default = |part: &&str| part.trim_matches(['{', '}', ' ']) == "default";
    let mut all: Vec<&str> = parts.iter().copied().filter(|part| !is_default(part)).collect();
    // `{{ default }}` among others: as Sentry groups, and by these besides.
    if all.is_empty() || parts.iter().any(is_default) {
        all.extend([kind, culprit]);
    }
    all.iter().fold(0xcbf2_9ce4_8422_2325, |hash, part| {
        let bytes = part.bytes().chain([0xff]);
        bytes.fold(hash, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, said: &str, line: u32) -> Value {
        json!({
            "release": "shop@1", "environment": "production",
            "exception": { "values": [{ "type": "Cause" }, { "type": kind, "value": said, "stacktrace": { "frames": [
                { "module": "app.main", "function": "run", "in_app": true, "lineno": 1 },
                { "module": "app.login", "function": "check", "in_app": true, "lineno": line },
                { "module": "library", "function": "parse", "in_app": false },
            ] } }] },
        })
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000 + seconds)
    }

    #[test]
    fn a_crash_is_told_apart_by_what_and_where_and_not_by_its_values() {
        let of = |event: Value| Crash::of(&event).expect("a crash");
        let one = of(event("ValueError", "no user 7\nsecond line", 10));
        assert_eq!(
            (one.title.as_str(), one.culprit.as_str()),
            ("ValueError: no user 7", "app.login.check")
        );
        assert_eq!(
            (one.release.as_str(), one.environment.as_str()),
            ("shop@1", "production")
        );
        assert_eq!(one.fingerprint, of(event("ValueError", "no user 8", 12)).fingerprint);
        assert_ne!(one.fingerprint, of(event("KeyError", "no user 7", 10)).fingerprint);
    }

    #[test]
    fn an_application_may_group_itself() {
        let with = |fingerprint: Value, kind| {
            let mut event = event(kind, "x", 1);
            event["fingerprint"] = fingerprint;
            Crash::of(&event).expect("a crash").fingerprint
        };
        assert_eq!(with(json!(["a"]), "ValueError"), with(json!(["a"]), "KeyError"));
        assert_ne!(with(json!(["a"]), "ValueError"), with(json!(["b"]), "ValueError"));
        let default = json!(["{{ default }}"]);
        assert_eq!(with(default.clone(), "ValueError"), with(json!([]), "ValueError"));
        assert_ne!(
            with(default, "ValueError"),
            with(json!(["{{default}}", "eu"]), "ValueError")
        );
    }

    #[test]
    fn messages_and_warnings_are_no_crashes() {
        assert_eq!(Crash::of(&json!({ "message": "hello", "level": "error" })), None);
        let mut warning = event("ValueError", "x", 1);
        warning["level"] = json!("warning");
        assert_eq!(Crash::of(&warning), None);
        for odd in [
            json!(null),
            json!([]),
            json!({ "exception": 7 }),
            json!({ "exception": { "values": ["x"] } }),
        ] {
            assert_eq!(Crash::of(&odd), None);
        }
        let bare = Crash::of(&json!({ "exception": [{}], "transaction": "/login" })).expect("a crash");
        assert_eq!((bare.title.as_str(), bare.culprit.as_str()), ("Error", "/login"));
    }

    #[test]
    fn a_kind_is_news_once_and_also_not_after_a_restart() {
        let mut crashes = Crashes::default();
        assert_eq!(crashes.note(1, at(0)), Novelty::New);
        assert_eq!(crashes.note(1, at(1)), Novelty::Known);
        let mut restored = Crashes::restored(crashes.kept());
        assert_eq!(restored.note(1, at(2)), Novelty::Known);
        assert_eq!(restored.note(2, at(2)), Novelty::New);
    }

    #[test]
    fn one_that_could_not_be_told_is_news_again_and_one_that_goes_on_is_kept_once_a_day() {
        let mut crashes = Crashes::default();
        assert_eq!(crashes.note(1, at(0)), Novelty::New);
        crashes.unsee(1);
        assert_eq!(crashes.note(1, at(1)), Novelty::New);
        assert_eq!(crashes.note(1, at(KEEP_AFTER_SECONDS)), Novelty::Known);
        assert_eq!(crashes.note(1, at(KEEP_AFTER_SECONDS + 1)), Novelty::Aged);
        assert_eq!(crashes.note(1, at(KEEP_AFTER_SECONDS + 2)), Novelty::Known);
    }

    #[test]
    fn a_flood_of_new_kinds_is_told_in_part() {
        let mut crashes = Crashes::default();
        let told = (0..100)
            .filter(|kind| crashes.note(*kind, at(0)) == Novelty::New)
            .count();
        assert_eq!(told, NEWS_PER_HOUR_MAX as usize);
        assert_eq!(
            crashes.note(50, at(HOUR_SECONDS)),
            Novelty::Known,
            "remembered though not told"
        );
        assert_eq!(crashes.note(1_000, at(HOUR_SECONDS)), Novelty::New);
    }

    #[test]
    fn the_kind_that_was_silent_longest_is_forgotten() {
        let mut crashes = Crashes::restored((0..CRASHES_MAX as u64).map(|kind| (kind, 1_000 + kind)));
        assert_eq!(crashes.note(u64::MAX, at(0)), Novelty::New);
        assert_eq!(crashes.kept().count(), CRASHES_MAX);
        assert!(crashes.kept().all(|(kind, _)| kind != 0));
        assert_eq!((crashes.take_forgotten(), crashes.take_forgotten()), (vec![0], vec![]));
    }
}
