//! Numbers as both text formats read them.

use std::io::Write as _;

use crate::clock::Timestamp;

/// Below this every whole number has a float of its own, so its digits are exact.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// Plain digits inside this range, an exponent outside it: Rust's own form would print 300 zeros for 1e300.
const PLAIN: std::ops::Range<f64> = 1e-5..1e15;

/// A sample value: whole numbers as digits, others in the shortest form that reads back to the same float.
pub(super) fn value(value: f64, out: &mut Vec<u8>) {
    let size = value.abs();
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if size == f64::INFINITY {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else if size < EXACT_INTEGERS && size.fract() == 0.0 {
        if value.is_sign_negative() {
            out.push(b'-');
        }
        // Whole and below 2^53: the cast loses nothing.
        integer(size as u64, out);
    } else if PLAIN.contains(&size) {
        shortest(format_args!("{value}"), out);
    } else {
        shortest(format_args!("{value:e}"), out);
    }
}

fn shortest(text: std::fmt::Arguments<'_>, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = out.write_fmt(text);
}

/// Decimal digits.
pub(super) fn integer(mut number: u64, out: &mut Vec<u8>) {
    const DIGITS: usize = 20; // of u64::MAX
    let mut digits = [0_u8; DIGITS];
    let mut at = DIGITS;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Seconds since the epoch with milliseconds, which is what Prometheus keeps.
pub(super) fn seconds(at: Timestamp, out: &mut Vec<u8>) {
    let millis = at.as_nanos() / 1_000_000;
    shortest(format_args!("{}.{:03}", millis / 1000, millis % 1000), out);
}

/// A bucket bound or quantile. The text is part of the series' identity, so there is one canonical form, in both formats:
/// OpenMetrics', which Prometheus 3 also normalises to (`0.5`, `1.0`, `1e+06`, `+Inf`).
pub(super) fn bound(bound: f64, out: &mut Vec<u8>) {
    if !bound.is_finite() {
        return value(bound, out);
    }
    let scientific = format!("{bound:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        -4..6 => {
            let whole = if bound.fract() == 0.0 { ".0" } else { "" };
            shortest(format_args!("{bound}{whole}"), out);
        }
        exponent => {
            let sign = if exponent < 0 { '-' } else { '+' };
            shortest(format_args!("{mantissa}e{sign}{:02}", exponent.abs()), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("numbers are ASCII")
    }

    #[test]
    fn values_read_as_a_person_would_write_them() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-17.0, "-17"),
            (123_456_789_012.0, "123456789012"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (1e300, "1e300"),
            (0.5, "0.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e-7, "1e-7"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(text(|out| value(number, out)), expected);
        }
    }

    #[test]
    fn bounds_are_canonical() {
        for (number, expected) in [
            (0.0, "0.0"),
            (0.5, "0.5"),
            (1.0, "1.0"),
            (10.0, "10.0"),
            (250_000.0, "250000.0"),
            (1_000_000.0, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5, "-2.5"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(text(|out| bound(number, out)), expected);
        }
    }

    #[test]
    fn seconds_carry_milliseconds() {
        assert_eq!(
            text(|out| seconds(Timestamp::from_nanos(1_700_000_000_012_999_999), out)),
            "1700000000.012"
        );
    }

    proptest! {
        #[test]
        fn every_float_reads_back_as_itself(bits: u64) {
            let number = f64::from_bits(bits);
            for written in [text(|out| value(number, out)), text(|out| bound(number, out))] {
                let read: f64 = written.parse().expect("a number");
                prop_assert!(read == number || (read.is_nan() && number.is_nan()), "{number:?} became {written}");
            }
        }

        #[test]
        fn every_integer_reads_back_as_itself(number: u64) {
            prop_assert_eq!(text(|out| integer(number, out)), number.to_string());
        }
    }
}
