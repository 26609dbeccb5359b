//! What Celery's workers hold, message by message: which queue it came from, and whether it runs or waits for its ETA.
//!
//! Layout: kombu 5.7.0, `kombu/transport/redis.py` (`QoS.append`): the hash has the message with its exchange and routing key, the
//! index the time at which it was taken. With Celery's own routing the routing key is the queue.

use bellwether_sdk::redis::Reply;
use serde::Deserialize;

use crate::{
    ask::Ask,
    picture::{ALL, Picture, State},
    reply::{items, scored},
    target::Shared,
    when,
};

use super::LAST_INDEX;

/// Messages of one round trip: they come whole, and the host takes 8 MiB of answers.
const PAGE: usize = 100;

/// Most messages that are read: ten round trips, and as many as the host lets one command list.
const READ_MAX: u64 = 1_000;

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

/// A message that a worker holds.
struct Task {
    queue: String,
    /// Its ETA is still to come.
    waits: bool,
    taken: f64,
}

/// First the index, which is short, then the messages, unless they are too many.
pub(super) fn look(target: &Shared, held: &str, index: &str) -> Ask {
    let (now, held) = (target.now, held.to_owned());
    Ask::then(
        ["ZRANGE", index, "0", LAST_INDEX, "WITHSCORES"],
        move |reply, picture| {
            let taken = scored(reply);
            let all = picture.queue(ALL);
            if let Some((_, first)) = taken.first() {
                all.in_flight_since(*first);
            }
            let messages = all.depth(State::Active).unwrap_or(0);
            if messages > READ_MAX {
                picture.cut_short(&format!(
                "workers hold {messages} messages, of which at most {READ_MAX} are looked into: those with an ETA count as active, and of no queue"
            ));
                return Vec::new();
            }
            page(&held, taken, now, Vec::new(), picture).into_iter().collect()
        },
    )
}

/// The next messages of those that are left; when there are none, what was read is told.
fn page(held: &str, mut left: Vec<(String, f64)>, now: f64, mut read: Vec<Task>, picture: &mut Picture) -> Option<Ask> {
    if left.is_empty() {
        split(&read, picture);
        return None;
    }
    let rest = left.split_off(left.len().min(PAGE));
    let tags = left.iter().map(|(tag, _)| tag.clone());
    let words: Vec<String> = ["HMGET".to_owned(), held.to_owned()].into_iter().chain(tags).collect();
    let held = held.to_owned();
    Some(Ask::then(words, move |reply, picture| {
        let messages = items(reply).into_iter().zip(left);
        read.extend(messages.filter_map(|(message, (_, taken))| task(&message, taken, now)));
        page(&held, rest, now, read, picture).into_iter().collect()
    }))
}

fn task(message: &Reply, taken: f64, now: f64) -> Option<Task> {
    let Held(message, _, queue) = serde_json::from_str(message.text()?).ok()?;
    let eta = message.headers.eta.as_deref().and_then(when::from_text);
    Some(Task {
        queue,
        waits: eta.is_some_and(|eta| eta > now),
        taken,
    })
}

fn split(read: &[Task], picture: &mut Picture) {
    let all = picture.queue(ALL);
    all.forget_depth(State::Active);
    all.in_flight_since = None;
    for (name, queue) in &mut picture.queues {
        if name != ALL {
            queue.set_depth(State::Active, 0);
            queue.set_depth(State::Delayed, 0);
        }
    }
    for task in read {
        // Queues that nobody asked for are passed over.
        let Some(queue) = picture.queues.get_mut(&task.queue) else {
            continue;
        };
        if task.waits {
            queue.add_depth(State::Delayed);
            continue;
        }
        queue.add_depth(State::Active);
        queue.in_flight_since(task.taken);
    }
}
