//! `runs` of a receiver: of which checks it hears every run, beside alerts.

use std::collections::BTreeMap;

use super::{
    super::{
        check::Checks, meant, pattern::NamePattern, reader::Reader, reading::Reading, source::At, wording::excerpt,
    },
    FileDispatch,
};

/// Most entries: each is held against the name of every run, and a pattern takes many names.
const RUNS_MAX: usize = 1_000;

/// As the file says it.
pub(super) fn read(reader: &Reader<'_, '_>) -> Vec<At<String>> {
    let mut runs = reader.strings("runs").unwrap_or_default();
    if let Some(first) = runs.get(RUNS_MAX) {
        let message = format!("`runs` has {} entries; at most {RUNS_MAX} are accepted", runs.len());
        let hint = "name many checks at once: runs = [\"web-*\"]".to_owned();
        reader.reading.error(first.span, message, hint);
        runs.truncate(RUNS_MAX);
    }
    runs
}

/// What it comes to.
pub(super) fn patterns(runs: &[At<String>]) -> Vec<NamePattern> {
    runs.iter().map(|run| NamePattern::new(&run.value)).collect()
}

/// A name must be that of a check. A pattern may wait for its first, which is worth a word.
pub(in super::super) fn follow(reading: &Reading<'_>, file: &FileDispatch, checks: &Checks) {
    let names: BTreeMap<&str, ()> = checks.places.keys().map(|name| (name.as_str(), ())).collect();
    for run in file.receivers.iter().flat_map(|receiver| &receiver.runs) {
        let pattern = NamePattern::new(&run.value);
        let shown = excerpt(&run.value);
        if run.value == "*" || names.keys().any(|name| pattern.matches(name)) {
            continue;
        }
        if pattern.is_open() {
            let hint = "it hears of every run of the checks that are added later and fit".to_owned();
            reading.warn(run.span, format!("no check fits \"{shown}\" in `runs`"), hint);
            continue;
        }
        let hint = match meant::nearest(&run.value, names.keys().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "name checks, or several at once: runs = [\"web-*\"]; all: runs = [\"*\"]".to_owned(),
        };
        reading.error(run.span, format!("there is no check `{shown}`"), hint);
    }
}
