//! Sixteen values in few bytes. Pure.
//!
//! Flows in: the values of one series at sixteen ticks in a row, and the value before them. Flows out: bytes from which the
//! same bits come back, whatever they are: NaNs with their payloads, both zeros, infinities. Missing values are
//! [stale markers](bellwether_promql::value::is_stale) and cost one bit each.
//!
//! Four forms, of which the shortest that fits is taken:
//!
//! - all are the value before them: one byte;
//! - all are one other value;
//! - decimals: what people and counters report are numbers with few digits. `42.37` is 4237 hundredths, and neighbours
//!   differ by little, as whole numbers. (Formats that compare bits, as Gorilla does, find no such likeness: 42.37 and 42.38
//!   share a dozen of 64 bits.) Division of a whole number by a power of ten is rounded correctly, so the same float
//!   comes back; this is tried for each value before the form is taken;
//! - bits: differences of the floats' bits as whole numbers, without the zeros that all of them end with.

use bellwether_promql::value::{is_stale, stale_marker};

use super::bits::{Cursor, pack, packed_bytes, put_varint, unzigzag, width, zigzag};

/// Values in a block.
pub(super) const BLOCK: usize = 16;

/// The two lowest bits of a block's first byte.
const KIND: u8 = 0b11;
const SAME: u8 = 0;
const CONSTANT: u8 = 1;
const DECIMAL: u8 = 2;
const BITS: u8 = 3;
/// Which are missing stands in the next two bytes.
const MASKED: u8 = 1 << 2;
/// SAME: all are missing. CONSTANT: the value is raw bits. DECIMAL: distances from the least value, not differences.
const VARIANT: u8 = 1 << 3;
/// Above them stands the number of decimal places.
const PLACES_SHIFT: u32 = 4;
/// In the byte of a width, which is 64 at most: the numbers are to be multiplied.
const DIVIDED: u8 = 1 << 7;

/// Most decimal places that are tried: four bits.
const PLACES_MAX: usize = 15;
const POWERS: [f64; PLACES_MAX + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];
/// Below this every whole number has a float of its own.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// `value` as a whole number of decimal units, when that gives the same float back.
fn whole(value: f64, places: usize) -> Option<i64> {
    let scaled = (value * POWERS[places]).round();
    if scaled.is_nan() || scaled.abs() >= WHOLE_MAX {
        return None;
    }
    let number = scaled as i64;
    (of_whole(number, places).to_bits() == value.to_bits()).then_some(number)
}

fn of_whole(number: i64, places: usize) -> f64 {
    number as f64 / POWERS[places]
}

/// Values that are there, and which are not.
struct Present {
    values: [f64; BLOCK],
    count: usize,
    /// A bit for each that is missing.
    missing: u16,
}

impl Present {
    fn of(values: &[f64; BLOCK]) -> Self {
        let mut present = Self {
            values: [0.0; BLOCK],
            count: 0,
            missing: 0,
        };
        for (at, &value) in values.iter().enumerate() {
            if is_stale(value) {
                present.missing |= 1 << at;
            } else {
                present.values[present.count] = value;
                present.count += 1;
            }
        }
        present
    }

    fn values(&self) -> &[f64] {
        &self.values[..self.count]
    }
}

fn same(one: f64, other: f64) -> bool {
    one.to_bits() == other.to_bits()
}

/// Appends a block. `before` is the last value that is there before it, if the reader will know it.
pub(super) fn encode(values: &[f64; BLOCK], before: Option<f64>, out: &mut Vec<u8>) {
    let present = Present::of(values);
    let Some((&first, others)) = present.values().split_first() else {
        out.push(SAME | VARIANT);
        return;
    };
    let masked = if present.missing == 0 { 0 } else { MASKED };
    let head = |kind: u8, out: &mut Vec<u8>| {
        out.push(kind | masked);
        if masked != 0 {
            out.extend_from_slice(&present.missing.to_le_bytes());
        }
    };
    if others.iter().all(|other| same(*other, first)) {
        if before.is_some_and(|before| same(before, first)) {
            return head(SAME, out);
        }
        return constant(first, head, out);
    }
    match Decimals::of(present.values(), before) {
        Some(decimals) => decimals.encode(head, out),
        None => {
            head(BITS, out);
            encode_bits(present.values(), before, out);
        }
    }
}

fn constant(value: f64, head: impl Fn(u8, &mut Vec<u8>), out: &mut Vec<u8>) {
    let decimal = (0..=PLACES_MAX).find_map(|places| Some((places, whole(value, places)?)));
    match decimal {
        Some((places, number)) => {
            head(CONSTANT | (places as u8) << PLACES_SHIFT, out);
            put_varint(zigzag(number), out);
        }
        None => {
            head(CONSTANT | VARIANT, out);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
    }
}

/// Values as whole numbers, with the shorter of two ways to write their differences.
struct Decimals {
    places: usize,
    /// What the first number of the block is relative to.
    base: i64,
    numbers: [i64; BLOCK],
    count: usize,
}

impl Decimals {
    fn of(values: &[f64], before: Option<f64>) -> Option<Self> {
        let mut numbers = [0; BLOCK];
        let mut places = 0;
        // The fewest places that all have: a value that needs more has those before it looked at again.
        let mut at = 0;
        while at < values.len() {
            match whole(values[at], places) {
                Some(number) => {
                    numbers[at] = number;
                    at += 1;
                }
                None if places < PLACES_MAX => {
                    places += 1;
                    at = 0;
                }
                None => return None,
            }
        }
        Some(Self {
            places,
            base: base(before, places),
            numbers,
            count: values.len(),
        })
    }

    fn numbers(&self) -> &[i64] {
        &self.numbers[..self.count]
    }

    fn encode(&self, head: impl Fn(u8, &mut Vec<u8>), out: &mut Vec<u8>) {
        let kind = DECIMAL | (self.places as u8) << PLACES_SHIFT;
        let numbers = self.numbers();
        let mut differences = [0; BLOCK];
        for (difference, pair) in differences.iter_mut().zip(numbers.windows(2)) {
            *difference = pair[1] - pair[0];
        }
        let (least_step, steps) = distances(&differences[..numbers.len() - 1]);
        let (least, levels) = distances(numbers);
        let (steps, levels) = (&steps[..numbers.len() - 1], &levels[..numbers.len()]);
        let cost = |numbers: &[u64]| packed_bytes(numbers.len(), width(numbers));
        if cost(levels) <= cost(steps) {
            head(kind | VARIANT, out);
            put_varint(zigzag(least - self.base), out);
            put_divided(levels, out);
        } else {
            head(kind, out);
            put_varint(zigzag(numbers[0] - self.base), out);
            put_varint(zigzag(least_step), out);
            put_divided(steps, out);
        }
    }
}

/// The value before a block in its units, or zero. Reader and writer must agree, so both ask here.
fn base(before: Option<f64>, places: usize) -> i64 {
    before.and_then(|before| whole(before, places)).unwrap_or(0)
}

/// The least, and how far each is above it.
fn distances(numbers: &[i64]) -> (i64, [u64; BLOCK]) {
    let least = numbers.iter().copied().min().unwrap_or(0);
    let mut out = [0; BLOCK];
    for (distance, number) in out.iter_mut().zip(numbers) {
        *distance = number.abs_diff(least);
    }
    (least, out)
}

fn put_packed(numbers: &[u64], out: &mut Vec<u8>) {
    let width = width(numbers);
    out.push(width as u8);
    pack(numbers, width, out);
}

/// Bytes of memory come in pages, and much else in steps: what all are a multiple of is written once, when that is shorter.
fn put_divided(numbers: &[u64], out: &mut Vec<u8>) {
    let divisor = numbers.iter().fold(0, |all, number| gcd(all, *number)).max(1);
    let mut divided = [0; BLOCK];
    for (divided, number) in divided.iter_mut().zip(numbers) {
        *divided = number / divisor;
    }
    let divided = &divided[..numbers.len()];
    let (long, short) = (width(numbers), width(divided));
    // A varint has a byte for each seven bits.
    let more = (width(&[divisor]) as usize).div_ceil(7);
    if packed_bytes(numbers.len(), short) + more < packed_bytes(numbers.len(), long) {
        out.push(short as u8 | DIVIDED);
        put_varint(divisor, out);
        pack(divided, short, out);
    } else {
        put_packed(numbers, out);
    }
}

/// What [`put_divided`] wrote.
fn take_divided(cursor: &mut Cursor<'_>, out: &mut [u64]) -> Option<()> {
    let width = cursor.byte()?;
    if width & DIVIDED == 0 {
        return cursor.unpack(u32::from(width), out);
    }
    let divisor = cursor.varint()?;
    cursor.unpack(u32::from(width & !DIVIDED), out)?;
    out.iter_mut().for_each(|number| *number = number.wrapping_mul(divisor));
    Some(())
}

fn gcd(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        // Most divisors are found to be 1 after a few steps.
        (one, other) = (other, one % other);
    }
    one
}

fn encode_bits(values: &[f64], before: Option<f64>, out: &mut Vec<u8>) {
    let mut last = match before {
        Some(before) => before.to_bits(),
        None => {
            out.extend_from_slice(&values[0].to_bits().to_le_bytes());
            values[0].to_bits()
        }
    };
    let rest = if before.is_some() { values } else { &values[1..] };
    let mut differences = [0; BLOCK];
    for (difference, value) in differences.iter_mut().zip(rest) {
        *difference = value.to_bits().wrapping_sub(last);
        last = value.to_bits();
    }
    let differences = &mut differences[..rest.len()];
    let zeros = differences.iter().fold(0, |all, one| all | *one).trailing_zeros() % u64::BITS;
    for difference in differences.iter_mut() {
        *difference = zigzag(*difference as i64 >> zeros);
    }
    out.push(zeros as u8);
    put_packed(differences, out);
}

/// Reads a block that [`encode`] wrote with the same `before`. `None`: nothing that it can have written.
pub(super) fn decode(cursor: &mut Cursor<'_>, before: Option<f64>) -> Option<[f64; BLOCK]> {
    let head = cursor.byte()?;
    if head == SAME | VARIANT {
        return Some([stale_marker(); BLOCK]);
    }
    let missing = if head & MASKED == 0 { 0 } else { cursor.u16()? };
    let count = BLOCK - missing.count_ones() as usize;
    let mut values = [0.0; BLOCK];
    let present = &mut values[..count];
    match head & KIND {
        SAME => present.fill(before?),
        CONSTANT => present.fill(decode_constant(cursor, head)?),
        DECIMAL => decode_decimals(cursor, head, before, present)?,
        _ => decode_bits(cursor, before, present)?,
    }
    Some(spread(&values, missing))
}

/// Puts the values that are there where they belong.
fn spread(present: &[f64; BLOCK], missing: u16) -> [f64; BLOCK] {
    if missing == 0 {
        return *present;
    }
    let mut next = present.iter();
    let mut out = [stale_marker(); BLOCK];
    for (at, value) in out.iter_mut().enumerate() {
        if missing & 1 << at == 0 {
            *value = next.next().copied().unwrap_or_else(stale_marker);
        }
    }
    out
}

fn decode_constant(cursor: &mut Cursor<'_>, head: u8) -> Option<f64> {
    if head & VARIANT != 0 {
        return cursor.u64().map(f64::from_bits);
    }
    let places = usize::from(head >> PLACES_SHIFT);
    Some(of_whole(unzigzag(cursor.varint()?), places))
}

fn decode_decimals(cursor: &mut Cursor<'_>, head: u8, before: Option<f64>, out: &mut [f64]) -> Option<()> {
    let places = usize::from(head >> PLACES_SHIFT);
    let first = base(before, places).wrapping_add(unzigzag(cursor.varint()?));
    let mut packed = [0; BLOCK];
    if head & VARIANT != 0 {
        take_divided(cursor, packed.get_mut(..out.len())?)?;
        for (value, distance) in out.iter_mut().zip(packed) {
            *value = of_whole(first.wrapping_add_unsigned(distance), places);
        }
        return Some(());
    }
    let least = unzigzag(cursor.varint()?);
    take_divided(cursor, packed.get_mut(..out.len().checked_sub(1)?)?)?;
    let mut number = first;
    let (first, others) = out.split_first_mut()?;
    *first = of_whole(number, places);
    for (value, step) in others.iter_mut().zip(packed) {
        number = number.wrapping_add(least).wrapping_add_unsigned(step);
        *value = of_whole(number, places);
    }
    Some(())
}

fn decode_bits(cursor: &mut Cursor<'_>, before: Option<f64>, out: &mut [f64]) -> Option<()> {
    let (mut last, out) = match before {
        Some(before) => (before.to_bits(), out),
        None => {
            let (first, rest) = out.split_first_mut()?;
            *first = f64::from_bits(cursor.u64()?);
            (first.to_bits(), rest)
        }
    };
    let zeros = u32::from(cursor.byte()?);
    let width = u32::from(cursor.byte()?);
    let mut packed = [0; BLOCK];
    cursor.unpack(width, &mut packed[..out.len()])?;
    for (value, difference) in out.iter_mut().zip(packed) {
        last = last.wrapping_add(unzigzag(difference).checked_shl(zeros)? as u64);
        *value = f64::from_bits(last);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bits(values: &[f64; BLOCK]) -> [u64; BLOCK] {
        values.map(f64::to_bits)
    }

    /// How many bytes it took, after it came back.
    fn round_trip(values: &[f64; BLOCK], before: Option<f64>) -> usize {
        let mut out = Vec::new();
        encode(values, before, &mut out);
        let mut cursor = Cursor::new(&out);
        let back = decode(&mut cursor, before).expect("what was written is read");
        assert_eq!(bits(&back), bits(values), "{values:?} after {before:?}");
        assert!(cursor.rest.is_empty());
        out.len()
    }

    fn from(value: impl Fn(usize) -> f64) -> [f64; BLOCK] {
        std::array::from_fn(value)
    }

    #[test]
    fn a_constant_costs_one_byte() {
        assert_eq!(round_trip(&[42.5; BLOCK], Some(42.5)), 1);
        assert!(round_trip(&[42.5; BLOCK], None) <= 4);
        assert_eq!(round_trip(&[stale_marker(); BLOCK], Some(1.0)), 1);
    }

    #[test]
    fn decimals_cost_what_their_digits_differ() {
        // A rise of 0.01 to 0.16: five bits each.
        let steps = from(|at| (4237 + at as i64 * 5 % 7) as f64 / 100.0);
        assert!(round_trip(&steps, Some(42.37)) <= 12);
        let steady = from(|at| 1e9 + at as f64 * 250.0);
        assert!(round_trip(&steady, Some(1e9 - 250.0)) <= 8);
    }

    #[test]
    fn a_missing_value_costs_no_more_than_its_mark() {
        let mut values = from(|at| at as f64);
        let whole = round_trip(&values, Some(0.0));
        values[3] = stale_marker();
        assert!(round_trip(&values, Some(0.0)) <= whole + 2 + BLOCK / 8);
    }

    #[test]
    fn floats_that_are_no_decimals_come_back_as_well() {
        for odd in [
            f64::NAN,
            -f64::NAN,
            f64::from_bits(0x7ff8_0000_dead_beef),
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            f64::MIN_POSITIVE,
            f64::from_bits(1),
            f64::MAX,
            f64::MIN,
            1.0 / 3.0,
            1e300,
        ] {
            round_trip(&[odd; BLOCK], None);
            round_trip(&[odd; BLOCK], Some(odd));
            for before in [None, Some(0.0), Some(odd), Some(f64::NAN), Some(0.1)] {
                round_trip(&from(|at| if at % 3 == 0 { odd } else { at as f64 }), before);
                round_trip(&from(|at| if at == 0 { 0.25 } else { odd }), before);
            }
        }
    }

    prop_compose! {
        fn any_value()(kind in 0..6, bits: u64, small in -10_000_i64..10_000, places in 0_usize..4) -> f64 {
            match kind {
                0 => f64::from_bits(bits),
                1 => stale_marker(),
                2 => bits as f64,
                3 => f64::from(bits as f32),
                _ => small as f64 / POWERS[places],
            }
        }
    }

    proptest! {
        #[test]
        fn any_bits_come_back(values: [u64; BLOCK], before: Option<u64>) {
            round_trip(&values.map(f64::from_bits), before.map(f64::from_bits));
        }

        #[test]
        fn any_mixture_comes_back(values in prop::array::uniform16(any_value()), before in prop::option::of(any_value())) {
            round_trip(&values, before.filter(|before| !is_stale(*before)));
        }

        #[test]
        fn nothing_that_is_read_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), before: Option<f64>) {
            let _ = decode(&mut Cursor::new(&bytes), before);
        }
    }
}
