//! Consumer groups of streams. Each group is a queue, called `STREAM/GROUP`.
//!
//! Layout: Redis' own commands, `XINFO STREAM`, `XINFO GROUPS`, `XINFO CONSUMERS`, `XPENDING` (7.0.15). The lag of a group is null when Redis
//! cannot know it: after deletions, or when the group began somewhere within. Then entries are counted, up to a bound.

use std::rc::Rc;

use bellwether_sdk::redis::Reply;

use crate::{
    ask::Ask,
    pattern::fits,
    picture::{Picture, State},
    reply::{count, field, items, pairs},
    streams::{Group, queue_name, time_of},
    target::Shared,
};

/// Entries that are counted at most where Redis does not know the lag. They are read whole, so there must not be many.
const COUNTED_MAX: u64 = 100;

/// Said of a stream that is not there.
const NO_STREAM: &str =
    "there is no stream of this name: it is misspelt, in another database, or nobody has written to it yet";

/// Pending entries of one answer: four short fields each.
const PENDING_PAGE: usize = 100;

/// Pending entries of a group among which Redis is asked for older ones than those of the first page. It walks over all of them for
/// that, at some 100 ns each, and answers nobody meanwhile.
const PENDING_SEARCHED_MAX: u64 = 100_000;

/// Searches of one run. Each finds a page of older ones, and only those who claim entries anew all the time need more than one.
const SEARCHES_MAX: usize = 10;

/// What is older than this by less is as old: between two answers all entries age alike.
const AGE_SLACK_MS: u64 = 1_000;

/// What Redis says about one group.
struct Said {
    name: String,
    last_delivered: String,
    lag: Option<u64>,
    pending: u64,
}

pub(super) fn stream(target: &Shared, stream: &str, picture: &mut Picture) -> Vec<Ask> {
    // The queues are its groups, and those are not known yet.
    picture.streams.entry(stream.to_owned()).or_default();
    let owned = stream.to_owned();
    let length = Ask::note(["XLEN", stream], move |reply, picture| {
        picture.streams.entry(owned).or_default().length = count(&reply);
    });
    vec![length, groups(target, stream)]
}

fn groups(target: &Shared, stream: &str) -> Ask {
    let (target, stream) = (Rc::clone(target), stream.to_owned());
    let absent = stream.clone();
    Ask::then(
        ["XINFO".to_owned(), "GROUPS".to_owned(), stream.clone()],
        move |reply, picture| {
            let said = items(reply)
                .into_iter()
                .filter_map(|group| said(&target, &stream, group, picture));
            let said: Vec<Said> = said.collect();
            if !said.is_empty() {
                picture.queues.remove(&stream);
            }
            said.iter().flat_map(|group| details(&target, &stream, group)).collect()
        },
    )
    .or_without_key(move |picture| {
        picture.queue(&absent).uncounted = Some(NO_STREAM.to_owned());
    })
}

/// Writes down what a group says of itself.
fn said(target: &Shared, stream: &str, group: Reply, picture: &mut Picture) -> Option<Said> {
    let fields = pairs(group);
    let text = |name: &str| field(&fields, name)?.text().map(str::to_owned);
    let number = |name: &str| field(&fields, name).and_then(count);
    let name = text("name")?;
    let wanted = target.settings.groups.as_ref();
    if wanted.is_some_and(|groups| !groups.iter().any(|pattern| fits(pattern, &name))) {
        return None;
    }
    let known = Group {
        lag: number("lag"),
        pending: number("pending"),
        consumers: number("consumers"),
        ..Group::default()
    };
    let queue = picture.queue(&queue_name(stream, &name));
    if let Some(pending) = known.pending {
        queue.set_depth(State::Active, pending);
    }
    if let Some(lag) = known.lag {
        queue.set_depth(State::Waiting, lag);
    }
    let (lag, pending) = (known.lag, known.pending.unwrap_or(0));
    picture
        .streams
        .entry(stream.to_owned())
        .or_default()
        .groups
        .insert(name.clone(), known);
    Some(Said {
        name,
        last_delivered: text("last-delivered-id")?,
        lag,
        pending,
    })
}

fn details(target: &Shared, stream: &str, group: &Said) -> [Ask; 3] {
    [
        undelivered(stream, group),
        pending(target, stream, group),
        consumers(stream, &group.name),
    ]
}

/// The first entries that nobody was given: one for the age, more where they must be counted.
fn undelivered(stream: &str, group: &Said) -> Ask {
    let (stream, name) = (stream.to_owned(), group.name.clone());
    let lag_unknown = group.lag.is_none();
    let wanted = if lag_unknown { COUNTED_MAX } else { 1 };
    let after = format!("({}", group.last_delivered);
    let words = ["XRANGE", &stream, &after, "+", "COUNT", &wanted.to_string()].map(str::to_owned);
    Ask::note(words, move |reply, picture| {
        let entries = items(reply);
        let first = entries.first().and_then(entry_time);
        if let Some(at) = first {
            picture.queue(&queue_name(&stream, &name)).waits_since(at);
        }
        if lag_unknown {
            counted(&stream, &name, entries.len() as u64, picture);
        }
    })
}

fn entry_time(entry: &Reply) -> Option<f64> {
    let Reply::Array(parts) = entry else { return None };
    time_of(parts.first()?.text()?)
}

fn counted(stream: &str, group: &str, entries: u64, picture: &mut Picture) {
    let queue = picture.queue(&queue_name(stream, group));
    if entries >= COUNTED_MAX {
        queue.at_least = Some(entries);
        return;
    }
    queue.set_depth(State::Waiting, entries);
    if let Some(group) = picture
        .streams
        .entry(stream.to_owned())
        .or_default()
        .groups
        .get_mut(group)
    {
        group.lag = Some(entries);
    }
}

/// Entries that were given out and not acknowledged, those with the lowest ids: how long ago each was last given out, and how often
/// the oldest was. Entries are given out in the order of their ids, so the one that is out longest is among the first, unless those
/// were claimed anew. That is for Redis to say where there are more.
fn pending(target: &Shared, stream: &str, group: &Said) -> Ask {
    let (now, stream, name, all) = (target.now, stream.to_owned(), group.name.clone(), group.pending);
    let words = ["XPENDING", &stream, &name, "-", "+", &PENDING_PAGE.to_string()].map(str::to_owned);
    Ask::then(words, move |reply, picture| {
        let entries: Vec<Vec<Reply>> = items(reply).into_iter().map(items).collect();
        let known = picture.streams.entry(stream.clone()).or_default();
        let known = known.groups.entry(name.clone()).or_default();
        known.deliveries = entries.first().and_then(|entry| entry.get(3)).and_then(count);
        let Some(idle) = longest(&entries) else {
            return Vec::new();
        };
        picture
            .queue(&queue_name(&stream, &name))
            .in_flight_since(now - seconds(idle));
        let searched = entries.len() >= PENDING_PAGE && all <= PENDING_SEARCHED_MAX;
        searched
            .then(|| older(now, stream, name, idle, 1))
            .into_iter()
            .collect()
    })
}

/// Milliseconds since the entry was given out that is out longest.
fn longest(entries: &[Vec<Reply>]) -> Option<u64> {
    entries.iter().filter_map(|entry| entry.get(2).and_then(count)).max()
}

fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1e3
}

/// Whether any entry of the group has been out for longer than `idle` milliseconds. `search`: of this group in this run, from 1.
fn older(now: f64, stream: String, group: String, idle: u64, search: usize) -> Ask {
    let beyond = (idle + AGE_SLACK_MS).to_string();
    let page = PENDING_PAGE.to_string();
    let words = ["XPENDING", &stream, &group, "IDLE", &beyond, "-", "+", &page].map(str::to_owned);
    Ask::then(words, move |reply, picture| {
        let entries: Vec<Vec<Reply>> = items(reply).into_iter().map(items).collect();
        let Some(idle) = longest(&entries) else {
            return Vec::new();
        };
        picture
            .queue(&queue_name(&stream, &group))
            .in_flight_since(now - seconds(idle));
        let goes_on = entries.len() >= PENDING_PAGE && search < SEARCHES_MAX;
        goes_on
            .then(|| older(now, stream, group, idle, search + 1))
            .into_iter()
            .collect()
    })
}

fn consumers(stream: &str, group: &str) -> Ask {
    let (stream, group) = (stream.to_owned(), group.to_owned());
    Ask::note(
        ["XINFO".into(), "CONSUMERS".into(), stream.clone(), group.clone()],
        move |reply, picture| {
            for consumer in items(reply) {
                let fields = pairs(consumer);
                let number = |name: &str| field(&fields, name).and_then(count);
                let Some((name, idle)) = field(&fields, "name").and_then(|name| name.text()).zip(number("idle")) else {
                    continue;
                };
                let idle = idle as f64 / 1e3;
                if number("pending").is_some_and(|pending| pending > 0) {
                    picture
                        .queue(&queue_name(&stream, &group))
                        .consumers
                        .push((name.to_owned(), idle));
                }
                let known = picture
                    .streams
                    .entry(stream.clone())
                    .or_default()
                    .groups
                    .entry(group.clone())
                    .or_default();
                known.idle.push((name.to_owned(), idle));
            }
        },
    )
}
