//! Queues in Redis, as the library that owns them lays them out, and Redis itself.
//!
//! Flows in: settings, and answers to read-only commands over the connection `default`. Flows out: depths, ages, workers and totals
//! of queues, the health of Redis, and verdicts. It reads counts, ends of lists and single fields, never all jobs. Between runs
//! it keeps the names of queues it found and a few numbers of each, for growth.

mod ask;
mod backend;
mod judge;
mod memory;
mod metrics;
mod note;
mod pattern;
mod picture;
mod reply;
mod search;
mod server;
mod settings;
mod streams;
mod target;
mod when;
mod workers;

use bellwether_sdk::prelude::*;
use memory::Memory;
use picture::Picture;
pub use settings::Settings;
use target::Target;

/// The one connection.
pub(crate) const SLOT: &str = "default";

/// The plugin.
#[derive(Debug)]
pub struct RedisQueue;

impl Check for RedisQueue {
    const NAME: &'static str = "redis-queue";
    const SUMMARY: &'static str =
        "Job queues in Redis: depth, age, workers and failures, and the health of Redis itself";
    type Settings = Settings;

    fn describe(about: &mut Description) {
        about.connection(
            SLOT,
            &["redis", "rediss", "redis+unix", "unix"],
            "The Redis that holds the queues; the database is that of the URL.",
        );
        metrics::describe(about);
        server::describe(about);
        judge::describe(about);
    }

    fn run(settings: Settings) -> Result<Report, Failure> {
        settings.check()?;
        let target = Target::new(settings);
        let before = Memory::load();
        let mut picture = Picture {
            search: Memory::search(before.as_ref()),
            ..Picture::default()
        };
        let mut asks = Vec::new();
        if target.settings.redis_health {
            asks.push(server::ask());
        }
        asks.extend(backend::whole(&target, &mut picture));
        asks.extend(search::asks(&target, &mut picture));
        ask::all(asks, &mut picture)?;
        search::settle(&target, &mut picture);
        let (mut after, changes) = Memory::learn(before.as_ref(), &picture, target.now);
        let mut report = Report::new();
        let found = judge::report(&target, &picture, &changes, &mut report);
        let counted = after.count(before.as_ref(), &found, |of| {
            judge::is_judged(&target, &picture, &found, of)
        });
        after.save();
        metrics::report(&target, &picture, &changes, &mut report);
        metrics::findings(&counted, &mut report);
        server::report(&picture, target.settings.name_sets(), &mut report);
        Ok(report)
    }
}

export_check!(RedisQueue);

/// The number of the database, of the connection's URL: `redis://host:6379/NUMBER`, `unix:///socket?db=NUMBER`; 0 unless said.
pub(crate) fn database() -> String {
    let connections = context::connections();
    let connection = connections.iter().find(|connection| connection.name == SLOT);
    connection.map_or_else(|| "0".to_owned(), |connection| database_of(&connection.url))
}

fn database_of(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let number = if scheme.ends_with("unix") {
        rest.split_once("db=").map(|(_, number)| number)
    } else {
        rest.split_once('/').map(|(_, path)| path)
    };
    let digits: String = number
        .unwrap_or_default()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    if digits.is_empty() { "0".to_owned() } else { digits }
}

#[cfg(test)]
mod tests;
