//! Network interfaces.

use bellwether_sdk::{
    Description, Report,
    metric::{Counter, Gauge},
    system::Network,
};

use crate::{
    selection::Selection,
    table::{Table, detail},
};

const DEVICE: [&str; 1] = ["device"];

/// RFC 2863, as the kernel numbers it. An interface whose driver does not say (`lo`) is not up here.
const OPERATIONALLY_UP: f64 = 6.0;

const STATES: Table<Network, 1> = Table {
    labels: |network| [&network.device],
    gauges: &[
        (
            Gauge::new(
                "node_network_up",
                "1 when the driver says that the interface is up.",
                DEVICE,
            ),
            |network| {
                let state = detail(&network.details, "operstate")?;
                Some(f64::from(u8::from(state == OPERATIONALLY_UP)))
            },
        ),
        (
            Gauge::new("node_network_mtu_bytes", "Largest packet.", DEVICE),
            |network| Some(network.mtu as f64),
        ),
    ],
    counters: &[],
};

const TRAFFIC: Table<Network, 1> = Table {
    labels: |network| [&network.device],
    gauges: &[],
    counters: &[
        (
            Counter::new("node_network_receive_bytes_total", "Bytes received.", DEVICE),
            |network| Some(network.receive_bytes as f64),
        ),
        (
            Counter::new("node_network_receive_packets_total", "Packets received.", DEVICE),
            |network| Some(network.receive_packets as f64),
        ),
        (
            Counter::new("node_network_receive_errs_total", "Bad packets received.", DEVICE),
            |network| Some(network.receive_errors as f64),
        ),
        (
            Counter::new("node_network_receive_drop_total", "Good packets thrown away.", DEVICE),
            |network| network.receive_drops.map(|drops| drops as f64),
        ),
        (
            Counter::new(
                "node_network_receive_fifo_total",
                "Packets lost to a full buffer.",
                DEVICE,
            ),
            |network| detail(&network.details, "receive_fifo"),
        ),
        (
            Counter::new(
                "node_network_receive_frame_total",
                "Packets with a framing error.",
                DEVICE,
            ),
            |network| detail(&network.details, "receive_frame"),
        ),
        (
            Counter::new(
                "node_network_receive_compressed_total",
                "Compressed packets received.",
                DEVICE,
            ),
            |network| detail(&network.details, "receive_compressed"),
        ),
        (
            Counter::new(
                "node_network_receive_multicast_total",
                "Multicast packets received.",
                DEVICE,
            ),
            |network| detail(&network.details, "receive_multicast"),
        ),
        (
            Counter::new("node_network_transmit_bytes_total", "Bytes sent.", DEVICE),
            |network| Some(network.transmit_bytes as f64),
        ),
        (
            Counter::new("node_network_transmit_packets_total", "Packets sent.", DEVICE),
            |network| Some(network.transmit_packets as f64),
        ),
        (
            Counter::new(
                "node_network_transmit_errs_total",
                "Packets that could not be sent.",
                DEVICE,
            ),
            |network| Some(network.transmit_errors as f64),
        ),
        (
            Counter::new(
                "node_network_transmit_drop_total",
                "Packets thrown away unsent.",
                DEVICE,
            ),
            |network| network.transmit_drops.map(|drops| drops as f64),
        ),
        (
            Counter::new(
                "node_network_transmit_fifo_total",
                "Packets lost to a full buffer.",
                DEVICE,
            ),
            |network| detail(&network.details, "transmit_fifo"),
        ),
        (
            Counter::new("node_network_transmit_colls_total", "Collisions.", DEVICE),
            |network| detail(&network.details, "transmit_colls"),
        ),
        (
            Counter::new(
                "node_network_transmit_carrier_total",
                "Packets lost with the carrier.",
                DEVICE,
            ),
            |network| detail(&network.details, "transmit_carrier"),
        ),
        (
            Counter::new(
                "node_network_transmit_compressed_total",
                "Compressed packets sent.",
                DEVICE,
            ),
            |network| detail(&network.details, "transmit_compressed"),
        ),
    ],
};

pub(crate) fn describe(about: &mut Description) {
    STATES.describe(about);
    TRAFFIC.describe(about);
}

pub(crate) fn report(selection: &Selection<'_>, report: &mut Report) {
    STATES.report(selection.node_network_states.iter().copied(), report);
    TRAFFIC.report(selection.networks.iter().copied(), report);
}
