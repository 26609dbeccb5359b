//! The rules that come with bundled plugins, and those about the host itself.
//!
//! Flows in: the packs, which plugins the checks of a configuration use and with which prefixes, what `[alerting.bundled]`
//! says, and the user's own groups. Flows out: one group for each plugin and prefix, one for what all packs share, and
//! problems with `[alerting.bundled]`. It is evaluated once however many checks use a plugin: its expressions select by metric.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use bellwether_promql::{
    ast::{Expr, ExprKind, Selector},
    parse,
};

use super::{
    Group, Replaced, Rule, RuleKind,
    check::{self, Places},
    file,
    template::Template,
};
use crate::config::{BundledAlert, Loaded, Location, OnNoData, PluginOrigin, Problem, nearest};

/// How the metrics of the host itself begin: no prefix of a check changes their names.
const HOST_METRICS: &str = "bellwether_";

/// What stands in the place of a file before the name of a pack.
const FILE: &str = "bundled:";

/// The pack of what is the same in all of them.
const SHARED: &str = "host";

/// What the host watches about itself where there are receivers, and about what is pushed to it.
const OF_HOST: Pack = (SHARED, include_str!("../../rules.yml"));

/// Of heartbeats, and of sources of events.
const OF_HEARTBEATS: [&str; 2] = ["HeartbeatMissed", "HeartbeatFailed"];
const OF_SOURCES: [&str; 3] = ["AppErrorRate", "AppSlow", "SourceRefused"];

/// Fires always, so it is evaluated only where somebody asks for it by a table of its own.
const WATCHDOG: &str = "Watchdog";

/// A pack's plugin and its text.
pub(super) type Pack = (&'static str, &'static str);

/// What is read of the packs.
#[derive(Debug, Default)]
pub(super) struct Bundled {
    pub(super) groups: Vec<Group>,
    /// Alerts that a user's own stand in for.
    pub(super) replaced: Vec<Replaced>,
}

/// Reads the packs of all plugins that a configured check uses. `own` are the groups of the user.
pub(super) fn read(loaded: &Loaded, packs: &[Pack], own: &[Group], problems: &mut Vec<Problem>) -> Bundled {
    let alerting = &loaded.config.alerting;
    let interval = i64::try_from(alerting.evaluation_interval.as_millis()).unwrap_or(i64::MAX);
    let changes = changes(loaded, packs, interval, problems);
    if !alerting.bundled_rules {
        return Bundled::default();
    }
    let mut collected = Collected::default();
    collected.shared.extend(of_host(loaded, interval, problems));
    for (plugin, prefixes) in used(loaded) {
        for (_, text) in packs.iter().filter(|(name, _)| *name == plugin) {
            for prefix in prefixes.iter().copied() {
                collected.add(rules_of(plugin, text, interval, problems), plugin, prefix);
            }
        }
    }
    let named: BTreeMap<&str, &str> = own
        .iter()
        .flat_map(|group| &group.rules)
        .filter(|rule| rule.alert().is_some())
        .map(|rule| (&*rule.name, rule.location.as_str()))
        .collect();
    collected.finish(interval, &changes, &named)
}

/// Rules about the host that this configuration has a use for.
fn of_host(loaded: &Loaded, interval: i64, problems: &mut Vec<Problem>) -> Vec<Rule> {
    let config = &loaded.config;
    let is_wanted = |rule: &Arc<Rule>| match &*rule.name {
        WATCHDOG => config.alerting.bundled.contains_key(WATCHDOG),
        heartbeat if OF_HEARTBEATS.contains(&heartbeat) => !config.heartbeats.is_empty(),
        source if OF_SOURCES.contains(&source) => !config.sources.is_empty(),
        _ => !config.dispatch.receivers.is_empty(),
    };
    let (pack, text) = OF_HOST;
    let rules = rules_of(pack, text, interval, problems).into_iter().filter(is_wanted);
    rules
        .map(|rule| {
            let mut rule = Arc::unwrap_or_clone(rule);
            if let RuleKind::Alert(alert) = &mut rule.kind {
                alert.on_no_data = OnNoData::Hold;
            }
            rule
        })
        .collect()
}

/// Plugins that checks use, with the prefixes they are used with.
fn used(loaded: &Loaded) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for check in loaded.config.checks.values() {
        if let PluginOrigin::Bundled(plugin) = &check.plugin.origin {
            used.entry(plugin).or_default().insert(&check.prefix);
        }
    }
    used
}

fn rules_of(plugin: &str, text: &str, interval: i64, problems: &mut Vec<Problem>) -> Vec<Arc<Rule>> {
    let groups = file::read(&format!("{FILE}{plugin}"), text, interval, None, problems);
    groups.into_iter().flat_map(|group| group.rules).collect()
}

/// Rules by group: plugin and prefix.
#[derive(Default)]
struct Collected<'n> {
    shared: Vec<Rule>,
    groups: Vec<(&'n str, &'n str, Vec<Rule>)>,
}

impl<'n> Collected<'n> {
    fn add(&mut self, rules: Vec<Arc<Rule>>, plugin: &'n str, prefix: &'n str) {
        let mut own = Vec::new();
        for rule in rules {
            let mut rule = Arc::unwrap_or_clone(rule);
            if let RuleKind::Alert(alert) = &mut rule.kind {
                alert.on_no_data = OnNoData::Hold;
            }
            let names = own_names(&rule.expr);
            if !names.is_empty() {
                own.extend(prefixed(rule, &names, prefix));
            } else if !self.shared.iter().any(|known| is_same(known, &rule)) {
                self.shared.push(rule);
            }
        }
        self.groups.push((plugin, prefix, own));
    }

    fn finish(self, interval: i64, changes: &BTreeMap<&str, Change<'_>>, own: &BTreeMap<&str, &str>) -> Bundled {
        let mut bundled = Bundled::default();
        let all = std::iter::once((SHARED, "", self.shared)).chain(self.groups);
        for (plugin, prefix, rules) in all {
            let name = match prefix {
                "" => format!("bundled/{plugin}"),
                prefix => format!("bundled/{plugin}/{prefix}"),
            };
            let rules = rules.into_iter().filter_map(|rule| match own.get(&*rule.name) {
                Some(by) => {
                    bundled.replaced.push(Replaced {
                        alert: Arc::clone(&rule.name),
                        by: (*by).to_owned(),
                    });
                    None
                }
                None => changed(rule, changes).map(Arc::new),
            });
            let rules = rules.collect();
            bundled.groups.push(Group {
                name: name.into(),
                file: format!("{FILE}{plugin}").into(),
                is_bundled: true,
                interval,
                query_offset: 0,
                limit: 0,
                rules,
            });
        }
        bundled.replaced.sort();
        bundled.replaced.dedup();
        bundled
    }
}

fn is_same(one: &Rule, other: &Rule) -> bool {
    one.name == other.name && one.text == other.text && one.labels == other.labels
}

/// Where the names of metrics begin that the plugin reports.
fn own_names(expr: &Expr) -> Vec<usize> {
    let mut found = Vec::new();
    names(expr, &mut found);
    found.sort_unstable();
    found
}

fn names(expr: &Expr, found: &mut Vec<usize>) {
    let mut selector = |selector: &Selector| {
        let own = selector.name.as_ref().filter(|name| !name.starts_with(HOST_METRICS));
        found.extend(own.map(|_| expr.span.start));
    };
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => {}
        ExprKind::Selector(inner) | ExprKind::Range { selector: inner, .. } => selector(inner),
        ExprKind::Paren(inner) | ExprKind::Unary { expr: inner, .. } => names(inner, found),
        ExprKind::Binary(binary) => {
            names(&binary.lhs, found);
            names(&binary.rhs, found);
        }
        ExprKind::Aggregate(aggregate) => {
            aggregate.param.iter().for_each(|param| names(param, found));
            names(&aggregate.expr, found);
        }
        ExprKind::Call { args, .. } => args.iter().for_each(|arg| names(arg, found)),
        ExprKind::Subquery(subquery) => names(&subquery.expr, found),
    }
}

/// The rule with a prefix before those names. The prefix begins a metric's name, so that what it makes can be parsed.
fn prefixed(mut rule: Rule, names: &[usize], prefix: &str) -> Option<Rule> {
    if prefix.is_empty() {
        return Some(rule);
    }
    let mut text = rule.text.to_string();
    names.iter().rev().for_each(|at| text.insert_str(*at, prefix));
    rule.expr = parse::parse(&text).ok()?;
    rule.text = text.into();
    Some(rule)
}

/// What `[alerting.bundled.ALERT]` says, with its templates read.
struct Change<'c> {
    said: &'c BundledAlert,
    labels: Vec<(Arc<str>, Template)>,
    annotations: Vec<(Arc<str>, Template)>,
}

fn changes<'l>(
    loaded: &'l Loaded,
    packs: &[Pack],
    interval: i64,
    problems: &mut Vec<Problem>,
) -> BTreeMap<&'l str, Change<'l>> {
    let said = &loaded.config.alerting.bundled;
    if said.is_empty() {
        return BTreeMap::new();
    }
    let rules = packs
        .iter()
        .chain([&OF_HOST])
        .flat_map(|(plugin, text)| rules_of(plugin, text, interval, &mut Vec::new()));
    let known: BTreeSet<Arc<str>> = rules.map(|rule| Arc::clone(&rule.name)).collect();
    let mut changes = BTreeMap::new();
    for (alert, said) in said {
        if !known.contains(alert.as_str()) {
            problems.push(unknown(loaded, alert, &known));
            continue;
        }
        let places = AlertPlaces { loaded, alert };
        let mut read = |key, texts: &BTreeMap<String, String>| {
            let texts: Vec<_> = texts.iter().map(|(name, text)| (name.clone(), text.clone())).collect();
            check::texts(key, &texts, &places, problems)
        };
        let (labels, annotations) = (read("labels", &said.labels), read("annotations", &said.annotations));
        changes.insert(
            alert.as_str(),
            Change {
                said,
                labels,
                annotations,
            },
        );
    }
    changes
}

fn unknown(loaded: &Loaded, alert: &str, known: &BTreeSet<Arc<str>>) -> Problem {
    let hint = match nearest(alert, known.iter().map(|name| &**name)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            "`bellwether validate --print` lists them; rules of your own stand in [[rule]] and in rule files".to_owned()
        }
    };
    let message = format!("no bundled rule is for an alert `{alert}`");
    Problem::at(loaded.locate_bundled(alert, &[], None), message).with_hint(hint)
}

/// The rule as it is to be; None: it is turned off.
fn changed(mut rule: Rule, changes: &BTreeMap<&str, Change<'_>>) -> Option<Rule> {
    let Some(change) = changes.get(&*rule.name) else {
        return Some(rule);
    };
    put_over(&mut rule.labels, &change.labels);
    if let RuleKind::Alert(alert) = &mut rule.kind {
        put_over(&mut alert.annotations, &change.annotations);
        let hold = change
            .said
            .hold
            .map(|hold| i64::try_from(hold.as_millis()).unwrap_or(i64::MAX));
        alert.hold = hold.unwrap_or(alert.hold);
    }
    change.said.enabled.then_some(rule)
}

fn put_over(texts: &mut Vec<(Arc<str>, Template)>, others: &[(Arc<str>, Template)]) {
    texts.retain(|(name, _)| !others.iter().any(|(other, _)| other == name));
    texts.extend(others.iter().cloned());
    texts.sort_by(|one, other| one.0.cmp(&other.0));
}

struct AlertPlaces<'l> {
    loaded: &'l Loaded,
    alert: &'l str,
}

impl Places for AlertPlaces<'_> {
    fn value(&self, path: &[&str], within: Option<Range<usize>>) -> Location {
        self.loaded.locate_bundled(self.alert, path, within)
    }

    fn key(&self, path: &[&str]) -> Location {
        self.loaded.locate_bundled_key(self.alert, path)
    }
}

#[cfg(test)]
#[path = "bundled_tests.rs"]
mod tests;
