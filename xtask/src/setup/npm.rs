//! Programs and libraries from npm, each in a folder of its own under `target`: that needs no root, and leaves with `cargo clean`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{is_stamped, stamp};
use crate::{console::step, program, workspace::Workspace};

/// Which Deno: the version that the functions of the tests were written for.
const DENO: &str = "deno@2.9.6";

/// The manifest's name, here and there.
const MANIFEST: &str = "package.json";

/// Libraries that a manifest names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Libraries {
    /// Where they stand under `target/`.
    pub(super) folder: &'static str,
    /// The folder of the manifest, under `xtask/`.
    pub(super) recipe: &'static str,
    /// What they are and what adding them costs, for whoever waits.
    pub(super) cost: &'static str,
}

/// Sentry's SDK for Node.js.
pub(super) const SENTRY: Libraries = Libraries {
    folder: "npm/sentry",
    recipe: "sentry",
    cost: "Sentry's SDK for Node.js (about 100 MB, some ten seconds)",
};

impl Libraries {
    pub(super) fn folder(self, workspace: &Workspace) -> PathBuf {
        workspace.target().join(self.folder)
    }

    fn manifest(self, workspace: &Workspace) -> PathBuf {
        workspace.root().join("xtask").join(self.recipe).join(MANIFEST)
    }

    /// Whether they are what the manifest asks for now.
    pub(super) fn is_ready(self, workspace: &Workspace) -> bool {
        let recipe = fs::read_to_string(self.manifest(workspace)).unwrap_or_default();
        is_stamped(&self.folder(workspace), &recipe)
    }

    /// Installs them.
    pub(super) fn add(self, workspace: &Workspace) -> Result<()> {
        if program::find("npm", &[]).is_none() {
            bail!("there is no npm: install Node.js 20 or later with npm");
        }
        step(&format!("adding {} under target/{}", self.cost, self.folder));
        let (folder, manifest) = (self.folder(workspace), self.manifest(workspace));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::copy(&manifest, folder.join(MANIFEST)).with_context(|| format!("cannot copy {}", manifest.display()))?;
        let mut install = Command::new("npm");
        // No scripts of packages run: those that want to compile or fetch additions that are not needed.
        install
            .args(["install", "--ignore-scripts", "--no-audit", "--no-fund"])
            .args(["--loglevel=error", "--prefix"])
            .arg(&folder);
        program::run(&mut install)?;
        stamp(&folder, &fs::read_to_string(&manifest)?)
    }
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("npm/deno")
}

/// Where `deno` itself stands, and not the script of npm's that starts it: a test that ends its child must end the server.
pub(super) fn programs(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("node_modules/deno")
}

/// Whether it is the version that is asked for now, and runs.
pub(super) fn is_ready(workspace: &Workspace) -> bool {
    is_stamped(&folder(workspace), DENO) && runs(&programs(workspace).join("deno"))
}

fn runs(deno: &Path) -> bool {
    program::succeeds(Command::new(deno).arg("--version"))
}

/// Installs it.
pub(super) fn add(workspace: &Workspace) -> Result<()> {
    if ["node", "npm"].iter().any(|tool| program::find(tool, &[]).is_none()) {
        bail!("there is no npm: install Node.js 20 or later, with npm");
    }
    step("installing Deno under target/npm (about 100 MB, some ten seconds)");
    let folder = folder(workspace);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut install = Command::new("npm");
    install
        .args([
            "install",
            "--no-audit",
            "--no-fund",
            "--no-update-notifier",
            "--silent",
            "--prefix",
        ])
        .arg(&folder)
        .arg(DENO);
    program::run(&mut install)?;
    // npm may leave the program to the first start.
    program::run(Command::new(folder.join("node_modules/.bin/deno")).arg("--version"))?;
    if !runs(&programs(workspace).join("deno")) {
        bail!("npm installed no Deno that runs here: does this system have glibc?");
    }
    stamp(&folder, DENO)
}
