//! Silences: what somebody does not want to hear of for a while. Pure; as in Alertmanager.
//!
//! Flows in: what people set and end. Flows out: which silence covers an alert. Nothing that was in force is ever rewritten: a
//! silence whose matchers or beginning change ends, and a new one takes its place, so that the past stays readable.

use std::{collections::BTreeMap, sync::Arc};

use bellwether_promql::labels::Labels;
use sha2::{Digest, Sha256};

use super::select::Selection;
use crate::alert::Matcher;

/// How long one is kept after its end, in milliseconds: Alertmanager's 120 hours.
pub const RETENTION: i64 = 120 * 3_600_000;

/// Most silences, those that are over included. People set them, and scripts for each deployment; with ten thousand an alert is
/// still matched in microseconds.
pub const SILENCES_MAX: usize = 10_000;

/// Most bytes of one silence: matchers, comment and creator.
pub const SILENCE_BYTES_MAX: usize = 16 * 1024;

/// How far one has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SilenceState {
    /// It begins later.
    Pending,
    /// It is in force.
    Active,
    /// It is over.
    Expired,
}

impl SilenceState {
    /// All.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Active, Self::Expired];

    /// As Alertmanager's API has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

/// One silence. Times are milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Silence {
    /// Like a UUID.
    pub id: Arc<str>,
    /// All of them hold for the alerts it covers.
    pub matchers: Vec<Matcher>,
    /// When it begins.
    pub starts_at: i64,
    /// When it is over.
    pub ends_at: i64,
    /// When it was changed last.
    pub updated_at: i64,
    /// Who set it.
    pub created_by: Arc<str>,
    /// Why.
    pub comment: Arc<str>,
}

impl Silence {
    /// How far it has come at a time.
    pub const fn state(&self, now: i64) -> SilenceState {
        if now < self.starts_at {
            SilenceState::Pending
        } else if now < self.ends_at {
            SilenceState::Active
        } else {
            SilenceState::Expired
        }
    }

    fn bytes(&self) -> usize {
        let matchers = self
            .matchers
            .iter()
            .map(|matcher| matcher.name().len() + matcher.value().len());
        matchers.sum::<usize>() + self.comment.len() + self.created_by.len()
    }
}

/// A silence as somebody asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSilence {
    /// The one it changes; None: it is new.
    pub id: Option<Arc<str>>,
    /// At least one, and at least one that an empty value does not satisfy.
    pub matchers: Vec<Matcher>,
    /// Before now: now.
    pub starts_at: i64,
    /// After now.
    pub ends_at: i64,
    /// Who sets it.
    pub created_by: Arc<str>,
    /// Why.
    pub comment: Arc<str>,
}

/// Why a silence is not set or ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SilenceError {
    /// There is none of this id.
    #[error("there is no silence `{0}`")]
    Unknown(Arc<str>),
    /// It ended before.
    #[error("the silence `{0}` is over already")]
    Over(Arc<str>),
    /// It ends before it begins.
    #[error("a silence must end after it begins")]
    Backwards,
    /// It ends before now.
    #[error("a silence must end in the future")]
    Past,
    /// It would cover everything.
    #[error(
        "a silence needs at least one matcher that an empty value does not satisfy; this one would cover every alert"
    )]
    Everything,
    /// Too many.
    #[error(
        "there are {SILENCES_MAX} silences already, which is the most that are kept; those that are over go after 120 hours"
    )]
    TooMany,
    /// Too large.
    #[error("the silence takes {0} bytes; at most {SILENCE_BYTES_MAX} are kept")]
    TooLarge(usize),
}

/// All silences.
#[derive(Clone, Debug, Default)]
pub struct Silences {
    by_id: BTreeMap<Arc<str>, Silence>,
    /// Those that may still come into force.
    index: Selection<Arc<str>>,
    made: u64,
}

/// What a change leaves to be written: silences that are new or different.
pub type Changed = Vec<Silence>;

impl Silences {
    /// From those that were kept.
    pub(super) fn restored(kept: Vec<Silence>, now: i64) -> Self {
        let mut silences = Self::default();
        for silence in kept {
            silences.put(silence, now);
        }
        silences
    }

    /// Those that were kept and could not be read until now.
    pub(super) fn add(&mut self, kept: Vec<Silence>, now: i64) {
        for silence in kept {
            if !self.by_id.contains_key(&silence.id) {
                self.put(silence, now);
            }
        }
    }

    fn put(&mut self, silence: Silence, now: i64) {
        if let Some(before) = self.by_id.get(&silence.id) {
            self.index.remove(&before.id, &before.matchers);
        }
        if silence.state(now) != SilenceState::Expired {
            self.index.add(Arc::clone(&silence.id), &silence.matchers);
        }
        self.by_id.insert(Arc::clone(&silence.id), silence);
    }

    /// Sets or changes one. Returns its id, which is a new one when it had to take the place of another.
    ///
    /// # Errors
    ///
    /// See [`SilenceError`]; nothing changed.
    pub(super) fn set(&mut self, new: &NewSilence, now: i64) -> Result<(Arc<str>, Changed), SilenceError> {
        let previous = match &new.id {
            Some(id) => Some(
                self.by_id
                    .get(id)
                    .cloned()
                    .ok_or_else(|| SilenceError::Unknown(Arc::clone(id)))?,
            ),
            None => None,
        };
        if let Some(previous) = previous.as_ref().filter(|previous| may_stay(previous, new, now)) {
            let changed = built(new, Arc::clone(&previous.id), new.starts_at, now)?;
            self.put(changed.clone(), now);
            return Ok((Arc::clone(&changed.id), vec![changed]));
        }
        if self.by_id.len() >= SILENCES_MAX {
            return Err(SilenceError::TooMany);
        }
        self.made += 1;
        let silence = built(new, id_of(new, self.made, now), new.starts_at.max(now), now)?;
        let mut changed = vec![silence.clone()];
        if let Some(previous) = previous
            && previous.state(now) != SilenceState::Expired
        {
            changed.extend(self.end(previous, now));
        }
        self.put(silence.clone(), now);
        Ok((silence.id, changed))
    }

    /// Ends one.
    ///
    /// # Errors
    ///
    /// There is none, or it is over.
    pub(super) fn expire(&mut self, id: &str, now: i64) -> Result<Changed, SilenceError> {
        let silence = self
            .by_id
            .get(id)
            .cloned()
            .ok_or_else(|| SilenceError::Unknown(id.into()))?;
        if silence.state(now) == SilenceState::Expired {
            return Err(SilenceError::Over(id.into()));
        }
        Ok(self.end(silence, now))
    }

    fn end(&mut self, mut silence: Silence, now: i64) -> Changed {
        silence.starts_at = silence.starts_at.min(now);
        (silence.ends_at, silence.updated_at) = (now, now);
        self.put(silence.clone(), now);
        vec![silence]
    }

    /// Forgets those that have been over for long, and stops to try those that are over. Returns the ids that are gone.
    pub(super) fn tidy(&mut self, now: i64) -> Vec<Arc<str>> {
        let over = self.by_id.values().filter(|silence| silence.ends_at <= now);
        let over: Vec<(Arc<str>, bool)> = over
            .map(|silence| (Arc::clone(&silence.id), silence.ends_at + RETENTION <= now))
            .collect();
        let mut gone = Vec::new();
        for (id, is_old) in over {
            if let Some(silence) = self.by_id.get(&id) {
                self.index.remove(&id, &silence.matchers);
            }
            if is_old {
                self.by_id.remove(&id);
                gone.push(id);
            }
        }
        gone
    }

    /// A silence in force that covers an alert; None: there is none.
    pub(super) fn covers(&self, labels: &Labels, now: i64) -> Option<&Silence> {
        self.covering(labels, now).next()
    }

    /// All silences in force that cover an alert.
    pub(super) fn covering<'s>(&'s self, labels: &Labels, now: i64) -> impl Iterator<Item = &'s Silence> {
        let candidates = self.index.candidates(labels).filter_map(|id| self.by_id.get(id));
        candidates
            .filter(move |silence| silence.state(now) == SilenceState::Active)
            .filter(|silence| silence.matchers.iter().all(|matcher| matcher.matches(labels)))
    }

    /// All, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.by_id.values()
    }
}

/// Whether a silence can be changed in place.
fn may_stay(previous: &Silence, new: &NewSilence, now: i64) -> bool {
    previous.matchers == new.matchers
        && match previous.state(now) {
            SilenceState::Active => previous.starts_at == new.starts_at && new.ends_at >= now,
            SilenceState::Pending => new.starts_at >= now,
            SilenceState::Expired => false,
        }
}

fn built(new: &NewSilence, id: Arc<str>, starts_at: i64, now: i64) -> Result<Silence, SilenceError> {
    let silence = Silence {
        id,
        matchers: new.matchers.clone(),
        starts_at,
        ends_at: new.ends_at,
        updated_at: now,
        created_by: Arc::clone(&new.created_by),
        comment: Arc::clone(&new.comment),
    };
    if silence
        .matchers
        .iter()
        .all(|matcher| matcher.matches(&Labels::default()))
    {
        Err(SilenceError::Everything)
    } else if silence.ends_at < now {
        Err(SilenceError::Past)
    } else if silence.ends_at <= silence.starts_at {
        Err(SilenceError::Backwards)
    } else if silence.bytes() > SILENCE_BYTES_MAX {
        Err(SilenceError::TooLarge(silence.bytes()))
    } else {
        Ok(silence)
    }
}

/// In the form of a UUID, which Alertmanager's clients expect. Two at the same moment differ by their number.
fn id_of(new: &NewSilence, number: u64, now: i64) -> Arc<str> {
    let mut hash = Sha256::new();
    hash.update(number.to_be_bytes());
    hash.update(now.to_be_bytes());
    for matcher in &new.matchers {
        hash.update(matcher.to_string().as_bytes());
    }
    let digits: String = hash
        .finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
    parts.join("-").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn wanted(matchers: &str, starts_at: i64, ends_at: i64) -> NewSilence {
        NewSilence {
            id: None,
            matchers: Matcher::parse_list(matchers).unwrap(),
            starts_at,
            ends_at,
            created_by: "me".into(),
            comment: "deploying".into(),
        }
    }

    fn covers(silences: &Silences, now: i64) -> bool {
        silences.covers(&Labels::new([("alertname", "Disk")]), now).is_some()
    }

    #[test]
    fn a_silence_covers_from_its_beginning_to_its_end() {
        let mut silences = Silences::default();
        let (id, _) = silences
            .set(&wanted("alertname=Disk", 2 * HOUR, 3 * HOUR), HOUR)
            .unwrap();
        assert_eq!(id.len(), 36);
        assert!(!covers(&silences, 2 * HOUR - 1));
        assert!(covers(&silences, 2 * HOUR));
        assert!(!covers(&silences, 3 * HOUR));
        let other = silences.covers(&Labels::new([("alertname", "Memory")]), 2 * HOUR);
        assert!(other.is_none());
    }

    #[test]
    fn the_end_can_be_moved_in_place_and_the_matchers_cannot() {
        let mut silences = Silences::default();
        let (id, _) = silences.set(&wanted("alertname=Disk", 0, 2 * HOUR), HOUR).unwrap();
        let longer = NewSilence {
            id: Some(Arc::clone(&id)),
            ..wanted("alertname=Disk", HOUR, 4 * HOUR)
        };
        let (same, changed) = silences.set(&longer, HOUR + 1).unwrap();
        assert_eq!((same, changed.len()), (Arc::clone(&id), 1));
        assert!(covers(&silences, 3 * HOUR));
        let other = NewSilence {
            id: Some(Arc::clone(&id)),
            ..wanted("alertname=Memory", HOUR, 4 * HOUR)
        };
        let (new, changed) = silences.set(&other, 2 * HOUR).unwrap();
        assert_ne!(new, id);
        assert_eq!(changed.len(), 2, "the old one is over and is kept as such");
        assert!(!covers(&silences, 2 * HOUR));
        assert_eq!(silences.by_id[&id].state(2 * HOUR), SilenceState::Expired);
    }

    #[test]
    fn an_ended_silence_is_kept_for_120_hours() {
        let mut silences = Silences::default();
        let (id, _) = silences.set(&wanted("alertname=Disk", 0, 9 * HOUR), HOUR).unwrap();
        silences.expire(&id, 2 * HOUR).unwrap();
        assert!(!covers(&silences, 2 * HOUR));
        assert_eq!(silences.expire(&id, 3 * HOUR), Err(SilenceError::Over(Arc::clone(&id))));
        assert!(silences.tidy(2 * HOUR + RETENTION - 1).is_empty());
        assert_eq!(silences.tidy(2 * HOUR + RETENTION), [id]);
        assert_eq!(silences.expire("x", 0), Err(SilenceError::Unknown("x".into())));
    }

    #[test]
    fn what_would_cover_everything_or_nothing_is_refused() {
        let mut silences = Silences::default();
        for (new, error) in [
            (wanted("", 0, 9), SilenceError::Everything),
            (wanted(r#"a=~".*""#, 0, 9), SilenceError::Everything),
            (wanted("a=b", 0, 4), SilenceError::Past),
            (wanted("a=b", 9, 9), SilenceError::Backwards),
        ] {
            assert_eq!(silences.set(&new, 5), Err(error));
        }
        let mut large = wanted("a=b", 0, 9);
        large.comment = "x".repeat(SILENCE_BYTES_MAX).into();
        assert!(matches!(silences.set(&large, 5), Err(SilenceError::TooLarge(_))));
        let unknown = NewSilence {
            id: Some("x".into()),
            ..wanted("a=b", 0, 9)
        };
        assert_eq!(silences.set(&unknown, 5), Err(SilenceError::Unknown("x".into())));
    }

    #[test]
    fn silences_that_were_kept_go_on() {
        let mut silences = Silences::default();
        silences.set(&wanted("alertname=Disk", 0, 9 * HOUR), HOUR).unwrap();
        let kept: Vec<Silence> = silences.iter().cloned().collect();
        let mut restored = Silences::restored(kept, 2 * HOUR);
        assert!(covers(&restored, 2 * HOUR));
        let (again, _) = restored.set(&wanted("alertname=Disk", 0, 9 * HOUR), 3 * HOUR).unwrap();
        assert_eq!(restored.iter().count(), 2, "{again}");
    }
}
