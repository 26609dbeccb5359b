//! A range query is the instant queries at its moments, and a query that was used before is one that was not.

use super::*;
use crate::engine::{EvalErrorKind, TIMES};

/// Expressions of every kind of node.
const EXPRESSIONS: &[&str] = &[
    "a",
    "a offset 90s",
    "a offset -90s",
    "a @ 300",
    "a @ 300 offset 1m",
    "timestamp(a)",
    "timestamp(a offset 1m)",
    "timestamp(a > 3)",
    "-a",
    "a + 1",
    "2 ^ a % 3",
    "a > 4",
    "4 < bool a",
    "a > time() / 100",
    "a - time()",
    "a + b",
    "a / on(x) group_left(w) c",
    "c * on(x) group_right a",
    "a >= b",
    "a{z=\"1\"} == bool ignoring(z) b",
    "a and b",
    "a unless b",
    "a or b",
    "b or a",
    "a or on(x) c",
    "a and on(x) (c > 2)",
    "sum(a)",
    "sum by (x) (a)",
    "avg without (x) (a)",
    "stddev(a) or stdvar(b)",
    "min(a) + max(b)",
    "count(a) * group(b)",
    "quantile by (x) (0.3, a)",
    "quantile(scalar(count(c)) / 10, a)",
    "count_values(\"v\", a)",
    "count_values by (x) (\"v\", a % 3)",
    "topk(2, a)",
    "bottomk by (x) (1, a)",
    "sum(topk(2, a)) by (x)",
    "rate(a[3m])",
    "rate(a[45s])",
    "increase(a[5m] offset 1m)",
    "delta(b[4m])",
    "irate(a[2m])",
    "idelta(b[2m])",
    "deriv(a[5m])",
    "predict_linear(a[5m], 600)",
    "predict_linear(a[5m] @ 400, 600)",
    "quantile_over_time(0.7, a[5m])",
    "quantile_over_time(scalar(c{x=\"1\"}) / 9, a[5m])",
    "avg_over_time(a[5m:30s])",
    "max_over_time(sum by (x) (a)[4m:45s])",
    "sum_over_time((a > 3)[4m:] offset 1m)",
    "sum_over_time(rate(a[2m])[4m:1m] @ 500)",
    "changes(b[10m]) + resets(b[10m])",
    "last_over_time(a[3m])",
    "count_over_time(a[10m]) > count_over_time(b[10m])",
    "absent(a)",
    "absent(c > 3)",
    "absent_over_time(c[30s])",
    "absent_over_time(a[30s:15s])",
    "present_over_time(c[2m])",
    "abs(a - 5)",
    "clamp(a, 2, 5)",
    "clamp(a, scalar(c{x=\"1\"}), 3)",
    "round(a / 3, 0.5)",
    "hour(a * 3600)",
    "minute()",
    "day_of_week(vector(time() * 100000))",
    "scalar(c{x=\"1\"})",
    "scalar(a)",
    "vector(time())",
    "1 + 2 * time()",
    "-(2 + time())",
    "pi()",
    "histogram_quantile(0.9, h_bucket)",
    "histogram_quantile(scalar(c{x=\"1\"}) / 10, rate(h_bucket[5m]))",
    "histogram_fraction(0, 0.5, h_bucket)",
    "label_replace(a, \"n\", \"$1\", \"x\", \"(.)\")",
    "label_join(a, \"n\", \"-\", \"x\", \"z\")",
    "sum(label_replace(a, \"n\", \"$1\", \"__name__\", \"(.*)\")) by (n)",
    "a * on(x) group_left label_replace(c, \"z\", \"\", \"\", \"\")",
    "sort_desc(a)",
];

/// Values off the grid, gaps, ends, a reset.
fn storage() -> Memory {
    let mut memory = Memory::new();
    let mut state = 7_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let names = [
        r#"a{x="1",z="1"}"#,
        r#"a{x="1",z="2"}"#,
        r#"a{x="2",z="1"}"#,
        r#"b{x="1",z="1"}"#,
        r#"b{x="2",z="1"}"#,
        r#"b{x="3",z="3"}"#,
        r#"c{x="1"}"#,
        r#"c{x="2"}"#,
        r#"h_bucket{le="0.1"}"#,
        r#"h_bucket{le="1"}"#,
        r#"h_bucket{le="+Inf"}"#,
    ];
    for (number, name) in names.iter().enumerate() {
        let mut at = i64::try_from(next() % 20_000).unwrap();
        let mut value = 0.0;
        while at < 1_800_000 {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let up = (next() % 3 + 3 * number as u64 / 4) as f64;
            let (value_now, step) = match next() % 20 {
                0 => (stale_marker(), 250_000),
                1 => (f64::NAN, 15_000),
                2 => (0.0, 400_000),
                _ => (value + up, 15_000),
            };
            value = if value_now.is_nan() { value } else { value_now % 12.0 };
            memory.append(
                &metric(name),
                Point {
                    at,
                    value: if value_now.is_nan() { value_now } else { value },
                },
            );
            at += step + i64::try_from(next() % 500).unwrap();
        }
    }
    memory
}

/// What an instant query yields, as a range query would write it.
fn at_moment(query: &mut Query, memory: &Memory, at: i64) -> Vec<String> {
    let mut all: Vec<String> = match query.instant(memory, at, &PLENTY).unwrap().value {
        Value::Vector(samples) => samples
            .iter()
            .map(|sample| format!("{} {:?}", sample.labels, sample.value))
            .collect(),
        Value::Scalar(number) => vec![format!("{{}} {number:?}")],
        other => panic!("{other:?}"),
    };
    all.sort_unstable();
    all
}

fn of_series(all: &[Series], at: i64) -> Vec<String> {
    let mut here: Vec<String> = all
        .iter()
        .flat_map(|series| {
            let point = series.points.iter().find(|point| point.at == at);
            point.map(|point| format!("{} {:?}", series.labels, point.value))
        })
        .collect();
    here.sort_unstable();
    here
}

#[test]
fn a_range_query_has_at_every_moment_what_an_instant_query_has_there() {
    let memory = storage();
    let mut elements = 0;
    for text in EXPRESSIONS {
        for step in [7_000, 60_000, 400_000] {
            let (start, end) = (200_000, 1_700_000);
            let range = Query::new(parse(text).unwrap()).range(&memory, start, end, step, &PLENTY);
            let Value::Matrix(all) = range.unwrap_or_else(|error| panic!("{text}: {error}")).value else {
                panic!("{text}")
            };
            assert!(all.iter().all(|series| !series.points.is_empty()), "{text}");
            for at in (start..=end).step_by(usize::try_from(step).unwrap()) {
                let mut query = Query::new(parse(text).unwrap());
                let instant = at_moment(&mut query, &memory, at);
                assert_eq!(of_series(&all, at), instant, "{text} at {at} of steps of {step}");
                elements += instant.len();
            }
        }
    }
    assert!(elements > 10_000, "only {elements} elements were compared");
}

#[test]
fn a_query_used_before_and_after_the_series_changed_yields_what_a_new_one_does() {
    let mut memory = storage();
    let mut queries: Vec<Query> = EXPRESSIONS
        .iter()
        .map(|text| Query::new(parse(text).unwrap()))
        .collect();
    for round in 0..6 {
        for (text, used) in EXPRESSIONS.iter().zip(&mut queries) {
            for at in [300_000, 600_000, 900_000] {
                let mut new = Query::new(parse(text).unwrap());
                assert_eq!(
                    at_moment(used, &memory, at),
                    at_moment(&mut new, &memory, at),
                    "{text} at {at} in round {round}"
                );
            }
        }
        let name = format!(r#"a{{x="{round}",z="new"}}"#);
        memory.extend(
            &metric(&name),
            (0..100).map(|number| Point {
                at: number * 15_000,
                value: f64::from(round),
            }),
        );
    }
}

#[test]
fn moments_at_the_ends_of_time_are_moments_like_others() {
    let mut memory = storage();
    let ends = [*TIMES.start(), TIMES.start() + 1, TIMES.end() - 1, *TIMES.end()];
    let beyond = [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX];
    for name in [r#"a{x="1",z="1"}"#, r#"c{x="1"}"#, r#"h_bucket{le="1"}"#] {
        memory.extend(
            &metric(name),
            ends.into_iter().chain(beyond).map(|at| Point { at, value: 1.0 }),
        );
    }
    let far = [
        "a @ 4398046511104",
        "a @ -4398046511104 offset 100y",
        "rate(a[100y] @ 4398046511104)",
        "predict_linear(a[100y] offset -100y, 1e300)",
        "sum_over_time(a[10s:1s] @ -4398046511104 offset 100y)",
    ];
    for text in EXPRESSIONS.iter().chain(&far) {
        let mut query = Query::new(parse(text).unwrap());
        for at in ends {
            query.instant(&memory, at, &PLENTY).unwrap();
            query
                .range(&memory, at.max(TIMES.start() + 3) - 3, at, 1, &PLENTY)
                .unwrap();
        }
        for at in beyond {
            let error = query.instant(&memory, at, &PLENTY).unwrap_err();
            assert_eq!(error.kind, EvalErrorKind::Parameter);
        }
        // Too many moments, if the whole depends on them.
        drop(query.range(&memory, *TIMES.start(), *TIMES.end(), 1, &PLENTY));
    }
}
