//! Asynq: lists and sorted sets of task ids for each queue, and a hash for each task.
//!
//! Layout: asynq 0.26.0, `internal/base/base.go`, `internal/rdb/rdb.go`, `internal/rdb/inspect.go`. Clients `LPUSH`, servers
//! `RPOPLPUSH`, so that the oldest task is at index -1; its hash says since when it is pending, in nanoseconds. What is processed
//! includes what failed. A server prolongs the lease of what it works on; scores are when a lease ends.

use std::rc::Rc;

use crate::{
    ask::Ask,
    note,
    picture::{Heard, State, Worker},
    reply::{count, scored},
    target::{Shared, plain},
    when,
};

/// A server writes down that it lives every 5 s, with a life of twice that.
const SERVER_LIFE_SECONDS: f64 = 10.0;

/// The keys of one queue are in one slot of a cluster.
fn key(queue: &str, rest: &str) -> String {
    format!("asynq:{{{queue}}}:{rest}")
}

pub(super) fn queue(target: &Shared, name: &str) -> Vec<Ask> {
    let key = |rest: &str| key(name, rest);
    let before = plain(target.overdue_before());
    vec![
        note::depth(name, State::Waiting, ["LLEN", &key("pending")]),
        oldest(name),
        note::depth(name, State::Active, ["LLEN", &key("active")]),
        expired(name, &target.now_seconds()),
        note::depth(name, State::Delayed, ["ZCARD", &key("scheduled")]),
        note::depth(name, State::Retry, ["ZCARD", &key("retry")]),
        note::overdue(name, ["ZCOUNT", &key("scheduled"), "-inf", &before]),
        note::overdue(name, ["ZCOUNT", &key("retry"), "-inf", &before]),
        note::depth(name, State::Dead, ["ZCARD", &key("archived")]),
        note::depth(name, State::Completed, ["ZCARD", &key("completed")]),
        note::processed(name, ["GET", &key("processed")]),
        note::failures(name, ["GET", &key("failed")]),
        note::paused(name, ["EXISTS", &key("paused")]),
    ]
}

fn oldest(name: &str) -> Ask {
    let name = name.to_owned();
    Ask::then(
        ["LINDEX".to_owned(), key(&name, "pending"), "-1".to_owned()],
        move |reply, _| {
            let Some(id) = reply.text() else { return Vec::new() };
            let task = key(&name, &format!("t:{id}"));
            vec![note::waits_since(
                &name,
                ["HGET", &task, "pending_since"],
                when::from_text,
            )]
        },
    )
}

fn expired(name: &str, now: &str) -> Ask {
    let queue = name.to_owned();
    Ask::note(
        ["ZCOUNT", &key(name, "lease"), "-inf", &format!("({now}")],
        move |reply, picture| {
            picture.queue(&queue).leases_expired = count(&reply);
        },
    )
}

/// Scores are when a server will count as gone.
pub(super) fn whole(target: &Shared) -> Vec<Ask> {
    if !target.settings.workers {
        return Vec::new();
    }
    let target = Rc::clone(target);
    let words = ["ZRANGE", "asynq:servers", "0", super::LAST_INDEX, "WITHSCORES"];
    vec![Ask::note(words, move |reply, picture| {
        let servers = scored(reply).into_iter();
        picture.add_workers(
            servers.map(|(key, end)| {
                Worker::of_all(name_of(&key), Heard::At((end - SERVER_LIFE_SECONDS).min(target.now)))
            }),
        );
    })]
}

/// `asynq:servers:{HOST:PID:ID}`.
fn name_of(key: &str) -> &str {
    key.strip_prefix("asynq:servers:{")
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_braces() {
        assert_eq!(key("mail", "pending"), "asynq:{mail}:pending");
        assert_eq!(name_of("asynq:servers:{web1:7:ab}"), "web1:7:ab");
    }
}
