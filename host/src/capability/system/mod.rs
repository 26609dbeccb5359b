//! The machine the host runs on, for plugins that were granted `system`.
//!
//! Flows in: which [`Sections`] a check wants, and expressions that name groups of processes. Flows out: a [`Snapshot`] in
//! plain types; what could not be read is listed with the reason and never holds up the rest. Every read that touches the
//! machine runs on a thread that can be left behind, only what was asked for is read, and checks that ask at the same moment
//! share an answer. Command lines and environments of processes are never read.
//!
//! On Linux the numbers come from `/proc` and `/sys`, elsewhere from what `sysinfo` offers.

mod cache;
#[cfg(target_os = "linux")]
mod cgroup;
mod cpu;
mod disk_io;
mod disks;
mod events;
mod kernel;
mod limits;
mod load;
mod machine;
mod memory;
mod mounts;
mod networks;
mod pressure;
mod processes;
mod recall;
mod sections;
mod temperatures;
mod worker;

use std::{fmt::Display, path::PathBuf, sync::Arc, time::Duration};

use cache::{Cached, FRESH};
pub use cpu::{Cpu, CpuTimes};
pub use disk_io::DiskIo;
pub use disks::{Disk, PERMISSION_DENIED};
use disks::{DiskReader, DisksRead};
use kernel::{CpuSource, Kernel};
pub use limits::Limits;
pub use load::Load;
pub use machine::Machine;
pub use memory::Memory;
pub use networks::Network;
pub use pressure::Pressure;
use processes::{Groups, Table};
pub use processes::{ProcessGroup, ProcessQuery, Processes};
use recall::Recalls;
pub use sections::{Section, Sections};
pub use temperatures::Temperature;
use worker::{Unread, Workers};

use crate::{
    clock::{Clock, Instant},
    supervisor::Supervisor,
    telemetry::Telemetry,
};

/// Begins the reason of a section that this system does not have at all.
pub const NOT_OFFERED: &str = "not offered";

/// Reads of `/proc` take microseconds each; slow sensors some tenths of a second. What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(3);

/// Names and versions of the machine change by hand.
const MACHINE_KEPT: Duration = Duration::from_secs(60);

fn not_offered(why: &str) -> String {
    format!("{NOT_OFFERED}: {why}")
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Always there.
    pub machine: Machine,
    /// None: not asked for, or in `missing`. So for all options below; a list is empty then.
    pub cpu: Option<Cpu>,
    /// See [`Memory`].
    pub memory: Option<Memory>,
    /// Sorted by mount point.
    pub disks: Vec<Disk>,
    /// See [`DiskIo`].
    pub disk_io: Vec<DiskIo>,
    /// Sorted by name.
    pub networks: Vec<Network>,
    /// See [`Load`].
    pub load: Option<Load>,
    /// See [`Temperature`].
    pub temperatures: Vec<Temperature>,
    /// See [`Processes`].
    pub processes: Option<Processes>,
    /// See [`Pressure`].
    pub pressure: Vec<Pressure>,
    /// See [`Limits`].
    pub limits: Option<Limits>,
    /// The contract's word for a section that could not be read, or only in part, and why; begins with [`NOT_OFFERED`] for
    /// what this system does not have.
    pub missing: Vec<(&'static str, String)>,
}

impl Snapshot {
    fn miss(&mut self, section: Section, why: &impl Display) {
        self.missing.push((section.as_str(), why.to_string()));
    }

    /// The value of an answer; why there is none goes to `missing`.
    fn take<T: Clone>(&mut self, section: Section, answer: &Option<Result<T, String>>) -> Option<T> {
        match answer {
            Some(Ok(value)) => Some(value.clone()),
            Some(Err(why)) => {
                self.miss(section, why);
                None
            }
            None => None,
        }
    }
}

/// Where the kernel's files are.
#[derive(Clone, Debug)]
struct Roots {
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has these files"))]
    proc: PathBuf,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only Linux has these files"))]
    sys: PathBuf,
}

impl Roots {
    fn machine() -> Self {
        Self {
            proc: "/proc".into(),
            sys: "/sys".into(),
        }
    }

    #[cfg(target_os = "linux")]
    fn proc_text(&self, file: &str) -> Result<String, String> {
        let path = self.proc.join(file);
        let bytes = std::fs::read(&path).map_err(|problem| format!("{}: {problem}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    #[cfg(test)]
    fn under(root: &std::path::Path) -> Self {
        Self {
            proc: root.join("proc"),
            sys: root.join("sys"),
        }
    }

    #[cfg(test)]
    fn write(&self, file: &str, text: &str) {
        let path = self.proc.parent().expect("a root of the test's own").join(file);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
        std::fs::write(path, text).expect("writable");
    }
}

/// Reads the machine. Cheap to clone; clones share one memory.
#[derive(Clone, Debug)]
pub struct SystemReader {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    workers: Workers,
    roots: Roots,
    recalls: Recalls,
    cpus: Arc<CpuSource>,
    machine: Cached<Machine>,
    kernel: Cached<Kernel>,
    temperatures: Cached<Result<Vec<Temperature>, String>>,
    table: Cached<Table>,
    disks: DiskReader,
}

impl SystemReader {
    /// Starts no thread yet.
    pub fn new(supervisor: Supervisor, telemetry: Telemetry, clock: Clock) -> Self {
        let workers = Workers::new(supervisor, telemetry, clock.clone());
        let shared = Shared {
            roots: Roots::machine(),
            recalls: Recalls::default(),
            cpus: Arc::default(),
            machine: Cached::new(clock.clone(), MACHINE_KEPT),
            kernel: Cached::new(clock.clone(), FRESH),
            temperatures: Cached::new(clock.clone(), FRESH),
            table: Cached::new(clock.clone(), FRESH),
            disks: DiskReader::new(workers.clone(), clock),
            workers,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Reads `sections` for `check`, whose previous read is what usage is measured against. Returns by `deadline` with what
    /// there is then. `queries` matter only with [`Section::Processes`].
    ///
    /// # Errors
    ///
    /// Only for queries that are not valid.
    pub async fn read(
        &self,
        check: &str,
        sections: Sections,
        queries: Vec<ProcessQuery>,
        deadline: Instant,
    ) -> Result<Snapshot, String> {
        let shared = &*self.shared;
        let groups = match sections.contains(Section::Processes) {
            true => shared.recalls.groups(check, shared.workers.now(), queries)?,
            false => Arc::default(),
        };
        let (machine, kernel, disks, temperatures, processes) = tokio::join!(
            shared.machine(deadline),
            shared.kernel(kernel::own(sections), deadline),
            shared.disks(sections, deadline),
            shared.temperatures(sections, deadline),
            shared.processes(check, sections, groups, deadline),
        );
        let mut snapshot = Snapshot::default();
        match machine {
            Ok(machine) => snapshot.machine = (*machine).clone(),
            Err(why) => snapshot.missing.push(("machine", why.to_string())),
        }
        shared.put_kernel(&mut snapshot, check, kernel::own(sections), kernel);
        put_disks(&mut snapshot, disks);
        put_temperatures(&mut snapshot, temperatures);
        snapshot.processes = snapshot.take(
            Section::Processes,
            &processes.map(|read| read.map_err(|why| why.to_string())),
        );
        Ok(snapshot)
    }
}

type Read<T> = Result<Arc<T>, Unread>;

impl Shared {
    async fn machine(&self, deadline: Instant) -> Read<Machine> {
        let roots = self.roots.clone();
        // No section of its own: it comes with every read.
        let read = self.workers.run(
            Section::Limits,
            "the names of the machine",
            PATIENCE,
            deadline,
            move || machine::read(&roots),
        );
        self.machine.get(deadline, |_| true, read).await
    }

    async fn kernel(&self, sections: Sections, deadline: Instant) -> Read<Kernel> {
        if sections.is_empty() {
            return Ok(Arc::default());
        }
        let (roots, cpus, now) = (self.roots.clone(), Arc::clone(&self.cpus), self.workers.now());
        let read = self
            .workers
            .run(Section::Cpu, "the kernel's counters", PATIENCE, deadline, move || {
                Kernel::read(sections, &roots, &cpus, now)
            });
        self.kernel.get(deadline, |last| last.covers(sections), read).await
    }

    async fn disks(&self, sections: Sections, deadline: Instant) -> Option<Read<DisksRead>> {
        if !sections.contains(Section::Disks) {
            return None;
        }
        Some(self.disks.read(&self.roots, deadline).await)
    }

    async fn temperatures(
        &self,
        sections: Sections,
        deadline: Instant,
    ) -> Option<Read<Result<Vec<Temperature>, String>>> {
        if !sections.contains(Section::Temperatures) {
            return None;
        }
        let roots = self.roots.clone();
        let read = self
            .workers
            .run(Section::Temperatures, "temperatures", PATIENCE, deadline, move || {
                temperatures::read(&roots)
            });
        Some(self.temperatures.get(deadline, |_| true, read).await)
    }

    async fn processes(
        &self,
        check: &str,
        sections: Sections,
        groups: Arc<Groups>,
        deadline: Instant,
    ) -> Option<Result<Processes, Unread>> {
        if !sections.contains(Section::Processes) {
            return None;
        }
        Some(self.read_processes(check, groups, deadline).await)
    }

    async fn read_processes(&self, check: &str, groups: Arc<Groups>, deadline: Instant) -> Result<Processes, Unread> {
        let table = self.process_table(!groups.is_empty(), deadline).await?;
        let by_state = table.by_state();
        if groups.is_empty() {
            return Ok(Processes {
                by_state,
                groups: Vec::new(),
            });
        }
        let roots = self.roots.clone();
        let what = format!("the process groups of check `{check}`");
        let read = move || processes::memberships(&table, &groups, &roots);
        let memberships = self
            .workers
            .run(Section::Processes, &what, PATIENCE, deadline, read)
            .await?;
        Ok(Processes {
            by_state,
            groups: self.recalls.spend(check, self.workers.now(), memberships),
        })
    }

    async fn process_table(&self, with_executables: bool, deadline: Instant) -> Read<Table> {
        let roots = self.roots.clone();
        let read = async {
            let read = move || processes::read(&roots, with_executables);
            let table = self
                .workers
                .run(Section::Processes, "the process table", PATIENCE, deadline, read)
                .await?;
            table.map_err(Unread::Failed)
        };
        self.table
            .get(deadline, |last| last.with_executables || !with_executables, read)
            .await
    }

    fn put_kernel(&self, snapshot: &mut Snapshot, check: &str, asked: Sections, kernel: Read<Kernel>) {
        let kernel = match kernel {
            Ok(kernel) => kernel,
            Err(why) => {
                let lost = Section::ALL.into_iter().filter(|section| asked.contains(*section));
                return lost.for_each(|section| snapshot.miss(section, &why));
            }
        };
        let wanted = |section| asked.contains(section);
        if wanted(Section::Cpu) {
            let sample = snapshot.take(Section::Cpu, &kernel.cpu);
            let cores = self.cpus.physical_cores();
            snapshot.cpu = sample.map(|sample| self.recalls.cpu(check, self.workers.now(), &sample, cores));
        }
        if wanted(Section::Memory) {
            snapshot.memory = snapshot.take(Section::Memory, &kernel.memory);
        }
        if wanted(Section::DiskIo) {
            snapshot.disk_io = snapshot.take(Section::DiskIo, &kernel.disk_io).unwrap_or_default();
        }
        if wanted(Section::Networks) {
            snapshot.networks = snapshot.take(Section::Networks, &kernel.networks).unwrap_or_default();
        }
        if wanted(Section::Load) {
            snapshot.load = snapshot.take(Section::Load, &kernel.load);
        }
        if wanted(Section::Pressure) {
            snapshot.pressure = snapshot.take(Section::Pressure, &kernel.pressure).unwrap_or_default();
        }
        if wanted(Section::Limits) {
            snapshot.limits = snapshot.take(Section::Limits, &kernel.limits);
        }
    }
}

fn put_disks(snapshot: &mut Snapshot, disks: Option<Read<DisksRead>>) {
    match disks {
        Some(Ok(read)) => {
            snapshot.disks = read.disks.clone();
            read.missing.iter().for_each(|why| snapshot.miss(Section::Disks, why));
        }
        Some(Err(why)) => snapshot.miss(Section::Disks, &why),
        None => {}
    }
}

fn put_temperatures(snapshot: &mut Snapshot, temperatures: Option<Read<Result<Vec<Temperature>, String>>>) {
    let answer = temperatures.map(|read| match read {
        Ok(answer) => (*answer).clone(),
        Err(why) => Err(why.to_string()),
    });
    snapshot.temperatures = snapshot.take(Section::Temperatures, &answer).unwrap_or_default();
}

#[cfg(test)]
mod tests;
