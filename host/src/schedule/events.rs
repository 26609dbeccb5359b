//! What the scheduler says.

use std::{borrow::Cow, time::Duration};

use super::Missed;
use crate::{
    supervisor::Panic,
    telemetry::{Count, Event, Fields, Level},
};

/// A tick did not become a run. The counter by check is the board's.
pub(super) struct TickMissed<'e> {
    pub(super) check: &'e str,
    pub(super) why: Missed,
    pub(super) count: u64,
}

impl Event for TickMissed<'_> {
    fn level(&self) -> Level {
        Level::Debug
    }

    fn message(&self) -> Cow<'_, str> {
        match self.why {
            Missed::Running => "A tick was missed because the run before it was still going.",
            Missed::Waiting => "A tick was missed because the run before it was still waiting for a permit.",
            Missed::Late => "Ticks were missed because the host came too late.",
        }
        .into()
    }

    fn module(&self) -> &'static str {
        "schedule"
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .data("why", self.why.as_str())
            .data("count", self.count)
            .context("check", self.check);
    }
}

/// The code that executes a run panicked.
pub(super) struct RunPanicked<'e> {
    pub(super) check: &'e str,
    pub(super) panic: &'e Panic,
}

impl Event for RunPanicked<'_> {
    fn level(&self) -> Level {
        Level::Error
    }

    fn message(&self) -> Cow<'_, str> {
        "The host panicked while it ran a check; the run counts as failed and the host goes on.".into()
    }

    fn module(&self) -> &'static str {
        "schedule"
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .data("panic", self.panic.message.as_str())
            .context("check", self.check);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_schedule_run_panics_total",
            help: "Runs in which the host itself panicked.",
            labels: Vec::new(),
            by: 1,
        })
    }
}

/// Wall clock and monotonic clock moved apart.
pub(super) struct ClockJumped {
    pub(super) by: Duration,
    pub(super) forward: bool,
}

impl Event for ClockJumped {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        "The wall clock jumped, or the machine was suspended; cron expressions follow the new time.".into()
    }

    fn module(&self) -> &'static str {
        "schedule"
    }

    fn fields(&self, fields: &mut Fields) {
        fields
            .data("seconds", self.by.as_secs_f64())
            .data("direction", self.direction());
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_schedule_clock_jumps_total",
            help: "Times the wall clock moved against the monotonic one.",
            labels: vec![("direction", self.direction().to_owned())],
            by: 1,
        })
    }
}

impl ClockJumped {
    const fn direction(&self) -> &'static str {
        if self.forward { "forward" } else { "back" }
    }
}

/// A run's check was changed or removed while it ran.
pub(super) struct OutcomeDiscarded<'e> {
    pub(super) check: &'e str,
}

impl Event for OutcomeDiscarded<'_> {
    fn level(&self) -> Level {
        Level::Debug
    }

    fn message(&self) -> Cow<'_, str> {
        "An outcome was discarded because its check was changed or removed while it ran.".into()
    }

    fn module(&self) -> &'static str {
        "schedule"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.context("check", self.check);
    }

    fn count(&self) -> Option<Count> {
        Some(Count {
            name: "bellwether_schedule_outcomes_discarded_total",
            help: "Outcomes of runs whose check was changed or removed meanwhile.",
            labels: Vec::new(),
            by: 1,
        })
    }
}

/// Runs that did not end before the host stopped.
pub(super) struct RunsAborted<'e> {
    pub(super) checks: &'e [String],
}

impl Event for RunsAborted<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        "Runs were ended because the host stops and they took longer than it waits.".into()
    }

    fn module(&self) -> &'static str {
        "schedule"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.data("checks", self.checks.to_vec());
    }
}
