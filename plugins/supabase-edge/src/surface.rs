//! What stands beside the functions: sign-in, tables, files, changes as they happen, the runtime itself.
//!
//! Flows in: settings and answers. Flows out: requests, then verdicts and metrics. Each surface has a trap of its own, told
//! where it is judged.

use std::collections::BTreeMap;

use bellwether_sdk::{
    Description, Report,
    http::{Request, Response},
    metric::{Gauge, Info, Observations},
};
use serde_json::Value;

use crate::{
    budget,
    classes::{self, Class, Matter},
    expectation,
    finding::{Finding, Outcome, verdict},
    ledger::DEFAULT,
    memory::{keep, load},
    network::{self, Answer},
    platform,
    request::{milliseconds, with_headers},
    settings::{
        Severity,
        expect::Expect,
        span::Span,
        surface::{Rest, Surface, Surfaces},
    },
};

const UP: Gauge<1> = Gauge::new(
    "edge_surface_up",
    "1 when the service answers as it should; absent while nobody can tell.",
    ["surface"],
);
const FAILURES: Gauge<1> = Gauge::new(
    "edge_surface_consecutive_failures",
    "For how many runs in a row the service has not answered as it should.",
    ["surface"],
);
const DURATION: Observations<1> = Observations::new(
    "edge_surface_duration_seconds",
    "How long answers of the service took.",
    ["surface"],
    &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0],
);
const INFO: Info<2> = Info::new(
    "edge_surface_info",
    "The version that the service tells.",
    ["surface", "version"],
);

/// Failures in a row, by surface.
const KEY: &str = "surfaces/1";

/// As for functions.
const TIMEOUT: Span = Span::from_secs(10);

/// Longest version that becomes a label.
const VERSION_BYTES_MAX: usize = 40;

pub(crate) fn describe(about: &mut Description) {
    about.metric(&UP).metric(&FAILURES).metric(&DURATION).metric(&INFO);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Auth,
    Table,
    Root,
    Storage,
    Realtime,
    Runtime,
    /// A path of the user's: its status and `expect` are all there is to judge.
    Other,
}

/// One surface to ask.
#[derive(Debug)]
pub(crate) struct Asked<'s> {
    name: &'static str,
    kind: Kind,
    path: String,
    expect: &'s Expect,
    severity: Severity,
    timeout: Span,
}

/// All that the settings name.
pub(crate) fn asked(surfaces: &Surfaces) -> Vec<Asked<'_>> {
    let plain = [
        ("auth", Kind::Auth, "auth/v1/health", &surfaces.auth),
        ("storage", Kind::Storage, "storage/v1/health", &surfaces.storage),
        (
            "realtime",
            Kind::Realtime,
            "realtime/v1/websocket?vsn=1.0.0",
            &surfaces.realtime,
        ),
        (
            "runtime",
            Kind::Runtime,
            "functions/v1/_internal/health",
            &surfaces.runtime,
        ),
    ];
    let plain = plain
        .into_iter()
        .filter_map(|(name, kind, path, surface)| Some(Asked::of(name, kind, path, surface.as_ref()?)));
    surfaces.rest.iter().map(Asked::rest).chain(plain).collect()
}

impl<'s> Asked<'s> {
    fn of(name: &'static str, kind: Kind, path: &str, surface: &'s Surface) -> Self {
        let own = surface.path.as_deref().map(|path| path.trim_start_matches('/'));
        Self {
            name,
            kind: if own.is_some() { Kind::Other } else { kind },
            path: own.unwrap_or(path).to_owned(),
            expect: &surface.expect,
            severity: surface.severity,
            timeout: surface.timeout.unwrap_or(TIMEOUT),
        }
    }

    /// Of a table no row is asked for: PostgreSQL is, and nothing leaves it.
    fn rest(rest: &'s Rest) -> Self {
        let (kind, path) = match &rest.table {
            Some(table) => (Kind::Table, format!("rest/v1/{table}?limit=0")),
            None => (Kind::Root, "rest/v1/".to_owned()),
        };
        Self {
            name: "rest",
            kind,
            path,
            expect: &rest.expect,
            severity: rest.severity,
            timeout: rest.timeout.unwrap_or(TIMEOUT),
        }
    }

    pub(crate) fn request(&self) -> Request {
        let request = Request {
            timeout_ms: Some(milliseconds(self.timeout.duration())),
            max_body_bytes: self.expect.body_bytes,
            ..Request::get(DEFAULT, &self.path)
        };
        with_headers(request, &BTreeMap::new(), false)
    }

    fn judge(&self, answer: &Answer) -> Outcome {
        let response = answer.as_ref().map_err(|failure| network::finding(failure))?;
        let says = self.served(response)?;
        expectation::check(self.expect, response)?;
        match expectation::slow(self.expect.latency(), network::latency(&response.phases)) {
            Some(slow) => Err(slow),
            None => Ok(says),
        }
    }

    /// With statuses in the settings, those and nothing else are right.
    fn served(&self, response: &Response) -> Outcome {
        if self.expect.names(response.status) {
            return Ok(format!("status {}", response.status));
        }
        if !self.expect.status.is_empty() {
            return Err(refused(response));
        }
        match self.kind {
            Kind::Auth => auth(response),
            Kind::Table => table(response),
            Kind::Root => root(response),
            Kind::Storage => storage(response),
            Kind::Realtime => realtime(response),
            Kind::Runtime => runtime(response),
            Kind::Other => success(response).map(|()| format!("status {}", response.status)),
        }
    }
}

/// Reports on all, with the answers in the order of the requests.
pub(crate) fn report(asked: &[Asked<'_>], answers: &[Answer], report: &mut Report) {
    if asked.is_empty() {
        return;
    }
    let kept: BTreeMap<String, u32> = load(KEY);
    let mut failures = BTreeMap::new();
    for (surface, answer) in asked.iter().zip(answers) {
        let before = kept.get(surface.name).copied().unwrap_or_default();
        failures.insert(surface.name, one(surface, answer, before, report));
    }
    keep(KEY, &failures);
}

/// Failures in a row, this one included.
fn one(surface: &Asked<'_>, answer: &Answer, before: u32, report: &mut Report) -> u32 {
    let outcome = surface.judge(answer);
    let response = answer.as_ref().ok();
    let latency = response.map(|response| network::latency(&response.phases));
    let up = match outcome.as_ref().err().map(|finding| finding.class.matter) {
        None | Some(Matter::Quality) => Some(true),
        Some(Matter::Monitor) => None,
        Some(Matter::Function | Matter::Platform | Matter::Network) => Some(false),
    };
    let failures = if up == Some(false) { before.saturating_add(1) } else { 0 };
    report.gauge(&FAILURES).set([surface.name], failures);
    if let Some(up) = up {
        report.gauge(&UP).set([surface.name], up);
    }
    if let Some(latency) = latency {
        report.observations(&DURATION).observe([surface.name], latency);
    }
    if let Some(version) = response.filter(|_| surface.kind == Kind::Auth).and_then(version) {
        report.info(&INFO).set([surface.name, &version]);
    }
    verdict(report, surface.name, surface.severity, &outcome, latency);
    failures
}

fn success(response: &Response) -> Result<(), Finding> {
    if (200..300).contains(&response.status) {
        return Ok(());
    }
    Err(refused(response))
}

/// What an error means that no surface has a trap for.
fn refused(response: &Response) -> Finding {
    let status = response.status;
    let class: &'static Class = match status {
        401 | 403 => &classes::UNAUTHORIZED,
        404 => &classes::NOT_OFFERED,
        402 | 429 | 502 | 520..=530 | 540 | 544 => {
            return platform::classify(response)
                .unwrap_or_else(|| Finding::new(&classes::SURFACE_DOWN, format!("status {status}")));
        }
        500.. => &classes::SURFACE_DOWN,
        _ => &classes::UNEXPECTED_STATUS,
    };
    Finding::new(class, format!("status {status}"))
}

/// Trap: it answers 200 whatever the database does, so a page in its place must not pass either.
fn auth(response: &Response) -> Outcome {
    success(response)?;
    let body = expectation::json(response)?;
    if body.get("name").is_none_or(|name| !name.is_string()) {
        return Err(Finding::new(
            &classes::ASSERTION_FAILED,
            "`/name` is missing: this is not Supabase Auth",
        ));
    }
    Ok("answers; it does not look at the database".to_owned())
}

/// A version is a word; anything else would not be one.
fn version(response: &Response) -> Option<String> {
    let body: Value = budget::read(&response.body).ok()?;
    let version = body.get("version")?.as_str()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
    let is_plain = (1..=VERSION_BYTES_MAX).contains(&version.len()) && version.bytes().all(plain);
    is_plain.then(|| version.to_owned())
}

/// Trap: a refusal that PostgreSQL itself gave (42501) has passed the gateway, PostgREST and the database: all are well.
fn table(response: &Response) -> Outcome {
    match postgrest_code(response).as_deref() {
        Some("42501") => return Ok("answers: PostgreSQL itself refuses the key to read the table".to_owned()),
        Some(code @ ("PGRST000" | "PGRST001" | "PGRST002" | "PGRST003")) => {
            return Err(Finding::new(
                &classes::DATABASE_UNREACHABLE,
                format!("status {}, {code}", response.status),
            ));
        }
        Some(code @ ("PGRST205" | "42P01")) => {
            return Err(Finding::new(
                &classes::TABLE_MISSING,
                format!("status {}, {code}", response.status),
            ));
        }
        _ => success(response)?,
    }
    Ok("answers from PostgreSQL".to_owned())
}

fn postgrest_code(response: &Response) -> Option<String> {
    if response.status < 400 {
        return None;
    }
    let body: Value = budget::read(&response.body).ok()?;
    Some(body.get("code")?.as_str()?.to_owned())
}

/// Trap: since spring 2026 hosted projects refuse the root to all but secret keys (changelog 42949), and the gateway does so
/// before PostgREST is asked. That is no sign of health, nor of a fault.
fn root(response: &Response) -> Outcome {
    let is_closed = matches!(response.status, 401 | 403) && {
        let body = String::from_utf8_lossy(&response.body);
        ["Access to schema is forbidden", "secret API key", "service_role"]
            .iter()
            .any(|words| body.contains(words))
            && !body.contains("anon")
    };
    if is_closed {
        let summary = format!("status {}: only secret keys may read the REST root", response.status);
        return Err(Finding::new(&classes::REST_ROOT_CLOSED, summary));
    }
    if let Some(code) = postgrest_code(response).filter(|code| code.starts_with("PGRST00")) {
        return Err(Finding::new(
            &classes::DATABASE_UNREACHABLE,
            format!("status {}, {}", response.status, known(&code)),
        ));
    }
    success(response)?;
    Ok("answers with its description".to_owned())
}

/// Nothing but a code of PostgREST's form is repeated.
fn known(code: &str) -> &str {
    let is_code = code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_code { code } else { "an unknown code" }
}

/// Trap: the status is 200 even when it is not healthy.
fn storage(response: &Response) -> Outcome {
    success(response)?;
    let body = expectation::json(response)?;
    match body.get("healthy").and_then(Value::as_bool) {
        Some(true) => Ok("healthy, its database included".to_owned()),
        Some(false) => Err(Finding::new(
            &classes::SURFACE_UNHEALTHY,
            "it says that it is not healthy",
        )),
        None => Err(Finding::new(
            &classes::ASSERTION_FAILED,
            "`/healthy` is missing: this is not Supabase Storage",
        )),
    }
}

/// Trap: a WebSocket's address has no health of its own. Without an upgrade, Phoenix lets the key pass or not (403), and only then
/// refuses: 400 with its present adapter (`phoenix/transports/websocket.ex`), 426 with Cowboy's own.
fn realtime(response: &Response) -> Outcome {
    match response.status {
        400 | 426 => Ok(format!(
            "status {}: it asks for a WebSocket, as it should",
            response.status
        )),
        403 => Err(Finding::new(
            &classes::UNAUTHORIZED,
            "status 403: Realtime does not know the key or the project",
        )),
        200..=299 => Err(Finding::new(
            &classes::UNEXPECTED_STATUS,
            format!("status {}: something else answers in Realtime's place", response.status),
        )),
        _ => Err(refused(response)),
    }
}

/// Trap: hosted projects have no such path.
fn runtime(response: &Response) -> Outcome {
    success(response)?;
    let body = expectation::json(response)?;
    if body.get("message") == Some(&Value::from("ok")) {
        return Ok("answers".to_owned());
    }
    Err(Finding::new(&classes::SURFACE_UNHEALTHY, "`/message` is not \"ok\""))
}
