//! Which parts of the machine a read asks for.

/// One part of a [`Snapshot`](super::Snapshot).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Time per mode and usage.
    Cpu,
    /// Memory, swap and the limit of the control group.
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
    /// Processes by state, and groups of them.
    Processes,
    /// Pressure stall information.
    Pressure,
    /// Open files of the whole machine.
    Limits,
}

impl Section {
    /// All of them, in the contract's order.
    pub const ALL: [Self; 10] = [
        Self::Cpu,
        Self::Memory,
        Self::Disks,
        Self::DiskIo,
        Self::Networks,
        Self::Load,
        Self::Temperatures,
        Self::Processes,
        Self::Pressure,
        Self::Limits,
    ];

    /// The contract's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disks => "disks",
            Self::DiskIo => "disk-io",
            Self::Networks => "networks",
            Self::Load => "load",
            Self::Temperatures => "temperatures",
            Self::Processes => "processes",
            Self::Pressure => "pressure",
            Self::Limits => "limits",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of sections. The default is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sections(u16);

impl Sections {
    /// Every section.
    pub const ALL: Self = Self((1 << Section::ALL.len()) - 1);

    /// Whether `section` is in it.
    pub const fn contains(self, section: Section) -> bool {
        self.0 & section.bit() != 0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of `other` is in it.
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl FromIterator<Section> for Sections {
    fn from_iter<I: IntoIterator<Item = Section>>(sections: I) -> Self {
        Self(sections.into_iter().fold(0, |bits, section| bits | section.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_holds_every_section_and_nothing_else() {
        assert_eq!(Section::ALL.into_iter().collect::<Sections>(), Sections::ALL);
        assert!(Section::ALL.into_iter().all(|section| Sections::ALL.contains(section)));
    }

    #[test]
    fn a_set_covers_its_subsets_only() {
        let both: Sections = [Section::Cpu, Section::Load].into_iter().collect();
        let one: Sections = [Section::Load].into_iter().collect();
        assert!(both.covers(one));
        assert!(!one.covers(both));
        assert_eq!(both.and(one), one);
        assert!(Sections::default().is_empty());
    }
}
