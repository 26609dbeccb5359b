//! The one door to the host's HTTP: what all requests of a run have in common is noted here.
//!
//! Flows in: requests. Flows out: answers, the first end of each connection's certificates, and whether the host let anything
//! out at all.

use std::collections::BTreeMap;

use bellwether_sdk::{
    Failure,
    http::{self, Request, Tls},
};

use crate::budget;
use crate::network::{Answer, is_denied};

/// The slot that the project's URL is bound to.
pub(crate) const DEFAULT: &str = "default";

/// The slot of the Management API.
pub(crate) const MANAGEMENT: &str = "management";

/// Of one run.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    sent: usize,
    denied: Vec<String>,
    /// By slot; Unix seconds.
    expiry: BTreeMap<String, i64>,
}

impl Ledger {
    /// All at once; answers in the order of the requests.
    pub(crate) fn send(&mut self, requests: &[Request]) -> Vec<Answer> {
        if requests.is_empty() {
            return Vec::new();
        }
        let answers = http::send_all(requests);
        let bodies = answers.iter().flatten().map(|response| response.body.len());
        budget::hold(bodies.sum());
        for (request, answer) in requests.iter().zip(&answers) {
            self.note(request, answer);
        }
        answers
    }

    fn note(&mut self, request: &Request, answer: &Answer) {
        self.sent += 1;
        if is_denied(answer) {
            self.denied
                .extend(answer.as_ref().err().map(|failure| http::reason(&failure.error)));
        }
        let tls = match answer {
            Ok(response) => response.tls.as_ref(),
            Err(failure) => failure.tls.as_ref(),
        };
        let slot = request.connection.clone().unwrap_or_default();
        if let Some(end) = tls.and_then(first_end) {
            self.expiry
                .entry(slot)
                .and_modify(|known| *known = end.min(*known))
                .or_insert(end);
        }
    }

    /// When the first certificate of each slot's chain ends, in Unix seconds.
    pub(crate) fn expiry(&self) -> impl Iterator<Item = (&str, i64)> {
        self.expiry.iter().map(|(slot, end)| (slot.as_str(), *end))
    }

    /// A run of which nothing was let out has nothing to report but what must be granted.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.denied.first() {
            Some(reason) if self.denied.len() == self.sent => Err(Failure::denied(reason)),
            _ => Ok(()),
        }
    }
}

/// A chain is as good as its first certificate to end.
fn first_end(tls: &Tls) -> Option<i64> {
    tls.chain.iter().map(|certificate| certificate.not_after_unix).min()
}
