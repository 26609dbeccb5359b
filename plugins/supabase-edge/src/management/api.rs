//! The Management API: three questions, and what its answers mean.
//!
//! Pure. Flows in: the project's reference and answers. Flows out: requests, and what was learnt or why nothing was. Paths and
//! fields are those of Supabase's OpenAPI description of `/v1/projects/{ref}`, `…/health` and `…/functions`; limits those of
//! its `api_rate_limits` page. Fields that are not used may come and go.

use std::collections::BTreeMap;

use bellwether_sdk::http::{Request, Response};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    budget, classes,
    finding::Finding,
    ledger::MANAGEMENT,
    network::{self, Answer},
    request::with_headers,
    settings::management::{Management, Service},
};

/// The platform itself may take up to this long to ask a project's services (`timeout_ms` of `…/health`).
const HEALTH_TIMEOUT_MS: u32 = 2_000;

/// For each request: the health question waits for the services.
const TIMEOUT_MS: u32 = 10_000;

/// How long to wait after a 429 that does not say: the limits are counted by the minute.
const WAIT_SECONDS: i64 = 60;

/// No answer may silence the questions for longer.
const WAIT_SECONDS_MAX: i64 = 3_600;

/// So many permissions that a token lacks are named.
const PERMISSIONS_NAMED: usize = 5;

/// Longest permission that is named; `edge_functions_read` is one.
const PERMISSION_BYTES_MAX: usize = 40;

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Project,
    Health,
    Functions,
}

/// What was learnt.
#[derive(Debug)]
pub(crate) enum Learnt {
    Project(String),
    Health(Vec<ServiceHealth>),
    Functions(Vec<Deployed>),
}

#[derive(Deserialize)]
struct Project {
    status: String,
}

/// A service as the platform sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServiceHealth {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) status: String,
}

/// A function as it is deployed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deployed {
    pub(crate) slug: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) version: u64,
    /// Unix milliseconds.
    #[serde(default)]
    pub(crate) updated_at: u64,
    /// Of the bundle. The version counts more than deployments; this changes with the code.
    #[serde(default)]
    pub(crate) ezbr_sha256: String,
}

/// What to ask.
pub(crate) fn questions(settings: &Management) -> Vec<Question> {
    let mut questions = vec![Question::Project];
    if !settings.services().is_empty() {
        questions.push(Question::Health);
    }
    if settings.functions() {
        questions.push(Question::Functions);
    }
    questions
}

pub(crate) fn request(question: Question, project: &str, services: &[Service]) -> Request {
    let path = match question {
        Question::Project => format!("v1/projects/{project}"),
        Question::Health => {
            let names: String = services
                .iter()
                .map(|service| format!("services={}&", service.as_str()))
                .collect();
            format!("v1/projects/{project}/health?{names}timeout_ms={HEALTH_TIMEOUT_MS}")
        }
        Question::Functions => format!("v1/projects/{project}/functions"),
    };
    let request = Request {
        timeout_ms: Some(TIMEOUT_MS),
        ..Request::get(MANAGEMENT, &path)
    };
    with_headers(request, &BTreeMap::new(), false)
}

/// What an answer says.
pub(crate) fn read(question: Question, answer: &Answer) -> Result<Learnt, Finding> {
    let response = answer.as_ref().map_err(|failure| {
        let why = network::finding(failure);
        match why.class.code {
            code if code == classes::NOT_GRANTED.code => why,
            _ => Finding::new(&classes::MANAGEMENT_UNAVAILABLE, why.summary),
        }
    })?;
    if response.status != 200 {
        return Err(refused(response));
    }
    match question {
        Question::Project => body::<Project>(response).map(|project| Learnt::Project(project.status)),
        Question::Health => body(response).map(Learnt::Health),
        Question::Functions => body(response).map(Learnt::Functions),
    }
}

fn body<T: DeserializeOwned>(response: &Response) -> Result<T, Finding> {
    budget::read(&response.body).map_err(|_| {
        let cut = if response.body_truncated { ", cut off" } else { "" };
        let summary = format!("its answer cannot be read ({} bytes{cut})", response.body.len());
        Finding::new(&classes::MANAGEMENT_UNREADABLE, summary)
    })
}

fn refused(response: &Response) -> Finding {
    let status = response.status;
    let (class, more) = match status {
        401 => (&classes::MANAGEMENT_UNAUTHORIZED, String::new()),
        403 => (&classes::MANAGEMENT_FORBIDDEN, missing_permissions(response)),
        404 => (&classes::MANAGEMENT_NOT_FOUND, String::new()),
        429 => (
            &classes::MANAGEMENT_LIMITED,
            format!(", asking again in {} s", wait_seconds(response)),
        ),
        _ => (&classes::MANAGEMENT_UNAVAILABLE, String::new()),
    };
    Finding::new(class, format!("status {status}{more}"))
}

/// Scoped tokens are told what they lack (changelog `scoped-personal-access-tokens-ga`).
fn missing_permissions(response: &Response) -> String {
    let plain = |byte: u8| byte.is_ascii_lowercase() || b"_:.-".contains(&byte);
    let is_name = |name: &&str| name.len() <= PERMISSION_BYTES_MAX && name.bytes().all(plain);
    let body: Value = budget::read(&response.body).unwrap_or_default();
    let listed = body.get("missing_permissions").and_then(Value::as_array);
    let names: Vec<_> = listed
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(is_name)
        .take(PERMISSIONS_NAMED)
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!(", the token lacks {}", names.join(", "))
}

/// For how long to ask nothing, when the answer is that there were too many questions.
pub(crate) fn blocked_seconds(answer: &Answer) -> Option<i64> {
    let response = answer.as_ref().ok().filter(|response| response.status == 429)?;
    Some(wait_seconds(response))
}

fn wait_seconds(response: &Response) -> i64 {
    let says = |name| response.header(name)?.trim().parse::<i64>().ok();
    let wait = says("x-ratelimit-reset").or_else(|| says("retry-after"));
    wait.unwrap_or(WAIT_SECONDS).clamp(1, WAIT_SECONDS_MAX)
}

/// How many questions are left in this minute, as the answer says.
pub(crate) fn remaining(answer: &Answer) -> Option<u64> {
    let response = answer.as_ref().ok()?;
    response.header("x-ratelimit-remaining")?.trim().parse().ok()
}
