//! The task as a whole, over a real store: alerts and time go in, messages come out.

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::{
    alert::{Alert, AlertState, Annotations, Matcher},
    clock::Timestamp,
    dispatch::{
        Attempt, Fate, Message,
        settings::{ReceiverTraits, Timings},
    },
    rule::outlet::RuleAlerts,
};

const START: u64 = 1_700_000_000;

struct World {
    supervisor: Supervisor,
    clock: Clock,
    store: Store,
    outlet: Outlet,
    handle: DispatchHandle,
}

fn settings() -> Settings {
    Settings {
        receivers: vec!["ops".into()],
        known: [("ops".into(), ReceiverTraits::default())].into(),
        timings: Timings {
            group_wait: 0,
            ..Timings::default()
        },
        ..Settings::default()
    }
}

impl World {
    fn new() -> Self {
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let store = Store::in_memory(&supervisor, &Telemetry::silent()).unwrap();
        Self::over(store, Clock::anchored(Timestamp::from_seconds(START)))
    }

    /// A process over what another left.
    fn over(store: Store, clock: Clock) -> Self {
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let outlet = Outlet::default();
        let options = DispatchOptions {
            settings: settings(),
            store: Some(store.clone()),
            outlet: outlet.clone(),
            snapshots: None,
            clock: clock.clone(),
            telemetry: Telemetry::silent(),
        };
        let handle = Dispatch::start(&supervisor, options);
        Self {
            supervisor,
            clock,
            store,
            outlet,
            handle,
        }
    }

    fn now(&self) -> i64 {
        driver::millis(&self.clock)
    }

    fn fire(&self, instance: &str) {
        let labels = Labels::new([("alertname", "A"), ("instance", instance)]);
        let alert = Alert {
            labels: labels.clone(),
            annotations: Annotations::new(),
            state: AlertState::Firing,
            value: 1.0,
            active_at: self.now(),
            fired_at: Some(self.now()),
            keep_firing_since: None,
            no_data_since: None,
            resolved: None,
        };
        self.outlet.put_all(vec![RuleAlerts {
            key: "g;A;0".into(),
            name: "A".into(),
            alerts: Arc::new(BTreeMap::from([(labels, alert)])),
            is_settled: true,
            generator_url: "".into(),
        }]);
    }

    /// What a worker does.
    async fn next(&self) -> Message {
        let (outbox, ops) = (self.handle.outbox(), "ops".into());
        let taken = async {
            loop {
                match outbox.next(&ops, self.now()).await {
                    Some(message) => return message,
                    None => outbox.wait_for_work("ops").await,
                }
            }
        };
        // Of the machine's time: the store's thread knows no other.
        tokio::time::timeout(Duration::from_secs(20), taken).await.unwrap()
    }

    async fn report(&self, message: &Message, attempt: Attempt) {
        self.handle.outbox().report(message.id, attempt, self.now()).await;
    }
}

#[tokio::test]
async fn an_alert_of_a_rule_reaches_a_worker_once_it_is_kept() {
    let world = World::new();
    world.fire("1");
    let message = world.next().await;
    assert!(message.journaled);
    let kept = store::load(&world.store).unwrap();
    assert_eq!(
        kept.messages.iter().map(|kept| kept.id).collect::<Vec<_>>(),
        [message.id]
    );
    world.report(&message, Attempt::Delivered { receipt: Vec::new() }).await;
    world.handle.stop().await;
    world.store.flush().await.unwrap();
    let kept = store::load(&world.store).unwrap();
    assert_eq!((kept.messages.len(), kept.told.len()), (0, 1));
}

#[tokio::test]
async fn the_next_process_sends_again_what_may_have_arrived() {
    let world = World::new();
    world.fire("1");
    let message = world.next().await;
    drop(world.handle);
    let next = World::over(world.store, world.clock);
    let again = next.next().await;
    assert_eq!((again.id, again.alerts), (message.id, message.alerts));
}

#[tokio::test]
async fn what_failed_comes_again_when_it_is_due() {
    let world = World::new();
    world.fire("1");
    let message = world.next().await;
    let refused = Attempt::Transient {
        message: "503".to_owned(),
        retry_after: Some(Duration::from_millis(50)),
        is_ambiguous: false,
    };
    let before = world.now();
    world.report(&message, refused).await;
    let again = world.next().await;
    assert_eq!((again.id, again.attempts), (message.id, 1));
    assert!(world.now() - before >= 50);
}

#[tokio::test]
async fn posted_alerts_and_silences_are_answered_when_they_are_kept() {
    let world = World::new();
    let silence = NewSilence {
        id: None,
        matchers: Matcher::parse_list("alertname=P").unwrap(),
        starts_at: world.now(),
        ends_at: world.now() + 60_000,
        created_by: "me".into(),
        comment: "".into(),
    };
    let id = world.handle.silence(silence).await.unwrap().unwrap();
    let posted = PostedAlert {
        labels: Labels::new([("alertname", "P")]),
        annotations: Annotations::new(),
        starts_at: None,
        ends_at: None,
        generator_url: "".into(),
    };
    let nameless = PostedAlert {
        labels: Labels::default(),
        ..posted.clone()
    };
    let refused = world.handle.post(vec![nameless, posted]).await.unwrap();
    assert_eq!(refused, [(0, PostError::NoLabels)]);
    let kept = store::load(&world.store).unwrap();
    assert_eq!((kept.posted.len(), kept.silences.len()), (1, 1));
    let overview = world.handle.overview().await.unwrap();
    assert_eq!(overview.alerts[0].silenced_by, [Arc::clone(&id)]);
    assert_eq!(overview.alerts[0].receivers, ["ops".into()] as [Arc<str>; 1]);
    world.handle.expire_silence(&id).await.unwrap().unwrap();
    assert_eq!(
        world.handle.expire_silence(&id).await.unwrap(),
        Err(SilenceError::Over(id))
    );
    let overview = world.handle.overview().await.unwrap();
    assert!(overview.alerts[0].silenced_by.is_empty());
}

fn happened(id: &str) -> Occurrence {
    Occurrence {
        labels: Labels::new([("alertname", "Once")]),
        annotations: Annotations::new(),
        at: Timestamp::from_seconds(START),
        id: id.into(),
        generator_url: "".into(),
        handed_to: Vec::new(),
    }
}

#[tokio::test]
async fn what_happened_once_is_answered_when_it_is_kept_and_then_told() {
    let world = World::new();
    let told = world.handle.tell(vec![happened("1"), happened("1")]).await.unwrap();
    assert_eq!(told.fates, [Fate::Told, Fate::Known]);
    assert!(told.is_kept);
    let kept = store::load(&world.store).unwrap();
    assert_eq!((kept.messages.len(), kept.occurrences.len()), (1, 1));
    let message = world.next().await;
    assert!(message.journaled);
    assert_eq!((message.id, message.alerts.len()), (kept.messages[0].id, 1));
    world.report(&message, Attempt::Delivered { receipt: Vec::new() }).await;
    let again = world.handle.tell(vec![happened("1")]).await.unwrap();
    assert_eq!((again.fates, again.is_kept), (vec![Fate::Known], true));
    let overview = world.handle.overview().await.unwrap();
    assert_eq!((overview.alerts.len(), overview.occurrences.len()), (0, 1));
    world.handle.stop().await;
    assert_eq!(world.handle.tell(vec![happened("2")]).await, Err(Stopped));
}

#[tokio::test]
async fn a_store_that_is_gone_holds_back_nothing_that_happened_and_the_answer_says_so() {
    let store = Store::in_memory(&Supervisor::new(|panic| panic!("{panic}")), &Telemetry::silent()).unwrap();
    store.close().await.unwrap();
    let world = World::over(store, Clock::anchored(Timestamp::from_seconds(START)));
    let told = world.handle.tell(vec![happened("1")]).await.unwrap();
    assert_eq!((told.fates, told.is_kept), (vec![Fate::Told], false));
    let messages = [world.next().await, world.next().await];
    assert!(messages.iter().any(|message| message.alerts[0].details.len() == 1));
    assert!(messages.iter().all(|message| !message.journaled));
}

#[tokio::test]
async fn a_store_that_is_gone_holds_no_message_back() {
    let store = Store::in_memory(&Supervisor::new(|panic| panic!("{panic}")), &Telemetry::silent()).unwrap();
    store.close().await.unwrap();
    let world = World::over(store, Clock::anchored(Timestamp::from_seconds(START)));
    world.fire("1");
    // The alert about the store comes by itself, in whatever order.
    let messages = [world.next().await, world.next().await];
    assert!(messages.iter().all(|message| !message.journaled));
    let mut names: Vec<&str> = messages
        .iter()
        .filter_map(|message| message.group_labels.get("alertname"))
        .map(|name| &**name)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["A", "StateStoreFailing"]);
}

#[tokio::test]
async fn whoever_asks_a_host_that_stopped_is_told() {
    let world = World::new();
    world.handle.stop().await;
    assert_eq!(world.handle.post(Vec::new()).await, Err(Stopped));
    assert_eq!(
        world
            .supervisor
            .running()
            .iter()
            .filter(|name| *name == "dispatch")
            .count(),
        0
    );
}
