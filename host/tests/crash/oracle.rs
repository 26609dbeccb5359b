//! What must be true of notifications, whatever happened in between.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::{hook::Heard, stream::Episode};

/// An alert that lasted this long, in milliseconds, was heard of: it was there at a flush, `group_wait` and `group_interval` being a
/// second each, and a process that is killed every second and a half takes a while to come to one.
const LASTED: i64 = 10_000;

/// One alert of one notification.
#[derive(Clone, Debug)]
struct Told {
    key: (String, String),
    is_firing: bool,
    starts: i64,
    ends: i64,
}

/// A line for each broken guarantee.
pub(crate) fn judge(story: &[Episode], heard: &[Heard]) -> Vec<String> {
    let mut problems = Vec::new();
    told_twice(heard, &mut problems);
    told_falsely(story, heard, &mut problems);
    not_told(story, heard, &mut problems);
    problems
}

/// A notification comes again only where a crash, or an answer that did not arrive, lies between; and says the same. Each crash brings at
/// most one of a group again, since one is in flight.
pub(crate) fn told_twice(heard: &[Heard], problems: &mut Vec<String>) {
    let mut last: BTreeMap<&str, &Heard> = BTreeMap::new();
    let mut excuses: BTreeSet<(String, u64)> = BTreeSet::new();
    for now in heard {
        let Some(before) = last.insert(&now.id, now) else {
            continue;
        };
        let group = now.body["groupKey"].to_string();
        let mut crashes = before.crashes + 1..=now.crashes;
        // The first crash that no other notification of the group came again for.
        if !before.is_ambiguous && !crashes.any(|crash| excuses.insert((group.clone(), crash))) {
            problems.push(format!("{} came twice for no reason", now.id));
        }
        if before.body != now.body {
            problems.push(format!(
                "{} came again and was different:\n  {}\n  {}",
                now.id, before.body, now.body
            ));
        }
    }
}

fn told(heard: &Heard) -> Vec<Told> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let time = |value: &Value| -> i64 {
        let time: Timestamp = text(value).parse().expect("a time");
        time.as_millisecond()
    };
    let alerts = heard.body["alerts"].as_array().expect("alerts");
    alerts
        .iter()
        .map(|alert| Told {
            key: (text(&alert["labels"]["alertname"]), text(&alert["labels"]["member"])),
            is_firing: alert["status"] == "firing",
            starts: time(&alert["startsAt"]),
            ends: time(&alert["endsAt"]),
        })
        .collect()
}

/// Whatever is told is true: it began then, and it ended then where it is said to have ended.
fn told_falsely(story: &[Episode], heard: &[Heard], problems: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for now in heard.iter().filter(|now| seen.insert(&now.id)) {
        for told in told(now) {
            let is_it = |episode: &&Episode| {
                (&episode.group, &episode.member) == (&told.key.0, &told.key.1) && episode.starts == told.starts
            };
            match story.iter().find(is_it) {
                None => problems.push(format!("{told:?} never began")),
                Some(episode) if !told.is_firing && episode.ends != Some(told.ends) => {
                    problems.push(format!("{told:?} is said to be over: {episode:?}"));
                }
                Some(_) => {}
            }
        }
    }
}

/// Notifications of a group that are accepted while an alert fires and after which none may be silent about it: one may have been
/// attempted before it began, another one may have been composed, and both are sent as they are.
const OLD_ONES: usize = 2;

/// Whether the receiver took so little of its group, until the alert began anew, that this beginning is not the latest state of anything
/// it was told: then only the later one is owed.
fn is_superseded(episode: &Episode, story: &[Episode], heard: &[Heard]) -> bool {
    let later = story.iter().filter(|later| {
        (&later.group, &later.member) == (&episode.group, &episode.member) && later.starts > episode.starts
    });
    let Some(next) = later.map(|later| later.starts).min() else {
        return false;
    };
    let of_group = heard
        .iter()
        .filter(|heard| heard.body["groupLabels"]["alertname"] == *episode.group);
    let meanwhile = of_group.filter(|heard| (episode.starts..next).contains(&heard.at));
    meanwhile.map(|heard| &heard.id).collect::<BTreeSet<_>>().len() <= OLD_ONES
}

/// What lasted was told, and what was told as firing is told as over in the end.
fn not_told(story: &[Episode], heard: &[Heard], problems: &mut Vec<String>) {
    let mut began: BTreeSet<((String, String), i64)> = BTreeSet::new();
    let mut last: BTreeMap<(String, String), Told> = BTreeMap::new();
    for told in heard.iter().flat_map(told) {
        began.insert((told.key.clone(), told.starts));
        last.insert(told.key.clone(), told);
    }
    for episode in story {
        let key = (episode.group.clone(), episode.member.clone());
        let lasted = episode.ends.map_or(i64::MAX, |ends| ends - episode.starts);
        let is_told = began.contains(&(key, episode.starts));
        if lasted >= LASTED && !is_told && !is_superseded(episode, story, heard) {
            problems.push(format!("nobody was told of {episode:?}, which lasted {lasted} ms"));
        }
    }
    for told in last.values().filter(|told| told.is_firing) {
        problems.push(format!("nobody was told that {told:?} is over"));
    }
}
