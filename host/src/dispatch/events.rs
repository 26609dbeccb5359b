//! What dispatch has to say: each decision counted, each message and each loss with a line.

use std::borrow::Cow;

use super::{
    core::{DropReason, Limit, Said},
    flush::Decision,
    message::Message,
    occurrence::Fate,
};
use crate::{
    store::StoreError,
    supervisor::Panic,
    telemetry::{Count, Event, Fields, Level},
};

const MODULE: &str = "dispatch";

const DECISIONS: &str = "bellwether_dispatch_decisions_total";
const MESSAGES: &str = "bellwether_dispatch_messages_total";
const UNHEARD: &str = "bellwether_dispatch_unheard_alerts_total";
const LIMITS: &str = "bellwether_dispatch_limit_hits_total";
const POSTED: &str = "bellwether_dispatch_posted_alerts_total";
const OCCURRENCES: &str = "bellwether_dispatch_occurrences_total";
const UNJOURNALED: &str = "bellwether_dispatch_unjournaled_total";

/// What the core says.
pub(super) struct CoreSaid<'s>(pub(super) &'s Said);

impl Event for CoreSaid<'_> {
    fn level(&self) -> Level {
        match self.0 {
            Said::Decided { .. } => Level::Trace,
            Said::Delivered(_) | Said::Dropped { .. } | Said::Unheard { .. } => Level::Debug,
            Said::Made(_) => Level::Info,
            Said::Happened { fate, .. } => occurrence_level(fate),
            Said::Full(..) => Level::Warn,
            Said::Dead(..) => Level::Error,
        }
    }

    fn message(&self) -> Cow<'_, str> {
        match self.0 {
            Said::Decided {
                decision: Decision::Send(_),
                ..
            } => "A receiver is to be told of a group.".into(),
            Said::Decided { .. } => "A group was looked at; nobody is told.".into(),
            Said::Made(_) => "A notification is on its way.".into(),
            Said::Delivered(_) => "A notification arrived.".into(),
            Said::Dead(..) => "A receiver refused a notification for good; it is set aside.".into(),
            Said::Dropped {
                why: DropReason::Coalesced,
                ..
            } => "A notification gave way to a later one that says it too.".into(),
            Said::Dropped {
                why: DropReason::Outdated,
                ..
            } => "A notification was not sent: nothing of it is news any more.".into(),
            Said::Dropped {
                why: DropReason::Rebuilt,
                ..
            } => "A notification is decided again: the one before it did not arrive.".into(),
            Said::Dropped {
                why: DropReason::ReceiverRemoved,
                ..
            } => "A notification was dropped: its receiver is gone.".into(),
            Said::Unheard { .. } => "Alerts were over before anybody was told of them.".into(),
            Said::Happened { fate, .. } => occurrence_message(fate).into(),
            Said::Full(Limit::Alerts, _) => {
                "No more alerts are held; new ones are passed over until others are over.".into()
            }
            Said::Full(Limit::Groups, _) => "No more groups are held; set `group_by` so that there are fewer.".into(),
            Said::Full(Limit::MessageAlerts, _) => {
                "A group has more alerts than a notification holds; the others come with the next.".into()
            }
            Said::Full(Limit::Occurrences, _) => {
                "Too much of what happened once waits to be delivered; more of it is not told.".into()
            }
        }
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        match self.0 {
            Said::Decided { receiver, decision } => {
                fields
                    .context("receiver", &**receiver)
                    .data("decision", decision.as_str());
            }
            Said::Made(message) | Said::Delivered(message) => about(fields, message),
            Said::Dead(message, problem) => {
                about(fields, message);
                fields.data("problem", problem.as_str());
            }
            Said::Dropped { message, why } => {
                about(fields, message);
                fields.data("why", why.as_str());
            }
            Said::Unheard { receiver, count } => {
                fields.context("receiver", &**receiver).data("alerts", *count);
            }
            Said::Happened { id, labels, fate } => {
                fields
                    .context("occurrence", &**id)
                    .data("labels", labels.to_string())
                    .data("fate", fate.as_str());
                match fate {
                    Fate::Silenced(silence) => {
                        fields.data("silence", &**silence);
                    }
                    Fate::Refused(error) => {
                        fields.data("problem", error.to_string());
                    }
                    _ => {}
                }
            }
            Said::Full(limit, times) => {
                fields.data("limit", limit.as_str()).data("times", *times);
            }
        }
    }

    fn count(&self) -> Option<Count> {
        let (name, help, labels, by) = match self.0 {
            Said::Decided { receiver, decision } => (
                DECISIONS,
                "Times a group was looked at, by receiver and by what was decided.",
                vec![
                    ("receiver", receiver.to_string()),
                    ("decision", decision.as_str().to_owned()),
                ],
                1,
            ),
            Said::Made(message) => counted(message, "made"),
            Said::Delivered(message) => counted(message, "delivered"),
            Said::Dead(message, _) => counted(message, "refused"),
            Said::Dropped { message, why } => counted(message, why.as_str()),
            Said::Unheard { receiver, count } => (
                UNHEARD,
                "Alerts that were over before the receiver was told.",
                vec![("receiver", receiver.to_string())],
                *count,
            ),
            Said::Happened { fate, .. } => (
                OCCURRENCES,
                "Things that happened once, such as new crashes, by what became of them.",
                vec![("fate", fate.as_str().to_owned())],
                1,
            ),
            Said::Full(limit, times) => (
                LIMITS,
                "Times there was no room, by what there was no room for.",
                vec![("limit", limit.as_str().to_owned())],
                *times,
            ),
        };
        Some(Count {
            name,
            help,
            labels,
            by: u64::try_from(by).unwrap_or(u64::MAX),
        })
    }
}

const fn occurrence_level(fate: &Fate) -> Level {
    match fate {
        Fate::Told | Fate::Held => Level::Info,
        // That there is no room is said once a minute, and what finds none comes again and again.
        Fate::Known | Fate::Silenced(_) | Fate::Inhibited | Fate::HandedOn | Fate::Full => Level::Debug,
        Fate::Unheard | Fate::Refused(_) => Level::Warn,
    }
}

const fn occurrence_message(fate: &Fate) -> &'static str {
    match fate {
        Fate::Told => "Something happened, and receivers are told.",
        Fate::Held => "Something happened, and receivers are told when their mute times end.",
        Fate::Known => "Something happened that was told of before.",
        Fate::Silenced(_) => "Something happened that a silence covers; nobody is told.",
        Fate::Inhibited => "Something happened that an alert inhibits; nobody is told.",
        Fate::HandedOn => "Something happened that is handed on as it is to all who would be told.",
        Fate::Unheard => "Something happened, and its routes name nobody.",
        Fate::Full => "Something happened, and there is no room: too much waits to be delivered.",
        Fate::Refused(_) => "Something is said to have happened that is not as it should be.",
    }
}

fn about(fields: &mut Fields, message: &Message) {
    let firing = message.alerts.iter().filter(|news| news.is_firing).count();
    fields
        .context("receiver", &*message.receiver)
        .context("group", &*message.group_key)
        .context("message", message.id.to_string())
        .data("reason", message.reason.as_str())
        .data("firing", firing)
        .data("resolved", message.alerts.len() - firing);
}

type Counted = (&'static str, &'static str, Vec<(&'static str, String)>, usize);

fn counted(message: &Message, state: &str) -> Counted {
    (
        MESSAGES,
        "Notifications by receiver, reason and what became of them.",
        vec![
            ("receiver", message.receiver.to_string()),
            ("reason", message.reason.as_str().to_owned()),
            ("state", state.to_owned()),
        ],
        1,
    )
}

/// What an earlier process knew cannot be read.
pub(super) struct NotRestored<'e> {
    pub(super) error: &'e StoreError,
}

impl Event for NotRestored<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "What receivers were told before the start is unknown: they may hear of alerts twice, and of no end of what fired then.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("problem", self.error.to_string());
    }
}

/// Messages go out although they could not be kept.
pub(super) struct Unjournaled<'e> {
    pub(super) problem: &'e str,
    /// Whether they could be until now.
    pub(super) is_first: bool,
}

impl Event for Unjournaled<'_> {
    fn level(&self) -> Level {
        if self.is_first { Level::Error } else { Level::Debug }
    }

    fn message(&self) -> Cow<'_, str> {
        "The store fails; notifications are sent all the same. A restart now may forget or repeat some.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("problem", self.problem);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: UNJOURNALED,
            help: "Times notifications were sent without being kept, because the store failed.",
            labels: Vec::new(),
            by: 1,
        })
    }
}

/// Alerts were posted.
pub(super) struct Posted {
    pub(super) result: &'static str,
    pub(super) alerts: usize,
}

impl Event for Posted {
    fn level(&self) -> Level {
        Level::Trace
    }

    fn message(&self) -> Cow<'_, str> {
        "Alerts were posted.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("alerts", self.alerts).data("result", self.result);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: POSTED,
            help: "Alerts that others posted, by whether they were taken or why not.",
            labels: vec![("result", self.result.to_owned())],
            by: u64::try_from(self.alerts).unwrap_or(u64::MAX),
        })
    }
}

/// A step panicked, which is a bug of ours.
pub(super) struct StepPanicked<'p> {
    pub(super) panic: &'p Panic,
}

impl Event for StepPanicked<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "A step of dispatch panicked; it goes on with the next. Please report this.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("panic", self.panic.message.as_str());
    }
}
