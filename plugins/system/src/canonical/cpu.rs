//! CPU time, usage, and what the scheduler counts.

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge},
    system::{Cpu, CpuTimes},
};

use crate::table::{Table, detail};

/// Parts of `user` and `nice`: with them, the modes of a CPU would add up to more than the time that passed.
const INCLUDED_ELSEWHERE: [&str; 2] = ["guest", "guest_nice"];

const TIMES: Table<CpuTimes, 2> = Table {
    labels: |times| [&times.cpu, &times.mode],
    gauges: &[],
    counters: &[(
        Counter::new(
            "system_cpu_seconds_total",
            "Time a CPU spent in each mode; the modes add up to all of its time.",
            ["cpu", "mode"],
        ),
        |times| (!INCLUDED_ELSEWHERE.contains(&times.mode.as_str())).then_some(times.seconds),
    )],
};

const CPU: Table<Cpu, 0> = Table {
    labels: |_| [],
    gauges: &[
        (
            Gauge::new(
                "system_cpu_usage_ratio",
                "Usage of all CPUs together since the run before; absent in the first run.",
                [],
            ),
            |cpu| cpu.usage_ratio,
        ),
        (Gauge::new("system_cpus", "CPUs that are online.", []), |cpu| {
            Some(cpu_names(cpu).len() as f64)
        }),
        (
            Gauge::new("system_cpu_physical_cores", "Cores, without hyper-threads.", []),
            |cpu| (cpu.physical_cores > 0).then(|| cpu.physical_cores.into()),
        ),
        (
            Gauge::new("system_tasks_running", "Tasks that run or wait for a CPU.", []),
            |cpu| detail(&cpu.details, "procs_running"),
        ),
        (
            Gauge::new("system_tasks_blocked", "Tasks that wait for a disk or the like.", []),
            |cpu| detail(&cpu.details, "procs_blocked"),
        ),
    ],
    counters: &[
        (
            Counter::new(
                "system_context_switches_total",
                "Times a CPU went from one task to another.",
                [],
            ),
            |cpu| detail(&cpu.details, "ctxt"),
        ),
        (
            Counter::new("system_interrupts_total", "Interrupts served.", []),
            |cpu| detail(&cpu.details, "intr"),
        ),
        (
            Counter::new("system_forks_total", "Processes and threads created.", []),
            |cpu| detail(&cpu.details, "processes"),
        ),
    ],
};

const EACH: Gauge<1> = Gauge::new(
    "system_cpu_each_usage_ratio",
    "Usage of each CPU since the run before; absent in the first run.",
    ["cpu"],
);

pub(crate) fn describe(about: &mut Description) {
    CPU.describe(about);
    TIMES.describe(about);
    about.metric(&EACH);
}

pub(crate) fn report(cpu: &Cpu, report: &mut Report) {
    CPU.report([cpu], report);
    TIMES.report(&cpu.times, report);
    for (name, usage) in cpu_names(cpu).iter().zip(&cpu.per_cpu_usage_ratio) {
        report.gauge(&EACH).set([name], *usage);
    }
}

/// In the order in which usage is given. Where the system does not name its CPUs, they are counted.
fn cpu_names(cpu: &Cpu) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for times in &cpu.times {
        if names.last() != Some(&times.cpu) {
            names.push(times.cpu.clone());
        }
    }
    if names.is_empty() {
        (0..cpu.per_cpu_usage_ratio.len())
            .map(|number| number.to_string())
            .collect()
    } else {
        names
    }
}
