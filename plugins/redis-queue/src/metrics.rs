//! Metrics of queues, workers and streams.
//!
//! Flows in: the picture of a run and what changed since the one before. Flows out: families. What is not known has no sample:
//! a refused command leaves a gap, never a zero.

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge},
};

use crate::{
    memory::{Change, Changes, Counted},
    picture::{ALL, Picture, Queue, State},
    streams::Stream,
    target::Target,
    workers::Workers,
};

const DEPTH: Gauge<2> = Gauge::new(
    "queue_depth",
    "Jobs of a queue in a state; without a queue where the library does not tell them apart.",
    ["queue", "state"],
);
const PARTS: Gauge<2> = Gauge::new(
    "queue_waiting_jobs",
    "Waiting jobs by the list they stand in, such as a priority; together they are queue_depth with state=waiting.",
    ["queue", "list"],
);
const OLDEST: Gauge<1> = Gauge::new(
    "queue_oldest_age_seconds",
    "How long the oldest waiting job has waited; 0 when nothing waits, absent when it cannot be known.",
    ["queue"],
);
const OLDEST_IN_FLIGHT: Gauge<1> = Gauge::new(
    "queue_oldest_inflight_age_seconds",
    "How long the oldest job in flight has been with a worker; 0 when nothing is in flight, absent when it cannot be known.",
    ["queue"],
);
const OVERDUE: Gauge<1> = Gauge::new(
    "queue_overdue",
    "Delayed jobs whose time has passed and that nobody has moved to their queue.",
    ["queue"],
);
const LEASES_EXPIRED: Gauge<1> = Gauge::new(
    "queue_leases_expired",
    "Jobs in flight that no worker claims any more.",
    ["queue"],
);
const DEAD: Gauge<1> = Gauge::new(
    "queue_dead",
    "Failed and dead jobs that are kept for a person.",
    ["queue"],
);
const PROCESSED: Counter<1> = Counter::new(
    "queue_processed_total",
    "Jobs that were done, failed ones included, as the library counts them.",
    ["queue"],
);
const FAILED: Counter<1> = Counter::new(
    "queue_failed_total",
    "Jobs that failed, as the library counts them.",
    ["queue"],
);
const PAUSED: Gauge<1> = Gauge::new("queue_paused", "1 while the queue is paused.", ["queue"]);
const GROWTH: Gauge<1> = Gauge::new(
    "queue_growth_per_second",
    "Waiting jobs that came on top each second, over the last ten runs; negative while the queue shrinks.",
    ["queue"],
);
const GROWING: Gauge<1> = Gauge::new(
    "queue_growing_runs",
    "Runs in a row in which more jobs waited than in the one before.",
    ["queue"],
);
const DRAIN: Gauge<1> = Gauge::new(
    "queue_drain_seconds",
    "Time until nothing waits, if it goes on as in the last ten runs; absent while the queue does not shrink.",
    ["queue"],
);
const WORKERS: Gauge<1> = Gauge::new(
    "queue_workers",
    "Workers that are alive and take jobs of the queue.",
    ["queue"],
);
const SILENT: Gauge<0> = Gauge::new(
    "queue_workers_silent",
    "Workers that are registered and have not been heard for too long.",
    [],
);
const HEARTBEAT: Gauge<0> = Gauge::new(
    "queue_worker_last_heartbeat_age_seconds",
    "Time since the last heartbeat of the worker that has been silent longest.",
    [],
);
const LAST_WORKER: Gauge<2> = Gauge::new(
    "queue_last_worker_jobs",
    "What the arq worker that reported last has counted since its start; other workers of the queue overwrite it.",
    ["queue", "outcome"],
);
const STREAM_LENGTH: Gauge<1> = Gauge::new(
    "stream_length",
    "Entries of a stream, delivered ones included.",
    ["stream"],
);
const STREAM_LAG: Gauge<2> = Gauge::new(
    "stream_group_lag",
    "Entries that no consumer of the group was given yet; absent when Redis cannot tell.",
    ["stream", "group"],
);
const STREAM_PENDING: Gauge<2> = Gauge::new(
    "stream_group_pending",
    "Entries that a consumer was given and has not acknowledged.",
    ["stream", "group"],
);
const STREAM_CONSUMERS: Gauge<2> = Gauge::new("stream_group_consumers", "Consumers of a group.", ["stream", "group"]);
const STREAM_IDLE: Gauge<2> = Gauge::new(
    "stream_group_idle_seconds",
    "Time since the busiest consumer of a group last did something.",
    ["stream", "group"],
);
const STREAM_DELIVERIES: Gauge<2> = Gauge::new(
    "stream_group_oldest_deliveries",
    "How often the oldest pending entry was delivered; a high number is an entry that no consumer can digest.",
    ["stream", "group"],
);
const FINDINGS: Gauge<4> = Gauge::new(
    "queue_finding_runs",
    "Runs in a row in which a verdict had this code; 0 for an hour after that, and absent while all is well or nobody can tell.",
    ["target", "queue", "code", "severity"],
);
const REFUSED: Gauge<0> = Gauge::new("queue_commands_refused", "Commands of this run that Redis refused.", []);
const ROUND_TRIPS: Gauge<0> = Gauge::new("queue_round_trips", "Round trips to Redis in this run.", []);

/// What alerts hang on comes first: the host leaves out what comes last.
pub(crate) fn describe(about: &mut Description) {
    about
        .metric(&FINDINGS)
        .metric(&DEPTH)
        .metric(&OLDEST)
        .metric(&OLDEST_IN_FLIGHT)
        .metric(&OVERDUE)
        .metric(&LEASES_EXPIRED)
        .metric(&DEAD)
        .metric(&PARTS)
        .metric(&PROCESSED)
        .metric(&FAILED)
        .metric(&PAUSED)
        .metric(&GROWTH)
        .metric(&GROWING)
        .metric(&DRAIN)
        .metric(&WORKERS)
        .metric(&SILENT)
        .metric(&HEARTBEAT)
        .metric(&LAST_WORKER)
        .metric(&STREAM_LENGTH)
        .metric(&STREAM_LAG)
        .metric(&STREAM_PENDING)
        .metric(&STREAM_CONSUMERS)
        .metric(&STREAM_IDLE)
        .metric(&STREAM_DELIVERIES)
        .metric(&REFUSED)
        .metric(&ROUND_TRIPS);
}

pub(crate) fn report(target: &Target, picture: &Picture, changes: &Changes, report: &mut Report) {
    for (name, queue) in &picture.queues {
        of_queue(name, queue, target.now, report);
        if let Some(change) = changes.queues.get(name) {
            of_change(name, change, report);
        }
    }
    of_workers(target, picture, report);
    for (queue, outcome, jobs) in &picture.last_worker_jobs {
        report.gauge(&LAST_WORKER).set([queue, outcome], *jobs);
    }
    for (name, stream) in &picture.streams {
        of_stream(name, stream, report);
    }
    let refused: u32 = picture.problems.iter().map(|problem| problem.times).sum();
    report.gauge(&REFUSED).set([], refused);
    report.gauge(&ROUND_TRIPS).set([], picture.round_trips);
}

fn of_queue(name: &str, queue: &Queue, now: f64, report: &mut Report) {
    for (state, jobs) in queue.depths() {
        report.gauge(&DEPTH).set([name, state.name()], jobs);
    }
    for (part, jobs) in queue.parts() {
        report.gauge(&PARTS).set([name, part], jobs);
    }
    let ages = [
        (&OLDEST, age(queue.waiting_since(), queue.depth(State::Waiting), now)),
        (
            &OLDEST_IN_FLIGHT,
            age(queue.in_flight_since, queue.depth(State::Active), now),
        ),
    ];
    for (gauge, age) in ages {
        if let Some(age) = age {
            report.gauge(gauge).set([name], age);
        }
    }
    let counts = [
        (&OVERDUE, queue.overdue),
        (&LEASES_EXPIRED, queue.leases_expired),
        (&DEAD, queue.kept_failures()),
        (&PAUSED, queue.paused.map(u64::from)),
    ];
    for (gauge, count) in counts {
        if let Some(count) = count {
            report.gauge(gauge).set([name], count);
        }
    }
    for (counter, total) in [(&PROCESSED, queue.processed), (&FAILED, queue.failures)] {
        if let Some(total) = total {
            report.counter(counter).set([name], total);
        }
    }
}

/// What was found, and for how many runs: rules count runs, whatever the interval.
pub(crate) fn findings(found: &[Counted], report: &mut Report) {
    for found in found {
        let queue = found.target.strip_prefix("queue ").unwrap_or_default();
        let labels = [
            found.target.as_str(),
            queue,
            found.code.as_str(),
            found.severity.as_str(),
        ];
        report.gauge(&FINDINGS).set(labels, found.runs);
    }
}

/// An age never lies in the future: producers' clocks need not agree with ours. Without jobs there is none, which is 0.
fn age(since: Option<f64>, jobs: Option<u64>, now: f64) -> Option<f64> {
    match (since, jobs) {
        (_, Some(0)) => Some(0.0),
        (Some(since), _) => Some((now - since).max(0.0)),
        (None, _) => None,
    }
}

fn of_change(name: &str, change: &Change, report: &mut Report) {
    let values = [
        (&GROWTH, change.growth),
        (&GROWING, change.growing.map(f64::from)),
        (&DRAIN, change.drain),
    ];
    for (gauge, value) in values {
        if let Some(value) = value {
            report.gauge(gauge).set([name], value);
        }
    }
}

fn of_workers(target: &Target, picture: &Picture, report: &mut Report) {
    let Some(workers) = Workers::of(target, picture) else {
        return;
    };
    for (name, _) in picture.named() {
        report.gauge(&WORKERS).set([name], workers.alive(name));
    }
    report.gauge(&WORKERS).set([ALL], workers.alive(ALL));
    report.gauge(&SILENT).set([], workers.silent().len());
    if let Some(age) = workers.longest_silence() {
        report.gauge(&HEARTBEAT).set([], age);
    }
}

fn of_stream(name: &str, stream: &Stream, report: &mut Report) {
    if let Some(length) = stream.length {
        report.gauge(&STREAM_LENGTH).set([name], length);
    }
    for (group, known) in &stream.groups {
        let counts = [
            (&STREAM_LAG, known.lag),
            (&STREAM_PENDING, known.pending),
            (&STREAM_CONSUMERS, known.consumers),
            (&STREAM_DELIVERIES, known.deliveries),
        ];
        for (gauge, count) in counts {
            if let Some(count) = count {
                report.gauge(gauge).set([name, group], count);
            }
        }
        if let Some(idle) = known.idle.iter().map(|(_, idle)| *idle).reduce(f64::min) {
            report.gauge(&STREAM_IDLE).set([name, group], idle);
        }
    }
}
