//! Which families are kept, and what they and their labels are called. Pure.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_sdk::{Failure, pattern::WholePattern, work::Cost};

use crate::{
    exposition::LabelSet,
    settings::{Rename, Target},
};

/// Put before a label that must give way, as Prometheus does.
const EXPORTED: &str = "exported_";

/// What the settings ask for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) keep: Option<Vec<WholePattern>>,
    pub(crate) drop: Vec<WholePattern>,
    pub(crate) rename: Vec<Rename>,
    pub(crate) prefix: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) drop_labels: BTreeSet<String>,
    pub(crate) rename_labels: BTreeMap<String, String>,
    pub(crate) target_label: Option<String>,
}

impl Rules {
    /// Names from the settings are names, `own` being those of the targets.
    pub(crate) fn check<'s>(&'s self, own: impl Iterator<Item = &'s String>) -> Result<(), Failure> {
        let added = self
            .labels
            .keys()
            .chain(self.rename_labels.values())
            .chain(&self.target_label);
        match added.chain(own).find(|name| !is_label(name)) {
            Some(name) => Err(Failure::settings(format_args!(
                "`{name}` is no label name: letters, digits and `_`, not beginning with a digit or `__`"
            ))),
            None => Ok(()),
        }
    }

    /// What a byte of the names of families costs at worst. An expression that fits is gone through twice more to replace.
    pub(crate) fn cost(&self) -> Cost {
        let selected = self.keep.iter().flatten().chain(&self.drop).map(WholePattern::cost);
        let renamed = self.rename.iter().map(|rename| rename.from.cost().times(3));
        selected.chain(renamed).sum()
    }

    /// Whether a family of that name is kept.
    pub(crate) fn keeps(&self, name: &str) -> bool {
        let fits = |patterns: &[WholePattern]| patterns.iter().any(|pattern| pattern.fits(name));
        self.keep.as_deref().is_none_or(fits) && !fits(&self.drop)
    }

    /// The new name; none when it would be no name.
    pub(crate) fn name(&self, name: &str) -> Option<String> {
        let renamed = self
            .rename
            .iter()
            .find_map(|rename| rename.from.replace(name, &rename.to));
        let named = format!("{}{}", self.prefix, renamed.as_deref().unwrap_or(name));
        is_metric(&named).then_some(named)
    }

    /// The labels of a series of `target`.
    pub(crate) fn relabel(&self, labels: LabelSet, target: &Target) -> LabelSet {
        let added = self.added(target);
        let mut relabelled: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in labels {
            if self.drop_labels.contains(&name) || name.starts_with("__") {
                continue;
            }
            let mut name = self.rename_labels.get(&name).cloned().unwrap_or(name);
            while added.contains_key(name.as_str()) || relabelled.contains_key(&name) {
                name.insert_str(0, EXPORTED);
            }
            relabelled.insert(name, value);
        }
        for (name, value) in added {
            if !value.is_empty() {
                relabelled.insert(name.to_owned(), value.to_owned());
            }
        }
        relabelled.into_iter().collect()
    }

    /// What the settings put on each series of `target`.
    pub(crate) fn added<'r>(&'r self, target: &'r Target) -> BTreeMap<&'r str, &'r str> {
        let of_check = self.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let of_target = target
            .labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let name = self.target_label.as_deref().map(|label| (label, target.name.as_str()));
        name.into_iter().chain(of_check).chain(of_target).collect()
    }
}

fn is_label(name: &str) -> bool {
    let word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    word && !name.is_empty() && !name.starts_with("__") && !name.as_bytes()[0].is_ascii_digit()
}

fn is_metric(name: &str) -> bool {
    let word = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':');
    word && !name.is_empty() && !name.as_bytes()[0].is_ascii_digit()
}
