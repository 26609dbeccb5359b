//! Series that are recorded at the ticks, all of them at once.
//!
//! The newest values stand as they are, a column for each tick with a row for each series, so that a tick is one piece of memory
//! filled once and the newest value of a series is one look. Sixteen ticks of a row at a time are sealed into its [`Strip`]; a
//! sixteenth of the pages is at each tick, so that no tick pays for all. A value that is missing is a stale marker here; which
//! of them are told is decided when they are read.
//!
//! Everything is shared with the views that were given out: what is still looked at is copied before it changes, page by page.

use std::{collections::VecDeque, sync::Arc};

use bellwether_promql::{
    labels::Labels,
    value::{Point, is_stale, stale_marker},
};

use super::{
    bits::Cursor,
    block::{self, BLOCK},
    strip::{FRAME, Strip},
    ticks::{FIRST, Ticks},
};

/// Rows in a page. What a view keeps from changing is copied by the page.
pub(super) const PAGE: usize = 64;

/// Columns that stand as they are, at most.
pub(super) const HEAD: u32 = 2 * BLOCK as u32;

/// Ticks in a frame of a strip.
pub(super) const FRAME_TICKS: u32 = (FRAME * BLOCK) as u32;

/// One series.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// Empty: nobody's.
    pub(super) labels: Labels,
    /// The tick of the first value in `strip`.
    pub(super) base: u32,
    /// What a column has for this row before that tick is of somebody else.
    pub(super) born: u32,
    /// After the newest tick in `strip` that it had a value at.
    pub(super) seen: u32,
    /// A rule reads it.
    pub(super) selected: bool,
    pub(super) strip: Strip,
}

/// Rows that are sealed together.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// Ticks before this one are in the strips.
    pub(super) sealed: u32,
    pub(super) rows: Vec<Row>,
}

/// How long values are kept, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keep {
    pub(super) selected: u32,
    pub(super) others: u32,
}

impl Keep {
    pub(super) fn of(self, row: &Row) -> u32 {
        if row.selected { self.selected } else { self.others }
    }
}

/// All of it. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid {
    pub(super) ticks: Arc<Ticks>,
    /// Of the newest ticks, oldest first. A row that a column is too short for has no value there.
    pub(super) columns: Arc<VecDeque<Arc<[f64]>>>,
    pub(super) pages: Arc<Vec<Arc<Page>>>,
}

/// What sealing did.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    /// Bytes that strips gained; less than zero when old frames were more.
    pub(super) growth: isize,
    /// Rows without a value for as long as they are kept.
    pub(super) ended: Vec<u32>,
}

impl Grid {
    fn page(&self, row: u32) -> Option<(&Page, &Row)> {
        let page = self.pages.get(row as usize / PAGE)?;
        Some((page, page.rows.get(row as usize % PAGE)?))
    }

    pub(super) fn row(&self, row: u32) -> Option<&Row> {
        self.page(row).map(|(_, row)| row)
    }

    /// Number of rows, those of nobody included.
    pub(super) fn len(&self) -> usize {
        match self.pages.last() {
            Some(last) => (self.pages.len() - 1) * PAGE + last.rows.len(),
            None => 0,
        }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.pages.iter().flat_map(|page| &page.rows)
    }

    pub(super) fn row_mut(&mut self, row: u32) -> Option<&mut Row> {
        let page = Arc::make_mut(&mut self.pages).get_mut(row as usize / PAGE)?;
        Arc::make_mut(page).rows.get_mut(row as usize % PAGE)
    }

    /// The tick of the oldest column.
    fn head_from(&self) -> u32 {
        self.ticks.next() - u32::try_from(self.columns.len()).unwrap_or(0)
    }

    /// A value that stands in a column; missing ones are stale markers.
    fn newest_value(&self, row: u32, tick: u32) -> f64 {
        let column = tick
            .checked_sub(self.head_from())
            .and_then(|at| self.columns.get(at as usize));
        let value = column.and_then(|column| column.get(row as usize));
        value.copied().unwrap_or_else(stale_marker)
    }

    /// Every tick of `from..to` that is known for a row, ascending, with its value or a stale marker.
    pub(super) fn each(&self, row: u32, from: u32, to: u32, mut then: impl FnMut(u32, f64)) {
        let Some((page, own)) = self.page(row) else { return };
        let from = from.max(own.base);
        if from < page.sealed {
            each_sealed(own, from, to.min(page.sealed), &mut then);
        }
        for tick in from.max(page.sealed).max(own.born)..to.min(self.ticks.next()) {
            then(tick, self.newest_value(row, tick));
        }
    }

    /// Samples with `after < at <= until`, ascending. A series that is missed for the first time has a stale marker there.
    pub(super) fn samples(&self, row: u32, after: i64, until: i64, mut then: impl FnMut(Point)) {
        let (from, to) = (self.ticks.after(after), self.ticks.after(until));
        if from >= to {
            return;
        }
        // What comes before tells whether a missing value is the end of something.
        let start = self.ticks.valid_before(from).unwrap_or(from);
        let mut alive = false;
        self.each(row, start, to, |number, value| {
            let Some(tick) = self.ticks.get(number).filter(|tick| !tick.void) else {
                return;
            };
            let missing = is_stale(value);
            let told = !missing || (alive && !tick.fresh);
            if told && number >= from {
                then(Point { at: tick.at, value });
            }
            alive = !missing;
        });
    }

    /// The last of [`Grid::samples`].
    pub(super) fn newest(&self, row: u32, after: i64, until: i64) -> Option<Point> {
        let last = self.ticks.after(until).checked_sub(1)?;
        if let Some(tick) = self.ticks.get(last)
            && !tick.void
            && tick.at > after
        {
            let value = self.newest_value(row, last);
            if !is_stale(value) && self.row(row).is_some_and(|row| row.born <= last) {
                return Some(Point { at: tick.at, value });
            }
        }
        let mut newest = None;
        self.samples(row, after, until, |point| newest = Some(point));
        newest
    }

    /// A row for a series whose first value will be that of the next tick. `free` is a row of nobody.
    pub(super) fn add(&mut self, labels: Labels, selected: bool, free: Option<u32>) -> u32 {
        let next = self.ticks.next();
        let row = free.unwrap_or_else(|| u32::try_from(self.len()).unwrap_or(u32::MAX));
        let number = row as usize / PAGE;
        let pages = Arc::make_mut(&mut self.pages);
        if number == pages.len() {
            pages.push(Arc::new(Page {
                sealed: sealed_at_first(number, next),
                rows: Vec::with_capacity(PAGE),
            }));
        }
        let page = Arc::make_mut(&mut pages[number]);
        let new = Row {
            labels,
            base: page.sealed,
            born: next,
            seen: next,
            selected,
            strip: Strip::default(),
        };
        match page.rows.get_mut(row as usize % PAGE) {
            Some(old) => *old = new,
            None => page.rows.push(new),
        }
        row
    }

    /// Makes a row nobody's. Bytes that its strip took.
    pub(super) fn remove(&mut self, row: u32) -> usize {
        let taken = self.row_mut(row).map(std::mem::take);
        taken.map_or(0, |row| row.strip.size())
    }

    /// A tick with the values of all rows.
    pub(super) fn push(&mut self, at: i64, fresh: bool, column: Arc<[f64]>) {
        Arc::make_mut(&mut self.ticks).push(at, fresh);
        Arc::make_mut(&mut self.columns).push_back(column);
    }

    /// Seals the pages whose turn it is, cuts off what is older than it is kept, and drops columns that nobody needs.
    pub(super) fn seal(&mut self, keep: Keep) -> Sealed {
        let next = self.ticks.next();
        let mut sealed = Sealed::default();
        let due = next as usize % BLOCK;
        for number in (due..self.pages.len()).step_by(BLOCK) {
            if self.pages[number].sealed + HEAD <= next {
                self.seal_page(number, keep, &mut sealed);
            }
        }
        let columns = Arc::make_mut(&mut self.columns);
        while columns.len() >= HEAD as usize {
            columns.pop_front();
        }
        // A row may hold a frame more than is kept, and what is not sealed.
        let oldest = next.saturating_sub(keep.selected.max(keep.others) + FRAME_TICKS + HEAD);
        // Seldom, because it moves all of them.
        if oldest > self.ticks.base + FRAME_TICKS {
            Arc::make_mut(&mut self.ticks).forget(oldest);
        }
        sealed
    }

    fn seal_page(&mut self, number: usize, keep: Keep, sealed: &mut Sealed) {
        let next = self.ticks.next();
        let first_row = number * PAGE;
        let from = self.pages[number].sealed;
        let first = from.checked_sub(self.head_from()).map(|first| first as usize);
        let columns = Arc::clone(&self.columns);
        let value = |row: usize, at: usize| {
            let column = first.and_then(|first| columns.get(first + at));
            column
                .and_then(|column| column.get(row))
                .copied()
                .unwrap_or_else(stale_marker)
        };
        let page = Arc::make_mut(&mut Arc::make_mut(&mut self.pages)[number]);
        for (at, row) in page.rows.iter_mut().enumerate() {
            if row.labels.is_empty() {
                row.base = from + BLOCK as u32;
                continue;
            }
            let own = |tick: usize| from + tick as u32 >= row.born;
            let values: [f64; BLOCK] = std::array::from_fn(|tick| {
                if own(tick) {
                    value(first_row + at, tick)
                } else {
                    stale_marker()
                }
            });
            sealed.growth += append(row, from, &values, next.saturating_sub(keep.of(row)));
            if row.seen.saturating_add(keep.of(row)) < next {
                sealed.ended.push(u32::try_from(first_row + at).unwrap_or(u32::MAX));
            }
        }
        page.sealed = from + BLOCK as u32;
    }

    /// Cuts whole frames before `oldest` off the rows that `which` names. Bytes that became free, and samples that are gone.
    pub(super) fn shed(&mut self, oldest: u32, which: impl Fn(&Row) -> bool) -> (usize, u64) {
        let (mut freed, mut samples) = (0, 0);
        for page in Arc::make_mut(&mut self.pages) {
            let oldest = oldest.min(page.sealed);
            let due = |row: &Row| which(row) && row.base + FRAME_TICKS <= oldest && !row.strip.is_empty();
            if page.rows.iter().any(due) {
                for row in Arc::make_mut(page).rows.iter_mut().filter(|row| due(row)) {
                    let base = row.base;
                    freed += cut(row, oldest);
                    samples += u64::from(row.base - base);
                }
            }
        }
        (freed, samples)
    }
}

/// Pages take turns in sealing by their numbers; what lies before the first tick counts as sealed.
fn sealed_at_first(page: usize, next: u32) -> u32 {
    let turn = (page % BLOCK) as u32;
    let block = BLOCK as u32;
    debug_assert!(next >= FIRST);
    next - (next + block - turn) % block
}

fn each_sealed(row: &Row, from: u32, to: u32, then: &mut impl FnMut(u32, f64)) {
    let skipped = (from - row.base) / FRAME_TICKS;
    let mut first = row.base + skipped * FRAME_TICKS;
    for frame in row.strip.frames().skip(skipped as usize) {
        let mut cursor = Cursor::new(frame);
        let mut before = None;
        for number in (first..first + FRAME_TICKS).step_by(BLOCK) {
            if number >= to {
                return;
            }
            let Some(values) = block::decode(&mut cursor, before) else {
                break;
            };
            before = last_present(&values).or(before);
            for (tick, value) in (number..to).zip(values).filter(|(tick, _)| *tick >= from) {
                then(tick, value);
            }
        }
        first += FRAME_TICKS;
    }
}

fn last_present(values: &[f64; BLOCK]) -> Option<f64> {
    values.iter().rev().find(|value| !is_stale(**value)).copied()
}

/// The last value that is there in a frame.
fn last_in(frame: &[u8]) -> Option<f64> {
    let mut cursor = Cursor::new(frame);
    let mut before = None;
    while !cursor.rest.is_empty() {
        let values = block::decode(&mut cursor, before)?;
        before = last_present(&values).or(before);
    }
    before
}

/// Appends what the row has at `from` and after, and cuts off what is older than `oldest`. Bytes gained.
fn append(row: &mut Row, from: u32, values: &[f64; BLOCK], oldest: u32) -> isize {
    let size = row.strip.size();
    let present = values.iter().rposition(|value| !is_stale(*value));
    if let Some(last) = present {
        row.seen = from + last as u32 + 1;
    } else if row.strip.is_empty() {
        // Nothing yet, or nothing left: it need not begin here.
        row.base = from + BLOCK as u32;
        return 0;
    }
    let blocks = (from - row.base) as usize / BLOCK;
    row.strip = row
        .strip
        .with(blocks, |open, out| block::encode(values, last_in(open), out));
    cut(row, oldest);
    row.strip.size() as isize - size as isize
}

/// Cuts off whole frames before `oldest`, which is not after what is sealed. Bytes that became free.
fn cut(row: &mut Row, oldest: u32) -> usize {
    let frames = oldest.saturating_sub(row.base) / FRAME_TICKS;
    let frames = (frames as usize).min(row.strip.frames().count());
    if frames == 0 {
        return 0;
    }
    let size = row.strip.size();
    let kept = row.strip.without(frames);
    row.base = row.base.saturating_add(frames as u32 * FRAME_TICKS);
    row.strip = kept;
    size - row.strip.size()
}
