//! The machine the host runs on. Needs `allow = ["system"]`; without it, a call ends the run as `denied`.
//!
//! The records are the contract's own. All of them have a default, so that a test names only what it is about.

use std::fmt;

pub use crate::bindings::bellwether::plugin::system::{
    Cpu, CpuTimes, Disk, DiskIo, Limits, Load, Machine, Memory, Network, Pressure, ProcessGroup, ProcessQuery,
    Processes, Section, Snapshot, Temperature,
};
use crate::{Failure, capability::host::system as host};

/// Why nothing at all could be read, in the host's words. What fails in one section is in [`Snapshot::missing`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemError(String);

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "system data: {}", self.0)
    }
}

impl std::error::Error for SystemError {}

impl From<SystemError> for Failure {
    fn from(error: SystemError) -> Self {
        Self::target(error)
    }
}

/// Reads the named sections. `queries` name groups of processes by a regular expression on their names; they count only
/// with [`Section::PROCESSES`].
pub fn read(sections: Section, queries: &[ProcessQuery]) -> Result<Snapshot, SystemError> {
    host::read(sections, queries).map_err(SystemError)
}
