//! `query`, `query_range` and `format_query`: expressions over history.

use std::time::Duration;

use bellwether_promql::{
    engine::{Answer, LOOKBACK, Options, Query},
    parse::{self, Around},
    value::Value,
};

use super::{
    Asked, Failure, Kind,
    body::{self, Notes, TRUNCATED},
};

/// Time for one query, the line included. Whoever waits in front of a browser has given up by then.
pub(super) const SECONDS_MAX: Duration = Duration::from_secs(30);

/// Samples that one query may read: six hours of 15 s of 14,000 series.
const SAMPLES_MAX: usize = 20_000_000;

/// Elements that all parts of one query may make: at some 16 bytes, 64 MB. A thousand series at a thousand moments through
/// four operators.
const ELEMENTS_MAX: usize = 4_000_000;

/// Moments of one range query beside the first, as in Prometheus.
const POINTS_MAX: i64 = 11_000;

/// The value at a moment.
pub(super) fn instant(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    let parameters = asked.parameters;
    let limit = parameters.limit("limit")?;
    let at = parameters.time("time")?.unwrap_or(asked.now);
    let around = Around { step: 0, range: 0 };
    evaluate(asked, around, at, limit, |query, options| {
        query.instant(asked.storage, at, options)
    })
}

/// The values at the moments of a period.
pub(super) fn range(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    let parameters = asked.parameters;
    let limit = parameters.limit("limit")?;
    let (start, end) = (parameters.some_time("start")?, parameters.some_time("end")?);
    if end < start {
        return Err(Failure::parameter("end", "end timestamp must not be before start time"));
    }
    let step = parameters.some_span("step")?;
    if step <= 0 {
        let why = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(Failure::parameter("step", why));
    }
    if (end - start) / step > POINTS_MAX {
        let why = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
        return Err(Failure::new(Kind::BadData, why));
    }
    let around = Around {
        step,
        range: end - start,
    };
    evaluate(asked, around, start, limit, |query, options| {
        query.range(asked.storage, start, end, step, options)
    })
}

fn evaluate(
    asked: &Asked<'_>,
    around: Around,
    at: i64,
    limit: usize,
    run: impl FnOnce(&mut Query, &Options<'_>) -> Result<Answer, bellwether_promql::engine::EvalError>,
) -> Result<Vec<u8>, Failure> {
    let parameters = asked.parameters;
    let text = parameters.text("query");
    let lookback = match parameters.span("lookback_delta")? {
        Some(span) if span > 0 => span,
        Some(_) | None => LOOKBACK,
    };
    let expr = parse::parse_for(text, around).map_err(|error| Failure::syntax("query", &error))?;
    let options = Options {
        lookback,
        default_step: asked.rules.interval,
        samples: SAMPLES_MAX,
        elements: ELEMENTS_MAX,
        stop: &|| asked.watch.over().is_some(),
    };
    let answer = run(&mut Query::new(expr), &options).map_err(|error| Failure::evaluation(&error, asked.watch))?;
    let mut notes = Notes::of(answer.warnings, &answer.places, text);
    let mut value = answer.value;
    if limit > 0 && truncate(&mut value, limit) {
        notes.warn(TRUNCATED);
    }
    let wants_statistics = !parameters.text("stats").is_empty();
    let mut out = body::begin();
    body::result(&value, at, wants_statistics.then_some(answer.samples), &mut out)?;
    Ok(body::end(out, &notes))
}

/// Whether something was taken away.
fn truncate(value: &mut Value, limit: usize) -> bool {
    match value {
        Value::Vector(elements) if elements.len() > limit => elements.truncate(limit),
        Value::Matrix(elements) if elements.len() > limit => elements.truncate(limit),
        Value::Vector(_) | Value::Matrix(_) | Value::Scalar(_) | Value::String(_) => return false,
    }
    true
}

/// The expression as this program writes it.
pub(super) fn format(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    let text = asked.parameters.text("query");
    let expr = parse::parse(text).map_err(|error| Failure::syntax("query", &error))?;
    Ok(asked.success(&expr.to_string()))
}

/// There are no exemplars here; clients that ask whether there are any learn it from an empty list.
pub(super) fn exemplars(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    Ok(asked.success(&[(); 0]))
}
