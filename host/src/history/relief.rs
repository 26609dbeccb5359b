//! Makes room when the memory for history is short.

use super::{
    grid::{FRAME_TICKS, Row},
    keeper::{History, Ticked},
    pressure::{self, Relief},
};

impl History {
    /// Makes room until everything fits, as [`pressure`] decides.
    pub(super) fn relieve(&mut self, ticked: &mut Ticked) {
        if self.held().all <= self.settings.memory {
            return;
        }
        let mut before = usize::MAX;
        // Each step makes room, or is the last.
        while self.held().all < before {
            before = self.held().all;
            let past = |selected| {
                self.past(|row| row.selected == selected && !row.strip.is_empty())
                    .is_some()
            };
            match pressure::relief(self.held(), past(false), past(true), self.settings.memory) {
                Relief::Nothing => return,
                Relief::CutUnselected(bytes) => ticked.shed_unselected += self.cut(bytes, false),
                Relief::CutSelected(bytes) => ticked.shed_selected += self.cut(bytes, true),
                Relief::DropUnselected(bytes) => ticked.dropped_unselected += self.drop_unselected(bytes),
            }
        }
    }

    /// Cuts the oldest frames off, at least one and until `bytes` are free. Samples that are gone.
    fn cut(&mut self, bytes: usize, selected: bool) -> u64 {
        let due = |row: &Row| row.selected == selected && !row.strip.is_empty();
        let (mut freed, mut gone) = (0, 0);
        while freed < bytes {
            let Some(oldest) = self.past(due) else { break };
            let (bytes, samples) = self.view.grid.shed(oldest + FRAME_TICKS, due);
            if samples == 0 {
                break;
            }
            freed += bytes;
            gone += samples;
        }
        self.account.strips = self.account.strips.saturating_sub(freed);
        gone
    }

    /// Where the oldest whole frame begins of the rows that `which` names.
    fn past(&self, which: impl Fn(&Row) -> bool) -> Option<u32> {
        let pages = self.view.grid.pages.iter();
        let whole = pages.flat_map(|page| page.rows.iter().filter(|row| row.base + FRAME_TICKS <= page.sealed));
        whole.filter(|row| which(row)).map(|row| row.base).min()
    }

    /// The latest to come go first: of those that are there for long, somebody may be looking at a plot.
    fn drop_unselected(&mut self, bytes: usize) -> u64 {
        let before = self.held().all;
        let mut dropped = 0;
        for row in (0..u32::try_from(self.view.grid.len()).unwrap_or(u32::MAX)).rev() {
            if before.saturating_sub(self.held().all) >= bytes {
                break;
            }
            let given_up = |row: &Row| !row.selected && !row.labels.is_empty();
            if self.view.grid.row(row).is_some_and(given_up) {
                dropped += u64::from(self.remove(row));
            }
        }
        dropped
    }
}
