//! `http`: requests to what a check was granted, measured by phase.
//!
//! Owns the egress policy, the client under it, and the limits of both. Flows in: what a guest asks, and what its check may
//! reach. Flows out: answers with phases and certificates, or failures with what was learnt until then; neither contains
//! the connection's credentials. The order of things, for every hop of every request:
//!
//! 1. `policy::url` parses the URL once, and nothing is built from anything else;
//! 2. `policy::grant` finds the connection that serves it;
//! 3. `capability::dial` resolves once, `capability::address` judges, and exactly that address is dialled;
//! 4. `capability::tls` verifies;
//! 5. `credentials` adds what is the connection's;
//! 6. `redirect` goes back to 1, without credentials across origins; `decode`, `scrub` and the cut, in this order, make
//!    the answer.
//!
//! There is no cookie jar, no ambient proxy, no cache.

mod announced;
mod body;
mod brotli;
mod credentials;
pub(crate) mod decode;
mod exchange;
mod explain;
#[cfg(test)]
pub(crate) mod fixtures;
mod members;
mod message;
mod policy;
mod pool;
mod redirect;
mod run;
mod scrub;
mod seats;
mod share;
mod trace;
mod wire;
mod wishes;

use std::sync::Arc;

pub use self::{
    message::{Error, Failure, Header, Phase, Phases, Request, Response, Version},
    run::{HttpRun, Timed},
};
use self::{pool::Pool, seats::Seats, share::Share, wire::Connector};
use super::{dial::Dialer, reach::Reach, tls::Trust};
use crate::{
    clock::{Clock, Instant},
    secret::Redactor,
    supervisor::Supervisor,
};

/// Requests of one run, hops of redirects included: two for each of 500 targets.
pub const REQUESTS_MAX: u32 = 1_000;
/// Requests of one run at the same time: a target each for half a second makes 500 targets in four.
pub const IN_FLIGHT_MAX: usize = 64;
/// Kept of one body, decompressed. The largest answers that a check reads are metrics and lists of a few hundred KiB.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Taken in by one run, as it comes (what is compressed more than once, see `body`) and as it is decompressed: half of the
/// memory that a plugin has.
pub const BODIES_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// What the client is made of.
#[derive(Clone, Debug)]
pub struct HttpTools {
    /// For phases and signatures.
    pub clock: Clock,
    /// Resolves and connects.
    pub dialer: Dialer,
    /// Roots of the system.
    pub trust: Trust,
    /// For the tasks that drive connections.
    pub supervisor: Supervisor,
    /// Knows the secrets of the configuration.
    pub redactor: Redactor,
    /// Most runs at once: each has some requests under way whatever the others do, see `share`.
    pub runs: usize,
}

/// The client of a host. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct HttpHost {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    connector: Connector,
    pool: Pool,
    redactor: Redactor,
    seats: Seats,
}

impl HttpHost {
    /// Without a connection yet.
    pub fn new(tools: HttpTools) -> Self {
        let connector = Connector {
            clock: tools.clock,
            dialer: tools.dialer,
            trust: tools.trust,
            supervisor: tools.supervisor,
        };
        Self {
            shared: Arc::new(Shared {
                connector,
                pool: Pool::default(),
                redactor: tools.redactor,
                seats: Seats::new(Share::among(tools.runs)),
            }),
        }
    }

    /// For one run of a check: from `calls_until` on, calls that are under way end as `timeout`, and later ones as `limit`.
    pub fn run(&self, check: Arc<str>, reach: Arc<Reach>, calls_until: Instant) -> HttpRun {
        HttpRun::new(Arc::clone(&self.shared), check, reach, calls_until)
    }
}

#[cfg(test)]
mod tests;
