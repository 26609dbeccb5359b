//! Selectors: which series, and their samples at or before each moment.

use std::sync::Arc;

use super::{
    Context, EvalError,
    block::{Block, present},
    frame::Frame,
    meter::{LABEL_WORK, Meter},
};
use crate::{
    ast::{Matcher, Selector, Shift, Span},
    labels::Labels,
    storage::{Generation, SeriesId},
    value::{Point, is_stale},
};

/// A selector with the series it chose.
#[derive(Debug)]
pub(super) struct Select {
    pub(super) matchers: Arc<[Matcher]>,
    pub(super) shift: Shift,
    pub(super) span: Span,
    resolved: Option<Resolved>,
}

/// What a selector chose in one state of the storage.
#[derive(Debug)]
struct Resolved {
    generation: Generation,
    ids: Vec<SeriesId>,
    labels: Arc<[Labels]>,
}

/// What of a sample an instant selector takes: its value, or its time.
pub(super) type Take = fn(Point) -> f64;

impl Select {
    pub(super) fn new(selector: Selector, span: Span) -> Self {
        Self {
            matchers: selector.matchers,
            shift: selector.shift,
            span,
            resolved: None,
        }
    }

    /// The chosen series and their labels. The labels stay the same in memory as long as they are the same.
    pub(super) fn resolve(&mut self, cx: &mut Context<'_>) -> Result<(&[SeriesId], &Arc<[Labels]>), EvalError> {
        let generation = cx.storage.generation();
        let old = self.resolved.take();
        let resolved = match old {
            Some(resolved) if resolved.generation == generation => resolved,
            outdated => self.choose(generation, outdated, cx)?,
        };
        let resolved = self.resolved.insert(resolved);
        Ok((&resolved.ids, &resolved.labels))
    }

    fn choose(
        &self,
        generation: Generation,
        outdated: Option<Resolved>,
        cx: &mut Context<'_>,
    ) -> Result<Resolved, EvalError> {
        let ids = cx.storage.find(&self.matchers);
        cx.meter.work(ids.len() * LABEL_WORK, self.span)?;
        let labels = ids.iter().map(|id| cx.storage.labels(*id));
        let labels = match outdated {
            Some(outdated) if labels.clone().eq(outdated.labels.iter()) => outdated.labels,
            _ => labels.cloned().collect(),
        };
        Ok(Resolved {
            generation,
            ids,
            labels,
        })
    }

    /// The newest sample of every series within the lookback of each moment.
    pub(super) fn eval(&mut self, frame: Frame, take: Take, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let span = self.span;
        let moments = frame.shifted(self.shift, cx);
        let (ids, labels) = self.resolve(cx)?;
        let mut block = Block::absent(Arc::clone(labels), frame.count, span, cx)?;
        for (id, row) in ids.iter().zip(block.values.chunks_exact_mut(frame.count)) {
            fill(*id, row, moments, take, span, cx)?;
        }
        Ok(block)
    }
}

/// One series at all moments.
fn fill(
    id: SeriesId,
    row: &mut [f64],
    moments: Frame,
    take: Take,
    span: Span,
    cx: &mut Context<'_>,
) -> Result<(), EvalError> {
    if moments.step == 0 || row.len() == 1 {
        if let Some(value) = newest(id, moments.start, take, span, cx)? {
            row.fill(value);
        }
        return Ok(());
    }
    if moments.step >= cx.lookback {
        // Most samples lie in no lookback: they need not be read.
        for (step, place) in row.iter_mut().enumerate() {
            if let Some(value) = newest(id, moments.at(step), take, span, cx)? {
                *place = value;
            }
        }
        return Ok(());
    }
    walk(id, row, moments, take, span, cx)
}

fn newest(id: SeriesId, at: i64, take: Take, span: Span, cx: &mut Context<'_>) -> Result<Option<f64>, EvalError> {
    let point = cx.storage.newest(id, at.saturating_sub(cx.lookback), at);
    cx.meter.read(usize::from(point.is_some()), span)?;
    Ok(point.filter(|point| !is_stale(point.value)).map(take))
}

/// Reads everything once and goes along.
fn walk(
    id: SeriesId,
    row: &mut [f64],
    moments: Frame,
    take: Take,
    span: Span,
    cx: &mut Context<'_>,
) -> Result<(), EvalError> {
    cx.buffer.clear();
    let after = moments.start.saturating_sub(cx.lookback);
    cx.storage.read(id, after, moments.last(), &mut cx.buffer);
    cx.meter.read(cx.buffer.len(), span)?;
    let mut points = cx.buffer.iter().peekable();
    let mut newest: Option<&Point> = None;
    for (step, place) in row.iter_mut().enumerate() {
        let at = moments.at(step);
        while let Some(point) = points.next_if(|point| point.at <= at) {
            newest = Some(point);
        }
        let fresh = newest.filter(|point| point.at > at.saturating_sub(cx.lookback) && !is_stale(point.value));
        if let Some(point) = fresh {
            *place = take(*point);
        }
    }
    Ok(())
}

/// Calls `each` for every window of `range` milliseconds that ends at one of `moments` and holds a sample.
pub(super) fn windows(
    id: SeriesId,
    moments: Frame,
    range: i64,
    span: Span,
    cx: &mut Context<'_>,
    mut each: impl FnMut(usize, &[Point]),
) -> Result<(), EvalError> {
    if moments.count > 1 && moments.step > range {
        // Windows apart from each other: what lies between need not be read.
        for step in 0..moments.count {
            let at = moments.at(step);
            read_samples(id, at.saturating_sub(range), at, span, cx)?;
            if !cx.buffer.is_empty() {
                each(step, &cx.buffer);
            }
        }
        return Ok(());
    }
    read_samples(id, moments.start.saturating_sub(range), moments.last(), span, cx)?;
    slide(&cx.buffer, moments, range, span, &mut cx.meter, each)
}

/// Into the buffer, without stale markers.
pub(super) fn read_samples(
    id: SeriesId,
    after: i64,
    until: i64,
    span: Span,
    cx: &mut Context<'_>,
) -> Result<(), EvalError> {
    cx.buffer.clear();
    cx.storage.read(id, after, until, &mut cx.buffer);
    cx.meter.read(cx.buffer.len(), span)?;
    cx.buffer.retain(|point| !is_stale(point.value));
    Ok(())
}

/// Moves a window along `points` and calls `each` where it holds one.
pub(super) fn slide(
    points: &[Point],
    moments: Frame,
    range: i64,
    span: Span,
    meter: &mut Meter<'_>,
    mut each: impl FnMut(usize, &[Point]),
) -> Result<(), EvalError> {
    let (mut from, mut to) = (0, 0);
    for step in 0..moments.count {
        let end = moments.at(step);
        let start = end.saturating_sub(range);
        to += points[to..].iter().take_while(|point| point.at <= end).count();
        from += points[from..to].iter().take_while(|point| point.at <= start).count();
        // One for the moment itself.
        meter.work(1 + to - from, span)?;
        if from < to {
            each(step, &points[from..to]);
        }
    }
    Ok(())
}

/// What one row of a block holds, as points.
pub(super) fn points_of(row: &[f64], moments: Frame, out: &mut Vec<Point>) {
    out.clear();
    out.extend(present(row).map(|(step, value)| Point {
        at: moments.at(step),
        value,
    }));
}
