//! Finding, among many lists of matchers, those that hold for some labels, without trying each: pure.
//!
//! Most lists ask for one exact value somewhere, such as `alertname="Disk"`; they are tried only for labels that have it. Ten
//! thousand alerts against a hundred rules stay cheap for that reason.

use std::{collections::HashMap, sync::Arc};

use bellwether_promql::{ast::MatchOp, labels::Labels};

use crate::alert::{ALERT_NAME, Matcher};

/// The label with which rules say how bad it is.
const SEVERITY: &str = "severity";

/// Lists of matchers by a key each.
#[derive(Clone, Debug)]
pub(super) struct Selection<K> {
    /// Under one exact value that each asks for.
    exact: HashMap<Arc<str>, HashMap<Arc<str>, Vec<K>>>,
    /// That ask for none.
    rest: Vec<K>,
}

impl<K> Default for Selection<K> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            rest: Vec::new(),
        }
    }
}

impl<K: Clone + PartialEq> Selection<K> {
    /// Adds one.
    pub(super) fn add(&mut self, key: K, matchers: &[Matcher]) {
        match pivot(matchers) {
            Some(pivot) => {
                let values = self.exact.entry(Arc::clone(pivot.name())).or_default();
                values.entry(Arc::clone(pivot.value())).or_default().push(key);
            }
            None => self.rest.push(key),
        }
    }

    /// Takes one out that was added with these matchers.
    pub(super) fn remove(&mut self, key: &K, matchers: &[Matcher]) {
        let Some(pivot) = pivot(matchers) else {
            return self.rest.retain(|own| own != key);
        };
        let Some(values) = self.exact.get_mut(pivot.name()) else {
            return;
        };
        if let Some(keys) = values.get_mut(pivot.value()) {
            keys.retain(|own| own != key);
            if keys.is_empty() {
                values.remove(pivot.value());
            }
        }
        if values.is_empty() {
            self.exact.remove(pivot.name());
        }
    }

    /// All that may hold for labels; whether they do must be asked of their matchers.
    pub(super) fn candidates<'s>(&'s self, labels: &Labels) -> impl Iterator<Item = &'s K> {
        let exact = self.exact.iter().filter_map(|(name, values)| {
            let value = labels.get(name)?;
            values.get(value)
        });
        exact.flatten().chain(&self.rest)
    }
}

/// The matcher that tells most: an exact value that is not empty, the alert's name before all others, how bad it is after them.
fn pivot(matchers: &[Matcher]) -> Option<&Matcher> {
    let exact = matchers
        .iter()
        .filter(|matcher| matcher.op() == MatchOp::Equal && !matcher.value().is_empty());
    exact.min_by_key(|matcher| match &**matcher.name() {
        ALERT_NAME => 0,
        // Every third alert has the same one.
        SEVERITY => 2,
        _ => 1,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matchers(text: &str) -> Vec<Matcher> {
        Matcher::parse_list(text).unwrap()
    }

    fn found(selection: &Selection<u32>, labels: &Labels) -> Vec<u32> {
        let mut found: Vec<u32> = selection.candidates(labels).copied().collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn only_lists_that_may_hold_are_tried() {
        let mut selection = Selection::default();
        let lists = [
            r#"severity="critical",alertname="Disk""#,
            "team=db",
            r#"team=~"d.*""#,
            "team=",
        ];
        for (key, text) in (0..).zip(lists) {
            selection.add(key, &matchers(text));
        }
        let labels = Labels::new([("alertname", "Disk"), ("severity", "info")]);
        assert_eq!(found(&selection, &labels), [0, 2, 3]);
        assert_eq!(found(&selection, &Labels::new([("severity", "critical")])), [2, 3]);
        selection.remove(&0, &matchers(lists[0]));
        selection.remove(&3, &matchers(lists[3]));
        assert_eq!(found(&selection, &labels), [2]);
        assert!(!selection.exact.contains_key(ALERT_NAME));
    }

    proptest! {
        #[test]
        fn whatever_holds_is_among_the_candidates(
            lists in prop::collection::vec(prop::collection::vec(("[ab]", "(=|!=|=~|!~)", "[xy]?"), 0..3), 0..8),
            labels in prop::collection::vec(("[abc]", "[xyz]"), 0..3),
        ) {
            let lists: Vec<Vec<Matcher>> = lists
                .iter()
                .map(|list| list.iter().map(|(name, op, value)| Matcher::parse(&format!("{name}{op}{value}")).unwrap()).collect())
                .collect();
            let labels = Labels::new(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let mut selection = Selection::default();
            for (key, list) in lists.iter().enumerate() {
                selection.add(key, list);
            }
            let candidates: Vec<usize> = selection.candidates(&labels).copied().collect();
            for (key, list) in lists.iter().enumerate() {
                if list.iter().all(|matcher| matcher.matches(&labels)) {
                    prop_assert!(candidates.contains(&key));
                }
            }
        }
    }
}
