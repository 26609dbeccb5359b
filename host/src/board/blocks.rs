//! The blocks of one family, by owner.
//!
//! A sorted vector: most families are reported either by nearly every check or by one. In the first case an owner's place
//! tells where it stands, in the second there is nothing to search. Every family of every run is looked up here, and a tree
//! of ten thousand took a walk through memory that is in no cache.

use std::{collections::HashMap, sync::Arc};

use super::{catalog::Owner, snapshot::Block};

/// By the owners' places.
#[derive(Debug, Default)]
pub(super) struct Blocks(Vec<(Owner, Arc<Block>)>);

impl Blocks {
    /// Where an owner stands, or would.
    fn position(&self, owner: &Owner) -> Result<usize, usize> {
        // Where it stands when every owner from the first one here on has a block.
        let first = self.0.first().map_or(0, |(first, _)| first.place());
        let guess = owner.place().wrapping_sub(first) as usize;
        match self.0.get(guess) {
            Some((found, _)) if found == owner => Ok(guess),
            _ => self.0.binary_search_by(|(known, _)| known.cmp(owner)),
        }
    }

    /// Of one owner.
    pub(super) fn get(&self, owner: &Owner) -> Option<&Arc<Block>> {
        let at = self.position(owner).ok()?;
        self.0.get(at).map(|(_, block)| block)
    }

    /// In the place of what the owner had.
    pub(super) fn insert(&mut self, owner: &Owner, block: Arc<Block>) {
        match self.position(owner) {
            Ok(at) => self.0[at].1 = block,
            Err(at) => self.0.insert(at, (owner.clone(), block)),
        }
    }

    /// Whether there was one.
    pub(super) fn remove(&mut self, owner: &Owner) -> bool {
        let found = self.position(owner);
        if let Ok(at) = found {
            self.0.remove(at);
        }
        found.is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who is before all others.
    pub(super) fn first_owner(&self) -> Option<&Owner> {
        self.0.first().map(|(owner, _)| owner)
    }

    /// In order.
    pub(super) fn values(&self) -> impl Iterator<Item = &Arc<Block>> {
        self.0.iter().map(|(_, block)| block)
    }

    /// In order.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Arc<Block>> {
        self.0.iter_mut().map(|(_, block)| block)
    }

    /// Gives every owner its new place.
    pub(super) fn reorder(&mut self, owners: &HashMap<Arc<str>, Owner>) {
        for (owner, _) in &mut self.0 {
            if let Some(new) = owners.get(owner.name()) {
                *owner = new.clone();
            }
        }
        self.0.sort_by(|(one, _), (other, _)| one.cmp(other));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{FamilyHead, MetricKind, MetricName, Points};

    fn block() -> Arc<Block> {
        let head = FamilyHead {
            name: MetricName::new("jobs").expect("valid"),
            help: "".into(),
            unit: "".into(),
            kind: MetricKind::Gauge,
            label_names: Arc::new([]),
        };
        Arc::new(Block::new(
            Arc::new(head),
            Points::Values(Vec::new()),
            Arc::new([]),
            false,
        ))
    }

    fn owner(place: u32) -> Owner {
        Owner::check(place, place.to_string().into())
    }

    #[test]
    fn every_owner_is_found_whether_or_not_others_are_between() {
        for places in [vec![1, 2, 3, 4, 5], vec![2, 4, 5, 9], vec![7], vec![5, 1, 3, 9, 2, 0]] {
            let mut blocks = Blocks::default();
            let mine: Vec<(u32, Arc<Block>)> = places.iter().map(|place| (*place, block())).collect();
            for (place, block) in &mine {
                blocks.insert(&owner(*place), Arc::clone(block));
            }
            for (place, block) in &mine {
                let found = blocks.get(&owner(*place)).expect("inserted");
                assert!(Arc::ptr_eq(found, block), "{place} of {places:?}");
            }
            for absent in (0..12).filter(|place| !places.contains(place)) {
                assert!(blocks.get(&owner(absent)).is_none(), "{absent} of {places:?}");
                assert!(!blocks.remove(&owner(absent)));
            }
            for place in &places {
                assert!(blocks.remove(&owner(*place)) && blocks.get(&owner(*place)).is_none());
            }
            assert!(blocks.is_empty());
        }
    }
}
