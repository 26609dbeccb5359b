//! Network interfaces.

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge},
    system::Network,
};

use crate::{selection::Selection, table::Table};

const DEVICE: [&str; 1] = ["device"];

const INTERFACES: Table<Network, 1> = Table {
    labels: |network| [&network.device],
    gauges: &[
        (
            Gauge::new("system_network_up", "1 when the interface can carry traffic.", DEVICE),
            |network| Some(f64::from(u8::from(network.up))),
        ),
        (
            Gauge::new("system_network_mtu_bytes", "Largest packet.", DEVICE),
            |network| Some(network.mtu as f64),
        ),
    ],
    counters: &[
        (
            Counter::new("system_network_receive_bytes_total", "Bytes received.", DEVICE),
            |network| Some(network.receive_bytes as f64),
        ),
        (
            Counter::new("system_network_transmit_bytes_total", "Bytes sent.", DEVICE),
            |network| Some(network.transmit_bytes as f64),
        ),
        (
            Counter::new("system_network_receive_packets_total", "Packets received.", DEVICE),
            |network| Some(network.receive_packets as f64),
        ),
        (
            Counter::new("system_network_transmit_packets_total", "Packets sent.", DEVICE),
            |network| Some(network.transmit_packets as f64),
        ),
        (
            Counter::new("system_network_receive_errors_total", "Bad packets received.", DEVICE),
            |network| Some(network.receive_errors as f64),
        ),
        (
            Counter::new(
                "system_network_transmit_errors_total",
                "Packets that could not be sent.",
                DEVICE,
            ),
            |network| Some(network.transmit_errors as f64),
        ),
        (
            Counter::new(
                "system_network_receive_drops_total",
                "Good packets thrown away.",
                DEVICE,
            ),
            |network| network.receive_drops.map(|drops| drops as f64),
        ),
        (
            Counter::new(
                "system_network_transmit_drops_total",
                "Packets thrown away unsent.",
                DEVICE,
            ),
            |network| network.transmit_drops.map(|drops| drops as f64),
        ),
    ],
};

pub(crate) fn describe(about: &mut Description) {
    INTERFACES.describe(about);
}

pub(crate) fn report(selection: &Selection<'_>, report: &mut Report) {
    INTERFACES.report(selection.networks.iter().copied(), report);
}
