//! Which label sets a source may have, so that one application cannot fill the host. Pure.

use std::{collections::BTreeMap, sync::Arc};

use crate::clock::Timestamp;

/// What stands for a value when there are too many others.
pub const OTHER: &str = "other";

/// Longest label value that is kept, in bytes; a release or a route is shorter.
const VALUE_BYTES_MAX: usize = 200;

/// A label set that was silent for so long gives way to a new one, when there are too many: releases end, and routes go with them.
pub const SILENT_SECONDS: u64 = 3_600;

/// How often it is looked for such, at most: each look is at all of them.
const LOOK_SECONDS: u64 = 60;

/// A family and the values of its labels.
pub type SeriesKey = (&'static str, Vec<Arc<str>>);

/// Label sets seen, up to a limit.
#[derive(Clone, Debug)]
pub struct SeriesBudget {
    max: usize,
    /// When each was last seen, in seconds.
    known: BTreeMap<SeriesKey, u64>,
    /// From when on it is worth a look whether some are silent.
    look_at: u64,
    /// Given up since somebody asked last.
    silent: Vec<SeriesKey>,
    /// How many points had to be told as `other` since the start.
    folded: u64,
}

impl SeriesBudget {
    /// For at most `max` label sets over all families.
    pub const fn new(max: usize) -> Self {
        Self {
            max,
            known: BTreeMap::new(),
            look_at: 0,
            silent: Vec::new(),
            folded: 0,
        }
    }

    /// The label values to count a point under: its own while there is room, or another one was silent for long; else with every value
    /// that is `open` (of which an application may have any number) as `other`. Nothing is lost from a sum.
    pub fn admit(&mut self, family: &'static str, values: &[&str], open: &[bool], now: Timestamp) -> Vec<Arc<str>> {
        let seconds = now.as_nanos() / 1_000_000_000;
        let own: Vec<Arc<str>> = values.iter().map(|value| Arc::from(shortened(value))).collect();
        let key = (family, own);
        if let Some(seen) = self.known.get_mut(&key) {
            *seen = seconds;
            return key.1;
        }
        if self.known.len() >= self.max {
            self.give_up_silent(seconds);
        }
        if self.known.len() < self.max {
            self.known.insert(key.clone(), seconds);
            return key.1;
        }
        self.folded += 1;
        let folded = key.1.into_iter().zip(open);
        folded
            .map(|(value, open)| if *open { Arc::from(OTHER) } else { value })
            .collect()
    }

    fn give_up_silent(&mut self, now: u64) {
        if now < self.look_at {
            return;
        }
        self.look_at = now + LOOK_SECONDS;
        let is_silent = |seen: u64| now.saturating_sub(seen) >= SILENT_SECONDS;
        let silent = self.known.extract_if(.., |_, seen| is_silent(*seen));
        self.silent.extend(silent.map(|(key, _)| key));
    }

    /// Label sets that were given up since this was asked last.
    pub fn take_silent(&mut self) -> Vec<SeriesKey> {
        std::mem::take(&mut self.silent)
    }

    /// Label sets that are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Points that were told as `other`.
    pub const fn folded(&self) -> u64 {
        self.folded
    }
}

fn shortened(value: &str) -> &str {
    let mut end = value.len().min(VALUE_BYTES_MAX);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    &value[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[test]
    fn beyond_the_limit_points_are_told_together_and_known_ones_stay() {
        let mut budget = SeriesBudget::new(2);
        let open = [false, true];
        let text = |values: Vec<Arc<str>>| values.iter().map(|value| value.to_string()).collect::<Vec<_>>();
        for route in ["/a", "/b"] {
            assert_eq!(text(budget.admit("f", &["shop", route], &open, NOW)), ["shop", route]);
        }
        assert_eq!(text(budget.admit("f", &["shop", "/c"], &open, NOW)), ["shop", OTHER]);
        assert_eq!(text(budget.admit("f", &["shop", "/a"], &open, NOW)), ["shop", "/a"]);
        assert_eq!((budget.len(), budget.folded()), (2, 1));
    }

    #[test]
    fn what_was_silent_for_long_gives_way_and_nothing_else_does() {
        let mut budget = SeriesBudget::new(2);
        let at = |seconds: u64| Timestamp::from_seconds(1_700_000_000 + seconds);
        let mut admit = |release: &str, seconds| budget.admit("f", &[release], &[true], at(seconds))[0].to_string();
        assert_eq!((admit("1", 0), admit("2", 0)), ("1".into(), "2".into()));
        assert_eq!(admit("2", SILENT_SECONDS - 10), "2");
        assert_eq!(admit("3", SILENT_SECONDS - 1), OTHER);
        assert_eq!(admit("3", SILENT_SECONDS), OTHER, "there was a look a moment ago");
        assert_eq!(admit("3", SILENT_SECONDS + LOOK_SECONDS), "3");
        assert_eq!(admit("4", SILENT_SECONDS + 2 * LOOK_SECONDS), OTHER);
        assert_eq!(budget.take_silent(), [("f", vec![Arc::from("1")])]);
        assert!(budget.take_silent().is_empty());
    }

    #[test]
    fn values_are_cut_between_characters() {
        let mut budget = SeriesBudget::new(10);
        let long = "ä".repeat(300);
        let admitted = budget.admit("f", &[&long], &[true], NOW);
        assert_eq!(admitted[0].len(), 200);
    }
}
