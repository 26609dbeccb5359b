//! The certificate: loaded, checked, and reread when its files change.
//!
//! Flows in: two PEM files. Flows out: a rustls configuration for each new connection. A bad file never replaces a good
//! one: connections go on with what was loaded before, and the error says which file and why. It opens no sockets.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    InconsistentKeys, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use sha2::{Digest as _, Sha256};

use crate::config::TlsFiles;

/// Largest PEM file read. A long chain is 20 KiB; past this somebody named the wrong file.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not there, or not for us.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Longer than a certificate or key can be.
    #[error("{} is larger than 1 MiB: that is no certificate or key", .0.display())]
    TooLarge(PathBuf),
    /// PEM that cannot be read.
    #[error("{} is not valid PEM: {reason}", path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key file, perhaps.
    #[error("no certificate in {}: it must hold a `BEGIN CERTIFICATE` section, the server's own certificate first", .0.display())]
    NoCertificate(PathBuf),
    /// A certificate file, perhaps.
    #[error("no private key in {}: it must hold a `BEGIN PRIVATE KEY` section (or `RSA`, `EC`)", .0.display())]
    NoKey(PathBuf),
    /// A passphrase would be needed.
    #[error("the key in {} is encrypted; write it without a passphrase (`openssl pkey -in … -out …`)", .0.display())]
    EncryptedKey(PathBuf),
    /// They belong to different pairs.
    #[error("the key in {} does not match the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// rustls does not want it.
    #[error("the certificate in {} with the key in {} cannot be used: {reason}", certificate.display(), key.display())]
    Refused {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// What rustls said.
        reason: rustls::Error,
    },
}

type Fingerprint = [u8; 32];

/// What became of a look at the files.
#[derive(Debug)]
pub(super) enum Refreshed {
    /// They are as they were.
    Unchanged,
    /// They just changed; they are used when they are still the same at the next look, so that a certificate is not
    /// taken with the key of its predecessor.
    Settling,
    /// New connections get the new certificate.
    Replaced,
    /// The new files are no good; the old certificate stays. Said once per change.
    Refused(TlsError),
}

/// The certificate in use.
#[derive(Debug)]
pub(super) struct Tls {
    files: TlsFiles,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: Arc<ServerConfig>,
    /// Of what was last loaded or refused.
    judged: Fingerprint,
    /// Of what was last seen.
    seen: Fingerprint,
}

impl Tls {
    pub(super) fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let pem = Pem::read(files)?;
        let print = pem.fingerprint();
        let state = State {
            config: Arc::new(configure(files, &pem)?),
            judged: print,
            seen: print,
        };
        Ok(Self {
            files: files.clone(),
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a new connection.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.state().config)
    }

    pub(super) fn files(&self) -> &TlsFiles {
        &self.files
    }

    /// Looks at the files again. Blocks on the disk.
    pub(super) fn refresh(&self) -> Refreshed {
        let pem = Pem::read(&self.files);
        let print = match &pem {
            Ok(pem) => pem.fingerprint(),
            Err(error) => Sha256::digest(error.to_string()).into(),
        };
        let mut state = self.state();
        let settled = state.seen == print;
        state.seen = print;
        if state.judged == print {
            return Refreshed::Unchanged;
        }
        if !settled {
            return Refreshed::Settling;
        }
        state.judged = print;
        match pem.and_then(|pem| configure(&self.files, &pem)) {
            Ok(config) => {
                state.config = Arc::new(config);
                Refreshed::Replaced
            }
            Err(error) => Refreshed::Refused(error),
        }
    }
}

struct Pem {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Pem {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: read(&files.key)?,
        })
    }

    fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update((self.certificate.len() as u64).to_le_bytes());
        hash.update(&self.certificate);
        hash.update(&self.key);
        hash.finalize().into()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read {
        path: path.to_owned(),
        source,
    };
    // A pipe would be waited for, and the thread that looks at certificates has other things to do.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(failed)?.take(PEM_BYTES_MAX + 1);
    file.read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > PEM_BYTES_MAX {
        return Err(TlsError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}

fn configure(files: &TlsFiles, pem: &Pem) -> Result<ServerConfig, TlsError> {
    let chain = certificates(&files.certificate, &pem.certificate)?;
    let key = private_key(&files.key, &pem.key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (certificate, key_path) = (files.certificate.clone(), files.key.clone());
    let refused = |reason| match reason {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch {
            certificate: certificate.clone(),
            key: key_path.clone(),
        },
        reason => TlsError::Refused {
            certificate: certificate.clone(),
            key: key_path.clone(),
            reason,
        },
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(refused)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(TlsError::NoCertificate(path.to_owned())),
        Ok(chain) => Ok(chain),
        Err(error) => Err(TlsError::Pem {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}

fn private_key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    use rustls::pki_types::pem::Error;

    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        Error::NoItemsFound if contains(pem, b"BEGIN ENCRYPTED PRIVATE KEY") => TlsError::EncryptedKey(path.to_owned()),
        Error::NoItemsFound => TlsError::NoKey(path.to_owned()),
        error => TlsError::Pem {
            path: path.to_owned(),
            reason: error.to_string(),
        },
    })
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pair {
        certificate: String,
        key: String,
    }

    fn pair() -> Pair {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        Pair {
            certificate: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        }
    }

    fn files(dir: &tempfile::TempDir) -> TlsFiles {
        TlsFiles {
            certificate: dir.path().join("cert.pem"),
            key: dir.path().join("key.pem"),
        }
    }

    fn write(files: &TlsFiles, certificate: &str, key: &str) {
        std::fs::write(&files.certificate, certificate).expect("written");
        std::fs::write(&files.key, key).expect("written");
    }

    #[test]
    fn what_is_wrong_is_said_with_the_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = files(&dir);
        let (one, other) = (pair(), pair());
        assert!(
            Tls::load(&files)
                .expect_err("absent")
                .to_string()
                .contains("cert.pem: No such file")
        );
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let torn = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for (certificate, key, expected) in [
            ("", &*one.key, "no certificate in"),
            (&*one.key, &*one.key, "no certificate in"),
            (&*one.certificate, "hello", "no private key in"),
            (&*one.certificate, &*one.certificate, "no private key in"),
            (&*one.certificate, encrypted, "is encrypted"),
            (&*one.certificate, &*other.key, "does not match the certificate in"),
            (torn, &*one.key, "is not valid PEM"),
        ] {
            write(&files, certificate, key);
            let error = Tls::load(&files).expect_err(expected).to_string();
            assert!(
                error.contains(expected) && error.contains(dir.path().to_str().expect("text")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_changed_file_is_taken_when_it_has_settled_and_a_bad_one_never() {
        let dir = tempfile::tempdir().expect("a directory");
        let files = files(&dir);
        let (one, other) = (pair(), pair());
        write(&files, &one.certificate, &one.key);
        let tls = Tls::load(&files).expect("a good pair");
        let first = tls.config();
        assert!(matches!(tls.refresh(), Refreshed::Unchanged));

        write(&files, &other.certificate, &one.key);
        assert!(matches!(tls.refresh(), Refreshed::Settling));
        assert!(matches!(tls.refresh(), Refreshed::Refused(TlsError::Mismatch { .. })));
        assert!(matches!(tls.refresh(), Refreshed::Unchanged), "said once");
        assert!(Arc::ptr_eq(&tls.config(), &first));

        write(&files, &other.certificate, &other.key);
        assert!(matches!(tls.refresh(), Refreshed::Settling));
        assert!(matches!(tls.refresh(), Refreshed::Replaced));
        assert!(!Arc::ptr_eq(&tls.config(), &first));

        std::fs::remove_file(&files.key).expect("removed");
        assert!(matches!(tls.refresh(), Refreshed::Settling));
        assert!(matches!(tls.refresh(), Refreshed::Refused(TlsError::Read { .. })));
    }
}
