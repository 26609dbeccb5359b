//! The capability `postgres` against a real server, directly and behind PgBouncer in transaction mode: SCRAM, TLS, text
//! form, limits, time limits on both sides, and what a read-only transaction keeps out.
//!
//! Needs: postgres, pgbouncer
//! Budget: 10 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it reads what they say from threads of its own"
)]

#[path = "../support"]
mod support {
    pub(crate) mod certificates;
    pub(crate) mod database;
    pub(crate) mod server;
}

mod limits;
mod login;
mod pooler;
mod started;
mod statements;
