//! The notation of series in unit tests.

use super::series::{Item, description, labels, values};
use crate::value::is_stale;

fn floats(text: &str) -> Vec<Option<f64>> {
    let item = |item: &Item| match item {
        Item::Float(value) => Some(*value),
        Item::Gap | Item::Histogram => None,
    };
    values(text)
        .unwrap_or_else(|error| panic!("{error}"))
        .iter()
        .map(item)
        .collect()
}

#[test]
fn sequences_expand_as_promtool_expands_them() {
    assert_eq!(floats("1 2.5 -3"), [Some(1.0), Some(2.5), Some(-3.0)]);
    assert_eq!(floats("1+2x3"), [1.0, 3.0, 5.0, 7.0].map(Some));
    assert_eq!(floats("1-2x2"), [1.0, -1.0, -3.0].map(Some));
    assert_eq!(
        floats("-1+-2x1"),
        [-1.0, -3.0].map(Some),
        "the step has a sign of its own"
    );
    assert_eq!(floats("1x3"), [1.0; 4].map(Some));
    assert_eq!(floats("1+0x5"), [1.0; 6].map(Some), "0x5 is a repetition");
    assert_eq!(floats("0x2"), [0.0; 3].map(Some));
    assert_eq!(floats("_ 1 _x2"), [None, Some(1.0), None, None]);
    assert_eq!(floats("1e3+1e2x1 .5"), [Some(1000.0), Some(1100.0), Some(0.5)]);
    assert_eq!(
        floats("Inf -Inf +Inf Infx1"),
        [
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::INFINITY,
            f64::INFINITY,
            f64::INFINITY
        ]
        .map(Some)
    );
    assert!(floats("NaN")[0].unwrap().is_nan());
    assert!(floats(" ").is_empty());
    let tenths = floats("0+0.1x3");
    assert_eq!(tenths[3], Some(0.1 + 0.1 + 0.1), "by repeated addition");
}

#[test]
fn stale_markers_and_histograms_are_recognised() {
    let all = values("1 stale stalex1 {{schema:0 sum:1 buckets:[1 2]}} {{}}x2 {{count:1}}+{{count:1}}x1 4").unwrap();
    let stale = |item: &Item| matches!(item, Item::Float(value) if is_stale(*value));
    assert!(all[1..4].iter().all(stale));
    assert_eq!(all[4..10], [Item::Histogram; 6]);
    assert_eq!(all[10], Item::Float(4.0));
}

#[test]
fn metrics_are_labels() {
    let line = description("http{ path = \"/a b\", x='}' }  1 2").unwrap();
    assert_eq!(line.labels.to_string(), "http{path=\"/a b\", x=\"}\"}");
    assert_eq!(line.values.len(), 2);
    assert_eq!(description("a {x=\"y\"} 1").unwrap().labels.to_string(), "a{x=\"y\"}");
    assert_eq!(description("a {{sum:1}}").unwrap().values, [Item::Histogram]);
    assert_eq!(description("{} 5").unwrap().labels.len(), 0);
    assert_eq!(
        description("{\"a.b\", c=\"d\"} 5")
            .unwrap()
            .labels
            .get("c")
            .map(|c| &**c),
        Some("d")
    );
    assert_eq!(labels("{a=\"b\"}").unwrap().get("a").map(|a| &**a), Some("b"));
}

#[test]
fn what_is_no_series_is_refused_where_it_stands() {
    for (text, column, said) in [
        ("a{b=~\"c\"} 1", 3, "with `=`"),
        ("a 1 x", 5, "no number"),
        ("a 1x", 3, "no count"),
        ("a 1y5", 3, "`1x5`"),
        ("a 1+2", 3, "`1x5`"),
        ("a _y", 3, "`_x5`"),
        ("a 1x1000000000", 3, "at most"),
        ("a _x1000000000", 3, "at most"),
        ("a{ 1", 4, "a label"),
    ] {
        let error = description(text).unwrap_err();
        assert!(error.to_string().contains(said), "{text}: {error}");
        assert_eq!(error.column, column, "{text}: {error}");
    }
}

#[test]
fn labels_are_printed_so_that_they_can_be_read_back() {
    for (text, printed) in [
        ("a", "a"),
        ("{}", "{}"),
        ("a:b{c='d'}", "a:b{c=\"d\"}"),
        ("{c=\"é\\n\\u0000\"}", "{c=\"é\\n\\x00\"}"),
        ("{'a.b', 'c d'=\"e\"}", "{\"a.b\", \"c d\"=\"e\"}"),
        ("{'1a'}", "{\"1a\"}"),
    ] {
        let read = labels(text).unwrap();
        assert_eq!(read.to_string(), printed);
        assert_eq!(labels(&read.to_string()).unwrap(), read);
    }
}
