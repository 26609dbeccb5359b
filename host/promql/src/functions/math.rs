//! Functions of one number, as Go's `math` has them where it differs from C.

use std::f64::consts::{LN_2, PI};

use crate::signature::Function;

/// From here on Go computes hyperbolic sines and cosines as half an exponential, which overflows a little earlier than they do.
const HALF_EXPONENTIAL: f64 = 21.0;
/// Above 2^28 the square in an inverse hyperbolic function absorbs the one beside it.
const SQUARE_ABSORBS: f64 = 268_435_456.0;

/// What `function` makes of `value`. `params` are the scalar arguments after the vector: `clamp` min and max, `clamp_min` and
/// `clamp_max` one bound, `round` the step it rounds to or nothing.
///
/// A `clamp` whose min exceeds its max has no elements at all ([`clamps_all_away`]): that is the engine's to see. A function that
/// is not one of a single number gives NaN.
pub fn apply(function: Function, value: f64, params: &[f64]) -> f64 {
    let param = |at: usize, default: f64| params.get(at).copied().unwrap_or(default);
    match function {
        Function::Clamp => clamp(value, param(0, f64::NEG_INFINITY), param(1, f64::INFINITY)),
        Function::ClampMin => clamp(value, param(0, f64::NEG_INFINITY), f64::INFINITY),
        Function::ClampMax => clamp(value, f64::NEG_INFINITY, param(0, f64::INFINITY)),
        Function::Round => round(value, param(0, 1.0)),
        _ => of_one(function, value),
    }
}

/// Whether `clamp` with these bounds yields nothing.
pub fn clamps_all_away(min: f64, max: f64) -> bool {
    max < min
}

fn of_one(function: Function, value: f64) -> f64 {
    match function {
        Function::Abs => value.abs(),
        Function::Acos => value.acos(),
        Function::Acosh => inverse_cosh(value),
        Function::Asin => value.asin(),
        Function::Asinh => inverse_sinh(value),
        Function::Atan => value.atan(),
        Function::Atanh => inverse_tanh(value),
        Function::Ceil => value.ceil(),
        Function::Cos => value.cos(),
        Function::Cosh if value.abs() > HALF_EXPONENTIAL => value.abs().exp() * 0.5,
        Function::Cosh => value.cosh(),
        Function::Deg => value * 180.0 / PI,
        Function::Exp => value.exp(),
        Function::Floor => value.floor(),
        Function::Ln => value.ln(),
        Function::Log10 => value.log10(),
        Function::Log2 => value.log2(),
        Function::Rad => value * PI / 180.0,
        Function::Sgn => sign(value),
        Function::Sin => value.sin(),
        Function::Sinh if value.abs() > HALF_EXPONENTIAL => (value.abs().exp() * 0.5).copysign(value),
        Function::Sinh => value.sinh(),
        Function::Sqrt => value.sqrt(),
        Function::Tan => value.tan(),
        Function::Tanh => value.tanh(),
        _ => f64::NAN,
    }
}

/// -1, 1, or the value itself where it is a zero or NaN.
fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// Halves go up, -2.5 to -2. Multiplied by the inverse of the step because that errs less than dividing by it.
fn round(value: f64, to_nearest: f64) -> f64 {
    let inverse = 1.0 / to_nearest;
    (value * inverse + 0.5).floor() / inverse
}

fn clamp(value: f64, min: f64, max: f64) -> f64 {
    larger(min, smaller(max, value))
}

/// Unlike comparisons and unlike C, the infinity that decides wins over NaN, and NaN over everything else.
fn larger(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// See [`larger`].
fn smaller(a: f64, b: f64) -> f64 {
    -larger(-a, -b)
}

/// The standard library's overflows for large values.
fn inverse_sinh(value: f64) -> f64 {
    let x = value.abs();
    let result = if x > SQUARE_ABSORBS {
        x.ln() + LN_2
    } else {
        // asinh x = ln(x + √(x²+1)), with 1 taken out of the logarithm's argument.
        (x + x * x / (1.0 + (x * x + 1.0).sqrt())).ln_1p()
    };
    result.copysign(value)
}

/// The standard library's overflows for large values and loses digits near 1.
fn inverse_cosh(value: f64) -> f64 {
    if value > SQUARE_ABSORBS {
        return value.ln() + LN_2;
    }
    // acosh x = ln(x + √(x²-1)), with 1 taken out of the logarithm's argument; below 1 the root is NaN.
    let above = value - 1.0;
    if above < 0.0 {
        return f64::NAN;
    }
    (above + (above * (value + 1.0)).sqrt()).ln_1p()
}

fn inverse_tanh(value: f64) -> f64 {
    let x = value.abs();
    (0.5 * (2.0 * x / (1.0 - x)).ln_1p()).copysign(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;

    fn round_to(value: f64, step: &[f64]) -> f64 {
        apply(Function::Round, value, step)
    }

    fn close(a: f64, b: f64) -> bool {
        a == b || (a - b).abs() <= 1e-14 * a.abs().max(b.abs())
    }

    #[test]
    fn halves_round_up() {
        assert_eq!(round_to(2.5, &[]), 3.0);
        assert_eq!(round_to(-2.5, &[]), -2.0);
        assert_eq!(round_to(-2.6, &[]), -3.0);
        assert_eq!(round_to(5.5, &[5.0]), 5.0);
        assert_eq!(round_to(7.5, &[5.0]), 10.0);
        assert_eq!(round_to(0.005, &[0.01]), 0.01);
        assert_eq!(round_to(2.5, &[0.1]), 2.5);
    }

    #[test]
    fn rounding_to_nothing_or_of_nothing_is_nan() {
        assert!(round_to(1.0, &[0.0]).is_nan());
        assert!(round_to(NAN, &[]).is_nan());
        assert_eq!(round_to(INF, &[]), INF);
        assert_eq!(round_to(-7.0, &[-2.0]), -8.0);
    }

    #[test]
    fn clamping_keeps_nan_but_for_an_infinite_bound_that_decides() {
        assert_eq!(apply(Function::Clamp, 5.0, &[0.0, 1.0]), 1.0);
        assert_eq!(apply(Function::Clamp, -5.0, &[0.0, 1.0]), 0.0);
        assert!(apply(Function::Clamp, NAN, &[0.0, 1.0]).is_nan());
        assert!(apply(Function::Clamp, 1.0, &[NAN, 2.0]).is_nan());
        assert!(apply(Function::ClampMin, NAN, &[0.0]).is_nan());
        assert_eq!(apply(Function::ClampMin, NAN, &[INF]), INF);
        assert_eq!(apply(Function::ClampMax, NAN, &[-INF]), -INF);
        assert_eq!(apply(Function::ClampMax, 7.0, &[3.0]), 3.0);
    }

    #[test]
    fn clamping_between_bounds_in_the_wrong_order_leaves_nothing() {
        assert!(clamps_all_away(1.0, 0.0));
        assert!(!clamps_all_away(0.0, 0.0));
        assert!(!clamps_all_away(NAN, 0.0));
    }

    #[test]
    fn the_sign_of_zero_is_zero_and_of_nan_nan() {
        let sgn = |value| apply(Function::Sgn, value, &[]);
        assert_eq!(sgn(0.0), 0.0);
        assert!(sgn(-0.0).is_sign_negative() && sgn(-0.0) == 0.0);
        assert_eq!(sgn(-INF), -1.0);
        assert_eq!(sgn(1e-300), 1.0);
        assert!(sgn(NAN).is_nan());
    }

    #[test]
    fn logarithms_of_zero_and_below_are_infinite_and_nan() {
        for function in [Function::Ln, Function::Log2, Function::Log10] {
            assert_eq!(apply(function, 0.0, &[]), -INF);
            assert!(apply(function, -1.0, &[]).is_nan());
            assert_eq!(apply(function, INF, &[]), INF);
            assert_eq!(apply(function, 1.0, &[]), 0.0);
        }
        assert_eq!(apply(Function::Log2, 1024.0, &[]), 10.0);
        assert_eq!(apply(Function::Log10, 1000.0, &[]), 3.0);
    }

    #[test]
    fn inverse_hyperbolic_functions_hold_at_their_ends() {
        assert!(close(apply(Function::Asinh, 1e308, &[]), 709.889_355_822_726));
        assert!(close(apply(Function::Acosh, 1e308, &[]), 709.889_355_822_726));
        assert!(close(
            apply(Function::Acosh, 1.0 + 1e-10, &[]),
            1.414_213_620_867_586_2e-5
        ));
        assert!(apply(Function::Acosh, 0.5, &[]).is_nan());
        assert_eq!(apply(Function::Acosh, 1.0, &[]), 0.0);
        assert_eq!(apply(Function::Atanh, 1.0, &[]), INF);
        assert_eq!(apply(Function::Atanh, -1.0, &[]), -INF);
        assert!(apply(Function::Atanh, 2.0, &[]).is_nan());
        assert_eq!(apply(Function::Asinh, -INF, &[]), -INF);
        assert_eq!(apply(Function::Acosh, INF, &[]), INF);
        assert!(apply(Function::Acosh, NAN, &[]).is_nan());
    }

    #[test]
    fn angles_convert() {
        assert_eq!(apply(Function::Deg, PI, &[]), 180.0);
        assert_eq!(apply(Function::Rad, 180.0, &[]), PI);
    }

    proptest! {
        #[test]
        fn inverses_undo_their_functions(value in -15.0..15.0f64) {
            let there_and_back = |there, back| apply(back, apply(there, value, &[]), &[]);
            prop_assert!((there_and_back(Function::Sinh, Function::Asinh) - value).abs() < 1e-12);
            prop_assert!((there_and_back(Function::Cosh, Function::Acosh) - value.abs()).abs() < 1e-7);
            let tangent = apply(Function::Atanh, apply(Function::Tanh, value / 4.0, &[]), &[]);
            prop_assert!((tangent - value / 4.0).abs() < 1e-10);
        }

        #[test]
        fn rounding_gives_a_multiple_within_half_a_step(value in -1e6..1e6f64, step in 1u32..1000) {
            let step = f64::from(step);
            let rounded = round_to(value, &[step]);
            prop_assert!((rounded - value).abs() <= step / 2.0 + 1e-6);
            prop_assert!((rounded / step - (rounded / step).round()).abs() < 1e-6);
        }
    }
}
