//! Resque: a list of payloads for each queue; failures, totals and workers for all together. Delayed jobs are those of
//! resque-scheduler.
//!
//! Layout: resque 3.0.0, `lib/resque/data_store.rb`, `lib/resque/worker.rb`; resque-scheduler 5.0.0,
//! `lib/resque/scheduler/delaying_extensions.rb`. Producers `RPUSH`, workers `LPOP`, so that the oldest job is at index 0. A payload
//! has no time of its own; that of Active Job has one.

use std::rc::Rc;

use serde::Deserialize;

use crate::{
    ask::Ask,
    note,
    picture::{ALL, State, Worker},
    reply::{count, page, pairs, scored},
    target::{Shared, plain},
    when,
};

/// Most points in time at which delayed jobs are due that are counted; each has a list of its own.
const DELAYED_TIMES_MAX: usize = 1000;

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
        asks.push(workers(target));
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

fn workers(target: &Shared) -> Ask {
    let shared = Rc::clone(target);
    let words = ["SSCAN", &target.key("workers"), "0", "COUNT", "1000"];
    Ask::then(words, move |reply, picture| {
        picture.add_workers([]);
        picture.queue(ALL).set_depth(State::Active, 0);
        let ids: Vec<String> = page(reply).map(|(_, ids)| ids).unwrap_or_default();
        let ids: Vec<String> = ids.into_iter().take(super::WORKERS_MAX).collect();
        let mut asks: Vec<Ask> = ids
            .iter()
            .map(|id| working(&shared.key(&format!("worker:{id}"))))
            .collect();
        asks.push(heartbeats(&shared.key("workers:heartbeat"), ids));
        asks
    })
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
        let before = all.depth(State::Active).unwrap_or(0);
        all.set_depth(State::Active, before + 1);
        let started = serde_json::from_str::<Work>(work).ok();
        if let Some(at) = started.and_then(|work| when::from_text(&work.run_at)) {
            all.in_flight_since(at);
        }
    })
}

fn heartbeats(key: &str, ids: Vec<String>) -> Ask {
    Ask::note(["HGETALL", key], move |reply, picture| {
        let beats = pairs(reply);
        let heard = |id: &str| crate::reply::field(&beats, id)?.text().and_then(when::from_text);
        let workers = ids.iter().map(|id| Worker {
            name: id.clone(),
            heard: heard(id).into(),
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
