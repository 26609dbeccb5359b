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
    picture::{Heard, Queue, State, Worker},
    reply::{count, items, scored},
    target::Shared,
};

/// Due jobs that are looked at with one command.
const LOOKED_AT: usize = 500;

/// Jobs in a row that do not run, behind which none is looked for: workers take jobs in the order of the set.
const WAITING_MIN: usize = 100;

/// Oldest due jobs among which the running ones are looked for at all: more than a hundred workers run at once, ten jobs each. The
/// host lets nobody skip more than 1,000 elements, since the server walks over them; this is the page behind those.
const LOOKED_AT_MOST: usize = 1_500;

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

/// Looks for running jobs among the due ones, page by page from the oldest on.
fn running(name: &str, now: &str) -> Ask {
    page(name, now, 0, 0)
}

/// A page of due jobs behind `skipped`, of which `active` run.
fn page(name: &str, now: &str, skipped: usize, active: u64) -> Ask {
    let (queue, now) = (name.to_owned(), now.to_owned());
    let words = [
        "ZRANGEBYSCORE",
        name,
        "-inf",
        &now,
        "WITHSCORES",
        "LIMIT",
        &skipped.to_string(),
        &LOOKED_AT.to_string(),
    ]
    .map(str::to_owned);
    Ask::then(words, move |reply, picture| {
        let jobs = scored(reply);
        if jobs.is_empty() {
            settle(picture.queue(&queue), active);
            return Vec::new();
        }
        let keys = jobs.iter().map(|(id, _)| format!("arq:in-progress:{id}"));
        let words: Vec<String> = std::iter::once("MGET".to_owned()).chain(keys).collect();
        vec![Ask::then(words, move |reply, picture| {
            let marks: Vec<bool> = items(reply).iter().map(|mark| *mark != Reply::Nil).collect();
            let active = active + marks.iter().filter(|runs| **runs).count() as u64;
            let known = picture.queue(&queue);
            if let Some((_, (_, due))) = marks.iter().zip(&jobs).find(|(runs, _)| !**runs) {
                known.waits_since(due / 1e3);
            }
            match further(&marks, skipped) {
                Further::No => settle(known, active),
                Further::Look => return vec![page(&queue, &now, skipped + LOOKED_AT, active)],
                Further::TooFar => unknown(known),
            }
            Vec::new()
        })]
    })
}

/// Whether more jobs may run than those of a page.
#[derive(Debug, PartialEq)]
enum Further {
    No,
    Look,
    TooFar,
}

/// `marks`: of each job of the page behind `skipped`, whether it runs.
fn further(marks: &[bool], skipped: usize) -> Further {
    let waits = marks.iter().rev().take_while(|runs| !**runs).count();
    if marks.len() < LOOKED_AT || waits >= WAITING_MIN {
        Further::No
    } else if skipped + LOOKED_AT < LOOKED_AT_MOST {
        Further::Look
    } else {
        Further::TooFar
    }
}

/// Running jobs are due as well, and do not wait.
fn settle(queue: &mut Queue, active: u64) {
    queue.set_depth(State::Active, active);
    if let Some(due) = queue.depth(State::Waiting) {
        queue.set_depth(State::Waiting, due.saturating_sub(active));
    }
}

/// How many of the due jobs run cannot be known, and so not how many wait.
fn unknown(queue: &mut Queue) {
    queue.forget_depth(State::Waiting);
    queue.uncounted = Some(format!(
        "more than {LOOKED_AT_MOST} jobs are due, and workers run them up to there"
    ));
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
