use proptest::prelude::*;

use super::*;
use crate::{clock::Clock, config::Cron, testing};

const START: u64 = 1_700_000_000;

struct Bench {
    plan: Plan,
    now: Now,
    started: Vec<(RunId, Job, Cause)>,
    missed: Vec<(String, Missed, u64)>,
    lateness: Vec<Duration>,
}

fn every(seconds: u64) -> Schedule {
    Schedule::Interval {
        every: Duration::from_secs(seconds),
        retry: None,
    }
}

fn check(name: &str, schedule: Schedule) -> Arc<Check> {
    Arc::new(Check {
        schedule,
        ..testing::check(name)
    })
}

impl Bench {
    fn new(concurrency: usize) -> Self {
        let now = Now {
            monotonic: Clock::system().monotonic(),
            wall: Timestamp::from_seconds(START),
        };
        Self {
            plan: Plan::new(concurrency),
            now,
            started: Vec::new(),
            missed: Vec::new(),
            lateness: Vec::new(),
        }
    }

    fn apply(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Start {
                    run,
                    job,
                    cause,
                    lateness,
                } => {
                    self.started.push((run, job, cause));
                    self.lateness.extend(lateness);
                }
                Action::Missed { check, why, count } => self.missed.push((check.to_string(), why, count)),
                Action::ClockJumped { .. } => {}
            }
        }
    }

    fn replace(&mut self, checks: &[Arc<Check>]) {
        let actions = self.plan.replace(checks.to_vec(), self.now);
        self.apply(actions);
    }

    /// Lets both clocks go on, stopping at every wake-up as the owner does.
    fn pass(&mut self, span: Duration) {
        let end = self.now.monotonic + span;
        while let Some(at) = self.plan.wake_at().filter(|at| *at <= end) {
            self.jump_to(at);
            let actions = self.plan.tick(self.now);
            self.apply(actions);
        }
        self.jump_to(end);
    }

    /// Lets the clocks go on until something starts.
    fn pass_until_run(&mut self) {
        let before = self.started.len();
        while self.started.len() == before {
            self.jump_to(self.plan.wake_at().expect("something is planned"));
            self.tick();
        }
    }

    fn jump_to(&mut self, at: Instant) {
        let passed = at.saturating_duration_since(self.now.monotonic);
        self.now = Now {
            monotonic: self.now.monotonic + passed,
            wall: self.now.wall + passed,
        };
    }

    fn tick(&mut self) {
        let actions = self.plan.tick(self.now);
        self.apply(actions);
    }

    fn end(&mut self, at: usize, ok: bool) -> Verdict {
        let (run, job, _) = self.started[at].clone();
        let last = Last {
            started_at: job.scheduled_at,
            word: if ok { "ok" } else { "trap" },
            ok,
        };
        let (verdict, actions) = self.plan.ended(run, last, self.now);
        self.apply(actions);
        verdict
    }

    fn end_last(&mut self, ok: bool) {
        self.end(self.started.len() - 1, ok);
    }

    fn names(&self) -> Vec<&str> {
        self.started.iter().map(|(_, job, _)| &*job.check.name).collect()
    }

    /// Seconds since the start at which the runs were scheduled.
    fn slots(&self) -> Vec<f64> {
        let since = |job: &Job| job.scheduled_at.as_seconds_f64() - START as f64;
        self.started.iter().map(|(_, job, _)| since(job)).collect()
    }
}

#[test]
fn every_check_runs_at_once_and_then_in_its_slots() {
    let mut bench = Bench::new(8);
    bench.replace(&[check("a", every(10))]);
    for _ in 0..4 {
        bench.end_last(true);
        bench.pass(Duration::from_secs(10));
    }
    let causes: Vec<Cause> = bench.started.iter().map(|(_, _, cause)| *cause).collect();
    assert_eq!(
        causes,
        [Cause::Start, Cause::Slot, Cause::Slot, Cause::Slot, Cause::Slot]
    );
    let slots = bench.slots();
    assert_eq!(slots[0], 0.0);
    assert!((0.0..=10.0).contains(&slots[1]));
    for pair in slots[1..].windows(2) {
        assert!((pair[1] - pair[0] - 10.0).abs() < 1e-6, "{slots:?}");
    }
    assert!(bench.missed.is_empty());
}

#[test]
fn a_restart_keeps_the_phase_of_the_slots() {
    let second_slot = |start: u64| {
        let mut bench = Bench::new(8);
        bench.now.wall = Timestamp::from_seconds(start);
        bench.replace(&[check("a", every(60))]);
        bench.end_last(true);
        bench.pass(Duration::from_secs(60));
        bench.started[1].1.scheduled_at.as_nanos() % 60_000_000_000
    };
    assert_eq!(second_slot(START), second_slot(START + 1_234_567));
}

#[test]
fn an_interval_counts_slots_and_not_ends_of_runs() {
    let mut bench = Bench::new(8);
    bench.replace(&[check("a", every(10))]);
    bench.end_last(true);
    bench.pass_until_run();
    let slot = bench.slots()[1];
    bench.pass(Duration::from_secs(5));
    bench.end_last(true);
    bench.pass(Duration::from_secs(10));
    assert!((bench.slots()[2] - slot - 10.0).abs() < 1e-6);
}

#[test]
fn a_tick_that_finds_its_predecessor_running_is_missed() {
    let mut bench = Bench::new(8);
    bench.replace(&[check("a", every(10))]);
    bench.pass(Duration::from_secs(30));
    assert_eq!(bench.started.len(), 1);
    assert_eq!(bench.missed, vec![("a".to_owned(), Missed::Running, 1); 3]);
}

#[test]
fn permits_bound_how_many_run_and_the_queue_is_fair() {
    let mut bench = Bench::new(2);
    let checks: Vec<_> = ["a", "b", "c", "d"].map(|name| check(name, every(1_000))).into();
    bench.replace(&checks);
    assert_eq!(bench.names(), ["a", "b"]);
    bench.end(1, true);
    assert_eq!(bench.names(), ["a", "b", "c"]);
    bench.end(0, true);
    assert_eq!(bench.names(), ["a", "b", "c", "d"]);
}

#[test]
fn a_tick_that_waits_for_a_permit_runs_late_and_the_next_one_is_missed() {
    let mut bench = Bench::new(1);
    bench.replace(&[check("a", every(10))]);
    bench.end_last(true);
    let hog = check("hog", every(10_000));
    bench.replace(&[check("a", every(10)), hog]);
    assert_eq!(bench.names(), ["a", "hog"]);
    bench.pass(Duration::from_secs(20));
    assert_eq!(bench.missed, [("a".to_owned(), Missed::Waiting, 1)]);
    bench.end(1, true);
    assert_eq!(bench.names(), ["a", "hog", "a"]);
    assert!(bench.lateness[0] >= Duration::from_secs(10), "{:?}", bench.lateness);
}

#[test]
fn a_host_that_comes_too_late_runs_the_latest_slot_and_counts_the_others() {
    let mut bench = Bench::new(8);
    bench.replace(&[check("a", every(10))]);
    bench.end_last(true);
    bench.pass(Duration::from_secs(10));
    bench.end_last(true);
    bench.jump_to(bench.now.monotonic + Duration::from_secs(40));
    bench.tick();
    assert_eq!(bench.missed, [("a".to_owned(), Missed::Late, 3)]);
    assert_eq!(bench.started.len(), 3);
    assert!(
        bench
            .lateness
            .last()
            .is_some_and(|late| *late <= Duration::from_secs(10))
    );
}

#[test]
fn a_failing_check_is_tried_sooner_and_attempts_are_counted() {
    let mut bench = Bench::new(8);
    let schedule = Schedule::Interval {
        every: Duration::from_secs(60),
        retry: Some(Duration::from_secs(5)),
    };
    bench.replace(&[check("a", schedule)]);
    bench.end_last(true);
    bench.pass_until_run();
    for _ in 0..3 {
        bench.end_last(false);
        bench.pass(Duration::from_secs(5));
    }
    let attempts: Vec<u32> = bench.started.iter().map(|(_, job, _)| job.attempt).collect();
    assert_eq!(attempts, [1, 1, 2, 3, 4]);
    assert_eq!(bench.started[4].2, Cause::Retry);
    assert_eq!(bench.started[4].1.previous.map(|(_, word)| word), Some("trap"));
    bench.end_last(true);
    let before = bench.started.len();
    bench.pass(Duration::from_secs(40));
    assert_eq!(bench.started.len(), before, "once it is ok the long slots count again");
    bench.pass(Duration::from_secs(20));
    assert_eq!(bench.started.len(), before + 1);
    assert_eq!(bench.started[before].1.attempt, 1);
    assert_eq!(bench.started[before].2, Cause::Slot);
}

#[test]
fn an_unchanged_check_keeps_its_timer_and_its_run_on_reload() {
    let mut bench = Bench::new(8);
    bench.replace(&[check("a", every(10))]);
    bench.pass(Duration::from_secs(3));
    bench.replace(&[check("a", every(10)), check("b", every(10))]);
    assert_eq!(bench.names(), ["a", "b"]);
    assert_eq!(bench.end(0, true), Verdict::Publish);
}

#[test]
fn a_changed_check_runs_at_once_but_not_beside_its_former_self() {
    let mut bench = Bench::new(8);
    bench.replace(&[check("a", every(10))]);
    bench.replace(&[check("a", every(20))]);
    assert_eq!(bench.started.len(), 1, "the old run is still going");
    assert_eq!(bench.end(0, true), Verdict::Outdated);
    assert_eq!(bench.started.len(), 2);
    assert_eq!(bench.started[1].1.check.schedule, every(20));
    assert_eq!(bench.end(1, true), Verdict::Publish);
}

#[test]
fn a_removed_check_gives_its_permit_back_and_its_outcome_is_outdated() {
    let mut bench = Bench::new(1);
    bench.replace(&[check("a", every(10))]);
    bench.replace(&[check("b", every(10))]);
    assert_eq!(bench.names(), ["a"]);
    assert_eq!(bench.end(0, true), Verdict::Outdated);
    assert_eq!(bench.names(), ["a", "b"]);
    bench.end_last(true);
    bench.pass(Duration::from_secs(60));
    assert!(bench.names()[1..].iter().all(|name| *name == "b"));
}

#[test]
fn asking_runs_a_check_before_all_others_and_moves_no_slot() {
    let mut bench = Bench::new(1);
    bench.replace(&[
        check("a", every(1_000)),
        check("b", every(1_000)),
        check("c", every(1_000)),
    ]);
    bench.end(0, true);
    let (asked, actions) = bench.plan.ask("a", bench.now);
    bench.apply(actions);
    assert_eq!(asked, Asked::Queued);
    bench.end(1, true);
    assert_eq!(bench.names(), ["a", "b", "a"]);
    assert_eq!(bench.plan.ask("a", bench.now).0, Asked::Joined);
    assert_eq!(bench.plan.ask("z", bench.now).0, Asked::Unknown);
}

#[test]
fn nothing_starts_once_it_stops() {
    let mut bench = Bench::new(1);
    bench.replace(&[check("a", every(10)), check("b", every(10))]);
    bench.plan.stop();
    assert_eq!(bench.plan.ask("a", bench.now).0, Asked::Stopping);
    bench.end(0, true);
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.names(), ["a"]);
    assert_eq!(bench.plan.running(), 0);
}

#[test]
fn what_is_remembered_is_told_to_the_first_run() {
    let mut bench = Bench::new(1);
    let last = Last {
        started_at: Timestamp::from_seconds(START - 60),
        word: "timeout",
        ok: false,
    };
    bench.plan.remember("a".into(), last);
    bench.replace(&[check("a", every(10))]);
    assert_eq!(
        bench.started[0].1.previous,
        Some((Timestamp::from_seconds(START - 60), "timeout"))
    );
}

/// 2023-11-14T22:13:20Z is where the bench begins.
fn cron(expression: &str) -> Schedule {
    Schedule::Cron(Cron::parse(expression, "UTC").expect("valid"))
}

fn fired(bench: &Bench) -> Vec<String> {
    let crons = bench.started.iter().filter(|(_, _, cause)| *cause == Cause::Cron);
    crons
        .map(|(_, job, _)| job.scheduled_at.to_string()[11..16].to_owned())
        .collect()
}

fn pass_ending_runs(bench: &mut Bench, minutes: u64) {
    for _ in 0..minutes * 6 {
        bench.pass(Duration::from_secs(10));
        bench.end_last(true);
    }
}

#[test]
fn cron_runs_at_its_fire_times() {
    let mut bench = Bench::new(8);
    bench.replace(&[check("a", cron("*/15 * * * *"))]);
    bench.end_last(true);
    pass_ending_runs(&mut bench, 40);
    assert_eq!(fired(&bench), ["22:15", "22:30", "22:45"]);
    assert!(bench.lateness.iter().all(Duration::is_zero), "{:?}", bench.lateness);
}

#[test]
fn a_fire_time_that_the_clock_jumps_over_runs_once_and_soon() {
    let mut bench = Bench::new(8);
    bench.replace(&[check("a", cron("*/15 * * * *"))]);
    bench.end_last(true);
    bench.now.wall = bench.now.wall + Duration::from_secs(3 * 3600);
    pass_ending_runs(&mut bench, 1);
    assert_eq!(fired(&bench), ["22:15"], "one run stands for all that were jumped over");
    pass_ending_runs(&mut bench, 5);
    assert_eq!(fired(&bench), ["22:15", "01:15"]);
}

#[test]
fn a_clock_that_is_set_back_a_little_repeats_nothing() {
    let mut bench = Bench::new(8);
    bench.replace(&[check("a", cron("*/15 * * * *"))]);
    bench.end_last(true);
    pass_ending_runs(&mut bench, 5);
    bench.now.wall = Timestamp::from_nanos(bench.now.wall.as_nanos() - 600 * 1_000_000_000);
    pass_ending_runs(&mut bench, 25);
    assert_eq!(fired(&bench), ["22:15", "22:30"]);
}

#[test]
fn a_clock_that_is_set_back_by_a_day_begins_anew() {
    let mut bench = Bench::new(8);
    bench.replace(&[check("a", cron("*/15 * * * *"))]);
    bench.end_last(true);
    pass_ending_runs(&mut bench, 5);
    bench.now.wall = Timestamp::from_nanos(bench.now.wall.as_nanos() - 86_400 * 1_000_000_000);
    pass_ending_runs(&mut bench, 15);
    assert_eq!(fired(&bench), ["22:15", "22:30"]);
    assert!(
        bench
            .started
            .last()
            .is_some_and(|(_, job, _)| job.scheduled_at < Timestamp::from_seconds(START))
    );
}

#[test]
fn a_clock_jump_moves_no_slot_of_an_interval() {
    let mut bench = Bench::new(8);
    bench.replace(&[check("a", every(10))]);
    bench.end_last(true);
    bench.pass(Duration::from_secs(10));
    bench.end_last(true);
    let before = bench.now.monotonic;
    bench.now.wall = bench.now.wall + Duration::from_secs(86_400);
    bench.pass(Duration::from_secs(10));
    assert_eq!(bench.started.len(), 3);
    assert!(bench.now.monotonic - before == Duration::from_secs(10));
    assert!(bench.missed.is_empty());
}

proptest! {
    /// Whatever comes in whatever order: permits hold, one run at a time per check, and every tick is a run or counted.
    #[test]
    fn permits_hold_and_no_check_runs_twice_at_once(
        concurrency in 1usize..4,
        steps in prop::collection::vec((0u8..5, 0usize..6, any::<bool>()), 1..120),
    ) {
        let mut bench = Bench::new(concurrency);
        let mut open: Vec<usize> = Vec::new();
        let mut seen = 0;
        let set = |n: usize, seconds: u64| -> Vec<Arc<Check>> {
            (0..n).map(|at| check(&format!("c{at}"), every(seconds))).collect()
        };
        bench.replace(&set(4, 5));
        for (step, at, ok) in steps {
            match step {
                0 if !open.is_empty() => {
                    let index = open.remove(at % open.len());
                    bench.end(index, ok);
                }
                1 => bench.replace(&set(at, if ok { 5 } else { 7 })),
                2 => {
                    let actions = bench.plan.ask(&format!("c{at}"), bench.now).1;
                    bench.apply(actions);
                }
                _ => bench.pass(Duration::from_millis(700 * at as u64)),
            }
            open.extend(seen..bench.started.len());
            seen = bench.started.len();
            prop_assert!(open.len() <= concurrency);
            prop_assert_eq!(open.len(), bench.plan.running());
            let names: BTreeSet<&str> = open.iter().map(|index| &*bench.started[*index].1.check.name).collect();
            prop_assert_eq!(names.len(), open.len());
        }
        // Nothing is stuck: with every run ended, each check runs again within its interval.
        let now = bench.names().len();
        for _ in 0..400 {
            while let Some(index) = open.pop() {
                bench.end(index, true);
            }
            bench.pass(Duration::from_millis(100));
            open.extend(seen..bench.started.len());
            seen = bench.started.len();
        }
        let ran: BTreeSet<&str> = bench.names()[now..].iter().copied().collect();
        let planned = (0..6).filter(|at| bench.plan.knows(&format!("c{at}"))).count();
        prop_assert_eq!(ran.len(), planned);
    }
}
