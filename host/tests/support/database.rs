//! What clients of databases are made of, and connections of a configuration, without a configuration.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use bellwether::{
    capability::{database::Tools, dial::Dialer, tls::Trust},
    clock::{Clock, Instant},
    config::{Connection, TlsOptions},
    secret::{Redactor, Secret},
    telemetry::{LogOptions, Sink, Telemetry},
};

/// Tools, and the log they write to.
pub(crate) fn tools() -> (Tools, Arc<Mutex<Vec<u8>>>) {
    let (clock, log) = (Clock::system(), Arc::new(Mutex::new(Vec::new())));
    let redactor = Redactor::default();
    let sink = Sink::Memory(Arc::clone(&log));
    let tools = Tools {
        clock: clock.clone(),
        dialer: Dialer::new(clock.clone()),
        trust: Trust::default(),
        redactor: redactor.clone(),
        telemetry: Telemetry::new(sink, LogOptions::default(), redactor, clock),
    };
    (tools, log)
}

/// A moment that is `after` from now.
pub(crate) fn within(after: Duration) -> Instant {
    Clock::system().monotonic() + after
}

/// Of a configuration.
pub(crate) fn connection(url: &str, user: Option<&str>, password: Option<&str>) -> Connection {
    Connection {
        name: "under-test".into(),
        user: user.map(str::to_owned),
        password: password.map(Secret::new),
        ..Connection::at_address(url).expect("an address")
    }
}

/// The same, trusting a certificate authority of the test's own.
pub(crate) fn trusting(ca: &Path, connection: Connection) -> Connection {
    Connection {
        tls: TlsOptions {
            ca: Some(ca.to_owned()),
            ca_only: true,
            ..TlsOptions::default()
        },
        ..connection
    }
}
