//! Traffic of block devices.

use super::Roots;

/// One block device, partitions included; totals since boot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DiskIo {
    /// `vda`, `nvme0n1p1`, …
    pub device: String,
    /// Read from it.
    pub read_bytes: u64,
    /// Written to it.
    pub written_bytes: u64,
    /// Reads completed.
    pub reads: u64,
    /// Writes completed.
    pub writes: u64,
    /// Time in which at least one request was under way. 0 where the system does not say.
    pub io_seconds: f64,
    /// The same, times the requests under way. 0 where the system does not say.
    pub weighted_io_seconds: f64,
    /// What else the kernel counts; names in the contract.
    pub details: Vec<(String, f64)>,
}

/// The kernel counts in sectors of 512 bytes whatever the device's own are.
#[cfg(target_os = "linux")]
const SECTOR_BYTES: u64 = 512;

#[cfg(target_os = "linux")]
pub(super) fn read(roots: &Roots) -> Result<Vec<DiskIo>, String> {
    parse(&roots.proc_text("diskstats")?)
}

#[cfg(target_os = "linux")]
fn parse(text: &str) -> Result<Vec<DiskIo>, String> {
    let lines = text.lines().map(procfs::DiskStat::from_line);
    lines
        .map(|line| {
            line.map(|stat| of(&stat))
                .map_err(|problem| format!("diskstats: {problem}"))
        })
        .collect()
}

#[cfg(target_os = "linux")]
fn of(stat: &procfs::DiskStat) -> DiskIo {
    DiskIo {
        device: stat.name.clone(),
        read_bytes: stat.sectors_read * SECTOR_BYTES,
        written_bytes: stat.sectors_written * SECTOR_BYTES,
        reads: stat.reads,
        writes: stat.writes,
        io_seconds: seconds(stat.time_in_progress),
        weighted_io_seconds: seconds(stat.weighted_time_in_progress),
        details: details(stat),
    }
}

#[cfg(target_os = "linux")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1e3
}

/// Discards came with Linux 4.18 and flushes with 5.5: what an older kernel does not say is left out.
#[cfg(target_os = "linux")]
fn details(stat: &procfs::DiskStat) -> Vec<(String, f64)> {
    let count = |number: u64| number as f64;
    let all = [
        ("reads_merged", Some(count(stat.merged))),
        ("read_seconds", Some(seconds(stat.time_reading))),
        ("writes_merged", Some(count(stat.writes_merged))),
        ("write_seconds", Some(seconds(stat.time_writing))),
        ("in_flight", Some(count(stat.in_progress))),
        ("discards", stat.discards.map(count)),
        ("discards_merged", stat.discards_merged.map(count)),
        ("discarded_sectors", stat.sectors_discarded.map(count)),
        ("discard_seconds", stat.time_discarding.map(seconds)),
        ("flushes", stat.flushes.map(count)),
        ("flush_seconds", stat.time_flushing.map(seconds)),
    ];
    all.into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read(_roots: &Roots) -> Result<Vec<DiskIo>, String> {
    let kind = sysinfo::DiskRefreshKind::nothing().with_io_usage();
    let disks = sysinfo::Disks::new_with_refreshed_list_specifics(kind).map_err(|problem| problem.to_string())?;
    let mut read: Vec<DiskIo> = disks.iter().map(of).collect();
    // Several volumes of one device count together.
    read.sort_by(|a, b| a.device.cmp(&b.device));
    read.dedup_by(|a, b| a.device == b.device);
    Ok(read)
}

#[cfg(not(target_os = "linux"))]
fn of(disk: &sysinfo::Disk) -> DiskIo {
    let usage = disk.usage();
    DiskIo {
        device: disk.name().to_string_lossy().into_owned(),
        read_bytes: usage.total_read_bytes,
        written_bytes: usage.total_written_bytes,
        ..DiskIo::default()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn sectors_become_bytes_and_milliseconds_seconds() {
        let text = " 254       0 vda 46358 9378 3494914 32515 5385 37623 3482256 11274 2 11440 45736 4618 48 239472 1943 125 2\n";
        let read = parse(text).expect("a known form");
        let [vda] = read.as_slice() else {
            panic!("one device, not {read:?}")
        };
        assert_eq!((vda.device.as_str(), vda.reads, vda.writes), ("vda", 46_358, 5385));
        assert_eq!((vda.read_bytes, vda.written_bytes), (3_494_914 * 512, 3_482_256 * 512));
        assert_eq!((vda.io_seconds, vda.weighted_io_seconds), (11.44, 45.736));
        assert!(vda.details.contains(&("in_flight".into(), 2.0)));
        assert!(vda.details.contains(&("flush_seconds".into(), 0.002)));
    }

    #[test]
    fn an_older_kernel_has_no_discards_and_no_flushes() {
        let read = parse("8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n").expect("a known form");
        assert!(
            read.iter()
                .flat_map(|disk| &disk.details)
                .all(|(name, _)| !name.starts_with("discard"))
        );
    }
}
