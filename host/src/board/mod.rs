//! Placeholder of the merged state, until the board itself stands here.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{
    clock::Timestamp,
    metric::text::Format,
    outcome::{Status, Verdict},
};

/// One check.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "placeholder")]
pub struct CheckState {
    pub name: Arc<str>,
    pub plugin: String,
    pub required: bool,
    pub problem: Option<String>,
    pub ran: bool,
    pub restored: bool,
    pub status: Option<Status>,
    pub outcome: Option<&'static str>,
    pub verdicts: Arc<[Verdict]>,
    pub message: String,
    pub duration: Duration,
    pub checked_at: Option<Timestamp>,
    pub consecutive_failures: u64,
    pub series: usize,
    pub stale: bool,
}

/// All of it.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "placeholder")]
pub struct Snapshot {
    pub at: Timestamp,
    pub checks: Arc<[Arc<CheckState>]>,
    pub texts: [Bytes; 2],
}

#[expect(missing_docs, reason = "placeholder")]
impl Snapshot {
    pub fn text(&self, format: Format) -> Bytes {
        self.texts[format as usize].clone()
    }
    pub fn compressed(&self, format: Format, compress: impl FnOnce(&[u8]) -> Bytes) -> Bytes {
        compress(&self.texts[format as usize])
    }
    pub fn check(&self, name: &str) -> Option<&Arc<CheckState>> {
        self.checks.iter().find(|check| *check.name == *name)
    }
}
