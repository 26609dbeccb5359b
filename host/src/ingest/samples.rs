//! What tests of this module push. For tests only.

use std::{sync::Arc, time::Duration};

use crate::{
    config::{EventLimits, EventSource, Heartbeat, Scrub},
    secret::Secret,
};

/// A source without receivers and origins.
pub(crate) fn source(name: &str, project: u64, key: &str) -> EventSource {
    EventSource {
        name: name.into(),
        project,
        keys: vec![Secret::new(key)],
        origins: Vec::new(),
        receivers: Vec::new(),
        limits: EventLimits::default(),
        scrub: Scrub::default(),
        location: String::new(),
    }
}

/// A heartbeat that anybody may send, every minute and ten seconds late.
pub(crate) fn heartbeat(name: &str) -> Arc<Heartbeat> {
    Arc::new(Heartbeat {
        name: name.into(),
        interval: Duration::from_secs(60),
        grace: Duration::from_secs(10),
        keys: Vec::new(),
        description: String::new(),
        labels: Default::default(),
        required: true,
        location: String::new(),
    })
}

/// An envelope with one exception in it.
pub(crate) fn crash(kind: &str) -> Vec<u8> {
    format!(
        "{{\"event_id\":\"9ec79c33ec9942ab8353589fcb2e04dc\"}}\n{{\"type\":\"event\"}}\n{{\"level\":\"error\",\"release\":\"shop@1\",\
         \"exception\":{{\"values\":[{{\"type\":\"{kind}\",\"value\":\"no user\"}}]}}}}\n"
    )
    .into_bytes()
}
