//! What is said of a rule, and of which nothing is.

use super::*;
use crate::rule::file;

fn lints() -> Lints {
    let families = ["depth", "latency_seconds", "work"];
    Lints {
        tick: 15_000,
        retention: 6 * 3_600_000,
        metrics: Some(Metrics {
            families: families.map(str::to_owned).into(),
            beginnings: ["node_memory_".to_owned()].into(),
            recorded: [Arc::from("zone:depth:sum")].into(),
        }),
    }
}

/// `COLUMN: MESSAGE` of each warning about an expression of one line.
fn said_with(expr: &str, lints: &Lints) -> Vec<String> {
    let text = format!("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: |-\n      {expr}\n");
    said_of(&text, lints)
}

fn said_of(text: &str, lints: &Lints) -> Vec<String> {
    let mut problems = Vec::new();
    file::read("f.yml", text, 15_000, Some(lints), &mut problems);
    let all = problems.iter();
    all.map(|problem| {
        assert_eq!(problem.severity, crate::config::Severity::Warning, "{problem}");
        assert!(problem.hint.is_some(), "{problem}");
        format!("{}: {}", problem.location.column.saturating_sub(6), problem.message)
    })
    .collect()
}

fn said(expr: &str) -> Vec<String> {
    said_with(expr, &lints())
}

#[test]
fn nothing_is_said_of_good_rules() {
    for expr in [
        "depth > 10",
        "node_memory_Anything_bytes > 10",
        "depth{check=\"web\"} offset 5h > 10",
        "max_over_time(depth[6h]) > 1",
        "rate(work_total[1m]) > 1",
        "rate(work_total[30s]) > 1",
        "increase(work[5m]) > 1",
        "histogram_quantile(0.9, rate(latency_seconds_bucket[5m])) > 1",
        "histogram_quantile(0.9, sum by (le, zone) (rate(latency_seconds_bucket[5m]))) > 1",
        "histogram_quantile(0.9, sum without (pod) (rate(latency_seconds_bucket[5m]))) > 1",
        "histogram_quantile(0.9, zone:depth:sum) > 1",
        "latency_seconds_sum / latency_seconds_count > 1",
        "zone:depth:sum > 1 or up == 0 or bellwether_check_up == 0 or scrape_duration_seconds > 9",
        "count(depth) > 0",
        "count(depth) < 3",
        "absent(depth)",
        "absent(depth) == 1",
        "vector(1)",
        "time() - depth > 60",
        "hour() > 8 and on () depth > 1",
        "sum by (zone) (depth) / sum by (zone) (work) > 1",
        "sum by (zone, x) (depth) / on (zone) group_left () sum by (zone) (work) > 1",
        "sum by (zone) (depth) / ignoring (zone) group_left () sum(work) > 1",
        "sum by (zone) (depth) / scalar(sum(work)) > 1",
        "sum by (zone) (depth) / on (x) depth > 1",
        "sum by (zone) (depth) or sum by (x) (depth)",
        "sum without (zone) (depth) / sum by (zone) (depth) > 1",
        "histogram_quantile(0.9, sum by (le, x) (rate(work_bucket[5m]))) > 1 and sum by (x) (rate(work_count[5m])) > 0",
        "topk(3, depth) > 1 and on (zone) sum by (zone) (depth) > 1",
        "count_values(\"value\", depth) > 1 and on (value) sum by (value) (depth)",
        "label_replace(sum(depth), \"zone\", \"a\", \"\", \"\") == on (zone) sum by (zone) (depth)",
        "{__name__=~\"anything.*\"} > 1",
    ] {
        assert_eq!(said(expr), Vec::<String>::new(), "{expr}");
    }
}

#[test]
fn quantiles_are_taken_of_buckets_of_the_last_minutes() {
    let nothing = "`latency_seconds` has no buckets, so this never yields anything";
    assert_eq!(
        said("histogram_quantile(0.9, latency_seconds) > 1"),
        [format!("25: {nothing}")]
    );
    assert_eq!(
        said("histogram_quantile(0.9, rate(latency_seconds[5m])) > 1"),
        [format!("30: {nothing}")]
    );
    assert_eq!(
        said("histogram_quantile(0.9, sum by (le) (rate(latency_seconds[5m]))) > 1"),
        [format!("43: {nothing}")]
    );
    assert_eq!(
        said("histogram_quantile(0.9, latency_seconds_bucket) > 1"),
        ["25: these buckets count since the start of whatever reports them"]
    );
    for lost in ["sum", "sum by (zone)", "sum without (le)"] {
        let said = said(&format!(
            "histogram_quantile(0.9, {lost} (rate(latency_seconds_bucket[5m]))) > 1"
        ));
        assert!(
            said.len() == 1 && said[0].contains("`le` is aggregated away"),
            "{lost}: {said:?}"
        );
    }
}

#[test]
fn metrics_that_nobody_reports_are_named() {
    let of = |name: &str| format!("no configured check describes a metric `{name}`, and no rule records it");
    assert_eq!(said("depht > 1"), [format!("1: {}", of("depht"))]);
    assert_eq!(
        said("depth > 1 and rate(works_total[5m]) > 1 or zone:depth:max"),
        [
            format!("20: {}", of("works_total")),
            format!("44: {}", of("zone:depth:max"))
        ]
    );
    let unknown = Lints {
        metrics: None,
        ..lints()
    };
    assert_eq!(said_with("depht > 1", &unknown), Vec::<String>::new());
}

#[test]
fn what_lies_beyond_history_is_said_with_the_setting() {
    let beyond = |back: &str| format!("this looks back {back}, and history keeps 6h of what rules read");
    assert_eq!(said("max_over_time(depth[7h]) > 1"), [format!("15: {}", beyond("7h"))]);
    assert_eq!(said("depth > depth offset 1d"), [format!("9: {}", beyond("1d5m"))]);
    assert_eq!(
        said("max_over_time(sum(rate(work_total[5m] offset 1h))[5h:1m]) > 1"),
        [format!("24: {}", beyond("6h5m"))]
    );
    assert_eq!(
        said("depth offset -5m > 1"),
        ["1: this looks into the future, where there is no sample yet"]
    );
    let more = Lints {
        retention: 48 * 3_600_000,
        ..lints()
    };
    assert_eq!(said_with("depth > depth offset 1d", &more), Vec::<String>::new());
}

#[test]
fn windows_that_seldom_hold_two_samples_are_named() {
    let said = said("irate(work_total[29s]) > 1 and last_over_time(depth[20s])");
    assert_eq!(
        said,
        ["7: a window of 29s seldom holds the two samples that this function needs: history has one every 15s"]
    );
}

#[test]
fn a_window_that_is_mostly_empty_and_a_quantile_that_is_none_are_named() {
    assert_eq!(
        said("max_over_time(depth[5s]) > 1"),
        ["15: a window of 5s is empty most of the time: history has a sample every 15s"]
    );
    assert_eq!(said("max_over_time(depth[15s]) > 1"), Vec::<String>::new());
    assert_eq!(said("max_over_time(depth[5s:1s]) > 1"), Vec::<String>::new());
    let none = "no quantile: outside of 0 to 1 the outcome is infinite, whatever is measured";
    for (expr, column) in [
        ("histogram_quantile(95, rate(latency_seconds_bucket[5m])) > 1", 20),
        ("quantile_over_time(1.5, depth[5m]) > 1", 20),
        ("quantile(99, depth) > 1", 10),
    ] {
        assert_eq!(said(expr), [format!("{column}: {none}")], "{expr}");
    }
    assert_eq!(said("quantile(1, depth) > 1"), Vec::<String>::new());
}

#[test]
fn labels_that_change_with_the_value_are_named() {
    let text = "groups:\n- name: g\n  labels: {all: '{{ .Value }}'}\n  rules:\n  - alert: A\n    expr: depth > 1\n    labels:\n      severity: warning\n      now: 'at {{ $value }}'\n      plain: $value\n  - record: a:b\n    expr: depth\n    labels: {v: '{{ $value }}'}\n";
    let said = said_of(text, &lints());
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said.iter()
            .any(|said| said.contains("the label `now` changes with the value")),
        "{said:?}"
    );
    assert!(said.iter().any(|said| said.contains("the label `all`")), "{said:?}");
}

#[test]
fn operands_that_never_meet_are_named() {
    let of =
        |side: &str, label: &str| format!("nothing ever matches here: only the {side} side has the label `{label}`");
    let cases = [
        ("sum by (zone) (depth) / sum(work) > 1", 23, of("left", "zone")),
        ("sum(depth) / sum by (zone) (work) > 1", 12, of("right", "zone")),
        (
            "sum by (zone) (depth) and on (zone, x) sum by (x) (work)",
            23,
            of("left", "zone"),
        ),
        (
            "sum by (zone, x) (depth) / ignoring (zone) sum by (zone) (work) > 1",
            26,
            of("left", "x"),
        ),
        ("hour() > 8 and sum by (zone) (depth)", 12, of("right", "zone")),
        ("sum by (zone) (depth) unless count(work)", 23, of("left", "zone")),
    ];
    for (expr, column, message) in cases {
        assert_eq!(said(expr), [format!("{column}: {message}")], "{expr}");
    }
}

#[test]
fn comparisons_whose_outcome_is_known_are_named() {
    let always = "both sides are constant: this holds, whatever is measured";
    let never = "both sides are constant: this never holds, whatever is measured";
    assert_eq!(said("vector(1) > 0"), [format!("1: {always}")]);
    assert_eq!(said("depth > 1 and on () (vector(0) >= 0)"), [format!("22: {always}")]);
    assert_eq!(said("vector(1) > bool 2"), [format!("1: {never}")]);
    assert_eq!(said("vector(2 * 3) < (5)"), [format!("1: {never}")]);
    assert_eq!(said("1 == bool 1"), [format!("1: {always}")]);
    let nothing = "this never holds: where there is nothing to count there is no element either";
    for expr in [
        "count(depth) == 0",
        "count by (zone) (depth) < 1",
        "(count(depth)) <= 0.5",
        "absent(depth) == 0",
        "count_over_time(depth[5m]) == 0",
    ] {
        assert_eq!(said(expr), [format!("1: {nothing}")], "{expr}");
    }
}

#[test]
fn a_recording_rule_named_like_what_is_reported_is_said_at_its_name() {
    let said = |name: &str| {
        let text = format!("groups:\n- name: g\n  rules:\n  - expr: sum(depth)\n    record: {name}\n");
        said_of(&text, &lints())
    };
    for name in [
        "depth",
        "latency_seconds_sum",
        "up",
        "bellwether_anything",
        "node_memory_x",
    ] {
        let expected =
            format!("7: `{name}` is a metric that is reported: where labels are the same too, nothing is recorded");
        assert_eq!(said(name), [expected]);
    }
    for name in ["zone:depth:sum", "depth_of_all"] {
        assert_eq!(said(name), Vec::<String>::new());
    }
}

#[test]
fn the_same_rule_twice_is_found_and_a_similar_one_is_not() {
    let text = "groups:\n- name: g\n  rules:\n  - {alert: A, expr: depth > 1}\n  - {alert: A, expr: 'depth>1', for: 5m}\n  - {alert: A, expr: depth > 2}\n  - {alert: A, expr: depth > 1, labels: {a: b}}\n  - {alert: B, expr: depth > 1}\n";
    let mut problems = Vec::new();
    let groups = file::read("f.yml", text, 15_000, None, &mut problems);
    let rules: Vec<Arc<Rule>> = groups.iter().flat_map(|group| group.rules.clone()).collect();
    let twice = duplicates(rules.iter());
    let lines: Vec<(&str, &str)> = twice
        .iter()
        .map(|(rule, first)| (rule.location.as_str(), first.location.as_str()))
        .collect();
    assert_eq!(lines, [("f.yml:5", "f.yml:4")]);
}

#[test]
fn nothing_is_unwise_about_the_rules_that_come_with_the_host() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = std::fs::read_dir(root.join("plugins")).unwrap();
    let packs: Vec<std::path::PathBuf> = folders.map(|folder| folder.unwrap().path().join("rules.yml")).collect();
    let examples =
        ["adult-matching", "osakamenesu"].map(|name| root.join(format!("examples/prometheus/{name}.rules.yml")));
    let packs: Vec<std::path::PathBuf> = packs
        .into_iter()
        .filter(|pack| pack.is_file())
        .chain(examples)
        .collect();
    assert!(packs.len() >= 9, "{packs:?}");
    let unknown = Lints {
        metrics: None,
        ..lints()
    };
    for pack in packs {
        let said = said_of(&std::fs::read_to_string(&pack).unwrap(), &unknown);
        assert_eq!(said, Vec::<String>::new(), "{}", pack.display());
    }
}
