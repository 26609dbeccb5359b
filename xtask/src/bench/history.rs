//! What history costs: bytes of a sample by its shape, the memory of a host that keeps 11,000 series, and how much longer a start
//! takes that goes on from a checkpoint.
//!
//! Six hours of samples cannot pass while somebody waits: bytes by shape are those that the host's own test measures over six
//! simulated hours, labels and all, the same in every build. The rest is seen on a live host that records every second.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};

use super::{
    Ground,
    contestant::elements_of,
    exposition::SERIES,
    finding::{Budget, Finding},
    process,
    rules::{await_exposition, moving_target, scraping},
    statistics::median,
    target::Target,
};
use crate::{
    host_process::{HostProcess, Start, scratch, sum_of},
    program,
};

/// Prints a line for each shape: its name, a colon, a number, and what follows.
const TEST: &str = "history::tests::six_hours_of_a_sample_take_no_more_bytes_than_is_said";
const AFTER_NUMBER: &str = " bytes a sample";
const ARGUMENTS: [&str; 3] = ["--exact", TEST, "--nocapture"];

/// Programs of older builds stay beside the newest; it is among so many.
const PROGRAMS_MAX: usize = 20;

/// What is promised of a shape. A ratio with a full mantissa has some fifty random bits: nothing is promised of it.
fn budget(shape: &str) -> Budget {
    match shape {
        "constant" => Budget::AtMost(1.0),
        "ratio with a full mantissa" => Budget::None,
        _ => Budget::AtMost(3.0),
    }
}

/// Ticks, of a second, after which memory is looked at: 32 stand uncompressed, 16 more are sealed.
const TICKS: f64 = 48.0;
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(500);

/// Starts with a checkpoint and without, each.
const STARTS: usize = 5;

/// The checkpoint in the state directory.
const CHECKPOINT: &str = "history";

pub(super) fn measure(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    let mut findings = bytes_by_shape(ground)?;
    findings.extend(live(ground)?);
    Ok(findings)
}

fn bytes_by_shape(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    let shapes = if ground.builds {
        measured_anew(ground)
    } else {
        measured_by_what_is_there(ground)
    }?;
    let finding = |(shape, bytes): (String, f64)| {
        let budget = budget(&shape);
        Finding::new(format!("history, {shape}: a sample"), bytes, "B", budget)
    };
    Ok(shapes.into_iter().map(finding).collect())
}

/// As the suite of unit tests is built: choosing the package would compile its dependencies a second time.
fn measured_anew(ground: &Ground<'_>) -> Result<Vec<(String, f64)>> {
    let mut command = ground.workspace.cargo(&["test", "--workspace", "--lib", "--"]);
    let said = program::output(command.args(ARGUMENTS))?;
    let shapes = shapes(&said);
    ensure!(!shapes.is_empty(), "`{TEST}` told no shapes; it said:\n{said}");
    Ok(shapes)
}

/// By the newest program of the host's unit tests.
fn measured_by_what_is_there(ground: &Ground<'_>) -> Result<Vec<(String, f64)>> {
    let folder = ground.workspace.target().join("debug/deps");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let is_ours = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("bellwether-") && !name.contains('.')
    };
    let mut programs: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_ours(path))
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .collect();
    programs.sort_unstable_by(|a, b| b.cmp(a));
    // The program itself and its own tests are called the same and tell no shapes.
    let told = programs.iter().take(PROGRAMS_MAX).find_map(|(_, program)| {
        let said = Command::new(program)
            .args(ARGUMENTS)
            .stdin(Stdio::null())
            .output()
            .ok()?;
        Some(shapes(&String::from_utf8_lossy(&said.stdout))).filter(|shapes| !shapes.is_empty())
    });
    told.with_context(|| {
        format!(
            "no program in {} has the host's unit tests: run `cargo xtask test unit` first, or leave out --no-build",
            folder.display()
        )
    })
}

/// The shapes that the test tells, each with its bytes. What the test's own frame prints may stand before the first.
fn shapes(said: &str) -> Vec<(String, f64)> {
    let shape = |line: &str| {
        let (before, _) = line.split_once(AFTER_NUMBER)?;
        let (shape, bytes) = before.rsplit_once(": ")?;
        let shape = shape.rsplit_once(" ... ").map_or(shape, |(_, shape)| shape);
        Some((shape.trim().to_owned(), bytes.trim().parse().ok()?))
    };
    said.lines().filter_map(shape).collect()
}

/// A host in a folder of its own, which can be started again.
struct Place {
    start: Start,
    checkpoint: PathBuf,
}

impl Place {
    /// Records all series every second, in so much `memory`.
    fn new(ground: &Ground<'_>, target: &Target, memory: &str) -> Result<Self> {
        let folder = scratch(ground.workspace.target(), &format!("bench-history-{memory}"))?;
        let tables = format!("[history]\ninterval = \"1s\"\nmemory = \"{memory}\"\n");
        let config = folder.join("bellwether.toml");
        fs::write(&config, scraping(ground, target, 1).tables(&tables).text())?;
        let state = folder.join("state");
        Ok(Self {
            checkpoint: state.join(CHECKPOINT),
            start: Start {
                binary: ground.binary.clone(),
                config,
                state,
            },
        })
    }

    /// Milliseconds until it listens: what was kept is read by then. Dropped, the host is killed and changes nothing.
    fn until_it_listens(&self) -> Result<(f64, HostProcess)> {
        let host = self.start.start()?;
        Ok((host.started().elapsed().as_secs_f64() * 1e3, host))
    }
}

fn live(ground: &Ground<'_>) -> Result<Vec<Finding>> {
    let target = moving_target()?;
    let place = Place::new(ground, &target, "64MiB")?;
    let (host, without) = (
        place.start.start()?,
        Place::new(ground, &target, "1MiB")?.start.start()?,
    );
    await_exposition(&host)?;
    await_exposition(&without)?;
    let text = after_ticks(&host)?;
    let megabytes = |bytes: f64| bytes / f64::from(1 << 20);
    let resident = |host: &HostProcess| Ok::<f64, anyhow::Error>(megabytes(process::resident(host.pid())? as f64));
    let samples = sum_of(&text, "bellwether_history_samples_total");
    let held = sum_of(&text, "bellwether_history_series");
    ensure!(
        held >= SERIES as f64 && samples >= SERIES as f64 * TICKS / 2.0,
        "history holds {held} series and {samples} samples where {SERIES} series were recorded {TICKS} times"
    );
    let which = format!("{held} series, {samples} samples");
    let mut findings = vec![
        Finding::new(
            format!("history of {which}, by its own count"),
            megabytes(sum_of(&text, "bellwether_history_bytes")),
            "MiB",
            Budget::None,
        ),
        Finding::new("resident, with this history", resident(&host)?, "MiB", Budget::None),
        Finding::new(
            "resident, with history held to 1 MiB",
            resident(&without)?,
            "MiB",
            Budget::None,
        ),
    ];
    drop(without);
    host.stop()?;
    findings.extend(restoring(&place)?);
    Ok(findings)
}

/// The scrape after which memory is looked at.
fn after_ticks(host: &HostProcess) -> Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = host.client()?.get("/metrics", &[])?;
        let text = answer.text()?;
        let ticks = sum_of(text, "bellwether_history_ticks_total");
        if ticks >= TICKS {
            return Ok(text.to_owned());
        }
        if Instant::now() > deadline {
            bail!("history made {ticks} ticks of a second in {} s", PATIENCE.as_secs());
        }
        thread::sleep(PAUSE);
    }
}

/// Starts of the same host, in turns with its checkpoint and without.
fn restoring(place: &Place) -> Result<Vec<Finding>> {
    let aside = place.checkpoint.with_extension("aside");
    let length =
        fs::metadata(&place.checkpoint).context("the host left no checkpoint of its history when it was stopped")?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (took, host) = place.until_it_listens()?;
        with.push(took);
        // Whatever is older than the start was restored.
        let old = elements_of(&mut host.client()?, "bench_depth offset 10s")?;
        ensure!(old > 0, "the history that was saved was not restored");
        drop(host);
        fs::rename(&place.checkpoint, &aside)?;
        without.push(place.until_it_listens()?.0);
        fs::rename(&aside, &place.checkpoint)?;
    }
    Ok(vec![
        Finding::new(
            "checkpoint of this history",
            length.len() as f64 / 1e6,
            "MB",
            Budget::None,
        ),
        Finding::new(
            "start until it listens, without it",
            median(&without),
            "ms",
            Budget::None,
        ),
        Finding::new(
            "restoring it makes a start longer by",
            median(&with) - median(&without),
            "ms",
            Budget::None,
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_out_of_whatever_stands_around_them() {
        let said = "\nrunning 1 test\ntest history::tests::six ... constant: 0.31 bytes a sample\n\
                    gauge with two decimals, random walk: 1.82 bytes a sample\nok\n\ntest result: ok.\n";
        let expected = [
            ("constant".to_owned(), 0.31),
            ("gauge with two decimals, random walk".to_owned(), 1.82),
        ];
        assert_eq!(shapes(said), expected);
    }
}
