//! What a run is about: the settings, and the time that all its ages are measured at.

use std::rc::Rc;

use bellwether_sdk::context;

use crate::settings::Settings;

/// Shared by the questions of a run, which outlive the place where they are asked.
pub(crate) type Shared = Rc<Target>;

/// Settings and time.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) settings: Settings,
    /// Unix seconds: the time that the run belongs to, on the host's clock. Producers' clocks wrote what it is compared with.
    pub(crate) now: f64,
    /// Number of the database, of the connection's URL.
    pub(crate) database: String,
}

impl Target {
    pub(crate) fn new(settings: Settings) -> Shared {
        let since = context::scheduled_at().duration_since(std::time::SystemTime::UNIX_EPOCH);
        Rc::new(Self {
            settings,
            now: since.unwrap_or_default().as_secs_f64(),
            database: crate::database(),
        })
    }

    /// `prefix:rest`, or `rest` without a prefix.
    pub(crate) fn key(&self, rest: &str) -> String {
        match self.settings.prefix() {
            "" => rest.to_owned(),
            prefix => format!("{prefix}:{rest}"),
        }
    }

    /// Now as an argument, in Unix seconds.
    pub(crate) fn now_seconds(&self) -> String {
        plain(self.now)
    }

    /// Now as an argument, in Unix milliseconds.
    pub(crate) fn now_milliseconds(&self) -> String {
        plain((self.now * 1e3).floor())
    }

    /// What was due before this and still waits to be moved is overdue. Unix seconds.
    pub(crate) fn overdue_before(&self) -> f64 {
        self.now - self.settings.thresholds.overdue_after_seconds
    }
}

/// A number as Redis reads it, without an exponent.
pub(crate) fn plain(number: f64) -> String {
    format!("{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_exponent() {
        assert_eq!(plain(1_767_225_600_000.0), "1767225600000");
        assert_eq!(plain(1_767_225_600.25), "1767225600.25");
        assert_eq!(plain(1_767_225_600_000.0 * 4096.0), "7238556057600000");
    }
}
