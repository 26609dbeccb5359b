//! Every way an alert can go, and every interruption on the way.

use super::*;

const SLOT: i64 = 15_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 3_600_000;
const START: i64 = 1_700_000_000_000;

fn rule(hold: i64, keep_firing_for: i64) -> AlertRule {
    AlertRule {
        hold,
        keep_firing_for,
        annotations: Vec::new(),
        on_no_data: OnNoData::Resolve,
    }
}

fn element() -> Element {
    Element {
        labels: Labels::new([("alertname", "Down"), ("instance", "a")]),
        annotations: Annotations::new(),
        value: 3.0,
    }
}

/// A rule, its alerts, a clock that somebody sets, and the evaluations in between.
#[derive(Clone)]
struct World {
    rule: AlertRule,
    alerts: Alerts,
    now: i64,
    last: Option<i64>,
    is_first: bool,
    hold: Option<Hold>,
    data: Absence,
    log: Vec<(Option<AlertState>, Option<AlertState>, Reason)>,
}

impl World {
    fn new(rule: AlertRule) -> Self {
        Self {
            rule,
            alerts: Alerts::new(),
            now: START,
            last: None,
            is_first: true,
            hold: None,
            data: Absence::Ended,
            log: Vec::new(),
        }
    }

    /// One slot, with or without the element.
    fn slot(&mut self, present: bool) {
        let moment = Moment {
            at: self.now,
            last: self.last,
            interval: SLOT,
            is_first: self.is_first,
            hold: self.hold,
        };
        let elements = if present { vec![element()] } else { Vec::new() };
        let step = step(&self.alerts, &self.rule, elements, &moment, &|_| self.data);
        self.log.extend(
            step.changes
                .iter()
                .map(|change| (change.from, change.to, change.reason)),
        );
        self.alerts = step.alerts;
        self.last = Some(self.now);
        self.is_first = false;
        self.now += SLOT;
    }

    fn slots(&mut self, count: i64, present: bool) {
        (0..count).for_each(|_| self.slot(present));
    }

    /// The process is killed, and another begins when `downtime` is over. What the store has is what the alerts were.
    fn killed_for(&mut self, downtime: i64) {
        self.now += downtime;
        self.is_first = true;
    }

    fn state(&self) -> Option<AlertState> {
        self.alerts.values().next().map(|alert| alert.state)
    }

    /// Changes since the last call.
    fn news(&mut self) -> Vec<Reason> {
        std::mem::take(&mut self.log)
            .into_iter()
            .map(|(_, _, reason)| reason)
            .collect()
    }

    /// Evaluations until it fires.
    fn slots_until_firing(&mut self) -> i64 {
        for count in 1..10_000 {
            self.slot(true);
            if self.state() == Some(AlertState::Firing) {
                return count;
            }
        }
        panic!("it never fires");
    }
}

#[test]
fn without_for_an_alert_fires_at_once_and_is_over_when_its_condition_is() {
    let mut world = World::new(rule(0, 0));
    world.slot(true);
    assert_eq!(world.news(), [Reason::FiredAtOnce]);
    let alert = world.alerts.values().next().unwrap().clone();
    assert_eq!(
        (alert.active_at, alert.fired_at, alert.value),
        (START, Some(START), 3.0)
    );
    world.slots(3, true);
    assert_eq!(world.news(), []);
    world.slot(false);
    assert_eq!(world.news(), [Reason::Resolved(ResolveCause::Condition)]);
    let over = world.alerts.values().next().unwrap().resolved;
    assert_eq!(over, Some((START + 4 * SLOT, ResolveCause::Condition)));
}

#[test]
fn with_for_it_is_pending_until_the_slot_at_which_the_time_is_full() {
    let mut world = World::new(rule(MINUTE, 0));
    assert_eq!(world.slots_until_firing(), 5);
    assert_eq!(world.news(), [Reason::Began, Reason::HeldForLong]);
    assert_eq!(world.alerts.values().next().unwrap().active_at, START);
}

#[test]
fn a_condition_that_ends_early_leaves_nothing() {
    let mut world = World::new(rule(MINUTE, 0));
    world.slots(4, true);
    world.slot(false);
    assert_eq!(world.news(), [Reason::Began, Reason::EndedEarly]);
    assert!(world.alerts.is_empty());
    assert_eq!(world.slots_until_firing(), 5, "it begins anew");
}

#[test]
fn it_fires_on_for_as_long_as_keep_firing_for_says() {
    let mut world = World::new(rule(0, MINUTE));
    world.slot(true);
    world.slots(4, false);
    assert_eq!(world.state(), Some(AlertState::Firing));
    world.slot(true);
    world.slots(4, false);
    assert_eq!(world.news(), [Reason::FiredAtOnce], "a return begins the count anew");
    world.slot(false);
    assert_eq!(world.news(), [Reason::Resolved(ResolveCause::Condition)]);
}

#[test]
fn what_is_over_is_remembered_for_fifteen_minutes_and_may_begin_anew() {
    let mut world = World::new(rule(0, 0));
    world.slot(true);
    world.slots(1 + 15 * 4, false);
    assert_eq!(world.state(), Some(AlertState::Resolved));
    let mut again = world.clone();
    world.slot(false);
    assert_eq!(world.state(), None);
    again.news();
    again.slot(true);
    assert_eq!(again.news(), [Reason::FiredAtOnce]);
    assert_eq!(again.alerts.values().next().unwrap().resolved, None);
}

#[test]
fn a_raised_for_ends_nothing_that_fires_and_delays_what_does_not() {
    let mut firing = World::new(rule(0, 0));
    firing.slots(2, true);
    firing.rule.hold = MINUTE;
    firing.slots(20, true);
    assert_eq!(firing.news(), [Reason::FiredAtOnce]);
    assert_eq!(firing.state(), Some(AlertState::Firing));

    let mut pending = World::new(rule(MINUTE, 0));
    pending.slots(3, true);
    pending.rule.hold = 2 * MINUTE;
    assert_eq!(pending.slots_until_firing(), 6, "nine evaluations span two minutes");
}

#[test]
fn vanished_series_are_told_from_conditions_that_ended() {
    let mut world = World::new(rule(0, 0));
    world.slot(true);
    world.data = Absence::Silent;
    world.slot(false);
    assert_eq!(
        world.news(),
        [Reason::FiredAtOnce, Reason::Resolved(ResolveCause::NoData)]
    );

    let mut pending = World::new(rule(MINUTE, 0));
    pending.slot(true);
    pending.data = Absence::Silent;
    pending.slot(false);
    assert_eq!(pending.news(), [Reason::Began, Reason::VanishedEarly]);
}

#[test]
fn a_rule_that_holds_keeps_its_alert_without_data_for_a_day() {
    let mut world = World::new(rule(0, 0));
    world.rule.on_no_data = OnNoData::Hold;
    world.slot(true);
    world.data = Absence::Silent;
    world.slots(24 * 240, false);
    assert_eq!(world.news(), [Reason::FiredAtOnce]);
    assert_eq!(world.state(), Some(AlertState::Firing));
    let mut back = world.clone();
    world.slot(false);
    assert_eq!(world.news(), [Reason::Resolved(ResolveCause::Expired)]);

    back.data = Absence::Ended;
    back.slot(false);
    assert_eq!(back.news(), [Reason::Resolved(ResolveCause::Condition)]);
}

#[test]
fn what_is_known_to_be_gone_is_held_no_longer() {
    for (absence, cause) in [
        (Absence::Vanished, ResolveCause::Vanished),
        (Absence::CheckRemoved, ResolveCause::CheckRemoved),
    ] {
        let mut world = World::new(rule(0, 0));
        world.rule.on_no_data = OnNoData::Hold;
        world.slot(true);
        world.data = Absence::Silent;
        world.slots(20, false);
        assert_eq!(world.news(), [Reason::FiredAtOnce], "nobody can know");
        let since = world.alerts.values().next().unwrap().no_data_since;
        assert_eq!(since, Some(START + SLOT));
        world.data = absence;
        world.slot(false);
        assert_eq!(world.news(), [Reason::Resolved(cause)]);
    }
}

#[test]
fn a_pending_alert_without_data_does_not_grow_older() {
    let mut world = World::new(rule(MINUTE, 0));
    world.rule.on_no_data = OnNoData::Hold;
    world.slots(3, true);
    world.data = Absence::Silent;
    world.slots(100, false);
    world.data = Absence::Ended;
    assert_eq!(world.state(), Some(AlertState::Pending));
    assert_eq!(world.slots_until_firing(), 2, "two slots were missing before");
}

#[test]
fn a_held_rule_neither_fires_nor_resolves_nor_forgets() {
    for hold in [0, MINUTE] {
        let mut firing = World::new(rule(hold, 0));
        firing.slots_until_firing();
        firing.hold = Some(Hold::ChecksNotRun);
        firing.slots(40, false);
        assert_eq!(firing.state(), Some(AlertState::Firing));
        firing.hold = None;
        firing.slot(false);
        assert_eq!(firing.state(), Some(AlertState::Resolved));
    }
    let mut fresh = World::new(rule(0, 0));
    fresh.hold = Some(Hold::RangeNotFilled);
    fresh.slots(40, true);
    assert_eq!(fresh.state(), Some(AlertState::Pending));
    fresh.hold = None;
    fresh.slot(true);
    assert_eq!(fresh.news(), [Reason::Began, Reason::FiredAtOnce]);
}

/// In which state the process is killed.
fn prepared(state: &str, hold: i64, keep: i64) -> World {
    let mut world = World::new(rule(hold, keep));
    match state {
        "pending" => world.slots(3, true),
        "firing" => {
            world.slots_until_firing();
        }
        "keep-firing" => {
            world.slots_until_firing();
            world.slots(2, false);
        }
        "resolved" => {
            world.slots_until_firing();
            world.slots(1 + keep / SLOT, false);
        }
        other => panic!("{other}"),
    }
    world.news();
    world
}

const DOWNTIMES: [i64; 3] = [0, 10 * MINUTE, 3 * HOUR];

#[test]
fn killed_while_pending_it_counts_on_where_it_was() {
    for downtime in DOWNTIMES {
        let mut world = prepared("pending", 2 * MINUTE, 0);
        world.killed_for(downtime);
        // Nine evaluations span two minutes; three were made.
        assert_eq!(world.slots_until_firing(), 6, "{downtime}");
        assert_eq!(world.news(), [Reason::HeldForLong]);
        let mut ended = prepared("pending", 2 * MINUTE, 0);
        ended.killed_for(downtime);
        ended.slot(false);
        assert_eq!(ended.news(), [Reason::EndedEarly], "{downtime}");
    }
}

#[test]
fn killed_while_firing_it_fires_on_or_is_over_with_its_cause() {
    for downtime in DOWNTIMES {
        for hold in [0, 2 * MINUTE] {
            let mut world = prepared("firing", hold, 0);
            let fired = world.alerts.values().next().unwrap().fired_at;
            world.killed_for(downtime);
            world.slots(20, true);
            assert_eq!(world.news(), [], "{downtime} {hold}");
            assert_eq!(world.alerts.values().next().unwrap().fired_at, fired);

            for (data, cause) in [
                (Absence::Ended, ResolveCause::Condition),
                (Absence::Silent, ResolveCause::NoData),
            ] {
                let mut over = prepared("firing", hold, 0);
                over.killed_for(downtime);
                over.data = data;
                over.slot(false);
                assert_eq!(over.news(), [Reason::Resolved(cause)], "{downtime} {hold}");
            }
        }
    }
}

#[test]
fn what_fires_began_when_it_began_whatever_happens_since() {
    let began = |world: &World| world.alerts.values().next().unwrap().active_at;
    for hold in [0, 2 * MINUTE] {
        let mut world = prepared("firing", hold, 0);
        world.rule.on_no_data = OnNoData::Hold;
        world.killed_for(3 * HOUR);
        world.slots(2, true);
        assert_eq!(began(&world), START, "killed, {hold}");
        world.now += 10 * MINUTE;
        world.slots(2, true);
        assert_eq!(began(&world), START, "slots were missed, {hold}");
        world.data = Absence::Silent;
        world.slots(20, false);
        assert_eq!(began(&world), START, "held without data, {hold}");
        world.hold = Some(Hold::ChecksNotRun);
        world.slots(20, false);
        assert_eq!(began(&world), START, "held, {hold}");

        // As an earlier version left it.
        let mut moved = prepared("firing", hold, 0);
        let alert = moved.alerts.values_mut().next().unwrap();
        let fired = alert.fired_at.unwrap();
        alert.active_at = fired + MINUTE;
        moved.slot(true);
        assert_eq!(began(&moved), fired, "{hold}");
    }
}

#[test]
fn killed_while_kept_firing_it_is_kept_for_what_remains() {
    for downtime in DOWNTIMES {
        for hold in [0, 2 * MINUTE] {
            let mut world = prepared("keep-firing", hold, MINUTE);
            world.killed_for(downtime);
            // Five evaluations span the minute, the last of which ends it; two were made.
            world.slots(2, false);
            assert_eq!(world.news(), [], "{downtime} {hold}");
            world.slot(false);
            assert_eq!(
                world.news(),
                [Reason::Resolved(ResolveCause::Condition)],
                "{downtime} {hold}"
            );
        }
    }
}

#[test]
fn killed_when_it_was_over_it_does_not_end_twice() {
    for downtime in DOWNTIMES {
        for hold in [0, 2 * MINUTE] {
            let mut world = prepared("resolved", hold, 0);
            world.killed_for(downtime);
            world.slots(80, false);
            assert_eq!(world.news(), [], "{downtime} {hold}");
            assert!(world.alerts.is_empty());

            let mut again = prepared("resolved", hold, 0);
            again.killed_for(downtime);
            assert_eq!(again.slots_until_firing(), 1 + hold / SLOT, "{downtime} {hold}");
        }
    }
}

#[test]
fn held_after_a_restart_nothing_is_decided_until_the_data_is_back() {
    for downtime in DOWNTIMES {
        for state in ["pending", "firing", "keep-firing"] {
            let mut world = prepared(state, 2 * MINUTE, MINUTE);
            world.killed_for(downtime);
            world.hold = Some(Hold::ChecksNotRun);
            world.slots(12, false);
            assert_eq!(world.news(), [], "{state} {downtime}");
            world.hold = None;
            let evaluations = match state {
                "pending" => 6,
                _ => 1,
            };
            world.slots(evaluations, true);
            assert_eq!(world.state(), Some(AlertState::Firing), "{state} {downtime}");
        }
    }
}

/// The clock jumps between two slots, or the machine sleeps: to the rule it is the same.
#[test]
fn jumps_of_the_clock_and_suspends_neither_fire_nor_resolve_nor_lose() {
    for jump in [HOUR, -HOUR, 3 * HOUR, -3 * HOUR, 40_000, -40_000] {
        let mut pending = prepared("pending", 2 * MINUTE, 0);
        pending.now += jump;
        assert_eq!(pending.slots_until_firing(), 6, "{jump}");

        let mut firing = prepared("firing", 2 * MINUTE, 0);
        firing.now += jump;
        firing.slots(30, true);
        assert_eq!(firing.news(), [], "{jump}");
        firing.slot(false);
        assert_eq!(firing.news(), [Reason::Resolved(ResolveCause::Condition)], "{jump}");

        let mut kept = prepared("keep-firing", 0, MINUTE);
        kept.now += jump;
        kept.slots(2, false);
        assert_eq!(kept.news(), [], "{jump}");
        kept.slot(false);
        assert_eq!(kept.news(), [Reason::Resolved(ResolveCause::Condition)], "{jump}");

        let mut over = prepared("resolved", 0, 0);
        over.now += jump;
        over.slots(80, false);
        assert_eq!(over.news(), [], "{jump}");
        assert!(over.alerts.is_empty(), "{jump}");
    }
}

#[test]
fn one_missed_slot_is_lateness_and_counts_as_in_prometheus() {
    let mut world = World::new(rule(MINUTE, 0));
    world.slots(2, true);
    world.now += SLOT;
    assert_eq!(world.slots_until_firing(), 2);
}

#[test]
fn a_rule_that_is_gone_or_over_its_limit_ends_what_fired() {
    let firing = prepared("firing", 0, 0);
    let gone = remove_all(&firing.alerts, 7);
    assert_eq!(gone[0].reason, Reason::Resolved(ResolveCause::RuleRemoved));
    assert_eq!(gone[0].alert.resolved, Some((7, ResolveCause::RuleRemoved)));
    let step = give_up(&firing.alerts, 7);
    assert_eq!(step.changes[0].reason, Reason::OverLimit);
    let over = step.alerts.values().next().unwrap();
    assert_eq!(over.resolved, Some((7, ResolveCause::OverLimit)));
    assert_eq!(over.state, AlertState::Resolved);
    let pending = prepared("pending", MINUTE, 0);
    assert_eq!(give_up(&pending.alerts, 7).alerts.len(), 0);
    assert_eq!(remove_all(&pending.alerts, 7)[0].to, None);
}

#[test]
fn alerts_are_shown_as_prometheus_shows_them() {
    let firing = prepared("firing", 0, 0);
    let shown: Vec<String> = samples(&firing.alerts)
        .iter()
        .map(|(labels, value)| format!("{labels} {value}"))
        .collect();
    assert_eq!(
        shown,
        [
            "ALERTS{alertname=\"Down\", alertstate=\"firing\", instance=\"a\"} 1",
            "ALERTS_FOR_STATE{alertname=\"Down\", instance=\"a\"} 1700000000",
        ]
    );
    assert!(samples(&prepared("resolved", 0, 0).alerts).is_empty());
}
