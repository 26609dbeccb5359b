//! The plugin `redis-queue` against real libraries: each enqueues and works as its users' programs do, says what must be there, and
//! `bellwether once CHECK --json` must report exactly that.
//!
//! Streams, and 100,000 jobs, are put in by redis-cli.
//!
//! Needs: redis-server, queue-libraries, node
//! Budget: 8 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes and compares what they wrote with the real time"
)]

#[path = "../support/host.rs"]
#[expect(dead_code, reason = "each test file uses a part of it")]
mod host;
mod agree;
mod libraries;
mod redis;
mod said;

use agree::{TOLERANCE, agrees, now, once, place};
use host::Place;
use libraries::Library;
use redis::Server;
use said::Reported;

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
    let expected = running.expected();
    let settings = "backend = \"celery\"\nqueues = [\"slow\"]\ncelery.look_into_unacked = true";
    let (reported, before, after) = once(&place(&server, settings));
    let slow = ("queue", "slow");
    assert_eq!(reported.value("queue_depth", &[slow, ("state", "active")]), Some(1.0));
    assert_eq!(reported.value("queue_depth", &[slow, ("state", "delayed")]), Some(1.0));
    let taken = expected.in_flight[""];
    let age = reported
        .value("queue_oldest_inflight_age_seconds", &[slow])
        .unwrap_or(f64::NAN);
    assert!(
        age >= before - taken - TOLERANCE && age <= after - taken + TOLERANCE,
        "{age}"
    );
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

#[test]
fn groups_of_streams_are_seen_as_they_are() {
    let server = Server::start();
    for job in 0..5 {
        server.cli(&[
            "XADD",
            "events",
            &format!("{}-{job}", ((now() - 60.0) * 1e3) as u64),
            "k",
            "v",
        ]);
    }
    server.cli(&["XGROUP", "CREATE", "events", "mailers", "0"]);
    server.cli(&[
        "XREADGROUP",
        "GROUP",
        "mailers",
        "c1",
        "COUNT",
        "2",
        "STREAMS",
        "events",
        ">",
    ]);
    let (reported, ..) = once(&place(&server, "backend = \"streams\"\nqueues = [\"events\"]"));
    let queue = ("queue", "events/mailers");
    assert_eq!(reported.value("queue_depth", &[queue, ("state", "waiting")]), Some(3.0));
    assert_eq!(reported.value("queue_depth", &[queue, ("state", "active")]), Some(2.0));
    let age = reported.value("queue_oldest_age_seconds", &[queue]).unwrap_or(f64::NAN);
    assert!((60.0..120.0).contains(&age), "{age}");
}

#[test]
fn a_hundred_thousand_jobs_are_counted_exactly() {
    let server = Server::start();
    let oldest = (now() - 600.0).floor();
    let fill = format!(
        "for i=1,100000 do redis.call('LPUSH','queue:mail','{{\"jid\":\"'..i..'\",\"enqueued_at\":'..({oldest}+(i-1)/1000)..'}}') end"
    );
    server.cli(&["EVAL", &fill, "0"]);
    server.cli(&["SADD", "queues", "mail"]);
    let (reported, before, after) = once(&place(&server, "backend = \"sidekiq\"\nworkers = false"));
    let queue = ("queue", "mail");
    assert_eq!(
        reported.value("queue_depth", &[queue, ("state", "waiting")]),
        Some(100_000.0)
    );
    let age = reported.value("queue_oldest_age_seconds", &[queue]).unwrap_or(f64::NAN);
    assert!(
        age >= before - oldest - TOLERANCE && age <= after - oldest + TOLERANCE,
        "{age}"
    );
}

#[test]
fn the_acl_user_of_the_readme_is_enough_and_one_without_info_misses_only_that() {
    let readme = include_str!("../../../plugins/redis-queue/README.md");
    let user = readme
        .lines()
        .find(|line| line.starts_with("ACL SETUSER"))
        .expect("an ACL user");
    let server = Server::start();
    let words: Vec<&str> = user.split(' ').collect();
    server.cli(&words);
    server.cli(&["LPUSH", "celery", "{}"]);
    let check = |place: &Place| {
        let text = std::fs::read_to_string(place.path("bellwether.toml")).expect("written");
        let login = "[connection.cache]\nuser = \"monitor\"\npassword = \"${secret:REDIS_PASSWORD}\"";
        place.write("bellwether.toml", &text.replace("[connection.cache]", login));
        let finished = place.finish_with(&["once", "queues", "--json"], |command| {
            command.env("REDIS_PASSWORD", "a-long-password");
        });
        Reported::parse(&finished.stdout, &finished.stderr)
    };
    let waiting = [("queue", "celery"), ("state", "waiting")];
    let reported = check(&place(&server, "backend = \"celery\""));
    assert_eq!(reported.value("queue_depth", &waiting), Some(1.0));
    assert_eq!(reported.value("queue_commands_refused", &[]), Some(0.0));
    server.cli(&["ACL", "SETUSER", "monitor", "-info"]);
    let reported = check(&place(&server, "backend = \"celery\""));
    assert_eq!(reported.value("queue_depth", &waiting), Some(1.0));
    assert_eq!(reported.value("queue_commands_refused", &[]), Some(1.0));
    assert_eq!(reported.value("redis_server_uptime_seconds", &[]), None);
}
