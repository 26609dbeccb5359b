//! Families over all checks: which names are taken, by what kind, and the blocks of those who report them.
//!
//! The first to report a family decides its kind, help and unit, until nobody reports it any more. Who contradicts is
//! refused with a reason and changes nothing.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    blocks::Blocks,
    snapshot::{Block, SnapshotFamily},
};
use crate::metric::{FamilyHead, LabelName, MetricKind, MetricName, Points, text};

/// Whose block it is: a check, or the host itself.
///
/// Ordered by a number and not by the name, because every family of every run is looked up by it: the number is the
/// check's place among all names, given anew whenever there are other checks.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    place: u32,
    name: Arc<str>,
}

impl Owner {
    /// The place itself.
    pub(super) fn place(&self) -> u32 {
        self.place
    }

    /// Of the check, or "".
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Stands before every check.
    pub(super) fn host() -> Self {
        Self::check(0, "".into())
    }

    /// `place`: 1 for the first check by name, and so on.
    pub(super) fn check(place: u32, name: Arc<str>) -> Self {
        Self { place, name }
    }
}

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Owner {}

impl PartialOrd for Owner {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Owner {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

/// `check` and the configured labels.
pub(super) type ExtraLabels = Arc<[(LabelName, Arc<str>)]>;

/// Why a family is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Another kind stands under this name.
    #[error("it is a {offered}, but {holder} already reports it as a {registered}")]
    Kind {
        offered: MetricKind,
        registered: MetricKind,
        holder: String,
    },
    /// Its samples would be taken for those of another family.
    #[error("its samples would be taken for those of `{with}`")]
    Clash { with: MetricName },
    /// The host's own names.
    #[error("names that start with `bellwether_` are the host's own")]
    Reserved,
    /// A label has the name of a configured one and so has its stand-in.
    #[error("it has both a label `{0}`, which the configuration sets, and `exported_{0}`")]
    LabelTaken(LabelName),
    /// A total changed its labels.
    #[error("its label names changed, and the host keeps a running total under the old ones")]
    LabelNames,
    /// A histogram changed its buckets.
    #[error("its bucket bounds changed, and the host keeps a histogram with the old ones")]
    Bounds,
    /// A total became a plain value or the other way round.
    #[error("the host keeps a running total under this name")]
    Total,
}

impl Refusal {
    /// A word for the counter.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Kind { .. } | Self::Total => "kind",
            Self::Clash { .. } => "clash",
            Self::Reserved => "reserved",
            Self::LabelTaken(_) | Self::LabelNames => "labels",
            Self::Bounds => "bounds",
        }
    }
}

#[derive(Debug)]
struct Slot {
    head: Arc<FamilyHead>,
    loose: bool,
    blocks: Blocks,
    /// Of the last snapshot, while nothing changed.
    ready: Option<Arc<[Arc<Block>]>>,
}

/// All families.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    slots: BTreeMap<MetricName, Slot>,
    /// Sample and family names in use, and by which family.
    claims: HashMap<String, MetricName>,
}

impl Catalog {
    /// Whether a family may stand beside what is there.
    pub(super) fn admits(&self, head: &FamilyHead) -> Result<(), Refusal> {
        match self.slots.get(&head.name) {
            Some(slot) if slot.head.kind != head.kind => Err(Refusal::Kind {
                offered: head.kind,
                registered: slot.head.kind,
                holder: holder(slot),
            }),
            Some(_) => Ok(()),
            None => self.clash(head).map_or(Ok(()), |with| Err(Refusal::Clash { with })),
        }
    }

    /// Replaces what `owner` reports under this name; no points remove it.
    pub(super) fn put(
        &mut self,
        owner: &Owner,
        head: &Arc<FamilyHead>,
        points: Points,
        labels: &ExtraLabels,
    ) -> Result<(), Refusal> {
        let Some(slot) = self
            .slots
            .get_mut(&head.name)
            .filter(|slot| slot.head.kind == head.kind)
        else {
            self.admits(head)?;
            self.open(head);
            return self.put(owner, head, points, labels);
        };
        if points.is_empty() {
            self.remove(owner, &head.name);
            return Ok(());
        }
        let unchanged =
            |block: &Arc<Block>| block.points() == &points && block.labels() == labels && block.head() == head;
        if !slot.blocks.get(owner).is_some_and(unchanged) {
            let head = if Arc::ptr_eq(head, &slot.head) || **head == *slot.head {
                &slot.head
            } else {
                head
            };
            let block = Block::new(Arc::clone(head), points, Arc::clone(labels), slot.loose);
            slot.blocks.insert(owner, Arc::new(block));
            slot.ready = None;
        }
        Ok(())
    }

    /// Gives every owner its new place. Who has none is gone, and its blocks were removed before.
    pub(super) fn reorder(&mut self, owners: &HashMap<Arc<str>, Owner>) {
        for slot in self.slots.values_mut() {
            slot.blocks.reorder(owners);
            slot.ready = None;
        }
    }

    /// Forgets what `owner` reports under this name; the last one gives the name free.
    pub(super) fn remove(&mut self, owner: &Owner, name: &MetricName) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        if slot.blocks.remove(owner) {
            slot.ready = None;
        }
        if slot.blocks.is_empty() {
            self.slots.remove(name);
            self.claims.retain(|_, family| family != name);
        }
    }

    /// The block of one owner.
    pub(super) fn block(&self, owner: &Owner, name: &MetricName) -> Option<&Arc<Block>> {
        self.slots.get(name)?.blocks.get(owner)
    }

    /// Everything, for a snapshot.
    pub(super) fn families(&mut self) -> Vec<SnapshotFamily> {
        let families = self.slots.values_mut().map(|slot| SnapshotFamily {
            head: Arc::clone(&slot.head),
            blocks: Arc::clone(
                slot.ready
                    .get_or_insert_with(|| slot.blocks.values().cloned().collect()),
            ),
            loose: slot.loose,
        });
        families.collect()
    }

    /// The family whose samples could not be told from those of `head`. A stem alone (a counter's name without
    /// `_total`) is no such case: it is given up instead.
    fn clash(&self, head: &FamilyHead) -> Option<MetricName> {
        strict_names(head).iter().find_map(|name| {
            let holder = self.claims.get(name)?;
            let slot = self.slots.get(holder)?;
            strict_names(&slot.head).contains(name).then(|| holder.clone())
        })
    }

    fn open(&mut self, head: &Arc<FamilyHead>) {
        let mut loose = false;
        for name in text::claimed_names(head) {
            match self.claims.get(&name).cloned() {
                Some(holder) if strict_names(head).contains(&name) => self.loosen(&holder),
                Some(_) => loose = true,
                None => {}
            }
        }
        let names = if loose {
            strict_names(head)
        } else {
            text::claimed_names(head)
        };
        for name in names {
            self.claims.insert(name, head.name.clone());
        }
        let slot = Slot {
            head: Arc::clone(head),
            loose,
            blocks: Blocks::default(),
            ready: None,
        };
        self.slots.insert(head.name.clone(), slot);
    }

    /// In OpenMetrics the family is no longer declared as what it is, and so gives up its stem.
    fn loosen(&mut self, name: &MetricName) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        slot.loose = true;
        slot.ready = None;
        for block in slot.blocks.values_mut().filter(|block| !block.is_loose()) {
            *block = Arc::new(Block::new(
                Arc::clone(block.head()),
                block.points().clone(),
                Arc::clone(block.labels()),
                true,
            ));
        }
        let kept = strict_names(&slot.head);
        self.claims
            .retain(|claimed, family| family != name || kept.contains(claimed));
    }
}

/// The names that cannot be given up: those of the samples, in either format.
fn strict_names(head: &FamilyHead) -> Vec<String> {
    match head.kind {
        MetricKind::Counter | MetricKind::Info => vec![head.name.to_string()],
        MetricKind::Gauge
        | MetricKind::Histogram
        | MetricKind::Summary
        | MetricKind::Untyped
        | MetricKind::StateSet => text::claimed_names(head),
    }
}

fn holder(slot: &Slot) -> String {
    match slot.blocks.first_owner() {
        Some(owner) if owner.name().is_empty() => "the host".to_owned(),
        Some(owner) => format!("check `{}`", owner.name()),
        None => "another check".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Sample;

    fn head(name: &str, kind: MetricKind) -> Arc<FamilyHead> {
        Arc::new(FamilyHead {
            name: MetricName::new(name).expect("valid"),
            help: "".into(),
            unit: "".into(),
            kind,
            label_names: Arc::new([]),
        })
    }

    fn one() -> Points {
        Points::Values(vec![Sample {
            label_values: Box::new([]),
            value: 1.0,
            created: None,
        }])
    }

    fn put(catalog: &mut Catalog, owner: &str, name: &str, kind: MetricKind) -> Result<(), Refusal> {
        let labels: ExtraLabels = Arc::new([]);
        catalog.put(&check(owner), &head(name, kind), one(), &labels)
    }

    /// Its place is that of its letter.
    fn check(name: &str) -> Owner {
        Owner::check(name.bytes().map(u32::from).sum(), name.into())
    }

    #[test]
    fn the_first_kind_wins_until_nobody_holds_it() {
        let mut catalog = Catalog::default();
        put(&mut catalog, "a", "jobs", MetricKind::Gauge).expect("first");
        put(&mut catalog, "b", "jobs", MetricKind::Gauge).expect("same kind");
        let refusal = put(&mut catalog, "c", "jobs", MetricKind::Untyped).expect_err("contradicts");
        assert!(
            refusal.to_string().contains("check `a` already reports it as a gauge"),
            "{refusal}"
        );
        catalog.remove(&check("a"), &MetricName::new("jobs").expect("valid"));
        assert!(
            put(&mut catalog, "c", "jobs", MetricKind::Untyped).is_err(),
            "b still holds it"
        );
        catalog.remove(&check("b"), &MetricName::new("jobs").expect("valid"));
        put(&mut catalog, "c", "jobs", MetricKind::Untyped).expect("free again");
    }

    #[test]
    fn samples_of_two_families_are_never_mixed_up() {
        let mut catalog = Catalog::default();
        put(&mut catalog, "a", "wait", MetricKind::Summary).expect("first");
        let refusal = put(&mut catalog, "b", "wait_count", MetricKind::Gauge).expect_err("clashes");
        assert_eq!(
            refusal,
            Refusal::Clash {
                with: MetricName::new("wait").expect("valid")
            }
        );
    }

    #[test]
    fn a_counter_gives_up_its_openmetrics_stem_to_a_gauge_in_either_order() {
        for order in [["alloc", "alloc_total"], ["alloc_total", "alloc"]] {
            let mut catalog = Catalog::default();
            for name in order {
                let kind = if name == "alloc" {
                    MetricKind::Gauge
                } else {
                    MetricKind::Counter
                };
                put(&mut catalog, "a", name, kind).expect(name);
            }
            let families = catalog.families();
            let counter = families
                .iter()
                .find(|family| family.head.name.as_str() == "alloc_total")
                .expect("served");
            assert!(counter.loose && counter.blocks[0].is_loose(), "{order:?}");
            assert_eq!(catalog.claims.get("alloc").map(MetricName::as_str), Some("alloc"));
        }
    }

    #[test]
    fn blocks_stand_by_name_after_a_check_came_between() {
        let mut catalog = Catalog::default();
        let at = |place, name: &str| (Arc::from(name), Owner::check(place, name.into()));
        for (_, owner) in [at(1, "a"), at(2, "c")] {
            let labels: ExtraLabels = Arc::new([(LabelName::new("check").expect("valid"), Arc::clone(&owner.name))]);
            let put = catalog.put(&owner, &head("jobs", MetricKind::Gauge), one(), &labels);
            put.expect("free");
        }
        let owners = HashMap::from([at(1, "a"), at(2, "b"), at(3, "c")]);
        catalog.reorder(&owners);
        let labels: ExtraLabels = Arc::new([(LabelName::new("check").expect("valid"), "b".into())]);
        let put = catalog.put(&owners["b"], &head("jobs", MetricKind::Gauge), one(), &labels);
        put.expect("free");
        let families = catalog.families();
        let order: Vec<&str> = families[0].blocks.iter().map(|block| &*block.labels()[0].1).collect();
        assert_eq!(order, ["a", "b", "c"]);
    }

    #[test]
    fn an_unchanged_report_keeps_its_block() {
        let mut catalog = Catalog::default();
        put(&mut catalog, "a", "jobs", MetricKind::Gauge).expect("first");
        let before = catalog.families();
        put(&mut catalog, "a", "jobs", MetricKind::Gauge).expect("again");
        let after = catalog.families();
        assert!(Arc::ptr_eq(&before[0].blocks, &after[0].blocks));
    }
}
