//! From sources to components and a host that has them inside.
//!
//! Plugins are built first, all in one call of cargo, and copied to `target/plugins/NAME.wasm`, where the host's build
//! script looks. A copy that would change nothing is not made, so that the host is not built again for it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::{
    console::{note, span, step},
    program, setup,
    workspace::{Package, Workspace},
};

/// What every guest is built for.
const GUEST_TARGET: &str = "wasm32-wasip2";
/// The cargo profile of components: small, with function names for traps.
const GUEST_PROFILE: &str = "plugin";
/// How a component begins: the magic of WebAssembly, then version 13 of layer 1. A core module has other last bytes.
const COMPONENT_PREAMBLE: [u8; 8] = [0x00, b'a', b's', b'm', 0x0d, 0x00, 0x01, 0x00];

/// Of `cargo xtask build`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Optimise the host fully, as in the archive.
    #[arg(long)]
    release: bool,
    /// Only the plugins, to target/plugins.
    #[arg(long, conflicts_with = "release")]
    plugins: bool,
}

impl Options {
    /// How to build the host; `None`: not at all.
    fn host_profile(&self) -> Option<Profile> {
        match (self.plugins, self.release) {
            (true, _) => None,
            (false, true) => Some(Profile::Release),
            (false, false) => Some(Profile::Dev),
        }
    }
}

/// How the host is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build; dependencies are optimised all the same.
    Dev,
    /// What is shipped.
    Release,
}

impl Profile {
    /// Cargo's output folder.
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// `cargo xtask build`.
pub(crate) fn perform(workspace: &Workspace, options: &Options) -> Result<()> {
    let Some(profile) = options.host_profile() else {
        setup::for_building(workspace)?;
        return plugins(workspace);
    };
    let binary = everything(workspace, profile)?;
    println!("{}", binary.display());
    Ok(())
}

/// Sets up what building needs, builds plugins and host, and returns the host's binary.
pub(crate) fn everything(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    if !workspace.host_binary(profile.folder()).exists() {
        note(match profile {
            Profile::Dev => {
                "the first build compiles some 300 crates: about 10 minutes on two idle cores, 2 on sixteen; later ones take seconds"
            }
            Profile::Release => "the first release build takes about 15 minutes on two idle cores, 4 on sixteen",
        });
    }
    setup::for_building(workspace)?;
    plugins(workspace)?;
    host(workspace, profile)
}

/// Builds `plugins/*` to `target/plugins`.
pub(crate) fn plugins(workspace: &Workspace) -> Result<()> {
    let packages = workspace.components_under("plugins");
    step(&format!(
        "building {} bundled plugin(s) to WebAssembly components",
        packages.len()
    ));
    let destination = workspace.plugins();
    components(workspace, &packages, &destination)?;
    remove_strangers(&packages, &destination)
}

/// Builds `examples/*` to `target/example-plugins`, where tests find them.
pub(crate) fn examples(workspace: &Workspace) -> Result<()> {
    let packages = workspace.components_under("examples");
    step(&format!("building {} example plugin(s)", packages.len()));
    components(workspace, &packages, &workspace.target().join("example-plugins"))
}

/// Builds the host.
fn host(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    let binary = workspace.host_binary(profile.folder());
    step("building the host");
    let started = Instant::now();
    let mut command = workspace.cargo(&["build", "--workspace", "--bin", "bellwether"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    program::run(&mut command)?;
    note(&format!("host built in {}", span(started.elapsed())));
    Ok(binary)
}

/// One cargo call for all, then a copy of each.
fn components(workspace: &Workspace, packages: &[&Package], destination: &Path) -> Result<()> {
    let mut command = workspace.cargo(&["build", "--target", GUEST_TARGET, "--profile", GUEST_PROFILE, "--lib"]);
    for package in packages {
        command.args(["--package", &package.id]);
    }
    program::run(&mut command)?;
    let built = workspace.target().join(GUEST_TARGET).join(GUEST_PROFILE);
    fs::create_dir_all(destination).with_context(|| format!("cannot make {}", destination.display()))?;
    for package in packages {
        let from = built.join(format!("{}.wasm", package.name.replace('-', "_")));
        install(&from, &destination.join(format!("{}.wasm", package.name)))?;
    }
    Ok(())
}

/// Copies a component unless an equal one is there.
fn install(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cargo built no {}", from.display()))?;
    if !bytes.starts_with(&COMPONENT_PREAMBLE) {
        bail!(
            "{} is not a component: is its crate-type `cdylib` and its target {GUEST_TARGET}?",
            from.display()
        );
    }
    if fs::read(to).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    fs::write(to, &bytes).with_context(|| format!("cannot write {}", to.display()))?;
    note(&format!("{} ({} KiB)", to.display(), bytes.len() / 1024));
    Ok(())
}

/// Removes components of plugins that are gone, which would be embedded for ever.
fn remove_strangers(packages: &[&Package], folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let known = packages
            .iter()
            .any(|package| path.file_stem().is_some_and(|stem| stem == package.name.as_str()));
        if !known && path.extension().is_some_and(|extension| extension == "wasm") {
            note(&format!("removing {}: no such plugin any more", path.display()));
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_left_alone_when_only_plugins_are_asked_for() {
        let options = |release, plugins| Options { release, plugins };
        assert_eq!(options(false, true).host_profile(), None);
        assert_eq!(options(true, false).host_profile(), Some(Profile::Release));
        assert_eq!(options(false, false).host_profile(), Some(Profile::Dev));
    }

    #[test]
    fn a_core_module_is_not_installed_as_a_component() {
        let folder = std::env::temp_dir().join(format!("xtask-build-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let module = folder.join("module.wasm");
        fs::write(&module, b"\0asm\x01\0\0\0").unwrap();
        let error = install(&module, &folder.join("out.wasm")).unwrap_err().to_string();
        assert!(error.contains("is not a component"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }
}
