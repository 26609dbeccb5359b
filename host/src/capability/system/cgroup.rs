//! The memory limit of the control group the host runs in: version 2 or 1, its own or that of a group above. Linux only.

use std::path::{Path, PathBuf};

use super::Roots;

/// A limit and what is used of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemoryLimit {
    pub(super) limit_bytes: u64,
    pub(super) used_bytes: u64,
}

/// The files of one version.
struct Layout {
    limit: &'static str,
    used: &'static str,
    inactive_file: &'static str,
}

const V1: Layout = Layout {
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    inactive_file: "total_inactive_file ",
};

const V2: Layout = Layout {
    limit: "memory.max",
    used: "memory.current",
    inactive_file: "inactive_file ",
};

/// None: no limit, or no control groups.
pub(super) fn read(roots: &Roots) -> Option<MemoryLimit> {
    let membership = roots.proc_text("self/cgroup").ok()?;
    let (mount, path, layout) = place(roots, &membership)?;
    groups(&mount, path)
        .iter()
        .filter_map(|group| limit(group, &layout))
        .min_by_key(|limit| limit.limit_bytes)
}

/// Where the memory controller is mounted and which of its groups is ours.
fn place<'a>(roots: &Roots, membership: &'a str) -> Option<(PathBuf, &'a str, Layout)> {
    let groups = || {
        membership
            .lines()
            .filter_map(|line| line.split_once(':')?.1.split_once(':'))
    };
    let base = roots.sys.join("fs/cgroup");
    // While version 1 holds the memory controller, version 2 can only be mounted beside it, without memory.
    let first = groups().find(|(controllers, _)| controllers.split(',').any(|controller| controller == "memory"));
    match first {
        Some((_, path)) => Some((base.join("memory"), path, V1)),
        None => groups()
            .find(|(controllers, _)| controllers.is_empty())
            .map(|(_, path)| (base, path, V2)),
    }
}

/// Our group and all above it, down to the mount. In a container the path may be the outer one, of which only the mount is
/// there: groups that do not exist have no limit.
fn groups(mount: &Path, path: &str) -> Vec<PathBuf> {
    let below = Path::new(path.trim_start_matches('/'));
    below.ancestors().map(|ancestor| mount.join(ancestor)).collect()
}

fn limit(group: &Path, layout: &Layout) -> Option<MemoryLimit> {
    let number = |file: &str| -> Option<u64> { std::fs::read_to_string(group.join(file)).ok()?.trim().parse().ok() };
    // `max` does not parse and is no limit; version 1 writes a number close to 2^63, which the caller compares away.
    let limit_bytes = number(layout.limit)?;
    let reclaimable = inactive_file(group, layout).unwrap_or(0);
    Some(MemoryLimit {
        limit_bytes,
        used_bytes: number(layout.used)?.saturating_sub(reclaimable),
    })
}

fn inactive_file(group: &Path, layout: &Layout) -> Option<u64> {
    let stat = std::fs::read_to_string(group.join("memory.stat")).ok()?;
    stat.lines()
        .find_map(|line| line.strip_prefix(layout.inactive_file))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_is_read_where_it_holds_the_memory_controller() {
        let root = tempfile::tempdir().expect("a directory");
        let roots = Roots::under(root.path());
        roots.write("proc/self/cgroup", "4:cpu,memory:/box\n0::/\n");
        roots.write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "5000\n");
        roots.write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "4000\n");
        roots.write("sys/fs/cgroup/memory/box/memory.stat", "total_inactive_file 500\n");
        roots.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        roots.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "4000\n");
        assert_eq!(
            read(&roots),
            Some(MemoryLimit {
                limit_bytes: 5000,
                used_bytes: 3500
            })
        );
    }

    #[test]
    fn in_a_container_whose_outer_path_is_not_there_the_mount_itself_counts() {
        let root = tempfile::tempdir().expect("a directory");
        let roots = Roots::under(root.path());
        roots.write("proc/self/cgroup", "0::/kubepods/pod1\n");
        roots.write("sys/fs/cgroup/memory.max", "7000\n");
        roots.write("sys/fs/cgroup/memory.current", "1000\n");
        assert_eq!(
            read(&roots),
            Some(MemoryLimit {
                limit_bytes: 7000,
                used_bytes: 1000
            })
        );
    }

    #[test]
    fn no_control_group_is_no_limit() {
        let root = tempfile::tempdir().expect("a directory");
        assert_eq!(read(&Roots::under(root.path())), None);
    }
}
