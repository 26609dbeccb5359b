//! Celery: lists that kombu's Redis transport keeps, one for each queue and priority.
//!
//! Layout: kombu 5.7.0, `kombu/transport/redis.py` (`_q_for_pri`, `QoS.append`, `_queue_bind`). Producers `LPUSH`, workers
//! `BRPOP`, so that the oldest message is at index -1. A message says nothing about when it was sent. Results are kept under a
//! key each, which cannot be counted without a walk through the keyspace: failures are not known here.

use super::{celery_unacked, registered};
use crate::{
    ask::Ask,
    note,
    picture::{ALL, Heard, Picture, Queue, State, Worker},
    search::Keys,
    settings::Celery,
    target::{Shared, Target},
    when,
};

/// Queues of the workers' own, which kombu binds beside those of tasks.
const REMOTE_CONTROL: &str = ".pidbox";
const CONTROL_QUEUE: &str = ".celery.pidbox";
const EVENTS: &str = "celeryev";

/// The exchange of remote control: every worker binds a queue of its own to it, and unbinds it when it stops.
const CONTROL_BINDINGS: &str = "_kombu.binding.celery.pidbox";

/// Most workers that are counted; nothing is asked about each.
const WORKERS_MAX: usize = 5_000;

fn options(target: &Target) -> Celery {
    target.settings.celery.clone().unwrap_or_default()
}

/// `global_keyprefix` is put before keys as it is.
fn key(target: &Target, rest: &str) -> String {
    format!("{}{rest}", target.settings.prefix())
}

pub(super) fn queue(target: &Shared, name: &str, picture: &mut Picture) -> Vec<Ask> {
    let options = options(target);
    let mut asks = Vec::new();
    for step in &options.priority_steps {
        let list = match step {
            0 => key(target, name),
            step => key(target, &format!("{name}{}{step}", options.separator)),
        };
        let part = format!("priority {step}");
        asks.push(note::part(picture, name, &part, ["LLEN", &list]));
        if let Some(pointer) = options.timestamp.clone() {
            let read = move |message: &str| when::at_pointer(message, &pointer);
            asks.push(note::waits_since(name, ["LINDEX", &list, "-1"], read));
        }
    }
    asks
}

/// What workers hold is written down for all queues together, tasks with a later ETA included.
pub(super) fn whole(target: &Shared) -> Vec<Ask> {
    let options = options(target);
    let (held, index) = (
        key(target, &options.unacked_key),
        key(target, &options.unacked_index_key),
    );
    let mut asks = vec![note::depth(ALL, State::Active, ["HLEN", &held])];
    asks.push(if options.look_into_unacked {
        celery_unacked::look(target, &held, &index)
    } else {
        note::first_score(ALL, &index, Queue::in_flight_since)
    });
    if target.settings.workers {
        let bindings = key(target, CONTROL_BINDINGS);
        asks.push(registered::workers(target, bindings, WORKERS_MAX, workers));
    }
    asks
}

/// Workers send no heartbeats to the broker: one that died without a word stays bound.
fn workers(target: &Shared, picture: &mut Picture, members: &[String]) -> Vec<Ask> {
    let separator = &options(target).separator;
    let queues = members
        .iter()
        .filter_map(|member| member.rsplit(separator.as_str()).next());
    let names = queues.filter_map(|queue| queue.strip_suffix(CONTROL_QUEUE));
    picture.add_workers(names.map(|name| Worker::of_all(name, Heard::There)));
    Vec::new()
}

/// Kombu keeps a set for each exchange with the queues that are bound to it.
pub(super) fn keys(target: &Target) -> Keys {
    Keys {
        before: key(target, "_kombu.binding."),
        after: "",
        queue: |name| name,
        member: Some(bound_queue),
    }
}

/// A member is routing key, pattern and queue. Queues of remote control and events are no queues of tasks.
fn bound_queue(target: &Target, member: &str) -> Option<String> {
    let queue = member.rsplit(options(target).separator.as_str()).next()?;
    let own = queue.ends_with(REMOTE_CONTROL) || queue.starts_with(EVENTS);
    (!own && !queue.is_empty()).then(|| queue.to_owned())
}
