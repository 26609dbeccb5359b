//! What a plugin says of itself in files beside its code, its rules, its README and its sample, is held against its description.

use bellwether_sdk::{
    fake::{Fake, assert_readme, assert_rules, assert_sample, json},
    prelude::*,
};

const LOAD: Gauge<0> = Gauge::new("load", "Load.", []);

/// Reports nothing, and describes one metric.
struct Loaded;

impl Check for Loaded {
    const NAME: &'static str = "probe";
    const SUMMARY: &'static str = "Does what a test wants";
    type Settings = NoSettings;

    fn describe(about: &mut Description) {
        about.metric(&LOAD);
    }

    fn run(_: NoSettings) -> Result<Report, Failure> {
        Ok(Report::new())
    }
}

#[test]
fn rules_about_what_is_described_are_fine() {
    assert_rules::<Loaded>(
        "- alert: A\n  expr: avg by (check) (load{check!=\"x\"}) > 1\n  annotations: { summary: '{{ $labels.check }}' }\n",
    );
}

#[test]
fn a_rule_may_ask_whether_the_check_sees_anything() {
    assert_rules::<Loaded>("- alert: A\n  expr: bellwether_check_status{target=\"x\",status=\"unknown\"} == 1\n");
}

#[test]
#[should_panic(expected = "A: `bellwether_check_up` has no label `target`")]
fn a_rule_about_a_label_that_the_hosts_metric_does_not_have_is_refused() {
    assert_rules::<Loaded>("- alert: A\n  expr: bellwether_check_up{target=\"x\"} == 0\n");
}

#[test]
#[should_panic(expected = "A: `lod` is not described")]
fn a_rule_about_a_metric_that_is_not_described_is_refused() {
    assert_rules::<Loaded>("- alert: A\n  expr: lod > 1\n");
}

#[test]
#[should_panic(expected = "A: `load` has no label `cpu`")]
fn a_rule_about_a_label_that_the_metric_does_not_have_is_refused() {
    assert_rules::<Loaded>("- alert: A\n  expr: load{cpu=\"0\"} > 1\n");
}

#[test]
#[should_panic(expected = "A: none of its metrics has a label `cpu`")]
fn a_text_with_a_label_that_no_metric_has_is_refused() {
    assert_rules::<Loaded>("- alert: A\n  expr: load > 1\n  annotations:\n    summary: '{{ $labels.cpu }}'\n");
}

#[test]
fn a_readme_that_names_everything_is_fine() {
    assert_readme::<Loaded>("It reports `load`.");
}

#[test]
#[should_panic(expected = "the README says nothing of metric `load`")]
fn a_readme_that_leaves_a_metric_out_is_refused() {
    assert_readme::<Loaded>("It reports `loads`, and the load.");
}

#[test]
fn a_sample_whose_checks_run_is_fine() {
    let sample = json!({ "check": { "a": { "plugin": "probe" }, "b": { "plugin": "probe", "settings": {} } } });
    let mut runs = 0;
    assert_sample(&sample, |settings| {
        runs += 1;
        Fake::new().run::<Loaded>(settings)
    });
    assert_eq!(runs, 2);
}

#[test]
#[should_panic(expected = "[check.a] is not understood")]
fn a_sample_with_settings_that_are_refused_is_found() {
    let sample = json!({ "check": { "a": { "settings": { "lod": 1 } } } });
    assert_sample(&sample, |settings| Fake::new().run::<Loaded>(settings));
}
