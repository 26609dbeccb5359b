//! What happened lately, and who was told of it: pure.
//!
//! Flows in: each occurrence that was taken, and what became of its messages. Flows out: whether one is known already, and rows to
//! keep and to show. It decides nothing.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bellwether_promql::labels::Labels;

use crate::alert::Annotations;

/// How long an occurrence is remembered, in milliseconds: over a weekend. Whoever tells of it twice does so within minutes, after a
/// restart or an answer that was lost; what is remembered longer is for people who look.
pub const REMEMBERED: i64 = 3 * 86_400_000;

/// Most occurrences that are remembered, some two kilobytes each: the one that was noted first is forgotten.
pub const REMEMBERED_MAX: usize = 2_000;

/// How far one receiver's message about an occurrence has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Telling {
    /// It is on its way, or held by the calendar.
    Waiting,
    /// It arrived.
    Delivered,
    /// The receiver refused it for good.
    Refused,
    /// There was no room for it, or the receiver is gone from the configuration.
    Dropped,
    /// The receiver is handed the thing itself instead.
    HandedOn,
}

impl Telling {
    /// All.
    pub const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Delivered,
        Self::Refused,
        Self::Dropped,
        Self::HandedOn,
    ];

    /// As it is shown and kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
            Self::HandedOn => "handed_on",
        }
    }

    /// The one of a word of [`Telling::as_str`].
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|telling| telling.as_str() == word)
    }
}

/// What became of an occurrence for one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hearing {
    /// Who.
    pub receiver: Arc<str>,
    /// How far it has come.
    pub telling: Telling,
    /// Since when, in milliseconds.
    pub at: i64,
}

/// One occurrence. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct OccurrenceRow {
    /// See [`super::Occurrence::id`].
    pub id: Arc<str>,
    /// When it was noted here.
    pub noted_at: i64,
    /// When it happened.
    pub at: i64,
    /// By which it was routed.
    pub labels: Labels,
    /// What describes it.
    pub annotations: Annotations,
    /// Where it can be looked at.
    pub generator_url: Arc<str>,
    /// A word of [`super::Fate::as_str`], as it was when it was noted.
    pub fate: Arc<str>,
    /// In the order of the routes.
    pub hearings: Vec<Hearing>,
}

/// See the head of this file.
#[derive(Clone, Debug, Default)]
pub(super) struct Chronicle {
    by_id: HashMap<Arc<str>, Arc<OccurrenceRow>>,
    by_time: BTreeSet<(i64, Arc<str>)>,
}

impl Chronicle {
    /// From what was kept.
    pub(super) fn restored(rows: Vec<OccurrenceRow>) -> Self {
        let mut chronicle = Self::default();
        for row in rows {
            chronicle.note(row);
        }
        chronicle
    }

    /// Whether it was noted before and is remembered.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// Something happened that was not known. Returns the ids that are forgotten for it.
    pub(super) fn note(&mut self, row: OccurrenceRow) -> Vec<Arc<str>> {
        self.by_time.insert((row.noted_at, Arc::clone(&row.id)));
        if let Some(before) = self.by_id.insert(Arc::clone(&row.id), Arc::new(row)) {
            self.by_time.remove(&(before.noted_at, Arc::clone(&before.id)));
        }
        let surplus = self.by_id.len().saturating_sub(REMEMBERED_MAX);
        (0..surplus).filter_map(|_| self.forget_first()).collect()
    }

    /// What became of it for one receiver. The row as it is now; None: it is forgotten, or nobody wanted to tell that receiver.
    pub(super) fn told(&mut self, id: &str, receiver: &str, telling: Telling, at: i64) -> Option<Arc<OccurrenceRow>> {
        let row = self.by_id.get_mut(id)?;
        let own = Arc::make_mut(row);
        let hearing = own.hearings.iter_mut().find(|hearing| *hearing.receiver == *receiver)?;
        (hearing.telling, hearing.at) = (telling, at);
        Some(Arc::clone(row))
    }

    /// Forgets what was noted long ago. Returns the ids that are gone.
    pub(super) fn tidy(&mut self, now: i64) -> Vec<Arc<str>> {
        let mut gone = Vec::new();
        while self.by_time.first().is_some_and(|(at, _)| at + REMEMBERED <= now) {
            gone.extend(self.forget_first());
        }
        gone
    }

    fn forget_first(&mut self) -> Option<Arc<str>> {
        let (_, id) = self.by_time.pop_first()?;
        self.by_id.remove(&id);
        Some(id)
    }

    /// All, newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<OccurrenceRow>> {
        self.by_time.iter().rev().filter_map(|(_, id)| self.by_id.get(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, noted_at: i64) -> OccurrenceRow {
        OccurrenceRow {
            id: id.into(),
            noted_at,
            at: noted_at,
            labels: Labels::new([("alertname", "NewCrash")]),
            annotations: Annotations::new(),
            generator_url: "".into(),
            fate: "told".into(),
            hearings: vec![Hearing {
                receiver: "ops".into(),
                telling: Telling::Waiting,
                at: noted_at,
            }],
        }
    }

    #[test]
    fn what_happened_is_known_until_it_was_long_ago() {
        let mut chronicle = Chronicle::default();
        assert!(chronicle.note(row("a", 0)).is_empty());
        chronicle.note(row("b", 10));
        assert!(chronicle.knows("a") && !chronicle.knows("c"));
        assert!(chronicle.tidy(REMEMBERED - 1).is_empty());
        assert_eq!(chronicle.tidy(REMEMBERED), ["a".into()]);
        assert!(!chronicle.knows("a") && chronicle.knows("b"));
    }

    #[test]
    fn of_too_many_the_first_is_forgotten_and_those_shown_are_newest_first() {
        let rows = (0..=REMEMBERED_MAX).map(|at| row(&at.to_string(), i64::try_from(at).unwrap()));
        let mut chronicle = Chronicle::restored(rows.collect());
        assert!(!chronicle.knows("0") && chronicle.knows("1"));
        assert_eq!(chronicle.iter().count(), REMEMBERED_MAX);
        assert_eq!(&*chronicle.iter().next().unwrap().id, REMEMBERED_MAX.to_string());
        assert_eq!(chronicle.note(row("new", i64::MAX / 2)), ["1".into()]);
    }

    #[test]
    fn what_became_of_it_is_kept_for_each_receiver() {
        let mut chronicle = Chronicle::restored(vec![row("a", 0)]);
        let told = chronicle.told("a", "ops", Telling::Delivered, 7).unwrap();
        assert_eq!((told.hearings[0].telling, told.hearings[0].at), (Telling::Delivered, 7));
        assert_eq!(chronicle.told("a", "nobody", Telling::Delivered, 7), None);
        assert_eq!(chronicle.told("b", "ops", Telling::Delivered, 7), None);
        for telling in Telling::ALL {
            assert_eq!(Telling::of(telling.as_str()), Some(telling));
        }
    }
}
