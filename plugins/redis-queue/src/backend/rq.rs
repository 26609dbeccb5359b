//! RQ: a list of job ids for each queue, a hash for each job, and sorted sets for what became of them.
//!
//! Layout: rq 3.0.0, `rq/queue.py`, `rq/registry.py`, `rq/intermediate_queue.py`, `rq/worker/base.py`, `rq/worker_registration.py`.
//! Producers `RPUSH`, workers take from the left, so that the oldest job is at index 0 unless some were put in `at_front`. Scores of what is finished or failed say
//! when it will be forgotten, and only workers clean up: what has expired is not counted here.

use std::rc::Rc;

use super::{WORKERS_MAX, line::Line, registered};
use crate::{
    ask::Ask,
    note,
    picture::{ALL, State, Worker},
    reply::{items, texts},
    settings::End,
    target::Shared,
    when,
};

/// Most jobs in flight whose start is looked up: one worker has one of them.
const STARTED_LAST_INDEX: &str = "99";

pub(super) fn queue(target: &Shared, name: &str) -> Vec<Ask> {
    let key = |kind: &str| target.key(&format!("{kind}:{name}"));
    let list = key("queue");
    let now = target.now_seconds();
    let overdue_before = crate::target::plain(target.overdue_before());
    vec![
        note::depth(name, State::Waiting, ["LLEN", &list]),
        oldest(target, name, &list),
        note::depth(name, State::Claimed, ["LLEN", &format!("{list}:intermediate")]),
        note::depth(name, State::Delayed, ["ZCARD", &key("scheduled")]),
        note::overdue(name, ["ZCOUNT", &key("scheduled"), "-inf", &overdue_before]),
        note::depth(name, State::Blocked, ["ZCARD", &key("deferred")]),
        note::depth(name, State::Active, ["ZCARD", &key("wip")]),
        expired(name, &key("wip"), &now),
        started(target, name, &key("wip")),
        note::depth(name, State::Failed, ["ZCOUNT", &key("failed"), &now, "+inf"]),
        note::depth(name, State::Completed, ["ZCOUNT", &key("finished"), &now, "+inf"]),
        note::depth(name, State::Canceled, ["ZCARD", &key("canceled")]),
    ]
}

/// With `at_front=True` a producer puts a job in where workers take.
fn oldest(target: &Shared, name: &str, list: &str) -> Ask {
    let target = Rc::clone(target);
    let job = move |id: &str| {
        [
            "HGET".to_owned(),
            target.key(&format!("job:{id}")),
            "enqueued_at".into(),
        ]
    };
    let line = Line {
        queue: name.to_owned(),
        list: list.to_owned(),
        taken: End::Left,
        marker: None,
        time: Box::new(job),
    };
    line.ask()
}

/// A worker prolongs what it works on; one that died does not.
fn expired(name: &str, key: &str, now: &str) -> Ask {
    let name = name.to_owned();
    Ask::note(["ZCOUNT", key, "-inf", &format!("({now}")], move |reply, picture| {
        picture.queue(&name).leases_expired = crate::reply::count(&reply);
    })
}

fn started(target: &Shared, name: &str, key: &str) -> Ask {
    let (target, name) = (Rc::clone(target), name.to_owned());
    Ask::then(["ZRANGE", key, "0", STARTED_LAST_INDEX], move |reply, _| {
        let members = texts(reply);
        let asks = members.iter().map(|member| {
            let job = target.key(&format!("job:{}", job_of(member)));
            note::in_flight_since(&name, ["HGET", &job, "started_at"], when::from_text)
        });
        asks.collect()
    })
}

/// Members are `JOB:EXECUTION` since rq 2.0, and `JOB` before.
fn job_of(member: &str) -> &str {
    member.rsplit_once(':').map_or(member, |(job, _)| job)
}

pub(super) fn whole(target: &Shared) -> Vec<Ask> {
    let mut asks = vec![note::paused(ALL, ["EXISTS", &target.key("suspended")])];
    if target.settings.workers {
        let key = target.key("workers");
        let about: registered::About = |_, _, keys| keys.iter().cloned().map(worker).collect();
        asks.push(registered::workers(target, key, WORKERS_MAX, about));
    }
    asks
}

/// The hash of a worker that died expires; its name stays until somebody cleans up.
fn worker(key: String) -> Ask {
    Ask::note(
        [
            "HMGET".to_owned(),
            key.clone(),
            "last_heartbeat".into(),
            "queues".into(),
        ],
        move |reply, picture| {
            let fields = items(reply);
            let text = |at: usize| fields.get(at).and_then(|field| field.text());
            let queues = text(1).unwrap_or_default().split(',').map(str::to_owned);
            picture.add_workers([Worker {
                name: key.rsplit(':').next().unwrap_or_default().to_owned(),
                heard: text(0).and_then(when::from_text).into(),
                serves: queues.filter(|queue| !queue.is_empty()).collect(),
            }]);
        },
    )
}

#[cfg(test)]
mod tests {
    use super::job_of;

    #[test]
    fn a_member_in_flight_names_its_job() {
        assert_eq!(job_of("3f1c:9a2b"), "3f1c");
        assert_eq!(job_of("3f1c"), "3f1c");
    }
}
