//! Methods and fields in a parsed template: which there can be, and how the engine is made to call them.
//!
//! The engine knows fields and no methods. Flows in: an expression with fields, and what is known of the values it works on. Flows
//! out: what kind of value it yields, or the fault that it can only fail; and the same expression with a call in place of every
//! field that may be a method.

use gotmpl::parse::{CommandNode, Expr, ListNode, Node, PipeNode, Pos, SmolStr};

use super::{
    TemplateFault,
    moment::{self, Kind, METHODS},
    tree::{METHOD, fault, pipe_of},
};
use crate::config::nearest;

/// What a function yields.
pub(super) fn of_function(name: &str) -> Kind {
    match name {
        "toTime" => Kind::Time,
        "toDuration" => Kind::Duration,
        "now" | "parseDuration" | "value" | "len" => Kind::Number,
        "match" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "not" => Kind::Flag,
        "printf" | "print" | "println" | "humanize" | "humanize1024" | "humanizeDuration" | "humanizePercentage"
        | "humanizeTimestamp" | "title" | "toUpper" | "toLower" | "stripPort" | "stripDomain" | "reReplaceAll"
        | "graphLink" | "tableLink" | "urlQueryEscape" | "safeHtml" | "externalURL" | "pathPrefix" | "label"
        | "strvalue" | "html" | "js" | "urlquery" => Kind::Text,
        _ => Kind::Unknown,
    }
}

/// What is left of a value of this kind after its fields, the last of which is given arguments.
pub(super) fn after(pos: Pos, kind: Kind, fields: &[SmolStr], given: &[Kind]) -> Result<Kind, TemplateFault> {
    let Some((last, before)) = fields.split_last() else {
        return Ok(kind);
    };
    let kind = before.iter().try_fold(kind, |kind, name| field(pos, kind, name, &[]))?;
    field(pos, kind, last, given)
}

fn field(pos: Pos, kind: Kind, name: &str, given: &[Kind]) -> Result<Kind, TemplateFault> {
    match kind {
        Kind::Unknown if given.is_empty() || moment::is_method(name) => Ok(Kind::Unknown),
        Kind::Unknown => Err(fault(pos, format!("`{name}` is no method: it takes nothing"), None)),
        Kind::Text | Kind::Number | Kind::Flag => {
            let hint = "only what `toTime` and `toDuration` yield has methods".to_owned();
            Err(fault(pos, format!("{} has no `{name}`", kind.as_str()), Some(hint)))
        }
        Kind::Time | Kind::Duration | Kind::Month | Kind::Weekday => {
            let Some(method) = moment::find(kind, name) else {
                let message = format!("{} has no method `{name}` here", kind.as_str());
                return Err(fault(pos, message, Some(others(kind, name))));
            };
            let suits = |(takes, given): (&Kind, &Kind)| {
                // A whole number is so many nanoseconds.
                given == takes || *given == Kind::Unknown || (*takes, *given) == (Kind::Duration, Kind::Number)
            };
            if given.len() != method.takes.len() || !method.takes.iter().zip(given).all(suits) {
                let message = format!("`{name}` of {} takes {}", kind.as_str(), moment::takes(method));
                return Err(fault(pos, message, None));
            }
            Ok(method.gives)
        }
    }
}

fn others(kind: Kind, name: &str) -> String {
    let known = || {
        METHODS
            .iter()
            .filter(|method| method.of == kind)
            .map(|method| method.name)
    };
    match nearest(name, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", known().collect::<Vec<_>>().join(", ")),
    }
}

/// The fields that an expression ends with.
pub(super) fn fields(expr: &Expr) -> &[SmolStr] {
    match expr {
        Expr::Field(_, fields) | Expr::Variable(_, _, fields) | Expr::Chain(_, _, fields) => fields,
        _ => &[],
    }
}

/// An expression that is given `args`, with calls where its fields may be methods.
pub(super) fn woven(expr: Expr, mut args: Vec<Expr>) -> CommandNode {
    let pos = expr.pos();
    let Some(at) = fields(&expr).iter().position(|name| moment::is_method(name)) else {
        args.insert(0, expr);
        return CommandNode { pos, args };
    };
    let (base, name, rest) = cut(expr, at);
    let mut call = vec![
        Expr::Identifier(pos, METHOD.into()),
        Expr::String(pos, name.as_str().into()),
        base,
    ];
    if rest.is_empty() {
        call.append(&mut args);
        return CommandNode { pos, args: call };
    }
    let called = pipe_of(pos, vec![CommandNode { pos, args: call }]);
    woven(Expr::Chain(pos, Box::new(Expr::Pipe(pos, called)), rest), args)
}

/// What stands before the field of this number, the field, and those behind it.
fn cut(expr: Expr, at: usize) -> (Expr, SmolStr, Vec<SmolStr>) {
    let split = |mut fields: Vec<SmolStr>| {
        let rest = fields.split_off(at + 1);
        let name = fields.pop().unwrap_or_default();
        (fields, name, rest)
    };
    match expr {
        Expr::Field(pos, all) => {
            let (before, name, rest) = split(all);
            let base = match before.is_empty() {
                true => Expr::Dot(pos),
                false => Expr::Field(pos, before),
            };
            (base, name, rest)
        }
        Expr::Variable(pos, variable, all) => {
            let (before, name, rest) = split(all);
            (Expr::Variable(pos, variable, before), name, rest)
        }
        Expr::Chain(pos, inner, all) => {
            let (before, name, rest) = split(all);
            let base = match before.is_empty() {
                true => *inner,
                false => Expr::Chain(pos, inner, before),
            };
            (base, name, rest)
        }
        other => (other, SmolStr::default(), Vec::new()),
    }
}

/// The variables that are given another value somewhere: nothing is known of theirs.
pub(super) fn assigned(list: &ListNode, found: &mut Vec<SmolStr>) {
    let mut note = |pipe: &PipeNode| {
        if pipe.is_assign {
            found.extend(pipe.decl.iter().cloned());
        }
    };
    let mut lists = Vec::new();
    for node in &list.nodes {
        match node {
            Node::List(list) => lists.push(list),
            Node::Action(action) => note(&action.pipe),
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
                note(&branch.pipe);
                lists.push(&branch.body);
                lists.extend(&branch.else_body);
            }
            Node::Define(define) => lists.push(&define.body),
            Node::Template(_) | Node::Text(_) | Node::Break(_) | Node::Continue(_) => {}
        }
    }
    lists.into_iter().for_each(|list| assigned(list, found));
}
