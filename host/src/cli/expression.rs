//! Expressions as people see them: where one is wrong, what it yields, and of which parts a condition is made.

use std::fmt::Write as _;

use bellwether_promql::{
    ast::{Expr, ExprKind},
    labels::Labels,
    parse::ParseError,
};
use serde_json::Value;

/// The line of `text` that is at fault, with its part of it underlined.
pub(super) fn underlined(text: &str, start: usize, end: usize) -> String {
    let start = start.min(text.len());
    let from = text
        .get(..start)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |at| at + 1);
    let line = text
        .get(from..)
        .and_then(|rest| rest.lines().next())
        .unwrap_or_default();
    let width = |from: usize, to: usize| text.get(from..to).map_or(0, |part| part.chars().count());
    let marked = width(start, end.clamp(start, from + line.len()));
    format!(
        "  {line}\n  {}{}",
        " ".repeat(width(from, start)),
        "^".repeat(marked.max(1))
    )
}

/// A text that is no expression, for a person.
pub(super) fn refused(text: &str, error: &ParseError) -> String {
    let mut said = error.message.clone();
    if let Some(hint) = &error.hint {
        let _ = write!(said, " ({hint})");
    }
    let _ = write!(said, "\n{}", underlined(text, error.span.start, error.span.end));
    said
}

/// What is compared, combined or left out in a condition: its parts that have values of their own and are no numbers, each once.
pub(super) fn operands(expr: &Expr) -> Vec<String> {
    let mut found = Vec::new();
    collect(expr, &mut found);
    found
}

fn collect(expr: &Expr, found: &mut Vec<String>) {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => {}
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => collect(inner, found),
        ExprKind::Binary(binary) => {
            collect(&binary.lhs, found);
            collect(&binary.rhs, found);
        }
        ExprKind::Aggregate(_)
        | ExprKind::Call { .. }
        | ExprKind::Selector(_)
        | ExprKind::Range { .. }
        | ExprKind::Subquery(_) => {
            let text = expr.to_string();
            if !found.contains(&text) {
                found.push(text);
            }
        }
    }
}

/// Labels of an answer's object.
pub(super) fn labels(object: &Value) -> Labels {
    let pairs = object.as_object().into_iter().flatten();
    Labels::new(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())))
}

/// Labels and value of each element of the answer to an instant query; a scalar has no labels.
pub(super) fn elements(data: &Value) -> Vec<(Labels, String)> {
    let value = |pair: &Value| pair[1].as_str().unwrap_or_default().to_owned();
    match data["resultType"].as_str() {
        Some("vector") => {
            let elements = data["result"].as_array().into_iter().flatten();
            elements
                .map(|element| (labels(&element["metric"]), value(&element["value"])))
                .collect()
        }
        Some("scalar" | "string") => vec![(Labels::default(), value(&data["result"]))],
        _ => Vec::new(),
    }
}

/// Those that may be what an alert with these labels is about: no label says otherwise.
pub(super) fn about(elements: &[(Labels, String)], alert: &Labels) -> Vec<(Labels, String)> {
    let agrees = |(labels, _): &&(Labels, String)| {
        labels
            .iter()
            .all(|(name, value)| alert.get(name).is_none_or(|other| other == value))
    };
    elements.iter().filter(agrees).cloned().collect()
}

/// Columns side by side, as wide as they have to be; the last one as it is.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use bellwether_promql::parse;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_underlined_in_its_line() {
        let text = "sum(e) +\n  rate(x)";
        let error = parse::parse(text).expect_err("rate wants a range");
        let said = refused(text, &error);
        assert!(said.contains("\n    rate(x)\n"), "{said}");
        let mark = said.lines().last().expect("a mark");
        assert!(
            mark.trim_start().starts_with('^') && mark.find('^') >= Some(4),
            "{said}"
        );
        assert_eq!(underlined("a +", 3, 3), "  a +\n     ^");
    }

    #[test]
    fn a_condition_is_taken_apart_at_its_operators_only() {
        let of = |text| operands(&parse::parse(text).expect("an expression"));
        assert_eq!(of("(queue > 100)"), ["queue"]);
        assert_eq!(
            of("rate(a[5m]) / on (x) -sum by (x) (b) > 0.1 and a unless rate(a[5m]) == 3"),
            ["rate(a[5m])", "sum by (x) (b)", "a"]
        );
        assert!(of("1 > bool 2").is_empty());
    }

    #[test]
    fn elements_of_other_things_are_left_out() {
        let data = json!({"resultType": "vector", "result": [
            {"metric": {"__name__": "q", "queue": "a"}, "value": [1, "5"]},
            {"metric": {"__name__": "q", "queue": "b"}, "value": [1, "6"]},
        ]});
        let alert = Labels::new([("alertname", "X"), ("queue", "b")]);
        let found = about(&elements(&data), &alert);
        assert_eq!(found.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["6"]);
        let other = Labels::new([("queue", "c")]);
        assert_eq!(about(&elements(&data), &other), []);
        assert_eq!(about(&elements(&data), &Labels::default()).len(), 2);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "é", "x"], ["long", "b", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "a     é  x\nlong  b\n");
    }
}
