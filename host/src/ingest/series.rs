//! Which label sets a source may have, so that one application cannot fill the host. Pure.

use std::{collections::BTreeSet, sync::Arc};

/// What stands for a value when there are too many others.
pub const OTHER: &str = "other";

/// Longest label value that is kept, in bytes; a release or a route is shorter.
const VALUE_BYTES_MAX: usize = 200;

/// Label sets seen, up to a limit.
#[derive(Clone, Debug)]
pub struct SeriesBudget {
    max: usize,
    known: BTreeSet<(&'static str, Vec<Arc<str>>)>,
    /// How many points had to be told as `other` since the start.
    folded: u64,
}

impl SeriesBudget {
    /// For at most `max` label sets over all families.
    pub const fn new(max: usize) -> Self {
        Self {
            max,
            known: BTreeSet::new(),
            folded: 0,
        }
    }

    /// The label values to count a point under: its own while there is room, else with every value that is `open` (of which an
    /// application may have any number) as `other`. Nothing is lost from a sum.
    pub fn admit(&mut self, family: &'static str, values: &[&str], open: &[bool]) -> Vec<Arc<str>> {
        let own: Vec<Arc<str>> = values.iter().map(|value| Arc::from(shortened(value))).collect();
        let key = (family, own);
        if self.known.contains(&key) {
            return key.1;
        }
        if self.known.len() < self.max {
            self.known.insert(key.clone());
            return key.1;
        }
        self.folded += 1;
        let folded = key.1.into_iter().zip(open);
        folded
            .map(|(value, open)| if *open { Arc::from(OTHER) } else { value })
            .collect()
    }

    /// Label sets that are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Points that were told as `other`.
    pub const fn folded(&self) -> u64 {
        self.folded
    }
}

fn shortened(value: &str) -> &str {
    let mut end = value.len().min(VALUE_BYTES_MAX);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    &value[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_points_are_told_together_and_known_ones_stay() {
        let mut budget = SeriesBudget::new(2);
        let open = [false, true];
        let text = |values: Vec<Arc<str>>| values.iter().map(|value| value.to_string()).collect::<Vec<_>>();
        for route in ["/a", "/b"] {
            assert_eq!(text(budget.admit("f", &["shop", route], &open)), ["shop", route]);
        }
        assert_eq!(text(budget.admit("f", &["shop", "/c"], &open)), ["shop", OTHER]);
        assert_eq!(text(budget.admit("f", &["shop", "/a"], &open)), ["shop", "/a"]);
        assert_eq!((budget.len(), budget.folded()), (2, 1));
    }

    #[test]
    fn values_are_cut_between_characters() {
        let mut budget = SeriesBudget::new(10);
        let long = "ä".repeat(300);
        let admitted = budget.admit("f", &[&long], &[true]);
        assert_eq!(admitted[0].len(), 200);
    }
}
