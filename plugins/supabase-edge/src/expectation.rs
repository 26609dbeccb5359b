//! Holding an answer against what is expected of it.
//!
//! Pure. Flows in: `expect` of the settings and an answer. Flows out: nothing, or the first thing that is not as expected. What
//! the answer holds is not repeated but for numbers and types: it may be a token, or somebody's data.

use std::time::Duration;

use bellwether_sdk::{Status, http::Response, json::Unread, pattern::Pattern, settings::Levels, work::Searched};
use serde_json::Value;

use crate::{
    assertion, budget,
    classes::{self, Weight},
    finding::Finding,
    settings::expect::Expect,
};

/// Size, headers and body. The status was judged before.
pub(crate) fn check(expect: &Expect, response: &Response) -> Result<(), Finding> {
    size(expect, response)?;
    for (name, pattern) in &expect.headers {
        header(name, pattern, response)?;
    }
    if expect.json.is_empty() {
        return whole(expect, response);
    }
    let body = json(response)?;
    for each in &expect.json {
        assertion::judge(each, &body, response.body.len())?;
    }
    Ok(())
}

fn size(expect: &Expect, response: &Response) -> Result<(), Finding> {
    let Some(limit) = expect.body_bytes else { return Ok(()) };
    let larger = response.body_truncated || response.body.len() as u64 > u64::from(limit);
    if larger {
        return Err(Finding::new(
            &classes::BODY_TOO_LARGE,
            format!("the body has more than {limit} bytes"),
        ));
    }
    Ok(())
}

/// A body that goes on where the host stops reading may never end: that is no success unless the settings say so.
fn whole(expect: &Expect, response: &Response) -> Result<(), Finding> {
    if !response.body_truncated || expect.whole_body == Some(false) {
        return Ok(());
    }
    let read = response.body.len();
    Err(Finding::new(
        &classes::BODY_TOO_LARGE,
        format!(
            "the body goes on after the {read} bytes that are read; where a part is enough, set `expect.whole_body = false`"
        ),
    ))
}

fn header(name: &str, pattern: &str, response: &Response) -> Result<(), Finding> {
    let mismatch = |problem: String| Finding::new(&classes::HEADER_MISMATCH, problem);
    let Some(value) = response.header(name) else {
        return Err(mismatch(format!("there is no header `{name}`")));
    };
    let expression = Pattern::new(pattern).map_err(mismatch)?;
    match budget::search(&expression, value) {
        Searched::Found => Ok(()),
        Searched::Missing => Err(mismatch(format!("header `{name}` does not match `{pattern}`"))),
        Searched::MissingInFirst(part) => Err(Finding::new(
            &classes::NOT_JUDGED,
            format!(
                "this run has the time to search {part} bytes of header `{name}`, without finding `{pattern}` in them"
            ),
        )),
    }
}

/// The body as JSON, or why it is none.
pub(crate) fn json(response: &Response) -> Result<Value, Finding> {
    budget::read(&response.body).map_err(|unread| {
        if response.body_truncated {
            let problem = "the body is longer than what is kept of it, so its JSON cannot be read";
            return Finding::new(&classes::BODY_TOO_LARGE, problem);
        }
        match unread {
            Unread::Invalid(_) => {}
            Unread::TooLarge(_) => return Finding::new(&classes::BODY_TOO_LARGE, unread.to_string()),
            Unread::NoRoom(_) | Unread::NoTime(_) => return Finding::new(&classes::NOT_JUDGED, unread.to_string()),
        }
        let problem = format!("the body is not JSON ({} bytes)", response.body.len());
        Finding::new(&classes::ASSERTION_FAILED, problem)
    })
}

/// Whether an answer that is right came late.
pub(crate) fn slow(levels: Levels, took: Duration) -> Option<Finding> {
    let (weight, limit) = reached(levels, took.as_secs_f64())?;
    let summary = format!("right, but after {:.2} s, at or above {limit} s", took.as_secs_f64());
    Some(Finding::new(&classes::SLOW, summary).weighing(weight))
}

/// The heaviest level that `value` has reached.
pub(crate) fn reached(levels: Levels, value: f64) -> Option<(Weight, f64)> {
    let (status, level) = levels.reached(value)?;
    let weight = if status == Status::Critical {
        Weight::Critical
    } else {
        Weight::Warning
    };
    Some((weight, level))
}
