//! What the design promises, measured, with the peers beside it.
//!
//! One file per row (or pair of rows that share a set-up); each starts its own release host on a free port and looks at it
//! only from outside: `/metrics`, `/proc`. Medians, interleaved with their peers; p99 over at least 1,000 samples. A
//! number is printed with its budget and by how much it is missed; missing one is not an error of `bench`.

mod alert_load;
mod alerts;
mod attack;
mod contestant;
mod dispatcher;
mod exposition;
mod finding;
mod history;
mod hook;
mod idle;
mod machine;
mod many_checks;
mod peers;
mod probes;
mod process;
mod queues;
mod rule_files;
mod rules;
mod run_cost;
mod scrape;
mod server;
mod size;
mod start;
mod statistics;
mod target;
mod workload;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use self::finding::Finding;
use crate::{
    build::{self, Profile},
    console::{note, step},
    guests,
    host_process::{HostProcess, Start, scratch},
    workspace::Workspace,
};

/// Of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Rows by name; all of them when none is named.
    rows: Vec<String>,
    /// Print the names of the rows.
    #[arg(long)]
    list: bool,
    /// Measure the release host that is there, without building it anew.
    #[arg(long)]
    no_build: bool,
}

/// One promise.
struct Row {
    name: &'static str,
    measures: &'static str,
    measure: fn(&Ground<'_>) -> Result<Vec<Finding>>,
}

const ROWS: [Row; 12] = [
    Row {
        name: "run",
        measures: "one sandboxed run in Rust and in Python, tick to board",
        measure: run_cost::measure,
    },
    Row {
        name: "many",
        measures: "1,000, 3,000 and 10,000 checks every 10 s",
        measure: many_checks::measure,
    },
    Row {
        name: "probes",
        measures: "5, 50 and 500 HTTP probes, in one check and in many, beside blackbox_exporter",
        measure: probes::measure,
    },
    Row {
        name: "queues",
        measures: "a run of redis-queue over 1, 10 and 100 queues",
        measure: queues::measure,
    },
    Row {
        name: "rules",
        measures: "an evaluation of a rule of four forms, of 100, 1,000 and 10,000, beside Prometheus (5 min)",
        measure: rules::measure,
    },
    Row {
        name: "alerts",
        measures: "an alert in, committed and routed, of 1,000, 10,000 and 50,000, beside Alertmanager (10 min)",
        measure: alerts::measure,
    },
    Row {
        name: "history",
        measures: "bytes of a sample by its shape, memory of history, and restoring it at start",
        measure: history::measure,
    },
    Row {
        name: "scrape",
        measures: "/metrics with 1,000, 10,000 and 100,000 series",
        measure: scrape::measure,
    },
    Row {
        name: "attack",
        measures: "/metrics while one plugin spins and one hoards",
        measure: attack::measure,
    },
    Row {
        name: "start",
        measures: "start to first complete scrape, cold and warm",
        measure: start::measure,
    },
    Row {
        name: "idle",
        measures: "resident memory of an idle host",
        measure: idle::measure,
    },
    Row {
        name: "size",
        measures: "the release binary",
        measure: size::measure,
    },
];

/// What every row stands on.
struct Ground<'w> {
    workspace: &'w Workspace,
    binary: PathBuf,
    /// Whether something may be built that is measured.
    builds: bool,
}

impl Ground<'_> {
    /// Starts a host with `config` in a fresh folder of that name. Compiled plugins are shared between rows, so that a
    /// row measures what it names and not the compiler; the row that does measure it brings its own folder.
    fn host(&self, name: &str, config: &str) -> Result<HostProcess> {
        let folder = scratch(self.workspace.target(), &format!("bench-{name}"))?;
        let file = folder.join("bellwether.toml");
        std::fs::write(&file, config)?;
        Start {
            binary: self.binary.clone(),
            config: file,
            state: folder.join("state"),
        }
        .start()
    }

    /// Compiled plugins of all rows.
    fn cache(&self) -> PathBuf {
        self.workspace.target().join("xtask/bench-cache")
    }
}

/// `cargo xtask bench`.
pub(crate) fn perform(workspace: &Workspace, options: &Options) -> Result<()> {
    let rows = chosen(&options.rows)?;
    if options.list {
        rows.iter().for_each(|row| println!("{:<8} {}", row.name, row.measures));
        return Ok(());
    }
    if !cfg!(target_os = "linux") {
        bail!("the measurements read /proc: run them on Linux");
    }
    let binary = workspace.host_binary(Profile::Release.folder());
    if !options.no_build {
        build::everything(workspace, Profile::Release)?;
    }
    // Without them a row would measure a host whose checks cannot load.
    guests::build(workspace)?;
    guests::build_for_bench(workspace)?;
    if !binary.exists() {
        bail!("there is no {}: leave out --no-build", binary.display());
    }
    println!("{}\n", machine::describe(workspace)?);
    let ground = Ground {
        workspace,
        binary,
        builds: !options.no_build,
    };
    for row in rows {
        step(&format!("{}: {}", row.name, row.measures));
        let findings = (row.measure)(&ground).with_context(|| format!("row `{}`", row.name))?;
        findings.iter().for_each(|finding| println!("{finding}"));
    }
    note("budgets are those of ARCHITECTURE.md");
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Row>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| ROWS.iter().all(|row| row.name != name.as_str()))
    {
        bail!(
            "unknown row `{unknown}`: there are {}",
            ROWS.each_ref().map(|row| row.name).join(", ")
        );
    }
    Ok(ROWS
        .iter()
        .filter(|row| names.is_empty() || names.iter().any(|name| name == row.name))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_row_is_answered_with_the_known_ones() {
        let error = chosen(&["scrap".into()])
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(error.contains("scrape"), "{error}");
        assert_eq!(chosen(&[]).unwrap().len(), ROWS.len());
    }
}
