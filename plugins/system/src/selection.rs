//! What of a snapshot is reported.

use bellwether_sdk::system::{Disk, DiskIo, Memory, Network, Snapshot};

use crate::{
    pattern::{fits, fits_path},
    settings::Exclude,
};

/// File systems without a capacity of their own, and those that are always full.
const FILE_SYSTEMS: [&str; 25] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
];

/// Places of the system's own, and of containers, which come and go.
const MOUNT_POINTS: [&str; 6] = [
    "/dev",
    "/proc",
    "/run/credentials/*",
    "/sys",
    "/var/lib/docker/*",
    "/var/lib/containers/storage/*",
];

/// Memory and loop devices, and partitions: their disk counts the same traffic.
const DEVICES: [&str; 8] = [
    "ram[0-9]*",
    "loop[0-9]*",
    "fd[0-9]*",
    "hd[a-z][0-9]*",
    "sd[a-z][0-9]*",
    "vd[a-z][0-9]*",
    "xvd[a-z][0-9]*",
    "nvme[0-9]*n[0-9]*p[0-9]*",
];

/// What a machine says to itself.
const INTERFACES: [&str; 1] = ["lo"];

/// A snapshot without what is excluded.
#[derive(Debug)]
pub(crate) struct Selection<'s> {
    pub(crate) snapshot: &'s Snapshot,
    /// The root is among them whatever its type, unless the settings say otherwise: in a container it is `overlay`.
    pub(crate) disks: Vec<&'s Disk>,
    /// As node_exporter chooses: without the exception for the root.
    pub(crate) node_disks: Vec<&'s Disk>,
    pub(crate) disk_io: Vec<&'s DiskIo>,
    pub(crate) networks: Vec<&'s Network>,
    /// As node_exporter chooses for the state of interfaces, where `lo` is left out only when the settings say so.
    pub(crate) node_network_states: Vec<&'s Network>,
}

impl<'s> Selection<'s> {
    pub(crate) fn new(snapshot: &'s Snapshot, exclude: &Exclude) -> Self {
        let file_systems = list(&exclude.file_systems, &FILE_SYSTEMS);
        let mount_points = list(&exclude.mount_points, &MOUNT_POINTS);
        let excluded = |disk: &Disk| {
            file_systems.iter().any(|pattern| fits(pattern, &disk.file_system))
                || mount_points.iter().any(|pattern| fits_path(pattern, &disk.mount_point))
        };
        let default_root = |disk: &Disk| disk.mount_point == "/" && exclude.file_systems.is_none();
        let devices = list(&exclude.devices, &DEVICES);
        let interfaces = list(&exclude.interfaces, &INTERFACES);
        let named_interfaces = list(&exclude.interfaces, &[]);
        Self {
            snapshot,
            disks: snapshot
                .disks
                .iter()
                .filter(|disk| default_root(disk) || !excluded(disk))
                .collect(),
            node_disks: snapshot.disks.iter().filter(|disk| !excluded(disk)).collect(),
            disk_io: without(&snapshot.disk_io, &devices, |disk| &disk.device),
            networks: without(&snapshot.networks, &interfaces, |network| &network.device),
            node_network_states: without(&snapshot.networks, &named_interfaces, |network| &network.device),
        }
    }

    /// Those that have a size and can fill up.
    pub(crate) fn writable_disks(&self) -> impl Iterator<Item = &'s Disk> {
        self.disks
            .iter()
            .copied()
            .filter(|disk| !disk.read_only && disk_usage(disk).is_some())
    }
}

fn list<'l>(said: &'l Option<Vec<String>>, default: &[&'l str]) -> Vec<&'l str> {
    match said {
        Some(patterns) => patterns.iter().map(String::as_str).collect(),
        None => default.to_vec(),
    }
}

fn without<'t, T>(things: &'t [T], patterns: &[&str], name: fn(&T) -> &str) -> Vec<&'t T> {
    things
        .iter()
        .filter(|thing| !patterns.iter().any(|pattern| fits(pattern, name(thing))))
        .collect()
}

/// As `df` has it: of what an ordinary user could ever use. None for one without a size, or that did not answer.
pub(crate) fn disk_usage(disk: &Disk) -> Option<f64> {
    let used = disk.total_bytes.saturating_sub(disk.free_bytes);
    let usable = used + disk.available_bytes;
    (usable > 0).then(|| used as f64 / usable as f64)
}

/// What could not be had without swapping.
pub(crate) fn memory_usage(memory: &Memory) -> Option<f64> {
    let total = memory.total_bytes;
    (total > 0).then(|| 1.0 - memory.available_bytes.min(total) as f64 / total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(mount_point: &str, file_system: &str) -> Disk {
        Disk {
            mount_point: mount_point.into(),
            file_system: file_system.into(),
            ..Disk::default()
        }
    }

    fn mount_points<'d>(disks: &[&'d Disk]) -> Vec<&'d str> {
        disks.iter().map(|disk| disk.mount_point.as_str()).collect()
    }

    #[test]
    fn the_root_is_reported_whatever_it_is_unless_the_settings_say_otherwise() {
        let disks = vec![
            disk("/", "overlay"),
            disk("/data", "ext4"),
            disk("/dev/shm", "tmpfs"),
            disk("/x", "squashfs"),
        ];
        let snapshot = Snapshot {
            disks,
            ..Snapshot::default()
        };
        let selection = Selection::new(&snapshot, &Exclude::default());
        assert_eq!(mount_points(&selection.disks), ["/", "/data"]);
        assert_eq!(mount_points(&selection.node_disks), ["/data"]);
        let exclude = Exclude {
            file_systems: Some(vec!["overlay".into()]),
            ..Exclude::default()
        };
        assert_eq!(
            mount_points(&Selection::new(&snapshot, &exclude).disks),
            ["/data", "/x"]
        );
    }

    #[test]
    fn partitions_and_the_loopback_are_left_out() {
        let io = |device: &str| DiskIo {
            device: device.into(),
            ..DiskIo::default()
        };
        let network = |device: &str| Network {
            device: device.into(),
            ..Network::default()
        };
        let snapshot = Snapshot {
            disk_io: ["sda", "sda1", "nvme0n1", "nvme0n1p1", "loop7", "dm-0"].map(io).into(),
            networks: ["eth0", "lo"].map(network).into(),
            ..Snapshot::default()
        };
        let selection = Selection::new(&snapshot, &Exclude::default());
        let devices: Vec<&str> = selection.disk_io.iter().map(|disk| disk.device.as_str()).collect();
        assert_eq!(devices, ["sda", "nvme0n1", "dm-0"]);
        assert_eq!((selection.networks.len(), selection.node_network_states.len()), (1, 2));
    }

    #[test]
    fn usage_of_a_disk_is_what_df_says() {
        let sizes = Disk {
            total_bytes: 100,
            free_bytes: 60,
            available_bytes: 40,
            ..Disk::default()
        };
        assert_eq!(disk_usage(&sizes), Some(0.5));
        assert_eq!(disk_usage(&Disk::default()), None);
    }
}
