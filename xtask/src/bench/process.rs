//! What a process costs, from `/proc`.

use std::{fs, time::Duration};

use anyhow::{Context, Result};

/// CPU time of a process, all threads, user and system, since it started. Counted in ticks of 10 ms.
pub(super) fn cpu(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process is gone")?;
    let ticks = ticks(&stat).context("/proc/PID/stat has an unknown shape")?;
    Ok(Duration::from_secs_f64(
        ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
    ))
}

/// User and system ticks: the 14th and 15th field, the second of which is a name in parentheses.
fn ticks(stat: &str) -> Option<u64> {
    let mut after_name = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = after_name.next()?.parse().ok()?;
    let system: u64 = after_name.next()?.parse().ok()?;
    Some(user + system)
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

/// Nanoseconds on a CPU of a single-threaded process that has ended and was not yet waited for.
pub(super) fn cpu_of_ended(pid: u32) -> Result<Duration> {
    let schedstat = fs::read_to_string(format!("/proc/{pid}/schedstat")).context("this kernel keeps no schedstat")?;
    let nanos = schedstat.split(' ').next().and_then(|word| word.parse().ok());
    Ok(Duration::from_nanos(
        nanos.context("/proc/PID/schedstat has an unknown shape")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 30 12 0 0 20 0 1 0 5 1 1";
        assert_eq!(ticks(stat), Some(42));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_memory_is_more_than_nothing() {
        assert!(resident(std::process::id()).unwrap() > 100_000);
    }
}
