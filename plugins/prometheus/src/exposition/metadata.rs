//! Lines that begin with `#`.

use super::{
    ParseError,
    cursor::Cursor,
    family::{Collected, Kind},
    line::{is_metric_character, unescaped},
};

/// `# HELP`, `# TYPE`, and comments, which say nothing.
pub(super) fn text(cursor: &mut Cursor<'_>, collected: &mut Collected) -> Result<(), ParseError> {
    cursor.blanks();
    let keyword = cursor.word();
    if keyword != "HELP" && keyword != "TYPE" {
        return Ok(());
    }
    cursor.blanks();
    let name = name(cursor)?;
    let place = collected.ensure(name);
    cursor.blanks();
    if keyword == "HELP" {
        return help(cursor, collected, place, false);
    }
    let kind = match cursor.rest().trim_end_matches([' ', '\t']) {
        "counter" => Kind::Counter,
        "gauge" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        "summary" => Kind::Summary,
        "untyped" => Kind::Untyped,
        other => {
            return Err(cursor.error(format!(
                "`{other}` is no type: counter, gauge, histogram, summary, untyped"
            )));
        }
    };
    set_kind(cursor, collected, place, kind)
}

/// `# HELP`, `# TYPE`, `# UNIT` and `# EOF`, which is true.
pub(super) fn open_metrics(cursor: &mut Cursor<'_>, collected: &mut Collected) -> Result<bool, ParseError> {
    cursor.expect(" ", "`# ` begins with one space")?;
    if cursor.rest() == "EOF" {
        return Ok(true);
    }
    let keyword = ["HELP ", "TYPE ", "UNIT "]
        .into_iter()
        .find(|keyword| cursor.eat(keyword));
    let Some(keyword) = keyword else {
        return Err(cursor.error("OpenMetrics has no comments: `# HELP`, `# TYPE`, `# UNIT` or `# EOF`"));
    };
    let start = cursor.clone();
    let name = name(cursor)?;
    let place = enter(&start, collected, name)?;
    match keyword {
        // A family without help may say so with nothing after its name.
        "HELP " if cursor.is_at_end() => Ok(()),
        "HELP " => cursor
            .expect(" ", "a space before the help")
            .and_then(|()| help(cursor, collected, place, true)),
        "TYPE " => {
            cursor.expect(" ", "a space before the type")?;
            let kind = open_metrics_kind(cursor)?;
            set_kind(cursor, collected, place, kind)
        }
        _ if cursor.is_at_end() => unit(cursor, collected, place),
        _ => cursor
            .expect(" ", "a space before the unit")
            .and_then(|()| unit(cursor, collected, place)),
    }?;
    Ok(false)
}

/// Families may not be mixed, and metadata stands before samples.
fn enter(cursor: &Cursor<'_>, collected: &mut Collected, name: &str) -> Result<usize, ParseError> {
    let known = collected.place(name);
    if known.is_some() && known != collected.current {
        return Err(cursor.error(format!(
            "family `{name}` stood further up already: its lines must stand together"
        )));
    }
    let place = collected.ensure(name);
    if !collected.families[place].samples.is_empty() {
        return Err(cursor.error(format!("metadata of `{name}` after its samples")));
    }
    collected.current = Some(place);
    Ok(place)
}

fn open_metrics_kind(cursor: &Cursor<'_>) -> Result<Kind, ParseError> {
    match cursor.rest() {
        "counter" => Ok(Kind::Counter),
        "gauge" => Ok(Kind::Gauge),
        "gaugehistogram" => Ok(Kind::GaugeHistogram),
        "histogram" => Ok(Kind::Histogram),
        "info" => Ok(Kind::Info),
        "stateset" => Ok(Kind::StateSet),
        "summary" => Ok(Kind::Summary),
        "unknown" => Ok(Kind::Untyped),
        other => Err(cursor.error(format!("`{other}` is no type of OpenMetrics"))),
    }
}

fn name<'t>(cursor: &mut Cursor<'t>) -> Result<&'t str, ParseError> {
    if cursor.peek() == Some('"') {
        return Err(cursor.error("names in quotes are not known here: ask for the older format"));
    }
    let start = cursor.clone();
    let name = cursor.take_while(is_metric_character);
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(start.error("a metric name is missing"));
    }
    Ok(name)
}

fn set_kind(cursor: &Cursor<'_>, collected: &mut Collected, place: usize, kind: Kind) -> Result<(), ParseError> {
    let family = &mut collected.families[place];
    if family.kind.is_some() {
        return Err(cursor.error(format!("a second type of `{}`", family.name)));
    }
    if !family.samples.is_empty() {
        return Err(cursor.error(format!("the type of `{}` after its samples", family.name)));
    }
    family.kind = Some(kind);
    Ok(())
}

fn help(cursor: &mut Cursor<'_>, collected: &mut Collected, place: usize, quotes: bool) -> Result<(), ParseError> {
    let family = &mut collected.families[place];
    if family.help.is_some() {
        return Err(cursor.error(format!("a second help of `{}`", family.name)));
    }
    family.help = Some(unescaped(cursor.take_rest(), quotes));
    Ok(())
}

/// It must be the end of the name.
fn unit(cursor: &mut Cursor<'_>, collected: &mut Collected, place: usize) -> Result<(), ParseError> {
    let family = &mut collected.families[place];
    let unit = cursor.rest();
    if family.unit.is_some() {
        return Err(cursor.error(format!("a second unit of `{}`", family.name)));
    }
    if !unit.is_empty() && !family.name.ends_with(&format!("_{unit}")) {
        return Err(cursor.error(format!("`{}` does not end in its unit `_{unit}`", family.name)));
    }
    family.unit = Some(unit.to_owned());
    Ok(())
}
