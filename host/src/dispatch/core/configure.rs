//! Other settings for those in use: alerts are led anew, and what receivers know goes with them.

use bellwether_promql::labels::Labels;

use super::{
    super::{chronicle::Telling, inhibit::Inhibitor, record::Held, route::Routes, rows::Write, settings::Settings},
    Core, DropReason,
};
use crate::rule::inhibition::INHIBITIONS;

impl Core {
    /// These settings and no others.
    pub fn configure(&mut self, settings: Settings, now: i64) {
        if settings == self.settings {
            return;
        }
        self.generation += 1;
        self.routes = Routes::new(&settings);
        self.inhibitor = Inhibitor::new(&settings.inhibitions, INHIBITIONS);
        let before = std::mem::replace(&mut self.settings, settings);
        self.lead_anew(now);
        self.look_sooner(&before, now);
        let ids: Vec<u64> = self.groups.keys().copied().collect();
        ids.into_iter().for_each(|id| self.look_if_deserted(id, now));
    }

    /// Whoever forgets sooner than was known is reminded in time: what a plugin says of that is known only once it is loaded.
    fn look_sooner(&mut self, before: &Settings, now: i64) {
        let refresh = |settings: &Settings, receiver| settings.traits_of(receiver).and_then(|traits| traits.refresh);
        let sooner = self.groups.iter().filter_map(|(id, group)| {
            let receiver = &group.key.receiver;
            let own = refresh(&self.settings, receiver)?;
            let is_shorter = refresh(before, receiver).is_none_or(|before| own < before);
            let at = (group.told_at? + own).max(now);
            (is_shorter && group.has_flushed && at < group.flush_at).then_some((*id, at))
        });
        let sooner: Vec<(u64, i64)> = sooner.collect();
        sooner.into_iter().for_each(|(id, at)| self.set_flush(id, at));
    }

    /// Every alert to the groups that the routes say.
    pub(super) fn lead_anew(&mut self, now: i64) {
        self.drop_unknown_receivers(now);
        for group in self.groups.values_mut() {
            group.route = None;
            group.members.values_mut().for_each(|member| member.is_routed = false);
        }
        let firing: Vec<(Labels, i64)> = self
            .alerts
            .iter()
            .filter(|(_, held)| held.is_firing())
            .map(started)
            .collect();
        for (labels, starts_at) in &firing {
            self.inhibitor.fires(labels);
            self.join_all(labels, *starts_at, now);
        }
        let ids: Vec<u64> = self.groups.keys().copied().collect();
        for id in ids {
            self.route_by_id(id);
            self.hand_on(id);
            if self.is_line(id) {
                // Its mute times may be others now.
                self.offer(id, now);
            }
            let members: Vec<Labels> = self
                .groups
                .get(&id)
                .map(|group| group.members.keys().cloned().collect())
                .unwrap_or_default();
            if !members.is_empty() {
                self.let_go(id, members);
            }
        }
    }

    /// A group that nothing is led to any more is looked at: what waits in it others tell now.
    pub(super) fn look_if_deserted(&mut self, id: u64, now: i64) {
        let Some(group) = self.groups.get(&id).filter(|group| !group.is_line) else {
            return;
        };
        // After a start nothing is led anywhere until somebody speaks of it.
        let is_left = |labels: &Labels| self.alerts.get(labels).is_some_and(|held| !held.is_unconfirmed());
        let mut members = group.members.iter();
        let is_deserted = members.all(|(labels, member)| !member.is_routed && is_left(labels));
        if is_deserted && group.slot.replaceable().is_some() {
            self.set_flush(id, now);
        }
    }

    /// A group that nothing is led to keeps its timings while its route is there.
    fn route_by_id(&mut self, id: u64) {
        let Some(group) = self.groups.get_mut(&id).filter(|group| group.route.is_none()) else {
            return;
        };
        let mut nodes = self.routes.iter().filter(|(_, node)| node.id == group.route_id);
        group.route = nodes.next().map(|(at, _)| at);
    }

    fn drop_unknown_receivers(&mut self, now: i64) {
        let unknown = self
            .groups
            .iter()
            .filter(|(_, group)| !self.settings.known.contains_key(&group.key.receiver));
        let unknown: Vec<u64> = unknown.map(|(id, _)| *id).collect();
        for id in unknown {
            let Some(group) = self.groups.get_mut(&id) else {
                continue;
            };
            let messages: Vec<_> = group.slot.iter().cloned().collect();
            let members: Vec<Labels> = group.members.keys().cloned().collect();
            for message in messages {
                self.in_air.remove(&message.id);
                self.heard(&message, Telling::Dropped, now);
                self.drop_message(message, DropReason::ReceiverRemoved);
            }
            self.remove_group(id);
            for labels in members {
                if let Some(held) = self.alerts.get_mut(&labels) {
                    held.groups.retain(|own| *own != id);
                }
                self.release(&labels);
            }
        }
    }

    /// What a receiver was told in a group that an alert is not led to any more counts in the group of the same receiver that it is led
    /// to: a route that was edited tells nobody twice.
    pub(super) fn hand_on(&mut self, id: u64) {
        let Some(group) = self.groups.get(&id) else { return };
        let stray = group
            .members
            .iter()
            .filter(|(_, member)| member.is_told && !member.is_routed);
        let stray: Vec<Labels> = stray.map(|(labels, _)| labels.clone()).collect();
        for labels in stray {
            if let Some(heir) = self.heir(id, &labels) {
                self.hand_over(id, heir, &labels);
            }
        }
    }

    fn heir(&self, id: u64, labels: &Labels) -> Option<u64> {
        let receiver = &self.groups.get(&id)?.key.receiver;
        let groups = self.alerts.get(labels)?.groups.iter().filter(|own| **own != id);
        let mut fitting = groups.filter(|own| {
            self.groups.get(own).is_some_and(|group| {
                group.key.receiver == *receiver && group.members.get(labels).is_some_and(|member| member.is_routed)
            })
        });
        fitting.next().copied()
    }

    fn hand_over(&mut self, from: u64, to: u64, labels: &Labels) {
        let Some(record) = self.alerts.get(labels).and_then(Held::current).cloned() else {
            return;
        };
        let Some(group) = self.groups.get_mut(&from) else {
            return;
        };
        if let Some(member) = group.members.get_mut(labels) {
            (member.is_told, member.is_doubtful) = (false, false);
        }
        let (told_at, flush_at, old) = (group.told_at, group.flush_at, group.key.clone());
        let Some(group) = self.groups.get_mut(&to) else { return };
        if let Some(member) = group.members.get_mut(labels) {
            (member.is_told, member.is_doubtful) = (true, false);
        }
        let is_first = group.told_at.is_none();
        group.told_at = group.told_at.max(told_at);
        group.has_flushed = true;
        let (row, key) = (group.row(), group.key.clone());
        let over = vec![labels.clone()];
        let firing = vec![record.news(labels, true, Vec::new())];
        self.effects.writes.push(Write::Told {
            group: key,
            firing,
            over: Vec::new(),
        });
        self.effects.writes.push(Write::Told {
            group: old,
            firing: Vec::new(),
            over,
        });
        self.effects.writes.push(Write::Group(row));
        if is_first {
            self.set_flush(to, flush_at);
        }
    }
}

fn started((labels, held): (&Labels, &Held)) -> (Labels, i64) {
    (labels.clone(), held.current().map_or(0, |record| record.starts_at))
}
