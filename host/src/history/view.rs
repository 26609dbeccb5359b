//! History as it was at one moment, for whoever evaluates an expression over it.
//!
//! Immutable and cheap to get: it shares everything with the history it was taken from, which copies what it changes while somebody
//! still looks. It implements the evaluator's [`Storage`].

use std::{collections::BTreeSet, sync::Arc};

use bellwether_promql::{
    ast::Matcher,
    labels::Labels,
    storage::{Generation, SeriesId, Storage},
    value::Point,
};

use super::{
    grid::{Grid, PAGE},
    index::Index,
    loose::Loose,
};

/// Set in the numbers of series with times of their own.
pub(super) const LOOSE: u32 = 1 << 31;

/// Series with times of their own, by the page.
#[derive(Clone, Debug, Default)]
pub(super) struct Loosely {
    pages: Arc<Vec<Arc<Vec<Arc<Loose>>>>>,
}

impl Loosely {
    pub(super) fn len(&self) -> usize {
        match self.pages.last() {
            Some(last) => (self.pages.len() - 1) * PAGE + last.len(),
            None => 0,
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<&Arc<Loose>> {
        self.pages.get(number as usize / PAGE)?.get(number as usize % PAGE)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Loose>> {
        self.pages.iter().flat_map(|page| page.iter())
    }

    /// To change one; what a view holds of it is copied.
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Loose> {
        let page = Arc::make_mut(&mut self.pages).get_mut(number as usize / PAGE)?;
        Arc::make_mut(page).get_mut(number as usize % PAGE).map(Arc::make_mut)
    }

    /// One more, in the place of one that is nobody's if there is one.
    pub(super) fn add(&mut self, series: Loose, free: Option<u32>) -> u32 {
        if let Some(free) = free
            && let Some(old) = self.get_mut(free)
        {
            *old = series;
            return free;
        }
        let number = self.len();
        let pages = Arc::make_mut(&mut self.pages);
        if number.is_multiple_of(PAGE) {
            pages.push(Arc::default());
        }
        if let Some(last) = pages.last_mut() {
            Arc::make_mut(last).push(Arc::new(series));
        }
        u32::try_from(number).unwrap_or(u32::MAX)
    }
}

/// See the module. Cloning it is a handful of counters.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub(super) generation: u64,
    pub(super) grid: Grid,
    pub(super) loose: Loosely,
    pub(super) index: Index,
}

static NOBODY: std::sync::LazyLock<Labels> = std::sync::LazyLock::new(Labels::default);

impl View {
    /// The labels of a series that is there.
    pub(super) fn living(&self, number: u32) -> Option<&Labels> {
        let labels = if number & LOOSE == 0 {
            &self.grid.row(number)?.labels
        } else {
            &self.loose.get(number & !LOOSE)?.labels
        };
        (!labels.is_empty()).then_some(labels)
    }

    /// All series that have samples, with their labels, in ascending order of id.
    pub fn series(&self) -> impl Iterator<Item = (SeriesId, &Labels)> {
        self.numbered().map(|(number, labels)| (SeriesId(number), labels))
    }

    pub(super) fn numbered(&self) -> impl Iterator<Item = (u32, &Labels)> {
        let of_ticks = (0..).zip(self.grid.rows()).map(|(number, row)| (number, &row.labels));
        let loose = (LOOSE..)
            .zip(self.loose.iter())
            .map(|(number, series)| (number, &series.labels));
        of_ticks.chain(loose).filter(|(_, labels)| !labels.is_empty())
    }

    /// The names of all labels.
    pub fn label_names(&self) -> BTreeSet<Arc<str>> {
        let labels = self.numbered().flat_map(|(_, labels)| labels.iter());
        labels.map(|(name, _)| Arc::clone(name)).collect()
    }

    /// The values of one label.
    pub fn label_values(&self, name: &str) -> BTreeSet<Arc<str>> {
        let values = self.numbered().filter_map(|(_, labels)| labels.get(name));
        values.cloned().collect()
    }

    /// When the oldest tick was that is kept, in milliseconds since the epoch; ticks from before a restart count.
    pub fn first_tick(&self) -> Option<i64> {
        let ticks = &self.grid.ticks.all;
        ticks.iter().find(|tick| !tick.void).map(|tick| tick.at)
    }

    /// When the newest tick was, in milliseconds since the epoch.
    pub fn last_tick(&self) -> Option<i64> {
        self.grid.ticks.last()
    }
}

impl Storage for View {
    fn generation(&self) -> Generation {
        Generation(self.generation)
    }

    fn find(&self, matchers: &[Matcher]) -> Vec<SeriesId> {
        let found = self.index.find(matchers, |number| self.living(number));
        found.into_iter().map(SeriesId).collect()
    }

    /// Empty for an id of another generation that is nobody's now.
    fn labels(&self, id: SeriesId) -> &Labels {
        self.living(id.0).unwrap_or(&NOBODY)
    }

    fn newest(&self, id: SeriesId, after: i64, until: i64) -> Option<Point> {
        if id.0 & LOOSE == 0 {
            self.grid.newest(id.0, after, until)
        } else {
            self.loose.get(id.0 & !LOOSE)?.newest(after, until)
        }
    }

    fn read(&self, id: SeriesId, after: i64, until: i64, out: &mut Vec<Point>) {
        if id.0 & LOOSE == 0 {
            self.grid.samples(id.0, after, until, |point| out.push(point));
        } else if let Some(series) = self.loose.get(id.0 & !LOOSE) {
            series.samples(after, until, |point| out.push(point));
        }
    }
}
