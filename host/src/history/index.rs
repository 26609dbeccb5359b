//! Which series satisfy some matchers.
//!
//! By label, by value: the numbers of the series that have it, ascending. A regular expression is tried on the values of a label,
//! not on every series. Immutable and shared; series that came since it was built stand in a short list beside it, and it is
//! built anew when that is no longer short. Series that are gone stay in it until then: whoever asks knows which are.

use std::{collections::HashMap, sync::Arc};

use bellwether_promql::{
    ast::{MatchOp, Matcher},
    labels::Labels,
};

/// Series that are looked at one by one before the index is built anew, at least; and one in how many of all.
const RECENT_MIN: usize = 256;
const RECENT_SHARE: usize = 64;

/// So few candidates are asked themselves, or as few as a label has values: looking through those would take longer.
const FEW: usize = 64;

type Numbers = Vec<u32>;

#[derive(Debug, Default)]
struct Built {
    labels: HashMap<Arc<str>, HashMap<Arc<str>, Numbers>>,
    all: Numbers,
}

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    built: Arc<Built>,
    recent: Arc<Numbers>,
}

impl Index {
    /// Of all series, by ascending number.
    pub(super) fn of<'l>(series: impl Iterator<Item = (u32, &'l Labels)>) -> Self {
        let mut built = Built::default();
        for (number, labels) in series {
            built.all.push(number);
            for (name, value) in labels.iter() {
                // Most names are there already.
                if !built.labels.contains_key(name) {
                    built.labels.insert(Arc::clone(name), HashMap::new());
                }
                if let Some(values) = built.labels.get_mut(name) {
                    match values.get_mut(value) {
                        Some(numbers) => numbers.push(number),
                        None => {
                            values.insert(Arc::clone(value), vec![number]);
                        }
                    }
                }
            }
        }
        Self {
            built: Arc::new(built),
            recent: Arc::default(),
        }
    }

    /// One more series.
    pub(super) fn add(&mut self, number: u32) {
        Arc::make_mut(&mut self.recent).push(number);
    }

    /// Whether it is better built anew. `gone` are series in it that are no more.
    pub(super) fn is_worn(&self, gone: usize) -> bool {
        let most = RECENT_MIN.max(self.built.all.len() / RECENT_SHARE);
        self.recent.len() > most || gone > most.max(self.built.all.len() / 4)
    }

    /// Memory of one posting, for the account.
    pub(super) const POSTING_BYTES: usize = size_of::<u32>();

    /// Those that satisfy all, ascending. `labels` tells those of a series; `None`: it is gone.
    pub(super) fn find<'l>(&self, matchers: &[Matcher], labels: impl Fn(u32) -> Option<&'l Labels>) -> Vec<u32> {
        let mut found = self.built.find(matchers, &labels);
        let satisfies = |number: &u32| labels(*number).is_some_and(|labels| satisfied(matchers, labels));
        found.extend(self.recent.iter().copied().filter(satisfies));
        if !self.recent.is_empty() {
            found.sort_unstable();
        }
        found
    }
}

/// Whether labels satisfy all matchers.
pub(super) fn satisfied(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| satisfied_one(matcher, labels))
}

fn satisfied_one(matcher: &Matcher, labels: &Labels) -> bool {
    matcher.matches(labels.get(&matcher.name).map_or("", |value| value))
}

impl Built {
    fn find<'l>(&self, matchers: &[Matcher], labels: &impl Fn(u32) -> Option<&'l Labels>) -> Numbers {
        let mut wanted: Vec<&Matcher> = matchers.iter().collect();
        wanted.sort_by_key(|matcher| self.cost(matcher));
        let (mut found, rest) = match wanted.split_first() {
            Some((first, rest)) if !first.matches("") => (self.with(first, true), rest),
            Some(_) | None => (self.all.clone(), &wanted[..]),
        };
        for matcher in rest {
            let values = self.labels.get(&matcher.name).map_or(0, HashMap::len);
            if found.len() <= FEW.max(values) {
                let satisfies = |number: &u32| labels(*number).is_some_and(|labels| satisfied_one(matcher, labels));
                found.retain(satisfies);
            } else {
                self.narrow(&mut found, matcher);
            }
        }
        found.retain(|number| labels(*number).is_some());
        found
    }

    /// Those that leave few come first: one value, then values of a small label, then what says who may not.
    fn cost(&self, matcher: &Matcher) -> (bool, usize) {
        let values = self.labels.get(&matcher.name);
        let size = match matcher.op {
            MatchOp::Equal => values.and_then(|values| values.get(&matcher.value)).map_or(0, Vec::len),
            MatchOp::NotEqual | MatchOp::Regex | MatchOp::NotRegex => self.all.len() + values.map_or(0, HashMap::len),
        };
        (matcher.matches(""), size)
    }

    /// Series whose value of the label satisfies `wanted`.
    fn with(&self, matcher: &Matcher, wanted: bool) -> Numbers {
        let Some(values) = self.labels.get(&matcher.name) else {
            return Vec::new();
        };
        if matcher.op == MatchOp::Equal && wanted {
            return values.get(&matcher.value).cloned().unwrap_or_default();
        }
        let lists = values.iter().filter(|(value, _)| matcher.matches(value) == wanted);
        let mut all: Numbers = lists.flat_map(|(_, numbers)| numbers).copied().collect();
        all.sort_unstable();
        all
    }

    fn narrow(&self, found: &mut Numbers, matcher: &Matcher) {
        if matcher.matches("") {
            let excluded = self.with(matcher, false);
            retain(found, &excluded, false);
        } else {
            let wanted = self.with(matcher, true);
            retain(found, &wanted, true);
        }
    }
}

/// Keeps those of `found` that are in `list`, or are not. Both ascend.
fn retain(found: &mut Numbers, list: &[u32], present: bool) {
    let mut at = 0;
    found.retain(|number| {
        while list.get(at).is_some_and(|listed| listed < number) {
            at += 1;
        }
        (list.get(at) == Some(number)) == present
    });
}
