//! Alerts that begin, change and end, and the groups they join.

use std::sync::Arc;

use bellwether_promql::labels::Labels;

use super::{
    super::{
        group::Group,
        record::{Held, Record, Source},
        rows::{GroupKey, Write},
    },
    Core, GROUPS_MAX, Limit,
};

impl Core {
    /// What one source says of an alert. Whether there was room: only for one that nobody held before there may be none.
    pub(super) fn set(&mut self, labels: &Labels, source: Source, record: Record, now: i64) -> bool {
        self.generation += 1;
        let Some(held) = self.alerts.get_mut(labels) else {
            return self.hold(labels, source, record, now);
        };
        let was_firing = held.is_firing();
        held.set(source, record);
        self.confirm(labels);
        self.follow(labels, was_firing, now);
        true
    }

    fn hold(&mut self, labels: &Labels, source: Source, record: Record, now: i64) -> bool {
        if !record.is_firing {
            // Nobody was told, so nobody need hear that it is over.
            return true;
        }
        if self.alerts.len() >= self.alerts_max {
            self.no_room(Limit::Alerts);
            return false;
        }
        let mut held = Held::default();
        held.set(source, record);
        self.alerts.insert(labels.clone(), held);
        self.follow(labels, false, now);
        true
    }

    /// Changes what a source says of an alert that is held.
    pub(super) fn amend(&mut self, labels: &Labels, source: &Source, change: impl FnOnce(&mut Record), now: i64) {
        let Some(held) = self.alerts.get_mut(labels) else {
            return;
        };
        let was_firing = held.is_firing();
        if held.change(source, change).is_some() {
            self.generation += 1;
            self.follow(labels, was_firing, now);
        }
    }

    /// Takes a source away where another is left, else ends what it says.
    pub(super) fn withdraw(&mut self, labels: &Labels, source: &Source, end: impl FnOnce(&mut Record), now: i64) {
        let Some(held) = self.alerts.get_mut(labels) else {
            return;
        };
        let was_firing = held.is_firing();
        if held.of(source).is_none() {
            return;
        }
        if !held.forget_if_others(source) && held.change(source, end).is_none() {
            return;
        }
        self.generation += 1;
        self.follow(labels, was_firing, now);
    }

    /// Somebody says something of an alert that was only remembered until now.
    fn confirm(&mut self, labels: &Labels) {
        if self.restored.is_empty() {
            return;
        }
        let Some(held) = self.alerts.get_mut(labels) else {
            return;
        };
        if !held.is_unconfirmed() {
            held.forget_if_others(&Source::Restored);
            self.forget_restored(labels);
        }
    }

    /// Draws the consequences when an alert began or ceased to fire.
    pub(super) fn follow(&mut self, labels: &Labels, was_firing: bool, now: i64) {
        let Some(held) = self.alerts.get(labels) else { return };
        match (was_firing, held.is_firing()) {
            (false, true) => {
                let starts_at = held.current().map_or(now, |record| record.starts_at);
                self.inhibitor.fires(labels);
                self.join_all(labels, starts_at, now);
            }
            (true, false) => {
                self.inhibitor.ceases(labels);
                self.release(labels);
            }
            (true, true) | (false, false) => {}
        }
    }

    /// Joins every group that the routes lead to.
    pub(super) fn join_all(&mut self, labels: &Labels, starts_at: i64, now: i64) {
        for at in self.routes.of(labels) {
            let Some(node) = self.routes.node(at) else { continue };
            let group_labels = node.group_labels(labels);
            let key = node.group_key(&group_labels);
            let wait = node.timings.group_wait;
            let (route_id, receivers) = (Arc::clone(&node.id), node.receivers.clone());
            for receiver in receivers {
                let key = GroupKey {
                    receiver,
                    key: Arc::clone(&key),
                };
                let flush_at = if starts_at + wait < now { now } else { now + wait };
                let found = self.by_key.get(&key).copied();
                let Some(id) = found.or_else(|| self.found_group(key, &route_id, &group_labels, flush_at)) else {
                    self.no_room(Limit::Groups);
                    continue;
                };
                self.join(id, at, labels, flush_at <= now);
            }
        }
    }

    fn found_group(&mut self, key: GroupKey, route_id: &Arc<str>, labels: &Labels, flush_at: i64) -> Option<u64> {
        if self.groups.len() >= GROUPS_MAX {
            return None;
        }
        let group = Group::new(key, Arc::clone(route_id), labels.clone(), flush_at);
        self.effects.writes.push(Write::Group(group.row()));
        Some(self.add_group(group))
    }

    pub(super) fn add_group(&mut self, group: Group) -> u64 {
        let id = self.next_group;
        self.next_group += 1;
        let by_key = if group.is_line {
            &mut self.lines
        } else {
            &mut self.by_key
        };
        by_key.insert(group.key.clone(), id);
        self.schedule.insert((group.flush_at, id));
        self.groups.insert(id, group);
        id
    }

    fn join(&mut self, id: u64, route: usize, labels: &Labels, is_late: bool) {
        let (Some(group), Some(held)) = (self.groups.get_mut(&id), self.alerts.get_mut(labels)) else {
            return;
        };
        group.route = Some(route);
        group.members.entry(labels.clone()).or_default().is_routed = true;
        if !held.groups.contains(&id) {
            held.groups.push(id);
        }
        // One that began before the wait has waited already.
        if is_late && !group.has_flushed {
            let now = self.now.min(group.flush_at);
            self.set_flush(id, now);
        }
    }

    /// Takes alerts out of a group that it does not need any more, and the group away when it is empty.
    pub(super) fn let_go(&mut self, id: u64, labels: impl IntoIterator<Item = Labels>) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        let spoken_of = group.spoken_of();
        let mut gone = Vec::new();
        for labels in labels {
            let Some(member) = group.members.get(&labels) else {
                continue;
            };
            let fires_here = member.is_routed && self.alerts.get(&labels).is_some_and(Held::is_firing);
            if !member.is_told && !fires_here && !spoken_of.contains(&labels) {
                group.members.remove(&labels);
                gone.push(labels);
            }
        }
        let is_empty = group.is_empty();
        for labels in gone {
            if let Some(held) = self.alerts.get_mut(&labels) {
                held.groups.retain(|own| *own != id);
            }
            self.release(&labels);
        }
        if is_empty {
            self.remove_group(id);
        }
    }

    pub(super) fn remove_group(&mut self, id: u64) {
        let Some(group) = self.groups.remove(&id) else { return };
        self.schedule.remove(&(group.flush_at, id));
        if let Some((due_at, sequence)) = group.offered
            && let Some(offers) = self.offers.get_mut(&group.key.receiver)
        {
            offers.remove(&(due_at, sequence, id));
        }
        if group.is_line {
            self.lines.remove(&group.key);
        } else {
            self.by_key.remove(&group.key);
            self.effects.writes.push(Write::ForgetGroup(group.key));
        }
    }

    /// Forgets an alert that is over and in no group.
    pub(super) fn release(&mut self, labels: &Labels) {
        let Some(held) = self.alerts.get(labels) else { return };
        if held.is_firing() || !held.groups.is_empty() {
            return;
        }
        let is_posted = held.of(&Source::Posted).is_some();
        self.alerts.remove(labels);
        self.forget_restored(labels);
        self.generation += 1;
        if is_posted {
            self.effects.writes.push(Write::ForgetPosted(labels.clone()));
        }
    }
}
