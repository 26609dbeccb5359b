//! What the board says.

use std::borrow::Cow;

use super::{gap::Gap, merge::Notice, turn::Turn};
use crate::{
    metric::MetricName,
    outcome::Status,
    store::StoreError,
    supervisor::Panic,
    telemetry::{Count, Event, Fields, Level},
};

impl Event for Notice {
    fn level(&self) -> Level {
        match self {
            Self::Turned { word, .. } if *word == Status::Ok.as_str() => Level::Info,
            Self::Refused { first: true, .. } | Self::OverBudget { .. } | Self::Turned { .. } | Self::Stale { .. } => {
                Level::Warn
            }
            Self::Refused { first: false, .. } | Self::Outdated { .. } => Level::Debug,
        }
    }

    fn message(&self) -> Cow<'_, str> {
        match self {
            Self::Refused { family, reason, .. } => format!("The family `{family}` is not served: {reason}.").into(),
            Self::OverBudget {
                dropped,
                limit,
                families,
                ..
            } => format!(
                "The check reports {dropped} series more than the {limit} it may; the excess is dropped{}. \
                 Raise `limits.series` or report less.",
                of(families)
            )
            .into(),
            Self::Turned {
                turn, word, message, ..
            } => turned(*turn, word, message).into(),
            Self::Stale { .. } => "No report for too long: the series of the check are gone until it reports.".into(),
            Self::Outdated { .. } => "An outcome was dropped because its check was changed or removed.".into(),
        }
    }

    fn module(&self) -> &'static str {
        "board"
    }

    fn fields(&self, fields: &mut Fields) {
        let (Self::Refused { check, .. }
        | Self::OverBudget { check, .. }
        | Self::Turned { check, .. }
        | Self::Stale { check }
        | Self::Outdated { check }) = self;
        fields.context("check", &**check);
        match self {
            Self::Refused { family, .. } => {
                fields.data("family", family.as_str());
            }
            Self::Turned { turn, word, code, .. } => {
                fields.data("outcome", *word);
                if let Some(before) = turn.from {
                    fields.data("before", before);
                }
                if !code.is_empty() {
                    fields.data("code", code.as_str());
                }
            }
            Self::OverBudget { .. } | Self::Stale { .. } | Self::Outdated { .. } => {}
        }
    }

    fn count(&self) -> Option<Count> {
        let (name, help, labels) = match self {
            Self::Refused { kind, .. } => (
                "bellwether_board_families_refused_total",
                "Families that were not served, by why.",
                vec![("reason", (*kind).to_owned())],
            ),
            Self::Stale { .. } => (
                "bellwether_board_stale_total",
                "Times that the series of a check were let go of because it had not reported for too long.",
                Vec::new(),
            ),
            Self::OverBudget { .. } | Self::Turned { .. } | Self::Outdated { .. } => return None,
        };
        Some(Count {
            name,
            help,
            labels,
            by: 1,
        })
    }
}

/// Families that a message names: enough to see what is missing.
const FAMILIES_NAMED_MAX: usize = 5;

/// `, of ` and the first of them.
fn of(families: &[MetricName]) -> String {
    let named: Vec<String> = families
        .iter()
        .take(FAMILIES_NAMED_MAX)
        .map(|family| format!("`{family}`"))
        .collect();
    match families.len() - named.len() {
        _ if named.is_empty() => String::new(),
        0 => format!(", of {}", named.join(", ")),
        more => format!(", of {} and {more} more", named.join(", ")),
    }
}

fn turned(turn: Turn, word: &str, message: &str) -> String {
    let often = match turn.unsaid {
        0 => String::new(),
        times => format!(" after {times} turns that were not logged"),
    };
    let why = if message.is_empty() { "." } else { ": " };
    match turn.from {
        None => format!("The check is {word} at its first run{why}{message}"),
        Some(from) if from == word && turn.unsaid == 0 => {
            format!("The check is {word}, as it was before the host started{why}{message}")
        }
        Some(from) if from == word => format!("The check is still {word}{often}{why}{message}"),
        Some(from) if word == Status::Ok.as_str() => {
            format!("The check is ok again, after {from}{often}{why}{message}")
        }
        Some(from) => format!("The check turned from {from} to {word}{often}{why}{message}"),
    }
}

/// A message made the merge panic. It is skipped.
pub(super) struct MergePanicked<'e> {
    pub(super) check: &'e str,
    pub(super) panic: &'e Panic,
}

impl Event for MergePanicked<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "The host panicked while it merged an outcome; it was skipped and the host goes on. Please report it.".into()
    }

    fn module(&self) -> &'static str {
        "board"
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .data("panic", self.panic.message.as_str())
            .context("check", self.check);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_board_panics_total",
            help: "Messages that made the merge panic and were skipped.",
            labels: Vec::new(),
            by: 1,
        })
    }
}

/// Last reports are neither restored nor kept in this process.
pub(super) struct NotRestored<'e> {
    pub(super) error: &'e StoreError,
}

impl Event for NotRestored<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        "The last reports could not be restored; checks begin without.".into()
    }

    fn module(&self) -> &'static str {
        "board"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("reason", self.error.to_string());
    }
}

/// Nobody ran for a while, so that no report is called too old for it.
pub(super) struct StoodStill {
    pub(super) gap: Gap,
}

impl Event for StoodStill {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        "The host stood still: it was stopped, the machine slept, or others had all of its time. Reports are not too old for that."
            .into()
    }

    fn module(&self) -> &'static str {
        "board"
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .data("seconds", self.gap.length.as_secs_f64())
            .data("since", self.gap.from.to_string());
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_board_gaps_total",
            help: "Times that the host stood still for more than half a second, which makes no report too old.",
            labels: Vec::new(),
            by: 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_told_as_what_it_was() {
        let told = |from, unsaid, word| turned(Turn { from, unsaid }, word, "db: no answer");
        for (from, unsaid, word, said) in [
            (None, 0, "critical", "is critical at its first run: db: no answer"),
            (Some("ok"), 0, "critical", "turned from ok to critical: db: no answer"),
            (
                Some("critical"),
                0,
                "critical",
                "is critical, as it was before the host started: db: no answer",
            ),
            (
                Some("critical"),
                4,
                "critical",
                "is still critical after 4 turns that were not logged: db: no answer",
            ),
            (
                Some("critical"),
                3,
                "ok",
                "is ok again, after critical after 3 turns that were not logged: db: no answer",
            ),
        ] {
            assert_eq!(told(from, unsaid, word), format!("The check {said}"));
        }
        assert_eq!(
            turned(
                Turn {
                    from: Some("cpu"),
                    unsaid: 0
                },
                "ok",
                ""
            ),
            "The check is ok again, after cpu."
        );
    }

    #[test]
    fn who_reports_too_much_is_told_of_which_families() {
        let families = |count: usize| -> Vec<MetricName> {
            let name = |at| MetricName::new(&format!("x{at}")).expect("valid");
            (0..count).map(name).collect()
        };
        assert_eq!(of(&families(0)), "");
        assert_eq!(of(&families(2)), ", of `x0`, `x1`");
        assert_eq!(of(&families(7)), ", of `x0`, `x1`, `x2`, `x3`, `x4` and 2 more");
    }
}
