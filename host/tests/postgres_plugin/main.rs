//! The `postgres` plugin in the real binary, against a real server whose connections are used up, directly and behind
//! PgBouncer; transactions that are left open, a standby without a primary, queries of one's own, and a role that may not see everything.
//!
//! Flows in: a server with 17 connections for ordinary roles, and `psql` holding them. Flows out: what `once` and a running host
//! say of it.
//!
//! Needs: postgres, pgbouncer
//! Budget: 4 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it waits on real time and reads from a thread of its own"
)]

mod direct;
mod pooled;
#[path = "../probes/said.rs"]
#[expect(dead_code, reason = "shared with a suite that asks more of it")]
mod said;
mod sessions;
mod standby;
#[path = "../postgres_server/started.rs"]
#[expect(dead_code, reason = "shared with a suite that asks the server itself")]
mod started;

#[path = "../support"]
mod support {
    #![expect(dead_code, reason = "each suite uses a part of it")]
    pub(crate) mod certificates;
    pub(crate) mod database;
    pub(crate) mod host;
    pub(crate) mod server;
}

use std::time::Instant;

use said::Said;
use support::host::{PATIENCE, Place};

/// What ordinary roles may have of the server's 20 connections.
const AVAILABLE: usize = 17;

/// A check on the server at a port, with more settings.
fn check(name: &str, port: u16, more: &str) -> String {
    format!(
        "[connection.{name}]\nurl = \"postgres://127.0.0.1:{port}/postgres\"\nuser = \"monitor\"\n\
         password = \"${{secret:DATABASE_PASSWORD}}\"\n\
         [check.{name}]\nplugin = \"postgres\"\nconnection = \"{name}\"\ninterval = \"1s\"\ntimeout = \"1s\"\nprefix = \"shop_\"\n\
         settings.name_sets = [\"canonical\", \"pool\"]\n{more}"
    )
}

fn knows(command: &mut std::process::Command) {
    command.env("DATABASE_PASSWORD", started::PASSWORD);
}

fn once(place: &Place, check: &str) -> Said {
    let finished = place.finish_with(&["once", check, "--json"], knows);
    assert!(!format!("{finished:?}").contains(started::PASSWORD), "{finished:?}");
    Said::of(&finished)
}

/// `used / max`, as rules divide them.
fn used_and_max(said: &Said) -> (Option<f64>, Option<f64>) {
    (
        said.sample("shop_database_connections_used", &[]),
        said.sample("shop_database_connections_max", &[]),
    )
}

/// Until a run says it, such as that sessions are gone, which a server notices a moment later.
fn until(place: &Place, check: &str, enough: impl Fn(&Said) -> bool) -> Said {
    let began = Instant::now();
    loop {
        let said = once(place, check);
        if enough(&said) {
            return said;
        }
        assert!(began.elapsed() < PATIENCE, "it never got there: {}", said.text());
    }
}
