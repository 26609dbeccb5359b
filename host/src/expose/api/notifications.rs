//! Who was told of what, which Alertmanager's API does not say: `GET /api/v1/notifications`.
//!
//! Flows in: what dispatch shows. Flows out: its groups, each with the alerts its receiver knows, and when it is looked at next; and what
//! happened once, which is no alert, with what became of it for each receiver.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, response::Response};
use hyper::StatusCode;
use serde::Serialize;

use super::super::{Shared, large::Made, negotiate::Coding, reply};
use crate::{
    clock,
    dispatch::{GroupView, OccurrenceRow, Overview},
};

/// As many groups and alerts are listed on the thread that answers; each takes some hundred bytes.
const SMALL_LIST: usize = 1_000;

/// A group of alerts of one receiver.
#[derive(Serialize)]
struct Group<'v> {
    receiver: &'v str,
    /// Of what tells it from the receiver's other groups.
    key: &'v str,
    /// Fingerprints of the alerts in it.
    alerts: Vec<String>,
    /// Those of them that the receiver knows as firing.
    told: Vec<String>,
    /// When a notification was delivered last.
    told_at: Option<String>,
    /// When it is looked at next.
    next_at: Option<String>,
    /// Notifications that are not delivered yet.
    waiting: usize,
    /// The calendar mutes it.
    off_hours: bool,
}

/// Something that happened once.
#[derive(Serialize)]
struct Happened<'v> {
    id: &'v str,
    /// When it happened.
    at: Option<String>,
    /// When it was noted here.
    noted_at: Option<String>,
    labels: Texts<'v>,
    annotations: Texts<'v>,
    #[serde(rename = "generatorURL")]
    generator_url: &'v str,
    /// What became of it when it was noted.
    fate: &'v str,
    receivers: Vec<Heard<'v>>,
}

/// One receiver of it.
#[derive(Serialize)]
struct Heard<'v> {
    receiver: &'v str,
    state: &'static str,
    /// Since when.
    at: Option<String>,
}

type Texts<'v> = BTreeMap<&'v str, &'v str>;

#[derive(Serialize)]
struct Groups<'v> {
    groups: Vec<Group<'v>>,
    /// Newest first.
    occurrences: Vec<Happened<'v>>,
}

pub(super) async fn notifications(State(shared): State<Arc<Shared>>) -> Response {
    let overview = match shared.alertmanager.dispatch.overview().await {
        Ok(overview) => overview,
        Err(stopped) => return reply::problem(StatusCode::SERVICE_UNAVAILABLE, true, &stopped.to_string()),
    };
    let size = overview.alerts.len() + overview.groups.len() + overview.occurrences.len();
    let is_large = size > SMALL_LIST;
    shared.large_if(is_large, true, move || list(&overview)).await
}

fn list(overview: &Overview) -> Made {
    let groups = overview.groups.iter().map(|own| group(overview, own)).collect();
    let occurrences = overview.occurrences.iter().map(|row| happened(row)).collect();
    Made {
        status: StatusCode::OK,
        kind: reply::JSON,
        body: reply::success_text(&Groups { groups, occurrences }),
        coding: Coding::Identity,
    }
}

fn happened(row: &OccurrenceRow) -> Happened<'_> {
    let heard = row.hearings.iter().map(|hearing| Heard {
        receiver: &hearing.receiver,
        state: hearing.telling.as_str(),
        at: clock::rfc3339(hearing.at),
    });
    Happened {
        id: &row.id,
        at: clock::rfc3339(row.at),
        noted_at: clock::rfc3339(row.noted_at),
        labels: row.labels.iter().map(|(name, value)| (&**name, &**value)).collect(),
        annotations: row.annotations.iter().map(|(name, text)| (&**name, &**text)).collect(),
        generator_url: &row.generator_url,
        fate: &row.fate,
        receivers: heard.collect(),
    }
}

fn group<'v>(overview: &Overview, group: &'v GroupView) -> Group<'v> {
    let fingerprints = |places: &[usize]| -> Vec<String> {
        let alerts = places.iter().filter_map(|place| overview.alerts.get(*place));
        alerts.map(|alert| alert.fingerprint.to_string()).collect()
    };
    Group {
        receiver: &group.receiver,
        key: &group.key,
        alerts: fingerprints(&group.alerts),
        told: fingerprints(&group.told),
        told_at: group.told_at.and_then(clock::rfc3339),
        next_at: clock::rfc3339(group.flush_at),
        waiting: group.messages,
        off_hours: group.is_off_hours,
    }
}
