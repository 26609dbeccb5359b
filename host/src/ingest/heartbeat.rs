//! Heartbeats: something outside says that it lives, or that it has finished, and is missed when it does not. Pure.
//!
//! Flows in: what is expected, beats, and the time. Flows out: a state with a reason, and the samples and the verdict that rules and
//! people read it by. It restores what it is given after a restart; during which nothing could be heard, so that is no lateness.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    config,
    outcome::{Status, Verdict},
};

/// What `[heartbeat.NAME]` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Between two beats.
    pub interval: Duration,
    /// How much later one may come.
    pub grace: Duration,
}

impl From<&config::Heartbeat> for Expectation {
    fn from(heartbeat: &config::Heartbeat) -> Self {
        Self {
            interval: heartbeat.interval,
            grace: heartbeat.grace,
        }
    }
}

impl Expectation {
    const fn patience(self) -> Duration {
        self.interval.saturating_add(self.grace)
    }
}

/// How a heartbeat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeartbeatState {
    /// Nothing came yet, and it is too early to miss it.
    Waiting,
    /// The last beat is recent enough, and was good.
    Ok,
    /// The last beat said itself that something failed.
    Failed,
    /// One was due, and the grace is over.
    Late,
}

impl HeartbeatState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Ok, Self::Failed, Self::Late];

    /// As a label and a verdict's code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Late => "late",
        }
    }
}

/// What is known of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Since when it is listened for: the start of the host, or when it was configured.
    since: Timestamp,
    last: Option<Beat>,
    /// Since the start of the host.
    count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Beat {
    at: Timestamp,
    is_good: bool,
}

impl Heartbeat {
    /// One that is listened for from now on.
    pub const fn new(now: Timestamp) -> Self {
        Self {
            since: now,
            last: None,
            count: 0,
        }
    }

    /// One whose last beat was heard before a restart.
    pub const fn restored(now: Timestamp, last_at: Timestamp, was_good: bool) -> Self {
        Self {
            since: now,
            last: Some(Beat {
                at: last_at,
                is_good: was_good,
            }),
            count: 0,
        }
    }

    /// Somebody says that it lives (`is_good`), or that what it does has failed.
    pub fn beat(&mut self, is_good: bool, now: Timestamp) {
        self.last = Some(Beat { at: now, is_good });
        self.count += 1;
    }

    /// When the last one came, also before a restart, and whether it was good.
    pub fn last(&self) -> Option<(Timestamp, bool)> {
        self.last.map(|beat| (beat.at, beat.is_good))
    }

    /// Beats since the start of the host.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// When it is late, if nothing more comes. After a start the host first listens for as long as a beat may take.
    pub fn due(&self, expected: Expectation) -> Timestamp {
        let from = self.last.map_or(self.since, |beat| beat.at.max(self.since));
        let patience = u64::try_from(expected.patience().as_nanos()).unwrap_or(u64::MAX);
        Timestamp::from_nanos(from.as_nanos().saturating_add(patience))
    }

    /// How it is now.
    pub fn state(&self, expected: Expectation, now: Timestamp) -> HeartbeatState {
        match self.last {
            _ if now > self.due(expected) => HeartbeatState::Late,
            None => HeartbeatState::Waiting,
            Some(beat) if !beat.is_good => HeartbeatState::Failed,
            Some(_) => HeartbeatState::Ok,
        }
    }

    /// Nothing could be heard until now, so nothing is late for that: the host stood still, or somebody expects something else.
    pub fn listen_anew(&mut self, now: Timestamp) {
        self.since = now;
    }

    /// As a person and `bellwether_check_status` see it. Times in it do not age, so that it stays right until the state changes.
    pub fn verdict(&self, description: &str, expected: Expectation, now: Timestamp) -> Verdict {
        let state = self.state(expected, now);
        let heard = self
            .last
            .map_or("never heard".to_owned(), |beat| format!("last heard {}", beat.at));
        let (status, said) = match state {
            HeartbeatState::Waiting => (Status::Unknown, "waiting for the first heartbeat".to_owned()),
            HeartbeatState::Ok => (Status::Ok, heard),
            HeartbeatState::Failed => (Status::Critical, format!("reported a failure, {heard}")),
            HeartbeatState::Late => {
                let every = span(expected.interval);
                (Status::Critical, format!("{heard}; expected every {every}"))
            }
        };
        let is_ok = status == Status::Ok;
        let about = if description.is_empty() {
            said
        } else {
            format!("{description}: {said}")
        };
        Verdict {
            target: "".into(),
            status,
            code: if is_ok {
                String::new()
            } else {
                state.as_str().to_owned()
            },
            summary: about,
            latency: None,
            details: Vec::new(),
        }
    }
}

/// The largest unit that says enough.
fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOURLY: Expectation = Expectation {
        interval: Duration::from_secs(3_600),
        grace: Duration::from_secs(600),
    };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000 + seconds)
    }

    #[test]
    fn it_is_waited_for_then_good_then_missed_and_good_again() {
        let mut heartbeat = Heartbeat::new(at(0));
        let state = |heartbeat: &Heartbeat, second| heartbeat.state(HOURLY, at(second));
        assert_eq!(state(&heartbeat, 4_200), HeartbeatState::Waiting);
        assert_eq!(
            state(&heartbeat, 4_201),
            HeartbeatState::Late,
            "one that never came is missed too"
        );
        heartbeat.beat(true, at(5_000));
        assert_eq!(
            state(&heartbeat, 9_200),
            HeartbeatState::Ok,
            "the last moment of the grace"
        );
        assert_eq!(state(&heartbeat, 9_201), HeartbeatState::Late);
        heartbeat.beat(true, at(10_000));
        assert_eq!(state(&heartbeat, 10_000), HeartbeatState::Ok);
        assert_eq!((heartbeat.count(), heartbeat.last()), (2, Some((at(10_000), true))));
    }

    #[test]
    fn one_that_reports_a_failure_has_failed_until_it_is_late() {
        let mut heartbeat = Heartbeat::new(at(0));
        heartbeat.beat(false, at(10));
        assert_eq!(heartbeat.state(HOURLY, at(20)), HeartbeatState::Failed);
        assert_eq!(heartbeat.state(HOURLY, at(10_000)), HeartbeatState::Late);
        heartbeat.beat(true, at(10_001));
        assert_eq!(heartbeat.state(HOURLY, at(10_002)), HeartbeatState::Ok);
    }

    #[test]
    fn what_could_not_be_heard_while_the_host_was_down_is_not_late() {
        let heartbeat = Heartbeat::restored(at(100_000), at(0), true);
        assert_eq!(heartbeat.state(HOURLY, at(100_001)), HeartbeatState::Ok);
        assert_eq!(heartbeat.state(HOURLY, at(104_201)), HeartbeatState::Late);
    }

    #[test]
    fn what_could_not_be_heard_while_the_host_stood_still_is_not_late() {
        let mut heartbeat = Heartbeat::new(at(0));
        heartbeat.beat(true, at(0));
        heartbeat.listen_anew(at(50_000));
        assert_eq!(heartbeat.state(HOURLY, at(54_200)), HeartbeatState::Ok);
        assert_eq!(heartbeat.state(HOURLY, at(54_201)), HeartbeatState::Late);
    }

    #[test]
    fn a_clock_that_was_set_back_is_no_lateness() {
        let mut heartbeat = Heartbeat::new(at(10_000));
        heartbeat.beat(true, at(10_000));
        assert_eq!(heartbeat.state(HOURLY, at(0)), HeartbeatState::Ok);
    }

    #[test]
    fn verdicts_say_since_when_and_what_was_expected() {
        let mut heartbeat = Heartbeat::new(at(0));
        let verdict = heartbeat.verdict("nightly import", HOURLY, at(1));
        assert_eq!((verdict.status, verdict.code.as_str()), (Status::Unknown, "waiting"));
        heartbeat.beat(true, at(0));
        assert_eq!(heartbeat.verdict("", HOURLY, at(60)).code, "");
        let late = heartbeat.verdict("nightly import", HOURLY, at(7_200));
        assert_eq!((late.status, late.code.as_str()), (Status::Critical, "late"));
        assert_eq!(
            late.summary,
            "nightly import: last heard 2023-11-14T22:13:20.000Z; expected every 60 min"
        );
    }

    #[test]
    fn expectations_of_any_length_do_not_overflow() {
        let forever = Expectation {
            interval: Duration::MAX,
            grace: Duration::MAX,
        };
        assert_eq!(Heartbeat::new(at(0)).state(forever, at(1)), HeartbeatState::Waiting);
    }
}
