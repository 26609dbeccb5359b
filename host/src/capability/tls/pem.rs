//! Certificates and keys from PEM files.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

/// Largest file read. A system's whole set of roots is 250 KiB; past this somebody named the wrong file.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Why a file of `tls` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// Not there, or not for us.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not what it should be.
    #[error("{} holds {problem}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What it holds instead.
        problem: String,
    },
}

fn content(path: &Path, problem: impl Into<String>) -> PemError {
    PemError::Content {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

/// Every certificate in a file; at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    match found {
        Ok(found) if found.is_empty() => Err(content(path, "no certificate: a `BEGIN CERTIFICATE` section is needed")),
        Ok(found) => Ok(found),
        Err(error) => Err(content(path, format!("PEM that cannot be read: {error}"))),
    }
}

/// The first private key in a file.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| {
        content(
            path,
            format!("no private key that can be read without a passphrase: {error}"),
        )
    })
}

fn read(path: &Path) -> Result<Vec<u8>, PemError> {
    let failed = |source| PemError::Read {
        path: path.to_owned(),
        source,
    };
    // A pipe would be waited for.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(failed)?.take(BYTES_MAX + 1);
    file.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(content(path, "more than 4 MiB: that is no certificate or key"));
    }
    Ok(bytes)
}
