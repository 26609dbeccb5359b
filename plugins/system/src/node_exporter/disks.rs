//! Space on file systems, and traffic of block devices.

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge},
    system::{Disk, DiskIo},
};

use crate::{
    selection::Selection,
    table::{Table, detail},
};

const MOUNT: [&str; 3] = ["device", "mountpoint", "fstype"];

/// One that did not answer has no samples but the error.
fn answered(disk: &Disk, number: Option<u64>) -> Option<f64> {
    disk.problem.is_none().then_some(number? as f64)
}

const SPACE: Table<Disk, 3> = Table {
    labels: |disk| [&disk.device, &disk.mount_point, &disk.file_system],
    gauges: &[
        (Gauge::new("node_filesystem_size_bytes", "Size.", MOUNT), |disk| {
            answered(disk, Some(disk.total_bytes))
        }),
        (
            Gauge::new(
                "node_filesystem_free_bytes",
                "Unused, what is set aside for the system included.",
                MOUNT,
            ),
            |disk| answered(disk, Some(disk.free_bytes)),
        ),
        (
            Gauge::new(
                "node_filesystem_avail_bytes",
                "What an ordinary user can still write.",
                MOUNT,
            ),
            |disk| answered(disk, Some(disk.available_bytes)),
        ),
        (
            Gauge::new("node_filesystem_files", "Files it can hold.", MOUNT),
            |disk| answered(disk, disk.inodes),
        ),
        (
            Gauge::new("node_filesystem_files_free", "Files it can still hold.", MOUNT),
            |disk| answered(disk, disk.inodes_free),
        ),
        (
            Gauge::new("node_filesystem_readonly", "1 when nothing can be written.", MOUNT),
            |disk| answered(disk, Some(disk.read_only.into())),
        ),
        (
            Gauge::new("node_filesystem_device_error", "1 when it cannot be asked.", MOUNT),
            |disk| Some(f64::from(u8::from(disk.problem.is_some()))),
        ),
    ],
    counters: &[],
};

const DEVICE: [&str; 1] = ["device"];

const TRAFFIC: Table<DiskIo, 1> = Table {
    labels: |disk| [&disk.device],
    gauges: &[(Gauge::new("node_disk_io_now", "Requests under way.", DEVICE), |disk| {
        detail(&disk.details, "in_flight")
    })],
    counters: &[
        (
            Counter::new("node_disk_reads_completed_total", "Reads completed.", DEVICE),
            |disk| Some(disk.reads as f64),
        ),
        (
            Counter::new("node_disk_reads_merged_total", "Reads merged with others.", DEVICE),
            |disk| detail(&disk.details, "reads_merged"),
        ),
        (Counter::new("node_disk_read_bytes_total", "Read.", DEVICE), |disk| {
            Some(disk.read_bytes as f64)
        }),
        (
            Counter::new("node_disk_read_time_seconds_total", "Time of all reads.", DEVICE),
            |disk| detail(&disk.details, "read_seconds"),
        ),
        (
            Counter::new("node_disk_writes_completed_total", "Writes completed.", DEVICE),
            |disk| Some(disk.writes as f64),
        ),
        (
            Counter::new("node_disk_writes_merged_total", "Writes merged with others.", DEVICE),
            |disk| detail(&disk.details, "writes_merged"),
        ),
        (
            Counter::new("node_disk_written_bytes_total", "Written.", DEVICE),
            |disk| Some(disk.written_bytes as f64),
        ),
        (
            Counter::new("node_disk_write_time_seconds_total", "Time of all writes.", DEVICE),
            |disk| detail(&disk.details, "write_seconds"),
        ),
        (
            Counter::new(
                "node_disk_io_time_seconds_total",
                "Time with a request under way.",
                DEVICE,
            ),
            |disk| Some(disk.io_seconds),
        ),
        (
            Counter::new(
                "node_disk_io_time_weighted_seconds_total",
                "Time with a request under way, times the requests.",
                DEVICE,
            ),
            |disk| Some(disk.weighted_io_seconds),
        ),
        (
            Counter::new("node_disk_discards_completed_total", "Discards completed.", DEVICE),
            |disk| detail(&disk.details, "discards"),
        ),
        (
            Counter::new(
                "node_disk_discards_merged_total",
                "Discards merged with others.",
                DEVICE,
            ),
            |disk| detail(&disk.details, "discards_merged"),
        ),
        (
            Counter::new("node_disk_discarded_sectors_total", "Sectors discarded.", DEVICE),
            |disk| detail(&disk.details, "discarded_sectors"),
        ),
        (
            Counter::new("node_disk_discard_time_seconds_total", "Time of all discards.", DEVICE),
            |disk| detail(&disk.details, "discard_seconds"),
        ),
        (
            Counter::new("node_disk_flush_requests_total", "Flushes completed.", DEVICE),
            |disk| detail(&disk.details, "flushes"),
        ),
        (
            Counter::new(
                "node_disk_flush_requests_time_seconds_total",
                "Time of all flushes.",
                DEVICE,
            ),
            |disk| detail(&disk.details, "flush_seconds"),
        ),
    ],
};

pub(crate) fn describe(about: &mut Description) {
    SPACE.describe(about);
    TRAFFIC.describe(about);
}

pub(crate) fn report(selection: &Selection<'_>, report: &mut Report) {
    SPACE.report(selection.node_disks.iter().copied(), report);
    TRAFFIC.report(selection.disk_io.iter().copied(), report);
}
