//! Selectors, and what may stand after them: ranges, `offset`, `@`.

use std::sync::Arc;

use super::{
    Fault, Typed, duration,
    grammar::{Parser, article},
    matcher, operator,
    token::Kind,
};
use crate::{
    ast::{At, ExprKind, MatchOp, Matcher, Selector, Shift, Span, Subquery},
    labels::METRIC_NAME,
    value::ValueType::{Matrix, Vector},
};

/// Latest and earliest moment of `@`, in seconds: about the year 141,000, where a float still holds milliseconds.
const FARTHEST_SECONDS: f64 = 4_398_046_511_104.0;

const NO_NAME: &str = "the selector would match every series";

/// What was written after an expression, so that nothing is written twice.
#[derive(Default)]
struct Written {
    offset: bool,
    at: bool,
}

impl Parser<'_> {
    /// `name`, `name{…}` or `{…}`, and where it stands.
    pub(super) fn selector(&mut self) -> Result<(Selector, Span), Fault> {
        let start = self.span().start;
        let mut matchers = Vec::new();
        let name: Option<Arc<str>> = self.word(0).map(Into::into);
        if let Some(name) = &name {
            let mut own = self.matcher_at(METRIC_NAME, MatchOp::Equal, name, self.span())?;
            own.value = name.clone();
            matchers.push(own);
            self.advance();
        }
        if self.at_mark(0, "{") {
            self.braces(&mut matchers)?;
        } else if name.is_none() {
            return Err(self.unexpected("a selector"));
        }
        let span = self.since(start);
        if let Some(name) = &name {
            if let Some(second) = matchers.iter().skip(1).find(|matcher| &*matcher.name == METRIC_NAME) {
                let message = format!("the metric's name is given twice: `{name}` and `{}`", second.value);
                return Err(Fault::new(second.span, message));
            }
        } else if matchers.iter().all(|matcher| matcher.matches("")) {
            let hint = "at least one condition must fail for an absent label, as {job=\"x\"} or {job=~\".+\"} do";
            return Err(Fault::new(span, NO_NAME).hint(hint));
        }
        let shift = Shift::default();
        let matchers = matchers.into();
        Ok((Selector { name, matchers, shift }, span))
    }

    fn braces(&mut self, matchers: &mut Vec<Matcher>) -> Result<(), Fault> {
        self.advance();
        while !self.eat("}") {
            matchers.push(self.condition()?);
            if self.at_mark(0, "}") || self.eat(",") {
                continue;
            }
            let fault = self.unexpected("`,` or `}`");
            let or = self.at_keyword(0, "or");
            return Err(if or {
                fault.hint("conditions are joined by `,`; alternatives are =~\"a|b\"")
            } else {
                fault
            });
        }
        Ok(())
    }

    /// `label="value"`, or a metric's name in quotes.
    fn condition(&mut self) -> Result<Matcher, Fault> {
        let start = self.span().start;
        let (name, quoted): (Arc<str>, bool) = match self.ahead(0) {
            Kind::Text(text) => (text.as_str().into(), true),
            Kind::Word => (self.word(0).unwrap_or_default().into(), false),
            _ => return Err(self.unexpected("a label or `}`")),
        };
        if !quoted && name.contains(':') {
            return Err(self
                .unexpected("a label")
                .hint(format!("a label with a colon is quoted: \"{name}\"")));
        }
        self.advance();
        let op = match self.ahead(0) {
            Kind::Mark("=") => MatchOp::Equal,
            Kind::Mark("!=") => MatchOp::NotEqual,
            Kind::Mark("=~") => MatchOp::Regex,
            Kind::Mark("!~") => MatchOp::NotRegex,
            Kind::Mark("," | "}") if quoted => {
                return self.matcher_at(METRIC_NAME, MatchOp::Equal, &name, self.since(start));
            }
            Kind::Mark("==") => return Err(self.unexpected("=, !=, =~ or !~").hint("labels are compared with `=`")),
            _ => return Err(self.unexpected("=, !=, =~ or !~")),
        };
        self.advance();
        let Kind::Text(value) = self.ahead(0).clone() else {
            return Err(self.unexpected("a text in quotes"));
        };
        self.advance();
        self.matcher_at(&name, op, &value, self.since(start))
    }

    fn matcher_at(&self, name: &str, op: MatchOp, value: &str, span: Span) -> Result<Matcher, Fault> {
        if name.is_empty() {
            return Err(Fault::new(span, "a label has a name"));
        }
        let mut matcher = matcher(name, op, value).map_err(|reason| Fault::new(span, reason))?;
        matcher.span = span;
        Ok(matcher)
    }

    /// Ranges, `offset` and `@` after an expression that begins at `start`.
    pub(super) fn suffixes(&mut self, mut typed: Typed, start: usize) -> Result<Typed, Fault> {
        let mut written = Written::default();
        loop {
            if self.at_mark(0, "[") {
                typed = self.range(typed, &written)?;
                written = Written::default();
            } else if self.at_keyword(0, "offset") {
                self.offset(&mut typed, &mut written)?;
            } else if self.at_mark(0, "@") {
                self.at(&mut typed, &mut written)?;
            } else {
                return Ok(typed);
            }
            typed.expr.span = self.since(start);
        }
    }

    /// `[5m]` or `[5m:1m]`.
    fn range(&mut self, typed: Typed, written: &Written) -> Result<Typed, Fault> {
        let open = self.span().start;
        self.advance();
        let range = self.positive_duration()?;
        let subquery = self.eat(":");
        let step = match subquery && !self.at_mark(0, "]") {
            true => Some(self.positive_duration()?),
            false => None,
        };
        self.expect("]", if subquery { "or a step" } else { "or `:` and a step" })?;
        let span = self.since(typed.expr.span.start);
        if !subquery {
            return self.matrix(typed, range, written, self.since(open));
        }
        if typed.kind != Vector {
            let message = format!(
                "a subquery is over an instant vector, and this is {}",
                article(typed.kind)
            );
            return Err(Fault::new(typed.expr.span, message));
        }
        let shift = Shift::default();
        let expr = typed.expr;
        let subquery = Subquery {
            expr,
            range,
            step,
            shift,
        };
        self.grown(ExprKind::Subquery(Box::new(subquery)), span, Matrix, typed.depth)
    }

    fn matrix(&self, typed: Typed, range: i64, written: &Written, brackets: Span) -> Result<Typed, Fault> {
        let ExprKind::Selector(selector) = typed.expr.kind else {
            return Err(Fault::new(brackets, "a range stands after a selector only")
                .hint("over other expressions a subquery has a range: [5m:] or [5m:1m]"));
        };
        if written.offset || written.at {
            let modifier = if written.offset { "offset" } else { "@" };
            return Err(Fault::new(brackets, format!("the range goes before `{modifier}`")));
        }
        let span = self.since(typed.expr.span.start);
        self.grown(ExprKind::Range { selector, range }, span, Matrix, 0)
    }

    fn offset(&mut self, typed: &mut Typed, written: &mut Written) -> Result<(), Fault> {
        let span = self.span();
        let shift = shift_of(typed).ok_or_else(|| misplaced("offset", span))?;
        if written.offset {
            return Err(Fault::new(span, "`offset` is given twice"));
        }
        written.offset = true;
        self.advance();
        shift.offset = self.offset_duration()?;
        Ok(())
    }

    fn at(&mut self, typed: &mut Typed, written: &mut Written) -> Result<(), Fault> {
        let span = self.span();
        let shift = shift_of(typed).ok_or_else(|| misplaced("@", span))?;
        if written.at {
            return Err(Fault::new(span, "`@` is given twice"));
        }
        written.at = true;
        self.advance();
        for (word, at) in [("start", At::Start), ("end", At::End)] {
            if self.eat_keyword(word) {
                self.expect("(", "and `)`")?;
                self.expect(")", "and nothing in the parentheses")?;
                shift.at = Some(at);
                return Ok(());
            }
        }
        shift.at = Some(At::Time(self.moment()?));
        Ok(())
    }

    /// Seconds since the epoch, in milliseconds.
    fn moment(&mut self) -> Result<i64, Fault> {
        let start = self.span().start;
        let negative = self.at_mark(0, "-");
        if negative || self.at_mark(0, "+") {
            self.advance();
        }
        let seconds = match self.ahead(0) {
            Kind::Number(value) | Kind::Duration(value) => *value,
            Kind::Word => self
                .word(0)
                .and_then(super::number::named)
                .ok_or_else(|| self.unexpected("a number of seconds, start() or end()"))?,
            _ => return Err(self.unexpected("a number of seconds, start() or end()")),
        };
        self.advance();
        if seconds.is_nan() || seconds.abs() > FARTHEST_SECONDS {
            let message = format!("{seconds} seconds since 1970 is out of range");
            return Err(Fault::new(self.since(start), message).hint("`@` takes seconds, not milliseconds"));
        }
        let seconds = if negative { -seconds } else { seconds };
        Ok((seconds * 1000.0).round() as i64)
    }

    // Durations.

    fn positive_duration(&mut self) -> Result<i64, Fault> {
        let start = self.span().start;
        let seconds = self.duration_expression(0)?;
        let span = self.since(start);
        match in_millis(seconds, span)? {
            millis if millis > 0 => Ok(millis),
            0 if seconds > 0.0 => Err(Fault::new(span, "a duration here is at least a millisecond")),
            _ => Err(Fault::new(span, "a duration here is greater than 0")),
        }
    }

    /// After `offset`: a literal with a sign, or an expression in parentheses; operators then belong to what is around,
    /// except after plain parentheses, as in Prometheus.
    fn offset_duration(&mut self) -> Result<i64, Fault> {
        let start = self.span().start;
        let plain = self.at_mark(0, "(");
        let seconds = if plain {
            self.duration_expression(0)?
        } else {
            self.signed_duration()?
        };
        in_millis(seconds, self.since(start))
    }

    fn signed_duration(&mut self) -> Result<f64, Fault> {
        let mut negative = false;
        while self.at_mark(0, "-") || self.at_mark(0, "+") {
            negative ^= self.at_mark(0, "-");
            self.advance();
        }
        let value = self.duration_primary()?;
        Ok(if negative { -value } else { value })
    }

    /// Seconds. What is constant is evaluated here.
    fn duration_expression(&mut self, least: u8) -> Result<f64, Fault> {
        let mut value = self.duration_operand()?;
        while let Some((mark, binds)) = self.duration_operator().filter(|(_, binds)| *binds >= least) {
            let span = self.span();
            self.advance();
            let right = if mark == "^" { binds } else { binds + 1 };
            let operand = self.duration_expression(right)?;
            if operand == 0.0 && matches!(mark, "/" | "%") {
                return Err(Fault::new(span, "a duration is divided by zero"));
            }
            value = match mark {
                "+" => value + operand,
                "-" => value - operand,
                "*" => value * operand,
                "/" => value / operand,
                "%" => value % operand,
                _ => value.powf(operand),
            };
        }
        Ok(value)
    }

    fn duration_operator(&self) -> Option<(&'static str, u8)> {
        match self.ahead(0) {
            Kind::Mark(mark @ ("+" | "-")) => Some((mark, 4)),
            Kind::Mark(mark @ ("*" | "/" | "%")) => Some((mark, 5)),
            Kind::Mark("^") => Some(("^", operator::POWER)),
            _ => None,
        }
    }

    /// A sign binds as tightly as `*`, as it does in expressions.
    fn duration_operand(&mut self) -> Result<f64, Fault> {
        if !self.at_mark(0, "-") && !self.at_mark(0, "+") {
            return self.duration_primary();
        }
        let negative = self.at_mark(0, "-");
        self.advance();
        let value = self.nested(|parser| parser.duration_expression(operator::POWER))?;
        Ok(if negative { -value } else { value })
    }

    fn duration_primary(&mut self) -> Result<f64, Fault> {
        match self.ahead(0) {
            Kind::Number(value) | Kind::Duration(value) => {
                let value = *value;
                self.advance();
                Ok(value)
            }
            Kind::Mark("(") => self.nested(|parser| {
                parser.advance();
                let value = parser.duration_expression(0)?;
                parser.expect(")", "or an operator")?;
                Ok(value)
            }),
            Kind::Word => self.duration_word(),
            _ => Err(self.unexpected("a duration").hint(duration::FORM)),
        }
    }

    /// `step()`, `range()`, `max_of(…)` and `min_of(…)`.
    fn duration_word(&mut self) -> Result<f64, Fault> {
        let word = self.word(0).unwrap_or_default().to_ascii_lowercase();
        match word.as_str() {
            "max_of" => self.two_durations(f64::max),
            "min_of" => self.two_durations(f64::min),
            "step" | "range" if self.at_mark(1, "(") => self.of_query(&word),
            _ => Err(self.unexpected("a duration").hint(duration::FORM)),
        }
    }

    fn of_query(&mut self, word: &str) -> Result<f64, Fault> {
        let Some(around) = self.around else {
            let message = format!("`{word}()` depends on the query around the expression, which is not known here");
            return Err(Fault::new(self.span(), message).hint("write the duration"));
        };
        self.advance();
        self.expect("(", "and `)`")?;
        self.expect(")", "and nothing in the parentheses")?;
        Ok(duration::seconds(if word == "step" {
            around.step
        } else {
            around.range
        }))
    }

    fn two_durations(&mut self, choose: fn(f64, f64) -> f64) -> Result<f64, Fault> {
        self.nested(|parser| {
            parser.advance();
            parser.expect("(", "and two durations")?;
            let first = parser.duration_expression(0)?;
            parser.expect(",", "and a second duration")?;
            let second = parser.duration_expression(0)?;
            parser.expect(")", "after two durations")?;
            Ok(choose(first, second))
        })
    }
}

fn in_millis(seconds: f64, span: Span) -> Result<i64, Fault> {
    duration::millis(seconds).ok_or_else(|| Fault::new(span, "the duration is out of range: at most 292 years"))
}

fn misplaced(modifier: &str, span: Span) -> Fault {
    Fault::new(
        span,
        format!("`{modifier}` stands after a selector, a range or a subquery only"),
    )
}

/// Where `offset` and `@` of an expression go.
fn shift_of(typed: &mut Typed) -> Option<&mut Shift> {
    match &mut typed.expr.kind {
        ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => Some(&mut selector.shift),
        ExprKind::Subquery(subquery) => Some(&mut subquery.shift),
        _ => None,
    }
}
