//! Why there is no sandbox, or no plugin.

use std::{io, path::PathBuf};

use crate::{
    config,
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

/// What to write instead of a name that no bundled plugin has.
fn bundled(name: &str, known: &[&'static str]) -> String {
    let there = match (config::nearest(name, known.iter().copied()), known) {
        (_, []) => "it was built without any".to_owned(),
        (Some(meant), _) => format!("did you mean `{meant}`? There are: {}", known.join(", ")),
        (None, _) => format!("there are: {}", known.join(", ")),
    };
    format!("{there}; a file is named by its path, such as `./{name}.wasm`")
}

/// Why a plugin cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No plugin of that name.
    #[error("no plugin `{name}` came with this host; {}", bundled(.name, .known))]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_not_bundled_gets_the_nearest_one_and_the_list() {
        let said = |name: &str, known: &[&'static str]| {
            let (name, known) = (name.to_owned(), known.to_vec());
            LoadError::NotBundled { name, known }.to_string()
        };
        assert_eq!(
            said("systme", &["redis-queue", "system"]),
            "no plugin `systme` came with this host; did you mean `system`? There are: redis-queue, system; a file is named \
             by its path, such as `./systme.wasm`"
        );
        assert!(said("zebra", &["redis-queue", "system"]).contains("host; there are: redis-queue, system; a file"));
        assert!(said("system", &[]).contains("it was built without any"));
    }
}
