//! Guests of the sandbox's tests: components that misbehave on purpose, and one each in Python and JavaScript.
//!
//! The Rust ones are a workspace of their own under `host/tests/guests`, because they are built for WebAssembly only.
//! The others have a script each, which brings its own toolchain and does nothing when its component is up to date.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::{
    console::{note, step},
    program,
    workspace::{Workspace, in_ci},
};

/// Where the guests' workspace stands.
const FOLDER: &str = "host/tests/guests";

/// A workspace of its own as well.
const BENCH_FOLDER: &str = "xtask/bench-guest";

/// A guest that is not written in Rust.
struct Foreign {
    language: &'static str,
    script: &'static str,
    tools: &'static [&'static str],
    cost: &'static str,
}

const FOREIGN: [Foreign; 2] = [
    Foreign {
        language: "Python",
        script: "build-python.sh",
        tools: &["python3"],
        cost: "80 MB, half a minute",
    },
    Foreign {
        language: "JavaScript",
        script: "build-javascript.sh",
        tools: &["node", "npm"],
        cost: "390 MB, a minute",
    },
];

/// Where the component of a guest in another language stands once built.
pub(crate) fn foreign_component(workspace: &Workspace, language: &str) -> PathBuf {
    workspace.root().join("target/guests").join(format!("{language}.wasm"))
}

/// Where the component that benchmarks run stands once built.
pub(crate) fn bench_component(workspace: &Workspace) -> PathBuf {
    workspace
        .root()
        .join(BENCH_FOLDER)
        .join("target/wasm32-wasip2/release/bench_guest.wasm")
}

/// Builds what benchmarks run.
pub(crate) fn build_for_bench(workspace: &Workspace) -> Result<()> {
    step("building the component that benchmarks run");
    let folder = workspace.root().join(BENCH_FOLDER);
    let mut command = workspace.cargo(&["build", "--target", "wasm32-wasip2", "--release"]);
    program::run(
        command
            .arg("--target-dir")
            .arg(folder.join("target"))
            .current_dir(&folder),
    )
}

/// Builds all of them. On a person's machine a foreign one that cannot be built is said and left.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let folder = workspace.root().join(FOLDER);
    if folder.join("Cargo.toml").exists() {
        step("building the sandbox's misbehaving guests");
        let mut command = workspace.cargo(&["build", "--examples", "--target", "wasm32-wasip2", "--profile", "guest"]);
        program::run(
            command
                .arg("--target-dir")
                .arg(folder.join("target"))
                .current_dir(&folder),
        )?;
    }
    for guest in &FOREIGN {
        build_foreign(workspace, guest)?;
    }
    Ok(())
}

fn build_foreign(workspace: &Workspace, guest: &Foreign) -> Result<()> {
    let script = workspace.root().join(FOLDER).join(guest.script);
    let out = workspace.root().join("target/guests");
    step(&format!(
        "building the {} guest (the first time it brings its toolchain: {})",
        guest.language, guest.cost
    ));
    let built = match guest.tools.iter().find(|tool| program::find(tool, &[]).is_none()) {
        Some(tool) => Err(anyhow::anyhow!("there is no `{tool}`")),
        None => program::run(Command::new("sh").arg(script).arg(out)),
    };
    match built {
        Err(error) if !in_ci() => {
            note(&format!("the {} guest could not be built: {error:#}", guest.language));
            Ok(())
        }
        other => other,
    }
}
