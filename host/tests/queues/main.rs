//! The plugin `redis-queue` against real libraries: each enqueues and works as its users' programs do, says what must be there, and
//! `bellwether once CHECK --json` must report exactly that, as the user that the plugin's README names; and again with 100,000
//! jobs more in every state, which it must not read.
//!
//! What has no library here is put in by redis-cli. Sidekiq has a suite of its own, `queues_sidekiq`.
//!
//! Needs: redis-server, queue-libraries, node
//! Budget: 4 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes and compares what they wrote with the real time"
)]

mod agree;
mod by_hand;
#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/host.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod host;
mod libraries;
mod many;
mod redis;
mod said;
#[path = "../support/server.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod server;
mod ways;

use agree::{Once, agrees, place};
use libraries::Library;
use redis::Server;
use said::Expected;
use serde_json::json;

#[test]
fn celery_is_seen_as_it_is() {
    agrees(
        Library::Celery,
        "backend = \"celery\"\nqueues = [\"reservations\", \"slow\"]",
    );
}

#[test]
fn celery_queues_are_found() {
    agrees(Library::Celery, "backend = \"celery\"\nqueues = [\"*\"]");
}

#[test]
fn celery_messages_that_workers_hold_are_told_apart() {
    let server = Server::start();
    let mut running = Library::Celery.start(&server);
    let held = running.expected().in_flight[""];
    let settings = "backend = \"celery\"\nqueues = [\"slow\"]\ncelery.look_into_unacked = true";
    let expected = json!({
        "depths": [
            { "queue": "slow", "state": "active", "jobs": 1 },
            { "queue": "slow", "state": "delayed", "jobs": 1 },
        ],
        "in_flight": { "slow": held },
    });
    Once::of(&place(&server, settings)).agrees(&Expected::of(&expected));
}

#[test]
fn rq_is_seen_as_it_is() {
    agrees(Library::Rq, "backend = \"rq\"");
}

#[test]
fn arq_is_seen_as_it_is() {
    agrees(Library::Arq, "backend = \"arq\"");
}

#[test]
fn dramatiq_is_seen_as_it_is() {
    agrees(
        Library::Dramatiq,
        "backend = \"dramatiq\"\nqueues = [\"mail\", \"busy\"]",
    );
}

#[test]
fn bullmq_is_seen_as_it_is() {
    agrees(Library::Bullmq, "backend = \"bullmq\"");
}
