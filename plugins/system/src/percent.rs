//! Three gauges in percent, for dashboards that want one number each. They hide CPUs and mounts: prefer the canonical set.

use bellwether_sdk::{Description, Report, metric::Gauge, system::Disk};

use crate::{
    selection::{Selection, disk_usage, memory_usage},
    settings::DiskPercentOf,
};

const CPU: Gauge<0> = Gauge::new(
    "system_cpu_percent",
    "Usage of all CPUs since the run before; absent in the first run.",
    [],
);
const MEMORY: Gauge<0> = Gauge::new("system_memory_percent", "Memory that is not available.", []);
const DISK: Gauge<0> = Gauge::new(
    "system_disk_percent",
    "Usage of the fullest file system that can be written to, or of the one named in the settings.",
    [],
);

pub(crate) fn describe(about: &mut Description) {
    about.metric(&CPU).metric(&MEMORY).metric(&DISK);
}

pub(crate) fn report(selection: &Selection<'_>, disk_percent_of: &DiskPercentOf, report: &mut Report) {
    let snapshot = selection.snapshot;
    let values = [
        (CPU, snapshot.cpu.as_ref().and_then(|cpu| cpu.usage_ratio)),
        (MEMORY, snapshot.memory.as_ref().and_then(memory_usage)),
        (DISK, disk(selection, disk_percent_of)),
    ];
    for (gauge, ratio) in values {
        if let Some(ratio) = ratio {
            report.gauge(&gauge).set([], ratio * 100.0);
        }
    }
}

fn disk(selection: &Selection<'_>, of: &DiskPercentOf) -> Option<f64> {
    match of {
        DiskPercentOf::Fullest => fullest(selection).and_then(disk_usage),
        DiskPercentOf::MountPoint(mount_point) => {
            let disk = selection
                .snapshot
                .disks
                .iter()
                .find(|disk| disk.mount_point == *mount_point);
            disk.and_then(disk_usage)
        }
    }
}

/// Of those that can be written to.
pub(crate) fn fullest<'s>(selection: &Selection<'s>) -> Option<&'s Disk> {
    let usage = |disk: &Disk| disk_usage(disk).unwrap_or(0.0);
    selection.writable_disks().max_by(|a, b| usage(a).total_cmp(&usage(b)))
}
