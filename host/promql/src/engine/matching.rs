//! Operators between two vectors, and how their elements find each other.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use super::{
    Context, EvalError, EvalErrorKind,
    block::{ABSENT, Block, Distinct, duplicate, is_absent},
    frame::Frame,
    meter::LABEL_WORK,
    plan::Vector,
};
use crate::{
    ast::{BinaryOp, Cardinality, Matching, Span},
    functions::binary,
    labels::{Labels, METRIC_NAME},
};

/// For every row of both sides the number of the labels it is compared by.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) left: Vec<u32>,
    pub(super) right: Vec<u32>,
    /// How many numbers there are.
    pub(super) count: usize,
}

impl Signed {
    fn new(
        matching: &Matching,
        [left, right]: [&[Labels]; 2],
        span: Span,
        cx: &mut Context<'_>,
    ) -> Result<Self, EvalError> {
        let mut distinct = Distinct::default();
        let mut sign = |side: &[Labels]| {
            let sign = |labels| {
                cx.meter.work(LABEL_WORK, span)?;
                Ok(distinct.row(compared(matching, labels)))
            };
            side.iter().map(sign).collect::<Result<Vec<u32>, EvalError>>()
        };
        let (left, right) = (sign(left)?, sign(right)?);
        Ok(Self {
            left,
            right,
            count: distinct.len(),
        })
    }
}

/// The labels that two elements must share.
fn compared(matching: &Matching, labels: &Labels) -> Labels {
    let listed = |name: &str| matching.labels.iter().any(|own| **own == *name);
    if matching.on {
        labels.filtered(listed)
    } else {
        labels.filtered(|name| name != METRIC_NAME && !listed(name))
    }
}

/// [`Signed`], remembered as long as both sides have the same labels.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    known: Option<([Arc<[Labels]>; 2], Signed)>,
}

impl Signatures {
    pub(super) fn of(
        &mut self,
        matching: &Matching,
        sides: [&Arc<[Labels]>; 2],
        span: Span,
        cx: &mut Context<'_>,
    ) -> Result<&Signed, EvalError> {
        let known = match self.known.take() {
            Some(known) if same(&known.0, sides) => known,
            _ => (
                sides.map(Arc::clone),
                Signed::new(matching, sides.map(|side| &**side), span, cx)?,
            ),
        };
        Ok(&self.known.insert(known).1)
    }
}

fn same(known: &[Arc<[Labels]>; 2], sides: [&Arc<[Labels]>; 2]) -> bool {
    known.iter().zip(sides).all(|(known, side)| Arc::ptr_eq(known, side))
}

/// `a / on(x) group_left(y) b`
#[derive(Debug)]
pub(super) struct Match {
    pub(super) rule: Rule,
    pub(super) sides: [Vector; 2],
    pub(super) partners: Option<Partners>,
}

/// How partners are found and what they become.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) op: BinaryOp,
    pub(super) bool_modifier: bool,
    pub(super) matching: Matching,
    pub(super) span: Span,
}

/// What is known about two sides as long as both have the same labels.
#[derive(Debug)]
pub(super) struct Partners {
    from: [Arc<[Labels]>; 2],
    /// With the roles instead of the sides: left is the side that may have many, right the one that may not.
    signed: Signed,
    /// Every pair there can be, if nothing can go wrong with any of them: each stands in the row of its place.
    sure: Option<Sure>,
    /// Pairs met so far otherwise.
    met: HashMap<Pair, u32>,
    rows: Distinct,
    /// Those of `rows`, when it was last asked.
    labels: Arc<[Labels]>,
}

/// Pairs, and the labels of what each becomes.
type Sure = (Vec<Pair>, Arc<[Labels]>);

/// Rows of the side that may have many, and of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pair {
    many: u32,
    one: u32,
}

impl Match {
    pub(super) fn eval(&mut self, frame: Frame, cx: &mut Context<'_>) -> Result<Block, EvalError> {
        let [lhs, rhs] = &mut self.sides;
        let (lhs, rhs) = (lhs.eval(frame, cx)?, rhs.eval(frame, cx)?);
        let (many, one) = if self.rule.right_has_many() {
            (&rhs, &lhs)
        } else {
            (&lhs, &rhs)
        };
        let partners = match self.partners.take() {
            Some(partners) if same(&partners.from, [&many.labels, &one.labels]) => partners,
            _ => Partners::new(&self.rule, [&many.labels, &one.labels], cx)?,
        };
        let partners = self.partners.insert(partners);
        match &partners.sure {
            Some((pairs, labels)) => self.rule.apply(pairs, labels, [many, one], frame, cx),
            None => partners.search(&self.rule, [many, one], frame, cx),
        }
    }
}

impl Rule {
    const fn right_has_many(&self) -> bool {
        matches!(self.matching.cardinality, Cardinality::OneToMany)
    }

    const fn one_to_one(&self) -> bool {
        matches!(self.matching.cardinality, Cardinality::OneToOne)
    }

    /// What two values become; absent where a comparison filters.
    fn compute(&self, many: f64, one: f64) -> f64 {
        let (l, r) = if self.right_has_many() {
            (one, many)
        } else {
            (many, one)
        };
        match (self.op.is_comparison(), self.bool_modifier) {
            (false, _) => binary::arithmetic(self.op, l, r),
            (true, true) => f64::from(u8::from(binary::compare(self.op, l, r))),
            (true, false) if binary::compare(self.op, l, r) => l,
            (true, false) => ABSENT,
        }
    }

    /// The labels of what two elements become.
    fn result(&self, many: &Labels, one: &Labels) -> Labels {
        let listed = |name: &str| self.matching.labels.iter().any(|own| **own == *name);
        let drop_name = self.bool_modifier || !self.op.is_comparison();
        let kept = many.filtered(|name| {
            let is_name = matches!(name, METRIC_NAME | "__type__" | "__unit__");
            !(drop_name && is_name) && (!self.one_to_one() || listed(name) == self.matching.on)
        });
        self.matching.include.iter().fold(kept, |labels, name| {
            let value = one.get(name).map_or("", |value| value);
            labels.with(name, value)
        })
    }

    fn apply(
        &self,
        pairs: &[Pair],
        labels: &Arc<[Labels]>,
        [many, one]: [&Block; 2],
        frame: Frame,
        cx: &mut Context<'_>,
    ) -> Result<Block, EvalError> {
        let mut block = Block::absent(Arc::clone(labels), frame.count, self.span, cx)?;
        for (pair, row) in pairs.iter().zip(block.values.chunks_exact_mut(frame.count)) {
            cx.meter.work(row.len(), self.span)?;
            let both = many.row(pair.many as usize).iter().zip(one.row(pair.one as usize));
            for (place, (many, one)) in row.iter_mut().zip(both) {
                if !is_absent(*many) && !is_absent(*one) {
                    *place = self.compute(*many, *one);
                }
            }
        }
        Ok(block)
    }
}

impl Partners {
    fn new(rule: &Rule, sides: [&Arc<[Labels]>; 2], cx: &mut Context<'_>) -> Result<Self, EvalError> {
        let signed = Signed::new(&rule.matching, sides.map(|side| &**side), rule.span, cx)?;
        Ok(Self {
            from: sides.map(Arc::clone),
            sure: sure(rule, sides, &signed, cx)?,
            signed,
            met: HashMap::new(),
            rows: Distinct::default(),
            labels: Arc::default(),
        })
    }

    /// Moment by moment: which elements are partners, and whether they may be, depends on those that are there.
    fn search(
        &mut self,
        rule: &Rule,
        [many, one]: [&Block; 2],
        frame: Frame,
        cx: &mut Context<'_>,
    ) -> Result<Block, EvalError> {
        let mut found = Search {
            rule,
            many,
            one,
            steps: frame.count,
            values: Vec::new(),
        };
        cx.meter.make(self.rows.len(), frame.count, rule.span)?;
        found.values.resize(self.rows.len() * frame.count, ABSENT);
        for step in 0..frame.count {
            cx.meter.work(many.rows() + one.rows(), rule.span)?;
            found.moment(self, step, cx)?;
        }
        if self.labels.len() < self.rows.len() {
            self.labels = self.rows.so_far();
        }
        Ok(Block {
            labels: Arc::clone(&self.labels),
            values: found.values,
            steps: frame.count,
        })
    }
}

/// All pairs, if the side that may have only one has only one of every signature, both sides do where both must, and no two
/// pairs become the same.
fn sure(
    rule: &Rule,
    [many, one]: [&Arc<[Labels]>; 2],
    signed: &Signed,
    cx: &mut Context<'_>,
) -> Result<Option<Sure>, EvalError> {
    let mut one_by_signature = vec![None; signed.count];
    for (row, signature) in (0..).zip(&signed.right) {
        if one_by_signature[*signature as usize].replace(row).is_some() {
            return Ok(None);
        }
    }
    let mut taken = vec![false; signed.count];
    let mut pairs = Vec::new();
    let mut rows = Distinct::default();
    for (row, signature) in (0..).zip(&signed.left) {
        let signature = *signature as usize;
        let Some(partner) = one_by_signature[signature] else {
            continue;
        };
        if rule.one_to_one() && std::mem::replace(&mut taken[signature], true) {
            return Ok(None);
        }
        cx.meter.work(LABEL_WORK, rule.span)?;
        let pair = Pair {
            many: row,
            one: partner,
        };
        rows.row(rule.result(&many[pair.many as usize], &one[pair.one as usize]));
        pairs.push(pair);
        if rows.len() < pairs.len() {
            return Ok(None);
        }
    }
    Ok(Some((pairs, rows.finish())))
}

/// The unsure case.
struct Search<'a> {
    rule: &'a Rule,
    many: &'a Block,
    one: &'a Block,
    steps: usize,
    values: Vec<f64>,
}

impl Search<'_> {
    fn moment(&mut self, known: &mut Partners, step: usize, cx: &mut Context<'_>) -> Result<(), EvalError> {
        let present = |block: &Block| -> Vec<u32> {
            (0..)
                .zip(&*block.labels)
                .map(|(row, _)| row)
                .filter(|row| !is_absent(block.get(*row as usize, step)))
                .collect()
        };
        let (many, one) = (present(self.many), present(self.one));
        if many.is_empty() || one.is_empty() {
            return Ok(());
        }
        let one_by_signature = self.only_ones(&one, &known.signed)?;
        let mut taken: HashMap<u32, HashSet<u32>> = HashMap::new();
        let mut made_by: HashMap<u32, u32> = HashMap::new();
        for row in many {
            let signature = known.signed.left[row as usize];
            let Some(partner) = one_by_signature.get(&signature) else {
                continue;
            };
            let pair = Pair {
                many: row,
                one: *partner,
            };
            let place = self.place(pair, known, cx)?;
            let places = taken.entry(signature).or_default();
            self.check(places, place, pair)?;
            places.insert(place);
            let value = self.rule.compute(
                self.many.get(pair.many as usize, step),
                self.one.get(pair.one as usize, step),
            );
            if is_absent(value) {
                continue;
            }
            if let Some(other) = made_by.insert(place, row) {
                let labels = |row: u32| &self.many.labels[row as usize];
                return Err(duplicate(
                    self.rule.span,
                    known.rows.get(place),
                    labels(other),
                    labels(row),
                ));
            }
            self.values[place as usize * self.steps + step] = value;
        }
        Ok(())
    }

    /// The elements of the side that may have only one of each signature.
    fn only_ones(&self, one: &[u32], signed: &Signed) -> Result<HashMap<u32, u32>, EvalError> {
        let mut by_signature = HashMap::with_capacity(one.len());
        for row in one {
            if let Some(other) = by_signature.insert(signed.right[*row as usize], *row) {
                return Err(self.many_to_many(*row, other));
            }
        }
        Ok(by_signature)
    }

    /// The row of a pair's result.
    fn place(&mut self, pair: Pair, known: &mut Partners, cx: &mut Context<'_>) -> Result<u32, EvalError> {
        if let Some(place) = known.met.get(&pair) {
            return Ok(*place);
        }
        cx.meter.work(LABEL_WORK, self.rule.span)?;
        let labels = self.rule.result(
            &self.many.labels[pair.many as usize],
            &self.one.labels[pair.one as usize],
        );
        let place = known.rows.row(labels);
        known.met.insert(pair, place);
        if known.rows.len() * self.steps > self.values.len() {
            cx.meter.make(1, self.steps, self.rule.span)?;
            self.values.resize(known.rows.len() * self.steps, ABSENT);
        }
        Ok(place)
    }

    /// Whether another element of the side that may have many may join those of its signature.
    fn check(&self, places: &HashSet<u32>, place: u32, pair: Pair) -> Result<(), EvalError> {
        let message = if self.rule.one_to_one() && !places.is_empty() {
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
        } else if places.contains(&place) {
            "multiple matches for labels: grouping labels must ensure unique matches"
        } else {
            return Ok(());
        };
        let one = Written(&self.one.labels[pair.one as usize]);
        let many = Written(&self.many.labels[pair.many as usize]);
        Err(EvalError {
            detail: Some(format!("{many} is not the only partner of {one}")),
            ..EvalError::new(self.rule.span, EvalErrorKind::MultipleMatches, message)
        })
    }

    fn many_to_many(&self, row: u32, other: u32) -> EvalError {
        let labels = |row: u32| &self.one.labels[row as usize];
        let group = compared(&self.rule.matching, labels(row)).to_string();
        let side = if self.rule.right_has_many() { "left" } else { "right" };
        let mut both = [row, other].map(|row| Written(labels(row)).to_string());
        both.sort_unstable();
        let message = format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{}, {}];\
             many-to-many matching not allowed: matching labels must be unique on one side",
            both[0], both[1]
        );
        EvalError::new(self.rule.span, EvalErrorKind::ManyToMany, message)
    }
}

/// Labels with the metric's name among them, as Prometheus writes them in errors.
struct Written<'a>(&'a Labels);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}
