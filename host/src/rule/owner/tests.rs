//! The owner as a whole: snapshots and time go in, states and series come out.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bellwether_promql::{parse, storage::Storage, value::Sample};
use tokio::sync::watch;

use super::{
    super::load_text,
    core::{Core, Parts},
    *,
};
use crate::{
    alert::{AlertState, ResolveCause},
    board::CheckState,
    clock::Timestamp,
    history::Settings,
    metric::{LabelName, MetricFamily, MetricKind, Points},
    outcome::{ReportedPoints, Status},
    testing::{family, verdict},
};

const START: u64 = 1_700_000_000;

fn settings() -> Settings {
    Settings {
        interval: Duration::from_secs(15),
        retention: Duration::from_secs(6 * 3_600),
        retention_unselected: Duration::from_secs(3_600),
        memory: 64 << 20,
        job: "bellwether".into(),
        instance: "here:9920".into(),
    }
}

fn check(name: &str, ran: bool) -> CheckState {
    CheckState {
        name: name.into(),
        plugin: "http".into(),
        required: true,
        problem: None,
        ran,
        restored: false,
        status: Some(Status::Critical),
        outcome: None,
        verdicts: [verdict("t", Status::Critical)].into(),
        message: String::new(),
        duration: Duration::ZERO,
        checked_at: None,
        consecutive_failures: 0,
        consecutive_failed_runs: 0,
        denied: Vec::new(),
        refused: Vec::new(),
        series: 0,
        series_dropped: 0,
        missed_ticks: 0,
        stale: false,
    }
}

/// A gauge `depth` with a series for each of these, as the check `web` reports it.
fn snapshot(at: Timestamp, ran: bool, depths: &[(&str, f64)]) -> Arc<Snapshot> {
    let family = family("depth", MetricKind::Gauge, depths);
    let ReportedPoints::Values(mut samples) = family.points else {
        panic!("a gauge has values")
    };
    let mut head = family.head;
    head.label_names = ["check", "of"].map(|name| LabelName::new(name).unwrap()).into();
    for sample in &mut samples {
        sample.label_values = ["web".into(), Arc::clone(&sample.label_values[0])].into();
    }
    let families = vec![MetricFamily {
        head,
        points: Points::Values(samples),
    }];
    let families = if depths.is_empty() { Vec::new() } else { families };
    Arc::new(Snapshot::for_tests(at, vec![check("web", ran)], families))
}

struct World {
    core: Core,
    clock: Clock,
    snapshots: watch::Sender<Arc<Snapshot>>,
    status: watch::Receiver<Arc<RuleStatus>>,
    views: watch::Receiver<Arc<View>>,
    store: Store,
    depths: Vec<(&'static str, f64)>,
    ran: bool,
    outlet: Outlet,
}

impl World {
    fn new(rules: &str) -> Self {
        let clock = Clock::anchored(Timestamp::from_seconds(START));
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let store = Store::in_memory(&supervisor, &Telemetry::silent()).unwrap();
        Self::with(rules, clock, store, History::new(settings()))
    }

    fn with(rules: &str, clock: Clock, store: Store, history: History) -> Self {
        let (snapshots, seen) = watch::channel(snapshot(clock.wall(), true, &[]));
        let (status, seen_status) = watch::channel(Arc::default());
        let (views, seen_views) = watch::channel(history.view());
        let outlet = Outlet::default();
        let mut core = Core::new(Parts {
            clock: clock.clone(),
            telemetry: Telemetry::silent(),
            store: Some(store.clone()),
            snapshots: seen,
            status,
            views,
            history,
            externals: Externals::default(),
            outlet: outlet.clone(),
            supervisor: Supervisor::new(|panic| panic!("{panic}")),
            state_dir: None,
        });
        core.replace(&set(rules));
        Self {
            core,
            clock,
            snapshots,
            status: seen_status,
            views: seen_views,
            store,
            depths: Vec::new(),
            ran: true,
            outlet,
        }
    }

    /// Lets time go by; the owner wakes whenever it wants.
    async fn go_on(&mut self, seconds: u64) {
        let end = self.clock.wall() + Duration::from_secs(seconds);
        while self.clock.wall() < end {
            self.snapshots
                .send_replace(snapshot(self.clock.wall(), self.ran, &self.depths));
            let idle = self.core.idle_for().max(Duration::from_millis(1));
            tokio::time::advance(idle.min(end.since(self.clock.wall()))).await;
            self.core.run_due();
        }
    }

    /// The process is killed and another begins, which has what was committed.
    async fn killed(self, rules: &str, downtime: u64) -> Self {
        self.store.flush().await.unwrap();
        tokio::time::advance(Duration::from_secs(downtime)).await;
        let history = self.core.history;
        let mut next = Self::with(rules, self.clock, self.store, history);
        (next.depths, next.ran) = (self.depths, self.ran);
        next
    }

    fn alerts(&self) -> BTreeMap<String, (AlertState, Option<ResolveCause>)> {
        let status = self.status.borrow();
        let each = status.alerts().map(|(_, alert)| {
            let of = alert.labels.get("of").map_or("", |of| of);
            let cause = alert.resolved.map(|(_, cause)| cause);
            (format!("{} {of}", alert.name()), (alert.state, cause))
        });
        each.collect()
    }

    fn state(&self, alert: &str) -> Option<AlertState> {
        self.alerts().get(alert).map(|(state, _)| *state)
    }

    fn query(&self, text: &str) -> Vec<Sample> {
        let view = Arc::clone(&self.views.borrow());
        let at = i64::try_from(self.clock.wall().as_nanos() / 1_000_000).unwrap();
        super::super::group::ask(&*view, text, at, &|| false).unwrap()
    }
}

/// The first one.
fn group_of(status: &RuleStatus) -> &Arc<super::super::GroupStatus> {
    status.groups().next().unwrap()
}

fn set(rules: &str) -> RuleSet {
    load_text("rules.yml", rules, 15_000)
        .map_err(|problems| problems.to_string())
        .unwrap()
        .0
}

const DEEP: &str = "
groups:
- name: queue
  rules:
  - record: depth:max
    expr: max(depth)
  - alert: Deep
    expr: depth > 10
    for: 1m
    annotations: {summary: '{{ $value }} wait; web says {{ verdict \"web\" \"t\" }}; at most {{ query \"depth:max\" | first | value }}'}
  - alert: Alerting
    expr: ALERTS{alertname='Deep', alertstate='pending'}
";

#[tokio::test(start_paused = true)]
async fn a_rule_sees_what_those_before_it_recorded_and_fires_in_time() {
    let mut world = World::new(DEEP);
    world.depths = vec![("a", 12.0), ("b", 3.0)];
    world.go_on(40).await;
    assert_eq!(world.state("Deep a"), Some(AlertState::Pending));
    assert_eq!(world.state("Deep b"), None);
    assert_eq!(world.state("Alerting a"), Some(AlertState::Firing), "at the same slot");
    let recorded = world.query("depth:max");
    assert_eq!((recorded.len(), recorded[0].value), (1, 12.0));
    world.go_on(60).await;
    assert_eq!(world.state("Deep a"), Some(AlertState::Firing));
    let status = Arc::clone(&world.status.borrow());
    let (_, alert) = status.alerts().find(|(_, alert)| alert.name() == "Deep").unwrap();
    let summary = &alert.annotations["summary"];
    assert!(
        summary.starts_with("12 wait; web says t is critical (since 2023-11-14"),
        "{summary}"
    );
    assert!(summary.ends_with("at most 12"), "{summary}");
    assert_eq!(
        world.query("ALERTS{alertname='Deep', alertstate='pending'}").len(),
        0,
        "its end is marked"
    );
    assert_eq!(world.query("ALERTS{alertname='Deep', alertstate='firing'}").len(), 1);
    assert_eq!(world.query("ALERTS_FOR_STATE{alertname='Deep'}").len(), 1);

    world.depths = vec![("a", 1.0)];
    world.go_on(30).await;
    assert_eq!(
        world.alerts()["Deep a"],
        (AlertState::Resolved, Some(ResolveCause::Condition))
    );
    assert_eq!(world.query("ALERTS{alertname='Deep'}").len(), 0);
    let group = group_of(&status);
    assert!(
        group
            .rules
            .iter()
            .all(|rule| rule.health == super::super::Health::Good && rule.failures == 0)
    );
    assert_eq!(group.missed, 0);
}

#[tokio::test(start_paused = true)]
async fn series_that_vanish_end_their_alert_as_no_data() {
    let mut world = World::new(DEEP);
    world.depths = vec![("a", 12.0), ("b", 3.0)];
    world.go_on(120).await;
    world.depths = vec![("b", 3.0)];
    world.go_on(30).await;
    assert_eq!(
        world.alerts()["Deep a"],
        (AlertState::Resolved, Some(ResolveCause::NoData))
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_invented_by_a_kill() {
    for downtime in [0, 600, 3 * 3_600] {
        let mut world = World::new(DEEP);
        world.depths = vec![("a", 12.0)];
        world.go_on(120).await;
        assert_eq!(world.state("Deep a"), Some(AlertState::Firing));
        let fired = |world: &World| {
            let status = Arc::clone(&world.status.borrow());
            let deep = status.alerts().find(|(_, alert)| alert.name() == "Deep");
            deep.and_then(|(_, alert)| alert.fired_at)
        };
        let before = fired(&world);

        let mut next = world.killed(DEEP, downtime).await;
        assert_eq!(
            next.state("Deep a"),
            Some(AlertState::Firing),
            "{downtime}: before the first evaluation"
        );
        next.go_on(120).await;
        assert_eq!(next.state("Deep a"), Some(AlertState::Firing), "{downtime}");
        assert_eq!(fired(&next), before, "{downtime}: it is the same alert");

        // It ends while nobody looks, and that is said.
        next.depths = vec![("a", 1.0)];
        let mut last = next.killed(DEEP, downtime).await;
        last.go_on(30).await;
        assert_eq!(
            last.alerts()["Deep a"],
            (AlertState::Resolved, Some(ResolveCause::Condition)),
            "{downtime}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn alerts_that_cannot_be_read_at_the_start_go_on_once_they_can_be() {
    let dir = tempfile::tempdir().unwrap();
    let (database, away) = (dir.path().join("bellwether.db"), dir.path().join("away"));
    let open = || {
        Store::open(
            dir.path(),
            &Supervisor::new(|panic| panic!("{panic}")),
            &Telemetry::silent(),
        )
        .unwrap()
    };
    let fired = |world: &World| {
        let status = Arc::clone(&world.status.borrow());
        let deep = status.alerts().find(|(_, alert)| alert.name() == "Deep");
        deep.and_then(|(_, alert)| alert.fired_at)
    };
    let clock = Clock::anchored(Timestamp::from_seconds(START));
    let mut world = World::with(DEEP, clock.clone(), open(), History::new(settings()));
    world.depths = vec![("a", 12.0), ("b", 12.0)];
    world.go_on(120).await;
    let before = fired(&world);
    assert!(before.is_some());
    world.store.close().await.unwrap();
    std::fs::rename(&database, &away).unwrap();
    std::fs::create_dir(&database).unwrap();

    let mut next = World::with(DEEP, clock.clone(), open(), world.core.history);
    next.depths = vec![("a", 12.0)];
    next.go_on(20).await;
    assert_eq!(
        next.state("Deep a"),
        Some(AlertState::Pending),
        "it begins without a past"
    );
    assert!(next.outlet.is_behind());
    std::fs::remove_dir(&database).unwrap();
    std::fs::rename(&away, &database).unwrap();
    // Others write as well, which opens the database. What was asked before a flush is answered after it.
    next.store
        .write(crate::store::WriteKey::new("others", "row"), |_| Ok(()));
    for _ in 0..3 {
        next.store.flush().await.unwrap();
        next.go_on(6).await;
    }
    assert_eq!(next.state("Deep a"), Some(AlertState::Firing), "it fired before");
    assert_eq!(fired(&next), before);
    assert!(!next.outlet.is_behind());
    next.go_on(15).await;
    assert_eq!(
        next.alerts()["Deep b"],
        (AlertState::Resolved, Some(ResolveCause::NoData)),
        "it was over while nobody could know of it"
    );

    next.store.close().await.unwrap();
    let last = World::with(DEEP, clock, open(), next.core.history);
    assert_eq!(last.state("Deep a"), Some(AlertState::Firing), "and it is kept");
    assert_eq!(last.state("Deep b"), Some(AlertState::Resolved));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_decided_before_the_checks_have_run() {
    let mut world = World::new(DEEP);
    world.depths = vec![("a", 12.0)];
    world.go_on(120).await;
    let mut next = world.killed(DEEP, 600).await;
    // Its check takes its time: there is nothing to see, and that means nothing.
    (next.depths, next.ran) = (Vec::new(), false);
    next.go_on(200).await;
    assert_eq!(next.state("Deep a"), Some(AlertState::Firing));
    let hold = group_of(&next.status.borrow()).rules[1].hold;
    assert_eq!(hold, Some(super::super::state::Hold::ChecksNotRun));
    // For five minutes at most.
    next.go_on(130).await;
    assert_eq!(
        next.alerts()["Deep a"],
        (AlertState::Resolved, Some(ResolveCause::NoData))
    );
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_sleeps_wakes_with_the_alerts_it_had() {
    let ranged = format!(
        "{DEEP}  - alert: Ranged\n    expr: max_over_time(depth[5m]) > 10\n  - alert: Slow\n    expr: depth > 10\n    for: 5m\n"
    );
    let mut world = World::new(&ranged);
    world.depths = vec![("a", 12.0)];
    world.go_on(420).await;
    world.depths = vec![("a", 12.0), ("late", 20.0)];
    world.go_on(60).await;
    let before = world.alerts();
    assert_eq!(before["Slow late"].0, AlertState::Pending);
    assert_eq!(before["Ranged a"].0, AlertState::Firing);

    // Nobody wakes the owner for three hours.
    tokio::time::advance(Duration::from_secs(3 * 3_600)).await;
    for _ in 0..30 {
        world.core.run_due();
        world.go_on(7).await;
        for alert in ["Deep a", "Ranged a", "Ranged late", "Slow a"] {
            assert_eq!(world.alerts()[alert], (AlertState::Firing, None), "{alert}");
        }
        assert_eq!(
            world.alerts()["Slow late"].0,
            AlertState::Pending,
            "four minutes are missing"
        );
    }
    world.go_on(60).await;
    assert_eq!(world.alerts()["Slow late"].0, AlertState::Firing);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_states_by_name_and_ends_what_is_gone() {
    let mut world = World::new(DEEP);
    world.depths = vec![("a", 12.0)];
    world.go_on(120).await;
    let moved = "groups: [{name: elsewhere, rules: [{alert: Deep, expr: depth > 11, for: 1m}]}]";
    world.core.replace(&set(moved));
    assert_eq!(world.alerts().keys().collect::<Vec<_>>(), ["Deep a"]);
    world.go_on(60).await;
    assert_eq!(
        world.state("Deep a"),
        Some(AlertState::Firing),
        "another group, another expression, the same alert"
    );
    assert_eq!(world.query("depth:max").len(), 0, "what was recorded ends");

    // Moved once more, and killed before anything is evaluated.
    let again = "groups: [{name: third, rules: [{alert: Deep, expr: depth > 11, for: 1m}]}]";
    world.core.replace(&set(again));
    let mut next = world.killed(again, 0).await;
    assert_eq!(next.state("Deep a"), Some(AlertState::Firing));
    next.core.replace(&RuleSet::default());
    assert!(next.alerts().is_empty());
    assert_eq!(next.query("ALERTS").len(), 0);
    let last = next.killed(DEEP, 0).await;
    assert!(last.alerts().is_empty(), "what was told as over does not come back");
}

#[tokio::test(start_paused = true)]
async fn a_failing_rule_leaves_everything_as_it_was_and_says_why() {
    let failing = "groups: [{name: g, rules: [{alert: Deep, expr: depth > 10, labels: {of: ''}}]}]";
    let mut world = World::new(failing);
    world.depths = vec![("a", 12.0)];
    world.go_on(30).await;
    assert_eq!(world.state("Deep "), Some(AlertState::Firing));
    world.depths = vec![("a", 12.0), ("b", 13.0)];
    world.go_on(30).await;
    assert_eq!(world.state("Deep "), Some(AlertState::Firing));
    let status = Arc::clone(&world.status.borrow());
    let rule = &group_of(&status).rules[0];
    assert!(matches!(&rule.health, super::super::Health::Failing(why) if why.contains("the same labels")));
    assert!(rule.failures >= 1 && rule.failures < rule.evaluations);
}

#[tokio::test(start_paused = true)]
async fn slots_are_kept_whatever_happens_in_between() {
    let mut world = World::new(DEEP);
    world.go_on(60).await;
    let last = group_of(&world.status.borrow()).last.unwrap();
    // The machine is busy for a minute.
    tokio::time::advance(Duration::from_secs(60)).await;
    world.core.run_due();
    let group = Arc::clone(group_of(&world.status.borrow()));
    assert_eq!((group.last.unwrap() - last) % 15_000, 0);
    assert_eq!(group.missed, 3);
    let view = Arc::clone(&world.views.borrow());
    assert!(view.last_tick().unwrap() % 15_000 == 0 && group.last.unwrap() % 15_000 != 0);
    assert!(view.find(&parse::selector("ALERTS").unwrap()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_far_leaves_no_group_behind() {
    let mut world = World::new(
        "groups: [{name: a, rules: [{record: x, expr: depth}]}, {name: b, rules: [{record: y, expr: depth}]}]",
    );
    world.depths = vec![("a", 1.0)];
    world.go_on(60).await;
    let evaluated = |world: &World| {
        let status = world.status.borrow();
        let counts = status.groups().map(|group| group.rules[0].evaluations);
        counts.collect::<Vec<_>>()
    };
    assert_eq!(evaluated(&world), [4, 4]);
    // As if it had been looked at an hour from now.
    let later = world.core.now() + 3_600_000;
    for run in &mut world.core.groups {
        run.done = run.slots.at_or_before(later);
    }
    world.core.plan(later);
    assert_eq!(world.core.idle_for(), Duration::ZERO);
    world.core.run_due();
    assert_eq!(evaluated(&world), [5, 5], "at once, at the newest slot");
    world.go_on(60).await;
    assert_eq!(evaluated(&world), [9, 9]);
}

/// Groups of one rule each.
const MANY: usize = 10_000;

#[tokio::test(start_paused = true)]
#[expect(
    clippy::disallowed_methods,
    reason = "real time is what is measured, and the other one stands still"
)]
async fn what_a_group_costs_does_not_grow_with_the_number_of_groups() {
    let rules = |count: usize| {
        let groups = (0..count).map(|at| format!("- {{name: g{at}, rules: [{{alert: A, expr: depth > {at}}}]}}\n"));
        format!("groups:\n{}", groups.collect::<String>())
    };
    let mut costs = Vec::new();
    for count in [MANY / 100, MANY] {
        let mut world = World::new(&rules(count));
        let (mut wakes, mut busy) = (0_u32, Duration::ZERO);
        let end = world.clock.wall() + Duration::from_secs(15);
        while world.clock.wall() < end {
            tokio::time::advance(world.core.idle_for().max(Duration::from_millis(1))).await;
            let began = std::time::Instant::now();
            world.core.run_due();
            busy += began.elapsed();
            wakes += 1;
        }
        let evaluated = world
            .status
            .borrow()
            .groups()
            .filter(|group| group.last.is_some())
            .count();
        assert_eq!(evaluated, count, "each once in an interval");
        let each = busy / u32::try_from(count).unwrap();
        println!("{count} groups: {wakes} wakes, {each:?} for a group");
        costs.push(each);
    }
    // A hundredfold, if it grew with them; this is about the order of magnitude, on whatever machine.
    assert!(costs[1] < costs[0] * 20, "{costs:?}");
}

#[tokio::test(start_paused = true)]
async fn templates_see_the_labels_and_the_address_of_the_host_and_others_after_a_reload() {
    let rules = "groups: [{name: g, rules: [{alert: Deep, expr: depth > 10, labels: {region: '{{ $externalLabels.region }}'}, \
        annotations: {link: '{{ $externalURL }}/x'}}]}]";
    let mut world = World::new(rules);
    world.depths = vec![("a", 12.0)];
    let seen = |world: &World| {
        let status = Arc::clone(&world.status.borrow());
        let firing = status.alerts().filter(|(_, alert)| alert.state == AlertState::Firing);
        let seen = firing.map(|(_, alert)| {
            let region = alert.labels.get("region").map_or("", |region| region);
            format!("{region} {}", alert.annotations["link"])
        });
        seen.collect::<Vec<_>>()
    };
    for (region, url) in [
        ("", ""),
        ("eu", "https://monitor.example"),
        ("us", "https://monitor.example/base"),
    ] {
        let externals = Externals {
            labels: bellwether_promql::labels::Labels::new([("region", region)]),
            url: url.to_owned(),
        };
        world.core.externals = Arc::new(externals);
        world.go_on(30).await;
        assert_eq!(seen(&world), [format!("{region} {url}/x")]);
    }
}

#[tokio::test(start_paused = true)]
async fn alerts_leave_with_the_external_labels_and_stay_without() {
    let mut world = World::new(DEEP);
    let mut rules = set(DEEP);
    rules.externals.labels = bellwether_promql::labels::Labels::new([("region", "eu"), ("check", "other")]);
    world.core.replace(&rules);
    world.depths = vec![("a", 12.0)];
    world.go_on(120).await;
    let left = world.outlet.take().rules;
    let deep = left.iter().find(|rule| &*rule.name == "Deep").unwrap();
    let (labels, alert) = deep.alerts.first_key_value().unwrap();
    assert_eq!(labels, &alert.labels);
    let region = labels.get("region").map(|region| &**region);
    let check = labels.get("check").map(|check| &**check);
    assert_eq!(
        (region, check),
        (Some("eu"), Some("web")),
        "its own labels stay as they are"
    );
    let status = Arc::clone(&world.status.borrow());
    let (_, shown) = status.alerts().find(|(_, alert)| alert.name() == "Deep").unwrap();
    assert_eq!(shown.labels.get("region"), None);
    assert_eq!(status.fingerprint(shown), crate::alert::Fingerprint::of(labels));
}

#[tokio::test(start_paused = true)]
async fn alerts_are_left_for_who_sends_notifications() {
    let mut world = World::new(DEEP);
    let update = world.outlet.take();
    let deep = |rules: &[crate::rule::outlet::RuleAlerts]| rules.iter().find(|rule| &*rule.name == "Deep").cloned();
    assert!(update.is_whole, "at first, all rules there are");
    assert!(deep(&update.rules).is_some_and(|rule| !rule.is_settled && rule.alerts.is_empty()));
    world.depths = vec![("a", 12.0)];
    world.go_on(120).await;
    let update = world.outlet.take();
    let rule = deep(&update.rules).unwrap();
    assert!(!update.is_whole && rule.is_settled);
    assert!(rule.alerts.values().any(|alert| alert.state == AlertState::Firing));
    world.go_on(120).await;
    assert_eq!(world.outlet.take().rules, [], "nothing changed");

    // A process that was killed says what it knows before it looks again.
    let next = world.killed(DEEP, 600).await;
    let update = next.outlet.take();
    let rule = deep(&update.rules).unwrap();
    assert!(update.is_whole && !rule.is_settled);
    assert!(rule.alerts.values().any(|alert| alert.state == AlertState::Firing));
}
