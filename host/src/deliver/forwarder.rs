//! A receiver that is a plugin: a notification in the contract's words, carried out in the sandbox.
//!
//! Flows in: a notification that is written and has nothing in it that may not leave. Flows out: what the plugin says became of it.
//! What the plugin remembers is kept as a check's state is, under the receiver's name. Plugins run where checks run, on threads that
//! give way to everybody else's.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bellwether_promql::labels::Labels;
use serde::Deserialize;
use tokio::runtime::Handle;

use super::{
    outgoing::Outgoing,
    stream::{Carry, Carrying},
    transport::{Ends, Sending, Transport, UpstreamLimit},
};
use crate::{
    alert::Annotations,
    capability::{
        reach::Reach,
        state::{QUOTA_BYTES_DEFAULT, StateBank, table},
    },
    clock::{Clock, Instant, Timestamp},
    config::Limits,
    dispatch::{Attempt, Message, News, NewsReason},
    sandbox::{
        self, DeliveryEnd, DeliveryFailure, ForwardRequest, ForwardedAlert, ForwardedEvent, ForwardedRun, Notification,
        Plugin, Refused,
    },
    store::Store,
    supervisor::Supervisor,
};

/// Alerts that a plugin is handed; the others are counted. Thirty times what any service shows, and within the memory that a plugin
/// has by default.
pub const ALERTS_MAX: usize = 10_000;

/// Bytes of alerts that a plugin is handed: an eighth of its default memory, since it makes copies.
pub const ALERTS_BYTES_MAX: usize = 8 << 20;

/// Attempts under way at once. Services answer within a second; groups wait for each other no longer than that.
const LANES: usize = 4;

/// What all forwarders of a host share.
#[derive(Clone, Debug)]
pub struct ForwarderTools {
    /// What receivers remember.
    pub bank: StateBank,
    /// Where that is kept.
    pub store: Store,
    /// Time.
    pub clock: Clock,
    /// Of the tasks that plugins run in.
    pub supervisor: Supervisor,
    /// Where they run.
    pub runtime: Handle,
    /// What plugins may ask the host about itself.
    pub facts: Arc<Vec<(String, String)>>,
}

/// One use of a forwarder plugin.
#[derive(Clone, Debug)]
pub struct Forwarder {
    /// NAME of `[receiver.NAME]`.
    pub receiver: Arc<str>,
    /// Where its table stands.
    pub location: Arc<str>,
    /// What carries it out.
    pub plugin: Arc<Plugin>,
    /// As JSON, valid against the plugin's schema.
    pub settings: Arc<str>,
    /// Of the plugin.
    pub limits: Limits,
    /// What it may reach.
    pub reach: Arc<Reach>,
    /// Shared with others.
    pub tools: ForwarderTools,
}

impl Forwarder {
    async fn attempt(&self, outgoing: &Outgoing, deadline: Instant) -> Attempt {
        let request = self.request(outgoing.message.attempts.saturating_add(1), self.left(deadline));
        let (plugin, notification) = (Arc::clone(&self.plugin), notification(outgoing));
        let work = async move { plugin.deliver(request, notification).await };
        match self.where_plugins_run(work).await.and_then(|end| self.ended(end)) {
            Ok(receipt) => Attempt::Delivered { receipt },
            Err(failure) if failure.is_permanent => Attempt::Permanent {
                message: failure.message,
            },
            Err(failure) => Attempt::Transient {
                message: failure.message,
                retry_after: failure.retry_after,
                is_ambiguous: failure.is_ambiguous,
            },
        }
    }

    async fn batch(
        &self,
        work: impl Future<Output = DeliveryEnd<Refused>> + Send + 'static,
    ) -> Result<Refused, DeliveryFailure> {
        let end = self.where_plugins_run(work).await?;
        self.ended(end)
    }

    async fn where_plugins_run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, DeliveryFailure> {
        let name = format!("deliver {} by its plugin", self.receiver);
        let mut task = Ends(self.tools.supervisor.spawn_on(&self.tools.runtime, &name, work));
        match task.0.ended().await {
            Some(Ok(end)) => Ok(end),
            Some(Err(panic)) => Err(unknown(panic.to_string())),
            None => Err(unknown("the host stops".to_owned())),
        }
    }

    fn left(&self, deadline: Instant) -> Duration {
        deadline.saturating_duration_since(self.tools.clock.monotonic())
    }

    fn request(&self, attempt: u32, timeout: Duration) -> ForwardRequest {
        let quota = self.limits.state_bytes.unwrap_or(QUOTA_BYTES_DEFAULT);
        ForwardRequest {
            receiver: Arc::clone(&self.receiver),
            location: Arc::clone(&self.location),
            settings: Arc::clone(&self.settings),
            timeout,
            limits: self.limits.clone(),
            at: self.tools.clock.wall(),
            attempt,
            reach: Arc::clone(&self.reach),
            state: self.tools.bank.view(&self.memory(), quota),
            facts: Arc::clone(&self.tools.facts),
        }
    }

    /// The name of its state. No check has a `/` in its name.
    fn memory(&self) -> Arc<str> {
        format!("receiver/{}", self.receiver).into()
    }

    /// Keeps what the plugin remembers.
    fn ended<T>(&self, end: DeliveryEnd<T>) -> Result<T, DeliveryFailure> {
        if let Some(changes) = end.state.filter(|changes| !changes.is_empty()) {
            let name = self.memory();
            self.tools.bank.commit(&name, changes);
            table::keep(&self.tools.store, &self.tools.bank, &name);
        }
        end.result
    }
}

fn unknown(message: String) -> DeliveryFailure {
    DeliveryFailure {
        message,
        is_permanent: false,
        retry_after: None,
        is_ambiguous: true,
        ended: None,
    }
}

impl Transport for Forwarder {
    fn send<'s>(&'s self, outgoing: &'s Outgoing, deadline: Instant) -> Sending<'s> {
        Box::pin(self.attempt(outgoing, deadline))
    }

    fn lanes(&self) -> usize {
        LANES
    }

    fn rate_limits(&self) -> Vec<UpstreamLimit> {
        let now = self.tools.clock.wall();
        let kept = self.tools.bank.under(&self.memory(), LIMITS);
        let limits = kept.iter().filter_map(|value| serde_json::from_slice(value).ok());
        in_force(limits, now)
    }
}

/// How the keys begin under which a forwarder remembers, for the host to read as well, what the other side does not take.
const LIMITS: &str = "limits";

/// One of these values; all times in seconds since 1970.
#[derive(Debug, Deserialize)]
struct KeptLimits {
    #[serde(default)]
    all: u64,
    #[serde(default)]
    by_category: BTreeMap<String, u64>,
}

/// Of several on the same, the one that lasts longest. Pure.
fn in_force(kept: impl Iterator<Item = KeptLimits>, now: Timestamp) -> Vec<UpstreamLimit> {
    let mut longest: BTreeMap<String, u64> = BTreeMap::new();
    for limits in kept {
        for (category, until) in limits.by_category.into_iter().chain([(String::new(), limits.all)]) {
            let known = longest.entry(category).or_default();
            *known = until.max(*known);
        }
    }
    let all = longest.into_iter().map(|(category, until)| UpstreamLimit {
        category,
        until: Timestamp::from_seconds(until),
    });
    all.filter(|limit| limit.until > now).collect()
}

impl Carry<ForwardedRun> for Forwarder {
    fn carry(&self, items: Vec<ForwardedRun>, attempt: u32, deadline: Instant) -> Carrying<'_> {
        let (plugin, request) = (Arc::clone(&self.plugin), self.request(attempt, self.left(deadline)));
        Box::pin(self.batch(async move { plugin.deliver_runs(request, items).await }))
    }
}

impl Carry<ForwardedEvent> for Forwarder {
    fn carry(&self, items: Vec<ForwardedEvent>, attempt: u32, deadline: Instant) -> Carrying<'_> {
        let (plugin, request) = (Arc::clone(&self.plugin), self.request(attempt, self.left(deadline)));
        Box::pin(self.batch(async move { plugin.deliver_events(request, items).await }))
    }
}

/// In the contract's words. Pure.
fn notification(outgoing: &Outgoing) -> Notification {
    let message = &outgoing.message;
    let mut bytes = 0;
    let fits = |news: &&News| {
        bytes += size(news);
        bytes <= ALERTS_BYTES_MAX
    };
    let alerts: Vec<ForwardedAlert> = message
        .alerts
        .iter()
        .take(ALERTS_MAX)
        .take_while(fits)
        .map(alert)
        .collect();
    let left_out = message.alerts.len() - alerts.len();
    Notification {
        id: message.id.to_string(),
        receiver: Arc::clone(&message.receiver),
        group_key: group_key(message),
        reason: reason(message.reason),
        created_at: timestamp(message.created_at),
        group_labels: labels(&message.group_labels),
        common_labels: labels(&outgoing.common_labels),
        common_annotations: annotations(&outgoing.common_annotations),
        alerts,
        truncated_alerts: u32::try_from(left_out).unwrap_or(u32::MAX),
        external_url: outgoing.external_url.to_string(),
        title: outgoing.title.clone(),
        text: outgoing.text.clone(),
        details: vec![
            ("thread".to_owned(), outgoing.thread.clone()),
            ("withheld".to_owned(), message.withheld.to_string()),
        ],
    }
}

fn alert(news: &News) -> ForwardedAlert {
    ForwardedAlert {
        fingerprint: news.fingerprint().to_string(),
        is_firing: news.is_firing,
        labels: labels(&news.labels),
        annotations: annotations(&news.annotations),
        value: news.value,
        starts_at: timestamp(news.starts_at),
        // An end that is ahead is a guess, which its sender moves again and again.
        ends_at: news.ends_at.filter(|_| !news.is_firing).map(timestamp),
        updated_at: timestamp(news.updated_at),
        generator_url: news.generator_url.to_string(),
    }
}

fn size(news: &News) -> usize {
    let pairs = news.labels.iter().map(|(name, value)| name.len() + value.len());
    let texts = news.annotations.iter().map(|(name, value)| name.len() + value.len());
    pairs.chain(texts).sum::<usize>() + news.generator_url.len()
}

fn labels(labels: &Labels) -> sandbox::Pairs {
    let pairs = labels.iter();
    pairs
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

fn annotations(annotations: &Annotations) -> sandbox::Pairs {
    let pairs = annotations.iter();
    pairs
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_nanos(u64::try_from(millis).unwrap_or(0).saturating_mul(1_000_000))
}

/// What happened once has a group of its own: what plugins remember of a group, or have others remember, is never about another.
fn group_key(message: &Message) -> Arc<str> {
    match message.reason {
        NewsReason::Occurred => format!("{}#{}", message.group_key, message.id).into(),
        _ => Arc::clone(&message.group_key),
    }
}

const fn reason(reason: NewsReason) -> sandbox::NewsReason {
    match reason {
        NewsReason::First => sandbox::NewsReason::First,
        NewsReason::Changed => sandbox::NewsReason::Changed,
        NewsReason::Repeat => sandbox::NewsReason::Repeat,
        NewsReason::Resolved => sandbox::NewsReason::Resolved,
        NewsReason::Refresh => sandbox::NewsReason::Refresh,
        NewsReason::Passed => sandbox::NewsReason::Passed,
        NewsReason::Occurred => sandbox::NewsReason::Occurred,
        NewsReason::Test => sandbox::NewsReason::Test,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::{
        outgoing::{TEXT_BYTES_OF_PLUGINS, Templates, Writer},
        redact::{Hiding, KEY_BYTES, Key},
        samples::{message, news},
    };

    fn written(alerts: Vec<News>) -> Outgoing {
        let writer = Writer {
            templates: Templates::default(),
            hiding: Hiding::new(&["user".into()], Key::new([0; KEY_BYTES]), Default::default()),
            external_url: "https://watch.example.com".into(),
            text_bytes: TEXT_BYTES_OF_PLUGINS,
        };
        writer.write(&message(alerts))
    }

    #[test]
    fn a_plugin_is_told_all_of_it_in_the_contracts_words_and_nothing_hidden() {
        let mut one = news(&[("alertname", "A"), ("user", "alice.smith")]);
        one.annotations.insert("summary".into(), "alice.smith is out".into());
        let outgoing = written(vec![one]);
        let told = notification(&outgoing);
        assert!(!format!("{told:?}").contains("alice"), "{told:?}");
        assert_eq!(told.id, outgoing.message.id.to_string());
        assert_eq!((told.alerts.len(), told.truncated_alerts), (1, 0));
        assert!(told.text.starts_with("FIRING A"));
        assert_eq!(
            told.alerts[0].fingerprint,
            outgoing.message.alerts[0].fingerprint().to_string()
        );
    }

    #[test]
    fn what_happened_once_has_a_group_of_its_own() {
        let mut outgoing = written(vec![news(&[("alertname", "NewCrash")])]);
        let of_alerts = notification(&outgoing).group_key;
        outgoing.message.reason = NewsReason::Occurred;
        let told = notification(&outgoing);
        assert_eq!(told.reason, sandbox::NewsReason::Occurred);
        assert_eq!(*told.group_key, format!("{of_alerts}#{}", outgoing.message.id));
        outgoing.message.id = crate::dispatch::MessageId::of("ops", "a", 2);
        assert_ne!(
            notification(&outgoing).group_key,
            told.group_key,
            "the next one is another"
        );
    }

    #[test]
    fn limits_that_a_plugin_remembers_are_read_and_the_longest_counts() {
        let kept = [
            r#"{"all":0,"by_category":{"error":100,"monitor":300}}"#,
            r#"{"by_category":{"error":200,"session":150}}"#,
            r#"{"all":160}"#,
        ];
        let kept = kept.iter().map(|text| serde_json::from_str(text).expect("limits"));
        let limits = in_force(kept, Timestamp::from_seconds(150));
        let said: Vec<(&str, u64)> = limits
            .iter()
            .map(|limit| (limit.category.as_str(), limit.until.as_nanos() / 1_000_000_000))
            .collect();
        assert_eq!(said, [("", 160), ("error", 200), ("monitor", 300)]);
    }

    #[test]
    fn five_thousand_alerts_are_handed_over_and_more_are_counted() {
        let many = |count: usize, bytes: usize| {
            let all = (0..count).map(|at| {
                let mut one = news(&[("alertname", "A"), ("n", &at.to_string())]);
                one.annotations.insert("description".into(), "x".repeat(bytes).into());
                one
            });
            notification(&written(all.collect()))
        };
        let told = many(5_000, 100);
        assert_eq!((told.alerts.len(), told.truncated_alerts), (5_000, 0));
        assert!(
            told.text.len() < 3_500 && told.text.contains(" more: "),
            "{}",
            told.text
        );
        let told = many(200, 100_000);
        assert!(told.alerts.len() < 100);
        assert_eq!(told.alerts.len() + told.truncated_alerts as usize, 200);
    }
}
