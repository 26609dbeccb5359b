//! The one writer of history.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use bellwether_promql::{
    ast::Matcher,
    labels::Labels,
    value::{Point, stale_marker},
};

use super::{
    checkpoint::Order,
    feed::Feed,
    grid::{HEAD, Keep, Row},
    index::Index,
    loose::{Appended, Loose},
    pressure::{self, Held},
    selection::Selection,
    settings::Settings,
    ticks::{Admission, admit},
    view::{LOOSE, View},
};

/// Sweeps over series with times of their own, in ticks: they end seldom.
const SWEEP_TICKS: u32 = 16;

/// The NaN that Prometheus reads from the text `NaN`. Others would not survive a scrape, and one of them would be a stale marker.
const PLAIN_NAN: u64 = 0x7ff8_0000_0000_0001;

/// What a tick did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticked {
    /// Whether it was recorded at all, and why.
    pub admission: Admission,
    /// Samples recorded.
    pub samples: u64,
    /// Series that came.
    pub appeared: u64,
    /// Series that are gone: nothing of them was kept any more.
    pub ended: u64,
    /// Series that are not recorded because there is no room, and no rule reads them.
    pub refused_unselected: u64,
    /// The same, and a rule reads them: that rule does not see all.
    pub refused_selected: u64,
    /// Samples given up before their time, of series that no rule reads.
    pub shed_unselected: u64,
    /// Series given up that no rule reads.
    pub dropped_unselected: u64,
    /// Samples given up before their time, of series that rules read.
    pub shed_selected: u64,
    /// Series held, those with times of their own included.
    pub series: usize,
    /// Bytes held.
    pub bytes: usize,
}

impl Ticked {
    const fn new(admission: Admission) -> Self {
        Self {
            admission,
            samples: 0,
            appeared: 0,
            ended: 0,
            refused_unselected: 0,
            refused_selected: 0,
            shed_unselected: 0,
            dropped_unselected: 0,
            shed_selected: 0,
            series: 0,
            bytes: 0,
        }
    }
}

/// What the parts that grow take, in bytes. What an allocator takes for it is about a quarter more.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) strips: usize,
    labels: usize,
    strings: usize,
}

/// A row, its place in the table of numbers, and in what the feed remembers.
const SERIES_BYTES: usize = size_of::<Row>() + 48;
/// Two shared strings, and a posting in the index.
const LABEL_BYTES: usize = 32 + 2 * Index::POSTING_BYTES;
/// Of a shared allocation.
const SHARED_BYTES: usize = 16;
/// A shared string, beside its bytes, with its place in the set of strings and in the index.
const STRING_BYTES: usize = SHARED_BYTES + 24 + 64;

fn cost(labels: &Labels) -> usize {
    SERIES_BYTES + SHARED_BYTES + labels.len() * LABEL_BYTES
}

/// All series, and who may change them. See the module.
#[derive(Debug)]
pub struct History {
    pub(super) settings: Settings,
    keep: Keep,
    pub(super) view: View,
    numbers: HashMap<Labels, u32>,
    strings: HashSet<Arc<str>>,
    /// Numbers of nobody that the index does not have any more: of rows, and of series with times of their own.
    free: [Vec<u32>; 2],
    /// Numbers of nobody that it still has.
    retired: Vec<u32>,
    selection: Selection,
    /// Series recorded at ticks that no rule reads.
    unselected: usize,
    pub(super) account: Account,
    pub(super) feed: Feed,
    /// The next tick is the first of this process.
    fresh: bool,
    /// Of checkpoints.
    pub(super) order: Arc<Order>,
}

impl History {
    /// Without any series.
    pub fn new(settings: Settings) -> Self {
        Self {
            keep: settings.keep(),
            settings,
            view: View::default(),
            numbers: HashMap::new(),
            strings: HashSet::new(),
            free: [Vec::new(), Vec::new()],
            retired: Vec::new(),
            selection: Selection::default(),
            unselected: 0,
            account: Account::default(),
            feed: Feed::default(),
            fresh: true,
            order: Arc::default(),
        }
    }

    /// Goes on from what was read. `None`: two series have the same labels.
    pub(super) fn from_view(settings: Settings, view: View) -> Option<Self> {
        let mut history = Self::new(settings);
        history.view = view;
        let all: Vec<(u32, Labels)> = history
            .view
            .numbered()
            .map(|(number, labels)| (number, labels.clone()))
            .collect();
        for (number, labels) in all {
            history.account.labels += cost(&labels);
            for text in labels.iter().flat_map(|(name, value)| [name, value]) {
                history.strings.insert(Arc::clone(text));
            }
            if history.numbers.insert(labels, number).is_some() {
                return None;
            }
        }
        let grid = &history.view.grid;
        let rows = (0..).zip(grid.rows());
        history.retired = rows
            .filter_map(|(number, row)| row.labels.is_empty().then_some(number))
            .collect();
        history.unselected = grid
            .rows()
            .filter(|row| !row.selected && !row.labels.is_empty())
            .count();
        let strips: usize = grid
            .rows()
            .filter(|row| !row.labels.is_empty())
            .map(|row| row.strip.size())
            .sum();
        history.account.strips = strips + history.view.loose.iter().map(|series| series.size()).sum::<usize>();
        history.rebuild();
        history.view.generation = 1;
        Some(history)
    }

    /// How many series are held, those with times of their own included.
    pub fn series(&self) -> usize {
        self.numbers.len()
    }

    /// What is in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes other settings, on reload: bound and retention count from the next tick on, `job` and `instance` make other series.
    pub fn configure(&mut self, settings: Settings) {
        self.keep = settings.keep();
        self.settings = settings;
        self.feed = Feed::default();
    }

    /// For the owner, who evaluates on the same thread: nothing is copied.
    pub fn current(&self) -> &View {
        &self.view
    }

    /// For others. What changes later is copied as far as it is still held.
    pub fn view(&self) -> Arc<View> {
        Arc::new(self.view.clone())
    }

    /// Says which series rules read; each selector is the matchers of one. Series that come later are held against it as well.
    pub fn select<M: Into<Arc<[Matcher]>>>(&mut self, selectors: impl IntoIterator<Item = M>) {
        self.selection = Selection::new(selectors.into_iter().map(Into::into));
        self.unselected = 0;
        // What was refused may be read by a rule now.
        self.feed = Feed::default();
        for row in 0..u32::try_from(self.view.grid.len()).unwrap_or(u32::MAX) {
            let Some(own) = self.view.grid.row(row).filter(|own| !own.labels.is_empty()) else {
                continue;
            };
            let selected = self.selection.selects(&own.labels);
            self.unselected += usize::from(!selected);
            if own.selected != selected
                && let Some(own) = self.view.grid.row_mut(row)
            {
                own.selected = selected;
            }
        }
    }

    /// Records one sample of a series that has times of its own: what a rule yields at its slot. A stale marker ends it. Visible at
    /// once in [`History::current`].
    pub fn append(&mut self, labels: &Labels, point: Point) -> Appended {
        match self.numbers.get(labels) {
            Some(number) if number & LOOSE == 0 => Appended::NotOurs,
            Some(number) => self.append_known(number & !LOOSE, point),
            None if !pressure::has_room(self.held(), self.settings.memory, true) => Appended::NoRoom,
            None => {
                let labels = self.interned(labels);
                let series = Loose::new(labels.clone(), point);
                self.account.strips += series.size();
                let free = self.take_free(true);
                let number = self.view.loose.add(series, free) | LOOSE;
                self.register(labels, number);
                self.rebuild_if_worn();
                Appended::Taken
            }
        }
    }

    fn append_known(&mut self, number: u32, point: Point) -> Appended {
        let oldest = point.at.saturating_sub(millis(self.settings.retention));
        let Some(series) = self.view.loose.get_mut(number) else {
            return Appended::OutOfOrder;
        };
        let before = series.size();
        let appended = series.append(point, oldest);
        self.account.strips = (self.account.strips + series.size()).saturating_sub(before);
        appended
    }

    /// Records a tick at `at`; `fill` says which series have which value. What [`History::append_tick`] does with a snapshot.
    pub(super) fn tick(&mut self, at: i64, fill: impl FnOnce(&mut Filling<'_>)) -> Ticked {
        let admission = admit(self.view.grid.ticks.last(), at);
        let mut ticked = Ticked::new(admission);
        if admission.is_taken() {
            if admission == Admission::SetBack {
                self.set_back(at, &mut ticked);
            }
            let column = self.fill(fill, &mut ticked);
            self.view.grid.push(at, std::mem::take(&mut self.fresh), column);
            self.settle(at, &mut ticked);
        }
        ticked.series = self.numbers.len();
        ticked.bytes = self.held().all;
        ticked
    }

    fn fill(&mut self, fill: impl FnOnce(&mut Filling<'_>), ticked: &mut Ticked) -> Arc<[f64]> {
        let column = vec![stale_marker(); self.view.grid.len()];
        let last = self.view.grid.columns.back().cloned().unwrap_or_default();
        let mut filling = Filling {
            history: self,
            column,
            last,
            ticked,
        };
        fill(&mut filling);
        filling.column.into()
    }

    /// After a tick: compresses, forgets what is too old, makes room.
    fn settle(&mut self, at: i64, ticked: &mut Ticked) {
        let sealed = self.view.grid.seal(self.keep);
        self.account.strips = self.account.strips.saturating_add_signed(sealed.growth);
        for row in sealed.ended {
            ticked.ended += u64::from(self.remove(row));
        }
        if self.view.grid.ticks.next().is_multiple_of(SWEEP_TICKS) {
            self.sweep(at, ticked);
        }
        self.relieve(ticked);
        self.rebuild_if_worn();
    }

    /// Removes series with times of their own that have no sample that is kept.
    fn sweep(&mut self, at: i64, ticked: &mut Ticked) {
        let oldest = at.saturating_sub(millis(self.settings.retention));
        let old = |series: &Loose| series.last().is_some_and(|last| last.at < oldest);
        let ended: Vec<u32> = (LOOSE..)
            .zip(self.view.loose.iter())
            .filter_map(|(number, series)| old(series).then_some(number))
            .collect();
        for number in ended {
            ticked.ended += u64::from(self.remove(number));
        }
    }

    fn set_back(&mut self, at: i64, ticked: &mut Ticked) {
        Arc::make_mut(&mut self.view.grid.ticks).set_back(at);
        let later = |series: &Loose| series.last().is_some_and(|last| last.at >= at);
        let hit: Vec<u32> = (0..)
            .zip(self.view.loose.iter())
            .filter_map(|(number, series)| later(series).then_some(number))
            .collect();
        for number in hit {
            let Some(series) = self.view.loose.get_mut(number) else {
                continue;
            };
            let before = series.size();
            let left = series.forget_from(at);
            self.account.strips = (self.account.strips + series.size()).saturating_sub(before);
            if !left {
                ticked.ended += u64::from(self.remove(number | LOOSE));
            }
        }
    }

    pub(super) fn held(&self) -> Held {
        let grid = &self.view.grid;
        // All that there will be, so that a series is not let in only to be given up minutes later.
        let columns = HEAD as usize * grid.len() * size_of::<f64>();
        let ticks = size_of_val(&*grid.ticks.all);
        let series = self.account.strips + self.account.labels + self.account.strings;
        Held {
            all: columns + ticks + series,
            unselected: self.unselected,
        }
    }

    fn register(&mut self, labels: Labels, number: u32) {
        self.account.labels += cost(&labels);
        self.numbers.insert(labels, number);
        self.view.index.add(number);
        self.view.generation += 1;
    }

    /// Whether there was such a series.
    pub(super) fn remove(&mut self, number: u32) -> bool {
        let Some(labels) = self.view.living(number).cloned() else {
            return false;
        };
        let bytes = if number & LOOSE == 0 {
            self.unselected -= usize::from(self.view.grid.row(number).is_some_and(|row| !row.selected));
            self.view.grid.remove(number)
        } else {
            let series = self.view.loose.get_mut(number & !LOOSE).map(std::mem::take);
            series.map_or(0, |series| series.size())
        };
        self.account.strips = self.account.strips.saturating_sub(bytes);
        self.account.labels = self.account.labels.saturating_sub(cost(&labels));
        self.numbers.remove(&labels);
        self.retired.push(number);
        self.view.generation += 1;
        true
    }

    fn take_free(&mut self, loose: bool) -> Option<u32> {
        self.free[usize::from(loose)].pop().map(|number| number & !LOOSE)
    }

    fn rebuild_if_worn(&mut self) {
        if self.view.index.is_worn(self.retired.len()) {
            self.rebuild();
        }
    }

    pub(super) fn rebuild(&mut self) {
        self.view.index = Index::of(self.view.numbered());
        for number in self.retired.drain(..) {
            self.free[usize::from(number & LOOSE != 0)].push(number);
        }
        // Only the set has what no series has any more. Views may, until they are gone; then it is cleared the next time.
        self.strings.retain(|text| Arc::strong_count(text) > 1);
        self.account.strings = self.strings.iter().map(|text| text.len() + STRING_BYTES).sum();
    }

    /// The same labels, of strings that all series share.
    fn interned(&mut self, labels: &Labels) -> Labels {
        let mut intern = |text: &Arc<str>| match self.strings.get(text) {
            Some(known) => Arc::clone(known),
            None => {
                self.account.strings += text.len() + STRING_BYTES;
                self.strings.insert(Arc::clone(text));
                Arc::clone(text)
            }
        };
        let labels = labels.iter().map(|(name, value)| (intern(name), intern(value)));
        Labels::from_sorted(labels.collect())
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// A tick that is being recorded.
#[derive(Debug)]
pub(super) struct Filling<'h> {
    history: &'h mut History,
    column: Vec<f64>,
    /// Of the tick before.
    last: Arc<[f64]>,
    ticked: &'h mut Ticked,
}

impl Filling<'_> {
    pub(super) fn settings(&self) -> &Settings {
        &self.history.settings
    }

    /// Whether a new series that no rule reads would be let in.
    pub(super) fn has_room(&self) -> bool {
        pressure::has_room(self.history.held(), self.history.settings.memory, false)
    }

    /// The row of a series, which is made if there is none. `None`: there is no room. What a rule recorded under these labels goes: what
    /// is measured must not depend on who came first, and the rule is told from now on.
    pub(super) fn row(&mut self, labels: &Labels) -> Option<u32> {
        let history = &mut *self.history;
        match history.numbers.get(labels).copied() {
            Some(number) if number & LOOSE == 0 => return Some(number),
            Some(recorded) => drop(history.remove(recorded)),
            None => {}
        }
        let selected = history.selection.selects(labels);
        if !pressure::has_room(history.held(), history.settings.memory, selected) {
            let refused = if selected {
                &mut self.ticked.refused_selected
            } else {
                &mut self.ticked.refused_unselected
            };
            *refused += 1;
            return None;
        }
        let labels = history.interned(labels);
        let free = history.take_free(false);
        let row = history.view.grid.add(labels.clone(), selected, free);
        history.unselected += usize::from(!selected);
        history.account.strips += super::strip::Strip::default().size();
        history.register(labels, row);
        self.ticked.appeared += 1;
        self.column.resize(history.view.grid.len(), stale_marker());
        Some(row)
    }

    /// The value of a row at this tick.
    pub(super) fn set(&mut self, row: u32, value: f64) {
        let value = if value.is_nan() {
            f64::from_bits(PLAIN_NAN)
        } else {
            value
        };
        if let Some(place) = self.column.get_mut(row as usize) {
            *place = value;
            self.ticked.samples += 1;
        }
    }

    /// The value that a row had at the tick before.
    pub(super) fn again(&mut self, row: u32) {
        if let (Some(place), Some(value)) = (self.column.get_mut(row as usize), self.last.get(row as usize)) {
            *place = *value;
            self.ticked.samples += 1;
        }
    }
}
