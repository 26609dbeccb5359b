//! Which alerts make others superfluous, as data.
//!
//! Owns the table that holds for every host. Flows in: the labels of two alerts. Flows out: whether one silences the other's
//! notifications. Nothing here changes an alert: `dispatch` applies it, beside the rules of the configuration.

use bellwether_promql::{ast::MatchOp, labels::Labels};

use crate::alert::{ALERT_NAME, Matcher};

/// The alert that a check yields no report.
pub const CHECK_DOWN: &str = "CheckDown";

/// The label with which rules say how bad it is.
const SEVERITY: &str = "severity";

/// Labels that say what an alert is about, in every bundled pack: two alerts that differ in one are about two things.
const SUBJECT: &[&str] = &[
    "job",
    "instance",
    "check",
    "target",
    "connection",
    "database",
    "flow",
    "function",
    "model",
    "queue",
    "service",
    "surface",
];

/// The check that an alert comes from.
const CHECK: &[&str] = &["job", "instance", "check"];

/// A condition on one label. A label that is not there is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It has this value.
    Is(&'static str, &'static str),
    /// It has another value, or none.
    IsNot(&'static str, &'static str),
}

impl Condition {
    /// The same as a matcher; None never, because only regular expressions can be wrong.
    pub fn matcher(&self) -> Option<Matcher> {
        match self {
            Self::Is(name, wanted) => Matcher::new(name, MatchOp::Equal, wanted),
            Self::IsNot(name, unwanted) => Matcher::new(name, MatchOp::NotEqual, unwanted),
        }
        .ok()
    }

    fn holds(self, labels: &Labels) -> bool {
        match self {
            Self::Is(name, wanted) => value(labels, name) == wanted,
            Self::IsNot(name, unwanted) => value(labels, name) != unwanted,
        }
    }
}

fn value<'l>(labels: &'l Labels, name: &str) -> &'l str {
    labels.get(name).map_or("", |value| value)
}

/// While an alert fires that is a source, those that are targets and agree with it are not told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inhibition {
    /// All of them hold for the alert that silences.
    pub source: &'static [Condition],
    /// All of them hold for the alert that is silenced.
    pub target: &'static [Condition],
    /// Labels in which both agree; one that neither has counts as agreement.
    pub equal: &'static [&'static str],
    /// Further labels in which both agree.
    pub subject: &'static [&'static str],
    /// A label that both must have.
    pub present: &'static str,
}

/// What holds for every host.
pub static INHIBITIONS: &[Inhibition] = &[
    // The warning says less of the same.
    Inhibition {
        source: &[Condition::Is(SEVERITY, "critical")],
        target: &[Condition::Is(SEVERITY, "warning")],
        equal: &[ALERT_NAME],
        subject: SUBJECT,
        present: "check",
    },
    // What was last known of its targets is old.
    Inhibition {
        source: &[Condition::Is(ALERT_NAME, CHECK_DOWN)],
        target: &[Condition::IsNot(ALERT_NAME, CHECK_DOWN)],
        equal: &[],
        subject: CHECK,
        present: "check",
    },
];

impl Inhibition {
    /// Whether an alert with the labels `source`, while it fires, silences one with the labels `target`.
    pub fn silences(&self, source: &Labels, target: &Labels) -> bool {
        let mut agreeing = self.equal.iter().chain(self.subject);
        self.source.iter().all(|condition| condition.holds(source))
            && self.target.iter().all(|condition| condition.holds(target))
            && source.get(self.present).is_some()
            && agreeing.all(|name| value(source, name) == value(target, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::new(pairs.iter().copied())
    }

    fn alert<'l>(name: &'l str, severity: &'l str, check: &'l str, target: &'l str) -> Labels {
        labels(&[
            ("alertname", name),
            ("severity", severity),
            ("check", check),
            ("target", target),
        ])
    }

    fn silenced(source: &Labels, target: &Labels) -> bool {
        INHIBITIONS.iter().any(|inhibition| inhibition.silences(source, target))
    }

    #[test]
    fn a_critical_alert_silences_the_warning_of_the_same_target_only() {
        let critical = alert("Disk", "critical", "machine", "disk /");
        assert!(silenced(&critical, &alert("Disk", "warning", "machine", "disk /")));
        assert!(!silenced(&alert("Disk", "warning", "machine", "disk /"), &critical));
        for other in [
            alert("Disk", "warning", "machine", "disk /var"),
            alert("Disk", "warning", "other", "disk /"),
            alert("Memory", "warning", "machine", "disk /"),
            alert("Disk", "critical", "machine", "disk /"),
        ] {
            assert!(!silenced(&critical, &other), "{other:?}");
        }
    }

    #[test]
    fn a_check_that_is_down_silences_its_own_alerts_and_not_itself() {
        let down = alert("CheckDown", "critical", "machine", "");
        assert!(silenced(&down, &alert("Disk", "critical", "machine", "disk /")));
        assert!(!silenced(&down, &alert("Disk", "critical", "other", "disk /")));
        assert!(!silenced(&down, &down));
        assert!(!silenced(&down, &alert("CheckDown", "critical", "other", "")));
    }

    #[test]
    fn alerts_of_no_check_are_left_alone() {
        let one = |severity| labels(&[("alertname", "Own"), ("severity", severity)]);
        assert!(!silenced(&one("critical"), &one("warning")));
    }
}
