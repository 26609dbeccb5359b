//! Names of our own: `postgres_*`, in base units.

mod databases;
mod replication;

use bellwether_sdk::{
    Description, Report,
    metric::{Gauge, Info},
};

use crate::{
    facts::{Facts, total},
    sections::{activity::Activity, server::Server, vacuum::Workers},
};

const UP: Gauge<0> = Gauge::new("postgres_up", "1 when the server answered.", []);
const SERVER: Info<1> = Info::new("postgres_server_info", "The version of the server.", ["version"]);
const CONNECTIONS: Gauge<2> = Gauge::new(
    "postgres_connections",
    "Connections of clients; state `hidden` where our role may not see it.",
    ["database", "state"],
);
const LOCKS: Gauge<2> = Gauge::new(
    "postgres_locks",
    "Locks that are held or waited for.",
    ["database", "mode"],
);
/// What finds a value; none: the sample is left out.
type Value<T> = fn(&T) -> Option<f64>;

const OF_FACTS: &[(Gauge<0>, Value<Facts>)] = &[
    (
        Gauge::new(
            "postgres_connections_used",
            "Connections of clients, whatever their state.",
            [],
        ),
        Facts::used,
    ),
    (
        Gauge::new(
            "postgres_connections_usage_ratio",
            "Connections of clients, of those that ordinary roles may have.",
            [],
        ),
        Facts::usage_ratio,
    ),
    (
        Gauge::new(
            "postgres_connections_pooled",
            "Connections by poolers that say their name.",
            [],
        ),
        |facts| Some(total(facts.activity.as_ref()?.iter().map(|one| one.pooled))),
    ),
    (
        Gauge::new(
            "postgres_transaction_oldest_seconds",
            "Age of the oldest open transaction of a client.",
            [],
        ),
        |facts| facts.oldest(|one: &Activity| one.transaction_age),
    ),
    (
        Gauge::new(
            "postgres_idle_in_transaction_oldest_seconds",
            "Longest time that an open transaction of a client does nothing.",
            [],
        ),
        |facts| facts.oldest(|one: &Activity| one.idle_age),
    ),
    (
        Gauge::new(
            "postgres_lock_wait_oldest_seconds",
            "Age of the oldest query that waits for a lock.",
            [],
        ),
        |facts| facts.oldest(|one: &Activity| one.lock_wait_age),
    ),
    (
        Gauge::new(
            "postgres_connections_waiting_for_lock",
            "Connections that wait for a lock.",
            [],
        ),
        |facts| Some(total(facts.activity.as_ref()?.iter().map(|one| one.waiting_for_lock))),
    ),
    (
        Gauge::new("postgres_locks_waiting", "Locks that are waited for.", []),
        Facts::waiting,
    ),
];

const OF_SERVER: &[(Gauge<0>, Value<Server>)] = &[
    (
        Gauge::new("postgres_connections_maximum", "The setting max_connections.", []),
        |server| server.max_connections,
    ),
    (
        Gauge::new(
            "postgres_connections_available",
            "What ordinary roles may have of it.",
            [],
        ),
        Server::available,
    ),
    (
        Gauge::new("postgres_start_time_seconds", "When the server started; Unix time.", []),
        |server| server.started,
    ),
    (
        Gauge::new("postgres_standby", "1 for a server in recovery.", []),
        |server| Some(f64::from(u8::from(server.standby))),
    ),
];

const OF_WORKERS: &[(Gauge<0>, Value<Workers>)] = &[
    (
        Gauge::new("postgres_autovacuum_workers", "Autovacuum workers that run.", []),
        |workers| workers.running,
    ),
    (
        Gauge::new("postgres_autovacuum_workers_maximum", "How many may run.", []),
        |workers| workers.most,
    ),
    (
        Gauge::new(
            "postgres_autovacuum_workers_against_wraparound",
            "Those that must prevent wraparound.",
            [],
        ),
        |workers| workers.against_wraparound,
    ),
    (
        Gauge::new("postgres_autovacuum_enabled", "0 when the setting is off.", []),
        |workers| Some(f64::from(u8::from(workers.enabled))),
    ),
];

pub(crate) fn describe(about: &mut Description) {
    about.metric(&UP).metric(&SERVER).metric(&CONNECTIONS).metric(&LOCKS);
    let plain = OF_FACTS.iter().map(|(gauge, _)| gauge);
    let plain = plain.chain(OF_SERVER.iter().map(|(gauge, _)| gauge));
    for gauge in plain.chain(OF_WORKERS.iter().map(|(gauge, _)| gauge)) {
        about.metric(gauge);
    }
    replication::describe(about);
    databases::describe(about);
}

pub(crate) fn report(facts: &Facts, report: &mut Report) {
    report.gauge(&UP).set([], facts.down.is_none());
    plain(OF_FACTS, Some(facts), report);
    if let Some(server) = &facts.server {
        report.info(&SERVER).set([&server.version]);
    }
    plain(OF_SERVER, facts.server.as_ref(), report);
    plain(OF_WORKERS, facts.workers.as_ref(), report);
    for one in facts.activity.iter().flatten() {
        report
            .gauge(&CONNECTIONS)
            .set([&one.database, &one.state], one.connections);
    }
    for lock in facts.locks.iter().flatten() {
        report.gauge(&LOCKS).set([&lock.database, &lock.mode], lock.locks);
    }
    replication::report(facts, report);
    databases::report(facts, report);
}

fn plain<T>(gauges: &[(Gauge<0>, Value<T>)], thing: Option<&T>, report: &mut Report) {
    let Some(thing) = thing else {
        return;
    };
    for (gauge, value) in gauges {
        if let Some(value) = value(thing) {
            report.gauge(gauge).set([], value);
        }
    }
}
