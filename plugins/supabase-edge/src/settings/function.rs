//! `functions.NAME` and `discover`: which functions are called, and how.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_sdk::settings::Levels;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Severity, expect::Expect, span::Span};

/// How one function is called and what is expected of it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Function {
    /// The name it is deployed under, when that is not NAME. So one function can be called in several ways.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9_-]*$"))]
    pub(crate) slug: Option<String>,
    /// `liveness`: whether it starts and answers. `invoke`: whether it does its work.
    pub(crate) mode: Mode,
    /// Unless said `OPTIONS` for `liveness` and `POST` for `invoke`. The platform knows no `HEAD`.
    pub(crate) method: Option<Method>,
    /// What follows the name: a path within the function, a query, or both, such as `/items?limit=1`.
    #[schemars(regex(pattern = "^([/?].*)?$"))]
    pub(crate) path: String,
    /// Headers to send. `{{secret:NAME}}` in a value stands for a secret of the connection.
    pub(crate) headers: BTreeMap<String, String>,
    /// The body to send, as text.
    pub(crate) body: Option<String>,
    /// The body to send, as JSON; with a `content-type` to match.
    pub(crate) json: Option<Value>,
    /// In which regions to run it, one call each. Unless said, those of the check; without any, wherever the platform likes.
    pub(crate) regions: Option<Vec<String>>,
    /// How long to wait for the answer; unless said 10s.
    pub(crate) timeout: Option<Span>,
    /// Call it at most this often; what was seen last stands in between. Each call is billed and keeps the function warm.
    pub(crate) every: Option<Span>,
    /// How bad it is when it does not work.
    pub(crate) severity: Severity,
    /// What is expected of the answer.
    pub(crate) expect: Expect,
    /// Measures cold starts: now and then two calls, one right after the other.
    pub(crate) cold: Option<Cold>,
}

/// What a call is to find out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// The function starts and answers: anything it says itself below 500 is right.
    #[default]
    Liveness,
    /// The function does its work: 2xx, unless `expect.status` says otherwise.
    Invoke,
}

/// What the platform passes on to functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    /// Usually without effect.
    Get,
    /// What client libraries call functions with.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
    /// What browsers ask before they call.
    Options,
}

impl Method {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

/// Cold starts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cold {
    /// How often; unless said 30m. A start is cold only when nobody called shortly before: set `every` as well.
    pub(crate) every: Option<Span>,
    /// When the first of the two calls is slow, in seconds.
    pub(crate) latency_seconds: Levels,
}

/// How often cold starts are measured, when the settings do not say. A worker lives for minutes after its last call.
const COLD_EVERY: Span = Span::from_secs(30 * 60);

/// Longer than any cold start that is still acceptable, shorter than the platform's own 150 s.
const TIMEOUT: Span = Span::from_secs(10);

impl Cold {
    pub(crate) fn every(&self) -> Span {
        self.every.unwrap_or(COLD_EVERY)
    }
}

impl Function {
    pub(crate) fn method(&self) -> Method {
        self.method.unwrap_or(match self.mode {
            Mode::Liveness => Method::Options,
            Mode::Invoke => Method::Post,
        })
    }

    pub(crate) fn timeout(&self) -> Span {
        self.timeout.unwrap_or(TIMEOUT)
    }

    /// What the schema cannot say; `at` is where in the settings.
    pub(crate) fn check(&self, at: &str) -> Result<(), String> {
        if self.body.is_some() && self.json.is_some() {
            return Err(format!("{at} has both `body` and `json`: keep one"));
        }
        let speaks = self.body.is_some() || self.json.is_some();
        if speaks && self.method() == Method::Options {
            return Err(format!(
                "{at} has a body, and OPTIONS takes none: add `mode = \"invoke\"`"
            ));
        }
        check_regions(self.regions.as_deref().unwrap_or_default(), at)?;
        self.expect.check(&format!("{at}.expect"))
    }
}

/// They become values of a header, and each is a target of its own.
pub(crate) fn check_regions(regions: &[String], at: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let mut seen = BTreeSet::new();
    for region in regions {
        if region.is_empty() || !region.bytes().all(plain) {
            return Err(format!(
                "{at}.regions: `{region}` is not a region such as `eu-central-1`"
            ));
        }
        if !seen.insert(region) {
            return Err(format!("{at}.regions: `{region}` stands there twice"));
        }
    }
    Ok(())
}

/// Functions found by the Management API and not named in `functions`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Discover {
    /// Patterns of names to call: `*` is any text, `?` one character. All of them unless said.
    pub(crate) include: Option<Vec<String>>,
    /// Patterns of names to leave alone.
    pub(crate) exclude: Vec<String>,
    /// How they are called: as under `functions`, without `slug`.
    pub(crate) call: Function,
    /// At most as many; the rest is left out by name, with a warning.
    #[schemars(range(min = 1, max = 120))]
    pub(crate) limit: Option<u32>,
}

/// A run may send 1,000 requests; a hundred functions leave room for regions, surfaces and flows.
const LIMIT: u32 = 100;

impl Discover {
    pub(crate) fn limit(&self) -> usize {
        usize::try_from(self.limit.unwrap_or(LIMIT)).unwrap_or(usize::MAX)
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.call.slug.is_some() {
            return Err("discover.call has a `slug`: names come from the Management API".to_owned());
        }
        self.call.check("discover.call")
    }
}
