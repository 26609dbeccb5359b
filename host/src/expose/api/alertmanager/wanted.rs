//! Which alerts and silences a client wants to see, read as Alertmanager reads it.

use bellwether_promql::{ast::MatchOp, labels::Labels};

use super::incoming::Refused;
use crate::{
    alert::Matcher,
    dispatch::{AlertView, silence::Silence},
};

/// What Alertmanager takes for true; everything else is false.
const TRUE: [&str; 10] = [
    "true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled",
];

/// The label under which the name of a receiver is matched.
const RECEIVER: &str = "receiver";

/// See the module.
#[derive(Debug)]
pub(super) struct Wanted {
    filter: Vec<Matcher>,
    active: bool,
    silenced: bool,
    inhibited: bool,
    muted: bool,
    receiver: Option<Matcher>,
}

impl Wanted {
    pub(super) fn of(query: &str) -> Result<Self, Refused> {
        let mut wanted = Self {
            filter: Vec::new(),
            active: true,
            silenced: true,
            inhibited: true,
            muted: true,
            receiver: None,
        };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let flag = || TRUE.contains(&value.to_ascii_lowercase().as_str());
            match &*name {
                "filter" => wanted.filter.push(filter(&value)?),
                "active" => wanted.active = flag(),
                "silenced" => wanted.silenced = flag(),
                "inhibited" => wanted.inhibited = flag(),
                "muted" => wanted.muted = flag(),
                "receiver" if !value.is_empty() => wanted.receiver = Some(receiver(&value)?),
                _ => {}
            }
        }
        Ok(wanted)
    }

    /// Whether an alert is to be shown.
    pub(super) fn takes(&self, alert: &AlertView) -> bool {
        let (is_silenced, is_inhibited) = (!alert.silenced_by.is_empty(), alert.inhibited_by.is_some());
        alert.is_firing
            && (self.active || is_silenced || is_inhibited)
            && (self.silenced || !is_silenced)
            && (self.inhibited || !is_inhibited)
            && self.filter.iter().all(|matcher| matcher.matches(&alert.labels))
    }

    /// Whether a group is to be shown that the calendar mutes, or one that it does not.
    pub(super) const fn takes_muted(&self, is_muted: bool) -> bool {
        self.muted || !is_muted
    }

    /// Whether one that these hear of is to be shown.
    pub(super) fn takes_receiver<'r>(&self, mut receivers: impl Iterator<Item = &'r str>) -> bool {
        let matches = |name| {
            let labels = Labels::new([(RECEIVER, name)]);
            self.receiver.as_ref().is_none_or(|matcher| matcher.matches(&labels))
        };
        self.receiver.is_none() || receivers.any(matches)
    }

    /// Whether a silence has all these matchers, letter for letter.
    pub(super) fn takes_silence(&self, silence: &Silence) -> bool {
        self.filter.iter().all(|matcher| silence.matchers.contains(matcher))
    }
}

fn filter(text: &str) -> Result<Matcher, Refused> {
    Matcher::parse(text).map_err(|error| {
        let what = format!("the filter {text:?}");
        Refused::Matcher(what, format!("{error} at byte {}", error.at))
    })
}

fn receiver(pattern: &str) -> Result<Matcher, Refused> {
    let matcher = Matcher::new(RECEIVER, MatchOp::Regex, pattern);
    matcher.map_err(|error| Refused::Matcher("failed to parse receiver param".to_owned(), error.to_string()))
}
