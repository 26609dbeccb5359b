//! Everything that is kept, once more: the database was begun anew and is empty.

use std::sync::Arc;

use super::{
    super::{
        group::{Group, Member},
        message::News,
        posted,
        record::Source,
        rows::Write,
    },
    Core,
};

impl Core {
    /// To be called when nothing of what was kept is on disk any more. Dead letters are not held and stay in the old database.
    pub fn write_anew(&mut self) {
        let mut writes = vec![Write::Sequence(self.sequence)];
        for group in self.groups.values() {
            writes.push(Write::Group(group.row()));
            writes.push(Write::Told {
                group: group.key.clone(),
                firing: self.known_of(group, |member| member.is_told),
                over: Vec::new(),
            });
            writes.push(Write::Doubtful {
                group: group.key.clone(),
                firing: self.known_of(group, |member| member.is_doubtful),
            });
            writes.extend(group.slot.iter().cloned().map(Arc::new).map(Write::Message));
        }
        for (labels, held) in &self.alerts {
            let record = held.of(&Source::Posted);
            let row = record.and_then(|record| posted::row(labels, record));
            writes.extend(row.map(Box::new).map(Write::Posted));
        }
        writes.extend(self.silences.iter().cloned().map(Write::Silence));
        self.effects.writes.extend(writes);
        self.effects.must_keep = true;
    }

    /// As the receiver knows it: also what is over by now fires for it.
    fn known_of(&self, group: &Group, is_known: fn(&Member) -> bool) -> Vec<News> {
        let told = group.members.iter().filter(|(_, member)| is_known(member));
        let news = told.filter_map(|(labels, _)| {
            let record = self.alerts.get(labels)?.current()?;
            let news = record.news(labels, true, (self.details)(labels));
            Some(News {
                is_firing: true,
                ends_at: None,
                cause: None,
                ..news
            })
        });
        news.collect()
    }
}
