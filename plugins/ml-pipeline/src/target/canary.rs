//! Kind `canary`: a real inference request, and what its answer must be.

use std::collections::BTreeMap;

use bellwether_sdk::{Address, Report, Status, http::Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Ask, Place, Seen, Target};
use crate::{
    answer::{Answer, arrived, document, status_text, succeeded, took, whole},
    assertion::{Assertion, widths},
    budget, code,
    finding::{Finding, Judgement},
    memory::Memory,
    metrics::{DIMENSION, INFERENCE_LATENCY, RECOMMENDATION_LATENCY, SLOW_RUNS},
    pointer,
    settings::{
        levels::{Span, Spans},
        slot::Slot,
    },
    time::spoken,
};

/// A request, and what must hold for its answer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Canary {
    /// Where to, such as `http://triton:8000/v2/models/two_tower_768/infer`. Granted by standing here, without credentials.
    url: Option<Address>,
    /// Instead of `url`: a connection slot, for a server that asks for credentials. `default` when neither is given.
    connection: Option<Slot>,
    /// How long an answer may take, such as `"2s"`; unless said, what is left of the run.
    timeout: Option<Span>,
    /// What follows the address.
    #[schemars(extend("pattern" = "^(/.*)?$"))]
    #[serde(default)]
    path: String,
    /// Unless said, `POST` with a body and `GET` without one.
    method: Option<Method>,
    /// Names and values.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// What to send, as JSON.
    body: Option<Value>,
    /// Statuses that are fine; unless said, those of success (200 to 299).
    #[serde(default)]
    status: Vec<u16>,
    /// What must hold for the answer, which is JSON then.
    #[serde(default)]
    assert: Vec<Assertion>,
    /// How long the answer may take, from the request to its last byte.
    #[serde(default)]
    latency: Spans,
    /// For metrics and messages.
    model: Option<String>,
    /// Also observe the latency as `recommendation_latency_seconds`.
    #[serde(default)]
    recommendation: bool,
}

/// How to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Post,
    Put,
}

impl Canary {
    fn method(&self) -> &'static str {
        match (self.method, &self.body) {
            (Some(Method::Get), _) | (None, None) => "GET",
            (Some(Method::Post), _) | (None, Some(_)) => "POST",
            (Some(Method::Put), _) => "PUT",
        }
    }

    fn model(&self) -> &str {
        self.model.as_deref().unwrap_or_default()
    }

    /// The response, when its status is fine.
    fn response<'a>(&self, answer: &'a Answer) -> Result<&'a Response, Finding> {
        let what = self.model.as_deref().unwrap_or("canary");
        if self.status.is_empty() {
            return succeeded(answer, what, code::UNEXPECTED_STATUS, code::UNEXPECTED_STATUS);
        }
        let response = arrived(answer)?;
        if self.status.contains(&response.status) {
            return whole(response);
        }
        Err(Finding::critical(code::UNEXPECTED_STATUS, status_text(response, what)))
    }

    fn judge_content(&self, response: &Response, name: &str, judgement: &mut Judgement, report: &mut Report) {
        if self.assert.is_empty() {
            return;
        }
        match document(response) {
            Err(finding) => judgement.push(finding),
            Ok(answer) => {
                let bytes = response.body.len();
                budget::perform(bytes, budget::LOOKING, || self.measure_dimension(&answer, name, report));
                for finding in self.assert.iter().flat_map(|assertion| assertion.judge(&answer, bytes)) {
                    judgement.push(finding);
                }
            }
        }
    }

    fn measure_dimension(&self, answer: &Value, name: &str, report: &mut Report) {
        let asserted = self
            .assert
            .iter()
            .filter_map(|assertion| assertion.dim.map(|dim| (&assertion.at, dim)));
        let found: Vec<(u64, u64)> = asserted
            .flat_map(|(at, dim)| {
                let vectors = pointer::values(answer, at).into_iter();
                vectors.flat_map(widths).map(move |width| (width, dim))
            })
            .collect();
        // One that the verdict speaks of, where there is one.
        let odd = found.iter().find(|(width, dim)| width != dim);
        if let Some((width, _)) = odd.or(found.first()) {
            report.gauge(&DIMENSION).set(["canary", name, self.model()], *width);
        }
    }

    fn judge_latency(&self, response: &Response, judgement: &mut Judgement, report: &mut Report, name: &str) {
        let latency = took(response);
        judgement.took(latency);
        report
            .observations(&INFERENCE_LATENCY)
            .observe([name, self.model()], latency);
        if self.recommendation {
            report
                .observations(&RECOMMENDATION_LATENCY)
                .observe([self.model()], latency);
        }
        judgement.push(self.too_slow(latency.as_secs_f64()).map(|(status, level)| {
            let text = format!(
                "answered in {}, more than {}",
                spoken(latency.as_secs_f64()),
                spoken(level)
            );
            Finding::new(status, code::TOO_SLOW, text)
        }));
    }

    fn too_slow(&self, seconds: f64) -> Option<(Status, f64)> {
        self.latency.passed(seconds)
    }

    /// Runs in a row that were too slow; no answer at all is slow as well.
    fn measure_slow_runs(&self, name: &str, judgement: &Judgement, memory: &mut Memory, report: &mut Report) {
        let slow = |finding: &&Finding| [code::TOO_SLOW, code::TIMED_OUT].contains(&finding.code);
        let worst = judgement.findings.iter().filter(slow).map(|finding| finding.status);
        let statuses: Vec<Status> = worst.collect();
        let levels = [
            ("warning", self.latency.warning.is_some(), !statuses.is_empty()),
            (
                "critical",
                self.latency.critical.is_some(),
                statuses.contains(&Status::Critical),
            ),
        ];
        for (severity, _, so) in levels.into_iter().filter(|(_, asked, _)| *asked) {
            let runs = memory.streak(&format!("canary {name} slow {severity}"), so);
            report.gauge(&SLOW_RUNS).set([name, severity], runs);
        }
    }
}

impl Target for Canary {
    fn place(&self) -> Place<'_> {
        Place {
            url: self.url.as_deref(),
            connection: self.connection,
            timeout: self.timeout,
        }
    }

    fn problems(&self) -> Vec<String> {
        let asserted = self.assert.iter().filter_map(Assertion::problem);
        asserted.chain(self.latency.problem("latency")).collect()
    }

    fn asks(&self) -> Result<Vec<Ask>, String> {
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        Ok(vec![Ask {
            method: self.method().to_owned(),
            path: self.path.clone(),
            body: self.body.as_ref().map(Value::to_string),
            headers: headers.collect(),
        }])
    }

    fn judge(&self, seen: &Seen<'_>, memory: &mut Memory, report: &mut Report) -> Judgement {
        let mut judgement = Judgement::default();
        for answer in seen.answers {
            match self.response(answer) {
                Err(finding) => judgement.push(finding),
                Ok(response) => {
                    self.judge_latency(response, &mut judgement, report, seen.name);
                    self.judge_content(response, seen.name, &mut judgement, report);
                }
            }
        }
        self.measure_slow_runs(seen.name, &judgement, memory, report);
        let latency = judgement.latency.unwrap_or_default().as_secs_f64();
        judgement.good = match self.assert.len() {
            0 => format!("answered in {}", spoken(latency)),
            count => format!("answered in {} as asserted ({count})", spoken(latency)),
        };
        judgement
    }
}
