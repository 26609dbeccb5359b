//! Workers that a library registers in a set.
//!
//! Flows in: the set's key. Flows out: the names in it, page by page, to a function that asks about them. It stops at a limit
//! and says so: workers beyond it are neither counted nor missed. What a worker is, is not known here.

use std::{collections::BTreeSet, rc::Rc};

use crate::{ask::Ask, picture::Picture, reply::page, target::Shared};

/// Most pages of the set: some hold less than they may, and a set that changes all the time must not keep the run busy.
const PAGES_MAX: usize = 10;

/// Elements of a page: the most that the host lets pass.
const PAGE: &str = "1000";

/// Asks about the workers of a page; called with none as well, so that no workers are told from unknown ones.
pub(super) type About = fn(&Shared, &mut Picture, &[String]) -> Vec<Ask>;

/// Where the workers are, and how many of them are looked at.
#[derive(Clone)]
struct Registered {
    target: Shared,
    key: String,
    most: usize,
    about: About,
}

/// The first question about the set `key`; of its workers at most `most` are looked at.
pub(super) fn workers(target: &Shared, key: String, most: usize, about: About) -> Ask {
    let registered = Registered {
        target: Rc::clone(target),
        key,
        most,
        about,
    };
    registered.page("0".to_owned(), BTreeSet::new(), 1)
}

impl Registered {
    /// A page may repeat names of earlier ones.
    fn page(self, cursor: String, mut seen: BTreeSet<String>, number: usize) -> Ask {
        let words = [
            "SSCAN".to_owned(),
            self.key.clone(),
            cursor,
            "COUNT".into(),
            PAGE.into(),
        ];
        Ask::then(words, move |reply, picture| {
            picture.add_workers([]);
            let Some((next, names)) = page(reply) else {
                return Vec::new();
            };
            let mut fresh: Vec<String> = names.into_iter().filter(|name| seen.insert(name.clone())).collect();
            let (before, more) = (seen.len() - fresh.len(), next != "0");
            fresh.truncate(self.most - before);
            let mut asks = (self.about)(&self.target, picture, &fresh);
            let problem = if seen.len() > self.most {
                Some(format!(
                    "more than {} workers are registered; the others are not looked at",
                    self.most
                ))
            } else {
                let unread = more && number == PAGES_MAX;
                unread.then(|| "workers are registered in more pages than are read".to_owned())
            };
            match problem {
                Some(why) => picture.problem(&format!("SSCAN {}", self.key), &why),
                // There may be an empty page after the last worker.
                None if more => asks.push(self.page(next, seen, number + 1)),
                None => {}
            }
            asks
        })
    }
}
