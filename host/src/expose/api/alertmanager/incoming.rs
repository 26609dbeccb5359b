//! What clients of Alertmanager send: alerts and silences as JSON.
//!
//! Flows in: bytes of strangers, of bounded length. Flows out: what dispatch takes, or what is wrong in words. Whether an alert or a
//! silence makes sense is decided there.

use std::{collections::BTreeMap, sync::Arc};

use bellwether_promql::{ast::MatchOp, labels::Labels};
use serde::Deserialize;

use crate::{
    alert::Matcher,
    clock,
    dispatch::{posted::PostedAlert, silence::NewSilence},
};

/// Go's time zero, which stands for none, in milliseconds: the beginning of the year 1. Clients write it with a fraction or without.
const NEVER: i64 = -62_135_596_800_000;

/// Why a body means nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// It is no JSON, or of another shape.
    #[error("cannot read the body: {0}")]
    Json(#[from] serde_json::Error),
    /// No time.
    #[error("`{name}` of {what} is {text:?}, which is no time as RFC 3339 writes it")]
    Time {
        name: &'static str,
        what: String,
        text: String,
    },
    /// Which, and what is wrong.
    #[error("{0} has a label without a name")]
    LabelName(String),
    /// Of a silence, or of a filter.
    #[error("{0}: {1}")]
    Matcher(String, String),
}

type Pairs = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    labels: Pairs,
    annotations: Option<Pairs>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    #[serde(rename = "generatorURL")]
    generator_url: Option<String>,
}

/// A list of alerts. One without sense does not keep the others away; one that cannot be read keeps all away.
pub(super) fn alerts(body: &[u8]) -> Result<Vec<PostedAlert>, Refused> {
    let alerts: Vec<Alert> = serde_json::from_slice(body)?;
    alerts
        .into_iter()
        .enumerate()
        .map(|(at, alert)| taken(alert, at))
        .collect()
}

fn taken(alert: Alert, at: usize) -> Result<PostedAlert, Refused> {
    let what = || format!("alert {at}");
    if alert.labels.contains_key("") {
        return Err(Refused::LabelName(what()));
    }
    let annotations = alert.annotations.unwrap_or_default().into_iter();
    Ok(PostedAlert {
        labels: Labels::new(alert.labels),
        annotations: annotations.map(|(name, text)| (name.into(), text.into())).collect(),
        starts_at: time(alert.starts_at.as_deref(), "startsAt", what)?,
        ends_at: time(alert.ends_at.as_deref(), "endsAt", what)?,
        generator_url: alert.generator_url.unwrap_or_default().into(),
    })
}

/// Milliseconds since the epoch; None: not said.
fn time(text: Option<&str>, name: &'static str, what: impl Fn() -> String) -> Result<Option<i64>, Refused> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let refused = || Refused::Time {
        name,
        what: what(),
        text: text.to_owned(),
    };
    let millis = clock::of_rfc3339(text).ok_or_else(refused)?;
    Ok(Some(millis).filter(|millis| *millis != NEVER))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Silence {
    id: Option<String>,
    matchers: Vec<PostedMatcher>,
    starts_at: String,
    ends_at: String,
    created_by: String,
    comment: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedMatcher {
    name: String,
    value: String,
    is_regex: bool,
    is_equal: Option<bool>,
}

/// One silence. A beginning that is not said is the epoch, which dispatch takes for now.
pub(super) fn silence(body: &[u8]) -> Result<NewSilence, Refused> {
    let silence: Silence = serde_json::from_slice(body)?;
    let what = || "the silence".to_owned();
    let matchers = silence.matchers.iter().map(matcher);
    Ok(NewSilence {
        id: silence.id.filter(|id| !id.is_empty()).map(Arc::from),
        matchers: matchers.collect::<Result<_, _>>()?,
        starts_at: time(Some(&silence.starts_at), "startsAt", what)?.unwrap_or(0),
        ends_at: time(Some(&silence.ends_at), "endsAt", what)?.unwrap_or(0),
        created_by: silence.created_by.into(),
        comment: silence.comment.into(),
    })
}

fn matcher(matcher: &PostedMatcher) -> Result<Matcher, Refused> {
    let op = match (matcher.is_equal.unwrap_or(true), matcher.is_regex) {
        (true, false) => MatchOp::Equal,
        (false, false) => MatchOp::NotEqual,
        (true, true) => MatchOp::Regex,
        (false, true) => MatchOp::NotRegex,
    };
    Matcher::new(&matcher.name, op, &matcher.value).map_err(|error| {
        let what = format!("the matcher of {:?}", matcher.name);
        Refused::Matcher(what, error.to_string())
    })
}
