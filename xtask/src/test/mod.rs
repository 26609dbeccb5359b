//! Every suite, each within its own time budget, and a table at the end.
//!
//! A suite is the unit tests of the workspace, its doc tests, or one file of `tests/`. What such a file needs beyond cargo
//! and how long it may run stand in its own head (`//! Needs: promtool, prometheus`, `//! Budget: 5 min`), so that no
//! list here can be forgotten. What is missing on a person's machine makes a suite skipped, by name; in CI it fails.

mod budget;
mod suite;

use std::{collections::BTreeSet, time::Instant};

use anyhow::{Result, bail};

use self::{
    budget::Ended,
    suite::{Suite, Tool},
};
use crate::{
    build,
    console::{note, span, step},
    guests, program,
    setup::{self, Need},
    workspace::{Workspace, in_ci},
};

/// Of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Suites by name, such as `unit`, `tidy`; all of them when none is named.
    suites: Vec<String>,
    /// Print the names of the suites, their needs and budgets.
    #[arg(long)]
    list: bool,
}

/// How a suite came out.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    OverBudget,
    Skipped(Vec<Need>),
    /// Its needs are not met, and here that counts as a failure.
    Missing(Vec<Need>),
}

impl Verdict {
    fn is_failure(&self) -> bool {
        match self {
            Self::Passed | Self::Skipped(_) => false,
            Self::Failed | Self::OverBudget | Self::Missing(_) => true,
        }
    }

    fn text(&self) -> String {
        let words = |needs: &[Need]| needs.iter().map(|need| need.word()).collect::<Vec<_>>().join(", ");
        match self {
            Self::Passed => "passed".into(),
            Self::Failed => "FAILED".into(),
            Self::OverBudget => "OVER ITS TIME BUDGET".into(),
            Self::Skipped(needs) => format!("skipped: there is no {}", words(needs)),
            Self::Missing(needs) => format!("FAILED: there is no {}", words(needs)),
        }
    }
}

/// `cargo xtask test`.
pub(crate) fn perform(workspace: &Workspace, options: &Options) -> Result<()> {
    let suites = suite::chosen(suite::all(workspace)?, &options.suites)?;
    if options.list {
        suites.iter().for_each(|suite| println!("{}", suite.describe()));
        return Ok(());
    }
    let began = Instant::now();
    prepare(workspace, &suites)?;
    let tool = Tool::available();
    compile(workspace, tool)?;
    let results: Vec<_> = suites
        .iter()
        .map(|suite| perform_one(workspace, suite, tool))
        .collect::<Result<_>>()?;
    print_table(&results);
    println!("all in {}", span(began.elapsed()));
    let failed: Vec<_> = results
        .iter()
        .filter(|(_, verdict, _)| verdict.is_failure())
        .map(|(s, ..)| s.name())
        .collect();
    if !failed.is_empty() {
        bail!(
            "{} of {} suites failed: {}",
            failed.len(),
            results.len(),
            failed.join(", ")
        );
    }
    Ok(())
}

/// Components first: the host's build script embeds them and tests load them.
fn prepare(workspace: &Workspace, suites: &[Suite]) -> Result<()> {
    setup::for_building(workspace)?;
    let needs: BTreeSet<_> = suites.iter().flat_map(Suite::needs).copied().collect();
    setup::for_testing(workspace, &Vec::from_iter(needs));
    build::plugins(workspace)?;
    build::examples(workspace)?;
    if suites.iter().any(Suite::loads_guests) {
        guests::build(workspace)?;
    }
    Ok(())
}

/// Compiles every test once, so that the budgets measure tests and not the compiler.
fn compile(workspace: &Workspace, tool: Tool) -> Result<()> {
    step("compiling the tests");
    note("the first time this takes about 10 minutes on two cores, 3 on sixteen; later it takes seconds");
    let started = Instant::now();
    program::run(&mut tool.compile(workspace))?;
    note(&format!("compiled in {}", span(started.elapsed())));
    Ok(())
}

fn perform_one<'s>(
    workspace: &Workspace,
    suite: &'s Suite,
    tool: Tool,
) -> Result<(&'s Suite, Verdict, std::time::Duration)> {
    let started = Instant::now();
    let missing: Vec<_> = suite
        .needs()
        .iter()
        .copied()
        .filter(|need| !need.is_met(workspace))
        .collect();
    if !missing.is_empty() {
        let verdict = if in_ci() {
            Verdict::Missing(missing)
        } else {
            Verdict::Skipped(missing)
        };
        return Ok((suite, verdict, started.elapsed()));
    }
    step(&format!("suite {}", suite.describe()));
    let mut command = suite.command(workspace, tool);
    command.envs(setup::test_environment(workspace)?);
    let verdict = match budget::run(&mut command, suite.budget())? {
        Ended::Well => Verdict::Passed,
        Ended::Badly => Verdict::Failed,
        Ended::OverBudget => Verdict::OverBudget,
    };
    Ok((suite, verdict, started.elapsed()))
}

fn print_table(results: &[(&Suite, Verdict, std::time::Duration)]) {
    println!("\n{:<22} {:>14} {:>14}  result", "suite", "took", "budget");
    for (suite, verdict, took) in results {
        println!(
            "{:<22} {:>14} {:>14}  {}",
            suite.name(),
            span(*took),
            span(suite.budget()),
            verdict.text()
        );
    }
}
