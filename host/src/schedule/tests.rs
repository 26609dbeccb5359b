use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    clock::Timestamp,
    config::{Check, Schedule},
    outcome::{Reason, Report},
    testing,
};

/// Runs take as long as a check's timeout says; a check called `panics` panics.
#[derive(Default)]
struct Sleepy {
    running: AtomicUsize,
    most: AtomicUsize,
    jobs: Mutex<Vec<Job>>,
}

impl Sleepy {
    fn jobs(&self) -> Vec<Job> {
        self.jobs.lock().expect("unpoisoned").clone()
    }
}

struct Shared(Arc<Sleepy>);

impl Runner for Shared {
    fn run(&self, job: Job) -> BoxFuture<'static, Outcome> {
        let sleepy = Arc::clone(&self.0);
        Box::pin(async move {
            assert!(&*job.check.name != "panics", "as it is called");
            sleepy.jobs.lock().expect("unpoisoned").push(job.clone());
            let running = sleepy.running.fetch_add(1, Ordering::SeqCst) + 1;
            sleepy.most.fetch_max(running, Ordering::SeqCst);
            tokio::time::sleep(job.check.timeout).await;
            sleepy.running.fetch_sub(1, Ordering::SeqCst);
            testing::outcome(&job.check.name, Report::default())
        })
    }
}

struct Host {
    scheduler: SchedulerHandle,
    news: mpsc::Receiver<News>,
    sleepy: Arc<Sleepy>,
    supervisor: Supervisor,
}

fn host(concurrency: usize, room: usize) -> Host {
    let supervisor = Supervisor::new(|panic| panic!("{panic}"));
    let sleepy = Arc::new(Sleepy::default());
    let (sender, news) = mpsc::channel(room);
    let scheduler = Scheduler::start(
        &supervisor,
        Clock::anchored(Timestamp::from_seconds(1_700_000_000)),
        Options {
            concurrency,
            plugin_runtime: Handle::current(),
        },
        Arc::new(Shared(Arc::clone(&sleepy))),
        sender,
        Telemetry::silent(),
    );
    Host {
        scheduler,
        news,
        sleepy,
        supervisor,
    }
}

fn check(name: &str, every: u64, takes: u64) -> Arc<Check> {
    Arc::new(Check {
        schedule: Schedule::Interval {
            every: Duration::from_secs(every),
            retry: None,
        },
        timeout: Duration::from_secs(takes),
        ..testing::check(name)
    })
}

impl Host {
    /// What arrived so far.
    fn heard(&mut self) -> (Vec<Outcome>, BTreeMap<Arc<str>, u64>, Vec<f64>) {
        let (mut outcomes, mut missed, mut lateness) = (Vec::new(), BTreeMap::new(), Vec::new());
        while let Ok(news) = self.news.try_recv() {
            match news {
                News::Ended { outcome, .. } => outcomes.push(outcome),
                News::Ticks {
                    missed: more,
                    lateness: late,
                } => {
                    for (check, ticks) in more {
                        *missed.entry(check).or_default() += ticks;
                    }
                    lateness.extend(late);
                }
            }
        }
        (outcomes, missed, lateness)
    }
}

#[tokio::test(start_paused = true)]
async fn runs_follow_the_slots_and_outcomes_arrive() {
    let mut host = host(4, 100);
    host.scheduler.replace(vec![check("a", 10, 1)]).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    let (outcomes, missed, lateness) = host.heard();
    assert_eq!(outcomes.len(), 7, "one at start and one per slot");
    assert!(missed.is_empty());
    assert_eq!(lateness.len(), 6);
    assert!(lateness.iter().all(|late| *late < 0.002), "{lateness:?}");
}

#[tokio::test(start_paused = true)]
async fn permits_hold_and_missed_ticks_are_told() {
    let mut host = host(2, 1_000);
    let checks = ["a", "b", "c", "d"].map(|name| check(name, 10, 8));
    host.scheduler.replace(checks.to_vec()).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    let (outcomes, missed, _) = host.heard();
    assert_eq!(host.sleepy.most.load(Ordering::SeqCst), 2);
    assert!(
        (70..=76).contains(&outcomes.len()),
        "two permits, eight seconds each: {}",
        outcomes.len()
    );
    assert!(missed.values().sum::<u64>() >= 30, "{missed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_run_is_an_outcome_of_the_host() {
    let mut host = host(1, 10);
    host.scheduler
        .replace(vec![check("panics", 10, 1), check("well", 10, 1)])
        .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (outcomes, _, _) = host.heard();
    let failure = outcomes[0].result.as_ref().expect_err("panicked");
    assert_eq!(failure.reason, Reason::Host);
    assert!(failure.message.contains("as it is called"), "{}", failure.message);
    assert!(outcomes[1].is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_slow_slows_runs_down_and_loses_nothing() {
    let mut host = host(2, 1);
    let checks = ["a", "b", "c", "d", "e", "f"].map(|name| check(name, 1_000_000, 1));
    host.scheduler.replace(checks.to_vec()).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(
        host.sleepy.jobs().len(),
        4,
        "one heard, one in the outbox, two that still hold their permits"
    );
    let mut names = Vec::new();
    while names.len() < 6 {
        if let Some(News::Ended { outcome, .. }) = host.news.recv().await {
            names.push(outcome.check.to_string());
        }
    }
    names.sort();
    assert_eq!(names, ["a", "b", "c", "d", "e", "f"]);
}

#[tokio::test(start_paused = true)]
async fn run_now_answers_with_the_outcome_and_joins_a_run_that_is_going() {
    let mut host = host(4, 100);
    host.scheduler.replace(vec![check("a", 1_000_000, 5)]).await;
    let (one, other) = tokio::join!(host.scheduler.run_now("a"), host.scheduler.run_now("a"));
    assert!(one.expect("ran").is_ok());
    assert!(other.expect("ran").is_ok());
    assert_eq!(host.sleepy.jobs().len(), 1);
    host.scheduler.run_now("a").await.expect("ran again");
    assert_eq!(host.sleepy.jobs().len(), 2);
    assert_eq!(host.heard().0.len(), 2, "the listener hears of them too");
    assert_eq!(
        host.scheduler.run_now("z").await,
        Err(RunNowError::Unknown("z".to_owned()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_bounded_number_waits_for_one_check_and_whoever_left_does_not_count() {
    let host = host(4, 100);
    host.scheduler
        .replace(vec![check("a", 1_000_000, 5), check("b", 1_000_000, 5)])
        .await;
    let crowd = |count: usize| futures_util::future::join_all((0..count).map(|_| host.scheduler.run_now("a")));
    let left = tokio::time::timeout(Duration::from_secs(1), crowd(owner::WAITING_MAX)).await;
    assert!(left.is_err(), "all of them waited and went");
    let (answers, other) = tokio::join!(crowd(owner::WAITING_MAX + 3), host.scheduler.run_now("b"));
    assert!(other.is_ok(), "those who wait for another check are not in the way");
    let crowded = RunNowError::Crowded("a".to_owned());
    let refused = answers.iter().filter(|answer| answer.as_ref() == Err(&crowded));
    assert_eq!(refused.count(), 3);
    assert_eq!(
        answers.iter().filter(|answer| answer.is_ok()).count(),
        owner::WAITING_MAX
    );
}

#[tokio::test(start_paused = true)]
async fn the_outcome_of_a_removed_check_is_discarded_and_its_asker_told() {
    let mut host = host(4, 100);
    host.scheduler.replace(vec![check("a", 1_000_000, 5)]).await;
    let scheduler = host.scheduler.clone();
    let (asked, ()) = tokio::join!(scheduler.run_now("a"), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        host.scheduler.replace(Vec::new()).await;
    });
    assert_eq!(asked, Err(RunNowError::Removed("a".to_owned())));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(host.heard().0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_runs_up_to_its_patience_and_names_the_rest() {
    let mut host = host(4, 100);
    host.scheduler
        .replace(vec![check("quick", 10, 2), check("slow", 10, 3_600)])
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(host.scheduler.stop(Duration::from_secs(5)).await, ["slow"]);
    assert_eq!(host.heard().0.len(), 1, "the quick one's outcome was not lost");
    assert!(
        host.supervisor.stop(Duration::from_secs(1)).await.is_empty(),
        "nothing is left behind"
    );
    assert_eq!(host.scheduler.run_now("quick").await, Err(RunNowError::Stopping));
}

#[tokio::test(start_paused = true)]
async fn the_supervisor_alone_can_stop_it() {
    let host = host(4, 100);
    host.scheduler.replace(vec![check("a", 10, 2)]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(host.supervisor.stop(Duration::from_secs(30)).await.is_empty());
}
