//! `bellwether completions SHELL`.

use clap::CommandFactory;

use super::{CommandLine, Exit, output};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// bash, zsh, fish, elvish or powershell
    shell: clap_complete::Shell,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), "bellwether", &mut script);
    output::bytes(&script)
}
