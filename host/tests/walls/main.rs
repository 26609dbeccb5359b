//! Walls: one test per trick by which a plugin could reach what it was not granted, or learn what it is not told. A real
//! guest asks, each time through both of its doors, the contract's client and WASI's; real servers on loopback hear, or
//! do not.
//!
//! Flows in: what a guest may try, in tables. Flows out: what became of it, and that nobody heard of it. PostgreSQL and Redis
//! have their own in `postgres_server` and `redis_server`.
//!
//! Budget: 5 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "servers that misbehave sleep on real time, each client on a thread of its own"
)]

mod addresses;
mod grants;
mod headers;
mod phases;
mod redirects;
mod told;
mod world;

#[expect(dead_code, reason = "shared with the suite of all guests")]
#[path = "../support/bench.rs"]
mod bench;
#[expect(dead_code, reason = "shared with the suite of all guests")]
#[path = "../support/guests.rs"]
mod guests;
#[path = "../probes/servers.rs"]
mod servers;

#[path = "../support"]
mod support {
    pub(crate) mod certificates;
}
