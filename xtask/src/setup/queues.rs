//! Queue libraries under `target/queues`, each set as its recipe in `xtask/queues` names it: two Python environments, since arq
//! wants an older client than the others, and a folder of npm.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{debian, npm::Libraries, python::Environment};
use crate::workspace::Workspace;

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

/// What npm installs.
const NODE: Libraries = Libraries {
    folder: "queues/node",
    recipe: "queues",
    cost: "BullMQ (about 15 MB, seconds)",
};

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
    PYTHONS.iter().all(|set| set.is_ready(workspace)) && NODE.is_ready(workspace)
}

/// Makes them.
pub(super) fn add(workspace: &Workspace) -> Result<()> {
    for set in PYTHONS.iter().filter(|set| !set.is_ready(workspace)) {
        set.add(workspace)?;
    }
    NODE.add(workspace)
}
