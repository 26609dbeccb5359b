//! Sorted sets of an application's own, where no library is known.

use crate::{
    ask::Ask,
    note,
    picture::State,
    settings::Score,
    target::{Shared, plain},
};

pub(super) fn queue(target: &Shared, name: &str) -> Vec<Ask> {
    let per_second = match target.settings.zset.clone().unwrap_or_default().score {
        Score::DueSeconds => 1.0,
        Score::DueMilliseconds => 1e3,
        Score::Priority => return vec![note::depth(name, State::Waiting, ["ZCARD", name])],
    };
    let now = target.now;
    let due = plain(now * per_second);
    vec![
        note::depth(name, State::Waiting, ["ZCOUNT", name, "-inf", &due]),
        note::depth(name, State::Delayed, ["ZCOUNT", name, &format!("({due}"), "+inf"]),
        note::first_score(name, name, move |queue, score| {
            let at = score / per_second;
            if at <= now {
                queue.waits_since(at);
            }
        }),
    ]
}
