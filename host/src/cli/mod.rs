//! The command line: one file per verb. Parses, calls `app`, prints, and answers with an exit code; it decides nothing.

mod alerts;
mod completions;
mod compile;
mod exit;
mod expression;
mod happened;
mod host;
mod inspect;
mod migrate;
mod once;
mod output;
mod plugins;
mod query;
mod receivers;
mod routes;
mod run;
mod session;
mod shape;
mod silence;
mod test;
mod validate;
mod why;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use exit::Exit;

const EXIT_CODES: &str = "\
Exit codes:
  0   it worked, and what was looked at is fine
  1   it worked, and what was looked at is bad (a check that is not ok, a plugin that is refused,
      an alert that fires, an expression that fails);
      or `run` was told twice to stop and did not wait for running checks
  2   the command line or the configuration is wrong, or another host holds the state directory
  3   something could not be reached (the port is taken, a file cannot be read, no host answers)
  70  a fault of the host itself; please report it
  130 interrupted with Ctrl-C before it was done, 143 by SIGTERM: what shells say for 128 + signal
      (`run` takes both as a request to stop, and exits 0)";

/// Runs sandboxed WebAssembly checks on a schedule and serves what they report on one Prometheus endpoint.
#[derive(Debug, Parser)]
#[command(name = "bellwether", version, after_help = EXIT_CODES, max_term_width = 120)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

/// Where the configuration is.
#[derive(Debug, clap::Args)]
struct ConfigArgument {
    /// The configuration file [default: $BELLWETHER_CONFIG, ./bellwether.toml, /etc/bellwether/bellwether.toml]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the host until it is told to stop
    #[command(
        after_help = "Example:\n  bellwether run --config /etc/bellwether/bellwether.toml\n\nSIGTERM and SIGINT drain and exit 0; a second one exits at once with 1. SIGHUP reloads."
    )]
    Run(run::Arguments),
    /// Check the configuration and every plugin it names
    #[command(
        after_help = "Examples:\n  bellwether validate\n  bellwether validate --print    # the effective configuration, secrets masked"
    )]
    Validate(validate::Arguments),
    /// Run one check now and show what it reported, what it used and what it was denied
    #[command(
        after_help = "Example:\n  bellwether once machine\n\nWorks on a copy of the check's state; nothing is kept. Exits 1 when the check is not ok."
    )]
    Once(once::Arguments),
    /// Show what a plugin is, what it needs and what it could do, before it ever runs for real
    #[command(after_help = "Examples:\n  bellwether inspect system\n  bellwether inspect ./my-check.wasm --json")]
    Inspect(inspect::Arguments),
    /// List the plugins that came with this host
    #[command(after_help = "Examples:\n  bellwether plugins\n  bellwether plugins --json")]
    Plugins(plugins::Arguments),
    /// Ask a running host what an expression yields, now or over the last hours
    #[command(
        after_help = "Examples:\n  bellwether query 'up == 0'\n  bellwether query --range 1h --step 1m 'rate(requests_total[5m])'"
    )]
    Query(query::Arguments),
    /// List the alerts of a running host that are pending or firing
    #[command(after_help = "Examples:\n  bellwether alerts\n  bellwether alerts --json\n\nExits 1 when one is firing.")]
    Alerts(alerts::Arguments),
    /// Show why an alert of a running host is as it is: its condition with current values, and the verdict behind it
    #[command(after_help = "Example:\n  bellwether why QueueDeep\n\nExits 1 when it is firing.")]
    Why(why::Arguments),
    /// Keep alerts of a running host from being told, list such silences, end them
    #[command(
        after_help = "Examples:\n  bellwether silence add alertname=QueueDeep --duration 2h --comment 'moving the queues'\n  bellwether silence list"
    )]
    Silence(silence::Arguments),
    /// Try the receivers of the configuration, list those of a running host
    #[command(after_help = "Examples:\n  bellwether receivers test ops\n  bellwether receivers list")]
    Receivers(receivers::Arguments),
    /// Ask the routes of the configuration
    #[command(after_help = "Example:\n  bellwether routes test alertname=QueueDeep severity=critical")]
    Routes(routes::Arguments),
    /// Test what stands beside the configuration: rule files
    #[command(after_help = "Example:\n  bellwether test rules rules_test.yml")]
    Test(test::Arguments),
    /// Make a configuration of those of Prometheus and Alertmanager, and say what is lost
    #[command(
        after_help = "Example:\n  bellwether migrate prometheus.yml alertmanager.yml --output bellwether.toml\n\nWhat is lost goes to standard error. Values of secrets are in nothing that is written."
    )]
    Migrate(migrate::Arguments),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  bellwether completions bash > /etc/bash_completion.d/bellwether")]
    Completions(completions::Arguments),
    /// The compiler child: reads a job on standard input. For the host itself.
    #[command(hide = true)]
    Compile,
}

/// Parses the command line, does what it says, and says how it went.
pub fn main() -> Exit {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => return output::usage(&error),
    };
    match line.verb {
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Validate(arguments) => validate::run(&arguments),
        Verb::Once(arguments) => once::run(&arguments),
        Verb::Inspect(arguments) => inspect::run(&arguments),
        Verb::Plugins(arguments) => plugins::run(&arguments),
        Verb::Query(arguments) => query::run(&arguments),
        Verb::Alerts(arguments) => alerts::run(&arguments),
        Verb::Why(arguments) => why::run(&arguments),
        Verb::Silence(arguments) => silence::run(&arguments),
        Verb::Receivers(arguments) => receivers::run(&arguments),
        Verb::Routes(arguments) => routes::run(&arguments),
        Verb::Test(arguments) => test::run(&arguments),
        Verb::Migrate(arguments) => migrate::run(&arguments),
        Verb::Completions(arguments) => completions::run(&arguments),
        Verb::Compile => compile::run(),
    }
}
