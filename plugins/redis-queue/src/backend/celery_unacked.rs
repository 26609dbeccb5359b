//! What Celery's workers hold, message by message: which queue it came from, and whether it runs or waits for its ETA.
//!
//! Layout: kombu 5.7.0, `kombu/transport/redis.py` (`QoS.append`): the hash has the message with its exchange and routing key, the
//! index the time at which it was taken. With Celery's own routing the routing key is the queue.

use std::{collections::BTreeMap, rc::Rc};

use bellwether_sdk::redis::Reply;
use serde::Deserialize;

use crate::{
    ask::Ask,
    picture::{ALL, Picture, State},
    reply::{pairs, scored},
    target::Shared,
    when,
};

/// Most messages that are read: they come whole, and the host takes 8 MiB of answers.
const READ_MAX: usize = 100;

/// Its index in the range: one more than is read, so that too many are noticed.
const LAST_INDEX: &str = "100";

/// Message, exchange, routing key; the rest of the message is not kept.
#[derive(Deserialize)]
struct Held(
    Message,
    #[expect(dead_code, reason = "it stands between the two")] String,
    String,
);

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    headers: Headers,
}

#[derive(Default, Deserialize)]
struct Headers {
    eta: Option<String>,
}

/// First the index, which is short, then the messages, unless they are too many.
pub(super) fn look(target: &Shared, held: &str, index: &str) -> Ask {
    let (target, held) = (Rc::clone(target), held.to_owned());
    Ask::then(
        ["ZRANGE", index, "0", LAST_INDEX, "WITHSCORES"],
        move |reply, picture| {
            let taken = scored(reply);
            if let Some((_, first)) = taken.first() {
                picture.queue(ALL).in_flight_since(*first);
            }
            if taken.len() > READ_MAX {
                return Vec::new();
            }
            let now = target.now;
            let taken: BTreeMap<String, f64> = taken.into_iter().collect();
            vec![Ask::note(["HGETALL", &held], move |reply, picture| {
                split(reply, &taken, now, picture)
            })]
        },
    )
}

fn split(reply: Reply, taken: &BTreeMap<String, f64>, now: f64, picture: &mut Picture) {
    let all = picture.queue(ALL);
    all.forget_depth(State::Active);
    all.in_flight_since = None;
    for (name, queue) in &mut picture.queues {
        if name != ALL {
            queue.set_depth(State::Active, 0);
            queue.set_depth(State::Delayed, 0);
        }
    }
    for (tag, message) in pairs(reply) {
        let Some(Held(message, _, queue)) = message.text().and_then(|text| serde_json::from_str(text).ok()) else {
            continue;
        };
        let eta = message.headers.eta.as_deref().and_then(when::from_text);
        // Queues that nobody asked for are passed over.
        let Some(queue) = picture.queues.get_mut(&queue) else {
            continue;
        };
        if eta.is_some_and(|eta| eta > now) {
            queue.add_depth(State::Delayed);
            continue;
        }
        queue.add_depth(State::Active);
        if let Some(at) = taken.get(&tag) {
            queue.in_flight_since(*at);
        }
    }
}
