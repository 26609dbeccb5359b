//! A [`Storage`] that holds everything it was given, in plain vectors.
//!
//! Owns series with their points; flows in: labels and points in any order; flows out: what [`Storage`] promises. It forgets
//! nothing and has no index but that of metric names: it is for tests and for the files of rule tests, not for a host's history.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Generation, SeriesId, Storage};
use crate::{
    ast::{MatchOp, Matcher},
    labels::{Labels, METRIC_NAME},
    value::Point,
};

/// Generations of all memories of this process: a query that is moved from one to another must not take the series of the
/// first for those of the second.
static GENERATIONS: AtomicU64 = AtomicU64::new(0);

fn next_generation() -> Generation {
    Generation(GENERATIONS.fetch_add(1, Ordering::Relaxed))
}

/// Series and their points.
#[derive(Debug)]
pub struct Memory {
    generation: Generation,
    series: Vec<(Labels, Vec<Point>)>,
    ids: HashMap<Labels, SeriesId>,
    by_name: HashMap<Arc<str>, Vec<SeriesId>>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            generation: next_generation(),
            series: Vec::new(),
            ids: HashMap::new(),
            by_name: HashMap::new(),
        }
    }
}

impl Memory {
    /// Without series.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one point to the series with these labels, which is begun if it is not there. A point at the same moment is
    /// replaced.
    pub fn append(&mut self, labels: &Labels, point: Point) {
        let id = self.id(labels);
        let Some((_, points)) = self.series.get_mut(id.0 as usize) else {
            return;
        };
        match points.last() {
            Some(last) if last.at >= point.at => insert(points, point),
            _ => points.push(point),
        }
    }

    /// Adds points, as [`Memory::append`] does; without any, the series still begins.
    pub fn extend(&mut self, labels: &Labels, points: impl IntoIterator<Item = Point>) {
        self.id(labels);
        for point in points {
            self.append(labels, point);
        }
    }

    /// All series with all their points, in the order in which they were begun.
    pub fn iter(&self) -> impl Iterator<Item = (&Labels, &[Point])> {
        self.series.iter().map(|(labels, points)| (labels, points.as_slice()))
    }

    fn id(&mut self, labels: &Labels) -> SeriesId {
        if let Some(id) = self.ids.get(labels) {
            return *id;
        }
        let id = SeriesId(u32::try_from(self.series.len()).unwrap_or(u32::MAX));
        self.series.push((labels.clone(), Vec::new()));
        self.ids.insert(labels.clone(), id);
        if let Some(name) = labels.metric_name() {
            self.by_name.entry(Arc::clone(name)).or_default().push(id);
        }
        self.generation = next_generation();
        id
    }

    fn between(&self, id: SeriesId, after: i64, until: i64) -> &[Point] {
        let points = self.series.get(id.0 as usize).map_or(&[][..], |(_, points)| points);
        let from = points.partition_point(|point| point.at <= after);
        let to = points.partition_point(|point| point.at <= until);
        points.get(from..to).unwrap_or(&[])
    }

    fn satisfies(&self, id: SeriesId, matchers: &[Matcher]) -> bool {
        let labels = self.labels(id);
        matchers
            .iter()
            .all(|matcher| matcher.matches(labels.get(&matcher.name).map_or("", |value| value)))
    }
}

fn insert(points: &mut Vec<Point>, point: Point) {
    match points.binary_search_by_key(&point.at, |own| own.at) {
        Ok(at) => points[at] = point,
        Err(at) => points.insert(at, point),
    }
}

impl Storage for Memory {
    fn generation(&self) -> Generation {
        self.generation
    }

    fn find(&self, matchers: &[Matcher]) -> Vec<SeriesId> {
        let name = matchers
            .iter()
            .find(|matcher| matcher.op == MatchOp::Equal && &*matcher.name == METRIC_NAME && !matcher.value.is_empty());
        match name {
            Some(name) => {
                let named = self.by_name.get(&name.value).map_or(&[][..], |ids| ids);
                named
                    .iter()
                    .copied()
                    .filter(|id| self.satisfies(*id, matchers))
                    .collect()
            }
            None => {
                let count = u32::try_from(self.series.len()).unwrap_or(u32::MAX);
                (0..count)
                    .map(SeriesId)
                    .filter(|id| self.satisfies(*id, matchers))
                    .collect()
            }
        }
    }

    fn labels(&self, id: SeriesId) -> &Labels {
        &self.series[id.0 as usize].0
    }

    fn newest(&self, id: SeriesId, after: i64, until: i64) -> Option<Point> {
        let points = self.series.get(id.0 as usize).map_or(&[][..], |(_, points)| points);
        // Mostly the newest sample of all is asked for.
        let newest = match points.last() {
            Some(last) if last.at <= until => Some(last),
            _ => points
                .partition_point(|point| point.at <= until)
                .checked_sub(1)
                .and_then(|at| points.get(at)),
        };
        newest.copied().filter(|point| point.at > after)
    }

    fn read(&self, id: SeriesId, after: i64, until: i64, out: &mut Vec<Point>) {
        out.extend_from_slice(self.between(id, after, until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::Span;

    fn labels(pairs: &[(&'static str, &'static str)]) -> Labels {
        Labels::new(pairs.iter().copied())
    }

    fn point(at: i64, value: f64) -> Point {
        Point { at, value }
    }

    fn equal(name: &str, value: &str) -> Matcher {
        Matcher {
            name: name.into(),
            op: MatchOp::Equal,
            value: value.into(),
            regex: None,
            span: Span::default(),
        }
    }

    #[test]
    fn points_are_kept_in_order_and_the_last_of_a_moment_counts() {
        let mut memory = Memory::new();
        let a = labels(&[("__name__", "a")]);
        memory.extend(&a, [point(20, 2.0), point(10, 1.0), point(20, 3.0), point(30, 4.0)]);
        let mut out = Vec::new();
        memory.read(SeriesId(0), 10, 30, &mut out);
        assert_eq!(out, [point(20, 3.0), point(30, 4.0)]);
        assert_eq!(memory.newest(SeriesId(0), 10, 29), Some(point(20, 3.0)));
        assert_eq!(memory.newest(SeriesId(0), 30, 99), None);
    }

    #[test]
    fn a_new_series_is_a_new_generation_and_a_new_point_is_not() {
        let mut memory = Memory::new();
        let a = labels(&[("__name__", "a")]);
        let empty = memory.generation();
        memory.append(&a, point(1, 1.0));
        let one = memory.generation();
        memory.append(&a, point(2, 1.0));
        assert_ne!(empty, one);
        assert_eq!(one, memory.generation());
        assert_ne!(one, Memory::new().generation());
    }

    #[test]
    fn a_series_with_more_labels_than_asked_for_is_found_and_a_missing_label_is_the_empty_text() {
        let mut memory = Memory::new();
        memory.extend(&labels(&[("__name__", "a"), ("x", "1")]), []);
        memory.extend(&labels(&[("__name__", "a"), ("x", "1"), ("y", "2")]), []);
        memory.extend(&labels(&[("__name__", "b"), ("x", "1")]), []);
        assert_eq!(
            memory.find(&[equal("__name__", "a"), equal("x", "1")]),
            [SeriesId(0), SeriesId(1)]
        );
        assert_eq!(
            memory.find(&[equal("x", "1"), equal("y", "")]),
            [SeriesId(0), SeriesId(2)]
        );
    }
}
