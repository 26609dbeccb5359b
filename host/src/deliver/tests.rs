//! Workers with an outbox and a transport that do what a test tells them, in time that stands still unless they wait.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::atomic::{AtomicU32, Ordering},
};

use tokio::sync::mpsc as channel;

use super::{
    outgoing::{Outgoing, TEXT_BYTES_WHOLE, Templates},
    redact::{Hiding, KEY_BYTES, Key},
    samples::{self, message, news},
    stream::Carrying,
    transport::{Sending, Transport},
    *,
};
use crate::{
    clock::{Instant, Timestamp},
    config,
    dispatch::{OutboxRequest, outbox_for_tests},
    secret::{Redactor, Secret},
};

/// What a transport does at each attempt; the last for ever.
#[derive(Clone, Debug)]
enum Act {
    Take,
    Later(Option<Duration>),
    Never,
    Hang,
    Panic,
}

#[derive(Debug)]
struct Scripted {
    acts: Mutex<VecDeque<Act>>,
    sent: channel::Sender<(Instant, Outgoing)>,
    lanes: usize,
}

impl Transport for Scripted {
    fn send<'s>(&'s self, outgoing: &'s Outgoing, _deadline: Instant) -> Sending<'s> {
        let mut acts = self.acts.lock().expect("not poisoned");
        let act = if acts.len() > 1 {
            acts.pop_front()
        } else {
            acts.front().cloned()
        };
        Box::pin(async move {
            let now = Clock::system().monotonic();
            self.sent.try_send((now, outgoing.clone())).expect("room");
            let said = "no: canary-5f8e2b71".to_owned();
            match act.expect("an act") {
                Act::Take => Attempt::Delivered { receipt: Vec::new() },
                Act::Later(retry_after) => Attempt::Transient {
                    message: said,
                    retry_after,
                    is_ambiguous: false,
                },
                Act::Never => Attempt::Permanent { message: said },
                Act::Hang => std::future::pending().await,
                Act::Panic => panic!("a bug"),
            }
        })
    }

    fn lanes(&self) -> usize {
        self.lanes
    }
}

fn basis(name: &str, text: Option<&str>) -> Basis {
    Basis {
        receiver: Arc::new(config::Receiver {
            name: name.into(),
            kind: config::ReceiverKind::Log,
            timeout: Duration::from_secs(10),
            send_resolved: true,
            title: None,
            text: text.map(Into::into),
            rate_limit: None,
            runs: Vec::new(),
            location: String::new(),
        }),
        hidden: BTreeSet::new(),
        external_url: "".into(),
        carrier: configured::Carrier::BuiltIn,
    }
}

type Sent = channel::Receiver<(Instant, Outgoing)>;

/// An outbox as simple as one can be: messages by receiver, due when they say, one of a group at a time.
#[derive(Default)]
struct Box_ {
    waiting: Vec<Message>,
    out: BTreeSet<MessageId>,
    reports: Vec<(MessageId, Attempt)>,
}

struct World {
    handle: DeliverHandle,
    outbox: Arc<Mutex<Box_>>,
    ring: Box<dyn Fn(&str) + Send>,
    supervisor: Supervisor,
    clock: Clock,
    telemetry: Telemetry,
    reported: Arc<AtomicU32>,
}

impl World {
    fn new() -> Self {
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let clock = Clock::anchored(Timestamp::from_seconds(1_795_834_800));
        let telemetry = Telemetry::silent();
        let (outbox, bells, mut inbox) = outbox_for_tests();
        let state: Arc<Mutex<Box_>> = Arc::default();
        let reported: Arc<AtomicU32> = Arc::default();
        let (own, count, ringer) = (Arc::clone(&state), Arc::clone(&reported), bells.clone());
        drop(supervisor.spawn("outbox", async move {
            while let Some(request) = inbox.recv().await {
                answer(request, &own, &count, &ringer);
            }
        }));
        Self {
            handle: DeliverHandle::new(DeliverOptions {
                outbox,
                clock: clock.clone(),
                telemetry: telemetry.clone(),
                supervisor: supervisor.clone(),
            }),
            outbox: state,
            ring: Box::new(move |receiver| bells.ring(&receiver.into())),
            supervisor,
            clock,
            telemetry,
            reported,
        }
    }

    fn receiver(&self, name: &str, acts: &[Act], lanes: usize) -> (Receiver, Sent) {
        let (sent, seen) = channel::channel(10_000);
        let redactor = Redactor::default();
        redactor.learn(&[Secret::new("canary-5f8e2b71")]);
        let receiver = Receiver {
            name: name.into(),
            basis: basis(name, None),
            writer: Writer {
                templates: Templates::default(),
                hiding: Hiding::new(&[], Key::new([0; KEY_BYTES]), redactor),
                external_url: "".into(),
                text_bytes: TEXT_BYTES_WHOLE,
            },
            transport: Arc::new(Scripted {
                acts: Mutex::new(acts.iter().cloned().collect()),
                sent,
                lanes,
            }),
            runs: None,
            events: None,
            timeout: Duration::from_secs(10),
            limits: Vec::new(),
        };
        (receiver, seen)
    }

    fn put(&self, receiver: &str, group: &str) {
        let mut message = message(vec![news(&[("alertname", group)])]);
        message.receiver = receiver.into();
        message.group_key = group.into();
        message.id = MessageId::of(receiver, group, 1);
        self.outbox.lock().unwrap().waiting.push(message);
        (self.ring)(receiver);
    }

    fn reports(&self) -> Vec<Attempt> {
        self.outbox
            .lock()
            .unwrap()
            .reports
            .iter()
            .map(|(_, attempt)| attempt.clone())
            .collect()
    }

    async fn reported(&self, count: u32) {
        for _ in 0..100_000 {
            if self.reported.load(Ordering::SeqCst) >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{:?}", self.reports());
    }

    fn gauge(&self, name: &str, labels: &str) -> Option<f64> {
        let families = self.telemetry.instruments().families();
        let family = families.iter().find(|family| family.head.name.as_str() == name)?;
        let crate::outcome::ReportedPoints::Values(samples) = &family.points else {
            return None;
        };
        let found = samples.iter().find(|sample| {
            let values: Vec<&str> = sample.label_values.iter().map(|value| &**value).collect();
            values.join(",") == labels
        });
        found.map(|sample| sample.value)
    }
}

fn answer(request: OutboxRequest, state: &Mutex<Box_>, reported: &AtomicU32, bells: &crate::dispatch::Bells) {
    let mut state = state.lock().unwrap();
    match request {
        OutboxRequest::Next { receiver, now, answer } => {
            let Box_ { waiting, out, .. } = &mut *state;
            let next = waiting.iter().find(|message| {
                message.receiver == receiver && message.not_before <= now && !out.contains(&message.id)
            });
            let next = next.cloned();
            out.extend(next.as_ref().map(|message| message.id));
            let _ = answer.send(next);
        }
        OutboxRequest::Report { id, attempt, now } => {
            state.out.remove(&id);
            let at = state
                .waiting
                .iter()
                .position(|message| message.id == id)
                .expect("known");
            match &attempt {
                Attempt::Transient { retry_after, .. } => {
                    let message = &mut state.waiting[at];
                    message.attempts += 1;
                    message.not_before = now + retry_after.expect("decided").as_millis() as i64;
                    let (wait, receiver, bells) = (retry_after.unwrap(), Arc::clone(&message.receiver), bells.clone());
                    let later = async move {
                        tokio::time::sleep(wait).await;
                        bells.ring(&receiver);
                    };
                    drop(Supervisor::new(|_| {}).spawn("bell", later));
                }
                Attempt::Delivered { .. } | Attempt::Permanent { .. } => drop(state.waiting.remove(at)),
            }
            state.reports.push((id, attempt));
            reported.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_tried_until_it_is_taken_and_each_wait_is_longer() {
    let world = World::new();
    let later = Act::Later(None);
    let (ops, mut sent) = world.receiver("ops", &[later.clone(), later.clone(), later, Act::Take], 1);
    world.handle.replace(vec![ops], &[]);
    world.put("ops", "a");
    world.reported(4).await;
    let times: Vec<Instant> = std::iter::from_fn(|| sent.try_recv().ok()).map(|(at, _)| at).collect();
    let waits: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        waits[0] >= Duration::from_millis(500) && waits[0] <= Duration::from_millis(1_200),
        "{waits:?}"
    );
    assert!(
        waits[2] >= Duration::from_secs(2) && waits[2] <= Duration::from_millis(4_200),
        "{waits:?}"
    );
    assert_eq!(
        world.reports().iter().map(Attempt::as_str).collect::<Vec<_>>(),
        ["transient", "transient", "transient", "delivered"]
    );
    assert_eq!(
        world.gauge("bellwether_receiver_consecutive_failures", "ops"),
        Some(0.0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_other_side_says_reaches_nobody_with_a_secret_in_it() {
    let world = World::new();
    let (ops, _sent) = world.receiver("ops", &[Act::Never], 1);
    world.handle.replace(vec![ops], &[]);
    world.put("ops", "a");
    world.reported(1).await;
    let reports = format!("{:?}", world.reports());
    assert!(reports.contains("no: [redacted]"), "{reports}");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_names_a_time_is_left_alone_until_then() {
    let world = World::new();
    let minute = Duration::from_secs(60);
    let (ops, mut sent) = world.receiver("ops", &[Act::Later(Some(minute)), Act::Take], 1);
    world.handle.replace(vec![ops], &[]);
    world.put("ops", "a");
    world.reported(1).await;
    world.put("ops", "b");
    world.reported(3).await;
    let times: Vec<Instant> = std::iter::from_fn(|| sent.try_recv().ok()).map(|(at, _)| at).collect();
    assert!(
        times[1] - times[0] >= minute && times[2] - times[0] >= minute,
        "{times:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_receiver_delays_nobody_else() {
    let world = World::new();
    let (slow, _slow_sent) = world.receiver("slow", &[Act::Hang], 1);
    let (ops, mut sent) = world.receiver("ops", &[Act::Take], 1);
    world.handle.replace(vec![slow, ops], &[]);
    let began = world.clock.monotonic();
    world.put("slow", "a");
    world.put("ops", "a");
    let (at, _) = sent.recv().await.expect("sent");
    assert_eq!(at, began);
    world.reported(2).await;
    let ambiguous = world
        .reports()
        .into_iter()
        .filter(|attempt| attempt.as_str() == "ambiguous");
    assert_eq!(ambiguous.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_transport_is_an_attempt_that_may_have_arrived() {
    let world = World::new();
    let (ops, _sent) = world.receiver("ops", &[Act::Panic, Act::Take], 1);
    world.handle.replace(vec![ops], &[]);
    world.put("ops", "a");
    world.reported(2).await;
    let words: Vec<_> = world.reports().iter().map(Attempt::as_str).collect();
    assert_eq!(words, ["ambiguous", "delivered"]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_holds_over_all_groups() {
    let world = World::new();
    let (mut ops, mut sent) = world.receiver("ops", &[Act::Take], 4);
    ops.limits = limit::SLACK.to_vec();
    world.handle.replace(vec![ops], &[]);
    for group in ["a", "b", "c", "d", "e"] {
        world.put("ops", group);
    }
    world.reported(5).await;
    let times: Vec<Instant> = std::iter::from_fn(|| sent.try_recv().ok()).map(|(at, _)| at).collect();
    let apart = times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_secs(1));
    assert!(apart, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_down_is_asked_now_and_then_however_many_groups_wait() {
    let world = World::new();
    let (ops, mut sent) = world.receiver("ops", &[Act::Later(None)], 4);
    world.handle.replace(vec![ops], &[]);
    for group in 0..500 {
        world.put("ops", &format!("g{group}"));
    }
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let attempts = std::iter::from_fn(|| sent.try_recv().ok()).count();
    assert!((60..800).contains(&attempts), "{attempts} in an hour");
}

#[tokio::test(start_paused = true)]
async fn fallback_receivers_hear_once_that_another_is_down_and_once_that_it_is_back() {
    let world = World::new();
    let down = vec![Act::Later(None); 12];
    let (ops, _sent) = world.receiver("ops", &[&down[..], &[Act::Take]].concat(), 1);
    let (mail, mut heard) = world.receiver("mail", &[Act::Later(None), Act::Take], 1);
    world.handle.replace(vec![ops, mail], &["mail".into(), "ops".into()]);
    assert_eq!(world.gauge("bellwether_receiver_down", "configured,ops"), Some(0.0));
    world.put("ops", "DiskFull");
    world.reported(13).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let titles: Vec<(String, String)> = std::iter::from_fn(|| heard.try_recv().ok())
        .map(|(_, outgoing)| (outgoing.title, outgoing.text))
        .collect();
    assert_eq!(
        titles.len(),
        3,
        "one of them twice, because the first attempt failed: {titles:?}"
    );
    assert_eq!(
        titles[0].0,
        "FIRING critical: ReceiverDown: Notifications to receiver ops do not arrive"
    );
    assert_eq!(titles[0], titles[1]);
    assert!(titles[0].1.contains("FIRING: DiskFull"), "{titles:?}");
    assert!(titles[0].1.contains("no: [redacted]"), "{titles:?}");
    assert!(titles[2].0.starts_with("RESOLVED: ReceiverDown"), "{titles:?}");
    assert_eq!(world.gauge("bellwether_receiver_down", "configured,ops"), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_test_says_what_became_of_it_and_is_not_tried_again() {
    let world = World::new();
    let (ops, mut sent) = world.receiver("ops", &[Act::Never, Act::Take], 1);
    world.handle.replace(vec![ops], &[]);
    assert_eq!(
        world.handle.test("ops").await.map(|attempt| attempt.as_str()),
        Ok("permanent")
    );
    assert_eq!(
        world.handle.test("ops").await.map(|attempt| attempt.as_str()),
        Ok("delivered")
    );
    assert_eq!(
        world.handle.test("oops").await,
        Err(TestError::Unknown("oops".to_owned()))
    );
    let (_, outgoing) = sent.recv().await.expect("sent");
    assert!(outgoing.title.starts_with("TEST"));
    assert!(outgoing.message.alerts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_did_not_change_goes_on_and_one_that_is_gone_is_sent_nothing() {
    let world = World::new();
    let (ops, mut sent) = world.receiver("ops", &[Act::Take], 1);
    let (gone, mut gone_sent) = world.receiver("gone", &[Act::Take], 1);
    world.handle.replace(vec![ops, gone], &[]);
    let (same, mut same_sent) = world.receiver("ops", &[Act::Take], 1);
    world.handle.replace(vec![same], &[]);
    world.put("ops", "a");
    world.put("gone", "a");
    world.reported(1).await;
    assert!(sent.try_recv().is_ok() && same_sent.try_recv().is_err() && gone_sent.try_recv().is_err());
    let (mut changed, mut changed_sent) = world.receiver("ops", &[Act::Take], 1);
    changed.basis = basis("ops", Some("other words"));
    world.handle.replace(vec![changed], &[]);
    world.put("ops", "b");
    world.reported(2).await;
    assert!(sent.try_recv().is_err() && changed_sent.try_recv().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_under_way_and_no_longer() {
    let world = World::new();
    let (ops, mut sent) = world.receiver("ops", &[Act::Hang], 1);
    world.handle.replace(vec![ops], &[]);
    world.put("ops", "a");
    sent.recv().await.expect("sent");
    let left = world.supervisor.stop(Duration::from_secs(5)).await;
    assert!(!left.iter().any(|name| name.starts_with("deliver")), "{left:?}");
    assert_eq!(
        world.reports().iter().map(Attempt::as_str).collect::<Vec<_>>(),
        ["ambiguous"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_changed_in_the_middle_of_an_attempt_holds_no_message_back() {
    let world = World::new();
    let (ops, mut sent) = world.receiver("ops", &[Act::Hang], 1);
    world.handle.replace(vec![ops], &[]);
    world.put("ops", "a");
    sent.recv().await.expect("sent");
    let (mut changed, mut changed_sent) = world.receiver("ops", &[Act::Take], 1);
    changed.basis = basis("ops", Some("other words"));
    world.handle.replace(vec![changed], &[]);
    world.reported(2).await;
    assert!(changed_sent.try_recv().is_ok());
    let words: Vec<_> = world.reports().iter().map(Attempt::as_str).collect();
    assert_eq!(words, ["ambiguous", "delivered"]);
}

/// Takes everything, and shows it.
#[derive(Debug)]
struct Takes(channel::Sender<String>);

impl Takes {
    fn all<T: stream::Item>(&self, items: &[T]) -> Carrying<'_> {
        for item in items {
            self.0.try_send(item.id().to_owned()).expect("room");
        }
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

impl Carry<ForwardedRun> for Takes {
    fn carry(&self, items: Vec<ForwardedRun>, _attempt: u32, _deadline: Instant) -> Carrying<'_> {
        self.all(&items)
    }
}

impl Carry<ForwardedEvent> for Takes {
    fn carry(&self, items: Vec<ForwardedEvent>, _attempt: u32, _deadline: Instant) -> Carrying<'_> {
        self.all(&items)
    }
}

/// A receiver by a plugin that hears of runs of these checks.
fn plugin(name: &str, runs: &[&str]) -> Arc<config::Receiver> {
    let source = config::PluginSource {
        origin: config::PluginOrigin::Bundled("sentry".to_owned()),
        sha256: None,
    };
    let known = basis(name, None).receiver;
    Arc::new(config::Receiver {
        kind: config::ReceiverKind::Plugin(config::Forwarder {
            plugin: source,
            plugin_edition: 0,
            limits: config::Limits::default(),
            connections: BTreeMap::new(),
            settings: "{}".into(),
        }),
        runs: runs.iter().map(|run| config::NamePattern::new(run)).collect(),
        ..(*known).clone()
    })
}

impl World {
    fn hears(&self, configured: &Arc<config::Receiver>) -> (Receiver, channel::Receiver<String>) {
        let (sender, seen) = channel::channel(1_000);
        let takes = Arc::new(Takes(sender));
        let (receiver, _) = self.receiver(&configured.name, &[Act::Take], 1);
        let receiver = Receiver {
            basis: Basis {
                receiver: Arc::clone(configured),
                ..basis(&configured.name, None)
            },
            runs: Some(Arc::clone(&takes) as Arc<dyn Carry<ForwardedRun>>),
            events: Some(takes),
            ..receiver
        };
        (receiver, seen)
    }

    fn offer_run(&self, check: &str) {
        self.handle.offer_run(check, || samples::run(check, &[]));
    }
}

#[tokio::test(start_paused = true)]
async fn runs_go_to_those_who_want_them_and_events_to_those_who_are_named() {
    let world = World::new();
    let (all, few) = (plugin("all", &["*"]), plugin("few", &["web-*"]));
    // Before anything is loaded.
    world.handle.expect([&all, &few].into_iter());
    world.offer_run("web-1");
    let events = |ids: &[&str]| -> Vec<ForwardedEvent> { ids.iter().map(|id| samples::event(id)).collect() };
    world
        .handle
        .offer_events(&["few".into(), "nobody".into()], &events(&["e1"]));
    let ((one, mut all_seen), (other, mut few_seen)) = (world.hears(&all), world.hears(&few));
    world.handle.replace(vec![one, other], &[]);
    world.offer_run("db");
    world.handle.offer_events(&["all".into()], &events(&["e2"]));
    tokio::time::sleep(Duration::from_secs(20)).await;
    let of = |seen: &mut channel::Receiver<String>| -> BTreeSet<String> {
        std::iter::from_fn(|| seen.try_recv().ok()).collect()
    };
    let named = |ids: &[&str]| -> BTreeSet<String> { ids.iter().map(|id| (*id).to_owned()).collect() };
    assert_eq!(of(&mut all_seen), named(&["web-1@1", "db@1", "e2"]));
    assert_eq!(of(&mut few_seen), named(&["web-1@1", "e1"]));
    // From now on the other way round.
    let (one, mut all_seen) = world.hears(&plugin("all", &["db"]));
    let (other, mut few_seen) = world.hears(&plugin("few", &[]));
    world.handle.replace(vec![one, other], &[]);
    world.offer_run("web-1");
    world.offer_run("db");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(of(&mut all_seen), named(&["db@1"]));
    assert_eq!(of(&mut few_seen), named(&[]));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_nobody_wants_is_not_even_made() {
    let world = World::new();
    world.handle.expect([&plugin("few", &["web"])].into_iter());
    world.handle.offer_run("db", || panic!("made"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_sends_runs_and_events_that_wait() {
    let world = World::new();
    let (receiver, mut seen) = world.hears(&plugin("all", &["*"]));
    world.handle.replace(vec![receiver], &[]);
    world.offer_run("web");
    world.handle.offer_events(&["all".into()], &[samples::event("e1")]);
    world.handle.stop().await;
    let sent: BTreeSet<String> = std::iter::from_fn(|| seen.try_recv().ok()).collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
}
