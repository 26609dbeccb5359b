//! Many checks every ten seconds, at three sizes: CPU, memory, and how late ticks are.
//!
//! Lateness is judged from outside: a check's runs start one interval apart, so how much later than its own earliest
//! phase a run started is how late it was.

use std::{
    collections::HashMap,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{
    Ground,
    finding::{Budget, Finding},
    process,
    statistics::percentile,
    workload::Workload,
};
use crate::{guests, host_process::HostProcess};

const SIZES: [usize; 3] = [1_000, 3_000, 10_000];
const INTERVAL: Duration = Duration::from_secs(10);
/// Intervals watched, after one for settling.
const INTERVALS: u32 = 4;
const STARTED: &str = "bellwether_check_last_run_timestamp_seconds{check=\"";

pub(super) fn measure(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for size in SIZES {
        findings.extend(measure_size(ground, size)?);
    }
    Ok(findings)
}

fn measure_size(ground: &Ground<'_>, size: usize) -> Result<Vec<Finding>> {
    let component = guests::bench_component(ground.workspace);
    let workload = Workload::new(&ground.cache());
    let workload = workload.checks("many", size, &component.to_string_lossy(), "interval = \"10s\"");
    let host = ground.host(&format!("many-{size}"), workload.text())?;
    // The first interval holds the run at once and the spreading.
    thread::sleep(INTERVAL * 2);
    let mut phases: HashMap<String, Vec<f64>> = HashMap::new();
    let (cpu_before, started) = (process::cpu(host.pid())?, Instant::now());
    for _ in 0..INTERVALS {
        thread::sleep(INTERVAL);
        collect(&host, &mut phases)?;
    }
    let cpu = process::cpu(host.pid())?.saturating_sub(cpu_before);
    let share = 100.0 * cpu.as_secs_f64() / started.elapsed().as_secs_f64();
    let memory = process::resident(host.pid())? as f64 / f64::from(1 << 20);
    let late: Vec<f64> = phases
        .values()
        .flat_map(|starts| lateness(starts, INTERVAL.as_secs_f64()))
        .collect();
    // Promised for the largest size; the others show how it grows.
    let budget = |limit| {
        if size == 10_000 {
            Budget::AtMost(limit)
        } else {
            Budget::None
        }
    };
    Ok(vec![
        Finding::new(
            format!("{size} checks every 10 s: CPU, of one core"),
            share,
            "%",
            budget(15.0),
        ),
        Finding::new(
            format!("{size} checks every 10 s: resident"),
            memory,
            "MiB",
            budget(300.0),
        ),
        Finding::new(
            format!("{size} checks: tick lateness p99"),
            percentile(&late, 0.99) * 1e3,
            "ms",
            budget(50.0),
        ),
    ])
}

/// When each check's last run started.
fn collect(host: &HostProcess, phases: &mut HashMap<String, Vec<f64>>) -> Result<()> {
    let answer = host.client()?.get("/metrics", &[])?;
    for line in answer.text()?.lines() {
        if let Some(rest) = line.strip_prefix(STARTED)
            && let Some((check, value)) = rest.split_once("\"} ")
            && let Ok(at) = value.parse()
        {
            phases.entry(check.to_owned()).or_default().push(at);
        }
    }
    Ok(())
}

/// How late each start was, against the earliest phase of all of them. The distance to the first start, less whole
/// intervals, so that a phase near zero does not wrap around.
fn lateness(starts: &[f64], interval: f64) -> Vec<f64> {
    let Some(first) = starts.first() else { return Vec::new() };
    let phase = |at: &f64| (at - first) - ((at - first) / interval).round() * interval;
    let phases: Vec<f64> = starts.iter().map(phase).collect();
    let earliest = phases.iter().copied().fold(f64::INFINITY, f64::min);
    phases.iter().map(|phase| phase - earliest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_start_is_told_from_the_others_even_when_it_comes_first() {
        let close = |a: Vec<f64>, b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close(lateness(&[100.0, 110.2, 120.0], 10.0), [0.0, 0.2, 0.0]));
        assert!(close(lateness(&[100.3, 110.0, 120.0], 10.0), [0.3, 0.0, 0.0]));
    }
}
