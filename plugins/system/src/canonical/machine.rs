//! What the machine is, its load, pressure, temperatures and limits, and what of it could not be read.

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge, Info},
    system::{Limits, Load, Pressure, Section, Snapshot, Temperature},
};

use crate::table::Table;

const INFO: Info<5> = Info::new(
    "system_info",
    "Names and versions.",
    ["hostname", "os", "os_version", "kernel", "architecture"],
);
const BOOT_TIME: Gauge<0> = Gauge::new(
    "system_boot_time_seconds",
    "When the machine started, as Unix time.",
    [],
);
const SECTION_READ: Gauge<1> = Gauge::new(
    "system_section_read",
    "1 when the section was read, 0 when it could not be or only in part.",
    ["section"],
);

const LOAD: Table<Load, 0> = Table {
    labels: |_| [],
    gauges: &[
        (
            Gauge::new("system_load1", "Load average over one minute.", []),
            |load| Some(load.one),
        ),
        (
            Gauge::new("system_load5", "Load average over five minutes.", []),
            |load| Some(load.five),
        ),
        (
            Gauge::new("system_load15", "Load average over fifteen minutes.", []),
            |load| Some(load.fifteen),
        ),
    ],
    counters: &[],
};

const TEMPERATURES: Table<Temperature, 1> = Table {
    labels: |temperature| [&temperature.sensor],
    gauges: &[
        (
            Gauge::new("system_temperature_celsius", "Now.", ["sensor"]),
            |temperature| Some(temperature.celsius),
        ),
        (
            Gauge::new(
                "system_temperature_maximum_celsius",
                "Too warm above this, says the chip.",
                ["sensor"],
            ),
            |temperature| temperature.maximum_celsius,
        ),
        (
            Gauge::new(
                "system_temperature_critical_celsius",
                "Breaks or shuts down above this, says the chip.",
                ["sensor"],
            ),
            |temperature| temperature.critical_celsius,
        ),
    ],
    counters: &[],
};

const PRESSURE: Table<Pressure, 1> = Table {
    labels: |pressure| [&pressure.kind],
    gauges: &[],
    counters: &[
        (
            Counter::new(
                "system_pressure_waiting_seconds_total",
                "Time in which at least one task waited for the resource.",
                ["resource"],
            ),
            |pressure| Some(pressure.some_seconds),
        ),
        (
            Counter::new(
                "system_pressure_stalled_seconds_total",
                "Time in which every task waited for the resource.",
                ["resource"],
            ),
            |pressure| (pressure.kind != "cpu").then_some(pressure.full_seconds),
        ),
    ],
};

const LIMITS: Table<Limits, 0> = Table {
    labels: |_| [],
    gauges: &[
        (
            Gauge::new("system_open_files", "Files open on the whole machine.", []),
            |limits| Some(limits.open_files as f64),
        ),
        (
            Gauge::new("system_open_files_maximum", "The kernel refuses more open files.", []),
            |limits| Some(limits.open_files_maximum as f64),
        ),
    ],
    counters: &[],
};

pub(crate) fn describe(about: &mut Description) {
    about.metric(&INFO).metric(&BOOT_TIME).metric(&SECTION_READ);
    LOAD.describe(about);
    TEMPERATURES.describe(about);
    PRESSURE.describe(about);
    LIMITS.describe(about);
}

pub(crate) fn report(snapshot: &Snapshot, wanted: Section, report: &mut Report) {
    let machine = &snapshot.machine;
    report.info(&INFO).set([
        &machine.hostname,
        &machine.os,
        &machine.os_version,
        &machine.kernel,
        &machine.architecture,
    ]);
    if machine.boot_time_unix > 0 {
        report.gauge(&BOOT_TIME).set([], machine.boot_time_unix);
    }
    LOAD.report(&snapshot.load, report);
    TEMPERATURES.report(&snapshot.temperatures, report);
    PRESSURE.report(&snapshot.pressure, report);
    LIMITS.report(&snapshot.limits, report);
    sections_read(snapshot, wanted, report);
}

/// Names of sections as the host writes them.
const SECTIONS: [(Section, &str); 10] = [
    (Section::CPU, "cpu"),
    (Section::MEMORY, "memory"),
    (Section::DISKS, "disks"),
    (Section::DISK_IO, "disk-io"),
    (Section::NETWORKS, "networks"),
    (Section::LOAD, "load"),
    (Section::TEMPERATURES, "temperatures"),
    (Section::PROCESSES, "processes"),
    (Section::PRESSURE, "pressure"),
    (Section::LIMITS, "limits"),
];

fn sections_read(snapshot: &Snapshot, wanted: Section, report: &mut Report) {
    for (_, name) in SECTIONS.iter().filter(|(section, _)| wanted.contains(*section)) {
        let missing = snapshot.missing.iter().any(|(section, _)| section == name);
        report.gauge(&SECTION_READ).set([name], !missing);
    }
}
