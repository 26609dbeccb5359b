//! What a step takes from its answer for later steps.
//!
//! Pure. Flows in: the settings' word for where, and an answer. Flows out: a value, or why there is none; never the value in
//! words, since it may be a token.

use bellwether_sdk::http::Response;
use serde_json::Value;

use super::template::holds_place;
use crate::budget;

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source<'s> {
    Pointer(&'s str),
    Header(&'s str),
}

impl<'s> Source<'s> {
    /// From the settings: `/0/id`, `header:location`, or `""` for the whole body.
    pub(crate) fn read(text: &'s str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("header:") {
            return (!name.is_empty()).then_some(Self::Header(name));
        }
        (text.is_empty() || text.starts_with('/')).then_some(Self::Pointer(text))
    }
}

/// The value of `source`, which the settings' check has read once already.
pub(crate) fn take(source: &str, response: &Response) -> Result<Value, String> {
    let value = match Source::read(source) {
        Some(Source::Header(name)) => response.header(name).map(Value::from),
        Some(Source::Pointer(pointer)) => {
            let body: Option<Value> = budget::read(&response.body).ok();
            body.and_then(|body| body.pointer(pointer).cloned())
        }
        None => None,
    };
    let value = value.ok_or_else(|| format!("`{source}` is not in the answer"))?;
    if holds_place(&value) {
        return Err(format!("`{source}` holds `{{{{`, which could be taken for a place"));
    }
    Ok(value)
}
