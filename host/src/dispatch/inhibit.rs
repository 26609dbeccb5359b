//! Which alerts keep others from being told of: pure, indexed by the values in which both must agree.
//!
//! Flows in: rules, and each alert that begins or ceases to fire. Flows out: who inhibits an alert. As in Alertmanager: a label
//! that is not there is empty, a muted source inhibits all the same, and an alert that is both source and target of a rule is not
//! inhibited by another such.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bellwether_promql::labels::Labels;

use super::{select::Selection, settings::Inhibit};
use crate::{
    alert::{Fingerprint, Matcher},
    rule::inhibition::{Condition, Inhibition},
};

/// The values of the labels that must be equal, in the rule's order.
type Agreement = Vec<Option<Arc<str>>>;

/// Firing sources of a rule that agree.
#[derive(Clone, Debug, Default)]
struct Sources {
    /// Those that are no targets.
    plain: BTreeSet<Fingerprint>,
    /// Those that are.
    both: BTreeSet<Fingerprint>,
}

#[derive(Clone, Debug)]
struct Rule {
    inhibit: Inhibit,
    /// A label that both must have.
    present: Option<Arc<str>>,
    sources: HashMap<Agreement, Sources>,
}

/// All rules with the sources that fire.
#[derive(Clone, Debug, Default)]
pub(super) struct Inhibitor {
    rules: Vec<Rule>,
    by_source: Selection<usize>,
    by_target: Selection<usize>,
}

impl Inhibitor {
    /// Without sources.
    pub(super) fn new(own: &[Inhibit], everywhere: &[Inhibition]) -> Self {
        let mut inhibitor = Self::default();
        let own = own.iter().map(|inhibit| (inhibit.clone(), None));
        for (inhibit, present) in own.chain(everywhere.iter().filter_map(converted)) {
            let at = inhibitor.rules.len();
            inhibitor.by_source.add(at, &inhibit.source);
            inhibitor.by_target.add(at, &inhibit.target);
            inhibitor.rules.push(Rule {
                inhibit,
                present,
                sources: HashMap::new(),
            });
        }
        inhibitor
    }

    /// An alert fires.
    pub(super) fn fires(&mut self, labels: &Labels) {
        let fingerprint = Fingerprint::of(labels);
        self.each_as_source(labels, |sources, is_target| {
            let set = if is_target {
                &mut sources.both
            } else {
                &mut sources.plain
            };
            set.insert(fingerprint);
        });
    }

    /// An alert that fired does not.
    pub(super) fn ceases(&mut self, labels: &Labels) {
        let fingerprint = Fingerprint::of(labels);
        self.each_as_source(labels, |sources, is_target| {
            let set = if is_target {
                &mut sources.both
            } else {
                &mut sources.plain
            };
            set.remove(&fingerprint);
        });
    }

    fn each_as_source(&mut self, labels: &Labels, mut change: impl FnMut(&mut Sources, bool)) {
        let candidates: Vec<usize> = self.by_source.candidates(labels).copied().collect();
        for at in candidates {
            let Some(rule) = self.rules.get_mut(at).filter(|rule| rule.is_source(labels)) else {
                continue;
            };
            let is_target = hold(&rule.inhibit.target, labels);
            let agreement = rule.agreement(labels);
            let sources = rule.sources.entry(agreement.clone()).or_default();
            change(sources, is_target);
            if sources.plain.is_empty() && sources.both.is_empty() {
                rule.sources.remove(&agreement);
            }
        }
    }

    /// An alert that inhibits this one; None: there is none.
    pub(super) fn inhibits(&self, labels: &Labels) -> Option<Fingerprint> {
        let found = self.by_target.candidates(labels).filter_map(|at| self.rules.get(*at));
        found.filter_map(|rule| rule.inhibits(labels)).next()
    }
}

impl Rule {
    fn is_source(&self, labels: &Labels) -> bool {
        hold(&self.inhibit.source, labels) && self.has_present(labels)
    }

    fn has_present(&self, labels: &Labels) -> bool {
        self.present.as_ref().is_none_or(|name| labels.get(name).is_some())
    }

    fn agreement(&self, labels: &Labels) -> Agreement {
        let values = self.inhibit.equal.iter().map(|name| labels.get(name).cloned());
        values.collect()
    }

    fn inhibits(&self, labels: &Labels) -> Option<Fingerprint> {
        if self.sources.is_empty() || !hold(&self.inhibit.target, labels) || !self.has_present(labels) {
            return None;
        }
        let sources = self.sources.get(&self.agreement(labels))?;
        let by_plain = sources.plain.first().copied();
        by_plain.or_else(|| {
            let by_both = sources.both.first().copied()?;
            (!hold(&self.inhibit.source, labels)).then_some(by_both)
        })
    }
}

fn hold(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

/// What holds for every host, as a rule like others. None: a condition that is none, which no table has.
fn converted(rule: &Inhibition) -> Option<(Inhibit, Option<Arc<str>>)> {
    let equal = rule.equal.iter().chain(rule.subject).map(|name| (*name).into());
    let inhibit = Inhibit {
        source: conditions(rule.source)?,
        target: conditions(rule.target)?,
        equal: equal.collect(),
    };
    Some((inhibit, Some(rule.present.into())))
}

fn conditions(all: &[Condition]) -> Option<Vec<Matcher>> {
    all.iter().map(Condition::matcher).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rule::inhibition::INHIBITIONS;

    fn labels(text: &str) -> Labels {
        Labels::new(text.split(',').filter_map(|label| label.split_once('=')))
    }

    fn rule(source: &str, target: &str, equal: &[&str]) -> Inhibit {
        Inhibit {
            source: Matcher::parse_list(source).unwrap(),
            target: Matcher::parse_list(target).unwrap(),
            equal: equal.iter().map(|name| (*name).into()).collect(),
        }
    }

    #[test]
    fn a_target_is_muted_while_a_source_that_agrees_fires() {
        let mut inhibitor = Inhibitor::new(&[rule("s=1", "t=1", &["e"])], &[]);
        let (source, target) = (labels("s=1,e=x"), labels("t=1,e=x"));
        assert_eq!(inhibitor.inhibits(&target), None);
        inhibitor.fires(&source);
        assert_eq!(inhibitor.inhibits(&target), Some(Fingerprint::of(&source)));
        assert_eq!(inhibitor.inhibits(&labels("t=1,e=y")), None);
        assert_eq!(inhibitor.inhibits(&labels("t=1")), None);
        inhibitor.ceases(&source);
        assert_eq!(inhibitor.inhibits(&target), None);
        assert!(inhibitor.rules[0].sources.is_empty());
    }

    #[test]
    fn what_neither_has_counts_as_agreement() {
        let mut inhibitor = Inhibitor::new(&[rule("s=1", "t=1", &["e", "f"])], &[]);
        inhibitor.fires(&labels("s=1,f=x"));
        assert!(inhibitor.inhibits(&labels("t=1,f=x")).is_some());
        assert!(inhibitor.inhibits(&labels("t=1,f=x,e=y")).is_none());
    }

    #[test]
    fn alerts_on_both_sides_do_not_inhibit_each_other() {
        let mut inhibitor = Inhibitor::new(&[rule("s=1", "t=1", &["e"])], &[]);
        let both = labels("s=1,t=1,e=x");
        inhibitor.fires(&both);
        assert_eq!(inhibitor.inhibits(&both), None, "not itself");
        assert_eq!(inhibitor.inhibits(&labels("s=1,t=1,e=x,z=1")), None);
        assert!(inhibitor.inhibits(&labels("t=1,e=x")).is_some(), "but a plain target");
        inhibitor.fires(&labels("s=1,e=x"));
        assert!(inhibitor.inhibits(&both).is_some(), "a plain source inhibits both");
    }

    #[test]
    fn what_holds_for_every_host_holds_as_its_table_says() {
        let alert = |name: &str, severity: &str, check: &str| {
            labels(&format!("alertname={name},severity={severity},check={check}"))
        };
        let everything = [
            alert("Disk", "critical", "a"),
            alert("Disk", "warning", "a"),
            alert("Disk", "warning", "b"),
            alert("CheckDown", "critical", "a"),
            alert("CheckDown", "critical", "b"),
            labels("alertname=Own,severity=critical"),
            labels("alertname=Own,severity=warning"),
        ];
        for source in &everything {
            let mut inhibitor = Inhibitor::new(&[], INHIBITIONS);
            inhibitor.fires(source);
            for target in &everything {
                let expected = INHIBITIONS.iter().any(|rule| rule.silences(source, target));
                assert_eq!(inhibitor.inhibits(target).is_some(), expected, "{source} {target}");
            }
        }
    }

    /// As Alertmanager has it, without an index.
    fn by_search(rule: &Inhibit, sources: &[Labels], target: &Labels) -> bool {
        let value = |labels: &Labels, name: &str| labels.get(name).map_or(String::new(), ToString::to_string);
        hold(&rule.target, target)
            && sources.iter().any(|source| {
                hold(&rule.source, source)
                    && rule.equal.iter().all(|name| value(source, name) == value(target, name))
                    && !(hold(&rule.source, target) && hold(&rule.target, source))
            })
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_search_finds(
            alerts in prop::collection::vec(prop::collection::vec(("[abe]", "[12]"), 1..4), 1..8),
            ended in 0_usize..8,
        ) {
            let alerts: Vec<Labels> = alerts
                .iter()
                .map(|pairs| Labels::new(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
                .collect();
            let rules = [rule("a=1", "b=1", &["e"]), rule(r#"a=~"1|2""#, "a!=1", &[]), rule("e!=1", "b=2", &["a"])];
            let mut inhibitor = Inhibitor::new(&rules, &[]);
            alerts.iter().for_each(|labels| inhibitor.fires(labels));
            let over = alerts.get(ended).cloned();
            over.iter().for_each(|labels| inhibitor.ceases(labels));
            let firing: Vec<Labels> = alerts.iter().filter(|labels| Some(*labels) != over.as_ref()).cloned().collect();
            for target in &alerts {
                let expected = rules.iter().any(|rule| by_search(rule, &firing, target));
                prop_assert_eq!(inhibitor.inhibits(target).is_some(), expected, "{}", target);
            }
        }
    }
}
