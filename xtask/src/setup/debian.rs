//! Servers and tools from Debian and its kin, unpacked under `target/debian` instead of installed: that needs no root,
//! starts no service and leaves with `cargo clean`. Shared libraries that the machine has not are unpacked beside them;
//! whoever starts such a program points it there. What must be newer than the machine's release comes from Debian's unstable
//! one, read with lists of its own, and is unpacked apart.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{console::step, program, workspace::Workspace};

/// Debian's own keys, where its systems keep them.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const MIRROR: &str = "http://deb.debian.org/debian";

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("debian")
}

/// Where unpacked programs stand, and those of the machine that are not on the search path: Debian keeps PostgreSQL's apart,
/// by version, and servers where only root looks.
pub(super) fn programs(workspace: &Workspace) -> Vec<PathBuf> {
    let own = folder(workspace);
    let mut folders = vec![own.join("usr/bin"), own.join("usr/sbin")];
    folders.extend(versions(&own.join("usr/lib/postgresql")));
    folders.extend(versions(Path::new("/usr/lib/postgresql")));
    folders.push(PathBuf::from("/usr/sbin"));
    folders
}

/// `NUMBER/bin` in `folder`, the newest first.
fn versions(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut numbers: Vec<u32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers
        .into_iter()
        .map(|number| folder.join(number.to_string()).join("bin"))
        .collect()
}

/// Where unpacked shared libraries stand, for `LD_LIBRARY_PATH` of what is unpacked.
pub(super) fn libraries(workspace: &Workspace) -> Vec<PathBuf> {
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    ["usr/lib", "lib"]
        .map(|part| folder(workspace).join(part).join(&triple))
        .into()
}

/// A program that was unpacked here or that the machine has.
pub(super) fn find(workspace: &Workspace, program: &str) -> Option<PathBuf> {
    program::find(program, &programs(workspace))
}

/// Downloads and unpacks `packages`, and the libraries they need that the machine has not.
pub(super) fn add_with_libraries(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    for package in packages {
        add(workspace, package)?;
    }
    let mut libraries = missing_libraries(packages)?;
    libraries.retain(|library| !packages.contains(&library.as_str()));
    for library in libraries {
        add(workspace, &library)?;
    }
    Ok(())
}

/// The package that `metapackage` stands for, such as `postgresql-15`.
pub(super) fn stands_for(metapackage: &str) -> Result<String> {
    let needed = dependencies(metapackage)?;
    let versioned = needed.into_iter().find(|package| {
        package
            .strip_prefix(metapackage)
            .is_some_and(|rest| rest.starts_with('-'))
    });
    versioned
        .with_context(|| format!("apt-cache knows no package behind `{metapackage}`: run `apt-get update` as root"))
}

/// Packages of shared libraries that `packages` need, directly or not, and that are not installed.
fn missing_libraries(packages: &[&str]) -> Result<BTreeSet<String>> {
    let mut missing = BTreeSet::new();
    let mut unread: Vec<String> = packages.iter().map(ToString::to_string).collect();
    while let Some(package) = unread.pop() {
        for library in dependencies(&package)?.into_iter().filter(|name| is_library(name)) {
            if !is_installed(&library) && missing.insert(library.clone()) {
                unread.push(library);
            }
        }
    }
    Ok(missing)
}

/// Not Perl's modules, and not LLVM, which is 100 MB and only compiles PostgreSQL's queries to machine code.
fn is_library(package: &str) -> bool {
    package.starts_with("lib") && !package.ends_with("-perl") && !package.starts_with("libllvm")
}

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${db:Status-Status}", package]);
    query.stderr(std::process::Stdio::null());
    query.output().is_ok_and(|said| said.stdout == b"installed")
}

/// What `package` depends on, alternatives included.
fn dependencies(package: &str) -> Result<Vec<String>> {
    let mut command = Command::new("apt-cache");
    command.args(["depends", "--important", package]);
    Ok(depends(&program::output(&mut command)?))
}

/// Names after `Depends:` and `PreDepends:`, without the virtual ones in angle brackets.
fn depends(said: &str) -> Vec<String> {
    let name = |line: &str| {
        let line = line.trim_start().trim_start_matches('|');
        let name = line
            .strip_prefix("Depends: ")
            .or_else(|| line.strip_prefix("PreDepends: "))?;
        (!name.starts_with('<')).then(|| name.to_owned())
    };
    said.lines().filter_map(name).collect()
}

/// Downloads and unpacks `package`.
pub(super) fn add(workspace: &Workspace, package: &str) -> Result<()> {
    needs_tools(package)?;
    step(&format!(
        "unpacking Debian's `{package}` under target/debian (at most 100 MB, seconds; nothing is installed or started)"
    ));
    let archives = emptied(folder(workspace).join("archives").join(package))?;
    download(package, &archives)?;
    unpack(&archives, &folder(workspace))
}

fn needs_tools(package: &str) -> Result<()> {
    if ["apt-get", "dpkg-deb"]
        .iter()
        .any(|tool| program::find(tool, &[]).is_none())
    {
        bail!("this is no Debian or Ubuntu: install `{package}` with your system's package manager");
    }
    Ok(())
}

/// What a broken-off download left behind would be taken for the package.
fn emptied(archives: PathBuf) -> Result<PathBuf> {
    if archives.exists() {
        fs::remove_dir_all(&archives)?;
    }
    fs::create_dir_all(&archives).with_context(|| format!("cannot make {}", archives.display()))?;
    Ok(archives)
}

fn unpack(archives: &Path, into: &Path) -> Result<()> {
    let archive = only_file(archives)?;
    program::run(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(into))
}

fn unstable_folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("debian-unstable")
}

/// Where a program from [`add_from_unstable`] stands, whether it is there or not.
pub(super) fn unstable_program(workspace: &Workspace, program: &str) -> PathBuf {
    unstable_folder(workspace).join("usr/bin").join(program)
}

/// Downloads and unpacks the `package` of Debian's unstable release. Only for programs that need hardly a library: they run with
/// those of the machine.
pub(super) fn add_from_unstable(workspace: &Workspace, package: &str) -> Result<()> {
    needs_tools(package)?;
    if !Path::new(KEYRING).is_file() {
        bail!("Debian's keys are not in {KEYRING}: install `debian-archive-keyring`");
    }
    step(&format!(
        "unpacking `{package}` of Debian's unstable release under target/debian-unstable (150 MB, seconds; nothing is installed or started)"
    ));
    let folder = unstable_folder(workspace);
    fs::create_dir_all(folder.join("lists/partial"))?;
    fs::create_dir_all(folder.join("cache/archives/partial"))?;
    fs::write(
        folder.join("sources.list"),
        format!("deb [signed-by={KEYRING}] {MIRROR} unstable main\n"),
    )?;
    program::run(unstable_apt(&folder).args(["--quiet", "update"]))?;
    let archives = emptied(folder.join("archives").join(package))?;
    program::run(
        unstable_apt(&folder)
            .args(["--quiet", "download", package])
            .current_dir(&archives),
    )?;
    unpack(&archives, &folder)
}

/// Sees only the unstable release, and leaves the machine's lists alone, so that it needs no root.
fn unstable_apt(folder: &Path) -> Command {
    let mut apt = Command::new("apt-get");
    let mut option = |name: &str, value: &str| {
        apt.arg("--option").arg(format!("{name}={value}"));
    };
    for (name, own) in [
        ("Dir::Etc::SourceList", "sources.list"),
        ("Dir::State::Lists", "lists"),
        ("Dir::Cache", "cache"),
    ] {
        option(name, &folder.join(own).display().to_string());
    }
    option("Dir::Etc::SourceParts", "/dev/null");
    option("Acquire::Languages", "none");
    option("Acquire::IndexTargets::deb::DEP-11::DefaultEnabled", "false");
    option("APT::Sandbox::User", "root");
    apt
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_package_depends_on_is_read_from_what_apt_says() {
        let said =
            "redis-tools\n  PreDepends: init\n |Depends: liblzf1\n  Depends: <virtual>\n    liblua\n  Suggests: x\n";
        assert_eq!(depends(said), ["init", "liblzf1"]);
        let libraries = ["liblzf1", "libjson-perl", "libllvm14", "adduser"].map(is_library);
        assert_eq!(libraries, [true, false, false, false]);
    }
}
