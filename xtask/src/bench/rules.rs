//! What one evaluation of a rule costs: four forms, 100, 1,000 and 10,000 of them, over 11,000 series; beside it the Prometheus
//! servers of this machine with the same rule files, over the same series, at the same intervals.
//!
//! All run at once and take turns: at each step each has another number of rules, so that they meet the same machine and never all
//! the greatest load together. CPU is taken in windows that hold one scrape and one tick of history each; that of the windows
//! in which a process has no rules is subtracted, and with it scraping, recording and publishing. How many evaluations there
//! were follows from the interval, less the slots that the contestant says it missed.

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::{
    Ground,
    contestant::{Contestant, RULES_FOLDER, Work, write_rules},
    exposition::{self, PARTS, SERIES},
    finding::{Budget, Finding},
    process,
    rule_files::{self, Form, GROUP},
    statistics::median,
    target::Target,
    workload::Workload,
};
use crate::{
    console::note,
    host_process::{HostProcess, Start, scratch},
    setup::{self, Need},
};

/// Rules; without any, a process costs what is subtracted.
const SIZES: [usize; 4] = [0, 100, 1_000, 10_000];

/// Of scrapes and of ticks of history, in seconds. A window is as long, and holds one of each whenever it begins.
const INTERVAL: u64 = 4;

/// Windows of a step.
const ROUNDS: usize = 3;

/// Microseconds of CPU for an evaluation.
const BUDGET: f64 = 40.0;

/// Part of the evaluations that must have been counted, at least: what the host says of itself may be some seconds old.
const COUNTED_MIN: f64 = 0.5;

/// A cold start compiles the plugin.
const PATIENCE: Duration = Duration::from_secs(60);

/// CPU seconds in a second, of the windows of one step.
type Shares = Vec<f64>;

/// What one contestant did in one step.
struct Step {
    contestant: usize,
    form: Form,
    size: usize,
    shares: Shares,
    /// Of a second.
    evaluations: f64,
}

pub(super) fn measure(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    let target = moving_target()?;
    let contestants = contestants(ground, &target)?;
    let mut steps = Vec::new();
    for form in Form::ALL {
        for turn in 0..SIZES.len() {
            let sizes: Vec<usize> = (0..contestants.len())
                .map(|at| SIZES[(turn + at) % SIZES.len()])
                .collect();
            steps.extend(step(&contestants, form, &sizes)?);
        }
    }
    findings(&contestants, &steps)
}

/// Shows the exposition as it is so many seconds after the start; counters begin well above zero.
pub(super) fn moving_target() -> Result<Target> {
    let began = Instant::now();
    Target::showing(move |path| {
        let part = path.trim_start_matches('/').parse().unwrap_or(0);
        exposition::page(part, 1_000 + began.elapsed().as_secs())
    })
}

/// The host first, then whoever is there beside it.
fn contestants(ground: &Ground<'_>, target: &Target) -> Result<Vec<Contestant>> {
    let folder = scratch(ground.workspace.target(), "bench-rules")?;
    write_rules(&folder, &rule_files::text(Form::Threshold, 0, INTERVAL))?;
    let rules = format!(
        "[history]\ninterval = \"{INTERVAL}s\"\n\n[alerting]\nrule_files = [\"{RULES_FOLDER}/*.yml\"]\nevaluation_interval = \"{INTERVAL}s\"\n"
    );
    let workload = scraping(ground, target, INTERVAL).tables(&rules);
    let config = folder.join("bellwether.toml");
    std::fs::write(&config, workload.text())?;
    let start = Start {
        binary: ground.binary.clone(),
        config,
        state: folder.join("state"),
    };
    let host = start.start()?;
    await_exposition(&host)?;
    let mut contestants = vec![Contestant::host(host, &folder)];
    for (name, program) in peers(ground) {
        let folder = scratch(ground.workspace.target(), &format!("bench-rules-{}", contestants.len()))?;
        write_rules(&folder, &rule_files::text(Form::Threshold, 0, INTERVAL))?;
        contestants.push(Contestant::prometheus(name, &program, &folder, target, INTERVAL)?);
    }
    // A server that is not ready yet may not know the signal that comes with the next rules.
    for contestant in &contestants {
        contestant.await_rules(&rule_files::mark(Form::Threshold, 0), rule_files::rules(0))?;
    }
    Ok(contestants)
}

/// Debian's Prometheus, added when it is not there, and the third version where it is.
fn peers(ground: &Ground<'_>) -> Vec<(&'static str, PathBuf)> {
    let mut peers = Vec::new();
    match setup::ensured(ground.workspace, Need::Prometheus, "prometheus") {
        Ok(program) => peers.push(("Prometheus", program)),
        Err(error) => note(&format!("measured without Debian's Prometheus: {error:#}")),
    }
    peers.extend(setup::prometheus_3(ground.workspace).map(|program| ("Prometheus 3", program)));
    peers
}

/// A check for each page of the exposition, every `interval` seconds.
pub(super) fn scraping(ground: &Ground<'_>, target: &Target, interval: u64) -> Workload {
    (0..PARTS).fold(Workload::new(&ground.cache()), |workload, part| {
        let rest = format!(
            "interval = \"{interval}s\"\nsettings.url = \"http://{}/{part}\"\n",
            target.address()
        );
        workload.checks(&format!("part-{part}"), 1, "prometheus", &rest)
    })
}

/// Waits until every series is there.
pub(super) fn await_exposition(host: &HostProcess) -> Result<()> {
    let complete = |text: &str| text.lines().filter(|line| line.starts_with("bench_")).count() >= SERIES;
    host.scrape_until(PATIENCE, complete).map(drop)
}

/// Few rules are evaluated each second; ten thousand take a server a good part of one.
fn interval(size: usize) -> u64 {
    if size == 100 || size == 1_000 { 1 } else { INTERVAL }
}

/// Gives each contestant its number of rules, waits until they are in force, and measures.
fn step(contestants: &[Contestant], form: Form, sizes: &[usize]) -> Result<Vec<Step>> {
    for (contestant, size) in contestants.iter().zip(sizes) {
        contestant.give(&rule_files::text(form, *size, interval(*size)))?;
    }
    for (contestant, size) in contestants.iter().zip(sizes) {
        contestant.await_rules(&rule_files::mark(form, *size), rule_files::rules(*size))?;
        // Of services with the fewest series and with the most.
        for number in [0, 20] {
            contestant.await_elements(&form.operand(number), form.elements(number))?;
        }
    }
    let work = || -> Result<Vec<Work>> {
        let each = contestants.iter().zip(sizes);
        each.map(|(contestant, size)| contestant.work(&rule_files::mark(form, *size)))
            .collect()
    };
    let (before, began) = (work()?, Instant::now());
    let shares = windows(contestants)?;
    let (after, span) = (work()?, began.elapsed().as_secs_f64());
    let mut steps = Vec::new();
    for (at, shares) in shares.into_iter().enumerate() {
        let (contestant, size) = (&contestants[at], sizes[at]);
        steps.push(Step {
            contestant: at,
            form,
            size,
            shares,
            evaluations: evaluations(contestant.name, size, &before[at], &after[at], span)?,
        });
    }
    Ok(steps)
}

/// CPU of each contestant in windows of one interval.
fn windows(contestants: &[Contestant]) -> Result<Vec<Shares>> {
    let cpu = || -> Result<Vec<(Duration, Instant)>> {
        let each = contestants.iter();
        each.map(|contestant| Ok((process::cpu(contestant.pid())?, Instant::now())))
            .collect()
    };
    let mut shares = vec![Shares::new(); contestants.len()];
    for _ in 0..ROUNDS {
        let before = cpu()?;
        thread::sleep(Duration::from_secs(INTERVAL));
        for ((shares, before), after) in shares.iter_mut().zip(before).zip(cpu()?) {
            let spent = after.0.saturating_sub(before.0);
            shares.push(spent.as_secs_f64() / (after.1 - before.1).as_secs_f64());
        }
    }
    Ok(shares)
}

/// Evaluations of a second. Those that are counted are told too coarsely; they show that nothing is amiss.
fn evaluations(name: &str, size: usize, before: &Work, after: &Work, span: f64) -> Result<f64> {
    let scheduled = size as f64 * span / interval(size) as f64;
    let missed = (after.missed - before.missed) * GROUP as f64;
    let (made, failed) = (after.evaluations - before.evaluations, after.failures - before.failures);
    ensure!(failed < 1.0, "{name}: {failed} evaluations failed");
    ensure!(
        missed < scheduled * (1.0 - COUNTED_MIN) || size == 0,
        "{name} is too slow for {size} rules every {} s here: it missed {missed} of {scheduled:.0} evaluations",
        interval(size)
    );
    let expected = scheduled - missed;
    ensure!(
        made >= expected * COUNTED_MIN,
        "{name} made {made} evaluations where {expected:.0} of {size} rules were due"
    );
    Ok(expected / span)
}

fn findings(contestants: &[Contestant], steps: &[Step]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for form in Form::ALL {
        for size in SIZES.into_iter().filter(|size| *size > 0) {
            for (at, contestant) in contestants.iter().enumerate() {
                let with = own(steps, at).find(|step| step.form == form && step.size == size);
                let Some(with) = with else { continue };
                let budget = if contestant.is_ours {
                    Budget::AtMost(BUDGET)
                } else {
                    Budget::None
                };
                findings.push(Finding::new(
                    format!("a rule of {size}, {form}: {}, CPU", contestant.name),
                    cost(&with.shares, &idle(steps, at), with.evaluations),
                    "µs",
                    budget,
                ));
            }
        }
    }
    for (at, contestant) in contestants.iter().enumerate() {
        let memory = process::resident(contestant.pid())? as f64 / f64::from(1 << 20);
        let share = 100.0 * median(&idle(steps, at));
        let what = format!("{SERIES} series every {INTERVAL} s: {}", contestant.name);
        findings.push(Finding::new(
            format!("{what}, CPU, of a core"),
            share,
            "%",
            Budget::None,
        ));
        findings.push(Finding::new(format!("{what}, resident"), memory, "MiB", Budget::None));
    }
    Ok(findings)
}

/// Windows without rules.
fn idle(steps: &[Step], contestant: usize) -> Shares {
    let without = own(steps, contestant).filter(|step| step.size == 0);
    without.flat_map(|step| step.shares.iter().copied()).collect()
}

fn own(steps: &[Step], contestant: usize) -> impl Iterator<Item = &Step> {
    steps.iter().filter(move |step| step.contestant == contestant)
}

/// Microseconds of an evaluation.
fn cost(with: &[f64], without: &[f64], evaluations: f64) -> f64 {
    (median(with) - median(without)) * 1e6 / evaluations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_costs_without_rules_is_not_theirs() {
        // A hundredth of a core more, for a thousand evaluations a second.
        let cost = cost(&[0.031, 0.03, 0.9], &[0.02, 0.021, 0.021], 1_000.0);
        assert!((cost - 10.0).abs() < 1e-6, "{cost}");
    }

    #[test]
    fn slots_that_were_missed_are_not_paid_for_and_silence_is_an_error() {
        let before = Work::default();
        let mut after = Work {
            rules: 1_000.0,
            evaluations: 11_000.0,
            failures: 0.0,
            missed: 20.0,
        };
        let a_second = evaluations("it", 1_000, &before, &after, 12.0).unwrap();
        assert!((a_second - 11_000.0 / 12.0).abs() < 1e-6, "{a_second}");
        after.evaluations = 2_000.0;
        assert!(evaluations("it", 1_000, &before, &after, 12.0).is_err());
        after.missed = 200.0;
        let error = evaluations("it", 1_000, &before, &after, 12.0).unwrap_err().to_string();
        assert!(error.contains("too slow"), "{error}");
        let failed = Work {
            failures: 1.0,
            evaluations: 12_000.0,
            ..before
        };
        assert!(evaluations("it", 1_000, &before, &failed, 12.0).is_err());
    }
}
