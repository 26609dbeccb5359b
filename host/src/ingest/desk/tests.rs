use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use super::{
    super::{
        CrashFate, CrashNews, Pending, Upstream,
        samples::{crash, heartbeat, source},
    },
    core::Row,
    *,
};
use crate::{
    board::{Board, BoardOptions},
    clock::Timestamp,
    metric::text::Format,
    outcome::{Outcome, Status},
    sandbox::ForwardedEvent,
};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds)
}

/// Answers in order, then that all is settled.
#[derive(Debug, Default)]
struct Scripted {
    fates: Mutex<VecDeque<Option<CrashFate>>>,
    told: Mutex<Vec<CrashNews>>,
    handed_on: Mutex<Vec<(Vec<Arc<str>>, ForwardedEvent)>>,
    limits: Mutex<Vec<Upstream>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("not poisoned")
}

impl Onward for Scripted {
    fn tell(&self, news: Vec<CrashNews>) -> Pending<'_, Option<Vec<CrashFate>>> {
        let fate = lock(&self.fates).pop_front().unwrap_or(Some(CrashFate::Settled));
        let fates = fate.map(|fate| vec![fate; news.len()]);
        lock(&self.told).extend(news);
        Box::pin(std::future::ready(fates))
    }

    fn hand_on(&self, receivers: &[Arc<str>], event: ForwardedEvent) {
        lock(&self.handed_on).push((receivers.to_vec(), event));
    }

    fn limits(&self, receivers: &[Arc<str>]) -> Vec<Vec<Upstream>> {
        receivers.iter().map(|_| lock(&self.limits).clone()).collect()
    }
}

struct World {
    handle: IngestHandle,
    board: BoardHandle,
    onward: Arc<Scripted>,
    store: Store,
}

impl World {
    fn new(settings: IngestSettings) -> Self {
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let store = Store::in_memory(&supervisor, &Telemetry::silent()).expect("a store");
        Self::with(settings, store)
    }

    fn with(settings: IngestSettings, store: Store) -> Self {
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let (clock, telemetry) = (Clock::system(), Telemetry::silent());
        let board = Board::start(
            &supervisor,
            BoardOptions {
                version: "1.2.3",
                store: None,
                clock: clock.clone(),
                telemetry: telemetry.clone(),
            },
        );
        let onward = Arc::new(Scripted::default());
        let options = IngestOptions {
            settings,
            board: board.clone(),
            store: Some(store.clone()),
            onward: Arc::clone(&onward) as Arc<dyn Onward>,
            clock,
            telemetry,
        };
        Self {
            handle: Ingest::start(&supervisor, options).expect("a thread"),
            board,
            onward,
            store,
        }
    }

    async fn push(&self, key: Option<&str>, body: &[u8]) -> Result<Accepted, Refused> {
        self.handle.envelope(self.envelope(key, body)).await
    }

    fn envelope(&self, key: Option<&str>, body: &[u8]) -> PushedEnvelope {
        PushedEnvelope {
            project: 1,
            key: key.map(str::to_owned),
            origin: None,
            packing: Packing::NONE,
            body: Bytes::copy_from_slice(body),
            room: self.handle.bodies().begin(),
        }
    }

    fn told(&self) -> Vec<String> {
        lock(&self.onward.told)
            .iter()
            .map(|news| news.crash.title.clone())
            .collect()
    }

    async fn until(&self, wanted: &str) -> String {
        self.until_text(|text| text.contains(wanted)).await
    }

    async fn until_text(&self, is_wanted: impl Fn(&str) -> bool) -> String {
        let mut snapshots = self.board.snapshots();
        let waited = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                let text = snapshots.borrow_and_update().text(Format::Prometheus);
                let text = String::from_utf8(text.to_vec()).expect("text");
                if is_wanted(&text) {
                    return text;
                }
                snapshots.changed().await.expect("the board lives");
            }
        });
        waited.await.expect("it never came")
    }
}

fn shop() -> IngestSettings {
    IngestSettings {
        sources: vec![Arc::new(source("shop", 1, KEY))],
        heartbeats: Vec::new(),
    }
}

#[tokio::test]
async fn a_new_crash_is_told_once_and_also_not_again_after_a_restart() {
    let world = World::new(shop());
    let accepted = world.push(Some(KEY), &crash("ValueError")).await.expect("taken");
    assert_eq!(accepted.event_id.as_deref(), Some("9ec79c33ec9942ab8353589fcb2e04dc"));
    world.push(Some(KEY), &crash("ValueError")).await.expect("taken");
    assert_eq!(world.told(), ["ValueError: no user"]);
    world.handle.stop().await;
    world.store.flush().await.expect("kept");
    let again = World::with(shop(), world.store.clone());
    again.push(Some(KEY), &crash("ValueError")).await.expect("taken");
    again.push(Some(KEY), &crash("KeyError")).await.expect("taken");
    assert_eq!(again.told(), ["KeyError: no user"]);
}

#[tokio::test]
async fn what_could_not_be_told_is_told_with_the_next_and_is_not_called_taken_when_the_host_stops() {
    let world = World::new(shop());
    *lock(&world.onward.fates) = [None, Some(CrashFate::Full)].into();
    let refused = world.push(Some(KEY), &crash("ValueError")).await.expect_err("refused");
    assert_eq!(refused, Refused::Stopping);
    world
        .push(Some(KEY), &crash("ValueError"))
        .await
        .expect("there is no room to tell, and it is taken");
    world.push(Some(KEY), &crash("ValueError")).await.expect("taken");
    world.push(Some(KEY), &crash("ValueError")).await.expect("taken");
    assert_eq!(world.told().len(), 3, "until it was settled");
}

#[tokio::test]
async fn the_key_may_stand_in_the_envelope_and_no_other_key_does() {
    let world = World::new(shop());
    let with = |key: &str| format!("{{\"dsn\":\"https://{key}@h/1\"}}\n{{\"type\":\"session\"}}\n{{}}\n").into_bytes();
    assert!(world.push(None, &with(KEY)).await.is_ok());
    assert_eq!(world.push(None, &with("other")).await, Err(Refused::WrongKey));
    assert_eq!(world.push(None, b"{}\n").await, Err(Refused::NoKey));
    assert_eq!(
        world.push(Some("other"), &with(KEY)).await,
        Err(Refused::WrongKey),
        "what is said first counts"
    );
    let elsewhere = PushedEnvelope {
        project: 2,
        ..world.envelope(None, &with(KEY))
    };
    assert_eq!(world.handle.envelope(elsewhere).await, Err(Refused::UnknownProject(2)));
}

#[tokio::test]
async fn envelopes_are_handed_on_cleaned_with_what_receivers_do_not_take() {
    let mut to_sentry = source("shop", 1, KEY);
    to_sentry.receivers = vec!["sentry".into()];
    let world = World::new(IngestSettings {
        sources: vec![Arc::new(to_sentry)],
        heartbeats: Vec::new(),
    });
    lock(&world.onward.limits).push(Upstream {
        category: "session".to_owned(),
        until: Clock::system().wall() + Duration::from_secs(600),
    });
    let body = crash("ValueError");
    let secret = String::from_utf8(body)
        .expect("text")
        .replace("no user", "for jane@example.com");
    let accepted = world.push(Some(KEY), secret.as_bytes()).await.expect("taken");
    assert!(accepted.rate_limits.is_some_and(|limits| limits.contains(":session:")));
    let handed_on = lock(&world.onward.handed_on);
    let (receivers, event) = &handed_on[0];
    assert_eq!(receivers.join(","), "sentry");
    assert_eq!((event.kind.as_str(), event.level.as_str()), ("event", "error"));
    assert_eq!(event.message, "ValueError: for [Filtered]");
    let payload = String::from_utf8(event.payload.clone()).expect("text");
    assert!(
        payload.contains("ValueError") && !payload.contains("jane@"),
        "{payload}"
    );
    assert_eq!(lock(&world.onward.told)[0].handed_to.join(","), "sentry");
}

#[tokio::test]
async fn a_source_has_series_until_it_is_gone_and_a_heartbeat_is_a_check() {
    let mut settings = shop();
    settings.heartbeats = vec![heartbeat("etl")];
    let world = World::new(settings.clone());
    let checks = || vec![crate::board::BoardCheck::heartbeat(&heartbeat("etl"))];
    world.board.replace_checks(checks()).await;
    world.handle.configure(settings.clone()).await;
    world.push(Some(KEY), &crash("ValueError")).await.expect("taken");
    let _ = world.push(Some(KEY), b"nonsense").await;
    world
        .until("app_errors_total{source=\"shop\",release=\"shop@1\",environment=\"production\",level=\"error\"} 1\n")
        .await;
    let text = world
        .until("bellwether_source_envelopes_total{source=\"shop\",outcome=\"malformed\"} 1\n")
        .await;
    assert!(
        text.contains("bellwether_heartbeat_state{check=\"etl\",state=\"waiting\"} 1\n"),
        "{text}"
    );
    assert_eq!(world.handle.beat("etl", false).await, Ok(true));
    assert_eq!(world.handle.beat("other", true).await, Ok(false));
    world
        .until("bellwether_heartbeat_state{check=\"etl\",state=\"failed\"} 1\n")
        .await;
    world
        .until("bellwether_heartbeat_beats_total{check=\"etl\",result=\"failed\"} 1\n")
        .await;
    let snapshot = Arc::clone(&world.board.snapshots().borrow());
    let state = snapshot.check("etl").expect("shown");
    assert_eq!((state.status, state.is_pushed), (Some(Status::Critical), true));
    assert!(state.message.starts_with("reported a failure"), "{}", state.message);
    assert_eq!(world.handle.beat("etl", true).await, Ok(true));
    settings.sources.clear();
    world.handle.configure(settings).await;
    let text = world.until_text(|text| !text.contains("source=\"shop\"")).await;
    assert!(text.contains("bellwether_heartbeat_state{check=\"etl\""), "{text}");
}

fn desk_with_heartbeat() -> Desk {
    let mut desk = Desk::default();
    let settings = IngestSettings {
        sources: Vec::new(),
        heartbeats: vec![heartbeat("etl")],
    };
    assert!(desk.configure(settings, at(0)).is_empty());
    desk
}

fn words(outcomes: &[Outcome]) -> Vec<(String, &'static str)> {
    outcomes
        .iter()
        .map(|outcome| (outcome.check.to_string(), outcome.word()))
        .collect()
}

#[test]
fn a_heartbeat_is_shown_when_its_state_changes_and_not_in_between() {
    let mut desk = desk_with_heartbeat();
    let etl = |word| vec![("etl".to_owned(), word)];
    assert_eq!(words(&desk.look(at(1))), etl("unknown"));
    assert!(desk.look(at(2)).is_empty());
    let (outcome, row) = desk.beat("etl", true, at(10)).expect("known");
    assert_eq!(outcome.word(), "ok");
    assert!(matches!(row, Row::Beat { .. }));
    let mut late = Vec::new();
    for second in 11..=90 {
        let outcomes = desk.look(at(second));
        late.extend(outcomes.iter().map(|outcome| (second, outcome.word())));
    }
    assert_eq!(late, [(81, "critical")], "after a minute and ten seconds");
}

#[test]
fn nothing_is_late_for_a_host_that_stood_still() {
    let mut desk = desk_with_heartbeat();
    desk.beat("etl", true, at(0)).expect("known");
    assert!(desk.look(at(1)).is_empty());
    assert!(desk.look(at(10_000)).is_empty(), "it listens anew");
    let late = (10_001..10_100).find(|second| !desk.look(at(*second)).is_empty());
    assert_eq!(late, Some(10_071));
}

#[test]
fn a_heartbeat_knows_its_last_beat_after_a_restart_and_after_an_edit() {
    let kept = Kept {
        heartbeats: [("etl", true), ("gone", true)]
            .map(|(name, is_good)| (Arc::from(name), store::LastBeat { at: at(0), is_good }))
            .into(),
        ..Kept::default()
    };
    let mut desk = Desk::restored(kept);
    let settings = |interval| {
        let mut edited = (*heartbeat("etl")).clone();
        edited.interval = Duration::from_secs(interval);
        IngestSettings {
            sources: Vec::new(),
            heartbeats: vec![Arc::new(edited)],
        }
    };
    let gone = Row::ForgottenBeat { name: "gone".into() };
    assert_eq!(desk.configure(settings(60), at(5_000)), [gone]);
    assert_eq!(desk.look(at(5_000))[0].word(), "ok");
    desk.configure(settings(30), at(5_001));
    assert_eq!(
        desk.look(at(5_001))[0].word(),
        "ok",
        "shown anew, since the board may have begun it anew"
    );
    let late = (5_002..5_100).find(|second| !desk.look(at(*second)).is_empty());
    assert_eq!(late, Some(5_042), "from the edit on");
    assert_eq!(desk.all_rows().len(), 1);
}

#[test]
fn a_source_that_comes_back_knows_its_crashes() {
    let mut desk = Desk::default();
    desk.configure(shop(), at(0));
    let push = |desk: &mut Desk| {
        let pushed = PushedEnvelope {
            project: 1,
            key: Some(KEY.to_owned()),
            origin: None,
            packing: Packing::NONE,
            body: crash("ValueError").into(),
            room: Bodies::default().begin(),
        };
        desk.take(&pushed, at(1)).map(|incoming| incoming.news.len())
    };
    assert_eq!(push(&mut desk), Ok(1));
    desk.configure(IngestSettings::default(), at(2));
    assert_eq!(push(&mut desk), Err(Refused::UnknownProject(1)));
    desk.configure(shop(), at(3));
    assert_eq!(push(&mut desk), Ok(0));
}

#[test]
fn who_sends_too_much_is_turned_away_at_the_door() {
    let mut desk = Desk::default();
    let mut slow = source("shop", 1, KEY);
    slow.limits.envelopes_per_second = 1;
    let settings = IngestSettings {
        sources: vec![Arc::new(slow)],
        heartbeats: Vec::new(),
    };
    desk.configure(settings, at(0));
    let pushed = || PushedEnvelope {
        project: 1,
        key: Some(KEY.to_owned()),
        origin: None,
        packing: Packing::NONE,
        body: Bytes::from_static(b"{}\n"),
        room: Bodies::default().begin(),
    };
    let taken = (0..100).filter(|_| desk.take(&pushed(), at(1)).is_ok()).count();
    assert_eq!(taken, 30);
    let door = Arc::clone(desk.directory().source(1, KEY).expect("known"));
    assert!(door.step.paused(at(1)).is_some() && door.step.paused(at(3)).is_none());
    assert!(desk.take(&pushed(), at(3)).is_ok());
}
