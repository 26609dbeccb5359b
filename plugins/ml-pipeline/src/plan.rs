//! Which requests a run sends, and which of the answers belong to which target.
//!
//! Pure. All requests go out together, so that a run takes as long as its slowest answer.

use std::ops::Range;

use bellwether_sdk::{Failure, context::Connection, http::Request};

use crate::{
    settings::Settings,
    target::{Named, bases::Bases},
};

/// The requests of one run.
pub(crate) struct Plan<'s> {
    pub(crate) requests: Vec<Request>,
    /// Each with its share of the requests.
    pub(crate) targets: Vec<(Named<'s>, Range<usize>)>,
}

impl<'s> Plan<'s> {
    /// Fails when a target lacks something that its preset needs, or when there are no targets: a person must edit the settings.
    pub(crate) fn new(settings: &'s Settings, connections: &[Connection]) -> Result<Self, Failure> {
        let bases = Bases::new(connections);
        let mut plan = Self {
            requests: Vec::new(),
            targets: Vec::new(),
        };
        for target in settings.targets() {
            let asked = target
                .requests(&bases)
                .map_err(|problem| Failure::settings(format_args!("`{}.{}`: {problem}", target.kind, target.name)))?;
            let start = plan.requests.len();
            plan.requests.extend(asked);
            plan.targets.push((target, start..plan.requests.len()));
        }
        Ok(plan)
    }
}
