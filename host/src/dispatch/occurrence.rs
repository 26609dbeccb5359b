//! Something that happened once, such as a crash that nobody has seen before: told once, at once, and never over.
//!
//! Flows in: what whoever noticed it knows. Flows out: what became of it, with a named reason. It is no alert: it waits for no group, is
//! not repeated, is not resolved, and inhibits nothing. Who hears of it is found by its labels, as for alerts, and silences and
//! inhibitions keep it from people as they keep alerts.

use std::sync::Arc;

use bellwether_promql::labels::Labels;

use crate::{
    alert::{ALERT_NAME, Annotations},
    clock::Timestamp,
    ingest::Crash,
};

/// Most labels of one: as many as an alert of others may have.
pub const LABELS_MAX: usize = super::posted::LABELS_MAX;

/// Most bytes of one: labels, annotations, address, id and names of receivers. A title, a place and a few links take a tenth of that.
pub const OCCURRENCE_BYTES_MAX: usize = 16 * 1024;

/// The name of a crash that nobody has seen before, for routes and silences.
pub const NEW_CRASH: &str = "NewCrash";

/// Something that happened once.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// By which it is routed, silenced and inhibited; at least one.
    pub labels: Labels,
    /// What describes it. `summary` is its title.
    pub annotations: Annotations,
    /// When it happened.
    pub at: Timestamp,
    /// The same occurrence twice is one, for as long as ids are remembered. Not empty.
    pub id: Arc<str>,
    /// Where it can be looked at; "" when nowhere.
    pub generator_url: Arc<str>,
    /// Receivers that are handed the thing itself, such as the application's event: they are not told of it as well.
    pub handed_to: Vec<Arc<str>>,
}

/// Why one is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OccurrenceError {
    /// Nothing tells it from others.
    #[error("an occurrence needs an id and at least one label that is not empty")]
    Nameless,
    /// Too many.
    #[error("an occurrence has {0} labels; at most {LABELS_MAX} are taken")]
    Labels(usize),
    /// Too large.
    #[error("an occurrence takes {0} bytes; at most {OCCURRENCE_BYTES_MAX} are taken")]
    Large(usize),
}

/// What became of an occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// At least one receiver is told.
    Told,
    /// It is told when the mute times of its routes are over.
    Held,
    /// It was told of before.
    Known,
    /// A silence covers it, whose id this is: nobody is told.
    Silenced(Arc<str>),
    /// An alert that fires inhibits it: nobody is told.
    Inhibited,
    /// Everybody whom its routes name is handed the thing itself.
    HandedOn,
    /// Its routes name nobody.
    Unheard,
    /// There is no room: too many wait to be delivered. It may be told again later.
    Full,
    /// It is none.
    Refused(OccurrenceError),
}

impl Fate {
    /// As in metrics and answers.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Held => "held",
            Self::Known => "known",
            Self::Silenced(_) => "silenced",
            Self::Inhibited => "inhibited",
            Self::HandedOn => "handed_on",
            Self::Unheard => "unheard",
            Self::Full => "full",
            Self::Refused(_) => "refused",
        }
    }

    /// Whether nothing is gained by telling it again.
    pub const fn is_settled(&self) -> bool {
        !matches!(self, Self::Full)
    }
}

/// What [`super::DispatchHandle::tell`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Of each occurrence, in order.
    pub fates: Vec<Fate>,
    /// Whether that is on disk. False: the store fails, or there is none. What is told is told all the same, and a restart may forget
    /// or repeat it.
    pub is_kept: bool,
}

impl Occurrence {
    /// A crash of an application that nobody has seen before. `project` may be "".
    pub fn new_crash(source: &str, project: &str, crash: &Crash, at: Timestamp) -> Self {
        let fingerprint = format!("{:016x}", crash.fingerprint);
        let level = if crash.level.is_empty() {
            "error"
        } else {
            crash.level.as_str()
        };
        let labels = [
            (ALERT_NAME, NEW_CRASH),
            ("source", source),
            ("project", project),
            ("release", crash.release.as_str()),
            ("environment", crash.environment.as_str()),
            ("level", level),
            ("severity", severity(level)),
            ("fingerprint", fingerprint.as_str()),
        ];
        let mut annotations = vec![("summary", summary(source, crash))];
        if !crash.culprit.is_empty() {
            annotations.push(("culprit", crash.culprit.clone()));
        }
        Self {
            labels: Labels::new(labels),
            annotations: annotations
                .into_iter()
                .map(|(name, text)| (name.into(), text.into()))
                .collect(),
            at,
            id: format!("crash/{source}/{fingerprint}").into(),
            generator_url: "".into(),
            handed_to: Vec::new(),
        }
    }

    /// Whether it may be taken.
    pub(super) fn check(&self) -> Result<(), OccurrenceError> {
        let labels = self.labels.iter().map(|(name, value)| name.len() + value.len());
        let texts = self.annotations.iter().map(|(name, value)| name.len() + value.len());
        let handed_to = self.handed_to.iter().map(|name| name.len());
        let bytes = labels.chain(texts).chain(handed_to).sum::<usize>() + self.generator_url.len() + self.id.len();
        if self.labels.is_empty() || self.id.is_empty() {
            Err(OccurrenceError::Nameless)
        } else if self.labels.len() > LABELS_MAX {
            Err(OccurrenceError::Labels(self.labels.len()))
        } else if bytes > OCCURRENCE_BYTES_MAX {
            Err(OccurrenceError::Large(bytes))
        } else {
            Ok(())
        }
    }
}

/// `New crash in shop: ValueError: no such user (shop@1, production, app.login.check)`.
fn summary(source: &str, crash: &Crash) -> String {
    let about = [&crash.release, &crash.environment, &crash.culprit];
    let about: Vec<&str> = about
        .into_iter()
        .map(String::as_str)
        .filter(|text| !text.is_empty())
        .collect();
    let title = &crash.title;
    if about.is_empty() {
        format!("New crash in {source}: {title}")
    } else {
        format!("New crash in {source}: {title} ({})", about.join(", "))
    }
}

/// As rules say how bad something is.
fn severity(level: &str) -> &'static str {
    if level == "fatal" { "critical" } else { "error" }
}
