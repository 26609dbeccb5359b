//! Processes by state, and groups of them.
//!
//! Flows in: the process table and the queries of a check. Flows out: counts and sums. Command lines and environments are
//! never read: they hold other people's secrets.

use std::collections::{BTreeMap, HashMap};

use regex::{Regex, RegexBuilder};

use super::Roots;

/// A process belongs to `group` when the expression is found in its name or in the file name of its executable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProcessQuery {
    /// Several queries may name one group.
    pub group: String,
    /// Not anchored.
    pub name_regex: String,
}

/// A group of processes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProcessGroup {
    /// As the query calls it.
    pub name: String,
    /// Members now.
    pub count: u32,
    /// Used by all members, since this check first asked, by those that ended too; what they had used by then counts. It never
    /// falls while the host runs.
    pub cpu_seconds: f64,
    /// Memory that is theirs or shared with others.
    pub resident_bytes: u64,
    /// None where the host may not look into one of the members.
    pub open_files: Option<u64>,
    /// Start of the oldest member, seconds since the epoch. 0 without members.
    pub oldest_start_unix: i64,
    /// Of all members.
    pub threads: u32,
}

/// Processes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Processes {
    /// Sorted by state; states without a process are left out.
    pub by_state: Vec<(&'static str, u32)>,
    /// In the order in which the queries first name them.
    pub groups: Vec<ProcessGroup>,
}

/// More are refused: each is matched against every process of the machine.
pub(super) const MAX_QUERIES: usize = 64;

/// Longer expressions are refused; a name has 15 characters and a file name 255.
const MAX_PATTERN_BYTES: usize = 1024;

/// Of one compiled expression, as much as the schema's `x-bellwether-pattern` takes, so that what is valid there runs: three times
/// `\w` are 300 KB.
const REGEX_BYTES: usize = 1 << 20;

/// Of its cache. Names are short, so a sensible one needs a few KiB; the engine does with less, slower.
const CACHE_BYTES: usize = 256 << 10;

/// Queries, checked and compiled, by group.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    queries: Vec<ProcessQuery>,
    groups: Vec<(String, Vec<Regex>)>,
}

impl Groups {
    pub(super) fn compile(queries: Vec<ProcessQuery>) -> Result<Self, String> {
        if queries.len() > MAX_QUERIES {
            return Err(format!("{} process queries; {MAX_QUERIES} are allowed", queries.len()));
        }
        let mut groups: Vec<(String, Vec<Regex>)> = Vec::new();
        for query in &queries {
            let regex = compile(query)?;
            match groups.iter_mut().find(|(name, _)| *name == query.group) {
                Some((_, regexes)) => regexes.push(regex),
                None => groups.push((query.group.clone(), vec![regex])),
            }
        }
        Ok(Self { queries, groups })
    }

    pub(super) fn is_of(&self, queries: &[ProcessQuery]) -> bool {
        self.queries == queries
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Per group, its members.
    fn members<'a>(&self, rows: &'a [Row]) -> Vec<(&str, Vec<&'a Row>)> {
        let members = |regexes: &[Regex]| rows.iter().filter(|row| row.matches(regexes)).collect();
        self.groups
            .iter()
            .map(|(name, regexes)| (name.as_str(), members(regexes)))
            .collect()
    }
}

fn compile(query: &ProcessQuery) -> Result<Regex, String> {
    let ProcessQuery { group, name_regex } = query;
    if name_regex.len() > MAX_PATTERN_BYTES {
        return Err(format!(
            "the expression of process group `{group}` is longer than {MAX_PATTERN_BYTES} bytes"
        ));
    }
    let built = RegexBuilder::new(name_regex)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(CACHE_BYTES)
        .build();
    built.map_err(|problem| format!("the expression `{name_regex}` of process group `{group}` is not valid: {problem}"))
}

/// Tells a process from a later one with the same number.
type Identity = (u32, u64);

/// One process.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    pid: u32,
    started: u64,
    start_unix: i64,
    name: String,
    executable: Option<String>,
    state: &'static str,
    cpu_seconds: f64,
    resident_bytes: u64,
    threads: u32,
}

impl Row {
    fn identity(&self) -> Identity {
        (self.pid, self.started)
    }

    fn matches(&self, regexes: &[Regex]) -> bool {
        let found = |text: &str| regexes.iter().any(|regex| regex.is_match(text));
        found(&self.name) || self.executable.as_deref().is_some_and(found)
    }
}

/// The process table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    rows: Vec<Row>,
    /// Whether file names of executables were read: one more call per process, needed for groups only.
    pub(super) with_executables: bool,
}

impl Table {
    pub(super) fn by_state(&self) -> Vec<(&'static str, u32)> {
        let mut counts = BTreeMap::new();
        for row in &self.rows {
            *counts.entry(row.state).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }
}

/// What one group is now, before what its former members used is added.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Membership {
    group: ProcessGroup,
    spent: Vec<(Identity, f64)>,
}

/// Sums per group. Reads the open files of the members, so it belongs on a reader thread.
pub(super) fn memberships(table: &Table, groups: &Groups, roots: &Roots) -> Vec<Membership> {
    groups
        .members(&table.rows)
        .into_iter()
        .map(|(name, members)| membership(name, &members, roots))
        .collect()
}

fn membership(name: &str, members: &[&Row], roots: &Roots) -> Membership {
    let group = ProcessGroup {
        name: name.to_owned(),
        count: u32::try_from(members.len()).unwrap_or(u32::MAX),
        cpu_seconds: 0.0,
        resident_bytes: members.iter().map(|row| row.resident_bytes).sum(),
        open_files: members.iter().map(|row| open_files(row, roots)).sum(),
        oldest_start_unix: members.iter().map(|row| row.start_unix).min().unwrap_or(0),
        threads: members.iter().map(|row| row.threads).sum(),
    };
    Membership {
        group,
        spent: members.iter().map(|row| (row.identity(), row.cpu_seconds)).collect(),
    }
}

/// What the groups of one check used so far. A sum over living members would fall whenever one of them ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Spending {
    groups: HashMap<String, Spent>,
}

#[derive(Clone, Debug, Default)]
struct Spent {
    total: f64,
    members: HashMap<Identity, f64>,
}

impl Spending {
    /// Adds what members used since the last time; a new one with all it used. What an ended one used after the last time is
    /// lost.
    pub(super) fn add(&mut self, memberships: Vec<Membership>) -> Vec<ProcessGroup> {
        let mut before = std::mem::take(&mut self.groups);
        let told = memberships.into_iter().map(|Membership { mut group, spent }| {
            let mut known = before.remove(&group.name).unwrap_or_default();
            let used = spent
                .iter()
                .map(|(id, seconds)| (seconds - known.members.get(id).unwrap_or(&0.0)).max(0.0));
            known.total += used.sum::<f64>();
            known.members = spent.into_iter().collect();
            group.cpu_seconds = known.total;
            self.groups.insert(group.name.clone(), known);
            group
        });
        told.collect()
    }
}

#[cfg(target_os = "linux")]
pub(super) use linux::read;

#[cfg(target_os = "linux")]
use linux::open_files;

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use procfs::{FromRead, process::Stat};

    use super::{Roots, Row, Table};

    /// What turns the kernel's units into ours.
    struct Units {
        boot_time_unix: i64,
        ticks_per_second: u64,
        page_bytes: u64,
    }

    pub(in super::super) fn read(roots: &Roots, with_executables: bool) -> Result<Table, String> {
        let listing = fs::read_dir(&roots.proc).map_err(|problem| format!("{}: {problem}", roots.proc.display()))?;
        let pids = listing.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let units = Units {
            boot_time_unix: super::super::machine::boot_time(roots),
            ticks_per_second: rustix::param::clock_ticks_per_second().max(1),
            page_bytes: rustix::param::page_size() as u64,
        };
        // A process may end between the listing and the look: it is left out.
        let rows = pids
            .filter_map(|pid| row(roots, pid, with_executables, &units))
            .collect();
        Ok(Table { rows, with_executables })
    }

    fn row(roots: &Roots, pid: u32, with_executable: bool, units: &Units) -> Option<Row> {
        let directory = roots.proc.join(pid.to_string());
        let text = fs::read(directory.join("stat")).ok()?;
        let stat = Stat::from_read(text.as_slice()).ok()?;
        let executable = if with_executable { executable(&directory) } else { None };
        Some(Row {
            pid,
            started: stat.starttime,
            start_unix: units.boot_time_unix + i64::try_from(stat.starttime / units.ticks_per_second).unwrap_or(0),
            name: stat.comm,
            executable,
            state: state(stat.state),
            cpu_seconds: (stat.utime + stat.stime) as f64 / units.ticks_per_second as f64,
            resident_bytes: stat.rss.saturating_mul(units.page_bytes),
            threads: u32::try_from(stat.num_threads).unwrap_or(0),
        })
    }

    /// None for kernel threads and where the host may not look.
    fn executable(directory: &std::path::Path) -> Option<String> {
        let path = fs::read_link(directory.join("exe")).ok()?;
        let name = path.file_name()?.to_string_lossy();
        Some(name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned())
    }

    /// proc_pid_stat(5).
    fn state(letter: char) -> &'static str {
        match letter {
            'R' => "running",
            'S' => "sleeping",
            'D' => "uninterruptible",
            'T' => "stopped",
            't' => "traced",
            'Z' => "zombie",
            'I' => "idle",
            'P' => "parked",
            'X' | 'x' => "dead",
            _ => "other",
        }
    }

    /// None where the host may not look; 0 for one that ended meanwhile.
    pub(super) fn open_files(row: &Row, roots: &Roots) -> Option<u64> {
        match fs::read_dir(roots.proc.join(row.pid.to_string()).join("fd")) {
            Ok(listing) => Some(listing.count() as u64),
            Err(problem) if problem.kind() == std::io::ErrorKind::PermissionDenied => None,
            Err(_) => Some(0),
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn read(_roots: &Roots, _with_executables: bool) -> Result<Table, String> {
    let mut system = sysinfo::System::new().map_err(|problem| problem.to_string())?;
    let kind = sysinfo::ProcessRefreshKind::nothing()
        .with_cpu()
        .with_memory()
        .with_exe(sysinfo::UpdateKind::Always);
    system.refresh_processes_specifics(sysinfo::ProcessesToUpdate::All, true, kind);
    Ok(Table {
        rows: system.processes().values().map(row).collect(),
        with_executables: true,
    })
}

#[cfg(not(target_os = "linux"))]
fn row(process: &sysinfo::Process) -> Row {
    Row {
        pid: process.pid().as_u32(),
        started: process.start_time(),
        start_unix: i64::try_from(process.start_time()).unwrap_or(0),
        name: process.name().to_string_lossy().into_owned(),
        executable: process
            .exe()
            .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned())),
        state: state(process.status()),
        cpu_seconds: process.accumulated_cpu_time() as f64 / 1e3,
        resident_bytes: process.memory(),
        threads: process
            .tasks()
            .map_or(0, |tasks| u32::try_from(tasks.len()).unwrap_or(0)),
    }
}

#[cfg(not(target_os = "linux"))]
fn state(status: sysinfo::ProcessStatus) -> &'static str {
    match status {
        sysinfo::ProcessStatus::Run => "running",
        sysinfo::ProcessStatus::Sleep => "sleeping",
        sysinfo::ProcessStatus::Stop => "stopped",
        sysinfo::ProcessStatus::Zombie => "zombie",
        sysinfo::ProcessStatus::Idle => "idle",
        _ => "other",
    }
}

#[cfg(not(target_os = "linux"))]
fn open_files(_row: &Row, _roots: &Roots) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(group: &str, name_regex: &str) -> ProcessQuery {
        ProcessQuery {
            group: group.into(),
            name_regex: name_regex.into(),
        }
    }

    fn row(pid: u32, name: &str, executable: Option<&str>, cpu_seconds: f64) -> Row {
        Row {
            pid,
            name: name.into(),
            executable: executable.map(Into::into),
            cpu_seconds,
            state: "sleeping",
            start_unix: 100 - i64::from(pid),
            threads: 2,
            ..Row::default()
        }
    }

    fn nowhere() -> (tempfile::TempDir, Roots) {
        let root = tempfile::tempdir().expect("a directory");
        let roots = Roots::under(root.path());
        (root, roots)
    }

    #[test]
    fn a_group_takes_what_matches_by_name_or_by_executable() {
        let rows = vec![
            row(1, "postgres", None, 1.0),
            row(2, "python3", Some("celery"), 2.0),
            row(3, "sh", None, 4.0),
        ];
        let table = Table {
            rows,
            with_executables: true,
        };
        let queries = vec![
            query("db", "^postgres$"),
            query("workers", "celery"),
            query("db", "^sh$"),
        ];
        let groups = Groups::compile(queries).expect("valid");
        let (_root, roots) = nowhere();
        let told = Spending::default().add(memberships(&table, &groups, &roots));
        let [db, workers] = told.as_slice() else {
            panic!("two groups, not {told:?}")
        };
        assert_eq!(
            (db.count, db.cpu_seconds, db.threads, db.oldest_start_unix),
            (2, 5.0, 4, 97)
        );
        assert_eq!((workers.count, workers.cpu_seconds), (1, 2.0));
    }

    #[test]
    fn cpu_seconds_of_a_group_do_not_fall_when_a_member_ends() {
        let groups = Groups::compile(vec![query("all", ".")]).expect("valid");
        let (_root, roots) = nowhere();
        let mut spending = Spending::default();
        let mut told = |rows: Vec<Row>| {
            let table = Table {
                rows,
                with_executables: true,
            };
            spending.add(memberships(&table, &groups, &roots))[0].cpu_seconds
        };
        assert_eq!(told(vec![row(1, "a", None, 10.0), row(2, "b", None, 5.0)]), 15.0);
        assert_eq!(told(vec![row(2, "b", None, 6.0)]), 16.0);
        assert_eq!(told(vec![row(2, "b", None, 6.0), row(3, "c", None, 2.0)]), 18.0);
    }

    #[test]
    fn a_bad_expression_is_refused_by_group() {
        let problem = Groups::compile(vec![query("db", "(")]).expect_err("unbalanced");
        assert!(problem.contains("process group `db`"), "{problem}");
        let bomb = "(a{1000}){1000}";
        assert!(
            Groups::compile(vec![query("db", bomb)]).is_err(),
            "a large expression must not compile"
        );
        assert!(Groups::compile(vec![query("db", &"a".repeat(MAX_PATTERN_BYTES + 1))]).is_err());
        assert!(Groups::compile(vec![query("db", "a"); MAX_QUERIES + 1]).is_err());
    }

    #[test]
    fn what_the_schema_of_a_plugin_takes_is_compiled() {
        assert!(Groups::compile(vec![query("db", r"^\w{8}-\w+$")]).is_ok());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_in_the_table_with_its_open_files() {
        let roots = Roots::machine();
        let table = read(&roots, true).expect("readable");
        let own = table
            .rows
            .iter()
            .find(|row| row.pid == std::process::id())
            .expect("listed");
        let executable = std::env::current_exe().expect("known");
        assert_eq!(
            own.executable.as_deref(),
            executable.file_name().and_then(|name| name.to_str())
        );
        assert!(own.threads >= 1 && own.resident_bytes > 0);
        assert!(open_files(own, &roots).is_some_and(|files| files > 2));
        let counted: u32 = table.by_state().iter().map(|(_, count)| count).sum();
        assert_eq!(counted as usize, table.rows.len());
    }
}
