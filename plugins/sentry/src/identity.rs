//! Identities of what is sent, the same on every attempt.

use bellwether_sdk::text;

/// Sixteen hexadecimal digits, and a place between all others for a choice. A digest keeps what its text ends with in few of its digits,
/// so a part of it would not tell `web-1` and `web-2` apart: here every digit depends on all of the text.
pub(crate) fn scattered(text: &str) -> u64 {
    // The finish of MurmurHash3, whose purpose this is.
    const FIRST: u64 = 0xff51_afd7_ed55_8ccd;
    const SECOND: u64 = 0xc4ce_b9fe_1a85_ec53;
    let digest = u128::from_str_radix(&text::digest(text), 16).unwrap_or(0);
    let mut hash = (digest >> 64) as u64 ^ (digest as u64).rotate_left(32);
    for factor in [FIRST, SECOND] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
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
