//! Sidekiq: a list of payloads for each queue; schedule, retries, dead jobs and processes for all queues together.
//!
//! Layout: sidekiq 6.4.1 and 8.1.7, `lib/sidekiq/client.rb`, `lib/sidekiq/launcher.rb`, `lib/sidekiq/api.rb`. Clients `LPUSH`,
//! processes `BRPOP`, so that the oldest job is at index -1; its `enqueued_at` is in seconds before version 8, in
//! milliseconds since. What threads work on stands in `PROCESS:workers` up to version 6, in `PROCESS:work` since.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{WORKERS_MAX, registered};
use crate::{
    ask::Ask,
    note,
    picture::{ALL, Picture, State, Worker},
    reply::{count, items, pairs},
    target::{Shared, plain},
    when,
};

/// The times in a payload; the rest is not kept.
#[derive(Deserialize)]
struct Payload {
    enqueued_at: Option<f64>,
    created_at: Option<f64>,
}

fn enqueued(payload: &str) -> Option<f64> {
    let payload: Payload = serde_json::from_str(payload).ok()?;
    when::from_number(payload.enqueued_at.or(payload.created_at)?)
}

pub(super) fn queue(target: &Shared, name: &str) -> Vec<Ask> {
    let list = target.key(&format!("queue:{name}"));
    vec![
        note::depth(name, State::Waiting, ["LLEN", &list]),
        note::waits_since(name, ["LINDEX", &list, "-1"], enqueued),
        note::paused(name, ["SISMEMBER", &target.key("paused"), name]),
    ]
}

pub(super) fn whole(target: &Shared, picture: &mut Picture) -> Vec<Ask> {
    let before = plain(target.overdue_before());
    let (schedule, retry) = (target.key("schedule"), target.key("retry"));
    let mut asks = vec![
        note::depth(ALL, State::Delayed, ["ZCARD", &schedule]),
        note::depth(ALL, State::Retry, ["ZCARD", &retry]),
        note::depth(ALL, State::Dead, ["ZCARD", &target.key("dead")]),
        note::overdue(ALL, ["ZCOUNT", &schedule, "-inf", &before]),
        note::overdue(ALL, ["ZCOUNT", &retry, "-inf", &before]),
        note::processed(ALL, ["GET", &target.key("stat:processed")]),
        note::failures(ALL, ["GET", &target.key("stat:failed")]),
    ];
    if target.settings.workers {
        picture.queue(ALL);
        let key = target.key("processes");
        asks.push(registered::workers(target, key, WORKERS_MAX, processes));
    }
    asks
}

fn processes(target: &Shared, picture: &mut Picture, names: &[String]) -> Vec<Ask> {
    picture.queue(ALL).count_from_zero(State::Active);
    names.iter().flat_map(|name| process(target, name)).collect()
}

fn process(target: &Shared, name: &str) -> Vec<Ask> {
    let key = target.key(name);
    let owned = name.to_owned();
    let about = Ask::note(["HMGET", &key, "info", "beat"], move |reply, picture| {
        let fields = items(reply);
        let text = |at: usize| fields.get(at).and_then(|field| field.text());
        picture.add_workers([Worker {
            name: owned,
            heard: text(1).and_then(when::from_text).into(),
            serves: text(0).map(queues_of).unwrap_or_default(),
        }]);
    });
    let busy = ["work", "workers"].map(|kind| threads(&format!("{key}:{kind}")));
    std::iter::once(about).chain(busy.into_iter().flatten()).collect()
}

/// Of a process. The names of queues may come with a weight in some versions; what is no name is passed over.
fn queues_of(info: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct About {
        #[serde(default, deserialize_with = "names")]
        queues: Vec<String>,
    }
    serde_json::from_str::<About>(info)
        .map(|about| about.queues)
        .unwrap_or_default()
}

/// What a process may serve: a configuration has some ten queues, and a list without end shall take no room.
const QUEUES_MAX: usize = 1_000;

fn names<'de, D: Deserializer<'de>>(json: D) -> Result<Vec<String>, D::Error> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of queues")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<String>, A::Error> {
            let mut names = Vec::new();
            while let Some(Name(name)) = items.next_element()? {
                names.extend(name.filter(|_| names.len() < QUEUES_MAX));
            }
            Ok(names)
        }
    }
    json.deserialize_seq(Names)
}

/// A name, or something else.
struct Name(Option<String>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                Ok(Name(Some(name.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Name, E> {
                Ok(Name(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Name, E> {
                Ok(Name(None))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Name, E> {
                Ok(Name(None))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Name, E> {
                Ok(Name(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Name, E> {
                Ok(Name(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Name, A::Error> {
                IgnoredAny.visit_seq(items).map(|_| Name(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Name, A::Error> {
                IgnoredAny.visit_map(members).map(|_| Name(None))
            }
        }
        json.deserialize_any(Any)
    }
}

/// What the threads of a process work on: a hash with an entry for each busy one, the job in it. Jobs may be too large to be read; how
/// many there are is known all the same.
fn threads(key: &str) -> [Ask; 2] {
    let busy = Ask::note(["HLEN", key], |reply, picture| {
        let all = picture.queue(ALL);
        let before = all.depth(State::Active).unwrap_or(0);
        all.set_depth(State::Active, before + count(&reply).unwrap_or(0));
    });
    let since = Ask::note(["HGETALL", key], |reply, picture| {
        for started in pairs(reply).iter().filter_map(|(_, work)| run_at(work.text()?)) {
            picture.queue(ALL).in_flight_since(started);
        }
    });
    [busy, since]
}

fn run_at(work: &str) -> Option<f64> {
    #[derive(Deserialize)]
    struct Work {
        run_at: f64,
    }
    when::from_number(serde_json::from_str::<Work>(work).ok()?.run_at)
}
