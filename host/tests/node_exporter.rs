//! The `node_exporter` names of the `system` plugin against Debian's `prometheus-node-exporter` on the same machine: same
//! families, types and label sets but for `check`, and every counter between a read of the other before and one after.
//!
//! Needs: node-exporter
//! Budget: 5 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it waits on real time and reads from a thread of its own"
)]

mod support {
    #![expect(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
    pub(crate) mod agreement;
    pub(crate) mod exposition;
    pub(crate) mod host;
}

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use support::{
    agreement::{Bracket, Terms, differences},
    exposition::{Family, parse},
    host::{PATIENCE, Place, Running, request},
};

/// What the plugin promises, in full.
const SUBSET: [&str; 57] = [
    "node_boot_time_seconds",
    "node_context_switches_total",
    "node_cpu_guest_seconds_total",
    "node_cpu_seconds_total",
    "node_disk_discard_time_seconds_total",
    "node_disk_discarded_sectors_total",
    "node_disk_discards_completed_total",
    "node_disk_discards_merged_total",
    "node_disk_flush_requests_time_seconds_total",
    "node_disk_flush_requests_total",
    "node_disk_io_now",
    "node_disk_io_time_seconds_total",
    "node_disk_io_time_weighted_seconds_total",
    "node_disk_read_bytes_total",
    "node_disk_read_time_seconds_total",
    "node_disk_reads_completed_total",
    "node_disk_reads_merged_total",
    "node_disk_write_time_seconds_total",
    "node_disk_writes_completed_total",
    "node_disk_writes_merged_total",
    "node_disk_written_bytes_total",
    "node_filefd_allocated",
    "node_filefd_maximum",
    "node_filesystem_*",
    "node_forks_total",
    "node_intr_total",
    "node_load1",
    "node_load15",
    "node_load5",
    "node_memory_*",
    "node_network_mtu_bytes",
    "node_network_receive_bytes_total",
    "node_network_receive_compressed_total",
    "node_network_receive_drop_total",
    "node_network_receive_errs_total",
    "node_network_receive_fifo_total",
    "node_network_receive_frame_total",
    "node_network_receive_multicast_total",
    "node_network_receive_packets_total",
    "node_network_transmit_bytes_total",
    "node_network_transmit_carrier_total",
    "node_network_transmit_colls_total",
    "node_network_transmit_compressed_total",
    "node_network_transmit_drop_total",
    "node_network_transmit_errs_total",
    "node_network_transmit_fifo_total",
    "node_network_transmit_packets_total",
    "node_network_up",
    "node_pressure_cpu_waiting_seconds_total",
    "node_pressure_io_stalled_seconds_total",
    "node_pressure_io_waiting_seconds_total",
    "node_pressure_memory_stalled_seconds_total",
    "node_pressure_memory_waiting_seconds_total",
    "node_procs_blocked",
    "node_procs_running",
    "node_time_seconds",
    "node_uname_info",
];

const TERMS: Terms<'_> = Terms {
    subset: &SUBSET,
    constant: &[
        "node_boot_time_seconds",
        "node_filefd_maximum",
        "node_filesystem_device_error",
        "node_filesystem_files",
        "node_filesystem_readonly",
        "node_filesystem_size_bytes",
        "node_memory_MemTotal_bytes",
        "node_memory_SwapTotal_bytes",
        "node_network_mtu_bytes",
        "node_network_up",
        "node_time_seconds",
        "node_uname_info",
    ],
    slow: &["node_filefd_allocated", "node_filesystem_*", "node_memory_*"],
    // Tests run beside this one, so gibibytes come and go; a wrong unit is off by a factor of 512 or more.
    slack: (0.5, 2e9),
};

/// The other's own defaults are Debian's; these are what both are asked to leave out.
const THEIR_FLAGS: [&str; 5] = [
    "--web.listen-address=127.0.0.1:0",
    "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
    "--collector.netdev.device-exclude=^lo$",
    "--no-collector.systemd",
    "--no-collector.timex",
];

const OUR_CHECK: &str = "[check.machine]\nplugin = \"system\"\nallow = [\"system\"]\ninterval = \"2s\"\n\
    settings.name_sets = [\"node_exporter\"]\n";

/// A read of the machine takes milliseconds here; the host gives up on parts of it after three seconds.
const LONGEST_READ_SECONDS: f64 = 3.5;

/// Killed when dropped.
struct NodeExporter {
    child: Child,
    address: SocketAddr,
}

impl Drop for NodeExporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl NodeExporter {
    fn start() -> Self {
        let mut command = Command::new("prometheus-node-exporter");
        command
            .args(THEIR_FLAGS)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .expect("Debian's prometheus-node-exporter: `cargo xtask setup --tests` brings it");
        let mut log = BufReader::new(child.stderr.take().expect("piped"))
            .lines()
            .map_while(Result::ok);
        let address = log.find_map(|line| address(&line)).expect("it says where it listens");
        // It must not wait for a reader of its log.
        std::thread::spawn(move || log.for_each(drop));
        Self { child, address }
    }

    fn read(&self) -> BTreeMap<String, Family> {
        let answer = request(self.address, "GET", "/metrics", &[]);
        assert_eq!(answer.status, 200, "{answer:?}");
        parse(&answer.body)
    }
}

/// `… msg="Listening on" address=127.0.0.1:9100`.
fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("msg=\"Listening on\" address=")?;
    rest.split_whitespace().next()?.parse().ok()
}

fn now(families: &BTreeMap<String, Family>) -> Option<f64> {
    families.get("node_time_seconds")?.series.values().next().copied()
}

/// Our families, read after `moment`, without the label that the host adds.
fn ours_after(host: &Running, moment: f64) -> BTreeMap<String, Family> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut families = parse(&host.get("/metrics").body);
        // The time is reported when everything was read; so far past the moment, the reading began after it too.
        if now(&families).is_some_and(|read_at| read_at > moment + LONGEST_READ_SECONDS) {
            families.values_mut().for_each(without_check);
            return families;
        }
        assert!(
            Instant::now() < deadline,
            "no fresh reading; there are {:?}",
            families.keys()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn without_check(family: &mut Family) {
    let series = std::mem::take(&mut family.series);
    family.series = series
        .into_iter()
        .map(|(mut labels, value)| {
            labels.remove("check");
            (labels, value)
        })
        .collect();
}

#[test]
fn names_types_labels_and_values_agree_with_node_exporter() {
    let other = NodeExporter::start();
    let place = Place::new(OUR_CHECK);
    let host = place.run();
    // Its first answer after the start may lack what it learns on the way.
    other.read();
    let before = other.read();
    let ours = ours_after(&host, now(&before).expect("node_exporter tells the time"));
    let after = other.read();
    let found = differences(
        &ours,
        Bracket {
            before: &before,
            after: &after,
        },
        &TERMS,
    );
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    let extra: Vec<&String> = ours
        .keys()
        .filter(|name| name.starts_with("node_") && !before.contains_key(*name))
        .collect();
    assert!(extra.is_empty(), "names that node_exporter does not have: {extra:?}");
}
