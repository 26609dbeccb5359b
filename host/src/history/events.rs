//! What history has to say, and its numbers.
//!
//! Flows in: what a tick did, what became of a checkpoint. Flows out: log lines, counters and gauges. What goes on for long is said
//! when it begins and counted after that.

use std::{borrow::Cow, path::Path};

use super::{
    checkpoint::{CheckpointError, Restored},
    keeper::Ticked,
    loose::Appended,
    ticks::Admission,
};
use crate::{
    clock::Timestamp,
    telemetry::{Count, Event, Fields, Level, Telemetry},
};

/// After so many ticks without it, shedding is said anew: an hour at the default interval.
const QUIET_TICKS: u32 = 240;

/// Says what history does.
#[derive(Debug)]
pub struct Reporter {
    telemetry: Telemetry,
    /// Ticks until losses of series that no rule reads, and of those that rules read, are said again; 0: at once.
    quiet: [u32; 2],
}

impl Reporter {
    /// Speaks through `telemetry`.
    pub const fn new(telemetry: Telemetry) -> Self {
        Self {
            telemetry,
            quiet: [0; 2],
        }
    }

    /// A tick.
    pub fn tick(&mut self, ticked: &Ticked) {
        let instruments = self.telemetry.instruments();
        let set = |name, help, value: usize| instruments.set(name, help, &[], value as f64);
        set(
            "bellwether_history_series",
            "Series held in memory for rules and queries.",
            ticked.series,
        );
        set("bellwether_history_bytes", "Memory they take.", ticked.bytes);
        self.telemetry.emit(&TickTaken {
            admission: ticked.admission,
        });
        if ticked.samples > 0 {
            self.telemetry.emit(&SamplesRecorded {
                samples: ticked.samples,
            });
        }
        self.lost(
            false,
            [
                ("unselected_samples", ticked.shed_unselected),
                ("unselected_series", ticked.dropped_unselected),
                ("unselected_refused", ticked.refused_unselected),
            ],
        );
        self.lost(
            true,
            [
                ("selected_samples", ticked.shed_selected),
                ("selected_refused", ticked.refused_selected),
                ("", 0),
            ],
        );
    }

    fn lost(&mut self, selected: bool, losses: [(&'static str, u64); 3]) {
        let quiet = &mut self.quiet[usize::from(selected)];
        let mut first = *quiet == 0;
        let any = losses.iter().any(|(_, count)| *count > 0);
        *quiet = if any { QUIET_TICKS } else { quiet.saturating_sub(1) };
        for (reason, count) in losses.into_iter().filter(|(_, count)| *count > 0) {
            self.telemetry.emit(&MemoryShort {
                selected,
                reason,
                count,
                first: std::mem::take(&mut first),
            });
        }
    }

    /// A sample that a rule recorded, when it was not taken.
    pub fn appended(&mut self, appended: Appended) {
        match appended {
            Appended::Taken | Appended::Again => {}
            Appended::NoRoom => self.lost(true, [("selected_refused", 1), ("", 0), ("", 0)]),
            Appended::NotOurs | Appended::OutOfOrder => self.telemetry.emit(&SampleRefused { appended }),
        }
    }

    /// What became of the checkpoint at the start.
    pub fn restored(&self, restored: &Restored) {
        match restored {
            Restored::Nothing => {}
            Restored::SetAside { reason, place } => self.telemetry.emit(&SetAside {
                reason,
                place: place.as_deref(),
            }),
            Restored::All { series, last_tick } => self.telemetry.emit(&Resumed {
                series: *series,
                last_tick: *last_tick,
            }),
            Restored::TooOld { last_tick } => self.telemetry.emit(&Resumed {
                series: 0,
                last_tick: Some(*last_tick),
            }),
        }
    }

    /// Whether a checkpoint was written, and how long it is.
    pub fn checkpoint(&self, written: Result<u64, &CheckpointError>) {
        match written {
            Ok(bytes) => self.telemetry.emit(&Written { bytes }),
            Err(error) => self.telemetry.emit(&NotWritten { error }),
        }
    }
}

fn counted(name: &'static str, help: &'static str, labels: Vec<(&'static str, String)>, by: u64) -> Option<Count> {
    Some(Count { name, help, labels, by })
}

struct TickTaken {
    admission: Admission,
}

impl Event for TickTaken {
    fn level(&self) -> Level {
        match self.admission {
            Admission::First | Admission::InOrder => Level::Trace,
            Admission::TooEarly => Level::Debug,
            Admission::SetBack => Level::Warn,
        }
    }

    fn message(&self) -> Cow<'_, str> {
        match self.admission {
            Admission::First | Admission::InOrder => "A tick of history was recorded.",
            Admission::TooEarly => "A tick of history was left out: the clock is not past the last one.",
            Admission::SetBack => {
                "The clock was set back by more than a minute: history after its new time was forgotten, since rules could not \
                 tell it from news."
            }
        }
        .into()
    }

    fn module(&self) -> &'static str {
        "history"
    }

    fn count(&self) -> Option<Count> {
        counted(
            "bellwether_history_ticks_total",
            "Ticks of history, by what became of them.",
            vec![("admission", self.admission.as_str().to_owned())],
            1,
        )
    }
}

struct SamplesRecorded {
    samples: u64,
}

impl Event for SamplesRecorded {
    fn level(&self) -> Level {
        Level::Trace
    }

    fn message(&self) -> Cow<'_, str> {
        "Samples were recorded.".into()
    }

    fn module(&self) -> &'static str {
        "history"
    }

    fn count(&self) -> Option<Count> {
        counted(
            "bellwether_history_samples_total",
            "Samples recorded at ticks.",
            vec![],
            self.samples,
        )
    }
}

/// Something was lost, or was not let in, for want of memory.
struct MemoryShort {
    selected: bool,
    reason: &'static str,
    count: u64,
    first: bool,
}

impl Event for MemoryShort {
    fn level(&self) -> Level {
        match (self.first, self.selected) {
            (true, true) => Level::Error,
            (true, false) => Level::Warn,
            (false, _) => Level::Debug,
        }
    }

    fn message(&self) -> Cow<'_, str> {
        if self.selected {
            "The memory for history is full of what rules read: rules do not see all they ask for. Raise `memory` in `[history]`, or \
             have fewer series."
        } else {
            "The memory for history is short: series that no rule reads are kept for less than the time configured, or not at all. \
             Raise `memory` in `[history]` if you want their past."
        }
        .into()
    }

    fn module(&self) -> &'static str {
        "history"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("reason", self.reason).data("count", self.count);
    }

    fn count(&self) -> Option<Count> {
        counted(
            "bellwether_history_shed_total",
            "Samples and series given up or not let in because the memory for history is full.",
            vec![("reason", self.reason.to_owned())],
            self.count,
        )
    }
}

struct SampleRefused {
    appended: Appended,
}

impl Event for SampleRefused {
    fn level(&self) -> Level {
        match self.appended {
            // At every slot; that the rule fails is said once, with its name.
            Appended::NotOurs => Level::Debug,
            Appended::Taken | Appended::Again | Appended::NoRoom | Appended::OutOfOrder => Level::Warn,
        }
    }

    fn message(&self) -> Cow<'_, str> {
        match self.appended {
            Appended::NotOurs => "A rule records a series that a check reports already: it was not taken.",
            Appended::Taken | Appended::Again | Appended::NoRoom | Appended::OutOfOrder => {
                "A rule's sample is not after the last one of its series: it was not taken."
            }
        }
        .into()
    }

    fn module(&self) -> &'static str {
        "history"
    }

    fn count(&self) -> Option<Count> {
        let reason = if self.appended == Appended::NotOurs {
            "reported_by_a_check"
        } else {
            "out_of_order"
        };
        counted(
            "bellwether_history_samples_refused_total",
            "Samples of rules that were not taken.",
            vec![("reason", reason.to_owned())],
            1,
        )
    }
}

struct Resumed {
    series: usize,
    last_tick: Option<i64>,
}

impl Event for Resumed {
    fn level(&self) -> Level {
        Level::Info
    }

    fn message(&self) -> Cow<'_, str> {
        if self.series == 0 {
            "History begins anew: what was saved is older than anything is kept."
        } else {
            "History goes on from what was saved."
        }
        .into()
    }

    fn module(&self) -> &'static str {
        "history"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("series", self.series);
        if let Some(at) = self.last_tick.and_then(|at| u64::try_from(at).ok()) {
            let at = Timestamp::from_nanos(at.saturating_mul(1_000_000));
            fields.data("lastTick", at.to_string());
        }
    }
}

struct SetAside<'e> {
    reason: &'e str,
    place: Option<&'e Path>,
}

impl Event for SetAside<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "The saved history cannot be read and was set aside: history begins anew, and rules that look back see only what comes.".into()
    }

    fn module(&self) -> &'static str {
        "history"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("reason", self.reason);
        if let Some(place) = self.place {
            fields.data("path", place.display().to_string());
        }
    }

    fn count(&self) -> Option<Count> {
        counted(
            "bellwether_history_set_aside_total",
            "Saved histories that could not be read.",
            vec![],
            1,
        )
    }
}

struct Written {
    bytes: u64,
}

impl Event for Written {
    fn level(&self) -> Level {
        Level::Debug
    }

    fn message(&self) -> Cow<'_, str> {
        "History was saved.".into()
    }

    fn module(&self) -> &'static str {
        "history"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("bytes", self.bytes);
    }

    fn count(&self) -> Option<Count> {
        checkpoints("ok")
    }
}

struct NotWritten<'e> {
    error: &'e CheckpointError,
}

impl Event for NotWritten<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        "History could not be saved: a restart would go on from an older one.".into()
    }

    fn module(&self) -> &'static str {
        "history"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("reason", self.error.to_string());
    }

    fn count(&self) -> Option<Count> {
        checkpoints("failed")
    }
}

fn checkpoints(result: &str) -> Option<Count> {
    counted(
        "bellwether_history_checkpoints_total",
        "Times that history was saved, by how it went.",
        vec![("result", result.to_owned())],
        1,
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{
        clock::Clock,
        outcome::ReportedPoints,
        secret::Redactor,
        telemetry::{LogOptions, Sink},
    };

    fn ticked() -> Ticked {
        let mut history = super::super::tests::small();
        history.tick(1_700_000_000_000, |_| {})
    }

    /// The lines of the log at level `WARN` and above, and a counter's values by reason.
    fn said(of: impl FnOnce(&mut Reporter)) -> (Vec<String>, Vec<(String, f64)>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Sink::Memory(Arc::clone(&lines));
        let telemetry = Telemetry::new(sink, LogOptions::default(), Redactor::default(), Clock::system());
        let mut reporter = Reporter::new(telemetry.clone());
        of(&mut reporter);
        let text = String::from_utf8(lines.lock().expect("nobody panicked").clone()).expect("text");
        let loud = text
            .lines()
            .filter(|line| line.contains("WARN") || line.contains("ERROR"));
        let families = telemetry.instruments().families();
        let shed = families
            .iter()
            .filter(|family| family.head.name.as_str() == "bellwether_history_shed_total");
        let counted = shed.flat_map(|family| match &family.points {
            ReportedPoints::Values(samples) => samples.clone(),
            _ => Vec::new(),
        });
        let counted = counted.map(|sample| (sample.label_values[0].to_string(), sample.value));
        (loud.map(str::to_owned).collect(), counted.collect())
    }

    #[test]
    fn a_loss_is_said_when_it_begins_and_counted_each_time() {
        let (lines, counted) = said(|reporter| {
            let loss = Ticked {
                shed_unselected: 128,
                dropped_unselected: 3,
                ..ticked()
            };
            (0..5).for_each(|_| reporter.tick(&loss));
            (0..QUIET_TICKS).for_each(|_| reporter.tick(&ticked()));
            reporter.tick(&loss);
        });
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].contains("WARN") && lines[0].contains("no rule reads"),
            "{lines:?}"
        );
        let counted: Vec<_> = counted
            .iter()
            .map(|(reason, count)| (reason.as_str(), *count))
            .collect();
        assert_eq!(counted, [("unselected_samples", 768.0), ("unselected_series", 18.0)]);
    }

    #[test]
    fn what_rules_do_not_see_is_an_error() {
        let (lines, counted) = said(|reporter| {
            reporter.tick(&Ticked {
                shed_selected: 7,
                ..ticked()
            });
            reporter.appended(Appended::NoRoom);
            reporter.appended(Appended::Taken);
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].contains("ERROR") && lines[0].contains("Raise `memory`"),
            "{lines:?}"
        );
        let counted: Vec<_> = counted
            .iter()
            .map(|(reason, count)| (reason.as_str(), *count))
            .collect();
        assert_eq!(counted, [("selected_refused", 1.0), ("selected_samples", 7.0)]);
    }

    #[test]
    fn a_file_that_was_set_aside_and_a_clock_that_was_set_back_are_said() {
        let (lines, _) = said(|reporter| {
            reporter.restored(&Restored::Nothing);
            reporter.restored(&Restored::SetAside {
                reason: "it is damaged".to_owned(),
                place: Some("/var/lib/bellwether/history.damaged".into()),
            });
            reporter.tick(&Ticked {
                admission: Admission::SetBack,
                ..ticked()
            });
        });
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].contains("ERROR") && lines[0].contains("it is damaged") && lines[0].contains("history.damaged")
        );
        assert!(lines[1].contains("WARN") && lines[1].contains("set back"), "{lines:?}");
    }
}
