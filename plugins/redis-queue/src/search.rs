//! Which queues there are: those that are named, and those that a pattern finds in the library's own register or, where it
//! keeps none, among the keys.
//!
//! Flows in: the settings, and what the run before knew. Flows out: the first questions about each queue, and what the next
//! run should know. A queue that is known from the run before is asked about at once, so that a search costs no round trip of
//! its own but in the first run and for new queues.

use std::{collections::BTreeSet, rc::Rc};

use crate::{
    ask::Ask,
    backend::{self, Register},
    pattern::{escaped, fits, is_pattern},
    picture::Picture,
    reply::{page, texts},
    target::{Shared, Target},
};

/// Most queues of one check. Each is some ten commands and some ten series.
const QUEUES_MAX: usize = 500;

/// Elements of one page of `SSCAN` or `SCAN`: the most that the host lets pass, and less than a millisecond of Redis' time.
const PAGE: &str = "1000";

/// Pages of a register that are read: enough for [`QUEUES_MAX`] many times over.
const REGISTER_PAGES_MAX: u32 = 10;

/// Pages of the keyspace that the first run reads, so that it already knows the queues of a Redis with some 50,000 keys.
const FIRST_PAGES_MAX: u32 = 50;

/// What a search has found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    /// Queues that a pattern found.
    pub(crate) found: BTreeSet<String>,
    /// Those that this walk through the keyspace met; they are all there are once it ends.
    pub(crate) met: BTreeSet<String>,
    /// Where the walk goes on in the next run; "0": it begins anew.
    pub(crate) cursor: String,
    /// The register, or the walk, was read to its end in this run.
    pub(crate) complete: bool,
    /// More than [`QUEUES_MAX`] fit.
    pub(crate) too_many: bool,
    /// The first run does not know anything yet.
    first: bool,
}

impl Search {
    /// As the run before left it; none for the first run.
    pub(crate) fn resume(before: Option<(BTreeSet<String>, BTreeSet<String>, String)>) -> Self {
        let first = before.is_none();
        let (found, met, cursor) = before.unwrap_or_default();
        let cursor = if cursor.is_empty() { "0".to_owned() } else { cursor };
        Self {
            found,
            met,
            cursor,
            first,
            ..Self::default()
        }
    }
}

/// The first questions about all queues.
pub(crate) fn asks(target: &Shared, picture: &mut Picture) -> Vec<Ask> {
    let (patterns, names): (Vec<_>, Vec<_>) = target.settings.queues().into_iter().partition(|name| is_pattern(name));
    let known: Vec<String> = picture.search.found.iter().cloned().collect();
    picture.search.found.clear();
    let mut asks: Vec<Ask> = names.iter().flat_map(|name| admit(target, name, picture)).collect();
    if patterns.is_empty() {
        return asks;
    }
    asks.extend(known.iter().flat_map(|name| found(target, name, picture)));
    asks.push(match backend::register(target) {
        Register::Set(key, before) => {
            picture.search.met.clear();
            let register = Rc::new((key, before));
            register_page(target, &register, "0", 1)
        }
        Register::Keys(keys) => walk(target, &Rc::new(keys), picture),
    });
    asks
}

/// A queue that a pattern may have found.
fn found(target: &Shared, name: &str, picture: &mut Picture) -> Vec<Ask> {
    if !wanted(target, name) || !picture.search.found.insert(name.to_owned()) {
        return Vec::new();
    }
    admit(target, name, picture)
}

fn wanted(target: &Target, name: &str) -> bool {
    let included = target.settings.queues();
    let excluded = &target.settings.exclude;
    included.iter().any(|pattern| fits(pattern, name)) && !excluded.iter().any(|pattern| fits(pattern, name))
}

/// Asks about a queue unless it was asked about already.
fn admit(target: &Shared, name: &str, picture: &mut Picture) -> Vec<Ask> {
    if name.is_empty() || picture.queues.contains_key(name) {
        return Vec::new();
    }
    if picture.named().count() >= QUEUES_MAX {
        picture.search.too_many = true;
        return Vec::new();
    }
    picture.queue(name);
    backend::queue(target, name, picture)
}

/// One page of a set, given by its key and by what stands before each name.
fn register_page(target: &Shared, register: &Rc<(String, String)>, cursor: &str, number: u32) -> Ask {
    let (target, register) = (Rc::clone(target), Rc::clone(register));
    let words = ["SSCAN", &register.0, cursor, "COUNT", PAGE].map(str::to_owned);
    Ask::then(words, move |reply, picture| {
        let Some((cursor, members)) = page(reply) else {
            return Vec::new();
        };
        let names = members.iter().filter_map(|member| member.strip_prefix(&register.1));
        let names: Vec<String> = names.map(str::to_owned).collect();
        picture.search.met.extend(names.iter().cloned());
        let mut asks: Vec<Ask> = names.iter().flat_map(|name| found(&target, name, picture)).collect();
        if cursor == "0" {
            picture.search.complete = true;
        } else if number < REGISTER_PAGES_MAX {
            asks.push(register_page(&target, &register, &cursor, number + 1));
        }
        asks
    })
}

/// One page of the keyspace, or many in the first run.
fn walk(target: &Shared, keys: &Rc<Keys>, picture: &Picture) -> Ask {
    let pages = if picture.search.first { FIRST_PAGES_MAX } else { 1 };
    walk_page(target, keys, &picture.search.cursor, pages)
}

/// Keys that give queues away.
pub(crate) struct Keys {
    /// Before the name of the queue, as it is.
    pub(crate) before: String,
    /// After it.
    pub(crate) after: &'static str,
    /// What a queue is called whose key says this.
    pub(crate) queue: fn(&str) -> &str,
    /// None: the key holds the name. Else the key is a set, and this reads the name from a member.
    pub(crate) member: Option<fn(&Target, &str) -> Option<String>>,
}

impl Keys {
    fn pattern(&self) -> String {
        format!("{}*{}", escaped(&self.before), escaped(self.after))
    }

    fn name<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(&self.before)?.strip_suffix(self.after).map(self.queue)
    }
}

fn walk_page(target: &Shared, keys: &Rc<Keys>, cursor: &str, pages: u32) -> Ask {
    let (target, keys) = (Rc::clone(target), Rc::clone(keys));
    let words = ["SCAN", cursor, "MATCH", &keys.pattern(), "COUNT", PAGE].map(str::to_owned);
    Ask::then(words, move |reply, picture| {
        let Some((cursor, page)) = page(reply) else {
            return Vec::new();
        };
        let mut asks: Vec<Ask> = page.iter().flat_map(|key| met(&target, &keys, key, picture)).collect();
        picture.search.complete = cursor == "0";
        picture.search.cursor.clone_from(&cursor);
        if cursor != "0" && pages > 1 {
            asks.push(walk_page(&target, &keys, &cursor, pages - 1));
        }
        asks
    })
}

fn met(target: &Shared, keys: &Keys, key: &str, picture: &mut Picture) -> Vec<Ask> {
    let Some(read) = keys.member else {
        let Some(name) = keys.name(key) else { return Vec::new() };
        picture.search.met.insert(name.to_owned());
        return found(target, name, picture);
    };
    let target = Rc::clone(target);
    vec![Ask::then(["SMEMBERS", key], move |reply, picture| {
        let names: Vec<String> = texts(reply).iter().filter_map(|member| read(&target, member)).collect();
        picture.search.met.extend(names.iter().cloned());
        names.iter().flat_map(|name| found(&target, name, picture)).collect()
    })]
}

/// Queues that the run before knew and that are no more are taken out again, once it is known which there are.
pub(crate) fn settle(target: &Target, picture: &mut Picture) {
    if picture.search.complete {
        let met = std::mem::take(&mut picture.search.met);
        picture.search.found.retain(|name| met.contains(name));
        let names = target.settings.queues();
        let mut kept: BTreeSet<String> = names.into_iter().filter(|name| !is_pattern(name)).collect();
        kept.extend(picture.search.found.iter().cloned());
        picture.keep(&kept);
    }
    if picture.search.too_many {
        picture.cut_short(&format!(
            "more than {QUEUES_MAX} queues fit; name fewer in `queues`, or use more checks"
        ));
    }
}
