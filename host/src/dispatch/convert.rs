//! The configuration's words for all this, turned into dispatch's own.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bellwether_promql::labels::Labels;

use super::settings::{GroupBy, Inhibit, ReceiverTraits, Route, Settings, Timings};
use crate::config;

/// How often each receiver must be told the same so that it does not forget, as its plugin describes; one that remembers is not in it.
pub type Refreshes = BTreeMap<Arc<str>, Duration>;

impl Settings {
    /// Of a resolved configuration, and of what is known of the plugins of its receivers.
    pub fn of(config: &config::Config, refreshes: &Refreshes) -> Self {
        let dispatch = &config.dispatch;
        let external = config.alerting.external_labels.iter();
        let known: BTreeMap<Arc<str>, ReceiverTraits> = dispatch
            .receivers
            .iter()
            .map(|(name, receiver)| {
                let traits = ReceiverTraits {
                    send_resolved: receiver.send_resolved,
                    refresh: refreshes.get(name).copied().map(millis),
                };
                (Arc::clone(name), traits)
            })
            .collect();
        let root = &dispatch.root;
        Self {
            receivers: root.receivers.clone(),
            group_by: group_by(&root.group_by),
            timings: timings(root.timings),
            mute_times: root.mute_times.clone(),
            active_times: root.active_times.clone(),
            routes: dispatch.routes.iter().map(route).collect(),
            inhibitions: dispatch.inhibitions.iter().map(inhibit).collect(),
            intervals: dispatch
                .intervals
                .iter()
                .map(|(name, interval)| (Arc::clone(name), (**interval).clone()))
                .collect(),
            known,
            external_labels: Labels::new(external.map(|(name, value)| (name.as_str(), value.as_str()))),
            resolve_timeout: millis(dispatch.resolve_timeout),
        }
    }
}

fn route(route: &config::Route) -> Route {
    let Timings {
        group_wait,
        group_interval,
        repeat_interval,
    } = timings(route.timings);
    Route {
        name: route.name.clone(),
        parent: route.parent,
        matchers: route.matchers.clone(),
        receivers: Some(route.receivers.clone()),
        goes_on: route.goes_on,
        group_by: Some(group_by(&route.group_by)),
        group_wait: Some(group_wait),
        group_interval: Some(group_interval),
        repeat_interval: Some(repeat_interval),
        mute_times: route.mute_times.clone(),
        active_times: route.active_times.clone(),
    }
}

fn inhibit(inhibit: &config::Inhibit) -> Inhibit {
    Inhibit {
        source: inhibit.source.clone(),
        target: inhibit.target.clone(),
        equal: inhibit.equal.clone(),
    }
}

fn group_by(group_by: &config::GroupBy) -> GroupBy {
    match group_by {
        config::GroupBy::All => GroupBy::All,
        config::GroupBy::Labels(names) => GroupBy::Labels(names.iter().cloned().collect()),
    }
}

fn timings(timings: config::Timings) -> Timings {
    Timings {
        group_wait: millis(timings.group_wait),
        group_interval: millis(timings.group_interval),
        repeat_interval: millis(timings.repeat_interval),
    }
}

fn millis(span: Duration) -> i64 {
    // A century is as good as for ever, and can be added to any time.
    const CENTURY: i64 = 100 * 366 * 86_400_000;
    i64::try_from(span.as_millis()).unwrap_or(CENTURY).min(CENTURY)
}
