//! What identifies a set of labels in a few bytes, the same in every process and version.

use std::fmt;

use bellwether_promql::labels::Labels;

/// FNV-1a's start and factor for 64 bits.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Between names and values; it is in no UTF-8 text.
const SEPARATOR: u8 = 0xff;

/// A hash of sorted labels, computed as Alertmanager does, so that the same alert has the same fingerprint there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of these labels.
    pub fn of(labels: &Labels) -> Self {
        let mut hash = OFFSET;
        for (name, value) in labels.iter() {
            for text in [name, value] {
                hash = text.bytes().chain([SEPARATOR]).fold(hash, add);
            }
        }
        Self(hash)
    }

    /// The number behind it.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

const fn add(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(PRIME)
}

/// Sixteen hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_those_of_alertmanager() {
        // FNV-1a of nothing, and of `a` 0xff `b` 0xff worked out by hand.
        assert_eq!(Fingerprint::of(&Labels::default()).to_string(), "cbf29ce484222325");
        let by_hand = [b'a', 0xff, b'b', 0xff].into_iter().fold(OFFSET, add);
        assert_eq!(Fingerprint::of(&Labels::new([("a", "b")])).as_u64(), by_hand);
    }

    #[test]
    fn order_does_not_matter_and_borders_do() {
        let one = Fingerprint::of(&Labels::new([("a", "1"), ("b", "2")]));
        assert_eq!(one, Fingerprint::of(&Labels::new([("b", "2"), ("a", "1")])));
        assert_ne!(one, Fingerprint::of(&Labels::new([("a", "12"), ("b", "")])));
        assert_ne!(
            Fingerprint::of(&Labels::new([("ab", "c")])),
            Fingerprint::of(&Labels::new([("a", "bc")]))
        );
    }
}
