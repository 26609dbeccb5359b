//! `cargo xtask …`: the one door for people and CI.
//!
//! Owns how the project is set up, built, started, tested, measured and packaged. Flows in: verbs. Flows out: calls of
//! cargo and of other programs, said before they start. It holds no logic of the host: what it knows about a running
//! host it learns as any user does, over HTTP and from `/proc`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks on its standard streams"
)]

mod bench;
mod build;
mod console;
mod dist;
mod guests;
mod host_process;
mod http;
mod program;
mod run;
mod setup;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Work on Bellwether: set up, build, run, test, measure, package.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Add what building needs: the WebAssembly target. With --tests, what testing needs too.
    Setup(setup::Options),
    /// Build the plugins to components, then the host with the bundled ones embedded.
    Build(build::Options),
    /// Build, then start the quickstart. Ctrl-C stops it.
    Run(run::Options),
    /// Run every suite, or those named.
    Test(test::Options),
    /// Measure what the design promises, with peers beside it.
    Bench(bench::Options),
    /// Package a release: an archive that runs by itself.
    Dist(dist::Options),
    /// Check format, lints, house rules and dependencies.
    Tidy,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match Workspace::locate().and_then(|workspace| perform(&arguments.verb, &workspace)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(verb: &Verb, workspace: &Workspace) -> anyhow::Result<()> {
    match verb {
        Verb::Setup(options) => setup::perform(workspace, options),
        Verb::Build(options) => build::perform(workspace, options),
        Verb::Run(options) => run::perform(workspace, options),
        Verb::Test(options) => test::perform(workspace, options),
        Verb::Bench(options) => bench::perform(workspace, options),
        Verb::Dist(options) => dist::perform(workspace, options),
        Verb::Tidy => tidy::perform(workspace),
    }
}
