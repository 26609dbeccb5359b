//! What stands under `settings` in the configuration.

use std::collections::BTreeMap;

use bellwether_sdk::{Failure, system::Section};
use schemars::JsonSchema;
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
    pub(crate) processes: BTreeMap<String, String>,
    /// What to leave out.
    pub(crate) exclude: Exclude,
    /// When to warn. Without thresholds the check is ok.
    pub(crate) thresholds: Thresholds,
    /// Which file system `system_disk_percent` is about: `fullest`, or a mount point such as `/`.
    pub(crate) disk_percent_of: DiskPercentOf,
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

/// A part of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SectionName {
    /// CPU time and usage.
    Cpu,
    /// Memory and swap.
    Memory,
    /// Space on file systems.
    Disks,
    /// Traffic of block devices.
    DiskIo,
    /// Network interfaces.
    Networks,
    /// Load averages.
    Load,
    /// Sensors.
    Temperatures,
    /// Processes by state and in groups.
    Processes,
    /// Pressure stall information.
    Pressure,
    /// Open files.
    Limits,
}

impl SectionName {
    fn section(self) -> Section {
        match self {
            Self::Cpu => Section::CPU,
            Self::Memory => Section::MEMORY,
            Self::Disks => Section::DISKS,
            Self::DiskIo => Section::DISK_IO,
            Self::Networks => Section::NETWORKS,
            Self::Load => Section::LOAD,
            Self::Temperatures => Section::TEMPERATURES,
            Self::Processes => Section::PROCESSES,
            Self::Pressure => Section::PRESSURE,
            Self::Limits => Section::LIMITS,
        }
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
        let all = [
            ("cpu_percent", self.thresholds.cpu_percent),
            ("memory_percent", self.thresholds.memory_percent),
            ("disk_percent", self.thresholds.disk_percent),
        ];
        for (name, levels) in all {
            let Some(Levels {
                warning: Some(warning),
                critical: Some(critical),
            }) = levels
            else {
                continue;
            };
            if warning > critical {
                return Err(Failure::settings(format!(
                    "`thresholds.{name}`: the warning at {warning} would come after critical at {critical}; swap them"
                )));
            }
        }
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
            Some(names) => union(names.iter().map(|name| name.section())),
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
    fn only_what_a_name_set_reports_or_a_threshold_judges_is_read() {
        assert_eq!(
            wanted(json!({ "name_sets": ["percent"] })),
            Section::CPU | Section::MEMORY | Section::DISKS
        );
        let settings = json!({ "sections": ["load"], "thresholds": { "disk_percent": { "warning": 80 } } });
        assert_eq!(wanted(settings), Section::LOAD | Section::DISKS);
    }
}
