//! The reader against the machine it runs on.

use super::*;

fn reader() -> SystemReader {
    SystemReader::new(Supervisor::new(|_| ()), Telemetry::silent(), Clock::system())
}

fn deadline() -> Instant {
    Clock::system().monotonic() + Duration::from_secs(10)
}

fn only(section: Section) -> Sections {
    [section].into_iter().collect()
}

fn query(group: &str, name_regex: &str) -> ProcessQuery {
    ProcessQuery {
        group: group.into(),
        name_regex: name_regex.into(),
    }
}

#[tokio::test]
async fn every_section_of_this_machine_is_read_or_says_that_it_is_not_offered() {
    let snapshot = reader()
        .read("machine", Sections::ALL, Vec::new(), deadline())
        .await
        .expect("no queries");
    let unexpected: Vec<_> = snapshot
        .missing
        .iter()
        .filter(|(_, why)| !why.starts_with(NOT_OFFERED))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    let memory = snapshot.memory.expect("read");
    assert!(memory.total_bytes > memory.available_bytes && memory.available_bytes > 0);
    assert!(
        snapshot
            .disks
            .iter()
            .any(|disk| disk.mount_point == "/" && disk.total_bytes > 0)
    );
    assert!(snapshot.load.is_some() && snapshot.cpu.is_some());
    assert!(
        snapshot
            .processes
            .expect("read")
            .by_state
            .iter()
            .map(|(_, count)| count)
            .sum::<u32>()
            > 0
    );
    assert!(snapshot.machine.boot_time_unix > 1_000_000_000 && !snapshot.machine.hostname.is_empty());
}

#[tokio::test]
async fn only_what_is_asked_for_is_read() {
    let snapshot = reader()
        .read("machine", only(Section::Load), Vec::new(), deadline())
        .await
        .expect("no queries");
    let rest = Snapshot {
        machine: Machine::default(),
        load: None,
        ..snapshot
    };
    assert_eq!(rest, Snapshot::default());
    assert!(snapshot.load.is_some());
}

#[tokio::test]
async fn what_another_check_asked_for_at_the_same_moment_is_not_handed_out() {
    let reader = reader();
    reader
        .read("a", Sections::ALL, Vec::new(), deadline())
        .await
        .expect("no queries");
    let snapshot = reader
        .read("b", only(Section::Memory), Vec::new(), deadline())
        .await
        .expect("no queries");
    assert!(snapshot.memory.is_some());
    assert!(snapshot.cpu.is_none() && snapshot.networks.is_empty() && snapshot.disk_io.is_empty());
}

#[tokio::test]
async fn checks_that_read_at_once_share_an_answer() {
    let reader = reader();
    let sections = only(Section::Cpu);
    let (a, b) = tokio::join!(
        reader.read("a", sections, Vec::new(), deadline()),
        reader.read("b", sections, Vec::new(), deadline())
    );
    let times = |snapshot: Result<Snapshot, String>| snapshot.expect("no queries").cpu.expect("read").times;
    assert_eq!(times(a), times(b));
}

#[tokio::test]
async fn usage_is_measured_from_the_same_checks_previous_read() {
    let reader = reader();
    let usage = async |check: &str| {
        let read = reader.read(check, only(Section::Cpu), Vec::new(), deadline()).await;
        read.expect("no queries").cpu.expect("read").usage_ratio
    };
    assert_eq!(usage("a").await, None);
    // The kernel counts in hundredths of a second, and an answer is shared for a second.
    tokio::time::sleep(FRESH + Duration::from_millis(50)).await;
    let since = usage("a").await.expect("the second read");
    assert!((0.0..=1.0).contains(&since), "{since}");
    assert_eq!(usage("b").await, None, "another check has no previous read");
}

#[tokio::test]
async fn this_process_is_found_by_the_name_of_its_executable() {
    let executable = std::env::current_exe().expect("known");
    let name = executable.file_name().and_then(|name| name.to_str()).expect("text");
    let queries = vec![query("own", &format!("^{name}$")), query("none", "^no such process$")];
    let snapshot = reader()
        .read("machine", only(Section::Processes), queries, deadline())
        .await
        .expect("valid");
    let groups = snapshot.processes.expect("read").groups;
    let [own, none] = groups.as_slice() else {
        panic!("two groups, not {groups:?}")
    };
    assert!(own.count >= 1 && own.resident_bytes > 0 && own.threads >= 1, "{own:?}");
    assert_eq!(
        *none,
        ProcessGroup {
            name: "none".into(),
            open_files: Some(0),
            ..ProcessGroup::default()
        }
    );
}

#[tokio::test]
async fn an_expression_that_is_not_valid_is_an_error() {
    let read = reader()
        .read("machine", only(Section::Processes), vec![query("db", "(")], deadline())
        .await;
    assert!(read.expect_err("unbalanced").contains("process group `db`"));
}

#[tokio::test]
async fn a_deadline_that_is_over_is_answered_at_once_and_in_full() {
    let past = Clock::system().monotonic();
    let snapshot = reader()
        .read("machine", Sections::ALL, Vec::new(), past)
        .await
        .expect("no queries");
    let lost: std::collections::BTreeSet<&str> = snapshot.missing.iter().map(|(section, _)| *section).collect();
    let all = Section::ALL.iter().map(|section| section.as_str()).chain(["machine"]);
    assert_eq!(lost, all.collect());
}
