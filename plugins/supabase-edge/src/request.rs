//! What all requests of this plugin have in common: who asks, and what the body is.

use std::{collections::BTreeMap, time::Duration};

use bellwether_sdk::http::Request;
use serde_json::Value;

/// Not a browser's: Supabase answers 401 to a secret key that seems to come from one, whatever the key is worth
/// (`guides/getting-started/api-keys`).
const USER_AGENT: &str = concat!("bellwether-supabase-edge/", env!("CARGO_PKG_VERSION"));

/// Adds the headers of the settings, and what they do not say: who asks, and that the body is JSON.
pub(crate) fn with_headers(mut request: Request, headers: &BTreeMap<String, String>, is_json: bool) -> Request {
    let says = |name: &str| headers.keys().any(|header| header.eq_ignore_ascii_case(name));
    if !says("user-agent") {
        request = request.header("user-agent", USER_AGENT);
    }
    if is_json && !says("content-type") {
        request = request.header("content-type", "application/json");
    }
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(name, value))
}

/// The body of the settings.
pub(crate) fn body(text: Option<&str>, json: Option<&Value>) -> Vec<u8> {
    let json = json.map(Value::to_string);
    text.map(str::to_owned).or(json).unwrap_or_default().into_bytes()
}

/// As the contract has it; at least one millisecond, since none would be no time at all.
pub(crate) fn milliseconds(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX).max(1)
}
