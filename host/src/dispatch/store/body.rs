//! Alerts, posted alerts and silences as JSON in a column, and back. Floats are kept as their bits, because JSON has neither NaN nor
//! infinity.

use std::{borrow::Cow, sync::Arc};

use bellwether_promql::labels::Labels;
use serde::{Deserialize, Serialize};

use super::super::{
    chronicle::{Hearing, OccurrenceRow, Telling},
    message::News,
    posted::PostedRow,
    silence::Silence,
};
use crate::alert::{Matcher, ResolveCause};

type Texts<'t> = Vec<(Cow<'t, str>, Cow<'t, str>)>;

fn texts<'t>(texts: impl IntoIterator<Item = (&'t Arc<str>, &'t Arc<str>)>) -> Texts<'t> {
    let texts = texts.into_iter();
    texts
        .map(|(name, value)| ((&**name).into(), (&**value).into()))
        .collect()
}

fn kept(texts: Texts<'_>) -> impl Iterator<Item = (Arc<str>, Arc<str>)> {
    texts.into_iter().map(|(name, value)| (name.into(), value.into()))
}

/// An alert without its labels, or with them.
#[derive(Serialize, Deserialize)]
pub(super) struct Body<'t> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<Texts<'t>>,
    annotations: Texts<'t>,
    firing: bool,
    told: bool,
    value: Option<u64>,
    starts_at: i64,
    ends_at: Option<i64>,
    updated_at: i64,
    generator_url: Cow<'t, str>,
    cause: Option<Cow<'t, str>>,
    details: Texts<'t>,
}

impl<'t> Body<'t> {
    fn of(news: &'t News, with_labels: bool) -> Self {
        Self {
            labels: with_labels.then(|| texts(news.labels.iter().map(|(name, value)| (name, value)))),
            annotations: texts(&news.annotations),
            firing: news.is_firing,
            told: news.was_told,
            value: news.value.map(f64::to_bits),
            starts_at: news.starts_at,
            ends_at: news.ends_at,
            updated_at: news.updated_at,
            generator_url: (&*news.generator_url).into(),
            cause: news.cause.map(|cause| cause.as_str().into()),
            details: texts(news.details.iter().map(|(name, value)| (name, value))),
        }
    }

    pub(super) fn read(text: &'t str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn news(self, labels: Labels) -> Option<News> {
        let cause = match self.cause {
            Some(word) => Some(ResolveCause::of(&word)?),
            None => None,
        };
        Some(News {
            labels,
            annotations: kept(self.annotations).collect(),
            is_firing: self.firing,
            was_told: self.told,
            value: self.value.map(f64::from_bits),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            updated_at: self.updated_at,
            generator_url: self.generator_url.into(),
            cause,
            details: kept(self.details).collect(),
        })
    }
}

pub(super) fn news(news: &News) -> rusqlite::Result<String> {
    json(&Body::of(news, false))
}

pub(super) fn all_news(all: &[News]) -> rusqlite::Result<String> {
    json(&all.iter().map(|news| Body::of(news, true)).collect::<Vec<_>>())
}

pub(super) fn read_all_news(text: &str) -> Option<Vec<News>> {
    let all: Vec<Body<'_>> = serde_json::from_str(text).ok()?;
    let news = all.into_iter().map(|mut body| {
        let labels = Labels::new(kept(body.labels.take()?));
        body.news(labels)
    });
    news.collect()
}

#[derive(Serialize, Deserialize)]
struct PostedBody<'t> {
    annotations: Texts<'t>,
    starts_at: i64,
    ends_at: i64,
    updated_at: i64,
    generator_url: Cow<'t, str>,
    cause: Option<Cow<'t, str>>,
}

pub(super) fn posted(row: &PostedRow) -> rusqlite::Result<String> {
    json(&PostedBody {
        annotations: texts(&row.annotations),
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        updated_at: row.updated_at,
        generator_url: (&*row.generator_url).into(),
        cause: row.cause.map(|cause| cause.as_str().into()),
    })
}

pub(super) fn read_posted(text: &str, labels: Labels) -> Option<PostedRow> {
    let body: PostedBody<'_> = serde_json::from_str(text).ok()?;
    let cause = match body.cause {
        Some(word) => Some(ResolveCause::of(&word)?),
        None => None,
    };
    Some(PostedRow {
        labels,
        annotations: kept(body.annotations).collect(),
        starts_at: body.starts_at,
        ends_at: body.ends_at,
        updated_at: body.updated_at,
        generator_url: body.generator_url.into(),
        cause,
    })
}

#[derive(Serialize, Deserialize)]
struct SilenceBody<'t> {
    id: Cow<'t, str>,
    matchers: Vec<String>,
    starts_at: i64,
    ends_at: i64,
    updated_at: i64,
    created_by: Cow<'t, str>,
    comment: Cow<'t, str>,
}

pub(super) fn silence(silence: &Silence) -> rusqlite::Result<String> {
    json(&SilenceBody {
        id: (&*silence.id).into(),
        matchers: silence.matchers.iter().map(ToString::to_string).collect(),
        starts_at: silence.starts_at,
        ends_at: silence.ends_at,
        updated_at: silence.updated_at,
        created_by: (&*silence.created_by).into(),
        comment: (&*silence.comment).into(),
    })
}

pub(super) fn read_silence(text: &str) -> Option<Silence> {
    let body: SilenceBody<'_> = serde_json::from_str(text).ok()?;
    let matchers: Result<Vec<Matcher>, _> = body.matchers.iter().map(|text| Matcher::parse(text)).collect();
    Some(Silence {
        id: body.id.into(),
        matchers: matchers.ok()?,
        starts_at: body.starts_at,
        ends_at: body.ends_at,
        updated_at: body.updated_at,
        created_by: body.created_by.into(),
        comment: body.comment.into(),
    })
}

#[derive(Serialize, Deserialize)]
struct OccurrenceBody<'t> {
    at: i64,
    labels: Texts<'t>,
    annotations: Texts<'t>,
    generator_url: Cow<'t, str>,
    fate: Cow<'t, str>,
    /// Receiver, how far its message has come, and since when.
    hearings: Vec<(Cow<'t, str>, Cow<'t, str>, i64)>,
}

pub(super) fn occurrence(row: &OccurrenceRow) -> rusqlite::Result<String> {
    let hearings = row.hearings.iter();
    json(&OccurrenceBody {
        at: row.at,
        labels: texts(row.labels.iter().map(|(name, value)| (name, value))),
        annotations: texts(&row.annotations),
        generator_url: (&*row.generator_url).into(),
        fate: (&*row.fate).into(),
        hearings: hearings
            .map(|own| ((&*own.receiver).into(), own.telling.as_str().into(), own.at))
            .collect(),
    })
}

pub(super) fn read_occurrence(text: &str, id: Arc<str>, noted_at: i64) -> Option<OccurrenceRow> {
    let body: OccurrenceBody<'_> = serde_json::from_str(text).ok()?;
    let hearings = body.hearings.into_iter().map(|(receiver, telling, at)| {
        Some(Hearing {
            receiver: receiver.into(),
            telling: Telling::of(&telling)?,
            at,
        })
    });
    Some(OccurrenceRow {
        id,
        noted_at,
        at: body.at,
        labels: Labels::new(kept(body.labels)),
        annotations: kept(body.annotations).collect(),
        generator_url: body.generator_url.into(),
        fate: body.fate.into(),
        hearings: hearings.collect::<Option<_>>()?,
    })
}

/// Labels as they stand in a key: sorted pairs.
pub(super) fn labels_text(labels: &Labels) -> rusqlite::Result<String> {
    json(&texts(labels.iter().map(|(name, value)| (name, value))))
}

pub(super) fn labels_of(text: &str) -> Option<Labels> {
    serde_json::from_str::<Texts<'_>>(text)
        .ok()
        .map(|texts| Labels::new(kept(texts)))
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
