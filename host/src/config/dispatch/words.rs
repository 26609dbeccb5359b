//! Names and matchers, as all tables here have them.

use std::{collections::BTreeSet, sync::Arc};

use super::super::{
    meant,
    reader::Reader,
    reading::Reading,
    source::{At, Span},
    tree::{Node, Table, Value},
    wording::{bare_or_quoted, excerpt},
};
use crate::{alert::Matcher, metric::LabelName};

/// Most matchers of one route or one side of an inhibition: they are written by hand.
const MATCHERS_MAX: usize = 100;

/// Matchers of a key, each text one or several of them: `severity="critical"`, `{a="b", c=~"d|e"}`. `None`: there is no such
/// key, or none of it could be read.
pub(super) fn read_matchers(reader: &Reader<'_, '_>, key: &str) -> Option<Vec<Matcher>> {
    if let Some(node) = reader.node(key).filter(|node| matches!(node.value, Value::Table(_))) {
        let hint = format!("as Alertmanager writes them: {key} = ['severity=\"critical\"', 'team=~\"web|shop\"']");
        reader.wrong(key, node, "an array of matchers", Some(hint));
        return None;
    }
    let texts = reader.strings(key)?;
    let mut all = Vec::new();
    for text in &texts {
        all.extend(matchers(reader.reading, text).unwrap_or_default());
    }
    if all.len() > MATCHERS_MAX {
        let message = format!(
            "`{key}` has {} matchers; at most {MATCHERS_MAX} are accepted",
            all.len()
        );
        let span = reader.node(key).map_or(reader.table.span, |node| node.span);
        reader.reading.error(span, message, None);
    }
    Some(all)
}

/// The matchers in a text; what is wrong is noted inside it.
pub(in super::super) fn matchers(reading: &Reading<'_>, text: &At<String>) -> Option<Vec<Matcher>> {
    match Matcher::parse_list(&text.value) {
        Ok(matchers) => Some(matchers),
        Err(error) => {
            let span = within(reading, text, error.at);
            let hint = "NAME=\"VALUE\", with `=`, `!=`, `=~` or `!~`: severity=\"critical\"".to_owned();
            reading.error(span, format!("not a matcher: {}", in_a_line(&error.to_string())), hint);
            None
        }
    }
}

/// What a parser of regular expressions draws over several lines: the beginning, and its last word.
pub(in super::super) fn in_a_line(error: &str) -> String {
    let Some((first, rest)) = error.split_once('\n') else {
        return error.to_owned();
    };
    let first = first
        .trim_end_matches("regex parse error:")
        .trim_end_matches([' ', ':']);
    let last = rest.lines().last().unwrap_or_default();
    format!("{first}: {}", last.trim_start_matches("error: "))
}

/// From a byte of a value on to its end, in its source.
fn within(reading: &Reading<'_>, text: &At<String>, byte: usize) -> Span {
    let source = reading.sources.slice(text.span);
    let quoted = source.starts_with(['"', '\'']);
    let start = text.span.start as usize + super::super::place_within(source, &text.value, byte, quoted);
    let end = text.span.end as usize - usize::from(quoted);
    Span::new(text.span.file, &(start.min(end)..end.max(start + 1)))
}

/// Names of labels, at most `most`. `None`: there is no such key.
pub(super) fn label_names(reader: &Reader<'_, '_>, key: &str, most: usize) -> Option<BTreeSet<Arc<str>>> {
    let names = reader.strings(key)?;
    if names.len() > most {
        let message = format!("`{key}` has {} labels; at most {most} are accepted", names.len());
        let span = reader.node(key).map_or(reader.table.span, |node| node.span);
        reader.reading.error(span, message, None);
    }
    Some(
        names
            .iter()
            .filter_map(|name| label_name(reader.reading, name))
            .collect(),
    )
}

/// One of them.
pub(super) fn label_name(reading: &Reading<'_>, name: &At<String>) -> Option<Arc<str>> {
    match LabelName::new(&name.value) {
        Ok(_) => Some(name.value.as_str().into()),
        Err(error) => {
            reading.error(name.span, error.to_string(), None);
            None
        }
    }
}

/// Notes that nothing has this name.
pub(super) fn unknown<'n>(
    reading: &Reading<'_>,
    what: &str,
    name: &At<String>,
    known: impl Iterator<Item = &'n str> + Clone,
) {
    let shown = excerpt(&name.value);
    let hint = match (meant::nearest(&name.value, known.clone()), what) {
        (Some(near), _) => format!("did you mean \"{near}\"?"),
        (None, "route") => "it is the `name` of a route".to_owned(),
        (None, "receiver") => {
            let table = bare_or_quoted(&shown);
            format!(
                "add it, or name another one:\n  [receiver.{table}]\n  plugin = \"webhook\"\n  connection = \"NAME\""
            )
        }
        (None, _) => {
            let table = bare_or_quoted(&shown);
            format!("add it, or name another one:\n  [time_interval.{table}]\n  times = [\"22:00-06:00\"]")
        }
    };
    reading.error(name.span, format!("there is no {what} `{shown}`"), hint);
}

/// The tables of `[[word]]`; at most `most`.
pub(super) fn tables<'t>(reading: &Reading<'_>, root: &'t Table, word: &str, most: usize) -> Vec<&'t Table> {
    let Some(entry) = root.get(word) else {
        return Vec::new();
    };
    let wrong = |node: &Node| {
        let message = format!("`{word}` must be tables, one for each, not {}", node.value.kind());
        let hint = format!("begin each with two brackets: [[{word}]]");
        reading.error(node.span, message, hint);
    };
    let Value::Array(items) = &entry.node.value else {
        wrong(&entry.node);
        return Vec::new();
    };
    if items.len() > most {
        let message = format!("{} tables [[{word}]]; at most {most} are accepted", items.len());
        reading.error(entry.key_span, message, "is something writing this file?".to_owned());
    }
    let table = |item: &'t Node| match &item.value {
        Value::Table(table) => Some(table),
        _ => {
            wrong(item);
            None
        }
    };
    items.iter().take(most).filter_map(table).collect()
}
