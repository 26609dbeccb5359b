//! A host in memory, so that a plugin's logic is tested with `cargo test`, natively and without WebAssembly.
//!
//! ```
//! use bellwether_sdk::{fake::{Fake, json}, prelude::*};
//!
//! struct Counting;
//!
//! impl Check for Counting {
//!     const NAME: &'static str = "counting";
//!     const SUMMARY: &'static str = "Counts its own runs";
//!     type Settings = NoSettings;
//!
//!     fn run(_: NoSettings) -> Result<Report, Failure> {
//!         let runs: u32 = state::get_json("runs")?.unwrap_or(0) + 1;
//!         state::set_json("runs", &runs)?;
//!         let mut report = Report::new();
//!         report.ok("").summary(format!("run {runs}"));
//!         Ok(report)
//!     }
//! }
//!
//! let mut fake = Fake::new().with_state("runs", "41");
//! assert_eq!(fake.run::<Counting>(json!({})).verdict("").summary, "run 42");
//! assert_eq!(fake.run::<Counting>(json!({})).verdict("").summary, "run 43");
//! ```
//!
//! Forwarders are tested likewise, by [`Fake::deliver`] and with [`news`] made for the purpose.
//!
//! A [`Fake`] stands for the host over any number of runs and keeps the state between them. It panics, and so fails the
//! test, when a plugin breaks its own description: a metric or code that was not described, labels in another order,
//! the same series twice. It does not enforce limits and times nothing.

mod delivery;
pub(crate) mod host;
mod lint;
pub mod news;
mod rules;
mod run;
mod world;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    rc::Rc,
    time::{Duration, SystemTime},
};

pub use delivery::{Delivery, assert_forwarder_readme, assert_receivers, describe_forwarder};
pub use run::{LogLine, Run};
use serde_json::Value;
pub use serde_json::json;
use world::World;

use crate::{
    Check, Description,
    capability::{context, http, postgres, redis, system},
    check::{Package, description, run_export},
};

/// The description of a plugin, after the checks that the host and the plugin index make. Panics with all that is wrong.
pub fn describe<C: Check>() -> Description {
    let description = description::<C>(Package::default());
    lint::fail_with(&lint::description(&description.0));
    description
}

/// Panics with all that a pack of alert rules (the text of a Prometheus rule file) names and the plugin does not describe: metrics,
/// their labels, and labels in `$labels.NAME` of the texts. An alert on what is never reported never fires.
pub fn assert_rules<C: Check>(file: &str) {
    lint::fail_with(&rules::problems(&describe::<C>().0, file));
}

/// Panics with the metrics and codes that the plugin describes and its README does not name, each in backticks.
pub fn assert_readme<C: Check>(readme: &str) {
    lint::fail_with(&lint::readme(&describe::<C>().0, readme));
}

/// Runs each check of a configuration, such as that of a `sample.toml` once it is read, with its settings. Panics when it has no
/// checks, or one fails: an example that is not understood helps nobody.
pub fn assert_sample(file: &Value, mut run: impl FnMut(Value) -> Run) {
    let checks = file.get("check").and_then(Value::as_object);
    let checks = checks.expect("the file has a table `check`");
    for (name, check) in checks {
        let settings = check.get("settings").cloned().unwrap_or_else(|| json!({}));
        if let Err(failure) = run(settings).result {
            panic!("[check.{name}] is not understood: {failure}");
        }
    }
}

/// An HTTP answer for [`Fake::with_http`]: over HTTP/1.1 and a new connection, without headers and TLS, after 20 ms. Change what a
/// test is about: `Response { redirects: 1, ..answer(200, "") }`.
pub fn answer(status: u16, body: impl AsRef<[u8]>) -> http::Response {
    http::Response {
        status,
        http_version: "1.1".to_owned(),
        headers: Vec::new(),
        body: body.as_ref().to_vec(),
        body_truncated: false,
        url: String::new(),
        redirects: 0,
        remote_address: "192.0.2.1:80".to_owned(),
        reused_connection: false,
        phases: phases(20_000_000),
        tls: None,
    }
}

/// As [`answer`], with these headers.
pub fn answer_with(status: u16, body: impl AsRef<[u8]>, headers: &[(&str, &str)]) -> http::Response {
    let header = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    http::Response {
        headers: headers.iter().map(header).collect(),
        ..answer(status, body)
    }
}

/// Requests that a plugin sent, the first one first.
pub type Sent = Rc<RefCell<Vec<http::Request>>>;

/// No HTTP answer, for [`Fake::with_http`]: none after 10 ms, and nothing known but the error.
pub fn no_answer(error: http::Error) -> Box<http::Failure> {
    Box::new(http::Failure {
        error,
        url: String::new(),
        redirects: 0,
        status: None,
        remote_address: None,
        phases: phases(10_000_000),
        tls: None,
    })
}

const fn phases(total_ns: u64) -> http::Phases {
    http::Phases {
        resolve_ns: None,
        connect_ns: None,
        tls_ns: None,
        processing_ns: None,
        transfer_ns: None,
        total_ns,
    }
}

/// A host without grants, at 2026-01-01 00:00 UTC, with nothing in the state.
#[derive(Debug, Default)]
pub struct Fake {
    world: World,
}

impl Fake {
    /// See [`Fake`].
    pub fn new() -> Self {
        Self::default()
    }

    /// NAME of `[check.NAME]`; `test` unless said.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.world.name);
        self
    }

    /// The time the next runs belong to.
    #[must_use]
    pub fn with_scheduled_at(mut self, at: SystemTime) -> Self {
        self.world.scheduled_at = at;
        self
    }

    /// The time the next runs belong to, in seconds since 1970-01-01 00:00 UTC.
    #[must_use]
    pub fn with_scheduled_at_unix(self, seconds: u64) -> Self {
        self.with_scheduled_at(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    /// Moves the time the next runs belong to.
    pub fn advance(&mut self, by: Duration) {
        self.world.scheduled_at += by;
    }

    /// The time between two runs; none unless said.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.world.interval = Some(interval);
        self
    }

    /// Which attempt the next run is; 1 unless said.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.world.attempt = attempt;
        self
    }

    /// The run before; none unless said.
    #[must_use]
    pub fn with_previous_run(mut self, previous: context::Previous) -> Self {
        self.world.previous = Some(previous);
        self
    }

    /// How long is left for calls of the host; 10 s unless said.
    #[must_use]
    pub fn with_remaining(mut self, remaining: Duration) -> Self {
        self.world.remaining = remaining;
        self
    }

    /// A fact, such as `environment`.
    #[must_use]
    pub fn with_fact(mut self, name: &str, value: &str) -> Self {
        self.world.facts.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A connection bound to the slot named in it.
    #[must_use]
    pub fn with_connection(mut self, slot: &str, scheme: &str, url: &str) -> Self {
        let connection = context::Connection {
            name: slot.to_owned(),
            scheme: scheme.to_owned(),
            url: url.to_owned(),
        };
        self.world.connections.push(connection);
        self
    }

    /// Bytes in the state.
    #[must_use]
    pub fn with_state(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.world.state.insert(key.to_owned(), value.as_ref().to_vec());
        self
    }

    /// How many bytes of keys and values the state holds; 64 KiB unless said.
    #[must_use]
    pub fn with_state_quota(mut self, bytes: usize) -> Self {
        self.world.state_quota = bytes;
        self
    }

    /// Grants `system`. Of the snapshot a run sees the sections that it asks for.
    #[must_use]
    pub fn with_system(mut self, snapshot: system::Snapshot) -> Self {
        self.world.system = Some(Ok(snapshot));
        self
    }

    /// Grants `system`, which answers that nothing can be read.
    #[must_use]
    pub fn with_system_error(mut self, message: &str) -> Self {
        self.world.system = Some(Err(message.to_owned()));
        self
    }

    /// Grants `http`, answered by `answer`.
    #[must_use]
    pub fn with_http(
        mut self,
        answer: impl FnMut(&http::Request) -> Result<http::Response, Box<http::Failure>> + 'static,
    ) -> Self {
        self.world.http = Some(Box::new(answer));
        self
    }

    /// As [`Fake::with_http`], with all that was asked, as it was asked.
    pub fn with_recorded_http(
        self,
        mut answer: impl FnMut(&http::Request) -> Result<http::Response, Box<http::Failure>> + 'static,
    ) -> (Self, Sent) {
        let sent = Sent::default();
        let seen = Rc::clone(&sent);
        let fake = self.with_http(move |request| {
            seen.borrow_mut().push(request.clone());
            answer(request)
        });
        (fake, sent)
    }

    /// Grants `redis`: `answer` gets the slot and one command, and gives one reply.
    #[must_use]
    pub fn with_redis(
        mut self,
        answer: impl FnMut(&str, &[String]) -> Result<Vec<redis::Node>, redis::Error> + 'static,
    ) -> Self {
        self.world.redis = Some(Box::new(answer));
        self
    }

    /// Grants `postgres`: `answer` gets the slot, the statement and its parameters.
    #[must_use]
    pub fn with_postgres(
        mut self,
        answer: impl FnMut(&str, &str, &[Option<String>]) -> Result<postgres::Rows, postgres::Error> + 'static,
    ) -> Self {
        self.world.postgres = Some(Box::new(answer));
        self
    }

    /// What the state holds under `key`.
    pub fn state(&self, key: &str) -> Option<&[u8]> {
        self.world.state.get(key).map(Vec::as_slice)
    }

    /// All keys and values of the state.
    pub fn all_state(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.world.state
    }

    /// One run, with settings as the configuration would have them. Panics when the plugin breaks its own description,
    /// or calls what was not granted.
    pub fn run<C: Check>(&mut self, settings: impl Into<Value>) -> Run {
        let description = describe::<C>();
        let settings = settings.into().to_string();
        let (result, logs) = self.world.during(|| run_export::<C>(&settings));
        lint::fail_with(&lint::outcome(&description.0, &result));
        Run::new(result, logs)
    }
}

impl fmt::Display for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a host in memory, for check `{}`", self.world.name)
    }
}
