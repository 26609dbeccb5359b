//! What every call into a guest that does work has in common: who calls, what it may use, and for how long.
//!
//! Flows in: a run of a check or a delivery to a receiver, as the host knows it. Flows out: the store to call in, and afterwards what was
//! used, said and remembered. What is called, and what becomes of the answer, is `run`'s and `forward`'s.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use wasmtime::Store;

use super::{
    end::{self, Ended, Place},
    guest::{Guest, RunParts},
    limits::RunLimits,
    meter::Meter,
    plugin::Plugin,
    stdio,
};
use crate::{
    capability::{
        context::{RunContext, reserve},
        grant::{Grants, Wanted},
        log::{LINES_DEFAULT, LogLine, RunLog},
        reach::Reach,
        state::{StateChanges, StateScratch, key_of_receiver},
    },
    clock::{Instant, Timestamp},
    config::Limits,
    outcome::{CallSpan, Denied, Failure, Usage},
};

/// Who calls: of a check or a receiver, what stays when the call has begun.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// `check` or `receiver`: a table of the configuration, and a field of log lines.
    pub(super) kind: &'static str,
    /// NAME of the table.
    pub(super) name: Arc<str>,
    /// Where the table stands.
    pub(super) location: Arc<str>,
    /// Wall clock of the call.
    pub(super) timeout: Duration,
}

impl Caller {
    /// What tells it from everybody else who asks for connections.
    fn key(&self) -> Arc<str> {
        match self.kind {
            "check" => Arc::clone(&self.name),
            _ => key_of_receiver(&self.name),
        }
    }
}

/// One call: what it may know and use.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) caller: Caller,
    pub(super) prefix: Arc<str>,
    pub(super) limits: Limits,
    pub(super) grants: Grants,
    pub(super) reach: Arc<Reach>,
    pub(super) state: StateScratch,
    pub(super) scheduled_at: Timestamp,
    pub(super) attempt: u32,
    pub(super) previous: Option<(Timestamp, &'static str)>,
    pub(super) interval: Option<Duration>,
    pub(super) facts: Arc<Vec<(String, String)>>,
}

/// What is left of a store.
pub(super) struct Left {
    pub(super) usage: Usage,
    pub(super) state: StateChanges,
    pub(super) logs: Vec<LogLine>,
    /// A request may have arrived of whose answer nothing is known.
    pub(super) is_in_doubt: bool,
}

impl Plugin {
    /// A store for one call.
    pub(super) fn store(&self, frame: Frame, began: Instant, meter: &Arc<Meter>) -> Store<Guest> {
        let caller = &frame.caller;
        let limits = RunLimits::resolve(&frame.limits, self.description.memory_bytes);
        let log = self.log(caller, frame.limits.log_lines.unwrap_or(LINES_DEFAULT));
        let calls_until = began + (caller.timeout - reserve(caller.timeout));
        let key = caller.key();
        let http = self
            .machine
            .http
            .run(Arc::clone(&key), Arc::clone(&frame.reach), calls_until);
        let parts = RunParts {
            grants: frame.grants,
            reach: frame.reach,
            state: frame.state,
            system: self.machine.system.clone(),
            redis: self.machine.redis.clone(),
            postgres: self.machine.postgres.clone(),
            database_calls: 0,
            http: Arc::new(http),
            clock: self.machine.clock.clone(),
            calls: Vec::new(),
            supervisor: self.machine.supervisor.clone(),
            denied: Vec::new(),
            context: RunContext {
                name: Arc::clone(&caller.name),
                key,
                prefix: frame.prefix,
                scheduled_at: frame.scheduled_at,
                attempt: frame.attempt,
                previous: frame.previous,
                interval: frame.interval,
                calls_until,
                facts: frame.facts,
                host_version: self.machine.host_version,
            },
        };
        let log = Arc::new(Mutex::new(log));
        Guest::store(&self.machine.engine, limits, &log, meter, Some(Box::new(parts)))
    }

    fn log(&self, caller: &Caller, lines: u64) -> RunLog {
        let (telemetry, redactor) = (self.machine.telemetry.clone(), self.machine.redactor.clone());
        let log = RunLog::new(
            Arc::clone(&caller.name),
            Arc::clone(&self.name),
            telemetry,
            redactor,
            lines,
        );
        match caller.kind {
            "check" => log,
            _ => log.of_receiver(),
        }
    }

    /// Why a call did not return, for people.
    pub(super) fn explain(&self, ended: &Ended, guest: &Guest, caller: &Caller) -> Failure {
        let place = Place {
            table: &format!("{}.{}", caller.kind, caller.name),
            location: &caller.location,
            redactor: &self.machine.redactor,
        };
        end::explain(ended, guest, place)
    }

    /// Takes apart the store of a call that is over.
    pub(super) fn take_apart(&self, mut store: Store<Guest>, began: Instant, meter: &Meter) -> Left {
        let guest = store.data_mut();
        let memory_peak_bytes = guest.limiter.peak_bytes();
        let (logs, log_lines_dropped) = stdio::lock(&guest.log).take();
        let left = take_parts(guest, began);
        drop(store);
        let usage = Usage {
            duration: self.machine.clock.monotonic().saturating_duration_since(began),
            cpu: meter.spent(),
            memory_peak_bytes,
            log_lines_dropped,
            ..left.usage
        };
        Left { usage, logs, ..left }
    }
}

/// What the call wrote, and what it asked for.
fn take_parts(guest: &mut Guest, began: Instant) -> Left {
    let Some(parts) = guest.run.take() else {
        return Left {
            usage: Usage::default(),
            state: StateChanges::default(),
            logs: Vec::new(),
            is_in_doubt: false,
        };
    };
    let capability = Wanted::Http.as_str();
    let refused = parts
        .http
        .refusals()
        .into_iter()
        .map(|hint| Denied { capability, hint });
    let calls = asked(&parts, began);
    let usage = Usage {
        calls,
        denied: parts.denied.into_iter().chain(refused).collect(),
        requests: parts.http.outcomes(),
        ..Usage::default()
    };
    Left {
        usage,
        is_in_doubt: parts.http.is_in_doubt(),
        state: parts.state.into_changes(),
        logs: Vec::new(),
    }
}

/// What it asked of others, since `began`.
fn asked(parts: &RunParts, began: Instant) -> Vec<CallSpan> {
    let requests = parts.http.timed().into_iter().map(|timed| {
        let phases = timed.phases;
        let each = [
            ("resolve", phases.resolve),
            ("connect", phases.connect),
            ("tls", phases.tls),
            ("processing", phases.processing),
            ("transfer", phases.transfer),
        ];
        CallSpan {
            kind: Wanted::Http.as_str(),
            began: timed.began.saturating_duration_since(began),
            took: timed.took,
            phases: each
                .into_iter()
                .filter_map(|(name, took)| Some((name, took?)))
                .collect(),
        }
    });
    let queries = parts.calls.iter().map(|call| CallSpan {
        kind: call.kind,
        began: call.began.saturating_duration_since(began),
        took: call.took,
        phases: Vec::new(),
    });
    requests.chain(queries).collect()
}
