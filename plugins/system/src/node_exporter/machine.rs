//! Names, times, load, open files and pressure.

use std::time::{Duration, SystemTime};

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge, Info},
    system::{Limits, Load, Machine, Pressure, Snapshot},
};

use crate::table::Table;

/// node_exporter calls it a gauge; in the text format that is what an info is.
const UNAME: Info<6> = Info::new(
    "node_uname_info",
    "Names and versions as uname(2) has them.",
    ["sysname", "release", "version", "machine", "nodename", "domainname"],
);
const TIME: Gauge<0> = Gauge::new("node_time_seconds", "The time of the run, as Unix time.", []);
const BOOT_TIME: Gauge<0> = Gauge::new("node_boot_time_seconds", "When the machine started, as Unix time.", []);

const LOAD: Table<Load, 0> = Table {
    labels: |_| [],
    gauges: &[
        (Gauge::new("node_load1", "Load average over one minute.", []), |load| {
            Some(load.one)
        }),
        (
            Gauge::new("node_load5", "Load average over five minutes.", []),
            |load| Some(load.five),
        ),
        (
            Gauge::new("node_load15", "Load average over fifteen minutes.", []),
            |load| Some(load.fifteen),
        ),
    ],
    counters: &[],
};

const FILES: Table<Limits, 0> = Table {
    labels: |_| [],
    gauges: &[
        (
            Gauge::new("node_filefd_allocated", "Files open on the whole machine.", []),
            |limits| Some(limits.open_files as f64),
        ),
        (
            Gauge::new("node_filefd_maximum", "The kernel refuses more open files.", []),
            |limits| Some(limits.open_files_maximum as f64),
        ),
    ],
    counters: &[],
};

const WAITING: &str = "Time in which at least one task waited for the resource.";
const STALLED: &str = "Time in which every task waited for the resource.";

fn some(pressure: &Pressure, kind: &str) -> Option<f64> {
    (pressure.kind == kind).then_some(pressure.some_seconds)
}

fn full(pressure: &Pressure, kind: &str) -> Option<f64> {
    (pressure.kind == kind).then_some(pressure.full_seconds)
}

const PRESSURE: Table<Pressure, 0> = Table {
    labels: |_| [],
    gauges: &[],
    counters: &[
        (
            Counter::new("node_pressure_cpu_waiting_seconds_total", WAITING, []),
            |pressure| some(pressure, "cpu"),
        ),
        (
            Counter::new("node_pressure_io_waiting_seconds_total", WAITING, []),
            |pressure| some(pressure, "io"),
        ),
        (
            Counter::new("node_pressure_io_stalled_seconds_total", STALLED, []),
            |pressure| full(pressure, "io"),
        ),
        (
            Counter::new("node_pressure_memory_waiting_seconds_total", WAITING, []),
            |pressure| some(pressure, "memory"),
        ),
        (
            Counter::new("node_pressure_memory_stalled_seconds_total", STALLED, []),
            |pressure| full(pressure, "memory"),
        ),
    ],
};

pub(crate) fn describe(about: &mut Description) {
    about.metric(&UNAME).metric(&TIME).metric(&BOOT_TIME);
    LOAD.describe(about);
    FILES.describe(about);
    PRESSURE.describe(about);
}

pub(crate) fn report(snapshot: &Snapshot, report: &mut Report) {
    let machine = &snapshot.machine;
    report.info(&UNAME).set([
        named(machine, "sysname"),
        &machine.kernel,
        named(machine, "version"),
        &machine.architecture,
        &machine.hostname,
        named(machine, "domainname"),
    ]);
    report.gauge(&TIME).set([], now());
    if machine.boot_time_unix > 0 {
        report.gauge(&BOOT_TIME).set([], machine.boot_time_unix);
    }
    LOAD.report(&snapshot.load, report);
    FILES.report(&snapshot.limits, report);
    PRESSURE.report(&snapshot.pressure, report);
}

fn named<'m>(machine: &'m Machine, name: &str) -> &'m str {
    machine
        .details
        .iter()
        .find(|(known, _)| known == name)
        .map_or("", |(_, value)| value)
}

/// The clock itself and not the time of the run's slot: this is what clocks of machines are compared by.
#[expect(
    clippy::disallowed_methods,
    reason = "a plugin has no other clock, and this family is about the clock"
)]
fn now() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
