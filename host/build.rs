//! Embeds the bundled plugins and their rule packs.
//!
//! Flows in: `NAME.wasm` files from the folder named by `BELLWETHER_PLUGINS`, else from `plugins` in the target directory,
//! where `cargo xtask build` puts them. Flows out: the same compressed, and a table of them, in `OUT_DIR`, which
//! `src/bundled.rs` includes. Without such files the host builds all the same, with nothing bundled, so that `cargo check`
//! works on a fresh clone.
//!
//! Rule packs are `NAME.rules.yml` beside the components, else `rules.yml` in the folder of each plugin of this repository.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::ZlibEncoder};

/// Set to take plugins from elsewhere, for distributions with plugins of their own.
const VARIABLE: &str = "BELLWETHER_PLUGINS";
/// Cargo puts this file at the top of every target directory.
const TARGET_MARK: &str = "CACHEDIR.TAG";

fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?);
    let folder = folder(&out)?;
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    // The folder itself, for files that come and go.
    println!("cargo::rerun-if-changed={}", folder.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut embedded = Vec::new();
    for (name, path) in components(&folder)? {
        println!("cargo::rerun-if-changed={}", path.display());
        let file = out.join(format!("{name}.wasm.zlib"));
        fs::write(&file, compressed(&fs::read(path)?)?)?;
        embedded.push((name, file));
    }
    fs::write(out.join("bundled.rs"), table("include_bytes!", &embedded))?;
    fs::write(out.join("packs.rs"), table("include_str!", &packs(&folder)?))
}

/// Names and files of rule packs, sorted. One beside the components goes before that of this repository.
fn packs(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = BTreeMap::new();
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let plugins = manifest.join("../plugins");
    if plugins.is_dir() {
        println!("cargo::rerun-if-changed={}", plugins.display());
        for entry in fs::read_dir(plugins.canonicalize()?)? {
            let entry = entry?;
            let pack = entry.path().join("rules.yml");
            if pack.is_file()
                && let Some(name) = entry.file_name().to_str()
            {
                found.insert(name.to_owned(), pack);
            }
        }
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(name) = name.and_then(|name| name.strip_suffix(".rules.yml")) {
            found.insert(name.to_owned(), path.clone());
        }
    }
    for pack in found.values() {
        println!("cargo::rerun-if-changed={}", pack.display());
    }
    Ok(found.into_iter().collect())
}

/// Components shrink to two fifths. It takes a tenth of a second each, once, and undoing it a few milliseconds.
fn compressed(component: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    io::Write::write_all(&mut encoder, component)?;
    encoder.finish()
}

/// Where components are. The default one is made when it is missing: cargo would run this again at every build for the
/// sake of a folder that does not exist.
fn folder(out: &Path) -> io::Result<PathBuf> {
    if let Some(chosen) = env::var_os(VARIABLE) {
        let chosen = PathBuf::from(chosen);
        if !chosen.is_dir() {
            return Err(io::Error::other(format!(
                "{VARIABLE} names {}, which is no folder",
                chosen.display()
            )));
        }
        return chosen.canonicalize();
    }
    let target = out.ancestors().find(|folder| folder.join(TARGET_MARK).is_file());
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let folder = target
        .map_or_else(|| manifest.join("../target"), Path::to_path_buf)
        .join("plugins");
    fs::create_dir_all(&folder)?;
    folder.canonicalize()
}

/// Names and files, sorted, so that equal plugins give equal binaries.
fn components(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm")
            && let Some(name) = path.file_stem().and_then(|stem| stem.to_str())
        {
            found.push((name.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

/// A slice of names and what `include` makes of the files.
fn table(include: &str, files: &[(String, PathBuf)]) -> String {
    let mut text = String::from("&[\n");
    for (name, path) in files {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    ({name:?}, {include}({path:?})),");
    }
    text.push_str("]\n");
    text
}
