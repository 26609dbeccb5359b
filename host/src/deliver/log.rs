//! The receiver `log`: a line for each notification, beside what the host says anyway.

use super::{
    events::Notified,
    outgoing::Outgoing,
    transport::{Sending, Transport},
};
use crate::{clock::Instant, dispatch::Attempt, telemetry::Telemetry};

/// Writes notifications to the host's log, at `warn` while something fires and at `info` otherwise.
#[derive(Debug)]
pub struct Log {
    telemetry: Telemetry,
}

impl Log {
    /// To this log.
    pub const fn new(telemetry: Telemetry) -> Self {
        Self { telemetry }
    }
}

impl Transport for Log {
    fn send<'s>(&'s self, outgoing: &'s Outgoing, _deadline: Instant) -> Sending<'s> {
        self.telemetry.emit(&Notified { outgoing });
        Box::pin(std::future::ready(Attempt::Delivered { receipt: Vec::new() }))
    }
}
