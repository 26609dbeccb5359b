//! What one run may use, and the limiter that says no.
//!
//! Owns the defaults and caps of a run's memory, tables, handles and host-call traffic. Flows in: what the plugin
//! describes and what the configuration says. Flows out: [`RunLimits`] and the [`Limiter`] that wasmtime asks. Time is
//! `meter`'s.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::config::Limits;

/// Memory of a plugin that describes no need. Python needs 13 MiB and Rust 1; the rest is for parsing answers.
pub const MEMORY_BYTES_DEFAULT: u64 = 64 * MIB;
/// Most that a description can ask for: beyond it a person must agree, in the configuration.
pub const MEMORY_BYTES_MAX: u64 = 512 * MIB;
/// CPU time of one run unless configured. A Rust plugin takes 50 µs, a Python one 2 ms.
pub const CPU_DEFAULT: Duration = Duration::from_secs(1);
/// Sum over all tables. Python uses 8,000.
pub(super) const TABLE_ELEMENTS_MAX: usize = 20_000;
/// Core instances in one run; interpreters bring a dozen.
pub(super) const INSTANCES_MAX: usize = 64;
/// Tables in one run.
pub(super) const TABLES_MAX: usize = 64;
/// Linear memories in one run: one per language that a component is composed of.
pub(super) const MEMORIES_MAX: usize = 8;
/// Handles a guest may hold, and entries of the host's resource table: a check has a few streams and pollables.
pub(super) const HANDLES_MAX: usize = 1_000;
/// Headers of one request of `wasi:http`, in memory. They are the host's memory, and a guest may hold as many as handles.
pub(super) const FIELDS_BYTES_MAX: usize = 32 * 1024;
/// Bytes that a guest may pass to the host in one call, the report included. 10,000 samples take under 2 MiB.
pub(super) const HOSTCALL_FUEL: usize = 4 * MIB as usize;
/// One `get-random-bytes`.
pub(super) const RANDOM_BYTES_MAX: u64 = 64 * 1024;

const MIB: u64 = 1024 * 1024;

/// Limits of one run, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// Sum of all linear memories.
    pub memory_bytes: u64,
    /// CPU time.
    pub cpu: Duration,
}

impl RunLimits {
    /// The configuration wins over the description, which wins over the default; no description passes the cap.
    pub fn resolve(configured: &Limits, described_memory: Option<u64>) -> Self {
        let unasked = described_memory.unwrap_or(MEMORY_BYTES_DEFAULT).min(MEMORY_BYTES_MAX);
        Self {
            memory_bytes: configured.memory_bytes.unwrap_or(unasked),
            cpu: configured.cpu.unwrap_or(CPU_DEFAULT),
        }
    }
}

/// What the limiter refused first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Memory { wanted: u64 },
    Table { wanted: u64 },
}

/// Adds up what a run allocates. A refusal makes the guest's `grow` answer -1; it is remembered, because most guests
/// then trap, and the reason of that trap is memory.
#[derive(Debug)]
pub(super) struct Limiter {
    memory_max: usize,
    memory: usize,
    peak: usize,
    table_elements: usize,
    refused: Option<Refused>,
}

impl Limiter {
    pub(super) fn new(memory_bytes: u64) -> Self {
        Self {
            memory_max: usize::try_from(memory_bytes).unwrap_or(usize::MAX),
            memory: 0,
            peak: 0,
            table_elements: 0,
            refused: None,
        }
    }

    pub(super) fn peak_bytes(&self) -> u64 {
        self.peak as u64
    }

    pub(super) fn refused(&self) -> Option<Refused> {
        self.refused
    }

    pub(super) fn memory_max(&self) -> u64 {
        self.memory_max as u64
    }
}

/// The sum after growing from `current` to `desired`, unless it passes `limit`.
fn grown(sum: usize, current: usize, desired: usize, limit: usize) -> Result<usize, usize> {
    let wanted = sum.saturating_add(desired.saturating_sub(current));
    if wanted > limit { Err(wanted) } else { Ok(wanted) }
}

/// Growth past a declared maximum below our own limit fails by itself and must not count as refused. A `maximum` that is
/// not below may be the engine's, which is no smaller than ours.
fn is_its_own_affair(desired: usize, maximum: Option<usize>, limit: usize) -> bool {
    maximum.is_some_and(|maximum| desired > maximum && maximum < limit)
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if is_its_own_affair(desired, maximum, self.memory_max) {
            return Ok(false);
        }
        match grown(self.memory, current, desired, self.memory_max) {
            Ok(sum) => {
                self.memory = sum;
                self.peak = self.peak.max(sum);
                Ok(true)
            }
            Err(wanted) => {
                self.refused.get_or_insert(Refused::Memory { wanted: wanted as u64 });
                Ok(false)
            }
        }
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if is_its_own_affair(desired, maximum, TABLE_ELEMENTS_MAX) {
            return Ok(false);
        }
        match grown(self.table_elements, current, desired, TABLE_ELEMENTS_MAX) {
            Ok(sum) => {
                self.table_elements = sum;
                Ok(true)
            }
            Err(wanted) => {
                self.refused.get_or_insert(Refused::Table { wanted: wanted as u64 });
                Ok(false)
            }
        }
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 64 * 1024;

    #[test]
    fn several_memories_share_one_limit() {
        let mut limiter = Limiter::new(10 * PAGE as u64);
        assert!(limiter.memory_growing(0, 6 * PAGE, None).expect("answer"));
        assert!(!limiter.memory_growing(0, 6 * PAGE, None).expect("answer"));
        assert!(limiter.memory_growing(0, 4 * PAGE, None).expect("answer"));
        assert!(!limiter.memory_growing(6 * PAGE, 7 * PAGE, None).expect("answer"));
        assert_eq!(limiter.peak_bytes(), 10 * PAGE as u64);
        assert_eq!(
            limiter.refused(),
            Some(Refused::Memory {
                wanted: 12 * PAGE as u64
            })
        );
    }

    #[test]
    fn several_tables_share_one_limit() {
        let mut limiter = Limiter::new(0);
        assert!(limiter.table_growing(0, TABLE_ELEMENTS_MAX, None).expect("answer"));
        assert!(!limiter.table_growing(0, 1, None).expect("answer"));
        assert!(matches!(limiter.refused(), Some(Refused::Table { .. })));
    }

    #[test]
    fn growth_past_a_declared_maximum_is_the_guests_own_affair() {
        let mut limiter = Limiter::new(10 * PAGE as u64);
        assert!(!limiter.memory_growing(0, 2 * PAGE, Some(PAGE)).expect("answer"));
        assert_eq!(limiter.refused(), None);
        assert_eq!(limiter.peak_bytes(), 0);
    }

    #[test]
    fn configuration_wins_over_description_and_no_description_passes_the_cap() {
        let configured = |bytes| Limits {
            memory_bytes: bytes,
            ..Limits::default()
        };
        let memory = |configured: &Limits, described| RunLimits::resolve(configured, described).memory_bytes;
        assert_eq!(memory(&configured(None), None), MEMORY_BYTES_DEFAULT);
        assert_eq!(memory(&configured(None), Some(128 * MIB)), 128 * MIB);
        assert_eq!(memory(&configured(Some(MIB)), Some(128 * MIB)), MIB);
        assert_eq!(memory(&configured(None), Some(1024 * MIB)), MEMORY_BYTES_MAX);
        assert_eq!(memory(&configured(Some(1024 * MIB)), Some(MIB)), 1024 * MIB);
    }
}
