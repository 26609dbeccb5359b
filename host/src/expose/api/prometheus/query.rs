//! `query`, `query_range` and `format_query`: expressions over history.

use std::time::Duration;

use bellwether_promql::{
    engine::{Answer, LOOKBACK, Options, Query},
    parse::{self, Around},
    value::{Value, ValueType},
};

use super::{
    Asked, Failure, Kind,
    body::{self, Notes, TRUNCATED},
};

/// Time for one query, the line included. Whoever waits in front of a browser has given up by then.
pub(super) const SECONDS_MAX: Duration = Duration::from_secs(30);

/// What one query may use.
struct Means {
    /// Of evaluation; with waiting there are never more than [`SECONDS_MAX`].
    time: Duration,
    samples: usize,
    elements: usize,
}

/// Samples: six hours of 15 s of 14,000 series. Elements, of all its parts: at some 16 bytes, 64 MB; a thousand series at a thousand
/// moments through four operators.
const WHOLE: Means = Means {
    time: SECONDS_MAX,
    samples: 20_000_000,
    elements: 4_000_000,
};

/// Of a query that somebody waits for while others take long: an hour of 15 s of 800 series. A full line of queries that only seem to
/// be small is through in six seconds.
const SMALL: Means = Means {
    time: Duration::from_millis(100),
    samples: 200_000,
    elements: 100_000,
};

/// Moments of one range query beside the first, as in Prometheus.
const POINTS_MAX: i64 = 11_000;

/// The value at a moment.
pub(super) fn instant(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    at_a_moment(asked, &WHOLE)
}

/// The same if it takes little; else [`Kind::TooHeavy`], soon.
pub(super) fn small(asked: &Asked<'_>) -> Result<Vec<u8>, Failure> {
    at_a_moment(asked, &SMALL).map_err(|failure| match failure.is_limit {
        true => Failure::new(Kind::TooHeavy, failure.message),
        false => failure,
    })
}

fn at_a_moment(asked: &Asked<'_>, means: &Means) -> Result<Vec<u8>, Failure> {
    let parameters = asked.parameters;
    let limit = parameters.limit("limit")?;
    let at = parameters.time("time")?.unwrap_or(asked.now);
    let around = Around { step: 0, range: 0 };
    evaluate(asked, means, around, at, limit, |query, options| {
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
    let is_less = parameters
        .text("step")
        .parse::<f64>()
        .is_ok_and(|seconds| seconds > 0.0);
    if step == 0 && is_less {
        return Err(Failure::parameter("step", "a step has at least a millisecond"));
    }
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
    evaluate(asked, &WHOLE, around, start, limit, |query, options| {
        query.range(asked.storage, start, end, step, options)
    })
}

fn evaluate(
    asked: &Asked<'_>,
    means: &Means,
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
    let kind = match expr.value_type() {
        ValueType::Matrix => "range vector",
        ValueType::String => "string",
        ValueType::Scalar | ValueType::Vector => "",
    };
    // A step: it is about a period.
    if around.step > 0 && !kind.is_empty() {
        let why = format!("invalid expression type \"{kind}\" for range query, must be Scalar or instant Vector");
        return Err(Failure::parameter("query", why));
    }
    let until = asked.watch.now() + means.time;
    let options = Options {
        lookback,
        default_step: asked.rules.interval,
        samples: means.samples,
        elements: means.elements,
        stop: &|| asked.watch.over().is_some() || asked.watch.now() >= until,
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
