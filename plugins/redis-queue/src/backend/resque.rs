//! Resque: a list of payloads for each queue; failures, totals and workers for all together. Delayed jobs are those of
//! resque-scheduler.
//!
//! Layout: resque 3.0.0, `lib/resque/data_store.rb`, `lib/resque/worker.rb`; resque-scheduler 5.0.0,
//! `lib/resque/scheduler/delaying_extensions.rb`. Producers `RPUSH`, workers `LPOP`, so that the oldest job is at index 0. A payload
//! has no time of its own; that of Active Job has one.

use std::rc::Rc;

use serde::Deserialize;

use super::registered;
use crate::{
    ask::Ask,
    note,
    picture::{ALL, Picture, State, Worker},
    reply::{count, items, scored},
    target::{Shared, plain},
    when,
};

/// Most points in time at which delayed jobs are due that are counted; each has a list of its own.
const DELAYED_TIMES_MAX: usize = 1000;

/// Most workers that are looked at: what each is busy with is read whole, and 8 MiB is what the host lets Redis answer in a
/// round trip. A page of the set has 1,000, so that a job may have 8 KiB on average.
const WORKERS_MAX: usize = 2_000;

/// Heartbeats that one command asks for: the host takes 1,024 words.
const HEARTBEATS_AT_ONCE: usize = 500;

/// Where Active Job writes the time, in a job of its wrapper.
const ACTIVE_JOB_TIME: &str = "/args/0/enqueued_at";

pub(super) fn queue(target: &Shared, name: &str) -> Vec<Ask> {
    let list = target.key(&format!("queue:{name}"));
    vec![
        note::depth(name, State::Waiting, ["LLEN", &list]),
        note::waits_since(name, ["LINDEX", &list, "0"], |payload| {
            when::at_pointer(payload, ACTIVE_JOB_TIME)
        }),
    ]
}

pub(super) fn whole(target: &Shared) -> Vec<Ask> {
    let schedule = target.key("delayed_queue_schedule");
    let before = plain(target.overdue_before());
    let mut asks = vec![
        note::depth(ALL, State::Failed, ["LLEN", &target.key("failed")]),
        note::processed(ALL, ["GET", &target.key("stat:processed")]),
        note::failures(ALL, ["GET", &target.key("stat:failed")]),
        delayed(target, &schedule),
        note::overdue(ALL, ["ZCOUNT", &schedule, "-inf", &before]),
        Ask::note(["GET", &target.key("pause-all-workers")], |reply, picture| {
            let paused = reply
                .text()
                .is_some_and(|text| text.trim().eq_ignore_ascii_case("true"));
            picture.queue(ALL).paused = Some(paused);
        }),
    ];
    if target.settings.workers {
        let key = target.key("workers");
        asks.push(registered::workers(target, key, WORKERS_MAX, workers));
    }
    asks
}

/// The schedule holds times, and each time has a list of jobs.
fn delayed(target: &Shared, schedule: &str) -> Ask {
    let target = Rc::clone(target);
    Ask::then(
        ["ZRANGE", schedule, "0", super::LAST_INDEX, "WITHSCORES"],
        move |reply, picture| {
            let times = scored(reply);
            if times.len() >= DELAYED_TIMES_MAX {
                let why = "jobs are due at more points in time than can be counted";
                picture.problem("ZRANGE delayed_queue_schedule", why);
                return Vec::new();
            }
            picture.queue(ALL).set_depth(State::Delayed, 0);
            let lists = times.iter().map(|(time, _)| target.key(&format!("delayed:{time}")));
            lists.map(|list| add(State::Delayed, &list)).collect()
        },
    )
}

fn add(state: State, list: &str) -> Ask {
    Ask::note(["LLEN", list], move |reply, picture| {
        let all = picture.queue(ALL);
        let before = all.depth(state).unwrap_or(0);
        all.set_depth(state, before + count(&reply).unwrap_or(0));
    })
}

fn workers(target: &Shared, picture: &mut Picture, ids: &[String]) -> Vec<Ask> {
    picture.queue(ALL).count_from_zero(State::Active);
    let heartbeats_key = target.key("workers:heartbeat");
    let heard = ids
        .chunks(HEARTBEATS_AT_ONCE)
        .map(|ids| heartbeats(&heartbeats_key, ids.to_vec()));
    let busy = ids.iter().map(|id| working(&target.key(&format!("worker:{id}"))));
    busy.chain(heard).collect()
}

/// What a worker is busy with; nothing while it is idle.
fn working(key: &str) -> Ask {
    #[derive(Deserialize)]
    struct Work {
        run_at: String,
    }
    Ask::note(["GET", key], |reply, picture| {
        let Some(work) = reply.text() else { return };
        let all = picture.queue(ALL);
        all.add_depth(State::Active);
        let started = serde_json::from_str::<Work>(work).ok();
        if let Some(at) = started.and_then(|work| when::from_text(&work.run_at)) {
            all.in_flight_since(at);
        }
    })
}

/// By name: all of the hash would be refused where it is large, and it may hold workers that are long gone.
fn heartbeats(key: &str, ids: Vec<String>) -> Ask {
    let mut words = vec!["HMGET".to_owned(), key.to_owned()];
    words.extend(ids.iter().cloned());
    Ask::note(words, move |reply, picture| {
        let workers = ids.iter().zip(items(reply)).map(|(id, beat)| Worker {
            name: id.clone(),
            heard: beat.text().and_then(when::from_text).into(),
            serves: queues_of(id),
        });
        picture.add_workers(workers);
    })
}

/// A worker is called `HOST:PID:QUEUE,QUEUE`; `*` is every queue.
fn queues_of(id: &str) -> Vec<String> {
    let queues = id.splitn(3, ':').nth(2).unwrap_or("*");
    queues.split(',').map(|queue| queue.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::queues_of;

    #[test]
    fn a_worker_is_called_after_its_queues() {
        assert_eq!(queues_of("web1:42:mail,critical"), ["mail", "critical"]);
        assert_eq!(queues_of("web1:42:*"), ["*"]);
    }
}
