//! Sixteen moments in few bytes: those of a series that is evaluated at a steady interval cost next to nothing. Pure.

use super::{
    bits::{Cursor, pack, put_varint, unzigzag, width, zigzag},
    block::BLOCK,
};

/// Appends ascending moments. `before` is the last one before them, if the reader will know it.
pub(super) fn encode(moments: &[i64; BLOCK], before: Option<i64>, out: &mut Vec<u8>) {
    let (first, others) = moments.split_at(1);
    put_varint(zigzag(first[0].wrapping_sub(before.unwrap_or(0))), out);
    let mut last = first[0];
    let mut steps = [0; BLOCK];
    for (step, &moment) in steps.iter_mut().zip(others) {
        *step = moment.wrapping_sub(last) as u64;
        last = moment;
    }
    let steps = &mut steps[..BLOCK - 1];
    let least = steps.iter().copied().min().unwrap_or(0);
    steps.iter_mut().for_each(|step| *step -= least);
    put_varint(least, out);
    let width = width(steps);
    out.push(width as u8);
    pack(steps, width, out);
}

/// Reads what [`encode`] wrote with the same `before`. `None`: nothing that it can have written.
pub(super) fn decode(cursor: &mut Cursor<'_>, before: Option<i64>) -> Option<[i64; BLOCK]> {
    let first = before.unwrap_or(0).wrapping_add(unzigzag(cursor.varint()?));
    let least = cursor.varint()?;
    let width = u32::from(cursor.byte()?);
    let mut steps = [0; BLOCK - 1];
    cursor.unpack(width, &mut steps)?;
    let mut moments = [first; BLOCK];
    let mut last = first;
    for (moment, step) in moments[1..].iter_mut().zip(steps) {
        last = last.wrapping_add_unsigned(least).wrapping_add_unsigned(step);
        *moment = last;
    }
    Some(moments)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_steady_interval_costs_five_bytes() {
        let moments = std::array::from_fn(|at| 1_700_000_000_000 + at as i64 * 30_000);
        let mut out = Vec::new();
        encode(&moments, Some(1_699_999_970_000), &mut out);
        assert!(out.len() <= 7, "{out:?}");
    }

    proptest! {
        #[test]
        fn ascending_moments_come_back(mut moments: [i64; BLOCK], before: Option<i64>) {
            moments.sort_unstable();
            let mut out = Vec::new();
            encode(&moments, before, &mut out);
            let mut cursor = Cursor::new(&out);
            prop_assert_eq!(decode(&mut cursor, before), Some(moments));
            prop_assert!(cursor.rest.is_empty());
        }

        #[test]
        fn nothing_that_is_read_panics(bytes in prop::collection::vec(any::<u8>(), 0..100), before: Option<i64>) {
            let _ = decode(&mut Cursor::new(&bytes), before);
        }
    }
}
