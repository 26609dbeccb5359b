//! Dramatiq: a list of message ids and a hash of messages for each queue, the same for delayed ones, and dead letters.
//!
//! Layout: dramatiq 2.2.1, `dramatiq/brokers/redis.py`, `dramatiq/brokers/redis/dispatch.lua`. Producers `RPUSH`, workers `LPOP`, so that
//! the oldest message is at index 0. A message stays in its hash until it is acknowledged: what is in the hash and not in the
//! list is with a worker, prefetched messages included. Workers fetch delayed messages at once and hold them until they are
//! due, so that all of `QUEUE.DQ.msgs` is delayed, retries included.

use serde::Deserialize;

use crate::{
    ask::Ask,
    note,
    picture::{Heard, State, Worker},
    reply::{count, scored},
    search::Keys,
    target::{Shared, Target},
    when,
};

/// The time in a message, in milliseconds: when it was first sent.
fn sent(message: &str) -> Option<f64> {
    #[derive(Deserialize)]
    struct Message {
        message_timestamp: f64,
    }
    when::from_number(serde_json::from_str::<Message>(message).ok()?.message_timestamp)
}

pub(super) fn queue(target: &Shared, name: &str) -> Vec<Ask> {
    let list = target.key(name);
    let messages = format!("{list}.msgs");
    vec![
        note::depth(name, State::Waiting, ["LLEN", &list]),
        in_flight(name, &messages),
        oldest(name, &list, &messages),
        note::depth(name, State::Delayed, ["HLEN", &format!("{list}.DQ.msgs")]),
        note::depth(name, State::Dead, ["ZCARD", &format!("{list}.XQ")]),
    ]
}

/// Asked after the length of the list, and answered after it.
fn in_flight(name: &str, messages: &str) -> Ask {
    let name = name.to_owned();
    Ask::note(["HLEN", messages], move |reply, picture| {
        let queue = picture.queue(&name);
        if let (Some(all), Some(waiting)) = (count(&reply), queue.depth(State::Waiting)) {
            queue.set_depth(State::Active, all.saturating_sub(waiting));
        }
    })
}

fn oldest(name: &str, list: &str, messages: &str) -> Ask {
    let (name, messages) = (name.to_owned(), messages.to_owned());
    Ask::then(["LINDEX", list, "0"], move |reply, _| {
        let ask = reply
            .text()
            .map(|id| note::waits_since(&name, ["HGET", &messages, id], sent));
        ask.into_iter().collect()
    })
}

/// Whoever speaks to the broker leaves a heartbeat, producers too.
pub(super) fn whole(target: &Shared) -> Vec<Ask> {
    if !target.settings.workers {
        return Vec::new();
    }
    let key = target.key("__heartbeats__");
    let words = ["ZRANGE", &key, "0", super::LAST_INDEX, "WITHSCORES"];
    vec![Ask::note(words, |reply, picture| {
        let beats = scored(reply).into_iter();
        picture.add_workers(beats.map(|(id, beat)| Worker::of_all(id, Heard::At(beat / 1e3))));
    })]
}

/// A queue has a hash of messages while it holds any.
pub(super) fn keys(target: &Target) -> Keys {
    Keys {
        before: target.key(""),
        after: ".msgs",
        queue: of_its_own,
        member: None,
    }
}

/// Delayed messages and dead letters of a queue have hashes beside its own.
fn of_its_own(name: &str) -> &str {
    let delayed = name.strip_suffix(".DQ");
    delayed.or_else(|| name.strip_suffix(".XQ")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::sent;

    #[test]
    fn a_message_says_when_it_was_sent() {
        let message = r#"{"queue_name":"default","args":[],"options":{},"message_timestamp":1767225600500}"#;
        assert_eq!(sent(message), Some(1_767_225_600.5));
        assert_eq!(sent("\u{80}pickled"), None);
    }
}
