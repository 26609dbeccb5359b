//! Queue libraries under `target/queues`, each set as its recipe in `xtask/queues` names it: two Python environments, since arq
//! wants an older client than the others, and a folder of npm.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use super::{debian, is_stamped, stamp};
use crate::{console::step, program, workspace::Workspace};

/// Environments of Python: folder and recipe.
const PYTHONS: [(&str, &str); 2] = [("python", "python.txt"), ("arq", "arq.txt")];

/// Of npm, likewise.
const NODE: (&str, &str) = ("node", "package.json");

/// Sidekiq and the Ruby it runs on, as Debian 12 has them.
const SIDEKIQ: [&str; 8] = [
    "ruby3.1",
    "libruby3.1",
    "libyaml-0-2",
    "rubygems-integration",
    "ruby-connection-pool",
    "ruby-rack",
    "ruby-redis",
    "ruby-sidekiq",
];

/// Whether Sidekiq is unpacked.
pub(super) fn sidekiq_is_ready(workspace: &Workspace) -> bool {
    ["ruby3.1", "sidekiq"]
        .iter()
        .all(|program| debian::find(workspace, program).is_some())
}

/// Unpacks Sidekiq.
pub(super) fn add_sidekiq(workspace: &Workspace) -> Result<()> {
    SIDEKIQ.iter().try_for_each(|package| debian::add(workspace, package))
}

/// Where they are.
pub(super) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("queues")
}

fn recipe(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root().join("xtask/queues").join(name)
}

/// Whether every set is what its recipe asks for now.
pub(super) fn is_ready(workspace: &Workspace) -> bool {
    PYTHONS.iter().chain([&NODE]).all(|(set, name)| {
        let recipe = fs::read_to_string(recipe(workspace, name)).unwrap_or_default();
        is_stamped(&folder(workspace).join(set), &recipe)
    })
}

/// Makes them.
pub(super) fn add(workspace: &Workspace) -> Result<()> {
    for tool in ["python3", "npm"] {
        if program::find(tool, &[]).is_none() {
            bail!("there is no {tool}: install Python 3.10 or later, and Node.js 20 or later with npm");
        }
    }
    step("adding queue libraries under target/queues (about 120 MB, some thirty seconds)");
    for (set, name) in PYTHONS {
        python(&folder(workspace).join(set), &recipe(workspace, name))?;
    }
    node(&folder(workspace).join(NODE.0), &recipe(workspace, NODE.1))
}

fn python(folder: &Path, recipe: &Path) -> Result<()> {
    let mut make = Command::new("python3");
    program::run(make.args(["-m", "venv", "--clear"]).arg(folder))?;
    let mut install = Command::new(folder.join("bin/python"));
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
        ])
        .arg(recipe);
    program::run(&mut install)?;
    stamp(folder, &fs::read_to_string(recipe)?)
}

fn node(folder: &Path, recipe: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::copy(recipe, folder.join("package.json")).with_context(|| format!("cannot copy {}", recipe.display()))?;
    let mut install = Command::new("npm");
    // No scripts of packages run: the one that wants to compiles an addition that is not needed.
    install
        .args([
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
            "--prefix",
        ])
        .arg(folder);
    program::run(&mut install)?;
    stamp(folder, &fs::read_to_string(recipe)?)
}
