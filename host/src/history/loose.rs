//! Series with times of their own: what rules record.
//!
//! The newest samples stand as they are; sixteen at a time are sealed into a [`Strip`], times and values. Immutable but for its owner,
//! who copies what a view still holds.

use bellwether_promql::{
    labels::Labels,
    value::{Point, is_stale},
};

use super::{
    bits::Cursor,
    block::{self, BLOCK},
    strip::{FRAME, Strip},
    times,
};

/// Samples that stand as they are, at most.
const HEAD: usize = 2 * BLOCK;

/// One series.
#[derive(Clone, Debug, Default)]
pub(super) struct Loose {
    /// Empty: nobody's.
    pub(super) labels: Labels,
    /// Ascending; after all in `strip`. Never empty in a series that somebody has.
    pub(super) head: Vec<Point>,
    pub(super) strip: Strip,
    /// Blocks in `strip`.
    pub(super) blocks: u32,
}

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It stands at the end.
    Taken,
    /// It was there already, at this time and with this value.
    Again,
    /// It is older than the newest of its series, or another value at the same time: not taken.
    OutOfOrder,
    /// A check reports a series with these labels: not taken.
    NotOurs,
    /// The series is new, and the memory for history is full of series that rules read: not taken.
    NoRoom,
}

/// One block.
#[derive(Debug)]
struct Decoded {
    moments: [i64; BLOCK],
    values: [f64; BLOCK],
}

fn decode(cursor: &mut Cursor<'_>, before: Option<(i64, f64)>) -> Option<Decoded> {
    let moments = times::decode(cursor, before.map(|(at, _)| at))?;
    let values = block::decode(cursor, value_before(before))?;
    Some(Decoded { moments, values })
}

/// A marker is no value that others resemble, and blocks write none of it.
fn value_before(before: Option<(i64, f64)>) -> Option<f64> {
    before.map(|(_, value)| value).filter(|value| !is_stale(*value))
}

impl Decoded {
    fn last(&self) -> Option<(i64, f64)> {
        Some((*self.moments.last()?, *self.values.last()?))
    }

    fn points(&self) -> impl Iterator<Item = Point> {
        let pairs = self.moments.iter().zip(self.values);
        pairs.map(|(at, value)| Point { at: *at, value })
    }
}

fn blocks_of(frame: &[u8]) -> impl Iterator<Item = Decoded> {
    let mut cursor = Cursor::new(frame);
    let mut before = None;
    std::iter::from_fn(move || {
        let decoded = decode(&mut cursor, before)?;
        before = decoded.last();
        Some(decoded)
    })
}

impl Loose {
    pub(super) fn new(labels: Labels, first: Point) -> Self {
        Self {
            labels,
            head: vec![first],
            strip: Strip::default(),
            blocks: 0,
        }
    }

    pub(super) fn last(&self) -> Option<Point> {
        self.head.last().copied()
    }

    /// Memory beside the labels.
    pub(super) fn size(&self) -> usize {
        self.strip.size() + HEAD * size_of::<Point>()
    }

    /// Appends, and cuts off whole frames that end before `oldest`.
    pub(super) fn append(&mut self, point: Point, oldest: i64) -> Appended {
        match self.last() {
            Some(last) if last.at == point.at && last.value.to_bits() == point.value.to_bits() => {
                return Appended::Again;
            }
            Some(last) if last.at >= point.at => return Appended::OutOfOrder,
            Some(_) | None => {}
        }
        self.head.push(point);
        if self.head.len() > HEAD {
            self.seal();
            self.cut(oldest);
        }
        Appended::Taken
    }

    fn seal(&mut self) {
        let moments = std::array::from_fn(|at| self.head[at].at);
        let values = std::array::from_fn(|at| self.head[at].value);
        self.strip = self.strip.with(self.blocks as usize, |open, out| {
            let before = blocks_of(open).last().and_then(|block| block.last());
            times::encode(&moments, before.map(|(at, _)| at), out);
            block::encode(&values, value_before(before), out);
        });
        self.blocks += 1;
        self.head.drain(..BLOCK);
    }

    fn cut(&mut self, oldest: i64) {
        let ended = |frame: &&[u8]| {
            blocks_of(frame)
                .last()
                .and_then(|block| block.last())
                .is_some_and(|(at, _)| at < oldest)
        };
        // The last one may not be full.
        let full = self.blocks as usize / FRAME;
        let frames = self.strip.frames().take(full).take_while(ended).count();
        if frames > 0 {
            self.strip = self.strip.without(frames);
            self.blocks -= (frames * FRAME) as u32;
        }
    }

    /// Forgets what is at or after `at`: the clock was set back. Whether anything is left.
    pub(super) fn forget_from(&mut self, at: i64) -> bool {
        let mut kept = Vec::new();
        self.samples(i64::MIN, at.saturating_sub(1), |point| kept.push(point));
        self.strip = Strip::default();
        self.blocks = 0;
        self.head.clear();
        for point in kept {
            self.append(point, i64::MIN);
        }
        !self.head.is_empty()
    }

    /// Samples with `after < at <= until`, ascending.
    pub(super) fn samples(&self, after: i64, until: i64, mut then: impl FnMut(Point)) {
        let sealed_reaches = self.head.first().is_none_or(|first| first.at > after.saturating_add(1));
        if sealed_reaches {
            for point in self
                .strip
                .frames()
                .flat_map(blocks_of)
                .flat_map(|block| block.points().collect::<Vec<_>>())
            {
                if point.at > until {
                    return;
                }
                if point.at > after {
                    then(point);
                }
            }
        }
        let wanted = |point: &&Point| point.at > after && point.at <= until;
        self.head.iter().filter(wanted).copied().for_each(then);
    }

    /// The last of [`Loose::samples`].
    pub(super) fn newest(&self, after: i64, until: i64) -> Option<Point> {
        if let Some(found) = self.head.iter().rev().find(|point| point.at <= until) {
            return Some(*found).filter(|found| found.at > after);
        }
        let mut newest = None;
        self.samples(after, until, |point| newest = Some(point));
        newest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(series: &Loose, after: i64, until: i64) -> Vec<(i64, u64)> {
        let mut out = Vec::new();
        series.samples(after, until, |point| out.push((point.at, point.value.to_bits())));
        out
    }

    #[test]
    fn what_is_not_after_the_last_is_not_taken() {
        let point = |at, value| Point { at, value };
        let mut series = Loose::new(Labels::default(), point(10, 1.0));
        assert_eq!(series.append(point(10, 1.0), 0), Appended::Again);
        assert_eq!(series.append(point(10, 2.0), 0), Appended::OutOfOrder);
        assert_eq!(series.append(point(9, 1.0), 0), Appended::OutOfOrder);
        assert_eq!(series.append(point(11, 1.0), 0), Appended::Taken);
    }

    #[test]
    fn old_frames_go() {
        let mut series = Loose::new(Labels::default(), Point { at: 0, value: 0.0 });
        for at in 1..1000 {
            series.append(Point { at, value: at as f64 }, at - 200);
        }
        let held = read(&series, -1, 1000);
        let oldest = held[0].0;
        assert!((600..800).contains(&oldest), "{oldest}");
        assert_eq!(held.len() as i64, 1000 - oldest);
    }

    proptest! {
        #[test]
        fn reads_what_was_appended(
            steps in prop::collection::vec((1_i64..100_000, any::<u64>()), 1..400),
            after in 0_i64..4_000_000,
            length in 0_i64..4_000_000,
            cut in prop::option::of(0_i64..4_000_000),
        ) {
            let mut at = 0;
            let mut model = Vec::new();
            let mut series: Option<Loose> = None;
            for (step, bits) in steps {
                at += step;
                let point = Point { at, value: f64::from_bits(bits) };
                match &mut series {
                    Some(series) => prop_assert_eq!(series.append(point, i64::MIN), Appended::Taken),
                    None => series = Some(Loose::new(Labels::default(), point)),
                }
                model.push((at, bits));
            }
            let mut series = series.expect("at least one step");
            if let Some(cut) = cut {
                model.retain(|(at, _)| *at < cut);
                prop_assert_eq!(series.forget_from(cut), !model.is_empty());
            }
            let until = after + length;
            let expected: Vec<_> = model.into_iter().filter(|(at, _)| *at > after && *at <= until).collect();
            prop_assert_eq!(read(&series, after, until), expected.clone());
            let newest = series.newest(after, until).map(|point| (point.at, point.value.to_bits()));
            prop_assert_eq!(newest, expected.last().copied());
        }
    }
}
