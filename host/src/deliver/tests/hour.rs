//! Receivers that are gone for an hour, through the real owner of dispatch and the real workers: what each has heard in the end.
//!
//! Time stands still unless everybody waits, so the hour takes seconds and each run is the same. There is no store: what a crash costs is
//! tested elsewhere.

use std::collections::BTreeMap;

use bellwether_promql::labels::Labels;

use super::*;
use crate::{
    alert::{Alert, AlertState, Annotations, ResolveCause},
    dispatch::{
        Dispatch, DispatchHandle, DispatchOptions, Settings,
        settings::{ReceiverTraits, Timings},
    },
    rule::outlet::{Outlet, RuleAlerts},
};

const MINUTE: Duration = Duration::from_secs(60);

/// When those that are gone come back.
const BACK: Duration = Duration::from_secs(3_600);

/// What the receiver asks for that is asked too much.
const ASKED: Duration = Duration::from_secs(600);

/// How long after [`BACK`] everybody knows what is so: the longest wait of the host, or what was asked for, and a pause.
const KNOWN: Duration = Duration::from_secs(660);

/// Those that are told of everything; `spare` hears of them.
const RECEIVERS: [&str; 4] = ["up", "down", "lossy", "busy"];

/// What a receiver does until it is back.
#[derive(Clone, Copy, Debug)]
enum Until {
    /// As ever.
    Takes,
    /// Nobody answers its door.
    Refuses,
    /// It takes what it is sent, and never says so.
    Loses,
    /// 429, with how long to wait.
    Busy,
}

/// One attempt, as the receiver saw it.
#[derive(Debug)]
struct Knock {
    /// Since the beginning.
    at: Duration,
    id: MessageId,
    title: String,
    /// The receiver that the first alert is about; "" when none.
    about: String,
    /// The reason, and each alert with whether it fires, is over, or was over before it was told.
    said: String,
    is_taken: bool,
}

#[derive(Debug)]
struct Door {
    began: Instant,
    until: Until,
    knocks: channel::Sender<Knock>,
}

impl Transport for Door {
    fn send<'s>(&'s self, outgoing: &'s Outgoing, _deadline: Instant) -> Sending<'s> {
        Box::pin(async move {
            let at = Clock::system().monotonic() - self.began;
            let until = if at < BACK { self.until } else { Until::Takes };
            let knock = Knock {
                at,
                id: outgoing.message.id,
                title: outgoing.title.clone(),
                about: about(&outgoing.message),
                said: said(&outgoing.message),
                is_taken: matches!(until, Until::Takes | Until::Loses),
            };
            self.knocks.try_send(knock).expect("room");
            let refused = |retry_after| Attempt::Transient {
                message: "not now".to_owned(),
                retry_after,
                is_ambiguous: false,
            };
            match until {
                Until::Takes => Attempt::Delivered { receipt: Vec::new() },
                Until::Refuses => refused(None),
                Until::Busy => refused(Some(ASKED)),
                Until::Loses => std::future::pending().await,
            }
        })
    }
}

fn about(message: &Message) -> String {
    let first = message.alerts.first();
    let receiver = first.and_then(|news| news.labels.get(RECEIVER));
    receiver.map_or_else(String::new, |name| name.to_string())
}

/// `reason +A1 -A2 ~A3`, by name.
fn said(message: &Message) -> String {
    let word = |news: &crate::dispatch::News| {
        let sign = match (news.is_firing, news.was_told) {
            (true, _) => '+',
            (false, true) => '-',
            (false, false) => '~',
        };
        let part = |name| news.labels.get(name).map_or("", |value| &**value);
        (format!("{}{}", part("alertname"), part("instance")), sign)
    };
    let mut words: Vec<(String, char)> = message.alerts.iter().map(word).collect();
    words.sort();
    let words = words.into_iter().map(|(name, sign)| format!(" {sign}{name}"));
    format!("{}{}", message.reason.as_str(), words.collect::<String>())
}

/// The owner, the workers, and rules that say what a test wants.
struct Hour {
    began: Instant,
    clock: Clock,
    telemetry: Telemetry,
    outlet: Outlet,
    alerts: BTreeMap<&'static str, BTreeMap<Labels, Alert>>,
    knocks: BTreeMap<&'static str, channel::Receiver<Knock>>,
    heard: BTreeMap<&'static str, Vec<Knock>>,
    /// Both live as long as this.
    _running: (DispatchHandle, DeliverHandle),
}

impl Hour {
    fn new() -> Self {
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let clock = Clock::anchored(Timestamp::from_seconds(1_795_834_800));
        let (telemetry, outlet, began) = (Telemetry::silent(), Outlet::default(), clock.monotonic());
        let dispatch = Dispatch::start(
            &supervisor,
            DispatchOptions {
                settings: settings(),
                store: None,
                outlet: outlet.clone(),
                snapshots: None,
                clock: clock.clone(),
                telemetry: telemetry.clone(),
            },
        );
        let deliver = DeliverHandle::new(DeliverOptions {
            outbox: dispatch.outbox(),
            clock: clock.clone(),
            telemetry: telemetry.clone(),
            supervisor,
        });
        let mut knocks = BTreeMap::new();
        let untils = [Until::Takes, Until::Refuses, Until::Loses, Until::Busy];
        let doors = RECEIVERS.into_iter().zip(untils).chain([("spare", Until::Takes)]);
        let receivers = doors.map(|(name, until)| {
            let (sent, seen) = channel::channel(10_000);
            knocks.insert(name, seen);
            let door = Door {
                began,
                until,
                knocks: sent,
            };
            receiver(name, Arc::new(door))
        });
        deliver.replace(receivers.collect(), &["spare".into()]);
        Self {
            began,
            clock,
            telemetry,
            outlet,
            alerts: BTreeMap::new(),
            knocks,
            heard: BTreeMap::new(),
            _running: (dispatch, deliver),
        }
    }

    /// Time goes on until so much has passed since the beginning.
    async fn until(&mut self, at: Duration) {
        let passed = self.clock.monotonic() - self.began;
        tokio::time::sleep(at.saturating_sub(passed)).await;
        for (name, knocks) in &mut self.knocks {
            let news = std::iter::from_fn(|| knocks.try_recv().ok());
            self.heard.entry(*name).or_default().extend(news);
        }
    }

    /// An alert begins or is over.
    fn turn(&mut self, name: &'static str, instance: &str, is_firing: bool) {
        let now = wall(&self.clock);
        let labels = Labels::new([("alertname", name), ("instance", instance)]);
        let alert = Alert {
            labels: labels.clone(),
            annotations: Annotations::new(),
            state: AlertState::Firing,
            value: 1.0,
            active_at: now,
            fired_at: Some(now),
            keep_firing_since: None,
            no_data_since: None,
            resolved: None,
        };
        let alert = self.alerts.entry(name).or_default().entry(labels).or_insert(alert);
        if !is_firing {
            alert.state = AlertState::Resolved;
            alert.resolved = Some((now, ResolveCause::Condition));
        }
        let rules = self.alerts.iter().map(|(name, alerts)| RuleAlerts {
            key: format!("g;{name};0").into(),
            name: (*name).into(),
            alerts: Arc::new(alerts.clone()),
            is_settled: true,
            generator_url: "".into(),
        });
        self.outlet.put_all(rules.collect());
    }

    /// What a receiver has of a group, each notification once, in order; one that it has twice is the same both times.
    fn has(&self, receiver: &str, group: char) -> Vec<&str> {
        let mut seen: Vec<(MessageId, &str)> = Vec::new();
        for knock in self.heard[receiver].iter().filter(|knock| knock.is_taken) {
            let is_of_group = knock.said.chars().skip_while(|c| !"+-~".contains(*c)).nth(1) == Some(group);
            match seen.iter().find(|(id, _)| *id == knock.id) {
                Some((_, said)) => assert_eq!(*said, knock.said, "{receiver} heard {:?} twice, differently", knock.id),
                None if is_of_group => seen.push((knock.id, &knock.said)),
                None => {}
            }
        }
        seen.into_iter().map(|(_, said)| said).collect()
    }

    /// How often each receiver took the same notification again.
    fn repeats(&self, receiver: &str) -> usize {
        let taken = self.heard[receiver].iter().filter(|knock| knock.is_taken);
        let ids: Vec<MessageId> = taken.map(|knock| knock.id).collect();
        ids.len() - ids.iter().collect::<BTreeSet<_>>().len()
    }

    /// The sum of a counter over all whose values of labels contain these words.
    fn sum(&self, name: &str, words: &[&str]) -> f64 {
        let samples = samples_of(&self.telemetry, name).into_iter();
        let of_words = |values: &str| words.iter().all(|word| values.split(',').any(|value| value == *word));
        samples
            .filter(|(values, _)| of_words(values))
            .map(|(_, value)| value)
            .sum()
    }

    fn is_down(&self, receiver: &str) -> bool {
        self.sum("bellwether_receiver_down", &[receiver, "configured"]) > 0.5
    }
}

fn settings() -> Settings {
    let known = RECEIVERS.into_iter().chain(["spare"]);
    Settings {
        receivers: RECEIVERS.map(Into::into).to_vec(),
        known: known.map(|name| (name.into(), ReceiverTraits::default())).collect(),
        timings: Timings::default(),
        ..Settings::default()
    }
}

/// Three groups: one changes all the time, one is over after half an hour, one before anybody could be told.
async fn an_hour(hour: &mut Hour) {
    let story = [
        (0, "A", "1", true),
        (0, "B", "1", true),
        (10, "A", "2", true),
        (20, "A", "1", false),
        (30, "B", "1", false),
        (40, "A", "3", true),
        (41, "C", "1", true),
        (50, "A", "2", false),
    ];
    for (minute, name, instance, is_firing) in story {
        hour.until(MINUTE * minute).await;
        hour.turn(name, instance, is_firing);
        if name == "C" {
            hour.until(MINUTE * minute + MINUTE / 6).await;
            hour.turn(name, instance, false);
        }
    }
    hour.until(BACK - MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn receivers_that_were_gone_for_an_hour_hear_what_is_so_by_then_and_one_that_was_not_heard_all_of_it_in_time() {
    let mut hour = Hour::new();
    an_hour(&mut hour).await;
    assert_eq!(
        hour.has("up", 'A'),
        [
            "first +A1",
            "changed +A1 +A2",
            "changed -A1 +A2",
            "changed +A2 +A3",
            "changed -A2 +A3"
        ]
    );
    assert_eq!(hour.has("up", 'B'), ["first +B1", "resolved -B1"]);
    for gone in ["down", "busy"] {
        assert_eq!((hour.has(gone, 'A').len(), hour.has(gone, 'B').len()), (0, 0), "{gone}");
    }

    hour.until(BACK + KNOWN).await;
    for gone in ["down", "busy"] {
        assert_eq!(
            hour.has(gone, 'A'),
            ["first ~A1 ~A2 +A3"],
            "one that says it all: {gone}"
        );
        assert_eq!(hour.has(gone, 'B'), ["passed ~B1"], "{gone}");
        // Five times what waited gave way to what says more.
        let coalesced = hour.sum("bellwether_dispatch_messages_total", &[gone, "coalesced"]);
        assert!((coalesced - 5.0).abs() < f64::EPSILON, "{gone}: {coalesced}");
    }
    // What it may have had came again as it was, and then what is so, once.
    assert_eq!(hour.has("lossy", 'A'), ["first +A1", "changed -A1 ~A2 +A3"]);
    assert_eq!(hour.has("lossy", 'B'), ["first +B1", "resolved -B1"]);
    for receiver in RECEIVERS {
        assert_eq!(
            hour.has(receiver, 'C'),
            [""; 0],
            "over before anybody was told: {receiver}"
        );
        let unheard = hour.sum("bellwether_dispatch_unheard_alerts_total", &[receiver]);
        assert!(
            (unheard - 1.0).abs() < f64::EPSILON,
            "and counted: {receiver}: {unheard}"
        );
    }

    hour.turn("A", "3", false);
    hour.until(BACK + KNOWN + 6 * MINUTE).await;
    for receiver in RECEIVERS {
        assert_eq!(hour.has(receiver, 'A').last(), Some(&"resolved -A3"), "{receiver}");
    }
    for certain in ["up", "down", "busy"] {
        assert_eq!(hour.repeats(certain), 0, "{certain}");
    }
    let lost = hour.sum("bellwether_notification_attempts_total", &["lossy", "ambiguous"]);
    assert!(
        (lost - hour.repeats("lossy") as f64).abs() < f64::EPSILON,
        "one for each answer that was lost: {lost}"
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_stands_in_hears_once_who_is_down_and_once_who_is_back_and_nobody_is_asked_too_often() {
    let mut hour = Hour::new();
    an_hour(&mut hour).await;
    let told = |hour: &Hour, start: &str| {
        let heard = hour.heard["spare"]
            .iter()
            .filter(|knock| knock.title.starts_with(start));
        let mut names: Vec<String> = heard.map(|knock| knock.about.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(told(&hour, "FIRING critical: ReceiverDown"), ["busy", "down", "lossy"]);
    assert!(!hour.is_down("up"));
    for gone in ["down", "lossy", "busy"] {
        assert!(hour.is_down(gone), "{gone}");
    }
    let first = &hour.heard["spare"][0];
    assert!((5 * MINUTE..8 * MINUTE).contains(&first.at), "{first:?}");

    hour.until(BACK + KNOWN).await;
    assert_eq!(told(&hour, "FIRING"), ["busy", "down", "lossy"], "once each");
    assert_eq!(told(&hour, "RESOLVED: ReceiverDown"), ["busy", "down", "lossy"]);
    for receiver in RECEIVERS {
        assert!(!hour.is_down(receiver), "{receiver}");
    }
    let busy: Vec<Duration> = hour.heard["busy"].iter().map(|knock| knock.at).collect();
    let refused = busy.iter().take_while(|at| **at < BACK).count();
    assert!((6..=7).contains(&refused), "{busy:?}");
    assert!(
        busy[..=refused].windows(2).all(|two| two[1] - two[0] >= ASKED),
        "{busy:?}"
    );
    // Two groups wait: one attempt each half minute at most, however short the wait of each would be by then.
    let asked = hour.heard["down"].iter().filter(|knock| knock.at < BACK).count();
    assert!((20..=130).contains(&asked), "{asked}");
}
