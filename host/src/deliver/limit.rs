//! How often a receiver may be sent something. Pure.
//!
//! Flows in: limits of a kind of receiver, moments at which something was sent. Flows out: how long to wait. A limit counts
//! over a window that slides: no moment sees more than the limit in the span before it.

use std::{collections::VecDeque, time::Duration};

use crate::clock::Instant;

/// At most so many in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Zero is taken for one: a receiver that may be sent nothing is no receiver.
    pub messages: u32,
    /// Over this span.
    pub per: Duration,
}

impl RateLimit {
    /// At most `messages` in `seconds`.
    pub const fn new(messages: u32, seconds: u64) -> Self {
        Self {
            messages,
            per: Duration::from_secs(seconds),
        }
    }
}

/// Slack takes about one message a second per channel (Slack API documentation, "Rate limits": incoming webhooks and
/// `chat.postMessage`).
pub const SLACK: &[RateLimit] = &[RateLimit::new(1, 1)];

/// Webhooks of Discord: five in two seconds and thirty a minute, as seen in its `X-RateLimit` headers; the documentation names no
/// numbers and 10,000 refusals in ten minutes ban the address.
pub const DISCORD: &[RateLimit] = &[RateLimit::new(5, 2), RateLimit::new(30, 60)];

/// PagerDuty's Events API v2: about 120 events a minute per integration key ("Events API v2 overview", rate limiting).
pub const PAGERDUTY: &[RateLimit] = &[RateLimit::new(120, 60)];

/// Teams: four requests a second per webhook (Microsoft Learn, "Rate limiting for connectors").
pub const TEAMS: &[RateLimit] = &[RateLimit::new(4, 1)];

/// Mail servers: no standard says; a message a second is below what any counts as a flood, and nobody reads more.
pub const EMAIL: &[RateLimit] = &[RateLimit::new(60, 60)];

/// Servers of one's own have no limit but how fast they answer.
pub const NONE: &[RateLimit] = &[];

/// Of a kind of receiver, by the plugin's name or the built-in's.
pub fn of_kind(kind: &str) -> &'static [RateLimit] {
    match kind {
        "slack" => SLACK,
        "discord" => DISCORD,
        "pagerduty" => PAGERDUTY,
        "teams" => TEAMS,
        "email" => EMAIL,
        _ => NONE,
    }
}

/// Counts what one receiver was sent.
#[derive(Clone, Debug)]
pub struct Meter {
    limits: Vec<RateLimit>,
    /// The newest at the back; never more than the largest limit.
    sent: VecDeque<Instant>,
}

impl Meter {
    /// Of a receiver that was sent nothing yet.
    pub fn new(limits: &[RateLimit]) -> Self {
        Self {
            limits: limits.to_vec(),
            sent: VecDeque::new(),
        }
    }

    /// How long until the next one may go out. Zero: now.
    pub fn wait(&self, now: Instant) -> Duration {
        let each = self.limits.iter().filter_map(|limit| {
            let back = self.sent.len().checked_sub(limit.messages.max(1) as usize)?;
            Some((self.sent[back] + limit.per).saturating_duration_since(now))
        });
        each.max().unwrap_or_default()
    }

    /// One goes out.
    pub fn take(&mut self, now: Instant) {
        let most = self.limits.iter().map(|limit| limit.messages.max(1)).max().unwrap_or(0) as usize;
        self.sent.push_back(now);
        while self.sent.len() > most {
            self.sent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn both_windows_of_discord_are_kept() {
        let start = Clock::system().monotonic();
        let mut meter = Meter::new(DISCORD);
        let mut now = start;
        let mut sent = Vec::new();
        for _ in 0..40 {
            now += meter.wait(now);
            meter.take(now);
            sent.push((now - start).as_secs());
        }
        assert_eq!(sent[..5], [0; 5]);
        assert_eq!(sent[5], 2);
        assert_eq!(sent[29], 10);
        assert_eq!(sent[30], 60);
    }

    #[test]
    fn without_limits_nobody_waits_and_nothing_is_kept() {
        let now = Clock::system().monotonic();
        let mut meter = Meter::new(NONE);
        (0..10).for_each(|_| meter.take(now));
        assert_eq!(meter.wait(now), Duration::ZERO);
        assert!(meter.sent.is_empty());
    }

    proptest! {
        #[test]
        fn no_window_ever_sees_more_than_the_limit(
            pauses in proptest::collection::vec(0_u64..3_000, 1..80), most in 1_u32..6, seconds in 1_u64..5,
        ) {
            let limit = RateLimit::new(most, seconds);
            let mut meter = Meter::new(&[limit]);
            let mut now = Clock::system().monotonic();
            let mut sent: Vec<Instant> = Vec::new();
            for pause in pauses {
                now += Duration::from_millis(pause);
                now += meter.wait(now);
                meter.take(now);
                sent.push(now);
                let within = sent.iter().filter(|at| now - **at < limit.per).count();
                prop_assert!(within <= most as usize);
            }
        }
    }
}
