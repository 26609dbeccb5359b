//! The members of a cluster, and what each said.

use bellwether_sdk::{
    delivery::{self, DeliveryFailure},
    http::{self, Request},
    log,
    prelude::*,
};

/// Of the API, below a member's URL.
const PATH: &str = "api/v2/alerts";

/// Bytes that one call of the host may carry: it takes 4 MiB, and headers are in it too.
const CALL_BYTES_MAX: usize = 3 << 20;

/// By the names under which the host knows them: slots that are bound, and addresses of the settings.
pub(crate) fn all(addresses: &[Address]) -> Result<Vec<String>, DeliveryFailure> {
    let is_member = |name: &str| crate::SLOTS.contains(&name) || addresses.iter().any(|known| known.as_str() == name);
    let granted = context::connections().into_iter().map(|connection| connection.name);
    let mut members: Vec<String> = Vec::new();
    for name in granted.filter(|name| is_member(name)) {
        if !members.contains(&name) {
            members.push(name);
        }
    }
    if members.is_empty() {
        return Err(DeliveryFailure::permanent(
            "no Alertmanager is named: set `members`, or bind a connection",
        ));
    }
    Ok(members)
}

/// What each member said, in their order.
pub(crate) fn post(members: &[String], batch: &str) -> Vec<Result<(), DeliveryFailure>> {
    let at_once = (CALL_BYTES_MAX / batch.len().max(1)).max(1);
    let requests: Vec<Request> = members.iter().map(|member| request(member, batch)).collect();
    let answers = requests.chunks(at_once).flat_map(http::send_all);
    answers.map(|answer| delivery::accepted(answer).map(|_| ())).collect()
}

fn request(member: &str, batch: &str) -> Request {
    Request::post(member, PATH, batch.as_bytes().to_vec()).header("content-type", "application/json")
}

/// What became of all batches, by member.
#[derive(Debug)]
pub(crate) struct Tally<'m> {
    members: &'m [String],
    /// The first failure of each.
    failures: Vec<Option<DeliveryFailure>>,
}

impl<'m> Tally<'m> {
    pub(crate) fn new(members: &'m [String]) -> Self {
        Self {
            members,
            failures: vec![None; members.len()],
        }
    }

    pub(crate) fn note(&mut self, answers: Vec<Result<(), DeliveryFailure>>) {
        for (kept, answer) in self.failures.iter_mut().zip(answers) {
            if let Err(failure) = answer {
                kept.get_or_insert(failure);
            }
        }
    }

    /// Delivered once one member has it all: that one tells people, and the others hear of it at the next refresh. Otherwise it is
    /// worth another attempt as long as one of them is.
    pub(crate) fn judge(self, alerts: usize) -> Result<Receipt, DeliveryFailure> {
        let mut failed: Vec<(&String, DeliveryFailure)> = self
            .members
            .iter()
            .zip(self.failures)
            .filter_map(|(member, failure)| Some((member, failure?)))
            .collect();
        let reached = self.members.len() - failed.len();
        if reached > 0 {
            for (member, failure) in &failed {
                log::warn(
                    "an Alertmanager did not take the alerts; others did",
                    &[("member", member), ("why", failure)],
                );
            }
            return Ok(Receipt::new()
                .with("members", format_args!("{reached} of {}", self.members.len()))
                .with("alerts", alerts));
        }
        let transient = failed.iter().position(|(_, failure)| !failure.is_permanent());
        let (member, failure) = failed.swap_remove(transient.unwrap_or(0));
        let message = match self.members.len() {
            1 => failure.message().to_owned(),
            many => format!("none of {many} Alertmanagers took the alerts; {member}: {failure}"),
        };
        Err(match failure {
            DeliveryFailure::Permanent(_) => DeliveryFailure::Permanent(message),
            DeliveryFailure::Transient { retry_after, .. } => DeliveryFailure::Transient { message, retry_after },
        })
    }
}
