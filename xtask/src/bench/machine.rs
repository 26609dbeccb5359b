//! On what it was measured: a number without this is worth nothing.

use std::{fs, process::Command};

use anyhow::Result;

use crate::{
    program,
    workspace::{VERSION, Workspace},
};

/// Two lines: the machine, and what was built.
pub(super) fn describe(workspace: &Workspace) -> Result<String> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = first_value("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".into());
    let memory = first_value("/proc/meminfo", "MemTotal").unwrap_or_else(|| "unknown".into());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let compiler = program::output(Command::new("rustc").arg("--version"))?;
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty"])
        .current_dir(workspace.root());
    let commit = program::output(&mut git).unwrap_or_else(|_| "unknown".into());
    Ok(format!(
        "{cpu}, {cores} core(s), memory {memory}, Linux {}, load before {}\nbellwether {VERSION} at {}, {}, release profile",
        kernel.trim(),
        load.split(' ').next().unwrap_or("unknown"),
        commit.trim(),
        compiler.trim(),
    ))
}

fn first_value(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let (_, value) = text.lines().find(|line| line.starts_with(key))?.split_once(':')?;
    Some(value.trim().to_owned())
}
