//! What the kernel answers at once, read in one go on one thread.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::{
    Roots, Section, Sections,
    cpu::{self, Sample},
    disk_io::{self, DiskIo},
    limits::{self, Limits},
    load::{self, Load},
    memory::{self, Memory},
    networks::{self, Network},
    pressure::{self, Pressure},
};
use crate::clock::Instant;

/// What CPU samples build on from read to read.
#[derive(Debug, Default)]
pub(super) struct CpuSource {
    source: Mutex<cpu::Source>,
    physical_cores: OnceLock<u32>,
}

impl CpuSource {
    fn sample(&self, roots: &Roots, now: Instant) -> Result<Sample, String> {
        self.source
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .read(roots, now)
    }

    /// Found out once: it costs more than everything else here, and does not change.
    pub(super) fn physical_cores(&self) -> u32 {
        *self.physical_cores.get_or_init(cpu::physical_cores)
    }
}

/// None: not asked for. An error: why it could not be read.
type Answer<T> = Option<Result<T, String>>;

/// The answers.
#[derive(Debug, Default)]
pub(super) struct Kernel {
    asked: Sections,
    pub(super) cpu: Answer<Sample>,
    pub(super) memory: Answer<Memory>,
    pub(super) disk_io: Answer<Vec<DiskIo>>,
    pub(super) networks: Answer<Vec<Network>>,
    pub(super) load: Answer<Load>,
    pub(super) pressure: Answer<Vec<Pressure>>,
    pub(super) limits: Answer<Limits>,
}

/// Those of `sections` that are read here.
pub(super) fn own(sections: Sections) -> Sections {
    let here = [
        Section::Cpu,
        Section::Memory,
        Section::DiskIo,
        Section::Networks,
        Section::Load,
        Section::Pressure,
        Section::Limits,
    ];
    here.into_iter().collect::<Sections>().and(sections)
}

impl Kernel {
    pub(super) fn read(asked: Sections, roots: &Roots, cpus: &CpuSource, now: Instant) -> Self {
        let wanted = |section| asked.contains(section).then_some(roots);
        let cpu = wanted(Section::Cpu).map(|roots| {
            cpus.physical_cores();
            cpus.sample(roots, now)
        });
        Self {
            asked,
            cpu,
            memory: wanted(Section::Memory).map(memory::read),
            disk_io: wanted(Section::DiskIo).map(disk_io::read),
            networks: wanted(Section::Networks).map(networks::read),
            load: wanted(Section::Load).map(load::read),
            pressure: wanted(Section::Pressure).map(pressure::read),
            limits: wanted(Section::Limits).map(limits::read),
        }
    }

    pub(super) fn covers(&self, sections: Sections) -> bool {
        self.asked.covers(sections)
    }
}
