//! What stands under `settings` in the configuration.

use std::{borrow::Cow, collections::BTreeMap};

use bellwether_sdk::{Failure, system::Section};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// All of it is optional.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Under which names to report; `["canonical"]` unless said.
    name_sets: Option<Vec<NameSet>>,
    /// What to read. Unless said: everything that the name sets report, processes only when groups of them are named.
    sections: Option<Vec<SectionName>>,
    /// Groups of processes: a name for the group, and a regular expression that is found in the name of a process or in the
    /// file name of its executable.
    #[schemars(extend("x-bellwether-pattern" = "regex", "maxProperties" = GROUPS_MAX, "additionalProperties" = pattern()))]
    pub(crate) processes: BTreeMap<String, String>,
    /// What to leave out.
    pub(crate) exclude: Exclude,
    /// When to warn. Without thresholds the check is ok.
    pub(crate) thresholds: Thresholds,
    /// Which file system `system_disk_percent` is about: `fullest`, or a mount point such as `/`.
    pub(crate) disk_percent_of: DiskPercentOf,
}

/// Groups that the host takes in one run.
const GROUPS_MAX: usize = 64;

/// Bytes of an expression that the host takes.
const PATTERN_BYTES_MAX: usize = 1_024;

/// What the host would refuse in each run is refused while the configuration is loaded. The schema counts characters.
fn pattern() -> Schema {
    json_schema!({ "type": "string", "maxLength": PATTERN_BYTES_MAX })
}

/// A set of metric names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NameSet {
    /// `system_*` in base units.
    Canonical,
    /// `node_*`, as node_exporter has them.
    NodeExporter,
    /// `system_cpu_percent`, `system_memory_percent`, `system_disk_percent`.
    Percent,
}

impl NameSet {
    fn sections(self) -> Section {
        match self {
            Self::Canonical => Section::all(),
            Self::NodeExporter => Section::all() - Section::TEMPERATURES - Section::PROCESSES,
            Self::Percent => Section::CPU | Section::MEMORY | Section::DISKS,
        }
    }
}

/// A part of the machine, by the contract's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct SectionName(Section);

/// What may be written for each section: `disk_io` for the contract's `disk-io`.
pub(crate) fn section_names() -> impl Iterator<Item = (String, Section)> {
    let all = Section::all().iter_names();
    all.map(|(name, section)| (name.to_ascii_lowercase(), section))
}

impl TryFrom<String> for SectionName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let found = section_names().find(|(name, _)| *name == text);
        found
            .map(|(_, section)| Self(section))
            .ok_or_else(|| format!("there is no section `{text}`"))
    }
}

impl JsonSchema for SectionName {
    fn schema_name() -> Cow<'static, str> {
        "SectionName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<String> = section_names().map(|(name, _)| name).collect();
        json_schema!({ "type": "string", "description": "A part of the machine.", "enum": names })
    }
}

/// Patterns of what to leave out: `*` is any text, `?` one character, `[a-z]` one of these. A list replaces the default one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Exclude {
    /// Types of file systems, such as `tmpfs`.
    pub(crate) file_systems: Option<Vec<String>>,
    /// Mount points, with everything below them.
    pub(crate) mount_points: Option<Vec<String>>,
    /// Block devices, for their traffic.
    pub(crate) devices: Option<Vec<String>>,
    /// Network interfaces.
    pub(crate) interfaces: Option<Vec<String>>,
}

/// When to warn, in percent.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Thresholds {
    /// Usage of all CPUs since the run before.
    pub(crate) cpu_percent: Option<Levels>,
    /// Memory that is not available.
    pub(crate) memory_percent: Option<Levels>,
    /// Usage of each file system that can be written to.
    pub(crate) disk_percent: Option<Levels>,
}

/// From which value on.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-bellwether-ascending" = ["warning", "critical"]))]
pub(crate) struct Levels {
    /// Will need a person soon.
    #[schemars(range(min = 0, max = 100))]
    pub(crate) warning: Option<f64>,
    /// Needs a person now.
    #[schemars(range(min = 0, max = 100))]
    pub(crate) critical: Option<f64>,
}

/// `fullest`, or a mount point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "String")]
#[schemars(with = "String", extend("pattern" = "^(fullest|/.*)$"))]
pub(crate) enum DiskPercentOf {
    /// Of those that can be written to.
    #[default]
    Fullest,
    /// Of that one.
    MountPoint(String),
}

impl From<String> for DiskPercentOf {
    fn from(text: String) -> Self {
        if text == "fullest" {
            Self::Fullest
        } else {
            Self::MountPoint(text)
        }
    }
}

impl Settings {
    /// What the schema cannot say.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if !self.processes.is_empty() && !self.name_sets().contains(&NameSet::Canonical) {
            return Err(Failure::settings(
                "`processes` are reported under canonical names only; add \"canonical\" to `name_sets`",
            ));
        }
        Ok(())
    }

    pub(crate) fn name_sets(&self) -> &[NameSet] {
        self.name_sets.as_deref().unwrap_or(&[NameSet::Canonical])
    }

    /// Looking at every process is by far the dearest section, so it is read only when it is asked for.
    pub(crate) fn wanted(&self) -> Section {
        let asked = match &self.sections {
            Some(names) => union(names.iter().map(|name| name.0)),
            None => Section::all() - Section::PROCESSES,
        };
        let asked = if self.processes.is_empty() {
            asked
        } else {
            asked | Section::PROCESSES
        };
        asked & union(self.name_sets().iter().map(|set| set.sections())) | self.judged()
    }

    fn judged(&self) -> Section {
        let Thresholds {
            cpu_percent,
            memory_percent,
            disk_percent,
        } = &self.thresholds;
        let judged = [
            (cpu_percent, Section::CPU),
            (memory_percent, Section::MEMORY),
            (disk_percent, Section::DISKS),
        ];
        union(
            judged
                .into_iter()
                .filter(|(levels, _)| levels.is_some())
                .map(|(_, section)| section),
        )
    }
}

fn union(sections: impl Iterator<Item = Section>) -> Section {
    sections.fold(Section::empty(), |all, section| all | section)
}

#[cfg(test)]
mod tests {
    use bellwether_sdk::fake::json;

    use super::*;

    fn wanted(settings: serde_json::Value) -> Section {
        serde_json::from_value::<Settings>(settings).expect("valid").wanted()
    }

    #[test]
    fn processes_are_read_only_when_they_are_asked_for() {
        assert_eq!(wanted(json!({})), Section::all() - Section::PROCESSES);
        assert_eq!(wanted(json!({ "processes": { "db": "postgres" } })), Section::all());
        assert_eq!(wanted(json!({ "sections": ["processes"] })), Section::PROCESSES);
    }

    #[test]
    fn sections_are_called_as_in_the_contract() {
        assert_eq!(
            wanted(json!({ "sections": ["disk_io", "load"] })),
            Section::DISK_IO | Section::LOAD
        );
        assert!(serde_json::from_value::<Settings>(json!({ "sections": ["disk-io"] })).is_err());
        let readme = include_str!("../README.md");
        assert!(section_names().count() >= 10);
        for (name, _) in section_names() {
            assert!(readme.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn a_warning_above_critical_is_refused_by_the_schema() {
        let levels = schemars::schema_for!(Levels);
        assert_eq!(
            levels.get(bellwether_sdk::settings::ASCENDING_KEYWORD),
            Some(&json!(["warning", "critical"]))
        );
    }

    #[test]
    fn only_what_a_name_set_reports_or_a_threshold_judges_is_read() {
        assert_eq!(
            wanted(json!({ "name_sets": ["percent"] })),
            Section::CPU | Section::MEMORY | Section::DISKS
        );
        let settings = json!({ "sections": ["load"], "thresholds": { "disk_percent": { "warning": 80 } } });
        assert_eq!(wanted(settings), Section::LOAD | Section::DISKS);
    }
}
