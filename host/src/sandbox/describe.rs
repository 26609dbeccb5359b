//! What a plugin says about itself, checked.
//!
//! `describe` is guest code like any other: it runs once per load under a run's limits and both clocks, with every
//! interface but `log` out of reach. Flows out: a [`Description`] of bounded, printable text.

use std::time::Duration;

use super::{bindings::exports::bellwether::plugin::identity as guest, limits::MEMORY_BYTES_MAX};
use crate::{
    capability::{log::clean, state::QUOTA_BYTES_DEFAULT},
    secret::Redactor,
};

/// Longest name, in characters that are all ASCII.
const NAME_BYTES_MAX: usize = 64;
/// Longest version.
const VERSION_BYTES_MAX: usize = 64;
/// Longest of every other text but the schema.
const TEXT_BYTES_MAX: usize = 2 * 1024;
/// Largest settings schema: it is parsed for every check.
const SCHEMA_BYTES_MAX: usize = 256 * 1024;
/// Most metrics, codes, connections or details.
const ITEMS_MAX: usize = 1_000;

/// Most state that a plugin gets without being configured to: it is written whole after each run that changes it.
const STATE_BYTES_MAX: u64 = 4 << 20;

/// Shortest time between two refreshes: each is a message to somebody else's server for every group that fires.
const REFRESH_MIN: Duration = Duration::from_secs(10);

/// What a plugin says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// kebab-case.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// One line for a person.
    pub summary: String,
    /// JSON Schema of the settings table; "" when there are no settings.
    pub settings_schema: String,
    /// Families it may report.
    pub metrics: Vec<MetricDescription>,
    /// Verdict codes and what they mean.
    pub codes: Vec<(String, String)>,
    /// Places it needs to reach.
    pub connections: Vec<ConnectionSlot>,
    /// `homepage`, `licence`, `memory`, `dynamic-metrics`, …
    pub details: Vec<(String, String)>,
    /// The `memory` detail in bytes; `None`: the default will do.
    pub memory_bytes: Option<u64>,
    /// The `state` detail in bytes: what it keeps between runs when all that it watches fails. `None`: the default will do.
    pub state_bytes: Option<u64>,
    /// The `refresh` detail of a forwarder: how often its receiver is to be told again of what still fires. `None`: never.
    pub refresh: Option<Duration>,
}

impl Description {
    /// What a check or receiver of it may keep between runs, with `limits.state` as configured.
    pub fn state_quota(&self, configured: Option<u64>) -> u64 {
        configured.unwrap_or_else(|| self.state_bytes.unwrap_or(0).max(QUOTA_BYTES_DEFAULT))
    }
}

/// A family that may be reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricDescription {
    /// Without the check's prefix.
    pub name: String,
    /// The contract's word: `gauge`, `counter`, …
    pub kind: String,
    /// For a person.
    pub help: String,
    /// Base unit or "".
    pub unit: String,
    /// In the order of the samples.
    pub label_names: Vec<String>,
}

/// A place the plugin needs to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSlot {
    /// `default` for a plugin with one.
    pub name: String,
    /// Which URLs fit.
    pub schemes: Vec<String>,
    /// Whether it is of use without.
    pub required: bool,
    /// For a person.
    pub summary: String,
}

impl Description {
    /// A detail by name.
    pub fn detail(&self, name: &str) -> Option<&str> {
        let found = self.details.iter().find(|(detail, _)| detail == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What is wrong with a description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// Not kebab-case.
    #[error(
        "its name {0:?} is not kebab-case (`redis-queue`: lower-case letters, digits and single hyphens, at most {NAME_BYTES_MAX})"
    )]
    Name(String),
    /// Not `MAJOR.MINOR.PATCH`.
    #[error("its version {0:?} is not a semantic version (`1.2.3`)")]
    Version(String),
    /// A schema over the cap.
    #[error("its settings schema is {0} bytes; at most {SCHEMA_BYTES_MAX} are accepted")]
    Schema(usize),
    /// A list over the cap.
    #[error("it lists {count} {what}; at most {ITEMS_MAX} are accepted")]
    TooMany {
        /// `metrics`, `codes`, …
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// Not a size.
    #[error("its detail `memory` is {0:?}; write a size such as \"128MiB\"")]
    Memory(String),
    /// Not a time, or one that is too short.
    #[error("its detail `refresh` is {0:?}; write a time of {REFRESH_MIN:?} or more, such as \"1m\"")]
    Refresh(String),
    /// Not a size, or more than is given unasked.
    #[error("its detail `state` is {0:?}; write a size of at most 4 MiB such as \"512KiB\"")]
    State(String),
    /// Past the cap.
    #[error("it needs {0} bytes of memory; at most {MEMORY_BYTES_MAX} can be given")]
    MemoryCap(u64),
}

/// Checks what the guest said. Texts for people are shortened and cleaned; what is identity or a promise is refused.
pub(super) fn validate(said: guest::Description) -> Result<Description, DescriptionError> {
    check_name(&said.name)?;
    check_version(&said.version)?;
    if said.settings_schema.len() > SCHEMA_BYTES_MAX {
        return Err(DescriptionError::Schema(said.settings_schema.len()));
    }
    let details = bounded("details", said.details)?;
    Ok(Description {
        memory_bytes: memory(&details)?,
        state_bytes: state(&details)?,
        refresh: refresh(&details)?,
        name: said.name,
        version: said.version,
        summary: text(&said.summary),
        settings_schema: said.settings_schema,
        metrics: bounded("metrics", said.metrics)?
            .into_iter()
            .map(metric)
            .collect::<Result<_, _>>()?,
        codes: bounded("codes", said.codes)?
            .iter()
            .map(|code| (text(&code.code), text(&code.meaning)))
            .collect(),
        connections: bounded("connections", said.connections)?
            .into_iter()
            .map(slot)
            .collect::<Result<_, _>>()?,
        details: details.iter().map(|(name, value)| (text(name), text(value))).collect(),
    })
}

/// Plugins are loaded before anything is known that would have to be blanked here; the log blanks once more.
fn text(said: &str) -> String {
    clean(said, TEXT_BYTES_MAX, &Redactor::default())
}

fn bounded<T>(what: &'static str, items: Vec<T>) -> Result<Vec<T>, DescriptionError> {
    match items.len() {
        count if count > ITEMS_MAX => Err(DescriptionError::TooMany { what, count }),
        _ => Ok(items),
    }
}

fn metric(said: guest::MetricDescription) -> Result<MetricDescription, DescriptionError> {
    Ok(MetricDescription {
        name: text(&said.name),
        kind: text(&said.kind),
        help: text(&said.help),
        unit: text(&said.unit),
        label_names: bounded("label names", said.label_names)?
            .iter()
            .map(|name| text(name))
            .collect(),
    })
}

fn slot(said: guest::ConnectionSlot) -> Result<ConnectionSlot, DescriptionError> {
    Ok(ConnectionSlot {
        name: text(&said.name),
        schemes: bounded("schemes", said.schemes)?
            .iter()
            .map(|scheme| text(scheme))
            .collect(),
        required: said.required,
        summary: text(&said.summary),
    })
}

fn check_name(name: &str) -> Result<(), DescriptionError> {
    let word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let fits = name.len() <= NAME_BYTES_MAX && name.starts_with(|first: char| first.is_ascii_lowercase());
    if fits && name.split('-').all(word) {
        Ok(())
    } else {
        Err(DescriptionError::Name(text(name)))
    }
}

fn check_version(version: &str) -> Result<(), DescriptionError> {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let printable = version.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = version.len() <= VERSION_BYTES_MAX && printable;
    if fits && core.split('.').count() == 3 && core.split('.').all(number) {
        return Ok(());
    }
    Err(DescriptionError::Version(text(version)))
}

fn memory(details: &[(String, String)]) -> Result<Option<u64>, DescriptionError> {
    let Some((_, size)) = details.iter().find(|(name, _)| name == "memory") else {
        return Ok(None);
    };
    let bytes = parse_size(size).ok_or_else(|| DescriptionError::Memory(text(size)))?;
    if bytes > MEMORY_BYTES_MAX {
        Err(DescriptionError::MemoryCap(bytes))
    } else {
        Ok(Some(bytes))
    }
}

fn state(details: &[(String, String)]) -> Result<Option<u64>, DescriptionError> {
    let Some((_, size)) = details.iter().find(|(name, _)| name == "state") else {
        return Ok(None);
    };
    let known = parse_size(size).filter(|bytes| *bytes <= STATE_BYTES_MAX);
    known.map(Some).ok_or_else(|| DescriptionError::State(text(size)))
}

fn refresh(details: &[(String, String)]) -> Result<Option<Duration>, DescriptionError> {
    let Some((_, every)) = details.iter().find(|(name, _)| name == "refresh") else {
        return Ok(None);
    };
    let known = parse_span(every).filter(|span| *span >= REFRESH_MIN);
    known.map(Some).ok_or_else(|| DescriptionError::Refresh(text(every)))
}

/// `30s`, `1m` or `2h`.
fn parse_span(span: &str) -> Option<Duration> {
    let (number, seconds) = match span.strip_suffix('s') {
        Some(number) => (number, 1),
        None => match span.strip_suffix('m') {
            Some(number) => (number, 60),
            None => (span.strip_suffix('h')?, 3_600),
        },
    };
    Some(Duration::from_secs(
        number.parse::<u32>().ok()?.checked_mul(seconds)?.into(),
    ))
}

/// `64KiB`, `128MiB`, `1GiB` or plain bytes.
fn parse_size(size: &str) -> Option<u64> {
    let digits = size.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = size.split_at(digits);
    let scale = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, version: &str, details: &[(&str, &str)]) -> guest::Description {
        guest::Description {
            name: name.into(),
            version: version.into(),
            summary: "a\u{7}b".into(),
            settings_schema: String::new(),
            metrics: Vec::new(),
            codes: Vec::new(),
            connections: Vec::new(),
            details: details
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
        }
    }

    #[test]
    fn names_are_kebab_case_and_versions_semantic() {
        for name in ["a", "redis-queue", "h2"] {
            assert!(validate(said(name, "1.2.3-rc.1+x", &[])).is_ok(), "{name}");
        }
        for name in ["", "A", "a_b", "-a", "a-", "a--b", "2h", "é", &"a".repeat(65)] {
            assert!(
                matches!(validate(said(name, "1.2.3", &[])), Err(DescriptionError::Name(_))),
                "{name}"
            );
        }
        for version in ["", "1", "1.2", "v1.2.3", "1.2.x", "1.2.3\n"] {
            assert!(
                matches!(validate(said("a", version, &[])), Err(DescriptionError::Version(_))),
                "{version}"
            );
        }
    }

    #[test]
    fn the_memory_need_is_a_size_under_the_cap() {
        let need = |size: &str| validate(said("a", "1.0.0", &[("memory", size)])).map(|valid| valid.memory_bytes);
        assert_eq!(need("128MiB"), Ok(Some(128 << 20)));
        assert_eq!(need("512 MiB"), Ok(Some(512 << 20)));
        assert_eq!(need("1GiB"), Err(DescriptionError::MemoryCap(1 << 30)));
        for bad in ["", "lots", "128MB", "-1", "99999999999999999999MiB"] {
            assert_eq!(need(bad), Err(DescriptionError::Memory(bad.into())));
        }
        assert_eq!(validate(said("a", "1.0.0", &[])).expect("valid").memory_bytes, None);
    }

    #[test]
    fn the_state_need_is_a_size_under_the_cap_and_the_configuration_has_the_last_word() {
        let need = |size: &str| validate(said("a", "1.0.0", &[("state", size)])).map(|valid| valid.state_bytes);
        assert_eq!(need("1MiB"), Ok(Some(1 << 20)));
        for bad in ["", "lots", "5MiB"] {
            assert_eq!(need(bad), Err(DescriptionError::State(bad.into())));
        }
        let quota = |size: &str, configured| {
            let details: &[(&str, &str)] = if size.is_empty() { &[] } else { &[("state", size)] };
            validate(said("a", "1.0.0", details))
                .expect("valid")
                .state_quota(configured)
        };
        assert_eq!(quota("", None), QUOTA_BYTES_DEFAULT);
        assert_eq!(quota("1KiB", None), QUOTA_BYTES_DEFAULT, "no plugin gets less");
        assert_eq!(quota("1MiB", None), 1 << 20);
        assert_eq!(quota("1MiB", Some(10)), 10);
    }

    #[test]
    fn a_forwarder_says_how_often_it_wants_to_hear_of_what_still_fires() {
        let refresh = |every: &str| validate(said("a", "1.0.0", &[("refresh", every)])).map(|valid| valid.refresh);
        assert_eq!(refresh("1m"), Ok(Some(Duration::from_secs(60))));
        assert_eq!(refresh("10s"), Ok(Some(Duration::from_secs(10))));
        assert_eq!(refresh("2h"), Ok(Some(Duration::from_hours(2))));
        for bad in ["", "9s", "0m", "1", "-1m", "1d", "99999999999h", "4294967295h"] {
            assert_eq!(refresh(bad), Err(DescriptionError::Refresh(bad.into())), "{bad}");
        }
        assert_eq!(validate(said("a", "1.0.0", &[])).expect("valid").refresh, None);
    }

    #[test]
    fn texts_are_printable_and_lists_bounded() {
        assert_eq!(validate(said("a", "1.0.0", &[])).expect("valid").summary, "a b");
        let many: Vec<(&str, &str)> = vec![("x", "y"); ITEMS_MAX + 1];
        assert!(matches!(
            validate(said("a", "1.0.0", &many)),
            Err(DescriptionError::TooMany { .. })
        ));
    }
}
