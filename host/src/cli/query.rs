//! `bellwether query EXPR`: what a running host's history says, now or over the last hours.

use std::fmt::Write as _;

use bellwether_promql::parse::{self, Around};
use serde_json::Value;

use super::{
    Exit, expression,
    host::{Host, HostArgument, Said, Trouble},
    output,
};
use crate::clock::{self, Clock};

/// Rows that a person reads at once, of a range that names no step.
const ROWS: i64 = 60;

/// Shortest step when none is named, in milliseconds: as often as history is recorded unless told otherwise.
const STEP_MIN: i64 = 15_000;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A PromQL expression
    expr: String,
    /// Evaluate over this long up to now, such as 1h, instead of now
    #[arg(long, value_name = "DURATION", value_parser = span)]
    range: Option<i64>,
    /// Between two values of a range [default: a sixtieth of it, at least 15s]
    #[arg(long, value_name = "DURATION", value_parser = span, requires = "range")]
    step: Option<i64>,
    #[command(flatten)]
    host: HostArgument,
    /// Answer with one JSON object, as the host's HTTP API has it
    #[arg(long)]
    json: bool,
}

fn span(text: &str) -> Result<i64, String> {
    match parse::duration(text)? {
        0 => Err("it has to be longer than nothing".to_owned()),
        span => Ok(span),
    }
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let range = arguments.range.unwrap_or(0);
    let step = arguments
        .step
        .unwrap_or_else(|| if range == 0 { 0 } else { STEP_MIN.max(range / ROWS) });
    // What is wrong with the expression is said here, where it was written, and needs no host.
    if let Err(error) = parse::parse_for(&arguments.expr, Around { step, range }) {
        return output::fail(Exit::Usage, &expression::refused(&arguments.expr, &error));
    }
    let host = match Host::of(&arguments.host) {
        Ok(host) => host,
        Err(exit) => return exit,
    };
    let answered = if range == 0 {
        host.post("/api/v1/query", &[("query", &arguments.expr)])
    } else {
        over(&host, &arguments.expr, range, step)
    };
    match answered {
        Ok(said) => print(arguments, &said),
        Err(trouble) => explain(&trouble, &arguments.expr),
    }
}

/// Ends now, whatever the step.
fn over(host: &Host, expr: &str, range: i64, step: i64) -> Result<Said, Trouble> {
    let end = i64::try_from(Clock::system().wall().as_nanos() / 1_000_000).unwrap_or(i64::MAX);
    let range = range - range % step;
    let seconds = |millis: i64| format!("{:.3}", millis as f64 / 1_000.0);
    let (start, end, step) = (seconds(end - range), seconds(end), seconds(step));
    let parameters = [
        ("query", expr),
        ("start", start.as_str()),
        ("end", end.as_str()),
        ("step", step.as_str()),
    ];
    host.post("/api/v1/query_range", &parameters)
}

/// With the part of the expression that is at fault, where the host says so.
fn explain(trouble: &Trouble, expr: &str) -> Exit {
    let exit = trouble.report();
    if let Trouble::Refused {
        position: Some((start, end)),
        ..
    } = trouble
    {
        output::note(&expression::underlined(expr, *start, *end));
    }
    exit
}

fn print(arguments: &Arguments, said: &Said) -> Exit {
    for note in &said.notes {
        output::note(note);
    }
    if arguments.json {
        return output::json(&said.data);
    }
    let text = describe(&said.data);
    if text.is_empty() {
        output::note("nothing: no series has a value for this now");
    }
    output::text(&text)
}

/// For a person.
fn describe(data: &Value) -> String {
    if data["resultType"] == "matrix" {
        return describe_matrix(&data["result"]);
    }
    let rows = expression::elements(data).into_iter().map(|(labels, value)| {
        // A number or a text is its value alone.
        let name = if data["resultType"] == "vector" {
            labels.to_string()
        } else {
            String::new()
        };
        if name.is_empty() { [value, name] } else { [name, value] }
    });
    expression::table(&rows.collect::<Vec<_>>())
}

fn describe_matrix(result: &Value) -> String {
    let mut out = String::new();
    for series in result.as_array().into_iter().flatten() {
        let _ = writeln!(out, "{}", expression::labels(&series["metric"]));
        let points = series["values"].as_array().into_iter().flatten();
        let rows = points.map(|point| [moment(&point[0]), point[1].as_str().unwrap_or_default().to_owned()]);
        for line in expression::table(&rows.collect::<Vec<_>>()).lines() {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "milliseconds of this age are far within range"
)]
fn moment(seconds: &Value) -> String {
    let millis = (seconds.as_f64().unwrap_or(0.0) * 1_000.0).round() as i64;
    clock::rfc3339(millis).unwrap_or_else(|| seconds.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn results_of_every_type_are_shown() {
        let vector = json!({"resultType": "vector", "result": [
            {"metric": {"__name__": "up", "job": "a"}, "value": [1.5, "1"]},
            {"metric": {"__name__": "up", "job": "longer"}, "value": [1.5, "0"]},
        ]});
        assert_eq!(describe(&vector), "up{job=\"a\"}       1\nup{job=\"longer\"}  0\n");
        let scalar = json!({"resultType": "scalar", "result": [1.5, "4.2"]});
        assert_eq!(describe(&scalar), "4.2\n");
        let matrix = json!({"resultType": "matrix", "result": [
            {"metric": {"__name__": "up"}, "values": [[1700000000, "1"], [1700000015.5, "0"]]},
        ]});
        assert_eq!(
            describe(&matrix),
            "up\n  2023-11-14T22:13:20Z    1\n  2023-11-14T22:13:35.5Z  0\n"
        );
        assert_eq!(describe(&json!({"resultType": "vector", "result": []})), "");
    }
}
