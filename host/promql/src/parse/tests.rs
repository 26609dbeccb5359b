//! What is accepted, what it means, what is refused and how.

mod accepted;
mod limits;
mod meaning;
mod notation;
mod patterns;
mod printed;
mod refused;

use super::*;
use crate::ast::ExprKind;

/// As printed after parsing: shows the structure, since parentheses are kept and modifiers have one form.
fn printed(text: &str) -> String {
    match parse(text) {
        Ok(expr) => expr.to_string(),
        Err(error) => panic!("{text}: {error}"),
    }
}

fn error(text: &str) -> ParseError {
    match parse(text) {
        Ok(expr) => panic!("{text} was accepted as {expr}"),
        Err(error) => error,
    }
}

fn number(text: &str) -> f64 {
    match parse(text).map(|expr| expr.kind) {
        Ok(ExprKind::Number(value)) => value,
        other => panic!("{text}: {other:?}"),
    }
}

fn text(written: &str) -> String {
    match parse(written).map(|expr| expr.kind) {
        Ok(ExprKind::String(text)) => text.to_string(),
        other => panic!("{written}: {other:?}"),
    }
}
