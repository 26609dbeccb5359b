//! The real binary as people meet it: files, sockets, signals, exit codes, and what it prints. A module per subject in
//! one test binary, because each test binary links the whole engine.
//!
//! Budget: 10 min

#![expect(
    clippy::disallowed_methods,
    reason = "tests watch the host from outside: they read the clock, wait for a process and read its output on a thread"
)]

mod access;
mod connections;
mod grafana;
#[path = "../support/guests.rs"]
#[expect(dead_code, reason = "shared with the tests of the sandbox, which use all of it")]
mod guests;
#[path = "../support/host.rs"]
mod host;
mod hostile;
mod log;
mod process;
mod queries;
mod receivers;
mod reload;
mod routes;
mod rules;
mod samples;
mod secrets;
mod validate;
mod verbs;

/// History and rules as quick as they go, and a check that is critical whatever the machine does.
const CRITICAL: &str = r#"
[history]
interval = "1s"

[alerting]
evaluation_interval = "1s"

[check.machine]
plugin = "system"
allow = ["system"]
interval = "300d"

[check.machine.settings.thresholds]
memory_percent = { critical = 0 }
"#;

/// The quoted path of a Rust guest, for `plugin = …`.
fn guest(name: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    format!("{:?}", runtime.block_on(guests::rust(name)).display().to_string())
}

/// A check that does as its settings say, once right after start and then not while anybody watches; `more` are further
/// lines of its table.
fn obedient(name: &str, settings: &str, more: &str) -> String {
    let plugin = guest("obedient");
    format!("[check.{name}]\nplugin = {plugin}\ninterval = \"300d\"\n{more}\n[check.{name}.settings]\n{settings}\n\n")
}

/// This machine, once right after start and then not while anybody watches.
const MACHINE: &str = "[check.machine]\nplugin = \"system\"\nallow = [\"system\"]\ninterval = \"300d\"\n\n";
