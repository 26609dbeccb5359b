//! What is shared while one configuration is read: sources, environment, and every problem noted on the way.
//!
//! Why not `serde` with `deny_unknown_fields`: it stops at the first problem, knows no other table a key may belong to,
//! and forgets places as soon as a value is nested. A walk over the spanned tree keeps the same strictness (a key that
//! no reader knows is an error) and reports everything at once.
//!
//! Flows in: a tree. Flows out: typed values with their places, and problems. Reading never fails: a bad value is noted
//! and absent. What goes together with what is decided later, in `resolve`.

use std::{
    cell::{Cell, RefCell},
    path::Path,
};

use super::{
    conceal::Concealer,
    environment::Environment,
    problem::{Location, Problem, Problems, Severity},
    reference::{self, Piece, ReferenceError},
    source::{FileId, Sources, Span},
    tree::Header,
};
use crate::secret::Secret;

/// What is shared while one configuration is read.
#[derive(Debug)]
pub(super) struct Reading<'e> {
    pub(super) env: &'e Environment,
    pub(super) sources: Sources,
    /// Of every file, in order.
    pub(super) headers: Vec<Header>,
    problems: RefCell<Vec<Noted>>,
    secrets: RefCell<Vec<Secret>>,
    failed: Cell<bool>,
}

/// Before every line of the main file.
const TOP: Span = Span {
    file: FileId::MAIN,
    start: 0,
    end: 0,
};

/// A problem while others are still looked for.
#[derive(Clone, Debug)]
struct Noted {
    /// For the order.
    span: Option<Span>,
    problem: Problem,
    /// Its excerpt is taken once all secrets are known.
    excerpt_later: bool,
}

/// A string after replacement of its references.
#[derive(Clone, Debug)]
pub(super) struct Expanded {
    pub(super) text: String,
    /// Something was replaced.
    pub(super) referenced: bool,
    /// Some of the value stands in the file itself: beside a reference or as its default.
    pub(super) constant: bool,
    /// Some of it is a secret.
    pub(super) secret: bool,
}

/// Where secrets may stand, for advice.
pub(super) const SECRETS_STAND: &str =
    "secrets stand in `[access]` and in the credentials of `[connection.NAME]`, where no plugin sees them";

/// Whether a field may hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    Allowed,
    Refused,
}

impl<'e> Reading<'e> {
    pub(super) fn new(env: &'e Environment, sources: Sources) -> Self {
        Self {
            env,
            sources,
            headers: Vec::new(),
            problems: RefCell::default(),
            secrets: RefCell::default(),
            failed: Cell::new(false),
        }
    }

    /// Notes a problem at a place.
    pub(super) fn error(&self, span: Span, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.note(Severity::Error, span, message.into(), hint.into());
    }

    /// Notes something to look at.
    pub(super) fn warn(&self, span: Span, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.note(Severity::Warning, span, message.into(), hint.into());
    }

    /// Notes a problem with what the main file does not say: no line of it is to blame.
    pub(super) fn error_whole(&self, message: &str, hint: String) {
        self.add(Some(TOP), Problem::at(self.main_file(), message).with_hint(hint));
    }

    /// Notes something to look at that no line of the main file says.
    pub(super) fn warn_whole(&self, message: &str, hint: String) {
        let problem = Problem::at(self.main_file(), message).with_hint(hint);
        self.add(Some(TOP), problem.into_warning());
    }

    fn main_file(&self) -> Location {
        Location::file(&self.sources.file(FileId::MAIN).path.display().to_string())
    }

    fn note(&self, severity: Severity, span: Span, message: String, hint: Option<String>) {
        let mut problem = Problem::at(Location::default(), message);
        problem.severity = severity;
        problem.hint = hint;
        self.keep(Noted {
            span: Some(span),
            problem,
            excerpt_later: true,
        });
    }

    /// Notes a problem that has its place already, or none.
    pub(super) fn add(&self, span: Option<Span>, problem: Problem) {
        self.keep(Noted {
            span,
            problem,
            excerpt_later: false,
        });
    }

    fn keep(&self, noted: Noted) {
        if noted.problem.severity == Severity::Error {
            self.failed.set(true);
        }
        self.problems.borrow_mut().push(noted);
    }

    /// Whether there was an error.
    pub(super) fn failed(&self) -> bool {
        self.failed.get()
    }

    /// In the order of files and lines, each once, without secrets. From here on the sources show none either.
    pub(super) fn problems(&mut self, concealer: &Concealer) -> Problems {
        concealer.hide(&mut self.sources);
        let mut all = std::mem::take(self.problems.get_mut());
        all.sort_by(|one, other| (one.span, &one.problem.message).cmp(&(other.span, &other.problem.message)));
        let place = |noted: Noted| {
            let mut problem = noted.problem;
            if let Some(span) = noted.span.filter(|_| noted.excerpt_later) {
                problem.location = self.sources.locate(span);
            }
            concealer.problem(problem)
        };
        let mut problems: Vec<Problem> = all.into_iter().map(place).collect();
        problems.dedup();
        Problems(problems)
    }

    /// Takes note of a secret that some field holds.
    pub(super) fn keep_secret(&self, secret: &Secret) {
        let mut secrets = self.secrets.borrow_mut();
        if !secrets.contains(secret) {
            secrets.push(secret.clone());
        }
    }

    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.secrets.borrow().clone()
    }

    /// Replaces the references of a string value. `None`: a problem was noted.
    pub(super) fn expand(&self, text: &str, span: Span, secrets: Secrets) -> Option<Expanded> {
        let pieces = reference::parse(text)
            .map_err(|error| self.bad_reference(span, error))
            .ok()?;
        let mut expanded = Expanded {
            text: String::new(),
            referenced: false,
            constant: false,
            secret: false,
        };
        let mut complete = true;
        for piece in &pieces {
            match self.piece(piece, secrets) {
                Ok(value) => expanded.text.push_str(&value),
                Err(error) => {
                    self.bad_reference(span, error);
                    complete = false;
                }
            }
            expanded.referenced |= !matches!(piece, Piece::Text(_));
            expanded.secret |= matches!(piece, Piece::Secret { .. });
            expanded.constant |= match piece {
                Piece::Text(_) => true,
                Piece::Env { default, .. } => default.as_ref().is_some_and(|default| !default.is_empty()),
                Piece::Secret { .. } => false,
            };
        }
        complete.then_some(expanded)
    }

    fn piece(&self, piece: &Piece, secrets: Secrets) -> Result<String, ReferenceError> {
        match piece {
            Piece::Text(text) => Ok(text.clone()),
            Piece::Env { name, default } => reference::variable(self.env, name, default.as_deref()),
            Piece::Secret { name } if secrets == Secrets::Refused => Err(ReferenceError {
                written: format!("${{secret:{name}}}"),
                message: "a secret may not stand here: the value is shown to plugins, in metrics or in the log".into(),
                hint: Some(SECRETS_STAND.into()),
            }),
            Piece::Secret { name } => {
                let secret = reference::secret(self.env, name)?;
                self.keep_secret(&secret);
                Ok(secret.expose().to_owned())
            }
        }
    }

    /// Points at the reference itself when it can be found in the source.
    fn bad_reference(&self, span: Span, error: ReferenceError) {
        let within = self.sources.slice(span).find(&error.written).or_else(|| {
            // A default is not part of what was looked up.
            self.sources.slice(span).find(error.written.trim_end_matches('}'))
        });
        let span = within.map_or(span, |at| {
            let start = span.start as usize + at;
            Span::new(span.file, &(start..start + error.written.len()))
        });
        self.error(span, error.message, error.hint);
    }

    /// The folder of a file: relative paths in it start there.
    pub(super) fn folder(&self, file: FileId) -> &Path {
        let path = &self.sources.file(file).path;
        path.parent().unwrap_or(Path::new(""))
    }
}
