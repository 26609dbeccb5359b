//! The grammar of the five fields.

use super::Fields;

/// Why an expression was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields.
    #[error("a cron expression has five fields (minute hour day-of-month month day-of-week), this one has {0}")]
    FieldCount(usize),
    /// `@…` that is not known.
    #[error("`{0}` is not known; there are @hourly, @daily, @weekly, @monthly and @yearly")]
    Nickname(String),
    /// `@reboot`.
    #[error("`@reboot` is not needed: every check runs once at start")]
    Reboot,
    /// One field is wrong.
    #[error("{field}: `{item}` {problem}")]
    Field {
        /// `minute`, `hour`, `day of month`, `month` or `day of week`.
        field: &'static str,
        /// The part of it that is wrong.
        item: String,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// Several are.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Fields(Vec<CronError>),
    /// A date that is in no calendar.
    #[error("never runs: no month among `{months}` has a day `{days}`")]
    Never {
        /// The day-of-month field.
        days: String,
        /// The month field.
        months: String,
    },
    /// Not in the time zone database.
    #[error("time zone `{zone}` is not known; use a name such as `Europe/Berlin` or `UTC`")]
    Zone {
        /// As it was written.
        zone: String,
    },
}

/// One of the five: its name, its bounds, its words.
struct Grammar {
    name: &'static str,
    first: u8,
    last: u8,
    words: &'static [&'static str],
    /// Value of the first word.
    first_word: u8,
}

const MINUTE: Grammar = Grammar {
    name: "minute",
    first: 0,
    last: 59,
    words: &[],
    first_word: 0,
};
const HOUR: Grammar = Grammar {
    name: "hour",
    first: 0,
    last: 23,
    words: &[],
    first_word: 0,
};
const DAY: Grammar = Grammar {
    name: "day of month",
    first: 1,
    last: 31,
    words: &[],
    first_word: 0,
};
const MONTH: Grammar = Grammar {
    name: "month",
    first: 1,
    last: 12,
    words: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
    first_word: 1,
};
/// 7 is Sunday as well as 0, so that `5-7` can be written.
const WEEKDAY: Grammar = Grammar {
    name: "day of week",
    first: 0,
    last: 7,
    words: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    first_word: 0,
};

/// Longest each month can be.
const MONTH_DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

pub(super) fn fields(expression: &str) -> Result<Fields, CronError> {
    let expression = match expression.trim() {
        nickname if nickname.starts_with('@') => expand(nickname)?,
        plain => plain,
    };
    let parts: Vec<&str> = expression.split_ascii_whitespace().collect();
    let [minute, hour, day, month, weekday] = parts[..] else {
        return Err(CronError::FieldCount(parts.len()));
    };
    let masks = [
        (MINUTE, minute),
        (HOUR, hour),
        (DAY, day),
        (MONTH, month),
        (WEEKDAY, weekday),
    ]
    .map(|(grammar, field)| grammar.parse(field));
    let [Ok(minutes), Ok(hours), Ok(days), Ok(months), Ok(weekdays)] = masks else {
        return Err(all_wrong(masks));
    };
    let fields = Fields {
        minutes,
        hours: hours as u32,
        days: days as u32,
        months: months as u16,
        weekdays: (weekdays | weekdays >> 7) as u8 & 0x7f,
        both_day_fields: day.starts_with('*') || weekday.starts_with('*'),
    };
    if weekday.starts_with('*') && !day_exists(&fields) {
        return Err(CronError::Never {
            days: day.to_owned(),
            months: month.to_owned(),
        });
    }
    Ok(fields)
}

/// Who mends one field wants to know about the next as well.
fn all_wrong(masks: [Result<u64, CronError>; 5]) -> CronError {
    let mut wrong: Vec<CronError> = masks.into_iter().filter_map(Result::err).collect();
    if wrong.len() == 1 {
        wrong.remove(0)
    } else {
        CronError::Fields(wrong)
    }
}

fn expand(nickname: &str) -> Result<&'static str, CronError> {
    match nickname.to_ascii_lowercase().as_str() {
        "@hourly" => Ok("0 * * * *"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@monthly" => Ok("0 0 1 * *"),
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        "@reboot" => Err(CronError::Reboot),
        _ => Err(CronError::Nickname(nickname.to_owned())),
    }
}

fn day_exists(fields: &Fields) -> bool {
    let first_day = fields.days.trailing_zeros();
    (1u8..=12)
        .zip(MONTH_DAYS)
        .any(|(month, length)| fields.months >> month & 1 == 1 && first_day <= u32::from(length))
}

impl Grammar {
    /// A mask of the values that match.
    fn parse(&self, field: &str) -> Result<u64, CronError> {
        field.split(',').try_fold(0, |mask, item| Ok(mask | self.item(item)?))
    }

    fn item(&self, item: &str) -> Result<u64, CronError> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(item, step)?)),
            None => (item, None),
        };
        let (low, high) = self.range(item, range, step.is_some())?;
        let step = usize::from(step.unwrap_or(1));
        Ok((low..=high).step_by(step).fold(0, |mask, value| mask | 1 << value))
    }

    fn step(&self, item: &str, step: &str) -> Result<u8, CronError> {
        let span = self.last - self.first + 1;
        match step.parse::<u8>() {
            Ok(step) if (1..=span).contains(&step) => Ok(step),
            _ => Err(self.wrong(
                item,
                format!("has no usable step: after `/` comes a number from 1 to {span}"),
            )),
        }
    }

    fn range(&self, item: &str, range: &str, stepped: bool) -> Result<(u8, u8), CronError> {
        if range == "*" {
            // Sunday must not be counted twice when steps are taken.
            let last = if self.name == WEEKDAY.name { 6 } else { self.last };
            return Ok((self.first, last));
        }
        let Some((low, high)) = range.split_once('-') else {
            let value = self.value(item, range)?;
            if stepped {
                let last = self.last;
                return Err(self.wrong(
                    item,
                    format!("needs a range before the step, such as `{range}-{last}/…`"),
                ));
            }
            return Ok((value, value));
        };
        let (low, mut high) = (self.value(item, low)?, self.value(item, high)?);
        if self.name == WEEKDAY.name && high == 0 && low > 0 {
            high = 7;
        }
        if low > high {
            return Err(self.wrong(
                item,
                format!("runs backwards; write `{low}-{},{}-{high}`", self.last, self.first),
            ));
        }
        Ok((low, high))
    }

    fn value(&self, item: &str, text: &str) -> Result<u8, CronError> {
        if let Some(at) = self.words.iter().position(|word| word.eq_ignore_ascii_case(text)) {
            return Ok(self.first_word + at as u8);
        }
        if text.is_empty() {
            return Err(self.wrong(item, "has a part that is empty".to_owned()));
        }
        match text.parse::<u8>() {
            Ok(value) if (self.first..=self.last).contains(&value) && text.bytes().all(|b| b.is_ascii_digit()) => {
                Ok(value)
            }
            _ => Err(self.wrong(item, self.wanted())),
        }
    }

    fn wanted(&self) -> String {
        let words = match self.words {
            [first, .., last] => format!(", or {first} to {last}"),
            _ => String::new(),
        };
        format!("is not a number from {} to {}{words}", self.first, self.last)
    }

    fn wrong(&self, item: &str, problem: String) -> CronError {
        CronError::Field {
            field: self.name,
            item: item.to_owned(),
            problem,
        }
    }
}
