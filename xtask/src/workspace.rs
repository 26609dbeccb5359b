//! Where things are: the clone, its target directory, its crates.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::program;

/// The version that all crates of the workspace share.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The clone that xtask was started in, and what cargo says about it.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// As in its manifest.
    pub(crate) name: String,
    /// What cargo calls it where a name alone would be ambiguous: `http` is also a crate that half the tree depends on.
    pub(crate) id: String,
    manifest_path: PathBuf,
    targets: Vec<CargoTarget>,
}

#[derive(Debug, Deserialize)]
struct CargoTarget {
    crate_types: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
    packages: Vec<Package>,
}

impl Package {
    /// Whether it builds to a component.
    pub(crate) fn is_component(&self) -> bool {
        self.targets
            .iter()
            .any(|target| target.crate_types.iter().any(|kind| kind == "cdylib"))
    }

    /// The folder of its manifest.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new(""))
    }
}

impl Workspace {
    /// Asks cargo. Works from any folder of the clone.
    pub(crate) fn locate() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let mut command = Command::new(cargo());
        command
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(manifest);
        let text = program::output(&mut command)?;
        let metadata: Metadata = serde_json::from_str(&text).context("`cargo metadata` printed an unknown shape")?;
        Ok(Self {
            root: metadata.workspace_root,
            target: metadata.target_directory,
            packages: metadata.packages,
        })
    }

    /// The top of the clone.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Bundled components, `NAME.wasm`; the host's build script embeds them from here.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.target.join("plugins")
    }

    /// Its members, by name.
    pub(crate) fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The crates directly under `folder` (`plugins`, `examples`) that build to components, by name.
    pub(crate) fn components_under(&self, folder: &str) -> Vec<&Package> {
        let parent = self.root.join(folder);
        let mut found: Vec<_> = self
            .packages
            .iter()
            .filter(|package| package.is_component() && package.folder().parent() == Some(&parent))
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// The host's binary, built in a profile whose output folder is `profile`.
    pub(crate) fn host_binary(&self, profile: &str) -> PathBuf {
        self.target
            .join(profile)
            .join(format!("bellwether{}", env::consts::EXE_SUFFIX))
    }

    /// A cargo command at the top of the clone.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(cargo());
        command.args(arguments).current_dir(&self.root);
        for name in of_this_package() {
            command.env_remove(name);
        }
        command
    }
}

/// What `cargo run` told us about our own package. Build scripts of others (ring's) look at the same names, and would
/// run again, and all that depends on them be compiled again, whenever a build is started the other way.
fn of_this_package() -> impl Iterator<Item = String> {
    let ours = |name: &String| {
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(ours)
}

/// The cargo that started us, so that nested calls use the same toolchain.
fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// Whether a missing server is a failure rather than a skipped suite.
pub(crate) fn in_ci() -> bool {
    ["CI", "BELLWETHER_CI"]
        .iter()
        .any(|name| env::var(name).is_ok_and(|value| value == "true" || value == "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_names_its_plugins_and_examples() {
        let workspace = Workspace::locate().unwrap();
        let names = |folder| {
            workspace
                .components_under(folder)
                .iter()
                .map(|p| p.name.clone())
                .collect::<Vec<_>>()
        };
        assert!(names("plugins").contains(&"system".to_owned()));
        assert!(names("examples").contains(&"custom-check".to_owned()));
    }
}
