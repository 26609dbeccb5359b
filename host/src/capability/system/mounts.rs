//! The mount table, and asking one mount for its space.
//!
//! Flows in: the kernel's table, and a mount point. Flows out: mounts that can be seen and have a size, and that size. Asking may
//! never return: `disks` sees to that. File systems that hold nothing (`proc`, `cgroup`, …) or that mount something when looked
//! at (`autofs`) are left out of the table, and so never asked.

#[cfg(not(target_os = "linux"))]
use std::io;

use super::Roots;

/// A mount, as the mount table has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) device: String,
    pub(super) mount_point: String,
    pub(super) file_system: String,
    pub(super) read_only: bool,
}

/// What a mount answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) total_bytes: u64,
    pub(super) available_bytes: u64,
    pub(super) free_bytes: u64,
    pub(super) inodes: Option<u64>,
    pub(super) inodes_free: Option<u64>,
}

#[cfg(target_os = "linux")]
pub(super) use linux::{ask, mount_table};

#[cfg(target_os = "linux")]
mod linux {
    use std::{collections::BTreeSet, io};

    use super::{Mount, Roots, Space};

    /// They have no space to run out of, and asking `autofs` would mount what lies behind it.
    const NEVER_ASKED: [&str; 23] = [
        "autofs",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "efivarfs",
        "fusectl",
        "hugetlbfs",
        "mqueue",
        "nfsd",
        "nsfs",
        "proc",
        "pstore",
        "rootfs",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "smackfs",
        "sysfs",
        "tracefs",
    ];

    /// The machine's mounts rather than our own: a service manager may have made ours read-only. Where we may not look, our
    /// own it is.
    pub(in super::super) fn mount_table(roots: &Roots) -> Result<Vec<Mount>, String> {
        let text = roots
            .proc_text("1/mounts")
            .or_else(|_| roots.proc_text("self/mounts"))?;
        Ok(parse(&text))
    }

    /// Only the last mount of a mount point can be seen.
    fn parse(text: &str) -> Vec<Mount> {
        let mut seen = BTreeSet::new();
        let mut mounts: Vec<Mount> = text
            .lines()
            .rev()
            .filter_map(line)
            .filter(|mount| seen.insert(mount.mount_point.clone()))
            .collect();
        mounts.retain(|mount| !NEVER_ASKED.contains(&mount.file_system.as_str()));
        mounts.reverse();
        mounts
    }

    /// Not by the `procfs` crate: it leaves blanks in names as `\040`.
    fn line(line: &str) -> Option<Mount> {
        let mut words = line.split(' ');
        let mut word = || words.next().map(unescape);
        let (device, mount_point, file_system, options) = (word()?, word()?, word()?, word()?);
        let read_only = options.split(',').any(|option| option == "ro");
        Some(Mount {
            device,
            mount_point,
            file_system,
            read_only,
        })
    }

    /// Blanks, tabs, line breaks and backslashes stand as three octal digits.
    fn unescape(word: &str) -> String {
        let mut pieces = word.split('\\');
        let mut text = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let code = piece
                .get(..3)
                .and_then(|digits| u8::from_str_radix(digits, 8).ok())
                .filter(u8::is_ascii);
            match code {
                Some(code) => {
                    text.push(char::from(code));
                    text.push_str(&piece[3..]);
                }
                None => {
                    text.push('\\');
                    text.push_str(piece);
                }
            }
        }
        text
    }

    pub(in super::super) fn ask(mount: &Mount) -> io::Result<Space> {
        let answer = rustix::fs::statfs(mount.mount_point.as_str())?;
        let block = u64::try_from(answer.f_bsize).unwrap_or(0);
        Ok(Space {
            total_bytes: answer.f_blocks.saturating_mul(block),
            available_bytes: answer.f_bavail.saturating_mul(block),
            free_bytes: answer.f_bfree.saturating_mul(block),
            inodes: Some(answer.f_files),
            inodes_free: Some(answer.f_ffree),
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_mount_that_can_be_seen_counts_and_pseudo_file_systems_do_not() {
            let text = "proc /proc proc rw 0 0\n/dev/vda / ext4 rw,relatime 0 0\ntmpfs /dev/shm tmpfs rw 0 0\n\
                other /dev/shm tmpfs ro,size=1k 0 0\nserver:/a\\040b /mnt/a\\040b nfs4 rw 0 0\nauto /net autofs rw 0 0\n";
            let mounts = parse(text);
            let names: Vec<(&str, &str, bool)> = mounts
                .iter()
                .map(|mount| (mount.device.as_str(), mount.mount_point.as_str(), mount.read_only))
                .collect();
            assert_eq!(
                names,
                [
                    ("/dev/vda", "/", false),
                    ("other", "/dev/shm", true),
                    ("server:/a b", "/mnt/a b", false)
                ]
            );
        }

        #[test]
        fn a_stray_backslash_stays() {
            assert_eq!(unescape(r"a\134b\0\099"), r"a\b\0\099");
        }

        #[test]
        fn the_root_of_this_machine_answers() {
            let space = ask(&Mount {
                mount_point: "/".into(),
                ..Mount::default()
            })
            .expect("there is a root");
            assert!(space.total_bytes >= space.free_bytes && space.free_bytes >= space.available_bytes);
            assert!(space.total_bytes > 0);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn mount_table(_roots: &Roots) -> Result<Vec<Mount>, String> {
    let kind = sysinfo::DiskRefreshKind::nothing();
    let disks = sysinfo::Disks::new_with_refreshed_list_specifics(kind).map_err(|problem| problem.to_string())?;
    Ok(disks.iter().map(mount).collect())
}

#[cfg(not(target_os = "linux"))]
fn mount(disk: &sysinfo::Disk) -> Mount {
    Mount {
        device: disk.name().to_string_lossy().into_owned(),
        mount_point: disk.mount_point().to_string_lossy().into_owned(),
        file_system: disk.file_system().to_string_lossy().into_owned(),
        read_only: disk.is_read_only(),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn ask(mount: &Mount) -> io::Result<Space> {
    let answer = rustix::fs::statvfs(mount.mount_point.as_str())?;
    Ok(Space {
        total_bytes: answer.f_blocks.saturating_mul(answer.f_frsize),
        available_bytes: answer.f_bavail.saturating_mul(answer.f_frsize),
        free_bytes: answer.f_bfree.saturating_mul(answer.f_frsize),
        inodes: Some(answer.f_files),
        inodes_free: Some(answer.f_ffree),
    })
}
