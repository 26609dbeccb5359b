//! How long to wait after an attempt that came to nothing. Pure.
//!
//! Flows in: how often it failed, what the receiver asked for, a seed. Flows out: a span with its reason. The jitter comes from
//! the seed alone, so the same message waits the same on every replay, and two that failed together do not come back together.

use std::time::Duration;

/// After the first failure: most failures are a restart of the other side, over in a moment.
pub const FIRST: Duration = Duration::from_secs(1);

/// Longest wait of our own accord: a receiver that was away for hours hears within this of its return.
pub const LONGEST: Duration = Duration::from_secs(300);

/// Longest wait that a receiver may ask for. One that asks for a day has a misconfigured clock more often than a reason.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// Jitter takes at most this share away: the wait is between half and the whole.
const JITTER_SHARE: u64 = 2;

/// Doublings after which [`LONGEST`] is reached whatever [`FIRST`] is; more would overflow.
const DOUBLINGS_MAX: u32 = 20;

/// Why it is this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitReason {
    /// Longer with every failure.
    Backoff,
    /// The receiver said when.
    RetryAfter,
}

impl WaitReason {
    /// As in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backoff => "backoff",
            Self::RetryAfter => "retry_after",
        }
    }
}

/// How long, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// From the end of the attempt.
    pub span: Duration,
    /// See [`WaitReason`].
    pub reason: WaitReason,
}

/// After `failures` in a row, the last of which is this one (zero counts as one). `asked`: the receiver's `Retry-After`.
pub fn wait(failures: u32, asked: Option<Duration>, seed: u64) -> Wait {
    let doublings = failures.saturating_sub(1).min(DOUBLINGS_MAX);
    let whole = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let own = whole - whole.mul_f64(fraction(seed, failures) / JITTER_SHARE as f64);
    match asked.map(|asked| asked.min(RETRY_AFTER_MAX)) {
        // Never before it asked for, and those that were asked together a little apart.
        Some(asked) if asked >= own => Wait {
            span: asked + FIRST.mul_f64(fraction(seed, failures)),
            reason: WaitReason::RetryAfter,
        },
        Some(_) | None => Wait {
            span: own,
            reason: WaitReason::Backoff,
        },
    }
}

/// Between 0 and 1, from a seed and a count (SplitMix64).
fn fraction(seed: u64, count: u32) -> f64 {
    let mut mixed = seed.wrapping_add(u64::from(count).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

/// What seeds the jitter of something with a name: FNV-1a.
pub fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_is_between_half_and_the_whole_of_what_doubles(failures in 1_u32..10_000, seed: u64) {
            let whole = FIRST.saturating_mul(1 << (failures - 1).min(DOUBLINGS_MAX)).min(LONGEST);
            let wait = wait(failures, None, seed);
            prop_assert!(wait.span >= whole / 2 && wait.span <= whole, "{wait:?}");
            prop_assert_eq!(wait.reason, WaitReason::Backoff);
        }

        #[test]
        fn nobody_is_asked_before_they_said(failures in 0_u32..50, asked in 0_u64..3_600, seed: u64) {
            let asked = Duration::from_secs(asked);
            prop_assert!(wait(failures, Some(asked), seed).span >= asked);
        }
    }

    #[test]
    fn the_same_seed_waits_the_same_and_others_apart() {
        assert_eq!(wait(5, None, seed("a")), wait(5, None, seed("a")));
        let spans: std::collections::BTreeSet<_> = (0..100).map(|seed| wait(5, None, seed).span).collect();
        assert_eq!(spans.len(), 100);
    }

    #[test]
    fn a_receiver_that_asks_for_a_day_is_asked_again_within_the_hour() {
        let wait = wait(1, Some(Duration::from_secs(86_400)), 7);
        assert!(wait.span <= RETRY_AFTER_MAX + FIRST);
        assert_eq!(wait.reason, WaitReason::RetryAfter);
    }

    #[test]
    fn a_retry_after_of_nothing_does_not_make_a_storm() {
        assert!(wait(8, Some(Duration::ZERO), 7).span >= Duration::from_secs(60));
    }
}
