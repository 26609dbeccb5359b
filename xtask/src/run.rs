//! Build, then become the host that shows the quickstart.

use std::{env, process::Command};

use anyhow::{Context, Result};

use crate::{
    build::{self, Profile},
    console::{note, step},
    workspace::Workspace,
};

/// The configuration of the README's first command.
pub(crate) const QUICKSTART: &str = "examples/quickstart/bellwether.toml";

/// Of `cargo xtask run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Build with full optimisation.
    #[arg(long)]
    release: bool,
    /// Start with this configuration instead of the quickstart.
    #[arg(long)]
    config: Option<std::path::PathBuf>,
}

/// `cargo xtask run`.
pub(crate) fn perform(workspace: &Workspace, options: &Options) -> Result<()> {
    let profile = if options.release {
        Profile::Release
    } else {
        Profile::Dev
    };
    let binary = build::everything(workspace, profile)?;
    let config = options
        .config
        .clone()
        .unwrap_or_else(|| workspace.root().join(QUICKSTART));
    let mut command = Command::new(&binary);
    command.arg("run").arg("--config").arg(&config);
    // The quickstart's state stays inside the clone, unless somebody chose a place.
    if env::var_os("XDG_STATE_HOME").is_none() && env::var_os("STATE_DIRECTORY").is_none() {
        command.env("XDG_STATE_HOME", workspace.target().join("state"));
    }
    step(&format!(
        "starting {} run --config {}",
        binary.display(),
        config.display()
    ));
    note("look at the address it prints, with /metrics behind it; Ctrl-C stops it");
    become_program(command).with_context(|| format!("cannot start {}", binary.display()))
}

/// Replaces this process, so that signals reach the host itself.
#[cfg(unix)]
fn become_program(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec().into())
}

#[cfg(not(unix))]
fn become_program(mut command: Command) -> Result<()> {
    crate::program::run(&mut command)
}
