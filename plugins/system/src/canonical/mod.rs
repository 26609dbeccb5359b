//! Names of our own: `system_*`, in base units, one family per thing measured.

mod cpu;
mod disks;
mod machine;
mod memory;
mod networks;
mod processes;

use bellwether_sdk::{Description, Report, system::Section};

use crate::selection::Selection;

pub(crate) fn describe(about: &mut Description) {
    cpu::describe(about);
    memory::describe(about);
    disks::describe(about);
    networks::describe(about);
    processes::describe(about);
    machine::describe(about);
}

pub(crate) fn report(selection: &Selection<'_>, wanted: Section, report: &mut Report) {
    let snapshot = selection.snapshot;
    if let Some(cpu) = &snapshot.cpu {
        cpu::report(cpu, report);
    }
    if let Some(memory) = &snapshot.memory {
        memory::report(memory, report);
    }
    disks::report(selection, report);
    networks::report(selection, report);
    if let Some(processes) = &snapshot.processes {
        processes::report(processes, report);
    }
    machine::report(snapshot, wanted, report);
}
