//! CPU time, and what the scheduler counts.

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge},
    system::{Cpu, CpuTimes},
};

use crate::table::{Table, detail};

/// Here, `user` and `nice` include guests, as the kernel counts.
const TIMES: Table<CpuTimes, 2> = Table {
    labels: |times| [&times.cpu, &times.mode],
    gauges: &[],
    counters: &[(
        Counter::new(
            "node_cpu_seconds_total",
            "Time a CPU spent in each mode.",
            ["cpu", "mode"],
        ),
        |times| guest_mode(times).is_none().then_some(times.seconds),
    )],
};

const GUEST_TIMES: Table<CpuTimes, 2> = Table {
    labels: |times| [&times.cpu, guest_mode(times).unwrap_or_default()],
    gauges: &[],
    counters: &[(
        Counter::new(
            "node_cpu_guest_seconds_total",
            "Time a CPU spent in virtual machines.",
            ["cpu", "mode"],
        ),
        |times| guest_mode(times).map(|_| times.seconds),
    )],
};

fn guest_mode(times: &CpuTimes) -> Option<&'static str> {
    match times.mode.as_str() {
        "guest" => Some("user"),
        "guest_nice" => Some("nice"),
        _ => None,
    }
}

const SCHEDULER: Table<Cpu, 0> = Table {
    labels: |_| [],
    gauges: &[
        (
            Gauge::new("node_procs_running", "Tasks that run or wait for a CPU.", []),
            |cpu| detail(&cpu.details, "procs_running"),
        ),
        (
            Gauge::new("node_procs_blocked", "Tasks that wait for a disk or the like.", []),
            |cpu| detail(&cpu.details, "procs_blocked"),
        ),
    ],
    counters: &[
        (
            Counter::new(
                "node_context_switches_total",
                "Times a CPU went from one task to another.",
                [],
            ),
            |cpu| detail(&cpu.details, "ctxt"),
        ),
        (Counter::new("node_intr_total", "Interrupts served.", []), |cpu| {
            detail(&cpu.details, "intr")
        }),
        (
            Counter::new("node_forks_total", "Processes and threads created.", []),
            |cpu| detail(&cpu.details, "processes"),
        ),
    ],
};

pub(crate) fn describe(about: &mut Description) {
    TIMES.describe(about);
    GUEST_TIMES.describe(about);
    SCHEDULER.describe(about);
}

pub(crate) fn report(cpu: &Cpu, report: &mut Report) {
    TIMES.report(&cpu.times, report);
    GUEST_TIMES.report(&cpu.times, report);
    SCHEDULER.report([cpu], report);
}
