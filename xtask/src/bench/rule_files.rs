//! Rule files to measure with: so many alerts of one form, each about one service of [`exposition`](super::exposition).
//!
//! The alerts stay silent, as those of a healthy system do, but what they compare is there: [`Form::operand`] says how many
//! elements it has. Pure.

use std::fmt::{self, Write};

use super::exposition::{SERVICES, disks, queues, service};

/// Rules of a group: those of a form are spread over many, and groups over their interval, so that the edge of a window cuts off few.
pub(super) const GROUP: usize = 50;

/// What a rule computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A gauge of 1 to 7 series against a number.
    Threshold,
    /// One gauge by another, 1 to 3 series each, against a number.
    Ratio,
    /// How fast a counter of 1 to 7 series grew over 20 samples, against a number.
    Rate,
    /// A quantile over the rates of 7 buckets over 20 samples, against a number.
    Quantile,
}

impl Form {
    /// All of them. Those that look back furthest come last: what they look back over is there by then.
    pub(super) const ALL: [Self; 4] = [Self::Threshold, Self::Ratio, Self::Rate, Self::Quantile];

    /// As in the names of groups.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Threshold => "threshold",
            Self::Ratio => "ratio",
            Self::Rate => "rate",
            Self::Quantile => "quantile",
        }
    }

    /// What rule `number` compares.
    pub(super) fn operand(self, number: usize) -> String {
        let of = format!("{{service=\"{}\"}}", service(number));
        match self {
            Self::Threshold => format!("bench_depth{of}"),
            Self::Ratio => format!("bench_used_bytes{of} / bench_size_bytes{of}"),
            Self::Rate => format!("rate(bench_requests_total{of}[80s])"),
            Self::Quantile => {
                format!("histogram_quantile(0.99, sum by (le) (rate(bench_request_seconds_bucket{of}[80s])))")
            }
        }
    }

    /// Elements of [`Self::operand`].
    pub(super) fn elements(self, number: usize) -> usize {
        match self {
            Self::Threshold | Self::Rate => queues(number),
            Self::Ratio => disks(number),
            Self::Quantile => 1,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quantile => "histogram_quantile",
            other => other.word(),
        })
    }
}

/// In the names of all groups of a file, and of no other file.
pub(super) fn mark(form: Form, size: usize) -> String {
    format!(";{}-{size}-", form.word())
}

/// Rules in the file of a size: the one of none has a rule about nothing, so that it can be seen to be in force.
pub(super) fn rules(size: usize) -> usize {
    size.max(1)
}

/// A file of `size` rules that are evaluated every `interval` seconds.
pub(super) fn text(form: Form, size: usize, interval: u64) -> String {
    let mut text = String::from("groups:\n");
    for group in 0..rules(size).div_ceil(GROUP) {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "  - name: {}-{size}-{group}\n    interval: {interval}s\n    rules:\n",
            form.word()
        );
        let end = rules(size).min((group + 1) * GROUP);
        (group * GROUP..end).for_each(|number| rule(&mut text, form, size, number));
    }
    text
}

fn rule(text: &mut String, form: Form, size: usize, number: usize) {
    // No two have the same expression, though many are about the same service.
    let limit = 1_000_000_000 + number / SERVICES;
    let expression = match size {
        0 => "vector(0) > 1".to_owned(),
        _ => format!("{} > {limit}", form.operand(number)),
    };
    let _ = write!(
        text,
        "      - alert: Bench{number}\n        expr: '{expression}'\n        for: 1m\n        labels:\n          severity: warning\n        \
         annotations:\n          summary: '{{{{ $labels.service }}}} is at {{{{ $value }}}}.'\n"
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_file_has_as_many_rules_as_it_says_and_no_two_are_the_same() {
        for form in Form::ALL {
            let text = text(form, 1_000, 1);
            let expressions: Vec<&str> = text.lines().filter(|line| line.contains("expr:")).collect();
            assert_eq!(expressions.len(), 1_000);
            assert_eq!(expressions.iter().collect::<BTreeSet<_>>().len(), 1_000);
            let groups: Vec<&str> = text.lines().filter(|line| line.contains("- name:")).collect();
            assert_eq!(groups.len(), 1_000 / GROUP);
            let name = mark(form, 1_000).replace(';', "- name: ");
            assert!(groups.iter().all(|group| group.contains(&name)), "{groups:?}");
        }
    }

    #[test]
    fn a_rule_stands_in_the_file_as_prometheus_wants_it() {
        let text = text(Form::Ratio, 1, 4);
        assert_eq!(
            text,
            "groups:\n  - name: ratio-1-0\n    interval: 4s\n    rules:\n      - alert: Bench0\n        \
             expr: 'bench_used_bytes{service=\"service-000\"} / bench_size_bytes{service=\"service-000\"} > 1000000000'\n        \
             for: 1m\n        labels:\n          severity: warning\n        annotations:\n          \
             summary: '{{ $labels.service }} is at {{ $value }}.'\n"
        );
    }

    #[test]
    fn the_file_of_no_rules_has_one_about_nothing() {
        let text = text(Form::Rate, 0, 4);
        assert_eq!(text.matches("expr:").count(), 1);
        assert!(text.contains("vector(0) > 1") && text.contains("rate-0-0"), "{text}");
    }
}
