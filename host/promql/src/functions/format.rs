//! Numbers as Go prints them, which is how Prometheus prints them.
//!
//! Digits are always the fewest that read back as the same number; infinities have a sign; NaN is `NaN`.

/// Go's `%v` writes an exponent from this one on.
const GENERAL_EXPONENT: i32 = 6;
/// Go's `%v` writes an exponent below this one.
const GENERAL_SMALL_EXPONENT: i32 = -4;
/// Prometheus' HTTP API writes an exponent below this absolute value, as JavaScript does,
const API_SMALL: f64 = 1e-6;
/// and from this one on.
const API_LARGE: f64 = 1e21;

/// Never with an exponent, as the label of `count_values` and `le` have it: `1000000`, `0.00001`, `+Inf`.
pub fn float(value: f64) -> String {
    special(value).map_or_else(|| value.to_string(), str::to_owned)
}

/// As `%v` and templates have it: `1e+06`, `123456`, `1e-05`.
pub fn general(value: f64) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let scientific = format!("{value:e}");
    let exponent = exponent(&scientific);
    if (GENERAL_SMALL_EXPONENT..GENERAL_EXPONENT).contains(&exponent) {
        value.to_string()
    } else {
        with_exponent(&scientific, exponent)
    }
}

/// As Prometheus' HTTP API has it: `1000000`, `1e+21`, `1e-07`.
pub fn api(value: f64) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    if value == 0.0 || (API_SMALL..API_LARGE).contains(&value.abs()) {
        return value.to_string();
    }
    let scientific = format!("{value:e}");
    with_exponent(&scientific, exponent(&scientific))
}

fn special(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

/// With an exponent, always: how Prometheus' API writes the value of an alert, Go's `%e` with as many digits as needed.
pub fn scientific(value: f64) -> String {
    match special(value) {
        Some(word) => word.to_owned(),
        None => {
            let text = format!("{value:e}");
            with_exponent(&text, exponent(&text))
        }
    }
}

fn exponent(scientific: &str) -> i32 {
    let digits = scientific.split_once('e').map_or("0", |(_, exponent)| exponent);
    digits.parse().unwrap_or_default()
}

/// Rust writes `1e6` and `1e-7`, Go `1e+06` and `1e-07`.
fn with_exponent(scientific: &str, exponent: i32) -> String {
    let mantissa = scientific.split_once('e').map_or(scientific, |(mantissa, _)| mantissa);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_have_no_exponents() {
        let cases = [
            (6.0, "6"),
            (1e6, "1000000"),
            (1e21, "1000000000000000000000"),
            (1e-7, "0.0000001"),
            (0.1 + 0.2, "0.30000000000000004"),
            (-0.0, "-0"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn templates_have_exponents_from_a_million_on_and_below_a_ten_thousandth() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (123456.0, "123456"),
            (999999.5, "999999.5"),
            (1e6, "1e+06"),
            (1234567.0, "1.234567e+06"),
            (1609746000.0, "1.609746e+09"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-0.000012, "-1.2e-05"),
            (1e100, "1e+100"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NEG_INFINITY, "-Inf"),
            (-f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            assert_eq!(general(value), text);
        }
    }

    #[test]
    fn the_api_has_exponents_where_javascript_has() {
        let cases = [
            (0.0, "0"),
            (1e6, "1000000"),
            (1e-6, "0.000001"),
            (1e-7, "1e-07"),
            (9.99e20, "999000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (f64::INFINITY, "+Inf"),
        ];
        for (value, text) in cases {
            assert_eq!(api(value), text);
        }
    }

    #[test]
    fn alerts_always_have_exponents() {
        let cases = [
            (1.0, "1e+00"),
            (0.0, "0e+00"),
            (15.0, "1.5e+01"),
            (-0.00025, "-2.5e-04"),
            (1e100, "1e+100"),
            (f64::NAN, "NaN"),
        ];
        for (value, text) in cases {
            assert_eq!(scientific(value), text);
        }
    }

    proptest! {
        #[test]
        fn every_form_reads_back_as_the_same_number(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            for text in [float(value), general(value), api(value)] {
                prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
            }
        }
    }
}
