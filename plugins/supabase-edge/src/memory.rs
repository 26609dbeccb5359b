//! What lasts between runs, one JSON value under each key.
//!
//! What cannot be read is forgotten and what cannot be kept is said in the log: cadences then start anew, which costs calls
//! and no verdict.

use bellwether_sdk::{log, state};
use serde::{Serialize, de::DeserializeOwned};

/// What was kept under `key`.
pub(crate) fn load<T: DeserializeOwned + Default>(key: &str) -> T {
    state::get_json(key)
        .unwrap_or_else(|error| {
            log::warn(
                "what earlier runs kept cannot be read and is forgotten",
                &[("key", &key), ("error", &error)],
            );
            None
        })
        .unwrap_or_default()
}

/// Keeps a value.
pub(crate) fn keep<T: Serialize>(key: &str, value: &T) {
    if let Err(error) = state::set_json(key, value) {
        log::warn(
            "nothing was kept for the next run: call less, or split the check",
            &[("key", &key), ("error", &error)],
        );
    }
}

/// Whether something last done `at` is due once more; never done is due.
pub(crate) fn is_due(now: i64, at: Option<i64>, every_seconds: i64) -> bool {
    // A clock that was set back must not stop anything for longer than one period.
    at.is_none_or(|at| now < at || now - at >= every_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_due_after_its_period_and_when_the_clock_went_back() {
        assert!(is_due(1_000, None, 60));
        assert!(!is_due(1_059, Some(1_000), 60));
        assert!(is_due(1_060, Some(1_000), 60));
        assert!(is_due(900, Some(1_000), 60));
    }
}
