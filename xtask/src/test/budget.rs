//! A command with a time budget. What exceeds it is ended together with everything it started.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    console::{note, span},
    program::shown,
};

/// How often the child is looked at. A suite takes seconds at least.
const POLL: Duration = Duration::from_millis(50);

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Well,
    Badly,
    OverBudget,
}

/// Runs with our own standard streams, at most as long as `budget`.
pub(super) fn run(command: &mut Command, budget: Duration) -> Result<Ended> {
    let started = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start `{}`", shown(command)))?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(if status.success() { Ended::Well } else { Ended::Badly });
        }
        if started.elapsed() > budget {
            note(&format!("still running after {}: ending it", span(budget)));
            end_descendants(child.id());
            // It may have ended by itself in between.
            let _ = child.kill();
            child.wait()?;
            return Ok(Ended::OverBudget);
        }
        thread::sleep(POLL);
    }
}

/// Kills what `ancestor` started, leaves last, where the kernel tells who that is. Test runners put tests into process
/// groups of their own, so killing a group would miss them.
fn end_descendants(ancestor: u32) {
    let processes = parents();
    let mut family = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(processes.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    for pid in family.into_iter().skip(1) {
        let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // Gone already is as good.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Every process with its parent, from `/proc`; none where there is no such thing.
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| parent(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

fn parent(pid: u32) -> Option<(u32, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in parentheses and may contain anything; state and parent follow the last one.
    let of = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
    Some((pid, of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_that_of_the_command() {
        assert_eq!(
            run(&mut Command::new("true"), Duration::from_secs(10)).unwrap(),
            Ended::Well
        );
        assert_eq!(
            run(&mut Command::new("false"), Duration::from_secs(10)).unwrap(),
            Ended::Badly
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_exceeds_its_budget_is_ended_with_its_children() {
        // The child writes its grandchild's pid, so that the test can look for it afterwards.
        let file = std::env::temp_dir().join(format!("xtask-budget-{}", std::process::id()));
        let script = format!("sleep 600 & echo $! > {}; wait", file.display());
        let ended = run(Command::new("sh").args(["-c", &script]), Duration::from_millis(500)).unwrap();
        assert_eq!(ended, Ended::OverBudget);
        let grandchild: u32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        std::fs::remove_file(file).unwrap();
        let gone = (0..100).any(|_| {
            thread::sleep(POLL);
            let stat = std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        });
        assert!(gone, "process {grandchild} outlived its suite");
    }
}
