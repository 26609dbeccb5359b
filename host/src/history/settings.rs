//! What is asked of history.

use std::{sync::Arc, time::Duration};

use super::grid::{HEAD, Keep};
use crate::config;

/// Fewer ticks than this are kept of nothing, however short the retention: what is not compressed yet is as many.
const KEEP_MIN: u32 = 2 * HEAD;

/// `[history]`, and what the host calls itself.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From tick to tick. Not zero.
    pub interval: Duration,
    /// How long samples are kept of series that rules read.
    pub retention: Duration,
    /// How long of all others.
    pub retention_unselected: Duration,
    /// Bytes that everything here may take.
    pub memory: usize,
    /// The label `job` of series that have none.
    pub job: Arc<str>,
    /// The label `instance` of series that have none.
    pub instance: Arc<str>,
}

impl Settings {
    /// As configured. `address` is where the host listens: the label `instance` that a Prometheus server scraping it would see.
    pub fn of(config: &config::History, address: &str) -> Self {
        Self {
            interval: config.interval,
            retention: config.retention,
            retention_unselected: config.retention_unselected,
            memory: usize::try_from(config.memory_bytes).unwrap_or(usize::MAX),
            job: Arc::clone(&config.job),
            instance: config.instance.clone().unwrap_or_else(|| address.into()),
        }
    }

    pub(super) fn keep(&self) -> Keep {
        let ticks = |span: Duration| {
            let count = span.as_nanos().div_ceil(self.interval.as_nanos().max(1));
            u32::try_from(count)
                .unwrap_or(u32::MAX / 4)
                .clamp(KEEP_MIN, u32::MAX / 4)
        };
        let selected = ticks(self.retention);
        Keep {
            selected,
            others: ticks(self.retention_unselected).min(selected),
        }
    }
}
