//! arq: one sorted set of job ids for each queue, by the time they are due.
//!
//! Layout: arq 0.28.0, `arq/constants.py`, `arq/connections.py`, `arq/worker.py`. A job stays in the set while it runs, with a key
//! of its own that says so; so the oldest due ones are looked up. What a worker counted since its start stands in one text that
//! all workers of a queue overwrite, hourly unless configured.

use std::rc::Rc;

use bellwether_sdk::redis::Reply;

use crate::{
    ask::Ask,
    note,
    picture::{Heard, Picture, State, Worker},
    reply::{count, items, scored},
    target::Shared,
};

/// Oldest due jobs among which the running ones are looked for: workers take jobs in the order of the set.
const LOOKED_AT: usize = 500;

/// Seconds between two reports of a worker, unless configured.
const HEALTH_CHECK_SECONDS: f64 = 3600.0;

pub(super) fn queue(target: &Shared, name: &str) -> Vec<Ask> {
    let now = target.now_milliseconds();
    let mut asks = vec![
        due(name, &now),
        note::depth(name, State::Delayed, ["ZCOUNT", name, &format!("({now}"), "+inf"]),
        running(name, &now),
    ];
    if target.settings.workers {
        asks.extend(health(target, name));
    }
    asks
}

/// All that is due; what runs is taken off once it is known.
fn due(name: &str, now: &str) -> Ask {
    let queue = name.to_owned();
    Ask::note(["ZCOUNT", name, "-inf", now], move |reply, picture| {
        if let Some(jobs) = count(&reply) {
            picture.queue(&queue).set_depth(State::Waiting, jobs);
        }
    })
}

fn running(name: &str, now: &str) -> Ask {
    let queue = name.to_owned();
    let limit = LOOKED_AT.to_string();
    let words = ["ZRANGEBYSCORE", name, "-inf", now, "WITHSCORES", "LIMIT", "0", &limit];
    Ask::then(words, move |reply, picture| {
        let jobs = scored(reply);
        if jobs.is_empty() {
            picture.queue(&queue).set_depth(State::Active, 0);
            return Vec::new();
        }
        let keys = jobs.iter().map(|(id, _)| format!("arq:in-progress:{id}"));
        let words: Vec<String> = std::iter::once("MGET".to_owned()).chain(keys).collect();
        vec![Ask::note(words, move |reply, picture| {
            split(&queue, &jobs, reply, picture)
        })]
    })
}

/// Running jobs have their key, the others wait. Scores are milliseconds.
fn split(queue: &str, jobs: &[(String, f64)], reply: Reply, picture: &mut Picture) {
    let marks = items(reply);
    let queue = picture.queue(queue);
    let runs = |at: usize| marks.get(at).is_some_and(|mark| *mark != Reply::Nil);
    let active = (0..jobs.len()).filter(|at| runs(*at)).count() as u64;
    queue.set_depth(State::Active, active);
    if let Some(due) = queue.depth(State::Waiting) {
        queue.set_depth(State::Waiting, due.saturating_sub(active));
    }
    let oldest = jobs.iter().enumerate().find(|(at, _)| !runs(*at));
    if let Some((_, (_, due))) = oldest {
        queue.waits_since(due / 1e3);
    }
}

/// The report, and what is left of its life: so it is known when it was written.
fn health(target: &Shared, name: &str) -> [Ask; 2] {
    let key = format!("{name}:health-check");
    let every = target.settings.arq_health_check_seconds.unwrap_or(HEALTH_CHECK_SECONDS);
    let (target, queue) = (Rc::clone(target), name.to_owned());
    let life = Ask::note(["PTTL", &key], move |reply, picture| {
        picture.add_workers([]);
        let Some(left) = count(&reply) else { return };
        picture.add_workers([Worker {
            name: format!("of {queue}"),
            heard: Heard::At(heard(
                target.now,
                left as f64 / 1e3,
                every,
                target.settings.silence_seconds(),
            )),
            serves: vec![queue],
        }]);
    });
    let queue = name.to_owned();
    let report = Ask::note(["GET", &key], move |reply, picture| {
        let fields = reply.text().unwrap_or_default().split(' ');
        for (outcome, jobs) in fields.filter_map(|field| field.strip_prefix("j_")?.split_once('=')) {
            if let Ok(jobs) = jobs.parse() {
                picture.last_worker_jobs.push((queue.clone(), outcome.to_owned(), jobs));
            }
        }
    });
    [life, report]
}

/// A report lives a second longer than workers take to the next. While it lives its worker counts as alive, however long ago
/// it wrote: arq itself knows no better.
fn heard(now: f64, left: f64, every: f64, silence: f64) -> f64 {
    let age = (every + 1.0 - left).max(0.0);
    now - age.min(silence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_its_age_by_what_is_left_of_its_life() {
        assert_eq!(heard(1000.0, 3601.0, 3600.0, 60.0), 1000.0);
        assert_eq!(heard(1000.0, 3591.0, 3600.0, 60.0), 990.0);
        assert_eq!(heard(1000.0, 1.0, 3600.0, 60.0), 940.0, "it lives, so it is alive");
        assert_eq!(heard(1000.0, 9999.0, 3600.0, 60.0), 1000.0);
    }
}
