//! Memory and swap, and the limit of the control group the host runs in.

use super::Roots;

/// Sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// What the kernel manages.
    pub total_bytes: u64,
    /// What could be had without swapping: the number to watch.
    pub available_bytes: u64,
    /// Used for nothing at all; low on a healthy machine.
    pub free_bytes: u64,
    /// Block device caches. 0 where the system does not say.
    pub buffers_bytes: u64,
    /// File caches. 0 where the system does not say.
    pub cached_bytes: u64,
    /// 0 without swap.
    pub swap_total_bytes: u64,
    /// Unused swap.
    pub swap_free_bytes: u64,
    /// The tightest limit of the host's control group and those above it, when one is below the machine's memory.
    pub cgroup_limit_bytes: Option<u64>,
    /// Used in the group that sets the limit, without inactive file pages, which can be dropped at once.
    pub cgroup_used_bytes: Option<u64>,
    /// What the kernel says, by its names; bytes, but pages for names that begin with `HugePages_`.
    pub details: Vec<(String, u64)>,
}

#[cfg(target_os = "linux")]
pub(super) fn read(roots: &Roots) -> Result<Memory, String> {
    let memory = of_details(parse(&roots.proc_text("meminfo")?));
    let group = super::cgroup::read(roots).filter(|group| group.limit_bytes < memory.total_bytes);
    Ok(Memory {
        cgroup_limit_bytes: group.map(|group| group.limit_bytes),
        cgroup_used_bytes: group.map(|group| group.used_bytes),
        ..memory
    })
}

/// Not by the `procfs` crate: it knows a fixed list of names, and ours is whatever the kernel writes.
#[cfg(target_os = "linux")]
fn parse(text: &str) -> Vec<(String, u64)> {
    text.lines().filter_map(parse_line).collect()
}

/// `MemTotal:  12345 kB` or `HugePages_Total:  0`.
#[cfg(target_os = "linux")]
fn parse_line(line: &str) -> Option<(String, u64)> {
    let (name, value) = line.split_once(':')?;
    let (number, factor) = match value.trim().split_once(' ') {
        Some((number, "kB")) => (number, 1024),
        Some(_) => return None,
        None => (value.trim(), 1),
    };
    Some((name.to_owned(), number.parse::<u64>().ok()?.saturating_mul(factor)))
}

#[cfg(target_os = "linux")]
fn of_details(details: Vec<(String, u64)>) -> Memory {
    let get = |wanted: &str| details.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
    let or_zero = |wanted: &str| get(wanted).unwrap_or(0);
    let (free, buffers, cached) = (or_zero("MemFree"), or_zero("Buffers"), or_zero("Cached"));
    Memory {
        total_bytes: or_zero("MemTotal"),
        // Kernels before 3.14 leave the estimate to the reader; this is the usual one.
        available_bytes: get("MemAvailable").unwrap_or(free + buffers + cached),
        free_bytes: free,
        buffers_bytes: buffers,
        cached_bytes: cached,
        swap_total_bytes: or_zero("SwapTotal"),
        swap_free_bytes: or_zero("SwapFree"),
        cgroup_limit_bytes: None,
        cgroup_used_bytes: None,
        details,
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read(_roots: &Roots) -> Result<Memory, String> {
    let mut system = sysinfo::System::new().map_err(|problem| problem.to_string())?;
    system.refresh_memory();
    Ok(Memory {
        total_bytes: system.total_memory(),
        available_bytes: system.available_memory(),
        free_bytes: system.free_memory(),
        swap_total_bytes: system.total_swap(),
        swap_free_bytes: system.free_swap(),
        ..Memory::default()
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    600 kB\nBuffers:          10 kB\n\
        Cached:          500 kB\nActive(anon):     20 kB\nSwapTotal:        50 kB\nSwapFree:         40 kB\nHugePages_Total:   3\n";

    #[test]
    fn every_line_is_kept_by_the_kernels_name_in_bytes() {
        let memory = of_details(parse(MEMINFO));
        assert_eq!(memory.total_bytes, 1000 * 1024);
        assert_eq!(memory.available_bytes, 600 * 1024);
        assert_eq!(memory.swap_free_bytes, 40 * 1024);
        assert!(memory.details.contains(&("Active(anon)".into(), 20 * 1024)));
        assert!(
            memory.details.contains(&("HugePages_Total".into(), 3)),
            "pages are not kilobytes"
        );
    }

    #[test]
    fn without_an_estimate_by_the_kernel_caches_count_as_available() {
        let text = MEMINFO.replace("MemAvailable:    600 kB\n", "");
        assert_eq!(of_details(parse(&text)).available_bytes, 610 * 1024);
    }

    #[test]
    fn a_limit_of_the_control_group_shows_when_it_is_below_the_machines_memory() {
        let root = tempfile::tempdir().expect("a directory");
        let roots = Roots::under(root.path());
        roots.write("proc/meminfo", MEMINFO);
        roots.write("proc/self/cgroup", "0::/a/b\n");
        roots.write("sys/fs/cgroup/a/memory.max", "204800\n");
        roots.write("sys/fs/cgroup/a/memory.current", "102400\n");
        roots.write("sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 2400\n");
        roots.write("sys/fs/cgroup/a/b/memory.max", "max\n");
        let memory = read(&roots).expect("readable");
        assert_eq!(
            (memory.cgroup_limit_bytes, memory.cgroup_used_bytes),
            (Some(204_800), Some(100_000))
        );
        roots.write("sys/fs/cgroup/a/memory.max", "2048000000\n");
        assert_eq!(read(&roots).expect("readable").cgroup_limit_bytes, None);
    }
}
