//! What holds for any text and any families.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Data, Exposition, Format, parse};

const MOST: usize = 10_000;

fn name() -> impl Strategy<Value = String> {
    // Without the endings that mean something: those have tests of their own.
    "[a-z_][a-z0-9_:]{0,8}x"
}

fn label_name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_]{0,5}x"
}

type Labels = BTreeMap<String, String>;

fn labels() -> impl Strategy<Value = Labels> {
    prop::collection::btree_map(label_name(), "(?s).{0,6}", 0..4)
}

/// Values whose text is read back as the same number.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("a number", |value| !value.is_nan()),
        Just(f64::INFINITY),
        Just(0.0)
    ]
}

fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('\n', r"\n").replace('"', r#"\""#)
}

fn series(name: &str, labels: &Labels, value: &str) -> String {
    let labels: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
        .collect();
    if labels.is_empty() {
        format!("{name} {value}\n")
    } else {
        format!("{name}{{{}}} {value}\n", labels.join(","))
    }
}

fn number(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        format!("{value:?}")
    }
}

fn read(text: &str, format: Format) -> Exposition {
    parse(text, format, MOST).unwrap_or_else(|error| panic!("{error} in {text:?}"))
}

/// An empty value is an absent label.
fn set(labels: &Labels) -> Vec<(String, String)> {
    let given = labels.iter().filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| (name.clone(), value.clone())).collect()
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_at_a_place_in_it(text in "(?s).{0,200}") {
        for format in [Format::Text, Format::OpenMetrics] {
            if let Err(error) = parse(&text, format, MOST) {
                let lines: Vec<&str> = text.split('\n').collect();
                prop_assert!(error.line >= 1 && error.line <= lines.len() + 1, "{error}");
                let line = lines.get(error.line - 1).copied().unwrap_or_default();
                prop_assert!(error.column >= 1 && error.column <= line.chars().count() + 1, "{error}");
            }
        }
    }

    #[test]
    fn text_made_of_its_own_signs_is_read_or_refused(text in r##"([a-c_]{1,3}|[{}="#,\\ \n\t0-9.+-]|le|# (TYPE|HELP|UNIT|EOF)| (gauge|counter|histogram|summary)\n|NaN|\+Inf){0,60}"##) {
        let _ = parse(&text, Format::Text, MOST);
        let _ = parse(&text, Format::OpenMetrics, MOST);
    }

    #[test]
    fn what_is_written_is_read_back(
        families in prop::collection::btree_map(name(), prop::collection::btree_map(labels(), value(), 1..4), 1..4),
    ) {
        let mut text = String::new();
        for (name, samples) in &families {
            text.push_str(&format!("# HELP {name} Some help.\n# TYPE {name} gauge\n"));
            for (labels, value) in samples {
                text.push_str(&series(name, labels, &number(*value)));
            }
        }
        let plain = read(&text, Format::Text);
        let open = read(&format!("{text}# EOF\n"), Format::OpenMetrics);
        prop_assert_eq!(&plain, &open);
        prop_assert_eq!(plain.families.len(), families.len());
        for (family, (name, samples)) in plain.families.iter().zip(&families) {
            let mut wanted: BTreeMap<Vec<(String, String)>, Vec<f64>> = BTreeMap::new();
            for (labels, value) in samples {
                wanted.entry(set(labels)).or_default().push(*value);
            }
            let Data::Gauge(found) = &family.data else { panic!("{family:?}") };
            prop_assert_eq!(&family.name, name);
            prop_assert_eq!(found.len(), wanted.len());
            for (labels, value) in found {
                // Sets that differ in empty values only are one series, and the last one counts.
                prop_assert_eq!(wanted.get(labels).and_then(|values| values.last()), Some(value));
            }
        }
    }

    #[test]
    fn a_histogram_is_read_back_in_any_order_of_its_lines(
        counts in prop::collection::vec(0_u32..1000, 0..6), sum in -1e9..1e9, seed in any::<prop::sample::Index>(),
    ) {
        let mut total = 0_u64;
        let buckets: Vec<(f64, u64)> = counts.iter().enumerate().map(|(at, more)| {
            total += u64::from(*more);
            (at as f64 / 2.0, total)
        }).collect();
        let mut lines: Vec<String> = buckets.iter().map(|(le, count)| format!("h_bucket{{le=\"{le}\"}} {count}\n")).collect();
        lines.extend([format!("h_bucket{{le=\"+Inf\"}} {total}\n"), format!("h_sum {sum:?}\n"), format!("h_count {total}\n")]);
        let turn = seed.index(lines.len());
        lines.rotate_left(turn);
        let read = read(&format!("# TYPE h histogram\n{}", lines.concat()), Format::Text);
        let Data::Histogram(found) = &read.families[0].data else { panic!("{read:?}") };
        prop_assert_eq!(&found[0].1.buckets, &buckets);
        prop_assert_eq!((found[0].1.sum, found[0].1.count), (sum, total));
    }
}
