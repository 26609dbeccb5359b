//! Replicas, slots, and this server when it is a standby.

use bellwether_sdk::{
    Description, Report,
    metric::{Gauge, Info},
};

use super::{Value, plain};
use crate::{
    facts::Facts,
    sections::replication::{Replica, Slot, Standby},
};

const REPLICA_STATE: Info<4> = Info::new(
    "postgres_replica_info",
    "Servers that receive from this one.",
    ["replica", "address", "state", "sync_state"],
);
const REPLICA_BYTES: Gauge<2> = Gauge::new(
    "postgres_replica_lag_bytes",
    "What the replica has not replayed yet.",
    ["replica", "address"],
);
const REPLICA_SECONDS: Gauge<2> = Gauge::new(
    "postgres_replica_lag_seconds",
    "How long the replica took to replay what it last confirmed; absent while nothing is written.",
    ["replica", "address"],
);
const SLOT_ACTIVE: Gauge<2> = Gauge::new("postgres_slot_active", "1 while somebody receives.", ["slot", "kind"]);
const SLOT_BYTES: Gauge<2> = Gauge::new(
    "postgres_slot_retained_bytes",
    "Write-ahead log that the server keeps for the slot.",
    ["slot", "kind"],
);
const OF_STANDBY: &[(Gauge<0>, Value<Standby>)] = &[
    (
        Gauge::new(
            "postgres_standby_lag_seconds",
            "How old the newest replayed transaction is; 0 when all that it receives is replayed, absent when nobody can tell.",
            [],
        ),
        |standby| standby.lag_seconds,
    ),
    (
        Gauge::new(
            "postgres_standby_lag_bytes",
            "What was received and not replayed yet.",
            [],
        ),
        |standby| standby.lag_bytes,
    ),
    (
        Gauge::new(
            "postgres_standby_receiving",
            "1 while it is connected to the server it receives from.",
            [],
        ),
        |standby| Some(f64::from(u8::from(standby.receiving))),
    ),
];

pub(super) fn describe(about: &mut Description) {
    about
        .metric(&REPLICA_STATE)
        .metric(&REPLICA_BYTES)
        .metric(&REPLICA_SECONDS);
    about.metric(&SLOT_ACTIVE).metric(&SLOT_BYTES);
    for (gauge, _) in OF_STANDBY {
        about.metric(gauge);
    }
}

pub(super) fn report(facts: &Facts, report: &mut Report) {
    plain(OF_STANDBY, facts.standby.as_ref(), report);
    for replica in facts.replicas.iter().flatten() {
        replicas(replica, report);
    }
    for slot in facts.slots.iter().flatten() {
        slots(slot, report);
    }
}

fn replicas(replica: &Replica, report: &mut Report) {
    let labels = [replica.replica.as_str(), replica.address.as_str()];
    let [name, address] = labels;
    report
        .info(&REPLICA_STATE)
        .set([name, address, &replica.state, &replica.sync_state]);
    if let Some(bytes) = replica.lag_bytes {
        report.gauge(&REPLICA_BYTES).set(labels, bytes);
    }
    if let Some(seconds) = replica.lag_seconds {
        report.gauge(&REPLICA_SECONDS).set(labels, seconds);
    }
}

fn slots(slot: &Slot, report: &mut Report) {
    let labels = [slot.slot.as_str(), slot.kind.as_str()];
    report.gauge(&SLOT_ACTIVE).set(labels, slot.active);
    if let Some(bytes) = slot.retained_bytes {
        report.gauge(&SLOT_BYTES).set(labels, bytes);
    }
}
