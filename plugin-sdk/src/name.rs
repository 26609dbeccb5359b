//! The grammar of names, checked while the plugin is compiled.
//!
//! The functions here are `const` and panic: in a `const` item that is an error of the compiler, at the line with the
//! bad name. What cannot be known before a run is checked by [`valid_metric`] and [`valid_label`].

/// Longest name the host accepts, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 256;

const fn is_word(byte: u8, first: bool) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || (!first && byte.is_ascii_digit())
}

const fn words(name: &str, colon: bool) -> bool {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > NAME_BYTES_MAX {
        return false;
    }
    let mut at = 0;
    while at < bytes.len() {
        let fits = is_word(bytes[at], at == 0) || (colon && bytes[at] == b':');
        if !fits {
            return false;
        }
        at += 1;
    }
    true
}

/// Whether `text` ends in `suffix`, and is longer than it.
pub(crate) const fn ends_with(text: &str, suffix: &str) -> bool {
    let (text, suffix) = (text.as_bytes(), suffix.as_bytes());
    if text.len() <= suffix.len() {
        return false;
    }
    let mut at = 0;
    while at < suffix.len() {
        if text[text.len() - suffix.len() + at] != suffix[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Whether two texts are equal; `==` on `str` is not `const`.
pub(crate) const fn same(left: &str, right: &str) -> bool {
    left.len() == right.len() && (left.is_empty() || ends_with_all(left, right))
}

const fn ends_with_all(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// `[a-zA-Z_:][a-zA-Z0-9_:]*`, at most 256 bytes.
pub(crate) const fn valid_metric(name: &str) -> bool {
    words(name, true)
}

/// `[a-zA-Z_][a-zA-Z0-9_]*` without a leading `__`, at most 256 bytes.
pub(crate) const fn valid_label(name: &str) -> bool {
    let bytes = name.as_bytes();
    words(name, false) && !(bytes.len() > 1 && bytes[0] == b'_' && bytes[1] == b'_')
}

/// `[a-z][a-z0-9_]*`, at most 256 bytes: verdict and failure codes.
pub(crate) const fn valid_code(code: &str) -> bool {
    let bytes = code.as_bytes();
    if !words(code, false) || !bytes[0].is_ascii_lowercase() {
        return false;
    }
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_uppercase() {
            return false;
        }
        at += 1;
    }
    true
}

/// Panics unless every label name is valid and none occurs twice.
pub(crate) const fn assert_labels(labels: &[&str]) {
    let mut at = 0;
    while at < labels.len() {
        assert!(
            valid_label(labels[at]),
            "a label name is letters, digits and `_`, and does not start with a digit or `__`"
        );
        let mut other = 0;
        while other < at {
            assert!(!same(labels[at], labels[other]), "a label name occurs twice");
            other += 1;
        }
        at += 1;
    }
}

/// The base unit a name ends in, without the suffix that its kind asks for; "" for none.
pub(crate) const fn unit_of(name: &'static str) -> &'static str {
    const UNITS: [&str; 10] = [
        "seconds", "bytes", "ratio", "celsius", "joules", "grams", "meters", "volts", "amperes", "hertz",
    ];
    let mut at = 0;
    while at < UNITS.len() {
        if has_unit(name, UNITS[at]) {
            return UNITS[at];
        }
        at += 1;
    }
    ""
}

/// Whether `name` is `…_UNIT` or `…_UNIT_total`.
pub(crate) const fn has_unit(name: &str, unit: &str) -> bool {
    let (text, unit) = (name.as_bytes(), unit.as_bytes());
    let end = if ends_with(name, "_total") {
        text.len() - "_total".len()
    } else {
        text.len()
    };
    if unit.is_empty() || end <= unit.len() + 1 || text[end - unit.len() - 1] != b'_' {
        return false;
    }
    let mut at = 0;
    while at < unit.len() {
        if text[end - unit.len() + at] != unit[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar_of_prometheus() {
        for good in ["a", "_a", "job:rate5m", "A9"] {
            assert!(valid_metric(good), "{good}");
        }
        for bad in ["", "9a", "a-b", "a b", "é", "a\n", &"a".repeat(257)] {
            assert!(!valid_metric(bad), "{bad:?}");
        }
        assert!(valid_label("queue") && valid_label("_x"));
        assert!(!valid_label("a:b") && !valid_label("__name__"));
        assert!(valid_code("boot_error") && !valid_code("Boot") && !valid_code("_x") && !valid_code("a-b"));
    }

    #[test]
    fn the_unit_is_read_from_the_name() {
        assert_eq!(unit_of("deadline_remaining_seconds"), "seconds");
        assert_eq!(unit_of("network_receive_bytes_total"), "bytes");
        assert_eq!(unit_of("queue_jobs"), "");
        assert_eq!(unit_of("seconds"), "");
        assert_eq!(unit_of("milliseconds"), "");
    }

    #[test]
    #[should_panic(expected = "occurs twice")]
    fn a_label_named_twice_is_refused() {
        assert_labels(&["queue", "queue"]);
    }
}
