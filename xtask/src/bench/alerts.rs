//! What an alert of others costs, in → committed → routed: 1,000, 10,000 and 50,000 of them in a tenth as many groups, posted in
//! batches of 64 over one connection, with 100 inhibition rules that mute nine alerts of a hundred. Beside the host, Debian's
//! Alertmanager with the same `alertmanager.yml`, which commits nothing. And how often the host syncs for a lone alert.
//!
//! The two take turns, each started anew with nothing in memory, and the first of a round is the other one each time. Groups wait so
//! long that all alerts are in before anybody is notified, so that taking in and notifying are measured apart. What a process costs
//! while nothing happens is subtracted. Each must notify of exactly the alerts that are not muted, or there is no measurement.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{
    Ground,
    alert_load::{self, Place},
    dispatcher::{self, Dispatcher, Kind},
    finding::{Budget, Finding},
    hook::{Heard, Hook},
    process,
    statistics::median,
};
use crate::{
    console::note,
    host_process::scratch,
    program,
    setup::{self, Need},
};

/// Active alerts.
const SIZES: [usize; 3] = [1_000, 10_000, 50_000];

/// Of each size.
const ROUNDS: usize = 3;

/// Microseconds of CPU for an alert, in → committed → routed.
const BUDGET: f64 = 40.0;

/// Syncs for a lone alert, from its post to what is kept of its delivery.
const SYNCS: f64 = 3.0;

/// Lone alerts whose syncs are counted.
const LONE: usize = 9;

/// Nothing happens any more by then: what is due after the last answer was done.
const SETTLE: Duration = Duration::from_secs(1);

/// How long a process is watched while nothing happens.
const IDLE: Duration = Duration::from_secs(3);

/// A group waits so long, and so much longer for each alert: 50,000 are in within 35 s even where a sync takes long.
const WAIT: Duration = Duration::from_secs(5);
const WAIT_EACH: Duration = Duration::from_micros(600);

/// A cold start compiles the receiver's plugin; 5,000 notifications take a while.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn measure(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    let hook = Hook::open()?;
    let kinds = kinds(ground);
    let mut findings = Vec::new();
    for size in SIZES {
        let load = Load::new(size);
        let mut trials = vec![Vec::new(); kinds.len()];
        for round in 0..ROUNDS {
            for turn in 0..kinds.len() {
                let at = (round + turn) % kinds.len();
                let trial = trial(ground, &kinds[at], &load, &hook);
                trials[at].push(trial.with_context(|| format!("{} with {size} alerts", kinds[at].name()))?);
            }
        }
        for (kind, trials) in kinds.iter().zip(&trials) {
            findings.extend(said(kind, &load, trials));
        }
    }
    findings.extend(lone(ground, &hook)?);
    Ok(findings)
}

fn kinds(ground: &Ground<'_>) -> Vec<Kind> {
    let mut kinds = vec![Kind::Host];
    match setup::ensured(ground.workspace, Need::Alertmanager, "prometheus-alertmanager") {
        Ok(program) => kinds.push(Kind::Alertmanager(program)),
        Err(error) => note(&format!("measured without Debian's Alertmanager: {error:#}")),
    }
    kinds
}

/// What is posted, and what is to be heard of it.
struct Load {
    size: usize,
    batches: Vec<String>,
    wait: Duration,
    expected: Heard,
}

impl Load {
    fn new(size: usize) -> Self {
        Self {
            size,
            batches: alert_load::batches(size),
            wait: WAIT + WAIT_EACH * u32::try_from(size).unwrap_or(u32::MAX),
            expected: Heard {
                notifications: alert_load::groups(size),
                alerts: size - alert_load::muted(size),
            },
        }
    }
}

/// What one process did with one load.
#[derive(Clone, Copy, Debug)]
struct Trial {
    /// CPU microseconds of an alert until it is routed.
    taken: f64,
    /// Alerts of a second, until the last answer.
    rate: f64,
    /// CPU microseconds of a notification.
    told: f64,
    /// Megabytes when all is done.
    resident: f64,
}

/// CPU of a process while nothing happens, which is subtracted.
struct Meter {
    pid: u32,
    idle: f64,
}

/// CPU so far, and when.
type Reading = (Duration, Instant);

impl Meter {
    fn of(pid: u32) -> Result<Self> {
        let before = read(pid)?;
        thread::sleep(IDLE);
        let idle = cost(before, read(pid)?, 0.0) / before.1.elapsed().as_secs_f64();
        Ok(Self { pid, idle })
    }

    fn read(&self) -> Result<Reading> {
        read(self.pid)
    }

    /// Microseconds between two readings.
    fn cost(&self, before: Reading, after: Reading) -> f64 {
        cost(before, after, self.idle)
    }
}

fn read(pid: u32) -> Result<Reading> {
    Ok((process::cpu(pid)?, Instant::now()))
}

/// Microseconds between two readings, less those that a second costs anyway.
fn cost(before: Reading, after: Reading, idle: f64) -> f64 {
    let spent = after.0.saturating_sub(before.0).as_secs_f64() * 1e6;
    spent - idle * (after.1 - before.1).as_secs_f64()
}

fn trial(ground: &Ground<'_>, kind: &Kind, load: &Load, hook: &Hook) -> Result<Trial> {
    let text = alert_load::configuration(hook.address(), load.wait);
    let dispatcher = kind.start(ground, &text)?;
    warm_up(&dispatcher, hook)?;
    let meter = Meter::of(dispatcher.pid())?;
    let (mut client, heard) = (dispatcher.client()?, hook.heard(Place::Many));
    let before = meter.read()?;
    for batch in &load.batches {
        dispatcher::post(&mut client, batch)?;
    }
    let took = before.1.elapsed();
    thread::sleep(SETTLE);
    let routed = meter.read()?;
    ensure_untold(load, hook, heard, took)?;
    // Just before the first group is due; what happens until then is nobody's notification.
    thread::sleep((load.wait - SETTLE).saturating_sub(before.1.elapsed()));
    let waited = meter.read()?;
    hook.await_more(Place::Many, heard, load.expected, PATIENCE)?;
    thread::sleep(SETTLE);
    let told = meter.read()?;
    let all = hook.heard(Place::Many).since(heard);
    ensure!(all == load.expected, "{all:?} came, where {:?} were due", load.expected);
    Ok(Trial {
        taken: meter.cost(before, routed) / load.size as f64,
        rate: load.size as f64 / took.as_secs_f64(),
        told: meter.cost(waited, told) / load.expected.notifications as f64,
        resident: process::resident(dispatcher.pid())? as f64 / f64::from(1 << 20),
    })
}

/// One alert goes all the way, so that everything is loaded.
fn warm_up(dispatcher: &Dispatcher, hook: &Hook) -> Result<()> {
    tell_one(&mut dispatcher.client()?, hook, 0)?;
    thread::sleep(SETTLE);
    Ok(())
}

fn tell_one(client: &mut crate::http::Client, hook: &Hook, number: usize) -> Result<()> {
    let before = hook.heard(Place::Lone);
    dispatcher::post(client, &alert_load::lone(number))?;
    let one = Heard {
        notifications: 1,
        alerts: 1,
    };
    hook.await_more(Place::Lone, before, one, PATIENCE)
}

fn ensure_untold(load: &Load, hook: &Hook, before: Heard, took: Duration) -> Result<()> {
    let told = hook.heard(Place::Many).since(before).notifications;
    if told > 0 || took + SETTLE > load.wait {
        bail!(
            "posting took {:.1} s, and groups wait only {:.1} s: {told} notifications came meanwhile, so that what is measured is no \
             longer what it costs to take alerts in",
            took.as_secs_f64(),
            load.wait.as_secs_f64()
        );
    }
    Ok(())
}

fn said(kind: &Kind, load: &Load, trials: &[Trial]) -> [Finding; 4] {
    let what = format!("{} alerts: {}", load.size, kind.name());
    let of = |value: fn(&Trial) -> f64| median(&trials.iter().map(value).collect::<Vec<_>>());
    let budget = match kind {
        Kind::Host => Budget::AtMost(BUDGET),
        Kind::Alertmanager(_) => Budget::None,
    };
    let compared = |what: String, measured, unit| Finding::new(what, measured, unit, Budget::None);
    [
        Finding::new(
            format!("{what}, CPU of one, to routed"),
            of(|trial| trial.taken),
            "µs",
            budget,
        ),
        compared(format!("{what}, taken a second"), of(|trial| trial.rate), "1/s"),
        compared(
            format!("{what}, CPU of a notification of {}", alert_load::GROUP),
            of(|trial| trial.told),
            "µs",
        ),
        compared(format!("{what}, resident"), of(|trial| trial.resident), "MiB"),
    ]
}

/// Syncs of the host from the post of an alert that nobody waits with until its delivery is kept.
fn lone(ground: &Ground<'_>, hook: &Hook) -> Result<Option<Finding>> {
    let Some(strace) = program::find("strace", &[]) else {
        note("syncs of a lone alert are not counted: that needs strace");
        return Ok(None);
    };
    let folder = scratch(ground.workspace.target(), "bench-alerts-traced")?;
    let trace = folder.join("syncs");
    let traced = traced(&folder, &strace, &ground.binary, &trace)?;
    let text = alert_load::configuration(hook.address(), WAIT);
    let host = dispatcher::host(ground, "bench-alerts-lone", &text, traced)?;
    let mut client = host.client()?;
    tell_one(&mut client, hook, 0)?;
    thread::sleep(SETTLE);
    let mut counts = Vec::new();
    for number in 1..=LONE {
        let before = syncs(&trace)?;
        tell_one(&mut client, hook, number)?;
        thread::sleep(SETTLE);
        counts.push((syncs(&trace)? - before) as f64);
    }
    ensure!(median(&counts) > 0.0, "no sync was seen: {counts:?}");
    Ok(Some(Finding::new(
        "a lone alert, posted to delivered: the host, syncs",
        median(&counts),
        "",
        Budget::AtMost(SYNCS),
    )))
}

/// A program that is the host, and watched: it keeps its process id, and who watches it leaves with it.
fn traced(folder: &Path, strace: &Path, binary: &Path, trace: &Path) -> Result<PathBuf> {
    let program = folder.join("traced");
    let text = format!(
        "#!/bin/sh\nexec '{}' -D -f -qq -e trace=fsync,fdatasync -o '{}' '{}' \"$@\"\n",
        strace.display(),
        trace.display(),
        binary.display()
    );
    fs::write(&program, text)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

fn syncs(trace: &Path) -> Result<usize> {
    Ok(count_syncs(&fs::read_to_string(trace).context("strace wrote nothing")?))
}

/// A call that others interrupt is written twice, and opens its parenthesis once.
fn count_syncs(trace: &str) -> usize {
    let is_sync = |line: &&str| line.contains(" fsync(") || line.contains(" fdatasync(");
    trace.lines().filter(is_sync).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_that_was_interrupted_is_one() {
        let trace = "11 fdatasync(9 <unfinished ...>\n12 fsync(7)      = 0\n11 <... fdatasync resumed>) = 0\n12 +++ exited with 0 +++\n";
        assert_eq!(count_syncs(trace), 2);
    }

    #[test]
    fn what_a_second_costs_anyway_is_not_the_alerts() {
        let began = Instant::now();
        let before = (Duration::from_millis(100), began);
        let after = (Duration::from_millis(180), began + Duration::from_secs(2));
        let cost = cost(before, after, 10_000.0);
        assert!((cost - 60_000.0).abs() < 1e-3, "{cost}");
    }

    #[test]
    fn of_a_hundred_alerts_nine_are_muted_and_every_group_is_told() {
        let expected = Heard {
            notifications: 1_000,
            alerts: 9_100,
        };
        let load = Load::new(10_000);
        assert_eq!((load.expected, load.wait), (expected, Duration::from_secs(11)));
    }
}
