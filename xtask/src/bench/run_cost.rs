//! One sandboxed run, from tick to board: the CPU time of a whole host divided by the runs it made, beside what starting
//! a process for the same would cost. Three rounds, interleaved with the peer; medians.

use std::{path::Path, thread, time::Duration};

use anyhow::Result;

use super::{
    Ground,
    finding::{Budget, Finding},
    peers::{self, Peer},
    process,
    statistics::median,
    workload::Workload,
};
use crate::{
    guests,
    host_process::{HostProcess, sum_of},
};

const ROUNDS: usize = 3;
/// Of the host's rounds: ten slots of each check, so that what happens once in a while is in it.
const ROUND: Duration = Duration::from_secs(10);
/// Starts of the peer in a round.
const PEER_STARTS: usize = 100;
/// Every run has been compiled, linked and spread over its interval by then.
const SETTLE: Duration = Duration::from_secs(5);

/// A language and what is promised for it.
struct Case {
    language: &'static str,
    checks: usize,
    budget: Budget,
    peer: Peer,
    times_cheaper: f64,
}

pub(super) fn measure(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    let rust = Case {
        language: "Rust",
        checks: 1_000,
        budget: Budget::AtMost(60.0),
        peer: peers::nothing(),
        times_cheaper: 15.0,
    };
    let mut findings = measure_one(ground, &rust, &guests::bench_component(ground.workspace))?;
    let python = Case {
        language: "Python",
        checks: 100,
        budget: Budget::None,
        peer: peers::python()?,
        times_cheaper: 30.0,
    };
    findings.extend(measure_one(
        ground,
        &python,
        &guests::foreign_component(ground.workspace, "python"),
    )?);
    Ok(findings)
}

fn measure_one(ground: &Ground<'_>, case: &Case, component: &Path) -> Result<Vec<Finding>> {
    let plugin = component.to_string_lossy();
    let workload = Workload::new(&ground.cache()).checks("run", case.checks, &plugin, "interval = \"1s\"");
    let host = ground.host(&format!("run-{}", case.language), workload.text())?;
    thread::sleep(SETTLE);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(cost_per_run(&host)?);
        for _ in 0..PEER_STARTS {
            theirs.push(case.peer.cost()?.as_secs_f64() * 1e6);
        }
    }
    let (run, peer) = (median(&ours), median(&theirs));
    Ok(vec![
        Finding::new(
            format!("one sandboxed run, {}, tick to board, CPU", case.language),
            run,
            "µs",
            case.budget,
        ),
        Finding::new(case.peer.name, peer, "µs", Budget::None),
        Finding::new(
            format!("{}: times cheaper", case.language),
            peer / run,
            "×",
            Budget::AtLeast(case.times_cheaper),
        ),
    ])
}

/// Microseconds of CPU time per run over one round.
fn cost_per_run(host: &HostProcess) -> Result<f64> {
    let runs_before = runs(host)?;
    let cpu_before = process::cpu(host.pid())?;
    thread::sleep(ROUND);
    let cpu = process::cpu(host.pid())?.saturating_sub(cpu_before);
    let made = runs(host)? - runs_before;
    anyhow::ensure!(made > 0.0, "the host made no run in {} s", ROUND.as_secs());
    Ok(cpu.as_secs_f64() * 1e6 / made)
}

fn runs(host: &HostProcess) -> Result<f64> {
    let answer = host.client()?.get("/metrics", &[])?;
    Ok(sum_of(answer.text()?, "bellwether_check_runs_total"))
}
