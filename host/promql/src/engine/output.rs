//! From the blocks of the topmost node to values.

use super::{
    Context, EvalError, EvalErrorKind,
    block::{Block, Numbers, is_absent},
    frame::Frame,
    over::Ranges,
    plan::Plan,
    select,
};
use crate::{
    ast::Span,
    labels::Labels,
    value::{Point, Sample, Series, Value},
};

/// At one moment.
pub(super) fn instant(plan: &mut Plan, at: i64, cx: &mut Context<'_>) -> Result<Value, EvalError> {
    let frame = Frame::moment(at);
    Ok(match plan {
        Plan::Text(text, _) => Value::String(text.to_string()),
        Plan::Scalar(scalar) => Value::Scalar(scalar.eval(frame, cx)?.at(0)),
        Plan::Vector(vector) => Value::Vector(samples(&vector.eval(frame, cx)?)),
        Plan::Ranges(ranges) => Value::Matrix(sorted(contents(ranges, frame, cx)?)),
    })
}

/// At every moment of a frame.
pub(super) fn range(plan: &mut Plan, frame: Frame, cx: &mut Context<'_>) -> Result<Value, EvalError> {
    let refuse = |span: Span, what: &str| {
        let message = format!("invalid expression type \"{what}\" for range query, must be Scalar or instant Vector");
        Err(EvalError::new(span, EvalErrorKind::Type, message))
    };
    let all = match plan {
        Plan::Text(_, span) => return refuse(*span, "string"),
        Plan::Ranges(ranges) => return refuse(ranges.span(), "range vector"),
        _ if frame.count == 0 => Vec::new(),
        Plan::Scalar(scalar) => vec![of_numbers(&scalar.eval(frame, cx)?, frame, scalar.span, cx)?],
        Plan::Vector(vector) => {
            let block = vector.eval(frame, cx)?;
            series(&block, frame, vector.span, cx)?
        }
    };
    Ok(Value::Matrix(sorted(all)))
}

fn samples(block: &Block) -> Vec<Sample> {
    let all = block.labels.iter().zip(&block.values);
    let present = all.filter(|(_, value)| !is_absent(**value));
    present
        .map(|(labels, value)| Sample {
            labels: labels.clone(),
            value: *value,
        })
        .collect()
}

fn series(block: &Block, frame: Frame, span: Span, cx: &mut Context<'_>) -> Result<Vec<Series>, EvalError> {
    let mut all = Vec::new();
    for (row, labels) in block.labels.iter().enumerate() {
        cx.meter.work(frame.count, span)?;
        let mut points = Vec::new();
        select::points_of(block.row(row), frame, &mut points);
        if !points.is_empty() {
            all.push(Series {
                labels: labels.clone(),
                points,
            });
        }
    }
    Ok(all)
}

fn of_numbers(numbers: &Numbers, frame: Frame, span: Span, cx: &mut Context<'_>) -> Result<Series, EvalError> {
    cx.meter.make(1, frame.count, span)?;
    let points = (0..frame.count).map(|step| Point {
        at: frame.at(step),
        value: numbers.at(step),
    });
    Ok(Series {
        labels: Labels::default(),
        points: points.collect(),
    })
}

/// What a range holds at one moment.
fn contents(ranges: &mut Ranges, frame: Frame, cx: &mut Context<'_>) -> Result<Vec<Series>, EvalError> {
    match ranges {
        Ranges::Subquery(subquery) => {
            let moments = frame.shifted(subquery.shift, cx);
            let inner = subquery.eval(moments, cx)?;
            match inner {
                Some((moments, block)) => series(&block, moments, subquery.span, cx),
                None => Ok(Vec::new()),
            }
        }
        Ranges::Samples { select, range } => {
            let moments = frame.shifted(select.shift, cx);
            let (span, range) = (select.span, *range);
            let (ids, labels) = select.resolve(cx)?;
            let mut all = Vec::new();
            for (id, labels) in ids.iter().zip(&**labels) {
                select::read_samples(*id, moments.start.saturating_sub(range), moments.start, span, cx)?;
                cx.meter.make(1, cx.buffer.len(), span)?;
                if !cx.buffer.is_empty() {
                    all.push(Series {
                        labels: labels.clone(),
                        points: cx.buffer.clone(),
                    });
                }
            }
            Ok(all)
        }
    }
}

fn sorted(mut all: Vec<Series>) -> Vec<Series> {
    all.sort_by(|a, b| a.labels.cmp(&b.labels));
    all
}
