//! One run of a check, from a fresh store to an outcome.
//!
//! Owns the order of things: limits, instantiation, the call, both clocks, conversion, and what becomes of state. A
//! run always yields a [`RunEnd`]; whatever a plugin or the host does wrong is its outcome.

use std::{sync::Arc, time::Duration};

use wasmtime::Store;

use super::{
    bindings::bellwether::plugin::report::{Failure as GuestFailure, Report as GuestReport},
    convert::{self, ConvertRules},
    end::{self, Ended, Place},
    events::HostPanicked,
    guest::{Guest, RunParts},
    limits::RunLimits,
    meter::{Meter, metered},
    plugin::Plugin,
    stdio,
};
use crate::{
    capability::{
        context::{RunContext, reserve},
        grant::{Grants, Wanted},
        log::{LINES_DEFAULT, LogLine, RunLog},
        reach::Reach,
        state::{StateChanges, StateScratch},
    },
    clock::{Instant, Timestamp},
    config::Check,
    outcome::{Denied, Failure, Outcome, Report, Usage},
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
        let mut store = self.store(request, started.began, meter);
        let called = self.call(&mut store, started).await;
        self.conclude(store, started, called, meter)
    }

    fn store(&self, request: RunRequest, began: Instant, meter: &Arc<Meter>) -> Store<Guest> {
        let check = request.check;
        let limits = RunLimits::resolve(&check.limits, self.description.memory_bytes);
        let log = self.log(&check.name, check.limits.log_lines.unwrap_or(LINES_DEFAULT));
        let calls_until = began + (check.timeout - reserve(check.timeout));
        let http = self
            .machine
            .http
            .run(Arc::clone(&check.name), Arc::clone(&request.reach), calls_until);
        let parts = RunParts {
            grants: Grants::of(&check, &request.reach),
            reach: request.reach,
            state: request.state,
            system: self.machine.system.clone(),
            redis: self.machine.redis.clone(),
            postgres: self.machine.postgres.clone(),
            database_calls: 0,
            http: Arc::new(http),
            supervisor: self.machine.supervisor.clone(),
            denied: Vec::new(),
            context: RunContext {
                scheduled_at: request.scheduled_at,
                attempt: request.attempt,
                previous: request.previous,
                interval: request.interval,
                calls_until,
                facts: request.facts,
                host_version: self.machine.host_version,
                check,
            },
        };
        let log = Arc::new(std::sync::Mutex::new(log));
        Guest::store(&self.machine.engine, limits, &log, meter, Some(Box::new(parts)))
    }

    fn log(&self, check: &Arc<str>, lines: u64) -> RunLog {
        let (telemetry, redactor) = (self.machine.telemetry.clone(), self.machine.redactor.clone());
        RunLog::new(Arc::clone(check), Arc::clone(&self.name), telemetry, redactor, lines)
    }

    /// The part that guest code runs in: instantiation (start functions) and the call, under both clocks.
    async fn call(&self, store: &mut Store<Guest>, started: &Started) -> Called {
        let Some(check) = &self.check else {
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
            Err(ended) => Err(self.explain(&ended, guest, &started.check)),
        };
        let memory_peak_bytes = guest.limiter.peak_bytes();
        let (logs, log_lines_dropped) = stdio::lock(&guest.log).take();
        let (changes, used) = take_parts(guest);
        drop(store);
        let usage = Usage {
            duration: self.machine.clock.monotonic().saturating_duration_since(started.began),
            cpu: meter.spent(),
            memory_peak_bytes,
            log_lines_dropped,
            ..used
        };
        RunEnd {
            outcome: started.outcome(result, usage),
            state: returned.then_some(changes),
            logs,
        }
    }

    fn convert(&self, mut report: GuestReport, check: &Check) -> Report {
        convert::order(&mut report.families, &self.description.metrics);
        let rules = ConvertRules {
            prefix: &check.prefix,
            labels: &check.labels,
            redactor: &self.machine.redactor,
        };
        convert::report(report, &rules)
    }

    fn explain(&self, ended: &Ended, guest: &Guest, check: &Check) -> Failure {
        let place = Place {
            check: &check.name,
            location: &check.location,
            redactor: &self.machine.redactor,
        };
        end::explain(ended, guest, place)
    }

    /// A panic of ours takes its run along and nothing else.
    fn panicked(&self, started: &Started, panic: &Panic, meter: &Meter) -> RunEnd {
        self.machine.telemetry.emit(&HostPanicked {
            check: &started.check.name,
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

/// What the run wrote, and what it asked for.
fn take_parts(guest: &mut Guest) -> (StateChanges, Usage) {
    let Some(parts) = guest.run.take() else {
        return Default::default();
    };
    let capability = Wanted::Http.as_str();
    let refused = parts
        .http
        .refusals()
        .into_iter()
        .map(|hint| Denied { capability, hint });
    let used = Usage {
        denied: parts.denied.into_iter().chain(refused).collect(),
        requests: parts.http.outcomes(),
        ..Usage::default()
    };
    (parts.state.into_changes(), used)
}

/// What a run knows of itself when it begins.
struct Started {
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
