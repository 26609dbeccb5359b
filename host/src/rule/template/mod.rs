//! Go templates in labels and annotations, with Prometheus' functions; and in what receivers are sent (`notice`).
//!
//! Flows in: a text at load, which is parsed and checked there, and a [`Scope`] for each alert. Flows out: text, or why there is
//! none; the alert goes on either way. A label that is not there is the empty text. Output, loops, steps and time are limited,
//! because labels come from whoever is monitored, and a rule evaluates for thousands of alerts.

mod functions;
mod layout;
mod methods;
mod moment;
mod notice;
mod number;
mod printf;
mod tree;

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    fmt,
    rc::Rc,
    sync::Arc,
};

use bellwether_promql::{functions::format, labels::Labels, value::Sample};
use gotmpl::{MissingKey, TemplateError, Value};
use moment::Special;
pub use notice::{Data, NoticeFault, NoticeTemplate};

/// Longest template, in bytes. The longest published annotation has about 3,000.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Longest text that comes out, and longest value on the way, in bytes: more than any receiver shows.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// Rounds of all `range` loops of one expansion.
const ROUNDS_MAX: u64 = 10_000;

/// Pipelines of one expansion, each of which computes one value of at most [`OUTPUT_BYTES_MAX`].
const STEPS_MAX: u32 = 20_000;

/// Trees that a thread keeps, each of some kilobytes. Of ten thousand alerts nearly all are silent, and their templates are texts;
/// making a tree again takes some tens of microseconds.
const TREES_MAX: usize = 1_024;

/// The name under which a template stands in its own set.
const NAME: &str = "rule";

/// What Prometheus puts before every template, on its first line.
const BEFORE: &str =
    "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// What a text reads like whose template failed.
const FAILED: &str = "<error expanding template: ";

/// A text that may have `{{ … }}` in it. Its tree is made when it is first expanded, and not kept for ever.
#[derive(Clone, PartialEq)]
pub struct Template {
    text: Arc<str>,
    /// What its tree is made of before the text; None: it is as it stands.
    before: Option<&'static str>,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TemplateFault {
    /// Byte of the text.
    pub(super) at: usize,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// The state of one target of a check, for `verdict`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerdictSeen {
    /// `ok`, `warning`, `critical`, `unknown`.
    pub status: String,
    /// One line for a person.
    pub summary: String,
    /// For programs.
    pub code: String,
    /// Since when it is in this state, milliseconds since the Unix epoch.
    pub since: Option<i64>,
}

/// What a template may ask for while it is expanded.
pub trait Answers {
    /// The elements of an expression at the slot's time, over the same data as the rule.
    fn query(&self, text: &str) -> Result<Vec<Sample>, String>;

    /// What a check says about a target; about the worst one when `target` is empty.
    fn verdict(&self, check: &str, target: &str) -> Option<VerdictSeen>;

    /// Whether the evaluation has used up its time.
    fn is_late(&self) -> bool;
}

/// What is the same for all templates of a host.
#[derive(Clone, Debug, Default)]
pub struct Externals {
    /// `$externalLabels`.
    pub labels: Labels,
    /// `$externalURL`: where people reach this host.
    pub url: String,
}

/// The path, below a host's address, at which the results of an expression are shown as a table.
pub(super) fn table_link(expr: &str) -> String {
    functions::link(expr, 1)
}

/// What one expansion sees.
#[derive(Clone)]
pub struct Scope<'s> {
    /// `$labels`: of the element, with the metric's name.
    pub labels: &'s Labels,
    /// `$value`.
    pub value: f64,
    /// The slot, in milliseconds: `now` and the time of `query`.
    pub at: i64,
    /// See [`Externals`].
    pub externals: &'s Externals,
    /// Of `query` and `verdict`.
    pub answers: Rc<dyn Answers>,
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("labels", &self.labels)
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Template {
    /// A text in which nothing is replaced.
    pub(super) fn plain(text: &str) -> Self {
        Self {
            text: text.into(),
            before: None,
        }
    }

    /// Errors: it is none, names a function or variable that does not exist, or is too long.
    pub(super) fn parse(text: &str) -> Result<Self, TemplateFault> {
        Self::parse_after(BEFORE, text)
    }

    /// The same with something else put before it, which declares variables.
    fn parse_after(before: &'static str, text: &str) -> Result<Self, TemplateFault> {
        if !text.contains("{{") {
            return Ok(Self::plain(text));
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(TemplateFault {
                at: 0,
                message: format!("{} bytes long; at most {TEXT_BYTES_MAX} are accepted", text.len()),
                hint: None,
            });
        }
        tree_of(before, text)?;
        Ok(Self {
            text: text.into(),
            before: Some(before),
        })
    }

    /// As written.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The text that comes out; for a template that fails, one that says why.
    pub fn expand(&self, scope: &Scope<'_>) -> Arc<str> {
        match self.try_expand(scope) {
            Ok(text) => text,
            Err(problem) => format!("{FAILED}{problem}>").into(),
        }
    }

    /// The text that comes out, or why there is none.
    pub fn try_expand(&self, scope: &Scope<'_>) -> Result<Arc<str>, String> {
        let Some(before) = self.before else {
            return Ok(Arc::clone(&self.text));
        };
        let parsed = kept_tree(before, &self.text)?;
        let _inside = Inside::enter(scope);
        execute(&parsed, &data(scope))
    }
}

/// Within an expansion that is under way.
fn execute(parsed: &gotmpl::Template, data: &Value) -> Result<Arc<str>, String> {
    let mut out = Output::default();
    match parsed.execute_template_fmt(&mut out, NAME, data) {
        Ok(()) => Ok(out.text.into()),
        Err(_) if out.full => Err(format!("the text is longer than {OUTPUT_BYTES_MAX} bytes")),
        Err(error) => Err(error.to_string()),
    }
}

/// What stands before a text, and the text.
type Source = (&'static str, Arc<str>);

thread_local! {
    static TREES: RefCell<HashMap<Source, Arc<gotmpl::Template>>> = RefCell::default();
}

/// The tree of a text that was found to be a template.
fn kept_tree(before: &'static str, text: &Arc<str>) -> Result<Arc<gotmpl::Template>, String> {
    let source = (before, Arc::clone(text));
    if let Some(known) = TREES.with_borrow(|trees| trees.get(&source).cloned()) {
        return Ok(known);
    }
    let tree = Arc::new(tree_of(before, text).map_err(|fault| fault.message)?);
    TREES.with_borrow_mut(|trees| {
        if trees.len() >= TREES_MAX {
            trees.clear();
        }
        trees.insert(source, Arc::clone(&tree));
    });
    Ok(tree)
}

/// Parsed, checked and guarded.
fn tree_of(before: &str, text: &str) -> Result<gotmpl::Template, TemplateFault> {
    let source = format!("{before}{text}");
    functions::prototype()
        .parse(&source)
        .map_err(|error| fault(&error, &source))
        .and_then(|parsed| refuse_stray_ends(&source).map(|()| parsed))
        .and_then(|parsed| tree::guarded(&parsed, NAME))
        .map_err(|fault| TemplateFault {
            at: fault.at.saturating_sub(before.len()),
            ..fault
        })
}

/// The engine's parser stops without a word at an `{{ end }}` or `{{ else }}` that closes nothing, and all after it would be lost.
fn refuse_stray_ends(source: &str) -> Result<(), TemplateFault> {
    if reaches_its_end(source) {
        return Ok(());
    }
    // The first one before which nothing is open.
    let stray = source
        .match_indices("{{")
        .find(|(at, _)| {
            let word = source[at + 2..].trim_start_matches('-').trim_start();
            (word.starts_with("end") || word.starts_with("else")) && reaches_its_end(&source[..*at])
        })
        .map_or(0, |(at, _)| at);
    Err(TemplateFault {
        at: stray,
        message: "unexpected `end` or `else`: there is nothing open that it closes".to_owned(),
        hint: Some("it belongs to an `if`, `range`, `with` or `define` before it".to_owned()),
    })
}

/// Whether what is put behind a template is still part of it.
fn reaches_its_end(source: &str) -> bool {
    const SENTINEL: &str = "\u{1}end of the text\u{1}";
    let parsed = functions::prototype().parse(&format!("{source}{SENTINEL}"));
    parsed.is_ok_and(|parsed| {
        let last = parsed.lookup(NAME).and_then(|list| list.nodes.last());
        matches!(last, Some(gotmpl::parse::Node::Text(text)) if text.text.ends_with(SENTINEL))
    })
}

/// With the byte of the whole source; the parser counts lines and characters.
fn fault(error: &TemplateError, source: &str) -> TemplateFault {
    let (line, column, message) = match error {
        TemplateError::Parse { line, col, message, .. } | TemplateError::Lex { line, col, message, .. } => {
            (*line, *col, message.clone())
        }
        other => (1, 1, other.to_string()),
    };
    let start: usize = source
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = source.get(start..).unwrap_or_default();
    let within = rest
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(rest.len(), |(at, _)| at);
    TemplateFault {
        at: start + within,
        message,
        hint: None,
    }
}

fn data(scope: &Scope<'_>) -> Value {
    let entries = [
        ("Labels", labels(scope.labels)),
        ("ExternalLabels", labels(&scope.externals.labels)),
        ("ExternalURL", Value::String(scope.externals.url.as_str().into())),
        ("Value", Value::Float(scope.value)),
    ];
    map(entries)
}

fn labels(labels: &Labels) -> Value {
    let entries = labels.iter();
    Value::Map(Arc::new(
        entries
            .map(|(name, value)| (Arc::clone(name), Value::String(Arc::clone(value))))
            .collect(),
    ))
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries: BTreeMap<Arc<str>, Value> = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
    Value::Map(Arc::new(entries))
}

/// As Go prints it where a template prints.
fn shown(value: &Value) -> String {
    match value {
        Value::Nil => String::new(),
        Value::Float(number) => format::general(*number),
        Value::Map(entries) => Special::of(value)
            .map(Special::text)
            .or_else(|| functions::verdict_text(entries))
            .unwrap_or_else(|| value.to_string()),
        other => other.to_string(),
    }
}

/// Text up to a limit.
#[derive(Default)]
struct Output {
    text: String,
    full: bool,
}

impl fmt::Write for Output {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.text.len() + more.len() > OUTPUT_BYTES_MAX {
            self.full = true;
            return Err(fmt::Error);
        }
        self.text.push_str(more);
        Ok(())
    }
}

/// What the functions of the expansion under way may ask. The engine's functions are shared by all templates and must live as
/// long as these, so what is borrowed for one expansion is left here for its duration, on its own thread.
struct Expansion {
    answers: Rc<dyn Answers>,
    at: i64,
    url: String,
    steps: u32,
}

thread_local! {
    static EXPANSION: RefCell<Option<Expansion>> = const { RefCell::new(None) };
}

/// While it lives, an expansion is under way.
struct Inside;

impl Inside {
    fn enter(scope: &Scope<'_>) -> Self {
        let expansion = Expansion {
            answers: Rc::clone(&scope.answers),
            at: scope.at,
            url: scope.externals.url.clone(),
            steps: 0,
        };
        EXPANSION.with(|slot| *slot.borrow_mut() = Some(expansion));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        EXPANSION.with(|slot| *slot.borrow_mut() = None);
    }
}

/// Asks the expansion under way.
fn ask<T>(question: impl FnOnce(&mut Expansion) -> T) -> Result<T, TemplateError> {
    EXPANSION.with(|slot| {
        let mut slot = slot.borrow_mut();
        slot.as_mut()
            .map(question)
            .ok_or_else(|| TemplateError::Exec("no expansion is under way".to_owned()))
    })
}

/// An engine without functions of ours; those are `functions`'.
fn engine() -> gotmpl::Template {
    gotmpl::Template::new(NAME)
        .missing_key(MissingKey::ZeroValue)
        .max_range_iters(ROUNDS_MAX)
}

#[cfg(test)]
mod tests;
