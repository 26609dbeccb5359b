//! The tables `request`: how to ask.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

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
