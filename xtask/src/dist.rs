//! A release as one archive that runs by itself, and the proof that it does: it is unpacked elsewhere and started.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    build::{self, Profile},
    console::{note, step},
    host_process::{Start, scratch, value_of},
    program,
    run::QUICKSTART,
    workspace::{VERSION, Workspace},
};

/// Shells whose completions are in the archive.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];
/// What the quickstart shows when it works.
const PROOF: &str = "bellwether_check_up{check=\"machine\"}";
/// A first start compiles the bundled plugins.
const PROOF_PATIENCE: Duration = Duration::from_secs(60);

/// Of `cargo xtask dist`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

/// `cargo xtask dist`.
pub(crate) fn perform(workspace: &Workspace, _options: &Options) -> Result<()> {
    let binary = build::everything(workspace, Profile::Release)?;
    let name = format!("bellwether-{VERSION}-{}", host_triple()?);
    let staging = scratch(workspace.target(), "dist")?;
    fill(workspace, &binary, &staging.join(&name))?;
    let archive = workspace.root().join("dist").join(format!("{name}.tar.gz"));
    pack(&staging, &name, &archive)?;
    prove(&archive, &name)?;
    println!("{}", archive.display());
    Ok(())
}

/// Lays out what the reader of the README unpacks: the program, and a configuration where the program looks for one.
fn fill(workspace: &Workspace, binary: &Path, folder: &Path) -> Result<()> {
    step("laying out the archive");
    fs::create_dir_all(folder)?;
    let copy = |from: PathBuf, to: &str| {
        fs::copy(&from, folder.join(to))
            .map(drop)
            .with_context(|| format!("cannot copy {}", from.display()))
    };
    copy(binary.to_path_buf(), "bellwether")?;
    copy(workspace.root().join(QUICKSTART), "bellwether.toml")?;
    for document in ["README.md", "REFERENCE.md", "CHANGELOG.md", "LICENSE"] {
        copy(workspace.root().join(document), document)?;
    }
    let completions = folder.join("completions");
    fs::create_dir_all(&completions)?;
    for shell in SHELLS {
        let text = program::output(Command::new(binary).args(["completions", shell]))?;
        fs::write(completions.join(format!("bellwether.{shell}")), text)?;
    }
    Ok(())
}

fn pack(staging: &Path, name: &str, archive: &Path) -> Result<()> {
    step(&format!("packing {}", archive.display()));
    let folder = archive.parent().context("the archive stands in a folder")?;
    fs::create_dir_all(folder)?;
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(archive);
    if is_gnu_tar() {
        // Who built it is nobody's business, and equal inputs should give equal listings.
        tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    }
    program::run(tar.arg("-C").arg(staging).arg(name))?;
    note(&format!("{} KiB", fs::metadata(archive)?.len() / 1024));
    Ok(())
}

fn is_gnu_tar() -> bool {
    Command::new("tar")
        .arg("--version")
        .output()
        .is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("GNU"))
}

/// Unpacks and starts it as the README says, with nothing of the clone in reach, and waits for the quickstart's check.
fn prove(archive: &Path, name: &str) -> Result<()> {
    step("unpacking the archive elsewhere and running it");
    let elsewhere = scratch(&env::temp_dir(), &format!("dist-{}", std::process::id()))?;
    program::run(Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&elsewhere))?;
    let unpacked = elsewhere.join(name);
    let start = Start {
        binary: unpacked.join("bellwether"),
        config: unpacked.join("bellwether.toml"),
        state: elsewhere.join("state"),
    };
    let host = start.start()?;
    let scrape = host.scrape_until(PROOF_PATIENCE, |text| value_of(text, PROOF) == Some(1.0))?;
    note(&format!(
        "{PROOF} 1 after {} ms, {} bytes of metrics",
        host.started().elapsed().as_millis(),
        scrape.len()
    ));
    let status = host.stop()?;
    if !status.success() {
        bail!("the unpacked host was asked to stop and ended with {status}");
    }
    fs::remove_dir_all(&elsewhere).with_context(|| format!("cannot remove {}", elsewhere.display()))?;
    Ok(())
}

/// What the compiler calls this kind of machine.
fn host_triple() -> Result<String> {
    let text = program::output(Command::new("rustc").arg("-vV"))?;
    let triple = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(triple.context("`rustc -vV` names no host")?.to_owned())
}
