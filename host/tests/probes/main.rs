//! The `http` plugin in the real binary, against servers of this suite that misbehave on purpose: phases with known delays, each
//! way to fail beside healthy targets, and a secret that comes back in every disguise.
//!
//! Flows in: targets on loopback, a thread for each client. Flows out: what `once` and a running host say of them.
//!
//! Budget: 3 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "servers that misbehave sleep on real time, each client on a thread of its own"
)]

mod canary;
mod crowd;
mod misbehaving;
mod phases;
#[expect(dead_code, reason = "shared with a suite that looks at labels, too")]
mod said;
mod servers;
mod turns;

#[path = "../support"]
mod support {
    #![expect(dead_code, reason = "each suite uses a part of it")]
    pub(crate) mod certificates;
    pub(crate) mod host;
}
