//! What the other sides of forwarders do not take for a while, told to those who send it. Pure.
//!
//! An SDK that knows it sends nothing of the kind meanwhile. Errors and transactions are asked for all the same: this host counts them
//! and tells of new crashes itself, and would see nothing while a quota elsewhere is spent.

use crate::clock::Timestamp;

/// Categories that are never told as limited: measurements and crashes are made from them.
const NEEDED_HERE: [&str; 3] = ["error", "default", "transaction"];

/// Those that can be told instead of a limit on everything.
const OTHERS: [&str; 9] = [
    "span",
    "monitor",
    "session",
    "attachment",
    "log_item",
    "trace_metric",
    "profile",
    "replay",
    "feedback",
];

/// A limit on what one receiver is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// As Sentry calls it; "" for everything.
    pub category: String,
    /// How long.
    pub until: Timestamp,
}

/// For `X-Sentry-Rate-Limits`, of the limits of each receiver. What one receiver takes is not limited.
pub fn header(receivers: &[Vec<Upstream>], now: Timestamp) -> Option<String> {
    let limits = OTHERS.into_iter().filter_map(|category| {
        let each = receivers.iter().map(|limits| left(limits, category, now));
        let shortest = each.min().filter(|seconds| *seconds > 0)?;
        Some(format!("{shortest}:{category}:organization:upstream"))
    });
    let limits: Vec<String> = limits.collect();
    (!limits.is_empty()).then(|| limits.join(", "))
}

/// For how many seconds more; 0: it is taken.
fn left(limits: &[Upstream], category: &str, now: Timestamp) -> u64 {
    debug_assert!(!NEEDED_HERE.contains(&category), "{category} is needed here");
    let of_category = limits
        .iter()
        .filter(|limit| limit.category.is_empty() || limit.category == category);
    let until = of_category.map(|limit| limit.until).max();
    until.map_or(0, |until| until.since(now).as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn limit(category: &str, seconds: u64) -> Upstream {
        Upstream {
            category: category.to_owned(),
            until: NOW + Duration::from_secs(seconds),
        }
    }

    #[test]
    fn what_nobody_takes_need_not_be_sent() {
        let one = vec![limit("session", 60), limit("replay", 10)];
        let said = header(std::slice::from_ref(&one), NOW);
        assert_eq!(
            said.as_deref(),
            Some("60:session:organization:upstream, 10:replay:organization:upstream")
        );
        let other = vec![limit("session", 30)];
        let said = header(&[one, other], NOW);
        assert_eq!(said.as_deref(), Some("30:session:organization:upstream"));
        assert_eq!(header(&[], NOW), None);
        assert_eq!(header(&[vec![limit("session", 0)]], NOW), None, "it is over");
    }

    #[test]
    fn what_this_host_needs_itself_is_asked_for_all_the_same() {
        assert_eq!(header(&[vec![limit("error", 60), limit("transaction", 60)]], NOW), None);
        let said = header(&[vec![limit("", 60)]], NOW).expect("limits");
        assert!(
            said.contains("60:session:") && !said.contains("error") && !said.contains("transaction"),
            "{said}"
        );
    }
}
