//! What is learnt while a request is under way, so that a failure at any point can tell it.

use std::{net::SocketAddr, time::Duration};

use super::message::{Error, Phase, Phases};
use crate::capability::tls::Session;

/// Of one request. What concerns a hop is that of the last one.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// Where it is.
    pub(super) phase: Phase,
    /// Without the total.
    pub(super) phases: Phases,
    /// Who is asked.
    pub(super) remote: Option<SocketAddr>,
    /// Certificates, refused ones too.
    pub(super) session: Option<Session>,
    /// As the guest may see it.
    pub(super) url: String,
    /// Followed so far.
    pub(super) redirects: u8,
    /// Of the answer whose body is read.
    pub(super) status: Option<u16>,
    /// The connection was there already.
    pub(super) reused: bool,
}

impl Trace {
    /// Of an error in the current phase, which took so long. A limit ends the phase that it is met in, so that is measured, and
    /// it says which it was; what others say names it where it matters, and their phase did not end.
    pub(super) fn ended_by(&mut self, error: Error, took: Duration) -> Error {
        if !matches!(error, Error::Limit(_) | Error::Exhausted(_)) {
            return error;
        }
        match self.phase {
            Phase::Processing => self.phases.processing = Some(took),
            Phase::Transfer => self.phases.transfer = Some(took),
            // Nothing of ours is limited there.
            Phase::Resolve | Phase::Connect | Phase::Tls => {}
        }
        let phase = self.phase;
        error.reworded(|why| format!("while {phase}: {why}"))
    }

    /// Forgets the last hop.
    pub(super) fn next_hop(&mut self) {
        self.phase = Phase::Resolve;
        self.phases = Phases::default();
        self.remote = None;
        self.session = None;
        self.status = None;
        self.reused = false;
    }
}
