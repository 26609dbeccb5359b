//! The plugin `redis-queue` against a real Sidekiq, as Debian 12 has it.
//!
//! Needs: redis-server, sidekiq
//! Budget: 2 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes and compares what they wrote with the real time"
)]

#[path = "../queues/agree.rs"]
mod agree;
#[path = "../support/host.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod host;
#[path = "../queues/libraries.rs"]
#[expect(dead_code, reason = "another suite uses the rest")]
mod libraries;
#[path = "../queues/many.rs"]
mod many;
#[path = "../queues/redis.rs"]
mod redis;
#[path = "../queues/said.rs"]
mod said;
#[path = "../support/server.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod server;

#[test]
fn sidekiq_is_seen_as_it_is() {
    agree::agrees(libraries::Library::Sidekiq, "backend = \"sidekiq\"");
}
