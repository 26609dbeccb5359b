//! Queue libraries under `target/queues`, each set as its recipe in `xtask/queues` names it: two Python environments, since arq
//! wants an older client than the others, and a folder of npm.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use super::{debian, is_stamped, python::Environment, stamp};
use crate::{console::step, program, workspace::Workspace};

/// Environments of Python.
const PYTHONS: [Environment; 2] = [
    Environment {
        folder: "queues/python",
        requirements: "queues/python.txt",
        cost: "about 60 MB, some fifteen seconds",
    },
    Environment {
        folder: "queues/arq",
        requirements: "queues/arq.txt",
        cost: "about 30 MB, some ten seconds",
    },
];

/// What npm installs, by its manifest under `xtask/queues`.
const MANIFEST: &str = "package.json";

/// What Sidekiq runs on, as Debian 12 has it.
const RUBY: [&str; 6] = [
    "ruby3.1",
    "libruby3.1",
    "rubygems-integration",
    "ruby-connection-pool",
    "ruby-rack",
    "ruby-redis",
];

/// Whether Sidekiq is unpacked.
pub(super) fn sidekiq_is_ready(workspace: &Workspace) -> bool {
    ["ruby3.1", "sidekiq"]
        .iter()
        .all(|program| debian::find(workspace, program).is_some())
}

/// Unpacks Sidekiq, after all that it runs on, so that it is there only when that is.
pub(super) fn add_sidekiq(workspace: &Workspace) -> Result<()> {
    debian::add_with_libraries(workspace, &RUBY)
        .and_then(|()| debian::add(workspace, "ruby-sidekiq"))
        .context(
            "Sidekiq is taken from Debian 12, with its ruby3.1; other versions of Ruby keep their libraries elsewhere",
        )
}

/// Where they are.
pub(super) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("queues")
}

/// Whether every set is what its recipe asks for now.
pub(super) fn is_ready(workspace: &Workspace) -> bool {
    let recipe = fs::read_to_string(manifest(workspace)).unwrap_or_default();
    PYTHONS.iter().all(|set| set.is_ready(workspace)) && is_stamped(&node(workspace), &recipe)
}

/// Makes them.
pub(super) fn add(workspace: &Workspace) -> Result<()> {
    if program::find("npm", &[]).is_none() {
        bail!("there is no npm: install Node.js 20 or later with npm");
    }
    for set in PYTHONS.iter().filter(|set| !set.is_ready(workspace)) {
        set.add(workspace)?;
    }
    add_node(workspace)
}

fn node(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("node")
}

fn manifest(workspace: &Workspace) -> PathBuf {
    workspace.root().join("xtask/queues").join(MANIFEST)
}

fn add_node(workspace: &Workspace) -> Result<()> {
    step("adding BullMQ under target/queues/node (about 15 MB, seconds)");
    let (folder, manifest) = (node(workspace), manifest(workspace));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::copy(&manifest, folder.join(MANIFEST)).with_context(|| format!("cannot copy {}", manifest.display()))?;
    let mut install = Command::new("npm");
    // No scripts of packages run: the one that wants to compiles an addition that is not needed.
    install
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund"])
        .args(["--loglevel=error", "--prefix"])
        .arg(&folder);
    program::run(&mut install)?;
    stamp(&folder, &fs::read_to_string(&manifest)?)
}
