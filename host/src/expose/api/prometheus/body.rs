//! The JSON of Prometheus' API, byte for byte where it matters: times with milliseconds, values as texts.
//!
//! Written by hand, because answers have millions of points and two numbers make up each of them.

use std::io::Write as _;

use bellwether_promql::{
    ast::Span,
    functions::format,
    labels::Labels,
    value::{Point, Value},
};
use serde::Serialize;

use super::{
    Failure,
    desk::{ANSWER_BYTES_MAX, too_large},
};

/// Remarks of each kind in one answer; of the others only the number is said, as Prometheus does.
const NOTES_MAX: usize = 10;

/// How Prometheus begins a remark that is no warning.
const INFO: &str = "PromQL info: ";

/// Said when `limit` took something away.
pub(super) const TRUNCATED: &str = "results truncated due to limit";

/// What is odd though no error.
#[derive(Debug, Default)]
pub(super) struct Notes {
    warnings: Vec<String>,
    infos: Vec<String>,
}

impl Notes {
    /// Those of an evaluation, with their places in the text.
    pub(super) fn of(warnings: Vec<String>, places: &[Span], text: &str) -> Self {
        let mut notes = Self::default();
        for (at, note) in warnings.into_iter().enumerate() {
            let note = match places.get(at) {
                Some(span) => format!("{note} ({})", place(text, span.start)),
                None => note,
            };
            if note.starts_with(INFO) {
                notes.infos.push(note);
            } else {
                notes.warnings.push(note);
            }
        }
        shorten(&mut notes.warnings, "warning");
        shorten(&mut notes.infos, "info");
        notes
    }

    /// One more.
    pub(super) fn warn(&mut self, warning: &str) {
        self.warnings.push(warning.to_owned());
    }
}

fn shorten(notes: &mut Vec<String>, what: &str) {
    if let Some(more) = notes.len().checked_sub(NOTES_MAX).filter(|more| *more > 0) {
        notes.truncate(NOTES_MAX);
        notes.push(format!("{more} more {what} annotations omitted"));
    }
}

/// Line and column, from 1.
fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    format!("{}:{}", before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// The beginning of an answer. What is appended to it, as JSON, is its `data`; then [`end`] ends it.
pub(super) fn begin() -> Vec<u8> {
    b"{\"status\":\"success\",\"data\":".to_vec()
}

/// Ends what [`begin`] began.
pub(super) fn end(mut out: Vec<u8>, notes: &Notes) -> Vec<u8> {
    for (name, notes) in [("warnings", &notes.warnings), ("infos", &notes.infos)] {
        if !notes.is_empty() {
            out.push(b',');
            json(name, &mut out);
            out.push(b':');
            json(notes, &mut out);
        }
    }
    out.extend_from_slice(b"}\n");
    out
}

/// Our own values, with texts for keys: there is nothing in them that JSON cannot say, and memory takes all of it.
pub(super) fn json(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, value);
}

/// `data` of a query: its type and what it yields. `at`: when, for values that do not know themselves.
pub(super) fn result(value: &Value, at: i64, samples: Option<usize>, out: &mut Vec<u8>) -> Result<(), Failure> {
    let kind = match value {
        Value::Scalar(_) => "scalar",
        Value::String(_) => "string",
        Value::Vector(_) => "vector",
        Value::Matrix(_) => "matrix",
    };
    let _ = write!(out, "{{\"resultType\":\"{kind}\",\"result\":");
    match value {
        Value::Scalar(value) => point(Point { at, value: *value }, out),
        Value::String(text) => {
            out.push(b'[');
            time(at, out);
            out.push(b',');
            json(text, out);
            out.push(b']');
        }
        Value::Vector(elements) => list(elements, out, |sample, out| {
            metric(&sample.labels, out);
            out.extend_from_slice(b",\"value\":");
            point(
                Point {
                    at,
                    value: sample.value,
                },
                out,
            );
            out.push(b'}');
        })?,
        Value::Matrix(elements) => list(elements, out, |series, out| {
            metric(&series.labels, out);
            out.extend_from_slice(b",\"values\":[");
            for (at, own) in series.points.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                point(*own, out);
            }
            out.extend_from_slice(b"]}");
        })?,
    }
    if let Some(samples) = samples {
        let _ = write!(
            out,
            ",\"stats\":{{\"samples\":{{\"totalQueryableSamples\":{samples}}}}}"
        );
    }
    out.push(b'}');
    Ok(())
}

/// Elements between brackets; gives up when there is more than an answer may have.
pub(super) fn list<T>(elements: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) -> Result<(), Failure> {
    out.push(b'[');
    for (at, element) in elements.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(element, out);
        if out.len() > ANSWER_BYTES_MAX {
            return Err(too_large());
        }
    }
    out.push(b']');
    Ok(())
}

fn metric(labels: &Labels, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"metric\":");
    set(labels, out);
}

/// Labels as an object.
pub(super) fn set(labels: &Labels, out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (name, value)) in labels.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json(&**name, out);
        out.push(b':');
        json(&**value, out);
    }
    out.push(b'}');
}

fn point(point: Point, out: &mut Vec<u8>) {
    out.push(b'[');
    time(point.at, out);
    let _ = write!(out, ",\"{}\"]", format::api(point.value));
}

/// Seconds, with as many digits as milliseconds need.
fn time(at: i64, out: &mut Vec<u8>) {
    let sign = if at < 0 { "-" } else { "" };
    let (seconds, millis) = (at.unsigned_abs() / 1_000, at.unsigned_abs() % 1_000);
    let _ = if millis == 0 {
        write!(out, "{sign}{seconds}")
    } else {
        write!(out, "{sign}{seconds}.{millis:03}")
    };
}

#[cfg(test)]
mod tests {
    use bellwether_promql::value::{Sample, Series};

    use super::*;

    fn text(value: &Value, at: i64) -> String {
        let mut out = Vec::new();
        result(value, at, None, &mut out).expect("small");
        String::from_utf8(out).expect("text")
    }

    fn labels() -> Labels {
        Labels::new([("__name__", "up"), ("a", "x\"\\\n<é")])
    }

    #[test]
    fn every_type_reads_as_prometheus_writes_it() {
        assert_eq!(
            text(&Value::Scalar(1e6), 1_700_000_000_000),
            r#"{"resultType":"scalar","result":[1700000000,"1000000"]}"#
        );
        assert_eq!(
            text(&Value::String("a\"b".into()), 1_050),
            r#"{"resultType":"string","result":[1.050,"a\"b"]}"#
        );
        let sample = |value| Sample {
            labels: labels(),
            value,
        };
        assert_eq!(
            text(&Value::Vector(vec![sample(f64::INFINITY), sample(f64::NAN)]), -1),
            concat!(
                r#"{"resultType":"vector","result":["#,
                r#"{"metric":{"__name__":"up","a":"x\"\\\n<é"},"value":[-0.001,"+Inf"]},"#,
                r#"{"metric":{"__name__":"up","a":"x\"\\\n<é"},"value":[-0.001,"NaN"]}]}"#
            )
        );
        let series = Series {
            labels: Labels::default(),
            points: vec![
                Point { at: 0, value: 1.5 },
                Point {
                    at: 15_007,
                    value: -2e-9,
                },
            ],
        };
        assert_eq!(
            text(&Value::Matrix(vec![series]), 0),
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[0,"1.5"],[15.007,"-2e-09"]]}]}"#
        );
        assert_eq!(
            text(&Value::Vector(vec![]), 0),
            r#"{"resultType":"vector","result":[]}"#
        );
    }

    #[test]
    fn remarks_are_told_apart_and_say_where() {
        let remarks = vec!["PromQL warning: one".to_owned(), "PromQL info: two".to_owned()];
        let places = [Span { start: 2, end: 3 }, Span { start: 0, end: 1 }];
        let mut notes = Notes::of(remarks, &places, "a\nbc");
        notes.warn(TRUNCATED);
        let said = String::from_utf8(end([&begin()[..], b"[]"].concat(), &notes)).expect("text");
        assert_eq!(
            said.trim_end(),
            r#"{"status":"success","data":[],"warnings":["PromQL warning: one (2:1)","results truncated due to limit"],"infos":["PromQL info: two (1:1)"]}"#
        );
        let many = Notes::of(vec!["PromQL info: x".to_owned(); 12], &[], "");
        assert_eq!(
            (many.infos.len(), many.infos[10].as_str()),
            (11, "2 more info annotations omitted")
        );
    }
}
