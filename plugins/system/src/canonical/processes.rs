//! Processes by state, and the groups that the settings name.

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge},
    system::{ProcessGroup, Processes},
};

use crate::table::Table;

const GROUP: [&str; 1] = ["group"];

const GROUPS: Table<ProcessGroup, 1> = Table {
    labels: |group| [&group.name],
    gauges: &[
        (
            Gauge::new("system_process_group_processes", "Processes in the group.", GROUP),
            |group| Some(group.count.into()),
        ),
        (
            Gauge::new("system_process_group_threads", "Their threads.", GROUP),
            |group| Some(group.threads.into()),
        ),
        (
            Gauge::new(
                "system_process_group_resident_bytes",
                "Memory that is theirs or shared.",
                GROUP,
            ),
            |group| Some(group.resident_bytes as f64),
        ),
        (
            Gauge::new(
                "system_process_group_open_files",
                "Files they hold open; absent where the host may not look.",
                GROUP,
            ),
            |group| group.open_files.map(|files| files as f64),
        ),
        (
            Gauge::new(
                "system_process_group_oldest_start_seconds",
                "When the oldest of them started, as Unix time; absent without processes.",
                GROUP,
            ),
            |group| (group.count > 0).then_some(group.oldest_start_unix as f64),
        ),
    ],
    counters: &[(
        Counter::new(
            "system_process_group_cpu_seconds_total",
            "CPU time of the group, processes that ended included.",
            GROUP,
        ),
        |group| Some(group.cpu_seconds),
    )],
};

const BY_STATE: Gauge<1> = Gauge::new("system_processes", "Processes of the machine by state.", ["state"]);

pub(crate) fn describe(about: &mut Description) {
    about.metric(&BY_STATE);
    GROUPS.describe(about);
}

pub(crate) fn report(processes: &Processes, report: &mut Report) {
    for (state, count) in &processes.by_state {
        report.gauge(&BY_STATE).set([state], *count);
    }
    GROUPS.report(&processes.groups, report);
}
