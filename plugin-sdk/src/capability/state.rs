//! A small memory between runs, one per check; it survives a restart. Needs no grant.
//!
//! A run reads its own writes. They are kept when the run returns, `Ok` or `Err`, together with its report; a trap or a limit
//! discards them. There are 64 KiB per check unless the configuration says otherwise. Running totals do not belong here:
//! [`crate::metric::Increments`] and [`crate::metric::Observations`] let the host keep them.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Failure, capability::host::state as host};

/// Why the state could not be read or written; in the host's words, or those of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateError(String);

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "state: {}", self.0)
    }
}

impl std::error::Error for StateError {}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::internal(error)
    }
}

/// The bytes under `key`.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, StateError> {
    host::get(key).map_err(StateError)
}

/// Replaces the bytes under `key`. Refused when they do not fit.
pub fn set(key: &str, value: &[u8]) -> Result<(), StateError> {
    host::set(key, value).map_err(StateError)
}

/// Forgets `key`; it need not exist.
pub fn delete(key: &str) -> Result<(), StateError> {
    host::delete(key).map_err(StateError)
}

/// The value under `key`. An error when an older version of the plugin left something that does not parse: a plugin that
/// changes what it keeps takes a new key.
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, StateError> {
    let Some(bytes) = get(key)? else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| StateError(format!("`{key}` does not parse: {error}")))
}

/// Replaces the value under `key`. Refused when it does not fit.
pub fn set_json<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<(), StateError> {
    let bytes = serde_json::to_vec(value).map_err(|error| StateError(format!("`{key}` cannot be kept: {error}")))?;
    set(key, &bytes)
}
