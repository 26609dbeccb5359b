//! Queries of one's own: rows become samples, and values beyond their thresholds verdicts.

use std::collections::BTreeSet;

use bellwether_sdk::{
    Failure, Report, Status,
    report::{MetricFamily, Points, Sample},
};

use crate::{
    client::{Row, Table},
    facts::Facts,
    judge::{add, reached, undercut},
    settings::{MetricKind, MetricSettings, QuerySettings},
    verdict::{QUERY, ROWS},
    words::one_line,
};

/// Rows of one query that become samples. Each is a series, and a query that returns more lists things and does not sum them up.
const ROWS_MAX: usize = 1_000;

/// Bytes of a label value that the host takes.
const LABEL_BYTES_MAX: usize = 1 << 10;

pub(crate) fn report(queries: &[QuerySettings], facts: &Facts, report: &mut Report) -> Result<(), Failure> {
    for (query, table) in queries.iter().zip(&facts.custom) {
        // One that was refused has its verdict with the other refusals.
        if let Some(table) = table {
            one(query, table, report)?;
        }
    }
    Ok(())
}

/// What is looked at later. Of a row beyond those that make metrics only that it is there.
pub(crate) fn kept(query: &QuerySettings, table: Table) -> Table {
    let wanted = |column: &str| query.metrics.contains_key(column) || query.labels.iter().any(|label| label == column);
    // What was cut off is told by how many rows there are.
    let rows = if table.truncated() { usize::MAX } else { ROWS_MAX + 1 };
    table.narrowed(wanted, rows)
}

fn one(query: &QuerySettings, table: &Table, report: &mut Report) -> Result<(), Failure> {
    let target = format!("query {}", query.name);
    let mut troubles: Vec<String> = cut(table).into_iter().chain(missing(query, table)).collect();
    let rows = distinct(query, table, &mut troubles);
    let mut worst: Option<(Status, String)> = None;
    for (column, metric) in &query.metrics {
        let samples = samples(query, column, metric, &rows, &mut troubles, &mut worst);
        if !samples.is_empty() {
            family(query, column, metric, samples, report)?;
        }
    }
    match (worst, troubles.first()) {
        // A row that was cut off may be worse still.
        (Some((status, said)), Some(trouble)) if table.truncated() => {
            add(report, &target, &QUERY, status, one_line(&format!("{said}; {trouble}")))
        }
        (Some((status, said)), _) => add(report, &target, &QUERY, status, one_line(&said)),
        (None, Some(trouble)) => report.unknown(&target, &ROWS, one_line(trouble)),
        (None, None) => report.ok(&target).summary(format!("{} rows", rows.len())),
    };
    Ok(())
}

/// The host takes so many rows and bytes of a result.
fn cut(table: &Table) -> Option<String> {
    let rows = table.rows().count();
    table.truncated().then(|| {
        let missing = match rows {
            0 => "none of its rows could be taken".to_owned(),
            1 => "all rows after the first are missing".to_owned(),
            rows => format!("all rows after the first {rows} are missing"),
        };
        format!("the result is larger than the host takes: {missing}, select fewer or shorter ones")
    })
}

/// A column that the settings name and the result does not have.
fn missing(query: &QuerySettings, table: &Table) -> Option<String> {
    // A result without rows may come without columns.
    table.first()?;
    let column = query
        .metrics
        .keys()
        .chain(&query.labels)
        .find(|column| !table.has(column))?;
    Some(format!("the result has no column `{column}`"))
}

/// Rows whose labels differ, at most [`ROWS_MAX`].
fn distinct<'t>(query: &QuerySettings, table: &'t Table, troubles: &mut Vec<String>) -> Vec<Row<'t>> {
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for row in table.rows() {
        let labels = labels(query, row);
        if rows.len() == ROWS_MAX {
            troubles.push(format!("more than {ROWS_MAX} rows: the rest makes no metrics"));
            break;
        }
        if labels.iter().any(|value| value.len() > LABEL_BYTES_MAX) {
            troubles.push(format!(
                "a label is longer than {LABEL_BYTES_MAX} bytes: its row makes no metrics"
            ));
        } else if seen.insert(labels) {
            rows.push(row);
        } else {
            troubles.push("several rows have the same labels: the first alone counts".to_owned());
        }
    }
    rows
}

fn labels(query: &QuerySettings, row: Row<'_>) -> Vec<String> {
    query.labels.iter().map(|column| row.text(column).to_owned()).collect()
}

fn samples(
    query: &QuerySettings,
    column: &str,
    metric: &MetricSettings,
    rows: &[Row<'_>],
    troubles: &mut Vec<String>,
    worst: &mut Option<(Status, String)>,
) -> Vec<Sample> {
    let mut samples = Vec::with_capacity(rows.len());
    for row in rows {
        // NULL is an absent sample.
        let Some(value) = row.number(column) else {
            if !row.is_null(column) {
                troubles.push(format!(
                    "column `{column}` holds `{}`, which is no number",
                    row.text(column)
                ));
            }
            continue;
        };
        if metric.kind == MetricKind::Counter && !(value.is_finite() && value >= 0.0) {
            troubles.push(format!("counter `{column}` is {value}"));
            continue;
        }
        judge(query, column, metric, (*row, value), worst);
        samples.push(Sample {
            label_values: labels(query, *row),
            value,
        });
    }
    samples
}

fn judge(
    query: &QuerySettings,
    column: &str,
    metric: &MetricSettings,
    (row, value): (Row<'_>, f64),
    worst: &mut Option<(Status, String)>,
) {
    let above = metric
        .above
        .and_then(|levels| reached(value, levels))
        .map(|(status, level)| (status, "at or above", level));
    let below = metric
        .below
        .and_then(|levels| undercut(value, levels))
        .map(|(status, level)| (status, "below", level));
    for (status, word, level) in above.into_iter().chain(below) {
        let graver = worst
            .as_ref()
            .is_none_or(|(known, _)| *known == Status::Warning && status == Status::Critical);
        if graver {
            let labels = labels(query, row).join(" ");
            let of = if labels.is_empty() {
                String::new()
            } else {
                format!(" of {labels}")
            };
            *worst = Some((status, format!("{column}{of} is {value}, {word} {level}")));
        }
    }
}

fn family(
    query: &QuerySettings,
    column: &str,
    metric: &MetricSettings,
    samples: Vec<Sample>,
    report: &mut Report,
) -> Result<(), Failure> {
    let name = query.metric_name(column, metric);
    if report.families().iter().any(|family| family.name == name) {
        return Err(Failure::settings(format_args!(
            "query `{}`: the name `{name}` is taken; set `name` of column `{column}`",
            query.name
        )));
    }
    let points = match metric.kind {
        MetricKind::Gauge => Points::Gauge(samples),
        MetricKind::Counter => Points::Counter(samples),
    };
    let family = MetricFamily {
        help: metric
            .help
            .clone()
            .unwrap_or_else(|| format!("Column {column} of query {}.", query.name)),
        unit: String::new(),
        label_names: query.labels.clone(),
        name,
        points,
    };
    report
        .push_family(family)
        .map_err(|error| Failure::settings(format_args!("query `{}`: {error}", query.name)))
}
