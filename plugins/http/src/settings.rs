//! What stands under `settings` in the configuration.

use std::collections::BTreeMap;

use bellwether_sdk::Address;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::status::StatusSet;

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

/// Takes each field from `own`, else from `defaults`.
macro_rules! over {
    ($own:expr, $defaults:expr, $($field:ident),* $(,)?) => {
        Self { $($field: $own.$field.clone().or_else(|| $defaults.$field.clone())),* }
    };
}

/// How to ask.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RequestSettings {
    /// `GET` unless said. A connection takes other methods than GET, HEAD and OPTIONS only when its `methods` say so.
    pub(crate) method: Option<Method>,
    /// Headers to send. Credentials belong into the connection: `{{secret:NAME}}` stands for one of its `secrets`.
    pub(crate) headers: Option<BTreeMap<String, String>>,
    /// Body to send, as it is.
    pub(crate) body: Option<String>,
    /// How long to wait for the whole answer; the check's `timeout` bounds it in any case.
    #[schemars(range(min = 0.01, max = 3600))]
    pub(crate) timeout_seconds: Option<f64>,
    /// How many redirects to follow; 5 unless said. Each must lead to a place that the check may reach.
    #[schemars(range(max = 20))]
    pub(crate) redirects: Option<u8>,
    /// How much of the body to keep, in bytes. Unless said: 1 MiB, or less when there are more than 16 targets.
    pub(crate) body_bytes: Option<u32>,
    /// Dial anew in every run, so that name, connection and certificate are tested too; `true` unless said.
    pub(crate) fresh_connection: Option<bool>,
    /// Which addresses of the name to use; `any` unless said.
    pub(crate) address_family: Option<Family>,
    /// Dial this address instead of the name's, such as `10.0.0.7` or `[2001:db8::1]:8443`.
    pub(crate) connect_to: Option<String>,
    /// The version of HTTP to speak; the best that both sides know, unless said.
    pub(crate) http_version: Option<AskedVersion>,
    /// The name to ask and verify in TLS, when it is not that of the URL.
    pub(crate) server_name: Option<String>,
}

impl RequestSettings {
    pub(crate) fn over(&self, defaults: &Self) -> Self {
        over!(
            self,
            defaults,
            method,
            headers,
            body,
            timeout_seconds,
            redirects,
            body_bytes,
            fresh_connection,
            address_family,
            connect_to,
            http_version,
            server_name,
        )
    }
}

/// A method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    #[default]
    Get,
    Head,
    Options,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Family {
    /// Whichever there is.
    #[default]
    Any,
    /// Only IPv4.
    Ipv4,
    /// Only IPv6.
    Ipv6,
}

/// A version of HTTP to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum AskedVersion {
    /// HTTP/1.1.
    #[serde(rename = "1.1")]
    V11,
    /// HTTP/2.
    #[serde(rename = "2")]
    V2,
}

impl AskedVersion {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::V11 => "1.1",
            Self::V2 => "2",
        }
    }
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

/// What to expect. What is not named is not looked at, but for the status and the certificate.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ExpectSettings {
    /// Statuses: numbers, `"2xx"`, `"200-204"`. `["2xx"]` unless said.
    pub(crate) status: Option<StatusSet>,
    /// How long the whole may take, in seconds.
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
            redirects,
            final_url,
            http_versions,
            tls,
        )
    }
}

/// From which value on.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-bellwether-ascending" = ["warning", "critical"]))]
pub(crate) struct Levels {
    /// Will need a person soon.
    #[schemars(range(min = 0))]
    pub(crate) warning: Option<f64>,
    /// Needs a person now.
    #[schemars(range(min = 0))]
    pub(crate) critical: Option<f64>,
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

/// A regular expression, found anywhere unless it says `^` or `$`. Look-around and back-references are not known.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern(regex_lite::Regex);

/// Bytes of a compiled expression: enough for some hundred alternatives.
const PATTERN_BYTES_MAX: usize = 1 << 20;

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut builder = regex_lite::RegexBuilder::new(&text);
        let built = builder.size_limit(PATTERN_BYTES_MAX).build();
        built
            .map(Self)
            .map_err(|error| format!("`{text}` is not a regular expression: {error}"))
    }
}

impl Pattern {
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl JsonSchema for Pattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1 })
    }
}
