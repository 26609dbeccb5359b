//! What is learnt while a request is under way, so that a failure at any point can tell it.

use std::net::SocketAddr;

use super::message::{Phase, Phases};
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
