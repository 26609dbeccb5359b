//! What a rule's evaluation yields, over samples in memory.

use bellwether_promql::{storage::memory::Memory, value::Point};

use super::*;
use crate::rule::{load::load_text, template::VerdictSeen};

const NOW: i64 = 1_700_000_000_000;

struct Nobody;

impl Answers for Nobody {
    fn query(&self, _text: &str) -> Result<Vec<Sample>, String> {
        Ok(Vec::new())
    }

    fn verdict(&self, _check: &str, _target: &str) -> Option<VerdictSeen> {
        None
    }

    fn is_late(&self) -> bool {
        false
    }
}

fn memory() -> Memory {
    let mut memory = Memory::new();
    for (instance, zone, value) in [("a", "x", 3.0), ("b", "x", 5.0), ("c", "y", 7.0)] {
        let labels = Labels::new([("__name__", "depth"), ("instance", instance), ("zone", zone)]);
        let at = NOW - 10_000;
        memory.append(&labels, Point { at, value });
    }
    memory
}

fn evaluated(rule: &str, limit: usize) -> Result<Evaluated, RuleProblem> {
    evaluated_over(&memory(), rule, limit)
}

fn evaluated_over(storage: &Memory, rule: &str, limit: usize) -> Result<Evaluated, RuleProblem> {
    let text = format!("groups:\n- name: g\n  rules:\n  - {}\n", rule.replace('\n', "\n    "));
    let (set, _) = load_text("f.yml", &text, 15_000).unwrap();
    let rule = Arc::clone(&set.groups[0].rules[0]);
    let externals = Externals::default();
    let around = Surroundings {
        storage,
        query_offset: 0,
        default_step: 15_000,
        limit,
        externals: &externals,
        stop: &|| false,
        answers: &|| Rc::new(Nobody),
    };
    let moment = Moment {
        at: NOW,
        last: Some(NOW - 15_000),
        interval: 15_000,
        is_first: false,
        hold: None,
    };
    evaluate(
        &rule,
        &mut Query::new(rule.expr.clone()),
        &Alerts::new(),
        &moment,
        &around,
    )
}

fn shown(evaluated: &Evaluated) -> Vec<String> {
    let samples = evaluated.samples.iter();
    samples.map(|(labels, value)| format!("{labels} {value}")).collect()
}

#[test]
fn recording_rules_name_their_series_and_put_their_labels_on() {
    let found = evaluated(
        "record: zone:depth:sum\nexpr: sum by (zone) (depth)\nlabels: {team: ops, zone: ''}",
        0,
    );
    assert!(
        matches!(found, Err(RuleProblem::Duplicate(_))),
        "both zones lose their label: {found:?}"
    );
    let found = evaluated(
        "record: zone:depth:sum\nexpr: sum by (zone) (depth)\nlabels: {team: ops}",
        0,
    )
    .unwrap();
    assert_eq!(
        shown(&found),
        [
            "zone:depth:sum{team=\"ops\", zone=\"x\"} 8",
            "zone:depth:sum{team=\"ops\", zone=\"y\"} 7"
        ]
    );
    let scalar = evaluated("record: answer\nexpr: 6 * 7", 0).unwrap();
    assert_eq!(shown(&scalar), ["answer 42"]);
}

#[test]
fn alerts_have_the_labels_of_their_element_and_rule_and_texts_of_their_own() {
    let rule = "alert: Deep\nexpr: depth > 4\nlabels: {severity: '{{ if gt $value 6.0 }}page{{ else }}ticket{{ end }}', zone: ''}\n\
                annotations: {summary: '{{ $labels.__name__ }} of {{ $labels.instance }} in {{ $labels.zone }} is {{ $value }}'}";
    let found = evaluated(rule, 0).unwrap();
    let alerts: Vec<(String, String)> = found
        .alerts
        .values()
        .map(|alert| (alert.labels.to_string(), alert.annotations["summary"].to_string()))
        .collect();
    let expected = [
        (
            "{alertname=\"Deep\", instance=\"b\", severity=\"ticket\"}",
            "depth of b in x is 5",
        ),
        (
            "{alertname=\"Deep\", instance=\"c\", severity=\"page\"}",
            "depth of c in y is 7",
        ),
    ];
    assert_eq!(
        alerts,
        expected.map(|(labels, text)| (labels.to_owned(), text.to_owned()))
    );
    assert_eq!(found.samples.len(), 4);
    assert_eq!(found.elements, 2);
}

#[test]
fn a_template_that_fails_does_not_hold_its_alert_back() {
    let found = evaluated(
        "alert: Deep\nexpr: depth > 6\nannotations: {summary: '{{ query \"none\" | first }}'}",
        0,
    )
    .unwrap();
    let alert = found.alerts.values().next().unwrap();
    assert_eq!(alert.state, AlertState::Firing);
    assert!(
        alert.annotations["summary"].starts_with("<error expanding template: "),
        "{:?}",
        alert.annotations
    );
}

#[test]
fn two_elements_that_become_one_fail_the_rule() {
    let problem = evaluated("alert: Deep\nexpr: depth > 1\nlabels: {instance: '', zone: ''}", 0).unwrap_err();
    let said = "two elements have the same labels after those of the rule were put on: {alertname=\"Deep\"}";
    assert_eq!(problem.to_string(), said);
}

#[test]
fn more_than_the_limit_fails_the_rule() {
    let over = evaluated("alert: Deep\nexpr: depth > 1", 2).unwrap();
    assert_eq!(over.problem, Some(RuleProblem::Limit { found: 3, limit: 2 }));
    assert!(over.alerts.is_empty() && over.samples.is_empty());
    assert!(evaluated("alert: Deep\nexpr: depth > 1", 3).unwrap().problem.is_none());
    let recorded = evaluated("record: d\nexpr: depth", 2);
    assert_eq!(recorded, Err(RuleProblem::Limit { found: 3, limit: 2 }));
}

#[test]
fn an_expression_that_fails_says_why() {
    let problem = evaluated("record: d\nexpr: depth + on(zone) depth", 0).unwrap_err();
    assert!(
        matches!(&problem, RuleProblem::Query(said) if said.contains("many-to-many") || said.contains("duplicate")),
        "{problem}"
    );
}

#[test]
fn texts_of_many_alerts_are_limited_together() {
    let many = |count: usize| {
        let mut memory = Memory::new();
        for number in 0..count {
            let labels = Labels::new([("__name__", "depth".to_owned()), ("i", number.to_string())]);
            let at = NOW - 10_000;
            memory.append(&labels, Point { at, value: 1.0 });
        }
        memory
    };
    let rule = "alert: Long\nexpr: depth\nannotations: {long: '{{ printf \"%60000s\" \"x\" }}'}";
    assert_eq!(evaluated_over(&many(1_000), rule, 0).unwrap().alerts.len(), 1_000);
    assert_eq!(evaluated_over(&many(1_200), rule, 0), Err(RuleProblem::TooLong));
}
