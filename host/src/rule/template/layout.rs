//! A time written as a layout of Go says: pure.
//!
//! A layout is an example: `2006-01-02 15:04:05` written of another time. Flows in: a layout, a time in UTC. Flows out: text. What
//! means nothing in a layout stands for itself, as in Go.

use super::moment::{Civil, MONTHS, WEEKDAYS};

/// Letters of a short name of a month or a weekday.
const SHORT: usize = 3;

/// What a part of a layout stands for. Every time is in UTC, so that zones are written in few ways.
#[derive(Clone, Copy)]
enum Part {
    Month,
    ShortMonth,
    MonthNumber { width: usize },
    Weekday,
    ShortWeekday,
    Day { width: usize, fill: char },
    DayOfYear { fill: char },
    Year,
    ShortYear,
    Hour,
    HourOfTwelve { width: usize },
    Minute { width: usize },
    Second { width: usize },
    Half { is_upper: bool },
    Zone(&'static str),
}

/// The longer ones before those they begin with.
#[rustfmt::skip]
const PARTS: [(&str, Part); 33] = [
    ("January", Part::Month), ("Jan", Part::ShortMonth),
    ("Monday", Part::Weekday), ("Mon", Part::ShortWeekday), ("MST", Part::Zone("UTC")),
    ("002", Part::DayOfYear { fill: '0' }),
    ("01", Part::MonthNumber { width: 2 }), ("02", Part::Day { width: 2, fill: '0' }),
    ("03", Part::HourOfTwelve { width: 2 }), ("04", Part::Minute { width: 2 }), ("05", Part::Second { width: 2 }),
    ("06", Part::ShortYear),
    ("15", Part::Hour), ("1", Part::MonthNumber { width: 1 }),
    ("2006", Part::Year), ("2", Part::Day { width: 1, fill: ' ' }),
    ("__2", Part::DayOfYear { fill: ' ' }), ("_2", Part::Day { width: 2, fill: ' ' }),
    ("3", Part::HourOfTwelve { width: 1 }), ("4", Part::Minute { width: 1 }), ("5", Part::Second { width: 1 }),
    ("PM", Part::Half { is_upper: true }), ("pm", Part::Half { is_upper: false }),
    ("-07:00:00", Part::Zone("+00:00:00")), ("-070000", Part::Zone("+000000")),
    ("-07:00", Part::Zone("+00:00")), ("-0700", Part::Zone("+0000")), ("-07", Part::Zone("+00")),
    ("Z07:00:00", Part::Zone("Z")), ("Z070000", Part::Zone("Z")), ("Z07:00", Part::Zone("Z")),
    ("Z0700", Part::Zone("Z")), ("Z07", Part::Zone("Z")),
];

/// `layout` of this time.
pub(super) fn format(layout: &str, time: &Civil) -> String {
    let mut out = String::with_capacity(layout.len() + 16);
    let mut rest = layout;
    while let Some(letter) = rest.chars().next() {
        if let Some((length, fraction)) = fraction(rest, time.nanos) {
            out += &fraction;
            rest = &rest[length..];
        } else if let Some((text, part)) = part(rest) {
            out += &part.of(time);
            rest = &rest[text.len()..];
        } else {
            out.push(letter);
            rest = &rest[letter.len_utf8()..];
        }
    }
    out
}

/// The part that a layout begins with.
fn part(layout: &str) -> Option<(&'static str, Part)> {
    // An underscore and a year, and not a day and `006`.
    if layout.starts_with("_2006") {
        return None;
    }
    let (text, part) = *PARTS.iter().find(|(text, _)| layout.starts_with(text))?;
    let is_word = matches!(part, Part::ShortMonth | Part::ShortWeekday);
    let goes_on = layout[text.len()..].starts_with(|next: char| next.is_ascii_lowercase());
    (!(is_word && goes_on)).then_some((text, part))
}

/// `.000` and `,999`: nines leave zeros at the end away.
fn fraction(layout: &str, nanos: u32) -> Option<(usize, String)> {
    let point = layout.chars().next().filter(|point| matches!(point, '.' | ','))?;
    let digit = layout[1..].chars().next().filter(|digit| matches!(digit, '0' | '9'))?;
    let rest = layout[1..].trim_start_matches(digit);
    if rest.starts_with(|next: char| next.is_ascii_digit()) {
        return None;
    }
    let length = layout.len() - rest.len();
    let mut digits = format!("{nanos:09}");
    let wanted = length - 1;
    while digits.len() < wanted {
        digits.push('0');
    }
    digits.truncate(wanted);
    let digits = match digit {
        '9' => digits.trim_end_matches('0'),
        _ => &digits,
    };
    let point = if digits.is_empty() {
        String::new()
    } else {
        point.to_string()
    };
    Some((length, point + digits))
}

impl Part {
    fn of(self, time: &Civil) -> String {
        let name = |names: &[&'static str], at: i64| {
            let at = usize::try_from(at).unwrap_or(0);
            names.get(at).copied().unwrap_or_default()
        };
        let twelve = |hour: i64| if hour % 12 == 0 { 12 } else { hour % 12 };
        match self {
            Self::Month => name(&MONTHS, time.month - 1).to_owned(),
            Self::ShortMonth => name(&MONTHS, time.month - 1)[..SHORT].to_owned(),
            Self::MonthNumber { width } => padded(time.month, width, '0'),
            Self::Weekday => name(&WEEKDAYS, time.weekday).to_owned(),
            Self::ShortWeekday => name(&WEEKDAYS, time.weekday)[..SHORT].to_owned(),
            Self::Day { width, fill } => padded(time.day, width, fill),
            Self::DayOfYear { fill } => padded(time.day_of_year, 3, fill),
            Self::Year => padded(time.year, 4, '0'),
            Self::ShortYear => padded(time.year % 100, 2, '0'),
            Self::Hour => padded(time.hour, 2, '0'),
            Self::HourOfTwelve { width } => padded(twelve(time.hour), width, '0'),
            Self::Minute { width } => padded(time.minute, width, '0'),
            Self::Second { width } => padded(time.second, width, '0'),
            Self::Half { is_upper } => match (time.hour >= 12, is_upper) {
                (true, true) => "PM",
                (true, false) => "pm",
                (false, true) => "AM",
                (false, false) => "am",
            }
            .to_owned(),
            Self::Zone(text) => text.to_owned(),
        }
    }
}

fn padded(number: i64, width: usize, fill: char) -> String {
    match fill {
        '0' => format!("{number:0width$}"),
        _ => format!("{number:>width$}"),
    }
}
