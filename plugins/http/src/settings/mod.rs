//! What stands under `settings` in the configuration.

use bellwether_sdk::Address;
use schemars::JsonSchema;
use serde::Deserialize;

/// Takes each field from `own`, else from `defaults`.
macro_rules! over {
    ($own:expr, $defaults:expr, $($field:ident),* $(,)?) => {
        Self { $($field: $own.$field.clone().or_else(|| $defaults.$field.clone())),* }
    };
}

mod expect;
mod request;

pub(crate) use expect::{ExpectSettings, HeaderExpectation, JsonExpectation, JsonKind, Remaining};
pub(crate) use request::{Family, Method, RequestSettings};

/// A target, or several, how to ask and what to expect.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Under which names to report; `["canonical"]` unless said.
    name_sets: Option<Vec<NameSet>>,
    /// What to ask, when it is one thing. Writing it here allows the check to reach it, without credentials.
    pub(crate) url: Option<Address>,
    /// Instead of `url`: what follows the URL of the connection; "" is exactly that URL.
    pub(crate) path: Option<String>,
    /// What to call the one target; its URL without the query, unless said.
    pub(crate) name: Option<String>,
    /// Several things to ask at once, instead of `url` or `path`.
    #[schemars(length(max = 1000))]
    pub(crate) targets: Vec<TargetSettings>,
    /// How to ask.
    pub(crate) request: RequestSettings,
    /// What to expect.
    pub(crate) expect: ExpectSettings,
    /// What a target is that fails or answers otherwise than expected: `critical` unless said.
    pub(crate) severity: Option<Severity>,
}

impl Settings {
    pub(crate) fn name_sets(&self) -> &[NameSet] {
        self.name_sets.as_deref().unwrap_or(&[NameSet::Canonical])
    }
}

/// A set of metric names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NameSet {
    /// `http_probe_*`.
    Canonical,
    /// `probe_*`, as blackbox_exporter has them.
    Blackbox,
}

/// One thing to ask. What it does not say, the tables `request` and `expect` beside `targets` say.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TargetSettings {
    /// What to call it; its URL without the query, unless said.
    pub(crate) name: Option<String>,
    /// What to ask. Writing it here allows the check to reach it, without credentials.
    pub(crate) url: Option<Address>,
    /// Instead of `url`: what follows the URL of the connection; "" is exactly that URL.
    pub(crate) path: Option<String>,
    /// How to ask.
    pub(crate) request: RequestSettings,
    /// What to expect.
    pub(crate) expect: ExpectSettings,
    /// What it is when it fails or answers otherwise than expected.
    pub(crate) severity: Option<Severity>,
}

/// How bad it is when a target fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// It will need a person soon.
    Warning,
    /// It needs a person now.
    #[default]
    Critical,
}
