//! What the same costs elsewhere: starting a program, as agents that run checks as child processes do.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::{
    process::{Pid, WaitId, WaitIdOptions, waitid},
    time::{ClockId, clock_gettime},
};

use super::process;
use crate::program;

/// A program that does nothing, to be started again and again.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// For the table.
    pub(super) name: &'static str,
    program: String,
    arguments: &'static [&'static str],
}

/// The least a child process can cost.
pub(super) fn nothing() -> Peer {
    Peer {
        name: "fork+exec of /bin/true",
        program: "/bin/true".into(),
        arguments: &[],
    }
}

/// The least a check in Python can cost as a child process. `python3` on the path may be a script that looks for the right
/// interpreter, which costs more than the interpreter: the one that it finds is started itself.
pub(super) fn python() -> Result<Peer> {
    let program = program::output(Command::new("python3").args(["-c", "import sys; print(sys.executable)"]))?;
    Ok(Peer {
        name: "fork+exec of python3 -c pass",
        program: program.trim().to_owned(),
        arguments: &["-c", "pass"],
    })
}

impl Peer {
    /// CPU time of one start, run and end, ours for starting it included.
    pub(super) fn cost(&self) -> Result<Duration> {
        let before = own_cpu();
        let mut command = Command::new(&self.program);
        command.args(self.arguments).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", self.program))?;
        let pid = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("a child without a process id")?;
        // Its account is readable between its end and our wait.
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
        let theirs = process::cpu_of_ended(child.id())?;
        child.wait()?;
        Ok(theirs + own_cpu().saturating_sub(before))
    }
}

fn own_cpu() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(spent.tv_sec).unwrap_or(0),
        u32::try_from(spent.tv_nsec).unwrap_or(0),
    )
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn starting_a_program_costs_between_a_microsecond_and_a_second() {
        let cost = nothing().cost().unwrap();
        assert!(
            cost > Duration::from_micros(1) && cost < Duration::from_secs(1),
            "{cost:?}"
        );
    }
}
