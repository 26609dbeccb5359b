//! Alerts, groups, silences and the host in the JSON of Alertmanager's clients.
//!
//! Flows in: what dispatch shows. Flows out: values to serialise, in Alertmanager's order. Beside its fields there are none of our own.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use super::wanted::Wanted;
use crate::{
    alert::Matcher,
    clock::{self, Timestamp},
    dispatch::{AlertView, GroupView, Overview, silence::Silence, silence::SilenceState},
};
use bellwether_promql::ast::MatchOp;

/// The version whose API is spoken, with what later ones added to answers, which older clients pass over. Clients read it to know what
/// they may ask; what this program's own version is stands in `revision`.
const API_VERSION: &str = "0.25.0";

/// An alert that does not end by itself is said to fire for so long from now on, in milliseconds: its rule is evaluated many times
/// until then. Alertmanager knows no alert without an end.
const AHEAD: i64 = 5 * 60_000;

/// Whoever hears of what nobody else does, where nobody is configured: Alertmanager's configuration has to name one.
const NOBODY: &str = "nobody";

type Pairs<'v> = BTreeMap<&'v str, &'v str>;

fn pairs<'v>(all: impl Iterator<Item = (&'v Arc<str>, &'v Arc<str>)>) -> Pairs<'v> {
    all.map(|(name, value)| (&**name, &**value)).collect()
}

fn moment(millis: i64) -> String {
    let nanos = u64::try_from(millis)
        .ok()
        .and_then(|millis| millis.checked_mul(1_000_000));
    match nanos {
        Some(nanos) => Timestamp::from_nanos(nanos).to_string(),
        None => clock::rfc3339(millis).unwrap_or_default(),
    }
}

#[derive(Serialize)]
pub(super) struct Receiver<'v> {
    name: &'v str,
}

pub(super) fn receivers(names: &[Arc<str>]) -> Vec<Receiver<'_>> {
    names.iter().map(|name| Receiver { name }).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertStatus<'v> {
    inhibited_by: Vec<String>,
    muted_by: Vec<&'v str>,
    silenced_by: Vec<&'v str>,
    state: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert<'v> {
    annotations: Pairs<'v>,
    ends_at: String,
    fingerprint: String,
    receivers: Vec<Receiver<'v>>,
    starts_at: String,
    status: AlertStatus<'v>,
    updated_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'v str,
    labels: Pairs<'v>,
}

/// `muted_by` are time intervals of the group it is shown in: by itself it may be in many, and only some of them muted.
fn alert<'v>(alert: &'v AlertView, muted_by: &'v [Arc<str>], now: i64) -> Alert<'v> {
    let inhibited_by: Vec<String> = alert.inhibited_by.iter().map(ToString::to_string).collect();
    let is_muted = !inhibited_by.is_empty() || !alert.silenced_by.is_empty() || !muted_by.is_empty();
    Alert {
        annotations: pairs(alert.annotations.iter()),
        ends_at: moment(alert.ends_at.unwrap_or(now + AHEAD)),
        fingerprint: alert.fingerprint.to_string(),
        receivers: receivers(&alert.receivers),
        starts_at: moment(alert.starts_at),
        status: AlertStatus {
            inhibited_by,
            muted_by: muted_by.iter().map(|name| &**name).collect(),
            silenced_by: alert.silenced_by.iter().map(|id| &**id).collect(),
            state: if is_muted { "suppressed" } else { "active" },
        },
        updated_at: moment(alert.updated_at),
        generator_url: &alert.generator_url,
        labels: pairs(alert.labels.iter().map(|(name, value)| (name, value))),
    }
}

/// Alerts that are wanted, by fingerprint.
pub(super) fn alerts<'v>(overview: &'v Overview, wanted: &Wanted) -> Vec<Alert<'v>> {
    let own = overview.alerts.iter().filter(|alert| wanted.takes(alert));
    let own = own.filter(|alert| wanted.takes_receiver(alert.receivers.iter().map(|name| &**name)));
    let mut all: Vec<Alert<'_>> = own.map(|own| alert(own, &[], overview.at)).collect();
    all.sort_by(|one, other| one.fingerprint.cmp(&other.fingerprint));
    all
}

#[derive(Serialize)]
pub(super) struct Group<'v> {
    alerts: Vec<Alert<'v>>,
    labels: Pairs<'v>,
    receiver: Receiver<'v>,
}

/// Groups with alerts that are wanted, by labels and receiver.
pub(super) fn groups<'v>(overview: &'v Overview, wanted: &Wanted) -> Vec<Group<'v>> {
    let own = overview.groups.iter();
    let own = own.filter(|group| {
        wanted.takes_receiver([&*group.receiver].into_iter()) && wanted.takes_muted(!group.muted_by.is_empty())
    });
    let mut all: Vec<Group<'_>> = own.filter_map(|own| group(overview, own, wanted)).collect();
    all.sort_by(|one, other| (&one.labels, one.receiver.name).cmp(&(&other.labels, other.receiver.name)));
    all
}

/// None: nothing of it is wanted.
fn group<'v>(overview: &'v Overview, group: &'v GroupView, wanted: &Wanted) -> Option<Group<'v>> {
    let members = group.alerts.iter().filter_map(|place| overview.alerts.get(*place));
    // Of one that goes elsewhere now this receiver is still to hear the end.
    let members = members.filter(|alert| alert.receivers.contains(&group.receiver) && wanted.takes(alert));
    let alerts: Vec<Alert<'_>> = members.map(|own| alert(own, &group.muted_by, overview.at)).collect();
    (!alerts.is_empty()).then(|| Group {
        alerts,
        labels: pairs(group.labels.iter().map(|(name, value)| (name, value))),
        receiver: Receiver { name: &group.receiver },
    })
}

#[derive(Serialize)]
struct State {
    state: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SilenceView<'v> {
    id: &'v str,
    status: State,
    updated_at: String,
    comment: &'v str,
    created_by: &'v str,
    ends_at: String,
    matchers: Vec<MatcherView<'v>>,
    starts_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MatcherView<'v> {
    is_equal: bool,
    is_regex: bool,
    name: &'v str,
    value: &'v str,
}

fn matcher(matcher: &Matcher) -> MatcherView<'_> {
    MatcherView {
        is_equal: matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex),
        is_regex: matches!(matcher.op(), MatchOp::Regex | MatchOp::NotRegex),
        name: matcher.name(),
        value: matcher.value(),
    }
}

/// One, as it is at a time.
pub(super) fn silence(silence: &Silence, now: i64) -> SilenceView<'_> {
    SilenceView {
        id: &silence.id,
        status: State {
            state: silence.state(now).as_str(),
        },
        updated_at: moment(silence.updated_at),
        comment: &silence.comment,
        created_by: &silence.created_by,
        ends_at: moment(silence.ends_at),
        matchers: silence.matchers.iter().map(matcher).collect(),
        starts_at: moment(silence.starts_at),
    }
}

/// Silences that are wanted: those in force first, the one that ends next before all others.
pub(super) fn silences<'v>(overview: &'v Overview, wanted: &Wanted) -> Vec<SilenceView<'v>> {
    let own = overview.silences.iter().filter(|silence| wanted.takes_silence(silence));
    let mut own: Vec<&Silence> = own.collect();
    own.sort_by_key(|silence| match silence.state(overview.at) {
        SilenceState::Active => (0, silence.ends_at),
        SilenceState::Pending => (1, silence.starts_at),
        SilenceState::Expired => (2, -silence.ends_at),
    });
    own.into_iter().map(|own| silence(own, overview.at)).collect()
}

/// What is said of the program.
pub(super) struct Host<'v> {
    pub(super) version: &'v str,
    pub(super) started: Timestamp,
}

/// The host as a lone member of a cluster that is none.
pub(super) fn status(overview: &Overview, host: &Host<'_>) -> impl Serialize + use<> {
    #[derive(Serialize)]
    struct Cluster {
        peers: [(); 0],
        status: &'static str,
    }
    #[derive(Serialize)]
    struct Config {
        original: String,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        branch: &'static str,
        build_date: &'static str,
        build_user: &'static str,
        go_version: &'static str,
        revision: String,
        version: &'static str,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        cluster: Cluster,
        config: Config,
        uptime: String,
        version_info: Version,
    }
    Status {
        cluster: Cluster {
            peers: [],
            status: "disabled",
        },
        config: Config {
            original: original(overview),
        },
        uptime: host.started.to_string(),
        version_info: Version {
            branch: "",
            build_date: "",
            build_user: "",
            go_version: "",
            revision: format!("bellwether-{}", host.version),
            version: API_VERSION,
        },
    }
}

/// As much as clients look for: the receiver of last resort, and the names of all. Routes, addresses and credentials stay here.
fn original(overview: &Overview) -> String {
    // A JSON text is a YAML text.
    let quoted = |name: &str| serde_json::Value::from(name).to_string();
    let default = overview.default_receivers.first().or(overview.receivers.first());
    let default = default.map_or(NOBODY, |name| name);
    let mut names: Vec<&str> = overview.receivers.iter().map(|name| &**name).collect();
    if names.is_empty() {
        names.push(NOBODY);
    }
    let names: String = names.iter().map(|name| format!("- name: {}\n", quoted(name))).collect();
    format!("route:\n  receiver: {}\nreceivers:\n{names}", quoted(default))
}
