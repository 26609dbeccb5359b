use super::*;

const MOST: usize = 1_000;

fn text(text: &str) -> Exposition {
    parse(text, Format::Text, MOST).unwrap_or_else(|error| panic!("{error}"))
}

fn open(text: &str) -> Exposition {
    parse(text, Format::OpenMetrics, MOST).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(format: Format, text: &str) -> String {
    parse(text, format, MOST).expect_err("must be refused").to_string()
}

fn labels(labels: &[(&str, &str)]) -> LabelSet {
    labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn family(name: &str, help: &str, unit: &str, data: Data) -> Family {
    Family {
        name: name.to_owned(),
        help: help.to_owned(),
        unit: unit.to_owned(),
        data,
    }
}

#[test]
fn prometheus_text_has_five_types() {
    let read = text(
        "# An exporter says hello.\n\
         # HELP jobs_total Jobs \\\\ done,\\nof all kinds.\n\
         # TYPE jobs_total counter\n\
         jobs_total{kind=\"mail\"} 3\n\
         jobs_total { kind = \"sms\" , } 4 1700000000000\n\
         \n\
         # TYPE heat gauge\n\
         heat -1.5e-3\n\
         # TYPE wait histogram\n\
         wait_bucket{le=\"0.5\"} 1\n\
         wait_bucket{le=\"+Inf\"} 2\n\
         wait_sum 3.5\n\
         wait_count 2\n\
         # TYPE size summary\n\
         size{quantile=\"0.5\"} NaN\n\
         size_sum 0\n\
         size_count 0\n\
         \tplain\t+Inf\t\n\
         # TYPE odd untyped\n\
         odd .5\n",
    );
    assert_eq!((read.samples, read.dropped.timestamps), (12, 1));
    let wanted = [
        family(
            "jobs_total",
            "Jobs \\ done,\nof all kinds.",
            "",
            Data::Counter(vec![
                (labels(&[("kind", "mail")]), 3.0),
                (labels(&[("kind", "sms")]), 4.0),
            ]),
        ),
        family("heat", "", "", Data::Gauge(vec![(vec![], -0.0015)])),
        family(
            "wait",
            "",
            "",
            Data::Histogram(vec![(
                vec![],
                Histogram {
                    buckets: vec![(0.5, 1)],
                    sum: 3.5,
                    count: 2,
                },
            )]),
        ),
    ];
    assert_eq!(read.families[..3], wanted);
    let Data::Summary(size) = &read.families[3].data else {
        panic!("{read:?}")
    };
    assert!(size[0].1.quantiles[0].1.is_nan() && size[0].1.quantiles[0].0 == 0.5);
    assert_eq!(
        read.families[4],
        family("plain", "", "", Data::Untyped(vec![(vec![], f64::INFINITY)]))
    );
    assert_eq!(
        read.families[5],
        family("odd", "", "", Data::Untyped(vec![(vec![], 0.5)]))
    );
}

#[test]
fn open_metrics_has_eight_types() {
    let read = open(
        "# TYPE jobs_seconds counter\n\
         # UNIT jobs_seconds seconds\n\
         # HELP jobs_seconds Time \\\"spent\\\".\n\
         jobs_seconds_total{kind=\"mail\"} 3 1700000000.5 # {trace_id=\"abc\"} 0.5 1700000000\n\
         jobs_seconds_created{kind=\"mail\"} 1600000000\n\
         # TYPE heat gauge\n\
         heat 1\n\
         # TYPE wait histogram\n\
         wait_bucket{le=\"1.0\"} 1 # {} 0.1\n\
         wait_bucket{le=\"+Inf\"} 2\n\
         wait_count 2\n\
         wait_sum 3\n\
         wait_created 1600000000\n\
         # TYPE pile gaugehistogram\n\
         pile_bucket{le=\"+Inf\"} 2.5\n\
         pile_gcount 2.5\n\
         pile_gsum 7\n\
         # TYPE size summary\n\
         size_count 4\n\
         size_sum 8\n\
         # TYPE mode stateset\n\
         mode{mode=\"fast\"} 1\n\
         mode{mode=\"slow\"} 0\n\
         # TYPE build info\n\
         build_info{version=\"1.2\"} 1\n\
         # TYPE odd unknown\n\
         odd 5\n\
         plain 6\n\
         # EOF\n",
    );
    let data = |name: &str| {
        read.families
            .iter()
            .find(|family| family.name == name)
            .map(|family| family.data.clone())
    };
    assert_eq!(
        read.families[0],
        family(
            "jobs_seconds_total",
            "Time \"spent\".",
            "seconds",
            Data::Counter(vec![(labels(&[("kind", "mail")]), 3.0)])
        )
    );
    let histogram = Histogram {
        buckets: vec![(1.0, 1)],
        sum: 3.0,
        count: 2,
    };
    assert_eq!(data("wait"), Some(Data::Histogram(vec![(vec![], histogram)])));
    assert_eq!(
        data("pile_bucket"),
        Some(Data::Untyped(vec![(labels(&[("le", "+Inf")]), 2.5)]))
    );
    assert_eq!(data("pile_gsum"), Some(Data::Untyped(vec![(vec![], 7.0)])));
    let summary = Summary {
        quantiles: vec![],
        sum: 8.0,
        count: 4,
    };
    assert_eq!(data("size"), Some(Data::Summary(vec![(vec![], summary)])));
    let states = vec![(labels(&[("mode", "fast")]), 1.0), (labels(&[("mode", "slow")]), 0.0)];
    assert_eq!(data("mode"), Some(Data::StateSet("mode".to_owned(), states)));
    assert_eq!(
        data("build_info"),
        Some(Data::Info(vec![(labels(&[("version", "1.2")]), 1.0)]))
    );
    assert_eq!(data("odd"), Some(Data::Untyped(vec![(vec![], 5.0)])));
    assert_eq!(data("plain"), Some(Data::Untyped(vec![(vec![], 6.0)])));
    let dropped = Dropped {
        exemplars: 2,
        timestamps: 1,
        created: 2,
        ..Dropped::default()
    };
    assert_eq!(read.dropped, dropped);
}

#[test]
fn what_breaks_prometheus_text_is_said_with_its_place() {
    for (bad, said) in [
        ("ok 1\n9x 1\n", "line 2, column 1: `9` begins no metric name"),
        ("a{b=\"c\" 1\n", "line 1, column 9: `,` or `}` after a label"),
        ("a{b=c} 1\n", "line 1, column 5: the value of a label stands in quotes"),
        ("a{b=\"c} 1\n", "line 1, column 10: the value of a label has no end"),
        (
            "a{b=\"\\x\"} 1\n",
            "line 1, column 7: after `\\` stands `\\`, `\"` or `n`",
        ),
        ("a{b=\"ü\",b=\"d\"} 1\n", "line 1, column 14: label `b` twice"),
        ("a{9=\"x\"} 1\n", "line 1, column 3: a label name is missing"),
        ("a\n", "line 1, column 2: a value is missing"),
        ("a one\n", "line 1, column 3: `one` is no number"),
        ("a 1 soon\n", "line 1, column 5: `soon` is no timestamp"),
        ("a 1 2 3\n", "line 1, column 7: `3` after the end of the sample"),
        ("a 1\r\n", "line 1, column 3: `1\\r` is no number"),
        (
            "# TYPE a gouge\n",
            "line 1, column 10: `gouge` is no type: counter, gauge, histogram, summary, untyped",
        ),
        (
            "# TYPE a gauge\n# TYPE a gauge\n",
            "line 2, column 10: a second type of `a`",
        ),
        (
            "a 1\n# TYPE a gauge\n",
            "line 2, column 10: the type of `a` after its samples",
        ),
        ("# HELP a b\n# HELP a b\n", "line 2, column 10: a second help of `a`"),
        (
            "# TYPE h histogram\nh_bucket 1\n",
            "line 2, column 1: a sample of `h` lacks its label `le`",
        ),
        (
            "# TYPE h histogram\nh_bucket{le=\"x\"} 1\n",
            "line 2, column 1: `le` is `x`, which is no number",
        ),
        (
            "{\"my.metric\"} 1\n",
            "line 1, column 1: names in quotes are not known here: ask for the older format",
        ),
    ] {
        assert_eq!(refusal(Format::Text, bad), said, "{bad:?}");
    }
}

#[test]
fn what_breaks_open_metrics_is_said_with_its_place() {
    for (bad, said) in [
        ("a 1\n", "line 2, column 1: `# EOF` is missing: the answer was cut off"),
        ("", "line 2, column 1: `# EOF` is missing: the answer was cut off"),
        ("# EOF\na 1\n", "line 2, column 1: there is something after `# EOF`"),
        (
            "# hello\n# EOF\n",
            "line 1, column 3: OpenMetrics has no comments: `# HELP`, `# TYPE`, `# UNIT` or `# EOF`",
        ),
        ("a  1\n# EOF\n", "line 1, column 3: a value is missing"),
        ("a{b=\"c\",} 1\n# EOF\n", "line 1, column 9: a label name is missing"),
        ("\n# EOF\n", "line 1, column 1: an empty line"),
        (
            "a 1\nb 1\na 2\n# EOF\n",
            "line 3, column 1: `a` is no sample of the family above, and its own stood further up",
        ),
        (
            "# TYPE a gauge\na 1\n# TYPE b gauge\n# HELP a x\n# EOF\n",
            "line 4, column 8: family `a` stood further up already: its lines must stand together",
        ),
        (
            "# TYPE a gauge\na 1\n# HELP a x\n# EOF\n",
            "line 3, column 8: metadata of `a` after its samples",
        ),
        (
            "# TYPE a_b gauge\n# UNIT a_b c\n# EOF\n",
            "line 2, column 12: `a_b` does not end in its unit `_c`",
        ),
        (
            "# TYPE a untyped\n# EOF\n",
            "line 1, column 10: `untyped` is no type of OpenMetrics",
        ),
        (
            "a 1 # x\n# EOF\n",
            "line 1, column 7: an exemplar begins with its labels",
        ),
        ("a 1 NaN\n# EOF\n", "line 1, column 5: `NaN` is no timestamp"),
    ] {
        assert_eq!(refusal(Format::OpenMetrics, bad), said, "{bad:?}");
    }
}

#[test]
fn more_samples_than_allowed_are_refused() {
    let error = parse("a 1\nb 1\nc 1\n", Format::Text, 2).expect_err("three");
    assert_eq!(error.line, 3);
    assert!(error.message.contains("maximum.samples"), "{error}");
}

#[test]
fn the_last_of_equal_series_counts() {
    let read = text("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\",z=\"\"} 7\n");
    assert_eq!(
        read.families[0].data,
        Data::Untyped(vec![(labels(&[("x", "1"), ("y", "2")]), 7.0)])
    );
    assert_eq!(read.dropped.duplicates, 1);
}

#[test]
fn values_that_are_none_of_their_type_are_dropped_and_counted() {
    let read = text(
        "# TYPE a_total counter\na_total{x=\"1\"} -1\na_total{x=\"2\"} NaN\na_total{x=\"3\"} 5\n\
         # TYPE h histogram\nh_bucket{le=\"1\"} 3\nh_bucket{le=\"2\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 1\nh_count 3\n",
    );
    assert_eq!(read.families[0].data, Data::Counter(vec![(labels(&[("x", "3")]), 5.0)]));
    assert_eq!(read.families[1].data, Data::Histogram(vec![]));
    assert_eq!(read.dropped.invalid, 2 + 5);
}

#[test]
fn a_counter_without_total_and_distributions_without_a_sum_stay_by_name() {
    let read = text("# TYPE hits counter\nhits 3\n# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n");
    let wanted = [
        family("hits", "", "", Data::Untyped(vec![(vec![], 3.0)])),
        family(
            "h_bucket",
            "",
            "",
            Data::Untyped(vec![(labels(&[("le", "+Inf")]), 2.0)]),
        ),
        family("h_count", "", "", Data::Untyped(vec![(vec![], 2.0)])),
    ];
    assert_eq!(read.families, wanted);
}

/// As Python's client serves them in the older format.
#[test]
fn gauges_that_say_when_a_total_began_are_dropped_and_counted() {
    let read = text(
        "# TYPE hits_total counter\nhits_total 3\n# TYPE hits_created gauge\nhits_created 1.7e9\n\
         # TYPE user_created gauge\nuser_created 5\n",
    );
    let names: Vec<&str> = read.families.iter().map(|family| family.name.as_str()).collect();
    assert_eq!(names, ["hits_total", "user_created"], "a gauge that only ends so stays");
    assert_eq!(read.dropped.created, 1);
}
