//! Streams with a carrier that answers as a test wants, in time that stands still unless they wait.

use std::{collections::VecDeque, sync::Mutex};

use tokio::sync::mpsc;

use super::*;
use crate::outcome::{Reason, ReportedPoints};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Thing(String);

impl Item for Thing {
    const LINGER: Duration = Duration::from_secs(1);
    const NEWEST_STAYS: bool = false;

    fn id(&self) -> &str {
        &self.0
    }

    fn bytes(&self) -> usize {
        self.0.len()
    }
}

type Answer = Result<Refused, DeliveryFailure>;

/// Answers in order, or never where there is no answer; then takes everything.
#[derive(Debug)]
struct Scripted {
    answers: Mutex<VecDeque<Option<Answer>>>,
    seen: mpsc::Sender<(Instant, Vec<Thing>)>,
}

impl Carry<Thing> for Scripted {
    fn carry(&self, items: Vec<Thing>, _attempt: u32, _deadline: Instant) -> Carrying<'_> {
        self.seen.try_send((Clock::system().monotonic(), items)).expect("room");
        let answer = self.answers.lock().expect("not poisoned").pop_front();
        Box::pin(async move {
            match answer {
                Some(Some(answer)) => answer,
                Some(None) => std::future::pending().await,
                None => Ok(Vec::new()),
            }
        })
    }
}

fn failure(is_permanent: bool, retry_after: Option<Duration>) -> DeliveryFailure {
    DeliveryFailure {
        message: "no".to_owned(),
        is_permanent,
        retry_after,
        is_ambiguous: false,
        ended: None,
    }
}

struct World {
    inlet: Inlet<Thing>,
    options: Box<dyn Fn() -> StreamOptions<Thing>>,
    stream: Option<Stream>,
    seen: mpsc::Receiver<(Instant, Vec<Thing>)>,
    supervisor: Supervisor,
    telemetry: Telemetry,
}

impl World {
    fn new(answers: Vec<Answer>) -> Self {
        Self::with(answers.into_iter().map(Some).collect())
    }

    fn with(answers: Vec<Option<Answer>>) -> Self {
        let (sender, seen) = mpsc::channel(10_000);
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let telemetry = Telemetry::silent();
        let inlet = Inlet::new(Tally::new("sentry".into(), NewsKind::Events, telemetry.clone()));
        let carrier: Arc<dyn Carry<Thing>> = Arc::new(Scripted {
            answers: Mutex::new(answers.into()),
            seen: sender,
        });
        let own = inlet.clone();
        let options = move || StreamOptions {
            inlet: own.clone(),
            carrier: Arc::clone(&carrier),
            timeout: Duration::from_secs(10),
            clock: Clock::system(),
        };
        let stream = Some(Stream::start(&supervisor, options(), None));
        Self {
            inlet,
            options: Box::new(options),
            stream,
            seen,
            supervisor,
            telemetry,
        }
    }

    fn push(&self, count: usize) {
        (0..count).for_each(|at| self.inlet.push(Thing(at.to_string())));
    }

    fn total(&self, outcome: &str) -> f64 {
        let families = self.telemetry.instruments().families();
        let samples = families.iter().filter_map(|family| match &family.points {
            ReportedPoints::Values(samples) => Some(samples),
            _ => None,
        });
        let own = samples
            .flatten()
            .find(|sample| sample.label_values.iter().any(|value| **value == *outcome));
        own.map_or(0.0, |sample| sample.value)
    }
}

fn names(things: &[Thing]) -> Vec<&str> {
    things.iter().map(|thing| thing.0.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_as_it_is_asked_and_only_what_was_not_taken_goes_again() {
    let minute = Duration::from_secs(60);
    let mut world = World::new(vec![
        Err(failure(false, Some(minute))),
        Ok(vec![
            ("1".to_owned(), failure(true, None)),
            ("2".to_owned(), failure(false, None)),
        ]),
    ]);
    world.push(4);
    let (first_at, first) = world.seen.recv().await.expect("sent");
    let (again_at, again) = world.seen.recv().await.expect("sent");
    assert_eq!((first.len(), &first), (4, &again));
    assert!(again_at - first_at >= minute);
    let (_, last) = world.seen.recv().await.expect("sent");
    assert_eq!(last, [Thing("2".to_owned())]);
    sleep(Duration::from_secs(1)).await;
    assert_eq!((world.total("taken"), world.total("refused")), (3.0, 1.0));
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_cut_and_counted_and_goes_out_in_batches_and_in_order() {
    let mut world = World::new(Vec::new());
    world.push(QUEUE_MAX + 500);
    let mut all = Vec::new();
    while all.len() < QUEUE_MAX {
        let (_, batch) = world.seen.recv().await.expect("sent");
        assert!(batch.len() <= BATCH_MAX);
        all.extend(batch);
    }
    assert!(all.iter().enumerate().all(|(at, thing)| thing.0 == at.to_string()));
    assert_eq!(world.total("dropped_full"), 500.0);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_takes_is_given_up_and_counted() {
    let never = (0..ATTEMPTS_MAX).map(|_| Err(failure(false, None)));
    let mut world = World::new(never.collect());
    world.push(1);
    for _ in 0..ATTEMPTS_MAX {
        world.seen.recv().await.expect("sent");
    }
    sleep(Duration::from_secs(3_600)).await;
    assert!(world.seen.try_recv().is_err());
    assert_eq!(world.total("stale"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn what_is_tried_again_goes_before_what_came_later() {
    let mut world = World::new(vec![Ok(vec![("1".to_owned(), failure(false, None))])]);
    world.push(3);
    let (_, first) = world.seen.recv().await.expect("sent");
    assert_eq!(names(&first), ["0", "1", "2"]);
    world.inlet.push(Thing("3".to_owned()));
    let (_, second) = world.seen.recv().await.expect("sent");
    assert_eq!(names(&second), ["1", "3"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_within_a_moment_goes_together_and_nothing_waits_longer_for_it() {
    let mut world = World::new(Vec::new());
    let began = Clock::system().monotonic();
    for _ in 0..20 {
        world.push(1);
        sleep(Duration::from_millis(100)).await;
    }
    let (at, first) = world.seen.recv().await.expect("sent");
    assert!(first.len() >= 9, "{}", first.len());
    assert_eq!(at - began, Thing::LINGER);
    let (_, second) = world.seen.recv().await.expect("sent");
    assert_eq!(first.len() + second.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn one_item_that_ends_the_plugin_costs_itself_alone() {
    let trap = || {
        Err(DeliveryFailure {
            ended: Some(Reason::Trap),
            ..failure(true, None)
        })
    };
    let mut world = World::new(vec![trap(), Ok(Vec::new()), trap(), Ok(Vec::new())]);
    world.push(3);
    let mut sent = Vec::new();
    for _ in 0..4 {
        sent.push(world.seen.recv().await.expect("sent").1);
    }
    let sent: Vec<Vec<&str>> = sent.iter().map(|batch| names(batch)).collect();
    assert_eq!(sent, [vec!["0", "1", "2"], vec!["0"], vec!["1"], vec!["2"]]);
    sleep(Duration::from_secs(1)).await;
    assert_eq!((world.total("taken"), world.total("refused")), (2.0, 1.0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_sends_what_waits_without_a_pause() {
    let mut world = World::new(Vec::new());
    world.push(120);
    world.stream.as_ref().expect("running").drain();
    world.stream.take().expect("running").ended().await;
    let sent = std::iter::from_fn(|| world.seen.try_recv().ok());
    let (times, sizes): (Vec<Instant>, Vec<usize>) = sent.map(|(at, batch)| (at, batch.len())).unzip();
    assert_eq!(sizes, [50, 50, 20]);
    assert!(times.last().expect("three").duration_since(times[0]) < DRAIN_PATIENCE);
    assert_eq!(world.total("taken"), 120.0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_receiver_that_says_nothing_and_counts_what_is_lost() {
    let world = World::with(vec![None]);
    world.push(70);
    // The first fifty are under way.
    sleep(Duration::from_secs(2)).await;
    world.push(10);
    let began = Clock::system().monotonic();
    let left = world.supervisor.stop(Duration::from_secs(20)).await;
    assert_eq!(left, [""; 0]);
    assert_eq!(Clock::system().monotonic() - began, DRAIN_PATIENCE);
    assert_eq!(world.total("dropped_stopping"), 80.0);
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_over_begins_with_what_the_other_had_under_way() {
    let mut world = World::with(vec![None]);
    world.push(2);
    let (_, first) = world.seen.recv().await.expect("sent");
    world.inlet.push(Thing("2".to_owned()));
    let before = world.stream.take();
    world.stream = Some(Stream::start(&world.supervisor, (world.options)(), before));
    let (_, again) = world.seen.recv().await.expect("sent");
    assert_eq!((names(&first), names(&again)), (vec!["0", "1"], vec!["0", "1", "2"]));
}

#[tokio::test(start_paused = true)]
async fn items_that_nobody_carries_yet_wait() {
    let mut world = World::new(Vec::new());
    world.stream.take().expect("running").leave().await;
    world.push(3);
    sleep(Duration::from_secs(600)).await;
    assert!(world.seen.try_recv().is_err());
    world.stream = Some(Stream::start(&world.supervisor, (world.options)(), None));
    assert_eq!(world.seen.recv().await.expect("sent").1.len(), 3);
}

/// Large, and of a kind of which the newest matter.
#[derive(Clone, Debug)]
struct Large(usize);

impl Item for Large {
    const LINGER: Duration = Duration::ZERO;
    const NEWEST_STAYS: bool = true;

    fn id(&self) -> &'static str {
        ""
    }

    fn bytes(&self) -> usize {
        1 << 20
    }
}

#[test]
fn large_items_fill_a_queue_and_a_batch_by_their_bytes_and_the_oldest_go() {
    let queue = Queue::default();
    let dropped: usize = (0..20).map(|number| queue.push(Large(number))).sum();
    assert_eq!(dropped, 20 - QUEUE_BYTES_MAX / (1 << 20));
    let batch = queue.take(BATCH_MAX);
    assert_eq!(batch.len(), BATCH_BYTES_MAX / (1 << 20));
    assert_eq!(batch[0].item.0, dropped);
    queue.put_back(batch);
    assert_eq!(queue.take(1)[0].item.0, dropped);
    assert_eq!(queue.clear(), QUEUE_BYTES_MAX / (1 << 20) - 1);
}
