//! What deliveries have to say.

use std::{borrow::Cow, time::Duration};

use super::outgoing::Outgoing;
use crate::telemetry::{Count, Event, Fields, Level};

const MODULE: &str = "deliver";

fn about(outgoing: &Outgoing, fields: &mut Fields) {
    let message = &outgoing.message;
    fields
        .context("receiver", &*message.receiver)
        .context("notification", message.id.to_string())
        .data("title", outgoing.title.as_str())
        .data("reason", message.reason.as_str())
        .data("firing", outgoing.firing)
        .data("resolved", outgoing.resolved);
}

fn counted(outgoing: &Outgoing, outcome: &'static str) -> Option<Count> {
    Some(Count {
        name: "bellwether_notification_attempts_total",
        help: "Attempts to deliver a notification, by receiver, why it was sent and what became of it.",
        labels: vec![
            ("receiver", outgoing.message.receiver.to_string()),
            ("reason", outgoing.message.reason.as_str().to_owned()),
            ("outcome", outcome.to_owned()),
        ],
        by: 1,
    })
}

/// A receiver has a notification.
pub(super) struct Delivered<'d> {
    pub(super) outgoing: &'d Outgoing,
    pub(super) took: Duration,
    pub(super) receipt: &'d [(String, String)],
}

impl Event for Delivered<'_> {
    fn level(&self) -> Level {
        let some_refused = self.receipt.iter().any(|(name, _)| name == "refused");
        if some_refused { Level::Warn } else { Level::Info }
    }

    fn message(&self) -> Cow<'_, str> {
        "A notification was delivered.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        about(self.outgoing, fields);
        fields.data("seconds", self.took.as_secs_f64());
        for (name, value) in self.receipt.iter().filter(|(name, _)| name == "refused") {
            fields.data(name, value.as_str());
        }
    }

    fn count(&self) -> Option<Count> {
        counted(self.outgoing, "delivered")
    }
}

/// It has not, or may not have, and is tried again.
pub(super) struct Failed<'d> {
    pub(super) outgoing: &'d Outgoing,
    pub(super) problem: &'d str,
    pub(super) outcome: &'static str,
    pub(super) wait: Duration,
    pub(super) why_wait: &'static str,
}

impl Event for Failed<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        "A notification could not be delivered; it is tried again.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        about(self.outgoing, fields);
        fields
            .data("problem", self.problem)
            .data("attempts", self.outgoing.message.attempts + 1)
            .data("nextInSeconds", self.wait.as_secs_f64())
            .data("wait", self.why_wait);
    }

    fn count(&self) -> Option<Count> {
        counted(self.outgoing, self.outcome)
    }
}

/// It will never have it.
pub(super) struct Refused<'d> {
    pub(super) outgoing: &'d Outgoing,
    pub(super) problem: &'d str,
}

impl Event for Refused<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "A receiver refuses a notification for good; it is not tried again.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        about(self.outgoing, fields);
        fields.data("problem", self.problem);
    }

    fn count(&self) -> Option<Count> {
        counted(self.outgoing, "permanent")
    }
}

/// A receiver's own words failed.
pub(super) struct TemplateFailed<'d> {
    pub(super) receiver: &'d str,
    pub(super) problem: &'d str,
}

impl Event for TemplateFailed<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        "A template of a receiver failed; the notification goes out in the default words.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields.context("receiver", self.receiver).data("problem", self.problem);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_notification_template_failures_total",
            help: "Notifications that went out in the default words because a template of their receiver failed.",
            labels: vec![("receiver", self.receiver.to_owned())],
            by: 1,
        })
    }
}

/// Attempts have failed for long, or one for good.
pub(super) struct WentDown<'d> {
    pub(super) receiver: &'d str,
    pub(super) problem: &'d str,
    pub(super) since: String,
    pub(super) told: usize,
}

impl Event for WentDown<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "Notifications to a receiver do not arrive.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .context("receiver", self.receiver)
            .data("problem", self.problem)
            .data("since", self.since.as_str())
            .data("fallbackReceivers", self.told);
    }
}

/// One was delivered again.
pub(super) struct CameBack<'d> {
    pub(super) receiver: &'d str,
    pub(super) since: String,
}

impl Event for CameBack<'_> {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        "Notifications to a receiver arrive again.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .context("receiver", self.receiver)
            .data("since", self.since.as_str());
    }
}

/// A notification that the host itself had for a receiver was dropped.
pub(super) struct Dropped<'d> {
    pub(super) receiver: &'d str,
    pub(super) title: &'d str,
}

impl Event for Dropped<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "A fallback receiver could not be told that another one is down.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields.context("receiver", self.receiver).data("title", self.title);
    }
}

/// What the receiver `log` is for.
pub(super) struct Notified<'d> {
    pub(super) outgoing: &'d Outgoing,
}

impl Event for Notified<'_> {
    fn level(&self) -> Level {
        if self.outgoing.firing > 0 {
            Level::Warn
        } else {
            Level::Info
        }
    }

    fn message(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.outgoing.title)
    }

    fn module(&self) -> &'static str {
        "notification"
    }

    fn fields(&self, fields: &mut Fields) {
        about(self.outgoing, fields);
        fields.data("text", self.outgoing.text.as_str());
    }
}

/// Whoever waits for the host's sign of life did not take it.
pub(super) struct HeartbeatFails<'d> {
    pub(super) problem: &'d str,
}

impl Event for HeartbeatFails<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        "The address in `heartbeat_url` does not take the host's sign of life.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("problem", self.problem);
    }
}

/// It takes it again.
pub(super) struct HeartbeatWorks;

impl Event for HeartbeatWorks {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        "The address in `heartbeat_url` takes the host's sign of life.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }
}
