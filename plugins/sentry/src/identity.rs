//! Identities of what is sent, the same on every attempt.

use bellwether_sdk::text;

/// Sixteen hexadecimal digits, and a place between all others for a choice.
pub(crate) fn scattered(text: &str) -> u64 {
    // Half of a digest will do.
    (u128::from_str_radix(&text::digest(text), 16).unwrap_or(0) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::scattered;

    #[test]
    fn texts_that_differ_at_their_end_differ_everywhere() {
        let all: Vec<u64> = (0..2_000).map(|number| scattered(&format!("web-{number}"))).collect();
        for shift in [0, 32] {
            let halves: BTreeSet<u32> = all.iter().map(|hash| (hash >> shift) as u32).collect();
            assert_eq!(halves.len(), all.len(), "{shift}");
        }
        let upper = all.iter().filter(|hash| **hash > u64::MAX / 4 * 3).count();
        assert!((400..=600).contains(&upper), "{upper}");
    }
}
