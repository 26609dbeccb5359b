//! Days on which the clocks change, in time that stands still unless everybody waits: when the first message about an alert leaves.

use super::*;
use crate::{
    alert::{ResolveCause, TimeInterval, times},
    clock::{of_rfc3339, rfc3339},
};

/// A zone of which clocks went forward from 02:00 to 03:00 on 2026-03-29 and back from 03:00 to 02:00 on 2026-10-25, both at 01:00 UTC.
const ZONE: &str = "Europe/Berlin";

/// How often a group is looked at, in milliseconds: so exact are the times here.
const LOOK: i64 = 60_000;

/// More than any of these days, in seconds.
const PATIENCE: u64 = 2 * 86_400;

/// `22:00-06:00` on these days, in [`ZONE`].
fn interval(time: &str, weekdays: &str) -> TimeInterval {
    let period = times::Period {
        times: vec![times::TimeRange::parse(time, times::Dialect::Toml).unwrap()],
        weekdays: vec![times::weekdays(weekdays, times::Dialect::Toml).unwrap()],
        zone: times::zone(ZONE).unwrap(),
        ..times::Period::default()
    };
    TimeInterval { any: vec![period] }
}

#[derive(Clone, Copy)]
enum Kind {
    Mutes,
    IsActive,
}

struct Night {
    outlet: Outlet,
    clock: Clock,
    handle: DispatchHandle,
}

impl Night {
    /// Begins at that time, with one interval.
    fn at(begins: &str, kind: Kind, interval: TimeInterval) -> Self {
        let name: Arc<str> = "shift".into();
        let mut settings = Settings {
            timings: Timings {
                group_wait: 0,
                group_interval: LOOK,
                ..Timings::default()
            },
            intervals: [(Arc::clone(&name), interval)].into(),
            ..settings()
        };
        match kind {
            Kind::Mutes => settings.mute_times = vec![name],
            Kind::IsActive => settings.active_times = vec![name],
        }
        let nanos = u64::try_from(of_rfc3339(begins).unwrap()).unwrap() * 1_000_000;
        let (clock, outlet) = (Clock::anchored(Timestamp::from_nanos(nanos)), Outlet::default());
        let options = DispatchOptions {
            settings,
            store: None,
            outlet: outlet.clone(),
            snapshots: None,
            clock: clock.clone(),
            telemetry: Telemetry::silent(),
        };
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let handle = Dispatch::start(&supervisor, options);
        Self { outlet, clock, handle }
    }

    fn now(&self) -> i64 {
        driver::millis(&self.clock)
    }

    async fn until(&self, time: &str) {
        let left = of_rfc3339(time).unwrap() - self.now();
        tokio::time::sleep(Duration::from_millis(u64::try_from(left).unwrap())).await;
    }

    /// Takes and delivers the next message; when it left, and what it said.
    async fn told(&self) -> (String, String) {
        let (outbox, ops) = (self.handle.outbox(), "ops".into());
        let taken = async {
            loop {
                match outbox.next(&ops, self.now()).await {
                    Some(message) => return message,
                    None => outbox.wait_for_work("ops").await,
                }
            }
        };
        let message = tokio::time::timeout(Duration::from_secs(PATIENCE), taken)
            .await
            .unwrap();
        let left = self.now();
        let delivered = Attempt::Delivered { receipt: Vec::new() };
        outbox.report(message.id, delivered, left).await;
        // Timers may be a millisecond late at each look.
        (rfc3339(left - left % LOOK).unwrap(), message.reason.as_str().to_owned())
    }
}

/// When a receiver hears of an alert that began at that time.
async fn heard(began: &str, kind: Kind, time: &str, weekdays: &str) -> String {
    let night = Night::at(began, kind, interval(time, weekdays));
    night.outlet.put_all(vec![rule([firing("1", night.now())])]);
    let (left, reason) = night.told().await;
    assert_eq!(reason, "first");
    left
}

#[tokio::test(start_paused = true)]
async fn a_night_is_an_hour_shorter_when_clocks_go_forward_and_longer_when_they_go_back() {
    let (nights, mutes) = ("22:00-06:00", Kind::Mutes);
    // From 22:00 on Saturday to 06:00 on Sunday: seven hours, nine, and eight a week later.
    for (began, left) in [
        ("2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"),
        ("2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z"),
        ("2026-10-31T21:00:00Z", "2026-11-01T05:00:00Z"),
    ] {
        assert_eq!(heard(began, mutes, nights, "saturday").await, left, "{began}");
    }
    // The night that begins on Sunday is another one.
    let sunday = heard("2026-03-29T20:00:00Z", mutes, nights, "saturday").await;
    assert_eq!(sunday, "2026-03-29T20:00:00Z");
}

#[tokio::test(start_paused = true)]
async fn a_time_over_the_edge_ends_when_the_clock_on_the_wall_says_so() {
    let (early, mutes) = ("01:00-03:30", Kind::Mutes);
    for (began, left) in [
        // An hour and a half, and three and a half.
        ("2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z"),
        ("2026-10-24T23:00:00Z", "2026-10-25T02:30:00Z"),
    ] {
        assert_eq!(heard(began, mutes, early, "sunday").await, left, "{began}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_that_clocks_skip_mutes_nobody() {
    for began in ["2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:01:00Z"] {
        assert_eq!(heard(began, Kind::Mutes, "02:00-03:00", "sunday").await, began);
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_that_clocks_repeat_mutes_twice() {
    for (began, left) in [
        ("2026-10-25T00:20:00Z", "2026-10-25T00:45:00Z"),
        ("2026-10-25T00:50:00Z", "2026-10-25T00:50:00Z"),
        ("2026-10-25T01:20:00Z", "2026-10-25T01:45:00Z"),
    ] {
        assert_eq!(
            heard(began, Kind::Mutes, "02:15-02:45", "sunday").await,
            left,
            "{began}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn hours_in_which_somebody_listens_begin_by_the_clock_on_the_wall() {
    let (hours, active) = ("02:30-12:00", Kind::IsActive);
    for (began, left) in [
        // There is no 02:30: they begin with 03:00, an hour after 01:00.
        ("2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
        // There are two: from 03:00 to 02:00 it is not yet time again.
        ("2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"),
        ("2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"),
    ] {
        assert_eq!(heard(began, active, hours, "sunday").await, left, "{began}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_ends_in_a_night_that_clocks_shorten_is_told_as_over_when_it_ends() {
    let night = Night::at("2026-03-28T20:30:00Z", Kind::Mutes, interval("22:00-06:00", "saturday"));
    let began = firing("1", night.now());
    night.outlet.put_all(vec![rule([began.clone()])]);
    assert_eq!(
        night.told().await,
        ("2026-03-28T20:30:00Z".to_owned(), "first".to_owned())
    );
    night.until("2026-03-29T01:10:00Z").await;
    let over = Alert {
        state: AlertState::Resolved,
        resolved: Some((night.now(), ResolveCause::Condition)),
        ..began
    };
    let new = firing("2", night.now());
    night.outlet.put_all(vec![rule([over, new])]);
    assert_eq!(
        night.told().await,
        ("2026-03-29T04:00:00Z".to_owned(), "changed".to_owned())
    );
}
