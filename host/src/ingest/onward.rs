//! Where what was pushed goes on to: those who tell people of new crashes, and receivers that are handed envelopes.
//!
//! They stand after this module, so they are known here by what they do; the application says who they are.

use std::{fmt, pin::Pin, sync::Arc};

use super::{Crash, Upstream};
use crate::{clock::Timestamp, sandbox::ForwardedEvent};

/// A boxed future, as [`Onward`] returns it.
pub type Pending<'o, T> = Pin<Box<dyn Future<Output = T> + Send + 'o>>;

/// A crash that nobody has seen before, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct CrashNews {
    /// NAME of `[source.NAME]`.
    pub source: Arc<str>,
    /// Of the source.
    pub project: u64,
    /// What it is.
    pub crash: Crash,
    /// When it came.
    pub at: Timestamp,
    /// Receivers that are handed the envelope itself.
    pub handed_to: Vec<Arc<str>>,
}

/// Whether a new crash is told, and kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashFate {
    /// Nothing is gained by telling it again.
    Settled,
    /// There was no room; the next one of its kind is new again.
    Full,
}

/// See the module.
pub trait Onward: fmt::Debug + Send + Sync {
    /// Tells of new crashes, and returns when that is on disk, or the disk fails; each one's fate, in order. `None`: the host stops, and
    /// nobody was told.
    fn tell(&self, news: Vec<CrashNews>) -> Pending<'_, Option<Vec<CrashFate>>>;

    /// Hands an envelope to receivers. Waits for nobody.
    fn hand_on(&self, receivers: &[Arc<str>], event: ForwardedEvent);

    /// What each of these receivers may not be sent for a while.
    fn limits(&self, receivers: &[Arc<str>]) -> Vec<Vec<Upstream>>;
}
