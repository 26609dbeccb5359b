//! A subset of the names, types and labels of Prometheus' node_exporter, so that dashboards and rules written for it work.
//! Compared with the real one by the host's tests.

mod cpu;
mod disks;
mod machine;
mod memory;
mod networks;

use bellwether_sdk::{Description, Failure, Report};

use crate::selection::Selection;

pub(crate) fn describe(about: &mut Description) {
    cpu::describe(about);
    memory::describe(about);
    disks::describe(about);
    networks::describe(about);
    machine::describe(about);
}

pub(crate) fn report(selection: &Selection<'_>, report: &mut Report) -> Result<(), Failure> {
    let snapshot = selection.snapshot;
    if let Some(cpu) = &snapshot.cpu {
        cpu::report(cpu, report);
    }
    if let Some(memory) = &snapshot.memory {
        memory::report(memory, report)?;
    }
    disks::report(selection, report);
    networks::report(selection, report);
    machine::report(snapshot, report);
    Ok(())
}
