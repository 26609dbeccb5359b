//! One source of envelopes: what it may send, and what becomes of it.
//!
//! Flows in: an envelope's bytes, decompressed, and the time. Flows out: [`Taken`], or a [`Refusal`], which goes back to the SDK. Who the source is, by its key, is decided before.

use std::time::Duration;

use serde_json::Value;

use super::{
    crash::{Crash, Crashes, Novelty},
    derive::Derived,
    envelope::{Envelope, EnvelopeError, Item, ItemCategory},
    rate::Bucket,
    scrub::{ScrubOptions, Scrubber},
};
use crate::{clock::Timestamp, config::EventLimits};

/// What a source may send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SourceLimits {
    /// Envelopes a second, on average.
    pub envelopes_per_second: f64,
    /// Bytes a second, on average, decompressed.
    pub bytes_per_second: f64,
    /// Label sets of what is derived.
    pub series: usize,
}

/// How many seconds of its pace a source may send at once: a page that loads, a worker that starts.
const BURST_SECONDS: f64 = 30.0;

impl Default for SourceLimits {
    fn default() -> Self {
        EventLimits::default().into()
    }
}

impl From<EventLimits> for SourceLimits {
    fn from(limits: EventLimits) -> Self {
        Self {
            envelopes_per_second: f64::from(limits.envelopes_per_second),
            bytes_per_second: limits.bytes_per_second as f64,
            series: limits.series,
        }
    }
}

/// Why an envelope was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too many, or too much. To be told with 429.
    TooFast {
        /// When there is room again, at least a second.
        retry_after: Duration,
    },
    /// It is none, or breaks a limit.
    Malformed(EnvelopeError),
}

/// What became of an envelope.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// Cleaned, to hand on. Items that nobody can look into are in it as they came, unless their source may not send them.
    pub envelope: Envelope,
    /// Crashes of a kind that was never seen: each is news at once.
    pub crashes: Vec<Crash>,
    /// New kinds that are not told, because too many came within the hour.
    pub untold: u32,
    /// Items that were left out because they are no JSON and should be.
    pub damaged: Vec<ItemCategory>,
    /// By category, in order.
    pub categories: Vec<ItemCategory>,
    /// Kinds of crashes to keep, and not told: seen before and long ago, or too many to tell.
    pub seen: Vec<u64>,
    /// Kinds to forget, for want of room.
    pub forgotten: Vec<u64>,
    /// What the first event or transaction says, cleaned.
    pub said: Said,
}

/// An item in a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// `error`, `info`, …; "" when there is neither event nor transaction.
    pub level: String,
    /// May be "".
    pub message: String,
}

/// Longest message of [`Said`], in characters: it is a line.
const SAID_CHARS_MAX: usize = 200;

impl Said {
    fn of(category: ItemCategory, payload: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let (level, message) = match category {
            ItemCategory::Error => {
                let crash = Crash::of(payload).map(|crash| crash.title);
                let places = [
                    &payload["logentry"]["formatted"],
                    &payload["logentry"]["message"],
                    &payload["message"],
                ];
                let message = crash.or_else(|| places.into_iter().find_map(text));
                (text(&payload["level"]).unwrap_or_else(|| "error".to_owned()), message)
            }
            ItemCategory::Transaction => ("info".to_owned(), text(&payload["transaction"])),
            _ => return None,
        };
        let message = message.unwrap_or_default().chars().take(SAID_CHARS_MAX).collect();
        Some(Self { level, message })
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Source {
    envelopes: Bucket,
    bytes: Bucket,
    scrubber: Scrubber,
    crashes: Crashes,
    derived: Derived,
}

impl Source {
    /// `crashes` are those that were seen before.
    pub fn new(limits: SourceLimits, scrub: ScrubOptions, crashes: Crashes, now: Timestamp) -> Self {
        let bucket = |pace: f64| Bucket::new(pace, pace * BURST_SECONDS, now);
        Self {
            envelopes: bucket(limits.envelopes_per_second),
            bytes: bucket(limits.bytes_per_second),
            scrubber: Scrubber::new(scrub),
            crashes,
            derived: Derived::new(limits.series),
        }
    }

    /// One envelope. What is refused changes nothing but the budget.
    pub fn take(&mut self, bytes: &[u8], now: Timestamp) -> Result<Taken, Refusal> {
        let paced = self
            .envelopes
            .spend(1.0, now)
            .and_then(|()| self.bytes.spend(bytes.len() as f64, now));
        paced.map_err(|retry_after| Refusal::TooFast {
            retry_after: retry_after.max(Duration::from_secs(1)),
        })?;
        let envelope = Envelope::parse(bytes).map_err(Refusal::Malformed)?;
        let mut taken = Taken {
            envelope: Envelope {
                headers: envelope.headers,
                items: Vec::new(),
            },
            crashes: Vec::new(),
            untold: 0,
            damaged: Vec::new(),
            categories: envelope.items.iter().map(Item::category).collect(),
            seen: Vec::new(),
            forgotten: Vec::new(),
            said: Said::default(),
        };
        for item in envelope.items {
            self.take_item(item, &mut taken, now);
        }
        taken.forgotten = self.crashes.take_forgotten();
        Ok(taken)
    }

    fn take_item(&mut self, mut item: Item, taken: &mut Taken, now: Timestamp) {
        let category = item.category();
        if category.is_json() {
            let Ok(mut payload) = serde_json::from_slice::<Value>(&item.payload) else {
                taken.damaged.push(category);
                return;
            };
            // Kinds of crashes are told apart by what differs, and everything else is made of what is clean.
            if category == ItemCategory::Error {
                self.note_crash(&payload, taken, now);
            }
            self.scrubber.scrub(&mut payload);
            match category {
                ItemCategory::Error => self.derived.note_event(&payload, now),
                ItemCategory::Span => self.derived.note_spans(&payload, now),
                ItemCategory::Transaction => self.derived.note_transaction(&payload, now),
                _ => {}
            }
            if taken.said.level.is_empty() {
                taken.said = Said::of(category, &payload).unwrap_or_default();
            }
            item.payload = payload.to_string().into_bytes();
        }
        taken.envelope.items.push(item);
    }

    fn note_crash(&mut self, event: &Value, taken: &mut Taken, now: Timestamp) {
        let Some(mut crash) = Crash::of(event) else { return };
        match self.crashes.note(crash.fingerprint, now) {
            Novelty::Known => {}
            Novelty::Aged => taken.seen.push(crash.fingerprint),
            Novelty::Flood => {
                taken.untold += 1;
                taken.seen.push(crash.fingerprint);
            }
            Novelty::New => {
                // They go into messages.
                let texts = [
                    &mut crash.title,
                    &mut crash.culprit,
                    &mut crash.release,
                    &mut crash.environment,
                ];
                texts.into_iter().for_each(|text| self.clean(text));
                taken.crashes.push(crash);
            }
        }
    }

    fn clean(&self, text: &mut String) {
        let mut said = Value::from(std::mem::take(text));
        self.scrubber.scrub(&mut said);
        said.as_str().unwrap_or_default().clone_into(text);
    }

    /// What was derived since the last time is taken from here.
    pub const fn derived(&mut self) -> &mut Derived {
        &mut self.derived
    }

    /// What is remembered of crashes.
    pub const fn crashes(&self) -> &Crashes {
        &self.crashes
    }

    /// See [`Crashes::unsee`].
    pub fn unsee(&mut self, crash: &Crash) {
        self.crashes.unsee(crash.fingerprint);
    }

    /// The same, for a source of another configuration.
    pub fn into_crashes(self) -> Crashes {
        self.crashes
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn source() -> Source {
        Source::new(
            SourceLimits::default(),
            ScrubOptions::default(),
            Crashes::default(),
            NOW,
        )
    }

    fn crash(said: &str) -> Vec<u8> {
        let event = json!({ "exception": { "values": [{ "type": "ValueError", "value": said }] }, "extra": { "password": "hunter2" } });
        format!("{{\"event_id\":\"x\",\"dsn\":\"https://k@h/1\"}}\n{{\"type\":\"event\"}}\n{event}\n{{\"type\":\"novelty\",\"length\":3}}\nabc\n").into_bytes()
    }

    #[test]
    fn a_crash_is_counted_cleaned_told_once_and_handed_on() {
        let mut source = source();
        let first = source.take(&crash("for jane@example.com"), NOW).expect("taken");
        assert_eq!(first.crashes.len(), 1);
        assert_eq!(first.crashes[0].title, "ValueError: for [Filtered]");
        let text = String::from_utf8(first.envelope.to_bytes()).expect("text");
        assert!(
            !text.contains("hunter2") && !text.contains("jane@") && !text.contains("https://k@h"),
            "{text}"
        );
        assert!(
            text.contains("novelty") && text.contains("abc"),
            "what is not known is kept: {text}"
        );
        assert_eq!(first.categories, [ItemCategory::Error, ItemCategory::Other]);
        assert_eq!(
            (first.said.level.as_str(), first.said.message.as_str()),
            ("error", "ValueError: for [Filtered]")
        );
        let second = source.take(&crash("for john@example.com"), NOW).expect("taken");
        assert_eq!((second.crashes.len(), second.untold), (0, 0));
        let families = source.derived().take().expect("good names");
        assert_eq!(families.len(), 1);
        assert_eq!(source.crashes().kept().count(), 1);
    }

    #[test]
    fn a_source_that_sends_too_much_is_told_when_to_come_back() {
        let mut source = source();
        let taken = (0..5_000).filter(|_| source.take(b"{}\n", NOW).is_ok()).count();
        assert_eq!(taken, 1_500);
        let refusal = source.take(b"{}\n", NOW).expect_err("refused");
        assert_eq!(
            refusal,
            Refusal::TooFast {
                retry_after: Duration::from_secs(1)
            }
        );
        let later = Timestamp::from_nanos(NOW.as_nanos() + 2_000_000_000);
        assert!(source.take(b"{}\n", later).is_ok());
    }

    #[test]
    fn bytes_are_limited_too() {
        let mut source = source();
        let large = format!(
            "{{}}\n{{\"type\":\"attachment\",\"length\":{}}}\n{}\n",
            12 << 20,
            "x".repeat(12 << 20)
        );
        let taken = (0..10).filter(|_| source.take(large.as_bytes(), NOW).is_ok()).count();
        assert_eq!(taken, 2);
        assert!(
            matches!(source.take(large.as_bytes(), NOW), Err(Refusal::TooFast { retry_after }) if retry_after > Duration::from_secs(5))
        );
    }

    #[test]
    fn what_is_no_envelope_is_refused_by_name() {
        let mut source = source();
        let refusal = source.take(b"nonsense", NOW).expect_err("refused");
        assert!(matches!(refusal, Refusal::Malformed(_)), "{refusal:?}");
        let damaged = source
            .take(b"{}\n{\"type\":\"event\"}\nnot JSON\n", NOW)
            .expect("taken");
        assert_eq!(damaged.damaged, [ItemCategory::Error]);
        assert!(damaged.envelope.items.is_empty());
    }
}
