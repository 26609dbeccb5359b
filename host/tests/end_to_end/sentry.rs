//! Bugsink in Sentry's place, and a wire tap before it that keeps every byte that goes there.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::{doubles::Double, wire};

pub(crate) struct Sentry {
    double: Double,
    port: u16,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Sentry {
    pub(crate) fn open() -> Self {
        let double = Double::start("bugsink");
        let bodies = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let upstream = double
            .url("")
            .trim_end_matches('/')
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let (kept, upstream) = (Arc::clone(&bodies), upstream.expect("a port"));
        let port = wire::serve(move |request| {
            kept.lock().expect("no panic").push(request.body.clone());
            wire::forwarded(request, upstream)
        });
        Self { double, port, bodies }
    }

    /// Of the project, as a connection has it.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/api/1/", self.port)
    }

    pub(crate) fn key(&self) -> &str {
        self.double.key()
    }

    /// What it took, as it keeps it.
    pub(crate) fn events(&mut self) -> Vec<Value> {
        self.double.events()
    }

    /// Bodies as they came.
    pub(crate) fn bytes(&self) -> Vec<Vec<u8>> {
        self.bodies.lock().expect("no panic").clone()
    }
}

/// What an issue says: the message, and its tags as `name=value`.
pub(crate) fn shown(event: &Value) -> String {
    let said = event["logentry"]["formatted"].as_str().unwrap_or_default();
    let tags = event["tags"].as_object().into_iter().flatten();
    let tags: Vec<String> = tags
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    format!("{said}\n\ntags: {}", tags.join(", "))
}
