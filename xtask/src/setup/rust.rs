//! What compiling needs: the standard library for components, and a C compiler for SQLite and ring.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{
    console::{note, step},
    program::{self, find},
    workspace::Workspace,
};

const TARGET: &str = "wasm32-wasip2";

/// Adds the `wasm32-wasip2` target through rustup, unless the toolchain has it.
pub(super) fn target(workspace: &Workspace) -> Result<()> {
    if has_target(workspace)? {
        return Ok(());
    }
    step(&format!(
        "adding the {TARGET} target to the toolchain (about 30 MB, kept by rustup)"
    ));
    if find("rustup", &[]).is_none() {
        bail!(
            "this toolchain has no {TARGET} standard library and there is no rustup to add it: see https://rustup.rs"
        );
    }
    program::run(
        Command::new("rustup")
            .args(["target", "add", TARGET])
            .current_dir(workspace.root()),
    )
}

fn has_target(workspace: &Workspace) -> Result<bool> {
    let mut command = Command::new("rustc");
    command
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(workspace.root());
    let folder = program::output(&mut command).context("is rustc installed? see https://rustup.rs")?;
    Ok(std::fs::read_dir(folder.trim()).is_ok_and(|mut files| files.next().is_some()))
}

/// There must be one; installing it is the machine's owner's business.
pub(super) fn c_compiler() -> Result<()> {
    if ["cc", "gcc", "clang"].iter().any(|name| find(name, &[]).is_some()) {
        return Ok(());
    }
    note("Debian, Ubuntu: apt-get install gcc libc6-dev    Fedora: dnf install gcc    macOS: xcode-select --install");
    bail!("there is no C compiler, and SQLite and ring need one")
}
