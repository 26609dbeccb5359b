//! What counts as a report, and what it tells.

use super::*;
use crate::{
    clock::Timestamp,
    testing::{check_state, verdict},
};

const START: i64 = 1_700_000_000_000;
const TICK: i64 = 15_000;

fn wall(at: i64) -> Timestamp {
    Timestamp::from_nanos(u64::try_from(at).unwrap() * 1_000_000)
}

fn ran(at: i64) -> CheckState {
    let mut check = check_state("web");
    check.ran = true;
    check.checked_at = Some(wall(at));
    check.verdicts = [verdict("a", Status::Ok)].into();
    check
}

/// What is known after these ticks, each with what the check `web` is then, of a series that is missing since the start.
fn after(checks: Vec<CheckState>) -> Absence {
    let mut feeds = Feeds::default();
    for (at, check) in (1..).zip(checks) {
        let at = START + at * TICK;
        feeds.update(&Snapshot::for_tests(wall(at), vec![check], Vec::new()), at);
    }
    feeds.of_check("web", &missing(&Labels::default()))
}

fn missing(labels: &Labels) -> Missing<'_> {
    Missing {
        labels,
        since: Some(START),
        was_target: false,
    }
}

#[test]
fn two_whole_reports_in_a_row_say_that_a_series_is_gone() {
    let at = |ticks: i64| ran(START + ticks * TICK);
    assert_eq!(after(vec![at(1), at(2)]), Absence::Vanished);
    assert_eq!(after(vec![at(1)]), Absence::Silent);
    assert_eq!(after(vec![at(1), at(1), at(1)]), Absence::Silent, "the same one");
    assert_eq!(after(vec![at(0), at(2)]), Absence::Silent, "one is from before");
    assert_eq!(after(Vec::new()), Absence::Silent, "nothing is known yet");
}

#[test]
fn a_run_without_a_report_or_with_a_part_of_one_begins_the_count_anew() {
    let at = |ticks: i64| ran(START + ticks * TICK);
    type Break = (&'static str, fn(&mut CheckState));
    let breaks: [Break; 6] = [
        ("failed", |check| check.consecutive_failed_runs = 1),
        ("restored", |check| check.ran = false),
        ("stale", |check| check.stale = true),
        ("over its budget", |check| check.series_dropped = 1),
        ("from the future", |check| {
            check.checked_at = Some(wall(START + 100 * TICK))
        }),
        ("critical", |check| {
            check.verdicts = [verdict("b", Status::Critical)].into()
        }),
    ];
    for (name, spoil) in breaks {
        let mut bad = at(2);
        spoil(&mut bad);
        assert_eq!(after(vec![at(1), bad.clone()]), Absence::Silent, "{name}");
        assert_eq!(after(vec![at(1), bad.clone(), at(3)]), Absence::Silent, "{name}");
        assert_eq!(after(vec![at(1), bad, at(3), at(4)]), Absence::Vanished, "{name}");
    }
}

#[test]
fn a_check_that_is_not_configured_any_more_feeds_nothing() {
    let mut feeds = Feeds::default();
    let none = Labels::default();
    assert_eq!(
        feeds.of_check("web", &missing(&none)),
        Absence::Silent,
        "nothing is known"
    );
    assert_eq!(feeds.of_any(&missing(&none)), Absence::Silent);
    assert_eq!(feeds.of_host(Some("web"), &missing(&none)), Absence::Silent);
    let snapshot = |checks| Snapshot::for_tests(wall(START), checks, Vec::new());
    feeds.update(&snapshot(vec![ran(START)]), START + TICK);
    assert_eq!(feeds.of_check("other", &missing(&none)), Absence::CheckRemoved);
    assert_eq!(feeds.of_host(Some("other"), &missing(&none)), Absence::CheckRemoved);
    assert_eq!(feeds.of_any(&missing(&none)), Absence::Silent);
    feeds.update(&snapshot(Vec::new()), START + 2 * TICK);
    assert_eq!(
        feeds.of_any(&missing(&none)),
        Absence::CheckRemoved,
        "there is none left"
    );
}

#[test]
fn what_the_host_shows_of_a_check_does_not_need_its_reports_but_that_it_was_tried() {
    let mut failing = ran(START);
    failing.consecutive_failed_runs = 4;
    let mut waiting = check_state("web");
    waiting.ran = false;
    for (check, expected) in [(failing, Absence::Vanished), (waiting, Absence::Silent)] {
        let mut feeds = Feeds::default();
        for at in [1, 2] {
            let snapshot = Snapshot::for_tests(wall(START), vec![check.clone()], Vec::new());
            feeds.update(&snapshot, START + at * TICK);
        }
        assert_eq!(feeds.of_host(Some("web"), &missing(&Labels::default())), expected);
        assert_eq!(feeds.of_host(None, &missing(&Labels::default())), Absence::Vanished);
    }
}
