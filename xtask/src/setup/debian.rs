//! Servers and tools from Debian and its kin, unpacked under `target/debian` instead of installed: that needs no root,
//! starts no service and leaves with `cargo clean`. It serves packages that need nothing but the C library.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{console::step, program, workspace::Workspace};

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("debian")
}

/// Where unpacked programs stand.
pub(super) fn programs(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("usr/bin")
}

/// A program that was unpacked here or that the machine has.
pub(super) fn find(workspace: &Workspace, program: &str) -> Option<PathBuf> {
    program::find(program, &[programs(workspace)])
}

/// Downloads and unpacks `package`.
pub(super) fn add(workspace: &Workspace, package: &str) -> Result<()> {
    if ["apt-get", "dpkg-deb"]
        .iter()
        .any(|tool| program::find(tool, &[]).is_none())
    {
        bail!("this is no Debian or Ubuntu: install `{package}` with your system's package manager");
    }
    step(&format!(
        "unpacking Debian's `{package}` under target/debian (at most 100 MB, seconds; nothing is installed or started)"
    ));
    let archives = folder(workspace).join("archives").join(package);
    // What a broken-off download left behind would be taken for the package.
    if archives.exists() {
        fs::remove_dir_all(&archives)?;
    }
    fs::create_dir_all(&archives).with_context(|| format!("cannot make {}", archives.display()))?;
    download(package, &archives)?;
    let archive = only_file(&archives)?;
    program::run(
        Command::new("dpkg-deb")
            .arg("--extract")
            .arg(archive)
            .arg(folder(workspace)),
    )
}

/// A fresh container has no package lists; only root can fetch them.
fn download(package: &str, into: &Path) -> Result<()> {
    let mut download = Command::new("apt-get");
    download.args(["--quiet", "download", package]).current_dir(into);
    if program::succeeds(&mut download) {
        return Ok(());
    }
    if !program::succeeds(Command::new("apt-get").args(["--quiet", "update"])) {
        bail!(
            "apt-get knows no `{package}` and its lists cannot be updated without root: run `apt-get update` as root, or install `{package}`"
        );
    }
    let mut again = Command::new("apt-get");
    program::run(again.args(["--quiet", "download", package]).current_dir(into))
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let entry = fs::read_dir(folder)?
        .next()
        .with_context(|| format!("apt-get put nothing into {}", folder.display()))?;
    Ok(entry?.path())
}
