//! Verdicts. Without thresholds a machine that answers is ok.

use bellwether_sdk::{
    Code, Description, Report,
    metric::Gauge,
    streak,
    system::{Disk, Section, Snapshot},
};

use crate::{
    percent::fullest,
    selection::{Selection, disk_usage, memory_usage},
    settings::{self, Levels, Thresholds},
};

const CPU_HIGH: Code = Code::new(
    "cpu_high",
    "The CPUs are busier than the threshold allows: see which processes use them.",
);
const MEMORY_HIGH: Code = Code::new(
    "memory_high",
    "Little memory is left: see which processes hold it, before the kernel chooses one to end.",
);
const DISK_FULL: Code = Code::new("disk_full", "A file system fills up: free space or enlarge it.");
const FILE_SYSTEM_SILENT: Code = Code::new(
    "file_system_silent",
    "A file system cannot be asked: see whether its server or its disk is gone.",
);
const SECTION_UNREADABLE: Code = Code::new(
    "section_unreadable",
    "A part of the machine cannot be read: the summary says why.",
);

/// The host begins with these words where it may not look, and what a system does not have at all.
const PERMISSION_DENIED: &str = "permission denied";
const NOT_OFFERED: &str = "not offered";

const RUNS: Gauge<2> = Gauge::new(
    "system_not_ok_runs",
    "Runs in a row in which the target was not ok (severity warning), or critical.",
    streak::LABELS,
);

pub(crate) fn describe(about: &mut Description) {
    about.metric(&RUNS);
    for code in [
        &CPU_HIGH,
        &MEMORY_HIGH,
        &DISK_FULL,
        &FILE_SYSTEM_SILENT,
        &SECTION_UNREADABLE,
    ] {
        about.code(code);
    }
}

/// `wanted`: the sections that were asked for.
pub(crate) fn report(selection: &Selection<'_>, thresholds: &Thresholds, wanted: Section, report: &mut Report) {
    let snapshot = selection.snapshot;
    report.ok("").summary(summary(selection));
    let cpu = snapshot.cpu.as_ref().and_then(|cpu| cpu.usage_ratio);
    judge(report, "cpu", &CPU_HIGH, "CPUs", cpu, thresholds.cpu_percent);
    let memory = snapshot.memory.as_ref().and_then(memory_usage);
    judge(
        report,
        "memory",
        &MEMORY_HIGH,
        "memory",
        memory,
        thresholds.memory_percent,
    );
    for disk in selection.writable_disks() {
        let target = format!("disk {}", disk.mount_point);
        judge(
            report,
            &target,
            &DISK_FULL,
            &disk.mount_point,
            disk_usage(disk),
            thresholds.disk_percent,
        );
    }
    silent_disks(selection, report);
    unreadable_sections(snapshot, report);
    streak::report_with(&RUNS, report, &well(selection, wanted));
}

/// Targets that have a verdict only while something is wrong, and were read.
fn well(selection: &Selection<'_>, wanted: Section) -> Vec<String> {
    let missing = &selection.snapshot.missing;
    let is_read = |name: &str| !missing.iter().any(|(section, _)| section == name);
    let sections = settings::section_names().filter(|(name, section)| wanted.contains(*section) && is_read(name));
    let disks = selection.disks.iter().filter(|disk| disk.problem.is_none());
    sections
        .map(|(name, _)| format!("section {name}"))
        .chain(disks.map(|disk| format!("disk {}", disk.mount_point)))
        .collect()
}

/// Nothing without levels, and nothing where there is no value yet.
fn judge(report: &mut Report, target: &str, code: &Code, what: &str, ratio: Option<f64>, levels: Option<Levels>) {
    let (Some(ratio), Some(levels)) = (ratio, levels) else {
        return;
    };
    let percent = ratio * 100.0;
    let reached = |level: Option<f64>| level.filter(|level| percent >= *level);
    let said = |level: f64| format!("{what} {percent:.1} % used, at or above {level} %");
    if let Some(level) = reached(levels.critical) {
        report.critical(target, code, said(level));
    } else if let Some(level) = reached(levels.warning) {
        report.warning(target, code, said(level));
    } else {
        report.ok(target).summary(format!("{what} {percent:.1} % used"));
    }
}

/// One that an unprivileged host may not look at is nobody's fault.
fn silent_disks(selection: &Selection<'_>, report: &mut Report) {
    for disk in &selection.disks {
        let Some(problem) = disk
            .problem
            .as_deref()
            .filter(|problem| !problem.starts_with(PERMISSION_DENIED))
        else {
            continue;
        };
        report.warning(
            &format!("disk {}", disk.mount_point),
            &FILE_SYSTEM_SILENT,
            format!("{} on {}: {problem}", disk.device, disk.mount_point),
        );
    }
}

/// File systems that do not answer have verdicts of their own.
fn unreadable_sections(snapshot: &Snapshot, report: &mut Report) {
    let own_verdicts = |section: &str| section == "disks" && !snapshot.disks.is_empty();
    let unreadable = snapshot.missing.iter().filter(|(_, why)| !why.starts_with(NOT_OFFERED));
    let mut judged: Vec<&str> = Vec::new();
    for (section, why) in unreadable.filter(|(section, _)| !own_verdicts(section)) {
        if !judged.contains(&section.as_str()) {
            judged.push(section);
            report.warning(
                &format!("section {section}"),
                &SECTION_UNREADABLE,
                format!("{section} cannot be read: {why}"),
            );
        }
    }
}

/// `CPUs 12 %, memory 41 %, fullest disk / 14 %`.
fn summary(selection: &Selection<'_>) -> String {
    let snapshot = selection.snapshot;
    let percent = |what: &str, ratio: f64| format!("{what} {:.0} %", ratio * 100.0);
    let cpu = snapshot.cpu.as_ref().and_then(|cpu| cpu.usage_ratio);
    let memory = snapshot.memory.as_ref().and_then(memory_usage);
    let disk = fullest(selection).and_then(|disk: &Disk| Some((disk, disk_usage(disk)?)));
    let parts = [
        cpu.map(|ratio| percent("CPUs", ratio)),
        memory.map(|ratio| percent("memory", ratio)),
        disk.map(|(disk, ratio)| percent(&format!("fullest disk {}", disk.mount_point), ratio)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
