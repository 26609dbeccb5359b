//! Virtual environments under `target/`, each with what one file of requirements names.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use super::{is_stamped, stamp};
use crate::{console::step, program, workspace::Workspace};

/// What one environment is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Environment {
    /// Its folder under `target/`.
    pub(super) folder: &'static str,
    /// The file that names its packages, under `xtask/`.
    pub(super) requirements: &'static str,
    /// What making it costs, for whoever waits.
    pub(super) cost: &'static str,
}

/// Parsers that tests judge our output by.
pub(super) const PARSERS: Environment = Environment {
    folder: "venv",
    requirements: "requirements.txt",
    cost: "about 30 MB, some ten seconds",
};

/// A server of MLflow: on its own, since what it needs would constrain the others.
pub(super) const MLFLOW: Environment = Environment {
    folder: "venv-mlflow",
    requirements: "requirements-mlflow.txt",
    cost: "about 360 MB, a minute",
};

/// A model server that speaks KServe v2.
pub(super) const MLSERVER: Environment = Environment {
    folder: "venv-mlserver",
    requirements: "requirements-mlserver.txt",
    cost: "about 330 MB, a minute",
};

/// What stands for Sentry: Bugsink brings Django along.
pub(super) const SENTRY: Environment = Environment {
    folder: "venv-sentry",
    requirements: "requirements-sentry.txt",
    cost: "about 220 MB, a minute",
};

impl Environment {
    fn path(self, workspace: &Workspace) -> PathBuf {
        workspace.target().join(self.folder)
    }

    /// Where its `python` stands.
    pub(super) fn programs(self, workspace: &Workspace) -> PathBuf {
        self.path(workspace).join("bin")
    }

    fn list(self, workspace: &Workspace) -> PathBuf {
        workspace.root().join("xtask").join(self.requirements)
    }

    /// Whether it holds exactly what is asked for now, and still runs.
    pub(super) fn is_ready(self, workspace: &Workspace) -> bool {
        let recipe = fs::read_to_string(self.list(workspace)).unwrap_or_default();
        is_stamped(&self.path(workspace), &recipe)
            && program::succeeds(Command::new(self.programs(workspace).join("python")).arg("--version"))
    }

    /// Makes it.
    pub(super) fn add(self, workspace: &Workspace) -> Result<()> {
        if program::find("python3", &[]).is_none() {
            bail!("there is no python3: install Python 3.11 or 3.12, which all packages that tests use support");
        }
        let (name, cost) = (self.folder, self.cost);
        step(&format!("making a Python environment under target/{name} ({cost})"));
        let folder = self.path(workspace);
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(&folder);
        program::run(&mut make)
            .context("is the venv module installed? Debian and Ubuntu: apt-get install python3-venv")?;
        let list = self.list(workspace);
        let mut install = Command::new(self.programs(workspace).join("python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        install.arg("--requirement").arg(&list);
        program::run(&mut install)?;
        stamp(&folder, &fs::read_to_string(&list)?)
    }
}
