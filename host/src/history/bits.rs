//! Numbers in few bytes: varints, zigzag, and packing at a fixed width. Pure; reading never trusts what it reads.

/// Appends an unsigned number, seven bits a byte, lowest first.
pub(super) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Small numbers of either sign become small unsigned ones.
pub(super) const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// The way back.
pub(super) const fn unzigzag(number: u64) -> i64 {
    ((number >> 1) as i64) ^ -((number & 1) as i64)
}

/// Bits that the largest of them needs; 0 when all are 0.
pub(super) fn width(numbers: &[u64]) -> u32 {
    u64::BITS - numbers.iter().fold(0, |all, number| all | number).leading_zeros()
}

/// Bytes that `count` numbers of `width` bits take.
pub(super) const fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// Appends the lowest `width` bits of each, without gaps, lowest bit first.
pub(super) fn pack(numbers: &[u64], width: u32, out: &mut Vec<u8>) {
    let mut held: u128 = 0;
    let mut bits = 0;
    for &number in numbers {
        held |= u128::from(number) << bits;
        bits += width;
        while bits >= 8 {
            out.push(held as u8);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(held as u8);
    }
}

/// A place in bytes that somebody else may have written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'b> {
    pub(super) rest: &'b [u8],
}

impl<'b> Cursor<'b> {
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A varint that counts something in memory.
    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }

    /// What [`pack`] wrote, into the whole of `out`. `width` above 64 is refused.
    pub(super) fn unpack(&mut self, width: u32, out: &mut [u64]) -> Option<()> {
        if width > u64::BITS {
            return None;
        }
        let bytes = self.take(packed_bytes(out.len(), width))?;
        let mask = if width == u64::BITS { u64::MAX } else { (1 << width) - 1 };
        let mut next = bytes.iter();
        let mut held: u128 = 0;
        let mut bits = 0;
        for number in out {
            while bits < width {
                held |= u128::from(*next.next()?) << bits;
                bits += 8;
            }
            *number = held as u64 & mask;
            held >>= width;
            bits -= width;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(number: u64, signed: i64) {
            let mut out = Vec::new();
            put_varint(number, &mut out);
            let mut cursor = Cursor::new(&out);
            prop_assert_eq!(cursor.varint(), Some(number));
            prop_assert!(cursor.rest.is_empty());
            prop_assert_eq!(unzigzag(zigzag(signed)), signed);
        }

        #[test]
        fn packed_numbers_come_back(numbers in prop::collection::vec(any::<u64>(), 0..40), shift in 0_u32..64) {
            let numbers: Vec<u64> = numbers.iter().map(|number| number >> shift).collect();
            let width = width(&numbers);
            let mut out = Vec::new();
            pack(&numbers, width, &mut out);
            prop_assert_eq!(out.len(), packed_bytes(numbers.len(), width));
            let mut back = vec![0; numbers.len()];
            prop_assert!(Cursor::new(&out).unpack(width, &mut back).is_some());
            prop_assert_eq!(back, numbers);
        }

        #[test]
        fn what_is_cut_off_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..8), width in 0_u32..200) {
            let mut out = [0; 9];
            let whole = width <= 64 && packed_bytes(9, width) <= bytes.len();
            prop_assert_eq!(Cursor::new(&bytes).unpack(width, &mut out).is_some(), whole);
        }
    }
}
