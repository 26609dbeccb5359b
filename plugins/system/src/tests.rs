//! The plugin as the host runs it, on the fake one.

use bellwether_sdk::{
    FailureKind, Status,
    fake::{Fake, Run, assert_rules, describe, json},
    system::{
        Cpu, CpuTimes, Disk, DiskIo, Load, Machine, Memory, Network, Pressure, ProcessGroup, Processes, Snapshot,
        Temperature,
    },
};

use crate::System;

fn times(cpu: &str, mode: &str, seconds: f64) -> CpuTimes {
    CpuTimes {
        cpu: cpu.into(),
        mode: mode.into(),
        seconds,
    }
}

fn disk(mount_point: &str, used: u64) -> Disk {
    Disk {
        device: format!("/dev{mount_point}"),
        mount_point: mount_point.into(),
        file_system: "ext4".into(),
        total_bytes: 100,
        free_bytes: 100 - used,
        available_bytes: 100 - used,
        inodes: Some(10),
        inodes_free: Some(4),
        ..Disk::default()
    }
}

fn machine() -> Snapshot {
    Snapshot {
        machine: Machine {
            hostname: "web1".into(),
            kernel: "6.1".into(),
            boot_time_unix: 1_700_000_000,
            ..Machine::default()
        },
        cpu: Some(Cpu {
            usage_ratio: Some(0.25),
            per_cpu_usage_ratio: vec![0.5, 0.0],
            times: vec![
                times("0", "user", 10.0),
                times("0", "guest", 4.0),
                times("2", "user", 7.0),
            ],
            physical_cores: 1,
            details: vec![("ctxt".into(), 99.0)],
        }),
        memory: Some(Memory {
            total_bytes: 1000,
            available_bytes: 400,
            details: vec![
                ("MemTotal".into(), 1000),
                ("Active(anon)".into(), 5),
                ("HugePages_Total".into(), 2),
            ],
            ..Memory::default()
        }),
        disks: vec![disk("/", 40), disk("/data", 85)],
        networks: vec![Network {
            device: "eth0".into(),
            up: true,
            receive_bytes: 7,
            ..Network::default()
        }],
        load: Some(Load {
            one: 1.5,
            ..Load::default()
        }),
        pressure: vec![Pressure {
            kind: "io".into(),
            some_seconds: 3.0,
            full_seconds: 1.0,
        }],
        processes: Some(Processes {
            by_state: vec![("sleeping".into(), 12)],
            groups: vec![ProcessGroup {
                name: "db".into(),
                count: 3,
                cpu_seconds: 8.5,
                ..ProcessGroup::default()
            }],
        }),
        ..Snapshot::default()
    }
}

fn run(settings: serde_json::Value, snapshot: Snapshot) -> Run {
    Fake::new().with_system(snapshot).run::<System>(settings)
}

#[test]
fn a_healthy_machine_is_ok_and_says_how_it_is() {
    let run = run(json!({}), machine());
    assert_eq!(run.report().verdicts().len(), 1);
    assert_eq!(run.status(""), Status::Ok);
    assert_eq!(
        run.verdict("").summary,
        "CPUs 25 %, memory 60 %, fullest disk /data 85 %"
    );
}

#[test]
fn the_canonical_names_are_in_base_units() {
    let run = run(json!({ "processes": { "db": "postgres" } }), machine());
    assert_eq!(run.value("system_cpu_usage_ratio", &[]), Some(0.25));
    assert_eq!(run.value("system_cpu_seconds_total", &["2", "user"]), Some(7.0));
    assert_eq!(
        run.value("system_cpu_seconds_total", &["0", "guest"]),
        None,
        "it is part of user time"
    );
    assert_eq!(run.value("system_cpu_each_usage_ratio", &["0"]), Some(0.5));
    assert_eq!(
        run.value("system_cpu_each_usage_ratio", &["2"]),
        Some(0.0),
        "named as the kernel does"
    );
    assert_eq!(run.value("system_cpus", &[]), Some(2.0));
    assert_eq!(run.value("system_memory_usage_ratio", &[]), Some(0.6));
    assert_eq!(
        run.value("system_disk_usage_ratio", &["/dev/data", "/data", "ext4"]),
        Some(0.85)
    );
    assert_eq!(run.value("system_network_receive_bytes_total", &["eth0"]), Some(7.0));
    assert_eq!(run.value("system_load1", &[]), Some(1.5));
    assert_eq!(run.value("system_processes", &["sleeping"]), Some(12.0));
    assert_eq!(run.value("system_process_group_cpu_seconds_total", &["db"]), Some(8.5));
    assert_eq!(run.value("system_pressure_stalled_seconds_total", &["io"]), Some(1.0));
    assert_eq!(run.value("system_boot_time_seconds", &[]), Some(1_700_000_000.0));
    assert_eq!(run.value("system_section_read", &["cpu"]), Some(1.0));
    assert_eq!(run.value("node_load1", &[]), None, "the other names are not asked for");
}

#[test]
fn the_node_exporter_names_are_its_own() {
    let run = run(json!({ "name_sets": ["node_exporter"] }), machine());
    assert_eq!(run.value("node_cpu_seconds_total", &["0", "user"]), Some(10.0));
    assert_eq!(run.value("node_cpu_guest_seconds_total", &["0", "user"]), Some(4.0));
    assert_eq!(run.value("node_context_switches_total", &[]), Some(99.0));
    assert_eq!(run.value("node_memory_MemTotal_bytes", &[]), Some(1000.0));
    assert_eq!(run.value("node_memory_Active_anon_bytes", &[]), Some(5.0));
    assert_eq!(
        run.value("node_memory_HugePages_Total", &[]),
        Some(2.0),
        "pages are not bytes"
    );
    assert_eq!(
        run.value("node_filesystem_files_free", &["/dev/", "/", "ext4"]),
        Some(4.0)
    );
    assert_eq!(
        run.value("node_uname_info", &["", "6.1", "", "", "web1", ""]),
        Some(1.0)
    );
    assert!(run.value("node_time_seconds", &[]).is_some_and(|now| now > 1.7e9));
    assert_eq!(run.value("system_load1", &[]), None);
}

#[test]
fn the_percent_gauges_are_about_the_fullest_disk_or_the_one_named() {
    let percent = |settings| run(settings, machine()).value("system_disk_percent", &[]);
    assert_eq!(percent(json!({ "name_sets": ["percent"] })), Some(85.0));
    assert_eq!(
        percent(json!({ "name_sets": ["percent"], "disk_percent_of": "/" })),
        Some(40.0)
    );
    let run = run(json!({ "name_sets": ["percent"] }), machine());
    assert_eq!(run.value("system_cpu_percent", &[]), Some(25.0));
    assert_eq!(run.value("system_memory_percent", &[]), Some(60.0));
}

#[test]
fn the_first_run_has_no_usage_and_no_verdict_on_it() {
    let mut snapshot = machine();
    snapshot.cpu = Some(Cpu::default());
    let settings = json!({ "name_sets": ["canonical", "percent"], "thresholds": { "cpu_percent": { "warning": 0 } } });
    let run = run(settings, snapshot);
    assert_eq!(run.value("system_cpu_usage_ratio", &[]), None);
    assert_eq!(run.value("system_cpu_percent", &[]), None);
    assert_eq!(run.report().verdicts().len(), 1);
}

#[test]
fn thresholds_make_verdicts() {
    let settings = json!({ "thresholds": {
        "cpu_percent": { "warning": 90 },
        "memory_percent": { "warning": 60, "critical": 95 },
        "disk_percent": { "critical": 80 },
    }});
    let run = run(settings, machine());
    assert_eq!(run.status("cpu"), Status::Ok);
    assert_eq!(
        (run.status("memory"), run.verdict("memory").code.as_str()),
        (Status::Warning, "memory_high")
    );
    assert_eq!(run.status("disk /"), Status::Ok);
    assert_eq!(
        (run.status("disk /data"), run.verdict("disk /data").code.as_str()),
        (Status::Critical, "disk_full")
    );
    assert_eq!(run.verdict("disk /data").summary, "/data 85.0 % used, at or above 80 %");
}

#[test]
fn a_file_system_that_does_not_answer_is_a_warning_and_its_sizes_are_unknown() {
    let mut snapshot = machine();
    let problem = |mount_point: &str, why: &str| Disk {
        mount_point: mount_point.into(),
        file_system: "nfs4".into(),
        problem: Some(why.into()),
        ..Disk::default()
    };
    snapshot.disks.push(problem("/srv", "no answer within 1.0 s"));
    snapshot.disks.push(problem("/private", "permission denied"));
    snapshot
        .missing
        .push(("disks".into(), "/srv: no answer within 1.0 s".into()));
    let run = run(json!({ "name_sets": ["canonical", "node_exporter"] }), snapshot);
    assert_eq!(run.verdict("disk /srv").code, "file_system_silent");
    assert_eq!(
        run.report().verdicts().len(),
        2,
        "the host may not look at the other, and says nothing"
    );
    assert_eq!(run.value("system_disk_total_bytes", &["", "/srv", "nfs4"]), None);
    assert_eq!(run.value("system_disk_silent", &["", "/srv", "nfs4"]), Some(1.0));
    assert_eq!(
        run.value("node_filesystem_device_error", &["", "/srv", "nfs4"]),
        Some(1.0)
    );
    assert_eq!(run.value("node_filesystem_size_bytes", &["", "/srv", "nfs4"]), None);
    assert_eq!(run.value("system_section_read", &["disks"]), Some(0.0));
}

#[test]
fn what_the_system_does_not_have_is_no_reason_to_warn() {
    let mut snapshot = machine();
    snapshot
        .missing
        .push(("pressure".into(), "not offered: the kernel counts no pressure".into()));
    assert_eq!(run(json!({}), snapshot.clone()).report().verdicts().len(), 1);
    snapshot
        .missing
        .push(("temperatures".into(), "no answer within 3.0 s".into()));
    let run = run(json!({}), snapshot);
    assert_eq!(run.verdict("section temperatures").code, "section_unreadable");
}

#[test]
fn settings_that_make_no_sense_are_the_users_to_mend() {
    let failure = |settings| run(settings, machine()).failure().clone();
    let hidden = failure(json!({ "name_sets": ["percent"], "processes": { "db": "x" } }));
    assert!(hidden.message().contains("canonical"), "{hidden}");
    let refused = Fake::new().with_system_error("the expression `(` of process group `db` is not valid");
    let run = { refused }.run::<System>(json!({ "processes": { "db": "(" } }));
    assert_eq!(run.failure().kind(), FailureKind::Settings);
}

#[test]
fn groups_that_the_host_would_refuse_are_refused_by_the_schema() {
    let schema = schemars::schema_for!(crate::Settings);
    let of_groups = |name: &str| schema.pointer(&format!("/properties/processes/{name}")).cloned();
    assert_eq!(of_groups("maxProperties"), Some(json!(64)));
    assert_eq!(of_groups("additionalProperties/maxLength"), Some(json!(1_024)));
    assert_eq!(of_groups("additionalProperties/type"), Some(json!("string")));
    assert_eq!(of_groups("x-bellwether-pattern"), Some(json!("regex")));
}

#[test]
fn the_description_is_sound() {
    describe::<System>();
}

#[test]
fn the_readme_names_every_metric_of_ours() {
    let readme = include_str!("../README.md");
    let mut snapshot = machine();
    snapshot.limits = Some(Default::default());
    snapshot.temperatures.push(Temperature {
        celsius: 40.0,
        ..Temperature::default()
    });
    snapshot.disk_io.push(DiskIo {
        device: "sda".into(),
        ..DiskIo::default()
    });
    let settings = json!({ "name_sets": ["canonical", "percent"], "processes": { "db": "postgres" } });
    let run = run(settings, snapshot);
    let names = run.report().families().iter().map(|family| &family.name);
    let silent: Vec<&String> = names.filter(|name| !readme.contains(&format!("`{name}`"))).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn rules_speak_of_what_is_reported() {
    assert_rules::<System>(include_str!("../rules.yml"));
}

#[test]
fn runs_in_a_row_are_counted_for_rules() {
    let mut fake = Fake::new().with_system(machine());
    let settings = json!({ "thresholds": { "disk_percent": { "warning": 50, "critical": 80 } } });
    let runs: Vec<Run> = (0..2).map(|_| fake.run::<System>(settings.clone())).collect();
    let of = |run: &Run, target, severity| run.value("system_not_ok_runs", &[target, severity]);
    assert_eq!(of(&runs[0], "disk /data", "critical"), Some(1.0));
    assert_eq!(of(&runs[1], "disk /data", "critical"), Some(2.0));
    assert_eq!(of(&runs[1], "disk /", "warning"), Some(0.0));
}
