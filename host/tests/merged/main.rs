//! What other exporters serve, merged by the `prometheus` plugin of a running host: every family, type, label and value of
//! Debian's `prometheus-node-exporter`, and of a server made with Python's `prometheus_client` that has every type there is.
//!
//! Flows in: a direct scrape of theirs, and `/metrics` of ours. Flows out: in what they differ.
//!
//! Needs: node-exporter, python
//! Budget: 3 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it waits on real time and reads from a thread of its own"
)]

mod client;
mod node;
#[path = "../oracles/parsers.rs"]
#[expect(dead_code, reason = "shared with a suite that asks more of it")]
mod parsers;
mod targets;
#[path = "../oracles/tools.rs"]
#[expect(dead_code, reason = "shared with a suite that runs more programs")]
mod tools;

#[path = "../support"]
mod support {
    #![expect(dead_code, unreachable_pub, reason = "each suite uses a part of it")]
    pub(crate) mod agreement;
    pub(crate) mod exposition;
    pub(crate) mod host;
    pub(crate) mod server;
}

use std::net::SocketAddr;

/// One check on one exporter.
fn check(name: &str, url: &str) -> String {
    format!("[check.{name}]\nplugin = \"prometheus\"\ninterval = \"1s\"\nsettings.url = \"{url}\"\n")
}

/// On loopback.
fn at(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}
