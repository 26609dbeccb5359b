//! Why there is no sandbox, or no plugin.

use std::{io, path::PathBuf};

use crate::{
    outcome::Failure,
    sandbox::{
        cache::CacheError,
        compile::CompileError,
        describe::DescriptionError,
        inspect::{CONTRACT_VERSION, InspectError},
    },
};

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The machine cannot run WebAssembly as configured.
    #[error("cannot start the WebAssembly engine: {0}")]
    Engine(String),
    /// No thread.
    #[error("cannot start a thread for the WebAssembly engine: {0}")]
    Thread(io::Error),
    /// See [`CacheError`].
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Why a plugin cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No plugin of that name.
    #[error("no plugin `{name}` came with this host (there are: {}); a file is named by its path, such as `./{name}.wasm`", .known.join(", "))]
    NotBundled {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not what was pinned.
    #[error(
        "`{plugin}` hashes to sha256 {found}, and the configuration pins {pinned}: it is not the file that was reviewed"
    )]
    Pin {
        /// As in the configuration.
        plugin: String,
        /// Lower-case hexadecimal.
        found: String,
        /// Lower-case hexadecimal.
        pinned: String,
    },
    /// No plugin.
    #[error("`{plugin}` is no usable plugin: {source}")]
    Inspect {
        /// As in the configuration.
        plugin: String,
        /// Why.
        source: InspectError,
    },
    /// It does not compile.
    #[error("`{plugin}` does not compile: {source}")]
    Compile {
        /// As in the configuration.
        plugin: String,
        /// Why.
        source: CompileError,
    },
    /// See [`CacheError`].
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Its imports or exports have the wrong types.
    #[error(
        "`{plugin}` does not fit this host (built for API {built_for}, host provides {CONTRACT_VERSION}): {problem}"
    )]
    Link {
        /// As in the configuration.
        plugin: String,
        /// Contract version.
        built_for: String,
        /// The whole chain.
        problem: String,
    },
    /// `describe` did not return.
    #[error("`{plugin}` cannot describe itself: {}", .failure.message)]
    Describe {
        /// As in the configuration.
        plugin: String,
        /// Reason and message.
        failure: Failure,
    },
    /// `describe` returned nonsense.
    #[error("the description of `{plugin}` is not acceptable: {source}")]
    Description {
        /// As in the configuration.
        plugin: String,
        /// Why.
        source: DescriptionError,
    },
    /// A thread could not be started, or panicked.
    #[error("the host itself failed while loading `{plugin}`: {problem}")]
    Host {
        /// As in the configuration.
        plugin: String,
        /// What happened.
        problem: String,
    },
}
