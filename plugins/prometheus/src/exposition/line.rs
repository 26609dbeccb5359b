//! One line: a sample, or what [`super::metadata`] knows.

use super::{
    ParseError,
    cursor::Cursor,
    family::{Collected, Kind, LabelSet, RawSample},
    metadata,
};

/// Labels of one series. A family may have 32; here it is only to bound the search for doubles.
const LABELS_MAX: usize = 128;

pub(super) fn is_metric_character(next: char) -> bool {
    next.is_ascii_alphanumeric() || next == '_' || next == ':'
}

fn is_label_character(next: char) -> bool {
    next.is_ascii_alphanumeric() || next == '_'
}

/// A line of Prometheus text, which never ends it.
pub(super) fn text(cursor: &mut Cursor<'_>, collected: &mut Collected) -> Result<bool, ParseError> {
    cursor.blanks();
    if cursor.is_at_end() {
        return Ok(false);
    }
    if cursor.eat("#") {
        metadata::text(cursor, collected)?;
        return Ok(false);
    }
    let start = cursor.clone();
    let name = metric_name(cursor)?;
    cursor.blanks();
    let labels = labels(cursor, false)?;
    cursor.blanks();
    let value = number(cursor)?;
    if !cursor.blanks().is_empty() && !cursor.is_at_end() {
        timestamp(cursor, |word| word.parse::<i64>().is_ok())?;
        collected.dropped.timestamps += 1;
        cursor.blanks();
    }
    at_end(cursor)?;
    let (place, suffix) = family_in_text(collected, name);
    push(&start, collected, place, suffix, labels, value)?;
    Ok(false)
}

/// A line of OpenMetrics; true for `# EOF`.
pub(super) fn open_metrics(cursor: &mut Cursor<'_>, collected: &mut Collected) -> Result<bool, ParseError> {
    if cursor.eat("#") {
        return metadata::open_metrics(cursor, collected);
    }
    let start = cursor.clone();
    let name = metric_name(cursor)?;
    let labels = labels(cursor, true)?;
    cursor.expect(" ", "one space before the value")?;
    let value = number(cursor)?;
    if !cursor.is_at_end() && !cursor.rest().starts_with(" # ") {
        cursor.expect(" ", "one space before the timestamp")?;
        timestamp(cursor, |word| real(word).is_some_and(f64::is_finite))?;
        collected.dropped.timestamps += 1;
    }
    if cursor.eat(" # ") {
        exemplar(cursor)?;
        collected.dropped.exemplars += 1;
    }
    at_end(cursor)?;
    let (place, suffix) = family_in_open_metrics(&start, collected, name)?;
    push(&start, collected, place, suffix, labels, value)?;
    Ok(false)
}

fn at_end(cursor: &Cursor<'_>) -> Result<(), ParseError> {
    if cursor.is_at_end() {
        return Ok(());
    }
    Err(cursor.error(format!(
        "`{}` after the end of the sample",
        cursor.rest().escape_debug()
    )))
}

fn metric_name<'t>(cursor: &mut Cursor<'t>) -> Result<&'t str, ParseError> {
    let start = cursor.clone();
    let name = cursor.take_while(is_metric_character);
    if !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(name);
    }
    Err(match start.peek() {
        Some('{' | '"') => start.error("names in quotes are not known here: ask for the older format"),
        Some(other) => start.error(format!("`{}` begins no metric name", other.escape_debug())),
        None => start.error("an empty line"),
    })
}

/// None at all, or in braces. `strict` allows no blanks and no comma before the brace.
fn labels(cursor: &mut Cursor<'_>, strict: bool) -> Result<LabelSet, ParseError> {
    let mut labels = LabelSet::new();
    if !cursor.eat("{") {
        return Ok(labels);
    }
    let mut first = true;
    loop {
        skip(cursor, strict);
        if cursor.peek() == Some('}') && (first || !strict) {
            break;
        }
        let (name, value) = label(cursor, strict)?;
        if labels.iter().any(|(known, _)| known == name) {
            return Err(cursor.error(format!("label `{name}` twice")));
        }
        if labels.len() == LABELS_MAX {
            return Err(ParseError {
                too_many: true,
                ..cursor.error(format!("more than {LABELS_MAX} labels on one series"))
            });
        }
        labels.push((name.to_owned(), value));
        first = false;
        skip(cursor, strict);
        if !cursor.eat(",") {
            break;
        }
    }
    cursor.expect("}", "`,` or `}` after a label")?;
    Ok(labels)
}

fn skip(cursor: &mut Cursor<'_>, strict: bool) {
    if !strict {
        cursor.blanks();
    }
}

fn label<'t>(cursor: &mut Cursor<'t>, strict: bool) -> Result<(&'t str, String), ParseError> {
    let start = cursor.clone();
    let name = cursor.take_while(is_label_character);
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(start.error("a label name is missing"));
    }
    skip(cursor, strict);
    cursor.expect("=", "`=` after the label name")?;
    skip(cursor, strict);
    cursor.expect("\"", "the value of a label stands in quotes")?;
    Ok((name, quoted(cursor)?))
}

/// Up to and with the closing quote.
fn quoted(cursor: &mut Cursor<'_>) -> Result<String, ParseError> {
    let mut value = String::new();
    loop {
        value.push_str(cursor.take_while(|next| next != '"' && next != '\\'));
        match cursor.next() {
            Some('"') => return Ok(value),
            Some(_) => value.push(escaped(cursor)?),
            None => return Err(cursor.error("the value of a label has no end")),
        }
    }
}

/// After a backslash.
fn escaped(cursor: &mut Cursor<'_>) -> Result<char, ParseError> {
    let at = cursor.clone();
    match cursor.next() {
        Some('n') => Ok('\n'),
        Some(same @ ('\\' | '"')) => Ok(same),
        _ => Err(at.error("after `\\` stands `\\`, `\"` or `n`")),
    }
}

/// Help: what is no escape stands for itself.
pub(super) fn unescaped(text: &str, quotes: bool) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let (character, length) = match rest[at + 1..].chars().next() {
            Some('n') => ('\n', 2),
            Some('\\') => ('\\', 2),
            Some('"') if quotes => ('"', 2),
            _ => ('\\', 1),
        };
        plain.push(character);
        rest = &rest[at + length..];
    }
    plain.push_str(rest);
    plain
}

/// `NaN`, infinities, decimals. What Rust reads besides (`infinity`, `nan` in any case) exporters write too.
fn real(word: &str) -> Option<f64> {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let decimal = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    let special = ["inf", "infinity", "nan"]
        .iter()
        .any(|known| unsigned.eq_ignore_ascii_case(known));
    if decimal || special { word.parse().ok() } else { None }
}

fn number(cursor: &mut Cursor<'_>) -> Result<f64, ParseError> {
    let start = cursor.clone();
    let word = cursor.word();
    real(word).ok_or_else(|| match word {
        "" => start.error("a value is missing"),
        word => start.error(format!("`{}` is no number", word.escape_debug())),
    })
}

fn timestamp(cursor: &mut Cursor<'_>, valid: impl Fn(&str) -> bool) -> Result<(), ParseError> {
    let start = cursor.clone();
    let word = cursor.word();
    if valid(word) {
        return Ok(());
    }
    Err(start.error(format!("`{}` is no timestamp", word.escape_debug())))
}

/// Read so that a broken one is found, and then forgotten.
fn exemplar(cursor: &mut Cursor<'_>) -> Result<(), ParseError> {
    if cursor.peek() != Some('{') {
        return Err(cursor.error("an exemplar begins with its labels"));
    }
    labels(cursor, true)?;
    cursor.expect(" ", "one space before the value of the exemplar")?;
    number(cursor)?;
    if cursor.eat(" ") {
        timestamp(cursor, |word| real(word).is_some_and(f64::is_finite))?;
    }
    Ok(())
}

/// By the types that stood before: `x_bucket` belongs to the histogram `x`, if there is one.
fn family_in_text(collected: &mut Collected, name: &str) -> (usize, &'static str) {
    const PARTS: [(&str, &[Kind]); 3] = [
        ("_bucket", &[Kind::Histogram]),
        ("_sum", &[Kind::Histogram, Kind::Summary]),
        ("_count", &[Kind::Histogram, Kind::Summary]),
    ];
    for (suffix, kinds) in PARTS {
        let base = name.strip_suffix(suffix).and_then(|base| collected.place(base));
        if let Some(place) = base
            && collected.families[place].kind.is_some_and(|kind| kinds.contains(&kind))
        {
            return (place, suffix);
        }
    }
    (collected.ensure(name), "")
}

/// The family of the metadata above, or one of its own without a type.
fn family_in_open_metrics(
    start: &Cursor<'_>,
    collected: &mut Collected,
    name: &str,
) -> Result<(usize, &'static str), ParseError> {
    if let Some(place) = collected.current {
        let family = &collected.families[place];
        let suffixes = family.kind.unwrap_or(Kind::Untyped).suffixes().iter();
        let own = suffixes
            .copied()
            .find(|suffix| name.strip_suffix(suffix) == Some(&family.name));
        if let Some(suffix) = own {
            return Ok((place, suffix));
        }
    }
    if collected.place(name).is_some() {
        return Err(start.error(format!(
            "`{name}` is no sample of the family above, and its own stood further up"
        )));
    }
    let place = collected.ensure(name);
    collected.current = Some(place);
    Ok((place, ""))
}

/// Takes `le` or `quantile` out of the labels of the samples that have one.
fn push(
    start: &Cursor<'_>,
    collected: &mut Collected,
    place: usize,
    suffix: &'static str,
    mut labels: LabelSet,
    value: f64,
) -> Result<(), ParseError> {
    let family = &mut collected.families[place];
    let kind = family.kind.unwrap_or(Kind::Untyped);
    let own = kind
        .own_label()
        .filter(|label| suffix == "_bucket" || (*label == "quantile" && suffix.is_empty()));
    let mut bound = None;
    if let Some(own) = own {
        let at = labels.iter().position(|(name, _)| name == own);
        let text = at.map(|at| labels.remove(at).1);
        let Some(text) = text else {
            return Err(start.error(format!("a sample of `{}` lacks its label `{own}`", family.name)));
        };
        let number = real(&text).filter(|number| !number.is_nan());
        bound = Some(number.ok_or_else(|| start.error(format!("`{own}` is `{text}`, which is no number")))?);
    }
    labels.retain(|(_, value)| !value.is_empty());
    labels.sort();
    family.samples.push(RawSample {
        suffix,
        labels,
        value,
        bound,
    });
    collected.samples += 1;
    Ok(())
}
