//! What the host reports about itself, as one more reporter: its instruments, its process, its build.

use std::sync::{Arc, LazyLock};

use super::builtin::{head, sample};
use crate::{
    metric::{FamilyHead, MetricKind},
    outcome::{ReportedFamily, ReportedPoints},
};

/// Bounds for tick lateness: a millisecond is what a timer can do, 50 ms is the budget, a second is a host that is
/// overloaded.
pub(super) const LATENESS_BOUNDS: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0];

pub(super) static LATENESS: LazyLock<Arc<FamilyHead>> = LazyLock::new(|| {
    head(
        "bellwether_schedule_lateness_seconds",
        "seconds",
        "Time from a tick to the start of its run, waiting for a permit included.",
        MetricKind::Histogram,
        &[],
    )
});

/// `bellwether_build_info`.
pub(super) fn build_info(version: &str) -> ReportedFamily {
    let labels = ["version", "os", "architecture"];
    let values = [version, std::env::consts::OS, std::env::consts::ARCH].map(Arc::from);
    let head = head(
        "bellwether_build_info",
        "",
        "What this host is.",
        MetricKind::Info,
        &labels,
    );
    ReportedFamily {
        head: FamilyHead::clone(&head),
        points: ReportedPoints::Values(vec![sample(&values, 1.0)]),
    }
}

fn single(name: &str, unit: &str, help: &str, kind: MetricKind, value: f64) -> ReportedFamily {
    ReportedFamily {
        head: FamilyHead::clone(&head(name, unit, help, kind, &[])),
        points: ReportedPoints::Values(vec![sample(&[], value)]),
    }
}

/// The standard `process_…` families, as far as the system tells.
pub(super) fn process() -> Vec<ReportedFamily> {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let cpu = spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9;
    let help = "User and system CPU time spent.";
    let kind = MetricKind::Counter;
    let mut families = vec![single("process_cpu_seconds_total", "seconds", help, kind, cpu)];
    families.extend(details());
    families
}

#[cfg(target_os = "linux")]
fn details() -> Vec<ReportedFamily> {
    use MetricKind::Gauge;
    let Ok(process) = procfs::process::Process::myself() else {
        return Vec::new();
    };
    let mut families = Vec::new();
    if let Ok(stat) = process.stat() {
        let resident = (stat.rss * procfs::page_size()) as f64;
        families.extend([
            single(
                "process_resident_memory_bytes",
                "bytes",
                "Resident memory.",
                Gauge,
                resident,
            ),
            single(
                "process_virtual_memory_bytes",
                "bytes",
                "Virtual memory.",
                Gauge,
                stat.vsize as f64,
            ),
            single(
                "process_threads",
                "",
                "Operating-system threads.",
                Gauge,
                stat.num_threads as f64,
            ),
        ]);
        families.extend(BOOTED_AT.map(|booted| {
            let started = booted + stat.starttime as f64 / procfs::ticks_per_second() as f64;
            let help = "Start time since the Unix epoch.";
            single("process_start_time_seconds", "seconds", help, Gauge, started)
        }));
    }
    if let Ok(open) = process.fd_count() {
        families.push(single(
            "process_open_fds",
            "",
            "Open file descriptors.",
            Gauge,
            open as f64,
        ));
    }
    if let Ok(limits) = process.limits()
        && let procfs::process::LimitValue::Value(most) = limits.max_open_files.soft_limit
    {
        families.push(single(
            "process_max_fds",
            "",
            "Most file descriptors that may be open.",
            Gauge,
            most as f64,
        ));
    }
    families
}

#[cfg(not(target_os = "linux"))]
fn details() -> Vec<ReportedFamily> {
    Vec::new()
}

/// Read once: the kernel moves it when the clock is set, and a process does not start anew.
#[cfg(target_os = "linux")]
static BOOTED_AT: LazyLock<Option<f64>> = LazyLock::new(|| {
    use procfs::CurrentSI;
    Some(procfs::KernelStats::current().ok()?.btime as f64)
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_knows_its_own_cost() {
        let families = process();
        let value = |name: &str| {
            let family = families.iter().find(|family| family.head.name.as_str() == name)?;
            match &family.points {
                ReportedPoints::Values(samples) => Some(samples[0].value),
                _ => None,
            }
        };
        assert!(value("process_cpu_seconds_total").is_some_and(|cpu| cpu > 0.0));
        if cfg!(target_os = "linux") {
            assert!(value("process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6));
            assert!(value("process_open_fds").is_some_and(|open| open >= 3.0));
            assert!(value("process_start_time_seconds").is_some_and(|at| at > 1.6e9));
        }
    }
}
