//! What an expression is about, and whether it is there.

use bellwether_promql::{labels::Labels, parse::parse, storage::memory::Memory, value::Point};

use super::*;

const NOW: i64 = 1_700_000_000_000;
const MINUTE: i64 = 60_000;

/// Name, labels, and how many milliseconds ago it was reported last.
type Reported<'s> = (&'s str, &'s [(&'s str, &'s str)], i64);

/// Series that were reported every 15 seconds for an hour.
fn memory(series: &[Reported<'_>]) -> Memory {
    let mut memory = Memory::new();
    for (name, labels, ago) in series {
        let labels = labels.iter().copied().chain([("__name__", *name)]);
        let labels = Labels::new(labels);
        let until = NOW - ago;
        memory.extend(
            &labels,
            (0..240).map(|at| Point {
                at: until - at * 15_000,
                value: 1.0,
            }),
        );
    }
    memory
}

#[test]
fn every_selector_is_found_with_its_window() {
    let found = reads(&parse("rate(a[5m]) + b offset 1h > on() max_over_time(rate(c[1m] offset 2m)[30m:1m])").unwrap());
    let windows: Vec<(i64, i64, bool)> = found
        .iter()
        .map(|read| (read.offset, read.range, read.is_range))
        .collect();
    assert_eq!(
        windows,
        [
            (0, 5 * MINUTE, true),
            (60 * MINUTE, LOOKBACK, false),
            (2 * MINUTE, 31 * MINUTE, true),
        ]
    );
}

#[test]
fn what_is_read_through_recording_rules_is_read_too() {
    let reads = |text: &str| reads(&parse(text).unwrap());
    let records: BTreeMap<Arc<str>, Vec<Reads>> = [
        ("a:rate".into(), reads("rate(a_total[5m])")),
        ("b".into(), reads("a:rate + b")),
    ]
    .into();
    let found = through(&reads("max_over_time(b[10m]) > 1"), &records);
    let said: Vec<(String, i64)> = found
        .iter()
        .map(|read| (read.matchers[0].value.to_string(), read.range / MINUTE))
        .collect();
    let expected = [("b", 10), ("a:rate", 15), ("b", 15), ("a_total", 20)];
    assert_eq!(said, expected.map(|(name, range)| (name.to_owned(), range)));
}

fn held(expr: &str, storage: &Memory, before: Option<i64>, began: i64, waiting: &[&str]) -> Option<Hold> {
    let since = Since {
        began: Some(began),
        before,
        was_set_back: false,
        ticked: NOW - 5_000,
        tick: 15_000,
        waiting: &waiting.iter().map(|check| Arc::from(*check)).collect(),
    };
    hold(&reads(&parse(expr).unwrap()), storage, &since, NOW)
}

#[test]
fn a_rule_waits_for_the_checks_that_may_feed_it_and_for_no_others() {
    let storage = memory(&[("up", &[("check", "slow")], 0), ("depth", &[("check", "fast")], 0)]);
    let began = NOW - MINUTE;
    let held = |expr, waiting: &[&str], began| held(expr, &storage, Some(began - 15_000), began, waiting);
    assert_eq!(held("up == 0", &["slow"], began), Some(Hold::ChecksNotRun));
    assert_eq!(held("up == 0", &[], began), None);
    assert_eq!(held("depth > 1", &["slow"], began), None, "fed by another");
    assert_eq!(
        held("unheard_of > 1", &["slow"], began),
        Some(Hold::ChecksNotRun),
        "perhaps it reports that"
    );
    assert_eq!(
        held("x{check=\"fast\"} > 1", &["slow"], began),
        None,
        "it says whom it is about"
    );
    assert_eq!(
        held("x{check=\"slow\"} > 1", &["slow"], began),
        Some(Hold::ChecksNotRun)
    );
    assert_eq!(
        held("up == 0", &["slow"], NOW - CHECKS_HOLD_MAX),
        None,
        "five minutes at most"
    );
}

#[test]
fn a_rule_waits_until_most_of_its_range_is_there() {
    let storage = memory(&[("x", &[], 0)]);
    let outage = |hours: i64, since: i64| (Some(NOW - since - hours * 60 * MINUTE), NOW - since);
    let held = |expr, (before, began)| held(expr, &storage, before, began, &[]);
    assert_eq!(held("rate(x[5m]) > 1", outage(3, MINUTE)), Some(Hold::RangeNotFilled));
    assert_eq!(held("rate(x[5m]) > 1", outage(3, 3 * MINUTE)), None);
    assert_eq!(
        held("changes(x[1h]) == 0", outage(3, 20 * MINUTE)),
        Some(Hold::RangeNotFilled)
    );
    assert_eq!(held("changes(x[1h]) == 0", outage(3, 31 * MINUTE)), None);
    assert_eq!(held("x > 1", outage(3, 0)), None, "the newest sample is enough");
    assert_eq!(
        held("x > 2 * x offset 1h", outage(3, MINUTE)),
        Some(Hold::RangeNotFilled)
    );
    assert_eq!(
        held("x > 2 * x offset 4h", outage(3, MINUTE)),
        None,
        "from before the outage"
    );
    let short = (Some(NOW - 2 * MINUTE), NOW - MINUTE);
    assert_eq!(held("rate(x[5m]) > 1", short), None, "a minute is missing");
    assert_eq!(
        held("rate(x[1h]) > 1", (None, NOW - MINUTE)),
        Some(Hold::RangeNotFilled),
        "a first start"
    );
    assert_eq!(held("rate(x[1h]) > 1", (None, NOW - 5 * MINUTE)), None);
    let fresh = |since| (None, NOW - since);
    assert_eq!(
        held("x > 2 * x offset 1m", fresh(MINUTE - 1)),
        Some(Hold::RangeNotFilled)
    );
    assert_eq!(
        held("x > 2 * x offset 1m", fresh(MINUTE)),
        None,
        "one sample is enough, and it is there"
    );
    for expr in ["x unless x offset 1h", "x > 2 * rate(x[10m] offset 5m)"] {
        assert_eq!(held(expr, fresh(0)), None, "{expr}: waiting would not bring it");
    }
    let short_outage = (Some(NOW - 64 * MINUTE), NOW - 30 * MINUTE);
    assert_eq!(
        held("x > 2 * x offset 1h", short_outage),
        None,
        "the last one before the outage is near enough"
    );
    assert_eq!(
        held("rate(x[1d]) > 1", outage(30, 59 * MINUTE)),
        Some(Hold::RangeNotFilled)
    );
    assert_eq!(held("rate(x[1d]) > 1", outage(30, 60 * MINUTE)), None);
}

#[test]
fn a_rule_waits_for_news_after_a_sleep_and_for_all_of_its_range_after_a_clock_was_set_back() {
    let storage = memory(&[("x", &[], 0)]);
    let waiting = BTreeSet::new();
    let since = Since {
        began: Some(NOW - 20 * MINUTE),
        before: Some(NOW - 21 * MINUTE),
        was_set_back: false,
        ticked: NOW - 5_000,
        tick: 15_000,
        waiting: &waiting,
    };
    let held = |expr: &str, since: &Since<'_>| hold(&reads(&parse(expr).unwrap()), &storage, since, NOW);
    assert_eq!(held("x > 1", &since), None);
    let asleep = Since {
        ticked: NOW - 3 * 60 * MINUTE,
        ..since.clone()
    };
    assert_eq!(held("x > 1", &asleep), Some(Hold::HistoryBehind));

    let set_back = Since {
        was_set_back: true,
        ..since
    };
    assert_eq!(held("rate(x[19m]) > 1", &set_back), None);
    assert_eq!(
        held("rate(x[21m]) > 1", &set_back),
        Some(Hold::RangeNotFilled),
        "one sample from before is too many"
    );
    assert_eq!(held("x > 1", &set_back), None);
}
