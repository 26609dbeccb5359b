//! Which data an expression is about, and whether it is there: pure questions to a storage.
//!
//! Flows in: an expression, a storage, a time. Flows out: the selectors that rules read; whether a rule may decide so soon after a
//! start. What became of the series of one alert is asked of `presence`. It evaluates nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bellwether_promql::{
    ast::{Expr, ExprKind, MatchOp, Matcher, Selector, Span},
    engine::LOOKBACK,
    labels::METRIC_NAME,
    storage::Storage,
};

use super::state::Hold;

/// How long a rule waits for checks that have not run since the start, in milliseconds. A check that takes longer has its own alert.
pub const CHECKS_HOLD_MAX: i64 = 5 * 60_000;

/// How long a rule waits for a range to fill that an outage emptied, in milliseconds; and, when there is no history from before,
/// how long at most. An hour of silence after an outage of hours is the price of not judging a day by its last minute.
pub(super) const RANGE_HOLD_MAX: i64 = 60 * 60_000;
const RANGE_HOLD_MAX_FRESH: i64 = CHECKS_HOLD_MAX;

/// So many ticks after the last one, what history holds is no news.
pub const TICKS_BEHIND_MAX: i64 = 3;

/// The label that says which check reports a series.
pub(super) const CHECK: &str = "check";

/// One selector of an expression: what it reads of which time.
#[derive(Clone, Debug)]
pub struct Reads {
    /// Which series.
    pub matchers: Arc<[Matcher]>,
    /// Milliseconds from the end of the window to the evaluation; negative: into the future.
    pub offset: i64,
    /// Length of the window in milliseconds; of an instant selector the lookback.
    pub range: i64,
    /// Whether the length is the expression's own.
    pub is_range: bool,
    /// Of the expression: where it stands.
    pub span: Span,
}

/// All selectors of an expression; those of subqueries reach back over all of their moments. A fixed `@` is no window that
/// moves, and its offset counts as none.
pub fn reads(expr: &Expr) -> Vec<Reads> {
    let mut found = Vec::new();
    collect(expr, 0, 0, &mut found);
    found
}

fn collect(expr: &Expr, offset: i64, range: i64, found: &mut Vec<Reads>) {
    let mut selector = |selector: &Selector, own: Option<i64>| {
        found.push(Reads {
            matchers: Arc::clone(&selector.matchers),
            offset: offset
                + if selector.shift.at.is_some() {
                    0
                } else {
                    selector.shift.offset
                },
            range: range + own.unwrap_or(LOOKBACK),
            is_range: own.is_some() || range > 0,
            span: expr.span,
        });
    };
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => {}
        ExprKind::Selector(own) => selector(own, None),
        ExprKind::Range { selector: own, range } => selector(own, Some(*range)),
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => collect(inner, offset, range, found),
        ExprKind::Binary(binary) => {
            collect(&binary.lhs, offset, range, found);
            collect(&binary.rhs, offset, range, found);
        }
        ExprKind::Aggregate(aggregate) => {
            collect(&aggregate.expr, offset, range, found);
            aggregate
                .param
                .iter()
                .for_each(|param| collect(param, offset, range, found));
        }
        ExprKind::Call { args, .. } => args.iter().for_each(|arg| collect(arg, offset, range, found)),
        ExprKind::Subquery(subquery) => {
            let own = if subquery.shift.at.is_some() {
                0
            } else {
                subquery.shift.offset
            };
            collect(&subquery.expr, offset + own, range + subquery.range, found);
        }
    }
}

/// These selectors, and those of the recording rules whose series they read, by the name of the metric, at any remove.
pub fn through(reads: &[Reads], records: &BTreeMap<Arc<str>, Vec<Reads>>) -> Vec<Reads> {
    let mut all = reads.to_vec();
    let mut seen = BTreeSet::new();
    let mut at = 0;
    while let Some(read) = all.get(at).cloned() {
        at += 1;
        let named = |matcher: &&Matcher| *matcher.name == *METRIC_NAME && matcher.op == MatchOp::Equal;
        let Some(name) = read.matchers.iter().find(named).map(|matcher| &matcher.value) else {
            continue;
        };
        let Some(recorded) = records.get(name).filter(|_| seen.insert(Arc::clone(name))) else {
            continue;
        };
        all.extend(recorded.iter().map(|inner| Reads {
            matchers: Arc::clone(&inner.matchers),
            offset: inner.offset + read.offset,
            range: inner.range + if read.is_range { read.range } else { 0 },
            is_range: inner.is_range || read.is_range,
            span: read.span,
        }));
    }
    all
}

/// What is known about the time since history began to be recorded without a break, for [`hold`]: since the host began, the machine
/// woke, or the clock jumped.
#[derive(Clone, Debug)]
pub struct Since<'s> {
    /// The first tick after the break; None: there was none yet.
    pub began: Option<i64>,
    /// The last tick before it; None: there is none.
    pub before: Option<i64>,
    /// The clock was set back: what stands before the break in history is older than it looks, and nothing may span it.
    pub was_set_back: bool,
    /// The last tick.
    pub ticked: i64,
    /// From tick to tick.
    pub tick: i64,
    /// Checks that have neither run nor been restored, and can.
    pub waiting: &'s BTreeSet<Arc<str>>,
}

/// Whether a rule with these selectors may not decide yet at `at`, and why.
pub fn hold<S: Storage + ?Sized>(reads: &[Reads], storage: &S, since: &Since<'_>, at: i64) -> Option<Hold> {
    let Some(began) = since.began else {
        return Some(Hold::ChecksNotRun);
    };
    if at - since.ticked > since.tick * TICKS_BEHIND_MAX {
        return Some(Hold::HistoryBehind);
    }
    if at - began < CHECKS_HOLD_MAX && reads.iter().any(|read| may_be_fed(read, storage, since.waiting)) {
        return Some(Hold::ChecksNotRun);
    }
    let patience = if since.before.is_some() {
        RANGE_HOLD_MAX
    } else {
        RANGE_HOLD_MAX_FRESH
    };
    let before = since.before.filter(|_| !since.was_set_back).unwrap_or(i64::MIN / 4);
    if at - began >= patience {
        return None;
    }
    let is_fresh = since.before.is_none();
    let is_empty = |read: &Reads| {
        if !read.is_range && read.offset <= 0 {
            return false;
        }
        let (from, until) = (at - read.offset - read.range, at - read.offset);
        let missing = until.min(began) - from.max(before);
        if since.was_set_back {
            missing > 0
        } else if is_fresh && read.offset >= patience {
            // Nobody recorded it, and none of it comes while the rule would wait.
            false
        } else if read.is_range {
            missing * 2 > read.range
        } else {
            // Of a moment, one tick within the lookback is enough.
            until < began && before <= from
        }
    };
    reads.iter().any(is_empty).then_some(Hold::RangeNotFilled)
}

/// Whether one of the checks that are waited for may report what is read.
fn may_be_fed<S: Storage + ?Sized>(read: &Reads, storage: &S, waiting: &BTreeSet<Arc<str>>) -> bool {
    if waiting.is_empty() {
        return false;
    }
    let named = read
        .matchers
        .iter()
        .find(|matcher| *matcher.name == *CHECK && matcher.op == MatchOp::Equal);
    if let Some(named) = named {
        return waiting.contains(&named.value);
    }
    let found = storage.find(&read.matchers);
    // What nobody has ever reported may be what the next one reports.
    found.is_empty()
        || found.iter().any(|id| {
            let check = storage.labels(*id).get(CHECK);
            check.is_some_and(|check| waiting.contains(check))
        })
}

#[cfg(test)]
#[path = "data_tests.rs"]
mod tests;
