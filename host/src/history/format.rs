//! History as bytes, and back.
//!
//! Flows in: a [`View`]. Flows out: bytes with a version in front and a checksum behind, and from such bytes what a view holds; or
//! why not. Bytes are never trusted: whatever they are, reading ends, allocates no more than they are long, and yields
//! something that can be gone on with. It knows no files.
//!
//! In order: the ticks; every string once; the pages with their rows, each with its compressed past as it is and its newest
//! values compressed the same way; the series with times of their own.

use std::{collections::HashMap, io, sync::Arc};

use bellwether_promql::{
    labels::{Label, Labels},
    value::{Point, is_stale, stale_marker},
};
use flate2::Crc;

use super::{
    bits::{Cursor, put_varint, unzigzag, zigzag},
    block::{self, BLOCK},
    grid::{Grid, HEAD, PAGE, Page, Row},
    loose::Loose,
    strip::{FRAME, Strip},
    ticks::{FIRST, Tick, Ticks},
    view::{Loosely, View},
};

/// What such bytes begin with.
const MAGIC: [u8; 8] = *b"bwhistry";

/// Of this form. A reader refuses others: what an older or newer host wrote is of no use to this one, and hours later is gone.
pub(super) const VERSION: u16 = 1;

/// Checksum and length at the end.
const TRAILER_BYTES: usize = 12;

/// Written at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Ticks have numbers with room for a thousand years.
const NUMBER_MAX: u32 = u32::MAX / 4;

/// A tick that is the first of a process, and one that the clock was set back behind.
const FRESH: u8 = 1;
const VOID: u8 = 2;

/// Why bytes are no history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FormatError {
    /// They begin otherwise.
    #[error("it is no history of this program")]
    Foreign,
    /// Another version wrote them.
    #[error("it has version {0}; this program reads version {VERSION}")]
    Version(u16),
    /// The end is missing, or bytes changed.
    #[error("it is damaged: its checksum or its length is wrong")]
    Damaged,
    /// The checksum fits and the contents do not: a bug, or malice.
    #[error("its contents contradict each other")]
    Contradiction,
}

/// Bytes on their way, with their checksum.
struct Output<W> {
    to: W,
    crc: Crc,
    buffer: Vec<u8>,
}

impl<W: io::Write> Output<W> {
    /// Between two items: writes when it is worth it.
    fn spill(&mut self, least: usize) -> io::Result<()> {
        if self.buffer.len() >= least {
            self.crc.update(&self.buffer);
            self.to.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn count(&mut self, count: usize) {
        put_varint(count as u64, &mut self.buffer);
    }

    fn number(&mut self, number: u32) {
        put_varint(u64::from(number), &mut self.buffer);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.buffer.extend_from_slice(bytes);
    }
}

/// Writes all of `view`.
///
/// # Errors
///
/// Those of `to`.
pub(super) fn write(view: &View, to: impl io::Write) -> io::Result<()> {
    let mut out = Output {
        to,
        crc: Crc::new(),
        buffer: Vec::with_capacity(2 * CHUNK_BYTES),
    };
    out.buffer.extend_from_slice(&MAGIC);
    out.buffer.extend_from_slice(&VERSION.to_le_bytes());
    write_ticks(&view.grid.ticks, &mut out);
    let strings = write_strings(view, &mut out)?;
    out.count(view.grid.columns.len());
    out.count(view.grid.pages.len());
    for (number, page) in view.grid.pages.iter().enumerate() {
        write_page(&view.grid, number, page, &strings, &mut out);
        out.spill(CHUNK_BYTES)?;
    }
    out.count(view.loose.len());
    for series in view.loose.iter() {
        write_loose(series, &strings, &mut out);
        out.spill(CHUNK_BYTES)?;
    }
    out.spill(0)?;
    let length = out.crc.amount();
    // `amount` counts modulo 2^32; no file is that long.
    out.to.write_all(&out.crc.sum().to_le_bytes())?;
    out.to.write_all(&u64::from(length).to_le_bytes())?;
    out.to.flush()
}

fn write_ticks<W: io::Write>(ticks: &Ticks, out: &mut Output<W>) {
    out.number(ticks.base);
    out.count(ticks.all.len());
    let mut last = 0_i64;
    for tick in &ticks.all {
        put_varint(zigzag(tick.at.wrapping_sub(last)), &mut out.buffer);
        last = tick.at;
        let fresh = if tick.fresh { FRESH } else { 0 };
        out.buffer.push(fresh | if tick.void { VOID } else { 0 });
    }
}

type Strings<'v> = HashMap<&'v str, usize>;

/// Every string of every label, once.
fn write_strings<'v, W: io::Write>(view: &'v View, out: &mut Output<W>) -> io::Result<Strings<'v>> {
    let mut strings = Strings::new();
    let mut order = Vec::new();
    for (_, labels) in view.numbered() {
        for text in labels.iter().flat_map(|(name, value)| [name, value]) {
            let next = strings.len();
            strings.entry(text).or_insert_with(|| {
                order.push(text);
                next
            });
        }
    }
    out.count(order.len());
    for text in order {
        out.bytes(text.as_bytes());
        out.spill(CHUNK_BYTES)?;
    }
    Ok(strings)
}

fn write_labels<W: io::Write>(labels: &Labels, strings: &Strings<'_>, out: &mut Output<W>) {
    out.count(labels.len());
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        out.count(strings.get(&**text).copied().unwrap_or_default());
    }
}

fn write_page<W: io::Write>(grid: &Grid, number: usize, page: &Page, strings: &Strings<'_>, out: &mut Output<W>) {
    out.number(page.sealed);
    out.count(page.rows.len());
    for (at, row) in page.rows.iter().enumerate() {
        write_labels(&row.labels, strings, out);
        if row.labels.is_empty() {
            continue;
        }
        out.number(row.base);
        out.number(row.born);
        out.number(row.seen);
        out.buffer.push(u8::from(row.selected));
        out.bytes(row.strip.bytes());
        let mut newest = Vec::with_capacity(HEAD as usize);
        let row = u32::try_from(number * PAGE + at).unwrap_or(u32::MAX);
        grid.each(row, page.sealed, u32::MAX, |tick, value| {
            newest.resize((tick - page.sealed) as usize, stale_marker());
            newest.push(value);
        });
        write_newest(&mut newest, &mut out.buffer);
    }
}

/// Values of ticks in a row, rounded up to blocks with missing ones.
fn write_newest(values: &mut Vec<f64>, out: &mut Vec<u8>) {
    values.resize(values.len().next_multiple_of(BLOCK), stale_marker());
    out.push((values.len() / BLOCK) as u8);
    let mut before = None;
    for block in values.as_chunks::<BLOCK>().0 {
        block::encode(block, before, out);
        before = block.iter().rev().find(|value| !is_stale(**value)).copied().or(before);
    }
}

fn write_loose<W: io::Write>(series: &Loose, strings: &Strings<'_>, out: &mut Output<W>) {
    write_labels(&series.labels, strings, out);
    if series.labels.is_empty() {
        return;
    }
    out.number(series.blocks);
    out.bytes(series.strip.bytes());
    out.count(series.head.len());
    for point in &series.head {
        out.buffer.extend_from_slice(&point.at.to_le_bytes());
        out.buffer.extend_from_slice(&point.value.to_bits().to_le_bytes());
    }
}

/// Reads what [`write`] wrote. The index is not built yet.
///
/// # Errors
///
/// See [`FormatError`].
pub(super) fn read(bytes: &[u8]) -> Result<View, FormatError> {
    let Some(body) = bytes.strip_prefix(&MAGIC) else {
        return Err(FormatError::Foreign);
    };
    let mut cursor = Cursor::new(body);
    let version = cursor.u16().ok_or(FormatError::Damaged)?;
    if version != VERSION {
        return Err(FormatError::Version(version));
    }
    let contents = bytes.len().checked_sub(TRAILER_BYTES).ok_or(FormatError::Damaged)?;
    let (covered, trailer) = bytes.split_at(contents);
    let mut crc = Crc::new();
    crc.update(covered);
    let wanted = [&crc.sum().to_le_bytes()[..], &u64::from(crc.amount()).to_le_bytes()].concat();
    let length = cursor
        .rest
        .len()
        .checked_sub(TRAILER_BYTES)
        .ok_or(FormatError::Damaged)?;
    if trailer != wanted {
        return Err(FormatError::Damaged);
    }
    contents_of(&cursor.rest[..length]).ok_or(FormatError::Contradiction)
}

/// What stands between version and checksum.
pub(super) fn contents_of(bytes: &[u8]) -> Option<View> {
    let mut cursor = Cursor::new(bytes);
    let ticks = read_ticks(&mut cursor)?;
    let strings = read_strings(&mut cursor)?;
    let columns = cursor.count()?;
    if columns > HEAD as usize || columns > ticks.all.len() {
        return None;
    }
    let mut reader = Reader {
        cursor,
        strings,
        next: ticks.next(),
        columns: vec![Vec::new(); columns],
    };
    let pages = reader.pages()?;
    let loose = reader.loose()?;
    let grid = Grid {
        ticks: Arc::new(ticks),
        columns: Arc::new(reader.columns.into_iter().map(Arc::from).collect()),
        pages: Arc::new(pages),
    };
    reader.cursor.rest.is_empty().then_some(View {
        grid,
        loose,
        ..View::default()
    })
}

fn read_ticks(cursor: &mut Cursor<'_>) -> Option<Ticks> {
    let base = number(cursor)?;
    let count = cursor.count()?;
    let count = some(cursor, count, 2)?;
    let mut last = 0_i64;
    let mut all = Vec::with_capacity(count);
    for at in 0..count {
        let tick = last.wrapping_add(unzigzag(cursor.varint()?));
        let flags = cursor.byte()?;
        if at > 0 && tick < last {
            return None;
        }
        last = tick;
        all.push(Tick {
            at: tick,
            fresh: flags & FRESH != 0,
            void: flags & VOID != 0,
        });
    }
    let ticks = Ticks { base, all };
    (base >= FIRST && ticks.next() <= NUMBER_MAX).then_some(ticks)
}

fn number(cursor: &mut Cursor<'_>) -> Option<u32> {
    u32::try_from(cursor.varint()?)
        .ok()
        .filter(|number| *number <= NUMBER_MAX)
}

/// A number of things of which each takes at least `least` bytes of what is left.
fn some(cursor: &Cursor<'_>, count: usize, least: usize) -> Option<usize> {
    (count <= cursor.rest.len() / least).then_some(count)
}

fn read_strings(cursor: &mut Cursor<'_>) -> Option<Vec<Arc<str>>> {
    let count = cursor.count()?;
    let mut strings = Vec::with_capacity(some(cursor, count, 1)?);
    for _ in 0..count {
        let length = cursor.count()?;
        strings.push(std::str::from_utf8(cursor.take(length)?).ok()?.into());
    }
    Some(strings)
}

struct Reader<'b> {
    cursor: Cursor<'b>,
    strings: Vec<Arc<str>>,
    /// The number of the tick that comes next.
    next: u32,
    columns: Vec<Vec<f64>>,
}

impl Reader<'_> {
    fn number(&mut self) -> Option<u32> {
        number(&mut self.cursor)
    }

    /// Sorted, each name once, none empty: as [`Labels`] must be.
    fn labels(&mut self) -> Option<Labels> {
        let count = self.cursor.count()?;
        let mut labels: Vec<Label> = Vec::with_capacity(some(&self.cursor, count, 2)?);
        for _ in 0..count {
            let name = Arc::clone(self.strings.get(self.cursor.count()?)?);
            let value = Arc::clone(self.strings.get(self.cursor.count()?)?);
            let in_order = labels.last().is_none_or(|(last, _)| *last < name);
            if !in_order || value.is_empty() {
                return None;
            }
            labels.push((name, value));
        }
        Some(Labels::from_sorted(labels))
    }

    fn strip(&mut self, blocks: usize) -> Option<Strip> {
        let length = self.cursor.count()?;
        let strip = Strip::from_bytes(self.cursor.take(length)?)?;
        (strip.frames().count() == blocks.div_ceil(FRAME)).then_some(strip)
    }

    fn pages(&mut self) -> Option<Vec<Arc<Page>>> {
        let count = self.cursor.count()?;
        let mut pages = Vec::with_capacity(some(&self.cursor, count, 2)?);
        for number in 0..count {
            let page = self.page(number)?;
            // All but the last are full.
            if page.rows.len() > PAGE || (page.rows.len() < PAGE && number + 1 < count) {
                return None;
            }
            pages.push(Arc::new(page));
        }
        Some(pages)
    }

    fn page(&mut self, number: usize) -> Option<Page> {
        let sealed = self.number()?;
        let in_turn = sealed as usize % BLOCK == number % BLOCK;
        if !in_turn || sealed > self.next || sealed + HEAD <= self.next {
            return None;
        }
        let count = self.cursor.count()?;
        let mut rows = Vec::with_capacity(some(&self.cursor, count, 1)?);
        for at in 0..count {
            let row = self.row(number * PAGE + at, sealed)?;
            rows.push(row);
        }
        Some(Page { sealed, rows })
    }

    fn row(&mut self, number: usize, sealed: u32) -> Option<Row> {
        let labels = self.labels()?;
        if labels.is_empty() {
            return Some(Row {
                base: sealed,
                ..Row::default()
            });
        }
        let base = self.number()?;
        let born = self.number()?;
        let seen = self.number()?;
        let selected = self.cursor.byte()? != 0;
        let past = sealed.checked_sub(base)?;
        if !past.is_multiple_of(BLOCK as u32) || born > self.next || seen > self.next {
            return None;
        }
        // A row without a past has no strip, wherever it begins.
        let strip = self.strip(past as usize / BLOCK)?;
        self.newest(number, sealed)?;
        Some(Row {
            labels,
            base,
            born,
            seen,
            selected,
            strip,
        })
    }

    /// Puts the newest values of a row into the columns, from the tick `sealed` on.
    fn newest(&mut self, row: usize, sealed: u32) -> Option<()> {
        let head_from = self.next - u32::try_from(self.columns.len()).ok()?;
        let blocks = u32::from(self.cursor.byte()?);
        if blocks * BLOCK as u32 > HEAD {
            return None;
        }
        let mut before = None;
        for block in 0..blocks {
            let values = block::decode(&mut self.cursor, before)?;
            before = values.iter().rev().find(|value| !is_stale(**value)).copied().or(before);
            for (tick, value) in (sealed + block * BLOCK as u32..).zip(values) {
                if let Some(column) = tick
                    .checked_sub(head_from)
                    .and_then(|at| self.columns.get_mut(at as usize))
                {
                    column.resize(column.len().max(row), stale_marker());
                    column.push(value);
                }
            }
        }
        Some(())
    }

    fn loose(&mut self) -> Option<Loosely> {
        let count = self.cursor.count()?;
        let mut all = Loosely::default();
        for _ in 0..some(&self.cursor, count, 1)? {
            let labels = self.labels()?;
            if !labels.is_empty() {
                let series = self.series(labels)?;
                all.add(series, None);
            }
        }
        Some(all)
    }

    fn series(&mut self, labels: Labels) -> Option<Loose> {
        let blocks = self.number()?;
        let strip = self.strip(blocks as usize)?;
        let count = self.cursor.count()?;
        let mut head: Vec<Point> = Vec::with_capacity(some(&self.cursor, count, 16)?);
        for _ in 0..count {
            let at = i64::from_le_bytes(self.cursor.array()?);
            let value = f64::from_bits(self.cursor.u64()?);
            if head.last().is_some_and(|last| last.at >= at) {
                return None;
            }
            head.push(Point { at, value });
        }
        let whole = !head.is_empty() && head.len() <= HEAD as usize;
        whole.then_some(Loose {
            labels,
            head,
            strip,
            blocks,
        })
    }
}
