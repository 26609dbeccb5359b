//! Which series rules read. Pure.

use std::{collections::HashMap, sync::Arc};

use bellwether_promql::{
    ast::{MatchOp, Matcher},
    labels::{Labels, METRIC_NAME},
};

use super::index::satisfied;

/// Selectors by the name they ask for: a thousand rules are held against each new series.
#[derive(Debug, Default)]
pub(super) struct Selection {
    by_name: HashMap<Arc<str>, Vec<Arc<[Matcher]>>>,
    of_any_name: Vec<Arc<[Matcher]>>,
}

impl Selection {
    pub(super) fn new(selectors: impl Iterator<Item = Arc<[Matcher]>>) -> Self {
        let mut selection = Self::default();
        for selector in selectors {
            let named = |matcher: &&Matcher| *matcher.name == *METRIC_NAME && matcher.op == MatchOp::Equal;
            match selector.iter().find(named).map(|matcher| Arc::clone(&matcher.value)) {
                Some(name) => selection.by_name.entry(name).or_default().push(selector),
                None => selection.of_any_name.push(selector),
            }
        }
        selection
    }

    pub(super) fn selects(&self, labels: &Labels) -> bool {
        let of_name = labels.metric_name().and_then(|name| self.by_name.get(name));
        let mut all = of_name.into_iter().flatten().chain(&self.of_any_name);
        all.any(|selector| satisfied(selector, labels))
    }
}
