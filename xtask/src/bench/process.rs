//! What a process costs, from `/proc`.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// CPU time of the threads that a process has now, since each began, in nanoseconds as the scheduler counts them: the ticks of
/// 10 ms in `/proc/PID/stat` are sampled, and what wakes up by a timer as often as they do is seldom seen or always.
///
/// A host's threads live as long as it does; what an ended one used is not in it.
pub(super) fn cpu(pid: u32) -> Result<Duration> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).context("the process is gone")?;
    let mut sum = Duration::ZERO;
    for thread in threads {
        // One that ended just now.
        let Ok(schedstat) = fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        sum += on_cpu(&schedstat)?;
    }
    Ok(sum)
}

/// Resident memory in bytes.
pub(super) fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("the process is gone")?;
    let kib = status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .trim()
            .strip_suffix("kB")?
            .trim()
            .parse()
            .ok()
    });
    let kib: u64 = kib.context("/proc/PID/status has no VmRSS")?;
    Ok(kib * 1024)
}

/// Asks a process to read its configuration again: SIGHUP, as the host and Prometheus take it.
pub(super) fn hang_up(pid: u32) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(pid.context("a process without an id")?, Signal::HUP).context("the process is gone")
}

/// CPU time of a single-threaded process that has ended and was not yet waited for.
pub(super) fn cpu_of_ended(pid: u32) -> Result<Duration> {
    on_cpu(&fs::read_to_string(format!("/proc/{pid}/schedstat")).context("this kernel keeps no schedstat")?)
}

/// The first number: nanoseconds on a CPU.
fn on_cpu(schedstat: &str) -> Result<Duration> {
    let nanos = schedstat.split(' ').next().and_then(|word| word.parse().ok());
    Ok(Duration::from_nanos(
        nanos.context("/proc/PID/schedstat has an unknown shape")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_of_schedstat_is_time_on_a_cpu() {
        assert_eq!(on_cpu("1500 20 3\n").unwrap(), Duration::from_nanos(1500));
        assert!(on_cpu("").is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_time_grows_while_we_compute() {
        let (before, began) = (cpu(std::process::id()).unwrap(), std::time::Instant::now());
        let (mut sum, mut after) = (0_u64, before);
        // Threads of other tests end meanwhile, and what they used is gone with them.
        while after <= before && began.elapsed() < Duration::from_secs(30) {
            sum = (0..10_000).fold(sum, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
            after = cpu(std::process::id()).unwrap();
        }
        assert!(after > before, "{sum}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_memory_is_more_than_nothing() {
        assert!(resident(std::process::id()).unwrap() > 100_000);
    }
}
