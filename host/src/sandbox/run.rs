//! One run of a check, from a fresh store to an outcome.
//!
//! Owns the order of things: limits, instantiation, the call, both clocks, conversion, and what becomes of state. A
//! run always yields a [`RunEnd`]; whatever a plugin or the host does wrong is its outcome.

use std::{sync::Arc, time::Duration};

use wasmtime::Store;

use super::{
    bindings::bellwether::plugin::report::{Failure as GuestFailure, Report as GuestReport},
    convert::{self, ConvertRules},
    end::{self, Ended},
    events::HostPanicked,
    frame::{Caller, Frame},
    guest::Guest,
    meter::{Meter, metered},
    plugin::Plugin,
    stdio,
};
use crate::{
    capability::{
        grant::Grants,
        log::LogLine,
        reach::Reach,
        state::{StateChanges, StateScratch},
    },
    clock::{Instant, Timestamp},
    config::Check,
    outcome::{Failure, Outcome, Report, Usage},
    supervisor::{Panic, catch_async},
};

/// What to run and with what.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The check.
    pub check: Arc<Check>,
    /// The slot this run belongs to.
    pub scheduled_at: Timestamp,
    /// 1, or more after failures.
    pub attempt: u32,
    /// When the previous run began, and its word.
    pub previous: Option<(Timestamp, &'static str)>,
    /// Length of a slot; `None` for cron.
    pub interval: Option<Duration>,
    /// What the check may reach.
    pub reach: Arc<Reach>,
    /// What the check remembers.
    pub state: StateScratch,
    /// `environment`, …
    pub facts: Arc<Vec<(String, String)>>,
}

impl RunRequest {
    fn caller(&self) -> Caller {
        Caller {
            kind: "check",
            name: Arc::clone(&self.check.name),
            location: self.check.location.as_str().into(),
            timeout: self.check.timeout,
        }
    }

    fn into_frame(self, caller: &Caller) -> Frame {
        Frame {
            caller: caller.clone(),
            prefix: self.check.prefix.as_str().into(),
            limits: self.check.limits.clone(),
            grants: Grants::of(&self.check, &self.reach),
            reach: self.reach,
            state: self.state,
            scheduled_at: self.scheduled_at,
            attempt: self.attempt,
            previous: self.previous,
            interval: self.interval,
            facts: self.facts,
        }
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct RunEnd {
    /// Report or failure, and the cost.
    pub outcome: Outcome,
    /// To commit with the outcome; `None`: the run did not return, and what it wrote is discarded.
    pub state: Option<StateChanges>,
    /// What the run said. Already in the host's log.
    pub logs: Vec<LogLine>,
}

/// What the guest returned, or why it did not.
type Called = Result<Result<GuestReport, GuestFailure>, Ended>;

impl Plugin {
    /// Runs a check. Runs of one plugin may overlap; they share nothing but code.
    ///
    /// Dropping the future ends the run.
    pub async fn run(&self, request: RunRequest) -> RunEnd {
        let started = Started {
            caller: request.caller(),
            check: Arc::clone(&request.check),
            scheduled_at: request.scheduled_at,
            attempt: request.attempt,
            at: self.machine.clock.wall(),
            began: self.machine.clock.monotonic(),
        };
        let meter = Arc::<Meter>::default();
        match metered(&meter, catch_async("run", self.measured(request, &started, &meter))).await {
            Ok(end) => end,
            Err(panic) => self.panicked(&started, &panic, &meter),
        }
    }

    async fn measured(&self, request: RunRequest, started: &Started, meter: &Arc<Meter>) -> RunEnd {
        // The semaphore is never closed.
        let _seat = self.machine.seats.acquire().await;
        let _ticking = self.machine.ticker.ticking();
        let mut store = self.store(request.into_frame(&started.caller), started.began, meter);
        let called = self.call(&mut store, started).await;
        self.conclude(store, started, called, meter)
    }

    /// The part that guest code runs in: instantiation (start functions) and the call, under both clocks.
    async fn call(&self, store: &mut Store<Guest>, started: &Started) -> Called {
        let Some(check) = &self.exports.check else {
            let absent = wasmtime::format_err!("plugin `{}` is not a check: it does not export `check`", self.name);
            return Err(Ended::Error(absent));
        };
        let timeout = started.check.timeout;
        let call = end::within(started.began + timeout, timeout, async {
            let instance = self.instance.instantiate_async(&mut *store).await?;
            let guest = check.load(&mut *store, &instance)?;
            guest.call_run(&mut *store, &started.check.settings).await
        });
        call.await
    }

    fn conclude(&self, mut store: Store<Guest>, started: &Started, called: Called, meter: &Meter) -> RunEnd {
        let guest = store.data_mut();
        stdio::lock(&guest.log).finish();
        let returned = called.is_ok();
        let result = match called {
            Ok(Ok(report)) => Ok(self.convert(report, &started.check)),
            Ok(Err(said)) => Err(convert::failure(&said, &self.machine.redactor)),
            Err(ended) => Err(self.explain(&ended, guest, &started.caller)),
        };
        let left = self.take_apart(store, started.began, meter);
        RunEnd {
            outcome: started.outcome(result, left.usage),
            state: returned.then_some(left.state),
            logs: left.logs,
        }
    }

    fn convert(&self, report: GuestReport, check: &Check) -> Report {
        let rules = ConvertRules {
            prefix: &check.prefix,
            labels: &check.labels,
            redactor: &self.machine.redactor,
        };
        convert::report(report, &rules)
    }

    /// A panic of ours takes its run along and nothing else.
    fn panicked(&self, started: &Started, panic: &Panic, meter: &Meter) -> RunEnd {
        self.machine.telemetry.emit(&HostPanicked {
            kind: started.caller.kind,
            name: &started.check.name,
            message: &panic.message,
        });
        let usage = Usage {
            duration: self.machine.clock.monotonic().saturating_duration_since(started.began),
            cpu: meter.spent(),
            ..Usage::default()
        };
        RunEnd {
            outcome: started.outcome(Err(end::host_failed(panic, &self.machine.redactor)), usage),
            state: None,
            logs: Vec::new(),
        }
    }
}

/// What a run knows of itself when it begins.
struct Started {
    caller: Caller,
    check: Arc<Check>,
    scheduled_at: Timestamp,
    attempt: u32,
    at: Timestamp,
    began: Instant,
}

impl Started {
    fn outcome(&self, result: Result<Report, Failure>, usage: Usage) -> Outcome {
        Outcome {
            check: Arc::clone(&self.check.name),
            scheduled_at: self.scheduled_at,
            started_at: self.at,
            attempt: self.attempt,
            result,
            usage,
        }
    }
}
