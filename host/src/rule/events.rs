//! What rules have to say: each change of an alert once, each failure when it begins and when it ends.

use std::borrow::Cow;

use super::state::{Change, Reason};
use crate::{
    alert::AlertState,
    clock::Timestamp,
    config::Problems,
    store::StoreError,
    supervisor::Panic,
    telemetry::{Count, Event, Fields, Level},
};

const MODULE: &str = "rule";

/// Warnings of one line in the log. A file of ten thousand rules with one habit would make a line of megabytes.
const WARNINGS_MAX: usize = 20;

/// An alert is in another state.
pub(super) struct AlertChanged<'c> {
    pub(super) change: &'c Change,
    pub(super) location: &'c str,
}

impl Event for AlertChanged<'_> {
    fn level(&self) -> Level {
        match self.change.to {
            Some(AlertState::Firing) => Level::Warn,
            Some(AlertState::Resolved) => Level::Info,
            Some(AlertState::Pending) | None => Level::Debug,
        }
    }

    fn message(&self) -> Cow<'_, str> {
        match (self.change.to, self.change.reason) {
            (Some(AlertState::Firing), _) => "An alert is firing.".into(),
            (Some(AlertState::Resolved), _) => "An alert is over.".into(),
            (Some(AlertState::Pending), Reason::ForRaised) => "An alert waits again: its `for` was raised.".into(),
            (Some(AlertState::Pending), _) => "A condition holds; its alert waits.".into(),
            (None, _) => "A condition ended before its alert fired.".into(),
        }
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        let alert = &self.change.alert;
        let labels = alert.labels.iter();
        let labels: serde_json::Map<String, serde_json::Value> = labels
            .map(|(name, value)| (name.to_string(), (**value).into()))
            .collect();
        fields
            .context("alert", alert.name())
            .context("fingerprint", alert.fingerprint().to_string())
            .data("labels", labels)
            .data("reason", self.change.reason.as_str())
            .data("value", bellwether_promql::functions::format::general(alert.value))
            .data("rule", self.location);
        let since = u64::try_from(alert.active_at).unwrap_or(0).saturating_mul(1_000_000);
        fields.data("since", Timestamp::from_nanos(since).to_string());
    }

    fn count(&self) -> Option<Count> {
        let to = self.change.to.map_or("forgotten", AlertState::as_str);
        Some(Count {
            name: "bellwether_alert_changes_total",
            help: "Changes of alerts, by the state they have now and the reason.",
            labels: vec![
                ("state", to.to_owned()),
                ("reason", self.change.reason.as_str().to_owned()),
            ],
            by: 1,
        })
    }
}

/// A rule fails that worked.
pub(super) struct RuleFails<'r> {
    pub(super) rule: &'r str,
    pub(super) location: &'r str,
    pub(super) problem: &'r str,
}

impl Event for RuleFails<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "A rule cannot be evaluated; its alerts stay as they are.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .context("rule", self.rule)
            .data("location", self.location)
            .data("problem", self.problem);
    }
}

/// A rule works that failed.
pub(super) struct RuleWorks<'r> {
    pub(super) rule: &'r str,
    pub(super) location: &'r str,
}

impl Event for RuleWorks<'_> {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        "A rule can be evaluated again.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields.context("rule", self.rule).data("location", self.location);
    }
}

/// Rules were put to use.
pub(super) struct RulesInUse {
    pub(super) groups: usize,
    pub(super) rules: usize,
    pub(super) alerts: usize,
}

impl Event for RulesInUse {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        "Rules are in use.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .data("groups", self.groups)
            .data("rules", self.rules)
            .data("alerts", self.alerts);
    }
}

/// States from before the start could not be read.
pub(super) struct NotRestored<'e> {
    pub(super) error: &'e StoreError,
}

impl Event for NotRestored<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "The alerts from before the start cannot be read; rules begin without them, and take them up when they can be."
            .into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("problem", self.error.to_string());
    }
}

/// They can be read by now.
pub(super) struct RestoredLate {
    pub(super) alerts: usize,
}

impl Event for RestoredLate {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        "The alerts from before the start were read late; rules go on with them.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("alerts", self.alerts);
    }
}

/// An evaluation panicked, which is a bug of ours.
pub(super) struct EvaluationPanicked<'p> {
    pub(super) rule: &'p str,
    pub(super) panic: &'p Panic,
}

impl Event for EvaluationPanicked<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "The evaluation of a rule panicked; the others go on. Please report this.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .context("rule", self.rule)
            .data("panic", self.panic.message.as_str());
    }
}

/// Rules in the configuration deserve a look.
pub struct RuleWarnings<'w> {
    /// What they are.
    pub warnings: &'w Problems,
}

impl std::fmt::Debug for RuleWarnings<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleWarnings").finish_non_exhaustive()
    }
}

impl Event for RuleWarnings<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        "The rules have warnings.".into()
    }

    fn module(&self) -> &'static str {
        MODULE
    }

    fn fields(&self, fields: &mut Fields) {
        let mut said: Vec<String> = self
            .warnings
            .iter()
            .take(WARNINGS_MAX)
            .map(ToString::to_string)
            .collect();
        let more = self.warnings.iter().count().saturating_sub(WARNINGS_MAX);
        if more > 0 {
            said.push(format!("and {more} more; `bellwether validate` lists all"));
        }
        fields.data("warnings", said);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Location, Problem};

    #[test]
    fn a_line_about_many_warnings_stays_short_and_says_how_many_there_are() {
        let many = (0..1_000).map(|at| Problem::at(Location::file("r.yml"), format!("number {at}")).into_warning());
        let warnings = Problems(many.collect());
        let mut fields = Fields::default();
        RuleWarnings { warnings: &warnings }.fields(&mut fields);
        let text = format!("{fields:?}");
        assert!(text.contains("number 19") && !text.contains("number 20"), "{text}");
        assert!(text.contains("and 980 more"), "{text}");
    }
}
