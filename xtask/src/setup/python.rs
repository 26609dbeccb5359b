//! A virtual environment under `target/venv` with what `xtask/requirements.txt` names.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use super::{is_stamped, stamp};
use crate::{console::step, program, workspace::Workspace};

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("venv")
}

/// Where its `python` stands.
pub(super) fn programs(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("bin")
}

fn requirements(workspace: &Workspace) -> PathBuf {
    workspace.root().join("xtask/requirements.txt")
}

/// Whether it holds exactly what is asked for now, and still runs.
pub(super) fn is_ready(workspace: &Workspace) -> bool {
    let recipe = fs::read_to_string(requirements(workspace)).unwrap_or_default();
    is_stamped(&folder(workspace), &recipe)
        && program::succeeds(Command::new(programs(workspace).join("python")).arg("--version"))
}

/// Makes it.
pub(super) fn add(workspace: &Workspace) -> Result<()> {
    if program::find("python3", &[]).is_none() {
        bail!("there is no python3: install Python 3.10 or later");
    }
    step("making a Python environment under target/venv (about 30 MB, some ten seconds)");
    let folder = folder(workspace);
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&folder);
    program::run(&mut make).context("is the venv module installed? Debian and Ubuntu: apt-get install python3-venv")?;
    let file = requirements(workspace);
    let mut install = Command::new(programs(workspace).join("python"));
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ])
        .arg(&file);
    program::run(&mut install)?;
    stamp(&folder, &fs::read_to_string(&file)?)
}
