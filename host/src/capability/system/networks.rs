//! Network interfaces.

use super::Roots;

/// One interface; totals since it came up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// `eth0`, `lo`, …
    pub device: String,
    /// Can carry traffic: operationally up, or with a carrier where the driver does not say (`lo`, `wg0`, `tun0`).
    pub up: bool,
    /// Largest packet, in bytes.
    pub mtu: u64,
    /// Bytes received.
    pub receive_bytes: u64,
    /// Bytes sent.
    pub transmit_bytes: u64,
    /// Packets received.
    pub receive_packets: u64,
    /// Packets sent.
    pub transmit_packets: u64,
    /// Bad packets received.
    pub receive_errors: u64,
    /// Packets that could not be sent.
    pub transmit_errors: u64,
    /// Good packets thrown away. None where the system does not say.
    pub receive_drops: Option<u64>,
    /// Packets thrown away before they were sent. None where the system does not say.
    pub transmit_drops: Option<u64>,
    /// What else the kernel counts; names in the contract.
    pub details: Vec<(String, f64)>,
}

#[cfg(target_os = "linux")]
pub(super) use linux::read;

#[cfg(target_os = "linux")]
mod linux {
    use std::path::Path;

    use procfs::{
        FromBufRead,
        net::{DeviceStatus, InterfaceDeviceStatus},
    };

    use super::{Network, Roots};

    /// Words of `operstate` and their numbers, RFC 2863 as the kernel numbers it.
    const OPERATIONAL_STATES: [&str; 7] = [
        "unknown",
        "notpresent",
        "down",
        "lowerlayerdown",
        "testing",
        "dormant",
        "up",
    ];

    const UNKNOWN: usize = 0;
    const UP: usize = 6;

    pub(in super::super) fn read(roots: &Roots) -> Result<Vec<Network>, String> {
        // `self`: the interfaces of the network namespace the host is in.
        let text = roots.proc_text("self/net/dev")?;
        let counted =
            InterfaceDeviceStatus::from_buf_read(text.as_bytes()).map_err(|problem| format!("net/dev: {problem}"))?;
        let mut devices: Vec<DeviceStatus> = counted.0.into_values().collect();
        devices.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(devices
            .iter()
            .map(|device| of(device, &roots.sys.join("class/net").join(&device.name)))
            .collect())
    }

    fn of(device: &DeviceStatus, attributes: &Path) -> Network {
        let state = operational_state(attributes);
        Network {
            device: device.name.clone(),
            up: state == UP || (state == UNKNOWN && has_carrier(attributes)),
            mtu: attribute(attributes, "mtu")
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            receive_bytes: device.recv_bytes,
            transmit_bytes: device.sent_bytes,
            receive_packets: device.recv_packets,
            transmit_packets: device.sent_packets,
            receive_errors: device.recv_errs,
            transmit_errors: device.sent_errs,
            receive_drops: Some(device.recv_drop),
            transmit_drops: Some(device.sent_drop),
            details: details(device, state),
        }
    }

    fn attribute(attributes: &Path, name: &str) -> Option<String> {
        Some(std::fs::read_to_string(attributes.join(name)).ok()?.trim().to_owned())
    }

    fn operational_state(attributes: &Path) -> usize {
        let word = attribute(attributes, "operstate");
        let number = word.and_then(|word| OPERATIONAL_STATES.iter().position(|state| *state == word));
        number.unwrap_or(UNKNOWN)
    }

    /// The file cannot be read while the interface is down.
    fn has_carrier(attributes: &Path) -> bool {
        attribute(attributes, "carrier").as_deref() == Some("1")
    }

    fn details(device: &DeviceStatus, state: usize) -> Vec<(String, f64)> {
        let all = [
            ("operstate", state as u64),
            ("receive_fifo", device.recv_fifo),
            ("receive_frame", device.recv_frame),
            ("receive_compressed", device.recv_compressed),
            ("receive_multicast", device.recv_multicast),
            ("transmit_fifo", device.sent_fifo),
            ("transmit_colls", device.sent_colls),
            ("transmit_carrier", device.sent_carrier),
            ("transmit_compressed", device.sent_compressed),
        ];
        all.into_iter()
            .map(|(name, value)| (name.to_owned(), value as f64))
            .collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        const DEV: &str = "Inter-|   Receive                                                |  Transmit\n \
            face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
            lo:   63312      69    0    0    0     0          0         0    63312      69    0    0    0     0       0          0\n  \
            eth0: 1000 10 1 2 3 4 5 6 2000 20 7 8 9 10 11 12\n";

        fn machine() -> (tempfile::TempDir, Roots) {
            let root = tempfile::tempdir().expect("a directory");
            let roots = Roots::under(root.path());
            roots.write("proc/self/net/dev", DEV);
            roots.write("sys/class/net/eth0/operstate", "up\n");
            roots.write("sys/class/net/eth0/mtu", "1400\n");
            roots.write("sys/class/net/lo/operstate", "unknown\n");
            roots.write("sys/class/net/lo/carrier", "1\n");
            (root, roots)
        }

        #[test]
        fn interfaces_come_sorted_with_their_counters() {
            let (_root, roots) = machine();
            let networks = read(&roots).expect("readable");
            assert_eq!(
                networks
                    .iter()
                    .map(|network| network.device.as_str())
                    .collect::<Vec<_>>(),
                ["eth0", "lo"]
            );
            let eth0 = &networks[0];
            assert_eq!((eth0.receive_bytes, eth0.transmit_bytes, eth0.mtu), (1000, 2000, 1400));
            assert_eq!((eth0.receive_drops, eth0.transmit_drops), (Some(2), Some(8)));
            assert!(eth0.details.contains(&("operstate".into(), 6.0)));
            assert!(eth0.details.contains(&("transmit_carrier".into(), 11.0)));
        }

        #[test]
        fn an_interface_whose_driver_does_not_say_is_up_while_it_has_a_carrier() {
            let (_root, roots) = machine();
            let up = |roots: &Roots| {
                read(roots)
                    .expect("readable")
                    .iter()
                    .any(|network| network.device == "lo" && network.up)
            };
            assert!(up(&roots));
            roots.write("sys/class/net/lo/carrier", "0\n");
            assert!(!up(&roots));
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read(_roots: &Roots) -> Result<Vec<Network>, String> {
    let networks = sysinfo::Networks::new_with_refreshed_list().map_err(|problem| problem.to_string())?;
    let mut read: Vec<Network> = networks
        .iter()
        .map(|(device, data)| of(&device.to_string_lossy(), data))
        .collect();
    read.sort_by(|a, b| a.device.cmp(&b.device));
    Ok(read)
}

#[cfg(not(target_os = "linux"))]
fn of(device: &str, data: &sysinfo::NetworkData) -> Network {
    Network {
        device: device.to_owned(),
        up: matches!(data.operational_state(), sysinfo::InterfaceOperationalState::Up),
        mtu: data.mtu(),
        receive_bytes: data.total_received(),
        transmit_bytes: data.total_transmitted(),
        receive_packets: data.total_packets_received(),
        transmit_packets: data.total_packets_transmitted(),
        receive_errors: data.total_errors_on_received(),
        transmit_errors: data.total_errors_on_transmitted(),
        ..Network::default()
    }
}
