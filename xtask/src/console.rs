//! What xtask says about its own progress. On standard error, so that a verb's result can be piped.

use std::time::Duration;

/// Announces a piece of work that is about to start.
pub(crate) fn step(what: &str) {
    eprintln!("==> {what}");
}

/// Says something about the step above.
pub(crate) fn note(what: &str) {
    eprintln!("    {what}");
}

/// A span as people say it: `0.4 s`, `12 s`, `3 min 20 s`.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", span.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_the_largest_fitting_unit() {
        assert_eq!(span(Duration::from_millis(420)), "0.4 s");
        assert_eq!(span(Duration::from_secs(42)), "42 s");
        assert_eq!(span(Duration::from_secs(200)), "3 min 20 s");
    }
}
