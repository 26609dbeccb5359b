//! `[[inhibit]]`: alerts that make others superfluous.

use super::{
    super::{reader::Reader, reading::Reading, resolved::Inhibit, source::Span, tree::Table, vocabulary::INHIBIT},
    words,
};
use crate::alert::Matcher;

/// Most inhibitions: each is held against every alert that fires.
pub const INHIBITIONS_MAX: usize = 1_000;

/// Most labels of `equal`.
const EQUAL_MAX: usize = 100;

/// As a file says it.
#[derive(Debug)]
pub(in super::super) struct FileInhibit {
    pub(in super::super) span: Span,
    /// None: a problem was noted.
    pub(in super::super) resolved: Option<Inhibit>,
}

impl FileInhibit {
    /// What everybody may see of it.
    pub(super) fn seen(&self) -> Option<(Span, String)> {
        let own = self.resolved.as_ref()?;
        let all: Vec<String> = own.source.iter().chain(&own.target).map(ToString::to_string).collect();
        Some((self.span, all.join(" ")))
    }
}

pub(super) fn read(reading: &Reading<'_>, main: &Table) -> Vec<FileInhibit> {
    words::tables(reading, main, "inhibit", INHIBITIONS_MAX)
        .into_iter()
        .map(|table| one(&Reader::new(reading, table, &INHIBIT, &["inhibit"])))
        .collect()
}

fn one(reader: &Reader<'_, '_>) -> FileInhibit {
    let source = words::read_matchers(reader, "source");
    let target = words::read_matchers(reader, "target");
    let equal = words::label_names(reader, "equal", EQUAL_MAX).unwrap_or_default();
    for (key, given) in [("source", &source), ("target", &target)] {
        if given.as_ref().is_none_or(Vec::is_empty) {
            let span = reader.node(key).map_or(reader.table.span, |node| node.span);
            without(reader.reading, span, key);
        }
    }
    let location = reader.reading.sources.file_and_line(reader.table.span);
    FileInhibit {
        span: reader.table.span,
        resolved: inhibit(source.unwrap_or_default(), target.unwrap_or_default(), equal, location),
    }
}

/// Notes that a side matches everything.
pub(in super::super) fn without(reading: &Reading<'_>, span: Span, side: &str) {
    let message = format!("this inhibition has no `{side}`, and without one it is about every alert");
    let hint = "for example:\n  [[inhibit]]\n  source = ['severity=\"critical\"']\n  target = ['severity=\"warning\"']\n  \
                equal = [\"alertname\", \"instance\"]";
    reading.error(span, message, hint.to_owned());
}

/// `None`: a side is empty.
pub(in super::super) fn inhibit(
    source: Vec<Matcher>,
    target: Vec<Matcher>,
    equal: impl IntoIterator<Item = std::sync::Arc<str>>,
    location: String,
) -> Option<Inhibit> {
    (!source.is_empty() && !target.is_empty()).then(|| Inhibit {
        source,
        target,
        equal: equal.into_iter().collect(),
        location,
    })
}
