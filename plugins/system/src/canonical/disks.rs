//! Space on file systems, and traffic of block devices.

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge},
    system::{Disk, DiskIo},
};

use crate::{
    selection::{Selection, disk_usage},
    table::{Table, detail},
};

const MOUNT: [&str; 3] = ["device", "mount_point", "file_system"];

/// Sizes of one that did not answer are not zero but unknown.
fn answered(disk: &Disk, number: u64) -> Option<f64> {
    disk.problem.is_none().then_some(number as f64)
}

const SPACE: Table<Disk, 3> = Table {
    labels: |disk| [&disk.device, &disk.mount_point, &disk.file_system],
    gauges: &[
        (
            Gauge::new("system_disk_total_bytes", "Size of the file system.", MOUNT),
            |disk| answered(disk, disk.total_bytes),
        ),
        (
            Gauge::new(
                "system_disk_available_bytes",
                "What an ordinary user can still write.",
                MOUNT,
            ),
            |disk| answered(disk, disk.available_bytes),
        ),
        (
            Gauge::new(
                "system_disk_free_bytes",
                "Unused, what is set aside for the system included.",
                MOUNT,
            ),
            |disk| answered(disk, disk.free_bytes),
        ),
        (
            Gauge::new(
                "system_disk_usage_ratio",
                "Used part of what an ordinary user could use.",
                MOUNT,
            ),
            disk_usage,
        ),
        (
            Gauge::new("system_disk_inodes", "Files the file system can hold.", MOUNT),
            |disk| limited(disk).and(disk.inodes).map(|number| number as f64),
        ),
        (
            Gauge::new(
                "system_disk_inodes_free",
                "Files the file system can still hold.",
                MOUNT,
            ),
            |disk| limited(disk).and(disk.inodes_free).map(|number| number as f64),
        ),
        (
            Gauge::new("system_disk_read_only", "1 when nothing can be written.", MOUNT),
            |disk| Some(f64::from(u8::from(disk.read_only))),
        ),
        (
            Gauge::new("system_disk_silent", "1 when the file system cannot be asked.", MOUNT),
            |disk| Some(f64::from(u8::from(disk.problem.is_some()))),
        ),
    ],
    counters: &[],
};

/// Some file systems make room for files as needed and say 0.
fn limited(disk: &Disk) -> Option<()> {
    (disk.problem.is_none() && disk.inodes? > 0).then_some(())
}

const DEVICE: [&str; 1] = ["device"];

const TRAFFIC: Table<DiskIo, 1> = Table {
    labels: |disk| [&disk.device],
    gauges: &[(
        Gauge::new("system_disk_io_in_flight", "Requests under way.", DEVICE),
        |disk| detail(&disk.details, "in_flight"),
    )],
    counters: &[
        (
            Counter::new("system_disk_io_read_bytes_total", "Read from the device.", DEVICE),
            |disk| Some(disk.read_bytes as f64),
        ),
        (
            Counter::new("system_disk_io_written_bytes_total", "Written to the device.", DEVICE),
            |disk| Some(disk.written_bytes as f64),
        ),
        (
            Counter::new("system_disk_io_reads_total", "Reads completed.", DEVICE),
            |disk| Some(disk.reads as f64),
        ),
        (
            Counter::new("system_disk_io_writes_total", "Writes completed.", DEVICE),
            |disk| Some(disk.writes as f64),
        ),
        (
            Counter::new("system_disk_io_read_seconds_total", "Time of all reads.", DEVICE),
            |disk| detail(&disk.details, "read_seconds"),
        ),
        (
            Counter::new("system_disk_io_write_seconds_total", "Time of all writes.", DEVICE),
            |disk| detail(&disk.details, "write_seconds"),
        ),
        (
            Counter::new(
                "system_disk_io_busy_seconds_total",
                "Time with a request under way.",
                DEVICE,
            ),
            |disk| Some(disk.io_seconds),
        ),
        (
            Counter::new(
                "system_disk_io_weighted_seconds_total",
                "Time with a request under way, times the requests.",
                DEVICE,
            ),
            |disk| Some(disk.weighted_io_seconds),
        ),
    ],
};

pub(crate) fn describe(about: &mut Description) {
    SPACE.describe(about);
    TRAFFIC.describe(about);
}

pub(crate) fn report(selection: &Selection<'_>, report: &mut Report) {
    SPACE.report(selection.disks.iter().copied(), report);
    TRAFFIC.report(selection.disk_io.iter().copied(), report);
}
