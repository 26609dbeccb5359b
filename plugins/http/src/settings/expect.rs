//! The tables `expect`: what a good answer is.

use bellwether_sdk::{pattern::Pattern, settings::Levels};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::status::StatusSet;

/// What to expect. What is not named is not looked at, but for the status and the certificate.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExpectSettings {
    /// Statuses: numbers, `"2xx"`, `"200-204"`. `["2xx"]` unless said.
    pub(crate) status: Option<StatusSet>,
    /// How long the whole may take, in seconds; slow from a level on.
    pub(crate) latency_seconds: Option<Levels>,
    /// How many days the certificates must be valid still: `{ warning = 14, critical = 3 }` unless said; `{}` looks at none.
    pub(crate) certificate_days: Option<Remaining>,
    /// Texts that the body contains.
    pub(crate) body_contains: Option<Vec<String>>,
    /// Texts that the body does not contain.
    pub(crate) body_lacks: Option<Vec<String>>,
    /// Regular expressions found in the body.
    pub(crate) body_matches: Option<Vec<Pattern>>,
    /// Regular expressions not found in the body.
    pub(crate) body_lacks_match: Option<Vec<Pattern>>,
    /// What the body holds, which is JSON.
    pub(crate) json: Option<Vec<JsonExpectation>>,
    /// Headers of the answer.
    pub(crate) headers: Option<Vec<HeaderExpectation>>,
    /// How long the body is, in bytes, decompressed.
    pub(crate) body_bytes: Option<Range>,
    /// Whether a body that is longer than 1 MiB, or never ends, is a failure: `true` unless said. With `false`, a part of it is
    /// enough, and no more than `request.body_bytes` is read.
    pub(crate) whole_body: Option<bool>,
    /// How many redirects were followed.
    pub(crate) redirects: Option<u8>,
    /// Regular expression found in the URL where the redirects led.
    pub(crate) final_url: Option<Pattern>,
    /// Versions of HTTP, such as `["2"]`.
    pub(crate) http_versions: Option<Vec<HttpVersion>>,
    /// Whether the last hop used TLS.
    pub(crate) tls: Option<bool>,
}

impl ExpectSettings {
    pub(crate) fn over(&self, defaults: &Self) -> Self {
        over!(
            self,
            defaults,
            status,
            latency_seconds,
            certificate_days,
            body_contains,
            body_lacks,
            body_matches,
            body_lacks_match,
            json,
            headers,
            body_bytes,
            whole_body,
            redirects,
            final_url,
            http_versions,
            tls,
        )
    }
}

/// Below which value.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-bellwether-ascending" = ["critical", "warning"]))]
pub(crate) struct Remaining {
    /// Will need a person soon.
    #[schemars(range(min = 0))]
    pub(crate) warning: Option<f64>,
    /// Needs a person now.
    #[schemars(range(min = 0))]
    pub(crate) critical: Option<f64>,
}

/// From and to, both included.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-bellwether-ascending" = ["minimum", "maximum"]))]
pub(crate) struct Range {
    /// Not less.
    pub(crate) minimum: Option<f64>,
    /// Not more.
    pub(crate) maximum: Option<f64>,
}

/// A value in a JSON body. Without further keys, it must be there.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct JsonExpectation {
    /// Where it stands (RFC 6901), such as `/checks/0/status`; "" is the whole.
    #[schemars(regex(pattern = "^(/.*)?$"))]
    pub(crate) pointer: String,
    /// It is exactly this.
    pub(crate) equals: Option<Value>,
    /// It is one of these.
    pub(crate) one_of: Option<Vec<Value>>,
    /// It is text in which this regular expression is found.
    pub(crate) matches: Option<Pattern>,
    /// It is a number, and not less.
    pub(crate) minimum: Option<f64>,
    /// It is a number, and not more.
    pub(crate) maximum: Option<f64>,
    /// Text, list or table of at least this length.
    pub(crate) minimum_length: Option<u64>,
    /// Text, list or table of at most this length.
    pub(crate) maximum_length: Option<u64>,
    /// It is of this kind.
    pub(crate) kind: Option<JsonKind>,
    /// It is not there.
    pub(crate) absent: bool,
}

/// A kind of JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JsonKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// Text.
    String,
    /// A list.
    Array,
    /// A table.
    Object,
}

/// A header of the answer. Without further keys, it must be there.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HeaderExpectation {
    /// In any case.
    #[schemars(length(min = 1))]
    pub(crate) name: String,
    /// One of its values is exactly this.
    pub(crate) equals: Option<String>,
    /// This regular expression is found in one of its values.
    pub(crate) matches: Option<Pattern>,
    /// It is not there.
    pub(crate) absent: bool,
}

/// A version of HTTP in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum HttpVersion {
    /// HTTP/1.0.
    #[serde(rename = "1.0")]
    V10,
    /// HTTP/1.1.
    #[serde(rename = "1.1")]
    V11,
    /// HTTP/2.
    #[serde(rename = "2")]
    V2,
}

impl HttpVersion {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::V10 => "1.0",
            Self::V11 => "1.1",
            Self::V2 => "2",
        }
    }
}
