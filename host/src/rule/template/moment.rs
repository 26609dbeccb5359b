//! Times, durations, months and weekdays as values of a template, with the methods that Go's have.
//!
//! Flows in: a receiver, a method's name, its arguments. Flows out: a value. All times are in UTC. The engine knows no such values:
//! each is a map with one key that no label and no field has. Which methods there are is said once, in [`METHODS`], for calls
//! as for checks at load.

use std::{collections::BTreeMap, sync::Arc};

use gotmpl::{TemplateError, Value};

use super::{
    layout,
    number::{civil, go_duration_nanos, timestamp_nanos},
};

const NANOS: i64 = 1_000_000_000;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The first day of our time, a Thursday.
const FIRST_WEEKDAY: i64 = 4;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// What kind of value a step of a template yields, where that is known before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Unknown,
    Text,
    Number,
    Flag,
    Time,
    Duration,
    Month,
    Weekday,
}

impl Kind {
    /// For messages.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "a value",
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::Time => "a time",
            Self::Duration => "a duration",
            Self::Month => "a month",
            Self::Weekday => "a weekday",
        }
    }
}

/// One method.
pub(super) struct Method {
    pub(super) of: Kind,
    pub(super) name: &'static str,
    pub(super) takes: &'static [Kind],
    pub(super) gives: Kind,
}

const fn method(of: Kind, name: &'static str, takes: &'static [Kind], gives: Kind) -> Method {
    Method { of, name, takes, gives }
}

/// All of them. Absent are those that ask the machine for its time zone, and those whose answer no template can use.
pub(super) const METHODS: [Method; 35] = {
    use Kind::{Duration, Flag, Month, Number, Text, Time, Weekday};
    [
        method(Time, "Format", &[Text], Text),
        method(Time, "String", &[], Text),
        method(Time, "Year", &[], Number),
        method(Time, "Month", &[], Month),
        method(Time, "Day", &[], Number),
        method(Time, "YearDay", &[], Number),
        method(Time, "Weekday", &[], Weekday),
        method(Time, "Hour", &[], Number),
        method(Time, "Minute", &[], Number),
        method(Time, "Second", &[], Number),
        method(Time, "Nanosecond", &[], Number),
        method(Time, "Unix", &[], Number),
        method(Time, "UnixMilli", &[], Number),
        method(Time, "UnixMicro", &[], Number),
        method(Time, "UnixNano", &[], Number),
        method(Time, "UTC", &[], Time),
        method(Time, "Add", &[Duration], Time),
        method(Time, "Sub", &[Time], Duration),
        method(Time, "Before", &[Time], Flag),
        method(Time, "After", &[Time], Flag),
        method(Time, "Equal", &[Time], Flag),
        method(Time, "Truncate", &[Duration], Time),
        method(Time, "IsZero", &[], Flag),
        method(Duration, "String", &[], Text),
        method(Duration, "Hours", &[], Number),
        method(Duration, "Minutes", &[], Number),
        method(Duration, "Seconds", &[], Number),
        method(Duration, "Milliseconds", &[], Number),
        method(Duration, "Microseconds", &[], Number),
        method(Duration, "Nanoseconds", &[], Number),
        method(Duration, "Round", &[Duration], Duration),
        method(Duration, "Truncate", &[Duration], Duration),
        method(Duration, "Abs", &[], Duration),
        method(Month, "String", &[], Text),
        method(Weekday, "String", &[], Text),
    ]
};

/// A method of a kind.
pub(super) fn find(of: Kind, name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.of == of && method.name == name)
}

/// Whether any kind has a method of this name.
pub(super) fn is_method(name: &str) -> bool {
    METHODS.iter().any(|method| method.name == name)
}

/// Parts of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    /// From 1.
    pub(super) day_of_year: i64,
    /// From 0, a Sunday.
    pub(super) weekday: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) nanos: u32,
}

impl Civil {
    /// From nanoseconds since the epoch.
    pub(super) fn of(nanos: i64) -> Self {
        let seconds = nanos.div_euclid(NANOS);
        let (year, month, day, of_day) = civil(seconds);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let before = usize::try_from(month - 1).ok().and_then(|month| before.get(month));
        Self {
            year,
            month,
            day,
            day_of_year: before.unwrap_or(&0) + day + i64::from(is_leap && month > 2),
            weekday: (seconds.div_euclid(DAY) + FIRST_WEEKDAY).rem_euclid(7),
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            nanos: u32::try_from(nanos.rem_euclid(NANOS)).unwrap_or(0),
        }
    }
}

/// A value that has methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// Nanoseconds since the epoch.
    Time(i64),
    /// Nanoseconds.
    Duration(i64),
    /// From 1.
    Month(i64),
    /// From 0, a Sunday.
    Weekday(i64),
}

impl Special {
    const fn parts(self) -> (&'static str, i64) {
        match self {
            Self::Time(number) => ("\u{1}time", number),
            Self::Duration(number) => ("\u{1}duration", number),
            Self::Month(number) => ("\u{1}month", number),
            Self::Weekday(number) => ("\u{1}weekday", number),
        }
    }

    pub(super) fn value(self) -> Value {
        let (key, number) = self.parts();
        Value::Map(Arc::new(BTreeMap::from([(key.into(), Value::Int(number))])))
    }

    /// None: it is another value.
    pub(super) fn of(value: &Value) -> Option<Self> {
        let Value::Map(entries) = value else { return None };
        let (key, Value::Int(number)) = entries.first_key_value()? else {
            return None;
        };
        let all = [Self::Time, Self::Duration, Self::Month, Self::Weekday];
        all.map(|make| make(*number))
            .into_iter()
            .find(|own| own.parts().0 == &**key)
    }

    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Time(_) => Kind::Time,
            Self::Duration(_) => Kind::Duration,
            Self::Month(_) => Kind::Month,
            Self::Weekday(_) => Kind::Weekday,
        }
    }

    /// What Go counts it in; None: a time is no number.
    pub(super) const fn number(self) -> Option<i64> {
        match self {
            Self::Time(_) => None,
            Self::Duration(number) | Self::Month(number) | Self::Weekday(number) => Some(number),
        }
    }

    /// As Go prints it.
    pub(super) fn text(self) -> String {
        let name = |names: &[&str], at: i64| {
            let at = usize::try_from(at).ok();
            at.and_then(|at| names.get(at))
                .map_or_else(String::new, |name| (*name).to_owned())
        };
        match self {
            Self::Time(nanos) => timestamp_nanos(nanos),
            Self::Duration(nanos) => go_duration_nanos(nanos),
            Self::Month(month) => name(&MONTHS, month - 1),
            Self::Weekday(day) => name(&WEEKDAYS, day),
        }
    }

    /// What the method of this name yields; None: it has none.
    pub(super) fn call(self, name: &str, args: &[Value]) -> Option<Result<Value, TemplateError>> {
        let method = find(self.kind(), name)?;
        let fits =
            args.len() == method.takes.len() && method.takes.iter().zip(args).all(|(kind, arg)| fits(*kind, arg));
        if !fits {
            let message = format!("`{name}` of {} takes {}", method.of.as_str(), takes(method));
            return Some(Err(TemplateError::Exec(message)));
        }
        Some(Ok(match self {
            Self::Time(nanos) => of_time(nanos, name, args),
            Self::Duration(nanos) => of_duration(nanos, name, args),
            Self::Month(_) | Self::Weekday(_) => text(self.text()),
        }))
    }
}

/// In words.
pub(super) fn takes(method: &Method) -> String {
    match method.takes {
        [] => "nothing".to_owned(),
        takes => takes.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn fits(kind: Kind, value: &Value) -> bool {
    match kind {
        Kind::Text => matches!(value, Value::String(_)),
        Kind::Duration if matches!(value, Value::Int(_)) => true,
        kind => Special::of(value).is_some_and(|special| special.kind() == kind),
    }
}

fn text(text: String) -> Value {
    Value::String(text.into())
}

/// The number in an argument that [`fits`].
fn inside(args: &[Value]) -> i64 {
    match args.first() {
        Some(Value::Int(nanos)) => *nanos,
        Some(other) => Special::of(other).map_or(0, |special| special.parts().1),
        None => 0,
    }
}

fn of_time(nanos: i64, name: &str, args: &[Value]) -> Value {
    let time = Civil::of(nanos);
    match name {
        "Format" => {
            let wanted = args.first().and_then(Value::as_str).unwrap_or_default();
            text(layout::format(wanted, &time))
        }
        "String" => text(timestamp_nanos(nanos)),
        "Year" => Value::Int(time.year),
        "Month" => Special::Month(time.month).value(),
        "Day" => Value::Int(time.day),
        "YearDay" => Value::Int(time.day_of_year),
        "Weekday" => Special::Weekday(time.weekday).value(),
        "Hour" => Value::Int(time.hour),
        "Minute" => Value::Int(time.minute),
        "Second" => Value::Int(time.second),
        "Nanosecond" => Value::Int(time.nanos.into()),
        "Unix" => Value::Int(nanos.div_euclid(NANOS)),
        "UnixMilli" => Value::Int(nanos.div_euclid(1_000_000)),
        "UnixMicro" => Value::Int(nanos.div_euclid(1_000)),
        "UnixNano" => Value::Int(nanos),
        "Add" => Special::Time(nanos.saturating_add(inside(args))).value(),
        "Sub" => Special::Duration(nanos.saturating_sub(inside(args))).value(),
        "Before" => Value::Bool(nanos < inside(args)),
        "After" => Value::Bool(nanos > inside(args)),
        "Equal" => Value::Bool(nanos == inside(args)),
        "Truncate" => Special::Time(truncated_time(nanos, inside(args))).value(),
        // Go's zero is in the year 1, which no number of nanoseconds reaches.
        "IsZero" => Value::Bool(false),
        _ => Special::Time(nanos).value(),
    }
}

/// Go counts from the year 1, a Monday; what divides a week's multiple from there is not what divides it from 1970.
fn truncated_time(nanos: i64, step: i64) -> i64 {
    if step <= 0 {
        return nanos;
    }
    let from_year_one = i128::from(nanos) + i128::from(719_162 * DAY) * i128::from(NANOS);
    let rest = from_year_one.rem_euclid(i128::from(step));
    nanos.saturating_sub(i64::try_from(rest).unwrap_or(0))
}

fn of_duration(nanos: i64, name: &str, args: &[Value]) -> Value {
    let per = |unit: i64| {
        // In two steps, as Go does it, so that whole units stay exact.
        let (whole, rest) = (nanos / unit, nanos % unit);
        Value::Float(whole as f64 + rest as f64 / unit as f64)
    };
    match name {
        "Hours" => per(3_600 * NANOS),
        "Minutes" => per(60 * NANOS),
        "Seconds" => per(NANOS),
        "Milliseconds" => Value::Int(nanos / 1_000_000),
        "Microseconds" => Value::Int(nanos / 1_000),
        "Nanoseconds" => Value::Int(nanos),
        "Round" => Special::Duration(rounded(nanos, inside(args))).value(),
        "Truncate" => {
            let step = inside(args);
            Special::Duration(if step <= 0 { nanos } else { nanos - nanos % step }).value()
        }
        "Abs" => Special::Duration(nanos.saturating_abs()).value(),
        _ => text(go_duration_nanos(nanos)),
    }
}

/// Halves away from zero.
fn rounded(nanos: i64, step: i64) -> i64 {
    if step <= 0 {
        return nanos;
    }
    let rest = nanos % step;
    let down = nanos - rest;
    if rest.saturating_abs() < step - rest.saturating_abs() {
        down
    } else {
        down.saturating_add(step * rest.signum())
    }
}
