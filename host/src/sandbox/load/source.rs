//! Where components come from: the table that came with the host, or a file.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use sha2::{Digest, Sha256};

use super::LoadError;
use crate::{
    config::{PluginOrigin, PluginSource},
    sandbox::{cache::hex, inspect::COMPONENT_BYTES_MAX},
};

/// Names and components that came with the host, compressed with zlib.
pub(super) type Bundled = &'static [(&'static str, &'static [u8])];

/// As in the configuration.
pub(super) fn label(source: &PluginSource) -> String {
    match &source.origin {
        PluginOrigin::Bundled(name) => name.clone(),
        PluginOrigin::File(path) => path.display().to_string(),
    }
}

/// A component that came with the host.
pub(super) fn bundled(all: Bundled, name: &str) -> Result<Vec<u8>, LoadError> {
    let found = all.iter().find(|(bundled, _)| *bundled == name);
    let (_, compressed) = found.ok_or_else(|| LoadError::NotBundled {
        name: name.to_owned(),
        known: all.iter().map(|(name, _)| *name).collect(),
    })?;
    let mut component = Vec::new();
    let mut decoder = flate2::read::ZlibDecoder::new(*compressed).take(COMPONENT_BYTES_MAX + 1);
    decoder.read_to_end(&mut component).map_err(|error| LoadError::Host {
        plugin: name.to_owned(),
        problem: format!("what came with the host is damaged: {error}"),
    })?;
    Ok(component)
}

/// What a pin and the cache go by.
pub(super) fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Whether it is the component that was reviewed.
pub(super) fn check_pin(source: &PluginSource, plugin: &str, sha256: &[u8; 32]) -> Result<(), LoadError> {
    match &source.sha256 {
        Some(pinned) if pinned != sha256 => Err(LoadError::Pin {
            plugin: plugin.to_owned(),
            found: hex(sha256),
            pinned: hex(pinned),
        }),
        _ => Ok(()),
    }
}

/// Reads a regular file, one byte past the cap at most, so that `inspect` can say it is too large.
pub(super) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // Before opening: that would wait for the other end of a pipe.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(COMPONENT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
