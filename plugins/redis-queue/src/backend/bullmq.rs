//! BullMQ: lists and sorted sets of job ids for each queue, and a hash for each job.
//!
//! Layout: bullmq 6.7.0, `classes/queue-keys.js`, `commands/getCounts-1.lua`, `commands/pause-7.lua`,
//! `commands/includes/getDelayedScore.lua`, `commands/includes/collectMetrics.lua`, `classes/queue-getters.js`. Jobs enter `wait` on the
//! left and leave on the right, so that the oldest is at index -1 unless some were put in with `lifo`. Before version 5 the list
//! could end in a marker, `0:…`, which is no job; before version 6 a paused queue kept its jobs in `paused`. In `prioritized`
//! the first of each priority is the oldest of it (`commands/includes/getPriorityScore.lua`).

use std::rc::Rc;

use base64::{Engine, prelude::BASE64_STANDARD};

use super::line::Line;
use crate::{
    ask::Ask,
    note,
    picture::{Heard, Picture, Queue, State, Worker},
    reply::{count, scored, texts},
    search::Keys,
    settings::End,
    target::{Shared, Target, plain},
    when,
};

/// A score of `delayed` is its time in milliseconds times this, plus a number that keeps the order.
const DELAYED_FACTOR: f64 = 4096.0;

/// A score of `prioritized` is its priority times this, plus a number that keeps the order.
const PRIORITY_FACTOR: f64 = 4_294_967_296.0;

/// Different priorities whose oldest job is looked at, each in a round trip of its own. Most applications have three to ten.
const PRIORITIES_MAX: usize = 32;

/// How a marker begins.
const MARKER: &str = "0:";

fn key(target: &Target, queue: &str, rest: &str) -> String {
    target.key(&format!("{queue}:{rest}"))
}

pub(super) fn queue(target: &Shared, name: &str, picture: &mut Picture) -> Vec<Ask> {
    let key = |rest: &str| key(target, name, rest);
    let before = plain((target.overdue_before() * 1e3).floor() * DELAYED_FACTOR);
    let mut asks = waiting(target, name, picture);
    asks.extend([
        note::depth(name, State::Delayed, ["ZCARD", &key("delayed")]),
        note::overdue(name, ["ZCOUNT", &key("delayed"), "-inf", &format!("({before}")]),
        note::depth(name, State::Blocked, ["ZCARD", &key("waiting-children")]),
        note::depth(name, State::Active, ["LLEN", &key("active")]),
        of_job(
            target,
            name,
            ["LRANGE", &key("active"), "-1", "-1"],
            "processedOn",
            Queue::in_flight_since,
        ),
        note::depth(name, State::Failed, ["ZCARD", &key("failed")]),
        note::depth(name, State::Completed, ["ZCARD", &key("completed")]),
        note::paused(name, ["HEXISTS", &key("meta"), "paused"]),
        totals(name, &key("metrics:completed"), false),
        totals(name, &key("metrics:failed"), true),
    ]);
    asks
}

fn waiting(target: &Shared, name: &str, picture: &mut Picture) -> Vec<Ask> {
    let key = |rest: &str| key(target, name, rest);
    vec![
        note::part(picture, name, "wait", ["LLEN", &key("wait")]),
        oldest(target, name, "wait"),
        note::part(picture, name, "paused", ["LLEN", &key("paused")]),
        oldest(target, name, "paused"),
        note::part(picture, name, "prioritized", ["ZCARD", &key("prioritized")]),
        priority(target, name, "-inf", 0),
    ]
}

/// The first job with a score from `least` on, and then the first of the next priority. `seen`: priorities before.
fn priority(target: &Shared, name: &str, least: &str, seen: usize) -> Ask {
    let (target, name) = (Rc::clone(target), name.to_owned());
    let key = key(&target, &name, "prioritized");
    let words = ["ZRANGEBYSCORE", &key, least, "+inf", "WITHSCORES", "LIMIT", "0", "1"].map(str::to_owned);
    Ask::then(words, move |reply, picture| {
        let first = scored(reply).into_iter().next();
        let Some((job, score)) = first else { return Vec::new() };
        if seen >= PRIORITIES_MAX {
            picture.queue(&name).hide_waiting_since();
            return Vec::new();
        }
        let next = plain(((score / PRIORITY_FACTOR).floor() + 1.0) * PRIORITY_FACTOR);
        vec![
            time_of(&target, &name, &job, "timestamp", Queue::waits_since),
            priority(&target, &name, &next, seen + 1),
        ]
    })
}

/// The oldest job of a list. A marker at its end is taken off the length that was answered before.
fn oldest(target: &Shared, name: &str, list: &'static str) -> Ask {
    let (target, queue) = (Rc::clone(target), name.to_owned());
    let line = Line {
        queue: queue.clone(),
        list: key(&target, name, list),
        taken: End::Right,
        marker: Some((MARKER, list)),
        time: Box::new(move |id| ["HGET".to_owned(), key(&target, &queue, id), "timestamp".into()]),
    };
    line.ask()
}

/// The job that a command answers with first, and a time in its hash.
fn of_job<const N: usize>(
    target: &Shared,
    name: &str,
    words: [&str; N],
    field: &'static str,
    put: fn(&mut Queue, f64),
) -> Ask {
    let (target, name) = (Rc::clone(target), name.to_owned());
    Ask::then(words, move |reply, _| {
        let ids = texts(reply);
        let job = ids.first().map(|id| time_of(&target, &name, id, field, put));
        job.into_iter().collect()
    })
}

fn time_of(target: &Target, name: &str, id: &str, field: &str, put: fn(&mut Queue, f64)) -> Ask {
    let queue = name.to_owned();
    Ask::note(["HGET", &key(target, name, id), field], move |reply, picture| {
        if let Some(at) = reply.text().and_then(when::from_text) {
            put(picture.queue(&queue), at);
        }
    })
}

/// Kept only when workers are given the option `metrics`. What is processed includes what failed, as everywhere here.
fn totals(name: &str, key: &str, failed: bool) -> Ask {
    let name = name.to_owned();
    Ask::note(["HGET", key, "count"], move |reply, picture| {
        let Some(jobs) = count(&reply) else { return };
        let queue = picture.queue(&name);
        *queue.processed.get_or_insert(0) += jobs;
        if failed {
            queue.failures = Some(jobs);
        }
    })
}

/// Workers are known by the names of their connections only. Those of all databases are listed; a queue of the same name in
/// another one is another queue.
pub(super) fn whole(target: &Shared) -> Vec<Ask> {
    if !target.settings.workers {
        return Vec::new();
    }
    let target = Rc::clone(target);
    vec![Ask::note(
        ["CLIENT", "LIST", "TYPE", "NORMAL"],
        move |reply, picture| {
            let prefix = format!("{}:", target.settings.prefix());
            let lines = reply.text().unwrap_or_default().lines();
            let here = lines.filter(|line| field(line, "db=").is_none_or(|number| number == target.database));
            let names = here.filter_map(|line| field(line, "name="));
            picture.add_workers(names.filter_map(|name| worker(&prefix, name)));
        },
    )]
}

/// The value of a field of `CLIENT LIST`.
fn field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    line.split(' ').find_map(|field| field.strip_prefix(name))
}

/// `PREFIX:QUEUE`, or `PREFIX:QUEUE:w:NAME` for a worker with a name; QUEUE in base64. Other suffixes are not workers.
fn worker(prefix: &str, name: &str) -> Option<Worker> {
    let rest = name.strip_prefix(prefix)?;
    let (queue, own) = match rest.split_once(':') {
        None => (rest, ""),
        Some((queue, suffix)) => (queue, suffix.strip_prefix("w:")?),
    };
    let queue = String::from_utf8(BASE64_STANDARD.decode(queue).ok()?).ok()?;
    Some(Worker {
        name: own.to_owned(),
        heard: Heard::There,
        serves: vec![queue],
    })
}

/// Every queue has a hash `meta` as long as it exists.
pub(super) fn keys(target: &Target) -> Keys {
    Keys {
        before: target.key(""),
        after: ":meta",
        queue: |name| name,
        member: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_with_the_name_of_a_worker_is_one() {
        let mail = worker("bull:", "bull:bWFpbA==").expect("a worker");
        assert_eq!(
            (mail.serves.as_slice(), mail.heard),
            (["mail".to_owned()].as_slice(), Heard::There)
        );
        assert_eq!(worker("bull:", "bull:bWFpbA==:w:eu").expect("a worker").name, "eu");
        assert_eq!(worker("bull:", "bull:bWFpbA==:qe"), None, "it listens to events");
        assert_eq!(worker("bull:", "other:bWFpbA=="), None);
        assert_eq!(worker("bull:", "bull:not base64"), None);
    }
}
