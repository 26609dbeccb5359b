//! Binary operators on two numbers.
//!
//! Which elements meet, and what their labels become, is the engine's.

use crate::ast::BinaryOp;

/// `left op right` for `+ - * / % ^ atan2`; for a comparison 1 or 0, as with `bool`. Set operators have no numbers: NaN.
///
/// All special cases are IEEE 754's, as Go has them: `x % 0` and `∞ % y` are NaN, `x % ∞` is x, a remainder has the sign of its
/// dividend, `x ^ 0` and `1 ^ y` are 1 even for NaN.
pub fn arithmetic(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterEqual => f64::from(u8::from(compare(op, left, right))),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless => f64::NAN,
    }
}

/// Whether `left op right` holds; NaN is unequal to everything and neither less nor greater. False for what is no comparison.
pub fn compare(op: BinaryOp, left: f64, right: f64) -> bool {
    match op {
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::Less => left < right,
        BinaryOp::LessEqual => left <= right,
        BinaryOp::Greater => left > right,
        BinaryOp::GreaterEqual => left >= right,
        BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::Div
        | BinaryOp::Mod
        | BinaryOp::Pow
        | BinaryOp::Atan2
        | BinaryOp::And
        | BinaryOp::Or
        | BinaryOp::Unless => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;

    fn modulo(left: f64, right: f64) -> f64 {
        arithmetic(BinaryOp::Mod, left, right)
    }

    fn power(left: f64, right: f64) -> f64 {
        arithmetic(BinaryOp::Pow, left, right)
    }

    #[test]
    fn a_remainder_has_the_sign_of_its_dividend() {
        assert_eq!(modulo(5.0, 3.0), 2.0);
        assert_eq!(modulo(-5.0, 3.0), -2.0);
        assert_eq!(modulo(5.0, -3.0), 2.0);
        assert_eq!(modulo(5.3, 2.0), 5.3 - 4.0);
        assert!(modulo(-6.0, 3.0).is_sign_negative());
    }

    #[test]
    fn a_remainder_knows_zero_and_infinity() {
        assert!(modulo(5.0, 0.0).is_nan());
        assert!(modulo(INF, 3.0).is_nan());
        assert!(modulo(NAN, 3.0).is_nan());
        assert_eq!(modulo(5.0, INF), 5.0);
        assert_eq!(modulo(5.0, -INF), 5.0);
    }

    #[test]
    fn a_power_has_the_special_cases_of_ieee_754() {
        assert_eq!(power(NAN, 0.0), 1.0);
        assert_eq!(power(1.0, NAN), 1.0);
        assert_eq!(power(-1.0, INF), 1.0);
        assert_eq!(power(-0.0, -3.0), -INF);
        assert_eq!(power(-0.0, -2.0), INF);
        assert_eq!(power(-INF, 3.0), -INF);
        assert_eq!(power(-INF, -2.0), 0.0);
        assert_eq!(power(0.5, INF), 0.0);
        assert!(power(-8.0, 1.0 / 3.0).is_nan());
    }

    #[test]
    fn nan_is_unequal_and_neither_less_nor_greater() {
        assert!(compare(BinaryOp::NotEqual, NAN, NAN));
        for op in [BinaryOp::Equal, BinaryOp::Less, BinaryOp::GreaterEqual] {
            assert!(!compare(op, NAN, NAN));
            assert!(!compare(op, 1.0, NAN));
        }
    }

    #[test]
    fn the_arithmetic_of_a_comparison_is_one_or_zero() {
        assert_eq!(arithmetic(BinaryOp::Less, 1.0, 2.0), 1.0);
        assert_eq!(arithmetic(BinaryOp::Less, 2.0, 2.0), 0.0);
        assert_eq!(arithmetic(BinaryOp::LessEqual, 2.0, 2.0), 1.0);
        assert_eq!(arithmetic(BinaryOp::Greater, 2.0, 1.0), 1.0);
    }

    #[test]
    fn division_by_zero_is_infinite_or_nan() {
        assert_eq!(arithmetic(BinaryOp::Div, 1.0, 0.0), INF);
        assert_eq!(arithmetic(BinaryOp::Div, -1.0, 0.0), -INF);
        assert!(arithmetic(BinaryOp::Div, 0.0, 0.0).is_nan());
        assert_eq!(arithmetic(BinaryOp::Atan2, 0.0, -1.0), std::f64::consts::PI);
    }
}
