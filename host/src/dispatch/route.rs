//! From the labels of an alert to who hears of it: pure.
//!
//! Flows in: [`Settings`] once, labels for each alert. Flows out: the routes that apply and, for each, the group the alert belongs to.
//! As in Alertmanager: depth first, the first child that matches wins unless it goes on, a node without a matching child applies itself.

use std::{collections::HashMap, sync::Arc};

use bellwether_promql::labels::Labels;
use sha2::{Digest, Sha256};

use super::settings::{GroupBy, Route, Settings, Timings};
use crate::alert::{Matcher, TimeInterval};

/// The id of `[alerting]`, which applies where no route matches.
const TOP: &str = "{}";

/// Longest id in bytes; a longer path of matchers is replaced by its hash, because ids stand in every message and row.
const ID_BYTES_MAX: usize = 200;

/// One route with everything that it inherits.
#[derive(Clone, Debug)]
pub struct Node {
    /// The same as long as its name is, or its matchers and those above it.
    pub id: Arc<str>,
    /// Who is told, each once.
    pub receivers: Vec<Arc<str>>,
    /// When.
    pub timings: Timings,
    group_by: GroupBy,
    matchers: Vec<Matcher>,
    goes_on: bool,
    children: Vec<usize>,
    mute: Vec<Named>,
    active: Vec<Named>,
}

/// A time interval with its name.
type Named = (Arc<str>, TimeInterval);

/// All routes.
#[derive(Clone, Debug)]
pub struct Routes {
    /// The first is `[alerting]`.
    nodes: Vec<Node>,
}

impl Routes {
    /// From settings.
    pub fn new(settings: &Settings) -> Self {
        let top = Node {
            id: TOP.into(),
            receivers: known(&settings.receivers, settings),
            timings: settings.timings,
            group_by: settings.group_by.clone(),
            matchers: Vec::new(),
            goes_on: false,
            children: Vec::new(),
            mute: intervals(&settings.mute_times, settings),
            active: intervals(&settings.active_times, settings),
        };
        let mut nodes = vec![top];
        let mut ids: HashMap<Arc<str>, u32> = HashMap::new();
        for route in &settings.routes {
            let own = nodes.len();
            // The configuration has parents first; what points elsewhere stands at the top.
            let parent = route.parent.map_or(0, |at| at + 1);
            let parent = if parent < own { parent } else { 0 };
            let Some(above) = nodes.get_mut(parent) else { continue };
            above.children.push(own);
            let node = inherited(route, above, settings, &mut ids);
            nodes.push(node);
        }
        Self { nodes }
    }

    /// The places of the routes that apply to labels, for [`Routes::node`], in order. Never empty.
    pub fn of(&self, labels: &Labels) -> Vec<usize> {
        let mut found = Vec::with_capacity(1);
        self.walk(0, labels, &mut found);
        found
    }

    fn walk(&self, at: usize, labels: &Labels, found: &mut Vec<usize>) {
        let Some(node) = self.nodes.get(at) else { return };
        let before = found.len();
        for child in &node.children {
            let Some(route) = self.nodes.get(*child) else { continue };
            if !route.matchers.iter().all(|matcher| matcher.matches(labels)) {
                continue;
            }
            self.walk(*child, labels, found);
            if !route.goes_on {
                break;
            }
        }
        if found.len() == before {
            found.push(at);
        }
    }

    /// One of them.
    pub fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// All, with their places.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate()
    }
}

impl Node {
    /// What tells the group of these labels from others of the route.
    pub fn group_labels(&self, labels: &Labels) -> Labels {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.filtered(|name| names.iter().any(|own| **own == *name)),
        }
    }

    /// What tells a group from all others of the receiver.
    pub fn group_key(&self, group_labels: &Labels) -> Arc<str> {
        format!("{}:{group_labels}", self.id).into()
    }

    /// Whether nobody is to be told at this time.
    pub fn is_off_hours(&self, now: i64) -> bool {
        self.mute.iter().any(|(_, interval)| interval.contains(now)) || self.is_inactive(now)
    }

    /// Names of the intervals for which nobody is to be told at this time: those it is in, or all those of which it is in none.
    pub fn muted_by(&self, now: i64) -> Vec<Arc<str>> {
        let muting = self.mute.iter().filter(|(_, interval)| interval.contains(now));
        let inactive = self.active.iter().filter(|_| self.is_inactive(now));
        muting.chain(inactive).map(|(name, _)| Arc::clone(name)).collect()
    }

    fn is_inactive(&self, now: i64) -> bool {
        !self.active.is_empty() && !self.active.iter().any(|(_, interval)| interval.contains(now))
    }
}

fn inherited(route: &Route, parent: &Node, settings: &Settings, ids: &mut HashMap<Arc<str>, u32>) -> Node {
    let receivers = match &route.receivers {
        Some(own) => known(own, settings),
        None => parent.receivers.clone(),
    };
    Node {
        id: unique(&id(route, parent), ids),
        receivers,
        timings: Timings {
            group_wait: route.group_wait.unwrap_or(parent.timings.group_wait),
            group_interval: route.group_interval.unwrap_or(parent.timings.group_interval),
            repeat_interval: route.repeat_interval.unwrap_or(parent.timings.repeat_interval),
        },
        group_by: route.group_by.clone().unwrap_or_else(|| parent.group_by.clone()),
        matchers: route.matchers.clone(),
        goes_on: route.goes_on,
        children: Vec::new(),
        mute: intervals(&route.mute_times, settings),
        active: intervals(&route.active_times, settings),
    }
}

/// Its name, or the path of matchers, as Alertmanager keys its routes.
fn id(route: &Route, parent: &Node) -> String {
    if let Some(name) = &route.name {
        return name.to_string();
    }
    let matchers: Vec<String> = route.matchers.iter().map(ToString::to_string).collect();
    let path = format!("{}/{{{}}}", parent.id, matchers.join(","));
    if path.len() <= ID_BYTES_MAX {
        return path;
    }
    let hash = Sha256::digest(path.as_bytes());
    let digits: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{TOP}/{digits}")
}

/// Routes that are written alike are told apart by their order.
fn unique(id: &str, ids: &mut HashMap<Arc<str>, u32>) -> Arc<str> {
    let count = ids.entry(id.into()).or_default();
    *count += 1;
    match *count {
        1 => id.into(),
        number => format!("{id}#{number}").into(),
    }
}

fn known(receivers: &[Arc<str>], settings: &Settings) -> Vec<Arc<str>> {
    let mut kept: Vec<Arc<str>> = Vec::with_capacity(receivers.len());
    for receiver in receivers {
        if settings.known.contains_key(receiver) && !kept.contains(receiver) {
            kept.push(Arc::clone(receiver));
        }
    }
    kept
}

fn intervals(names: &[Arc<str>], settings: &Settings) -> Vec<Named> {
    let found = names.iter().filter_map(|name| settings.intervals.get_key_value(name));
    found
        .map(|(name, interval)| (Arc::clone(name), interval.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::settings::ReceiverTraits;

    fn route(name: &str, parent: Option<usize>, matchers: &str, receivers: &[&str]) -> Route {
        Route {
            name: (!name.is_empty()).then(|| name.into()),
            parent,
            matchers: Matcher::parse_list(matchers).unwrap(),
            receivers: (!receivers.is_empty()).then(|| receivers.iter().map(|name| (*name).into()).collect()),
            ..Route::default()
        }
    }

    fn settings(routes: Vec<Route>) -> Settings {
        let known = ["ops", "pager", "mail", "dba"];
        Settings {
            receivers: vec!["ops".into()],
            known: known
                .iter()
                .map(|name| ((*name).into(), ReceiverTraits::default()))
                .collect(),
            routes,
            ..Settings::default()
        }
    }

    fn told(routes: &Routes, labels: &str) -> Vec<String> {
        let labels = labels.split(',').filter_map(|label| label.split_once('='));
        let found = routes.of(&Labels::new(labels));
        let nodes = found.iter().filter_map(|at| routes.node(*at));
        nodes
            .map(|node| format!("{} {}", node.id, node.receivers.join("+")))
            .collect()
    }

    #[test]
    fn the_first_match_wins_unless_it_goes_on() {
        let mut first = route("first", None, "severity=critical", &["pager"]);
        let second = route("second", None, "team=db", &["dba"]);
        let one = Routes::new(&settings(vec![first.clone(), second.clone()]));
        assert_eq!(told(&one, "severity=critical,team=db"), ["first pager"]);
        assert_eq!(told(&one, "team=db"), ["second dba"]);
        assert_eq!(told(&one, "team=web"), ["{} ops"]);
        first.goes_on = true;
        let both = Routes::new(&settings(vec![first, second]));
        assert_eq!(told(&both, "severity=critical,team=db"), ["first pager", "second dba"]);
        assert_eq!(told(&both, "severity=critical"), ["first pager"]);
    }

    #[test]
    fn children_inherit_all_but_times_and_refine_their_parent() {
        let mut parent = route("db", None, "team=db", &["dba"]);
        parent.group_wait = Some(1);
        parent.group_by = Some(GroupBy::All);
        parent.mute_times = vec!["always".into()];
        let child = route("", Some(0), "severity=critical", &["pager", "pager", "nobody"]);
        let mut quiet = route("quiet", Some(0), "severity=info", &[]);
        quiet.repeat_interval = Some(7);
        let mut settings = settings(vec![parent, child, quiet]);
        let always = TimeInterval {
            any: vec![crate::alert::times::Period::default()],
        };
        settings.intervals = [("always".into(), always)].into();
        let routes = Routes::new(&settings);
        assert_eq!(told(&routes, "team=db"), ["db dba"]);
        assert_eq!(
            told(&routes, "team=db,severity=critical"),
            [r#"db/{severity="critical"} pager"#]
        );
        assert_eq!(told(&routes, "severity=critical"), ["{} ops"]);
        let labels = Labels::new([("team", "db"), ("severity", "info")]);
        let node = routes.node(routes.of(&labels)[0]).unwrap();
        assert_eq!((node.timings.group_wait, node.timings.repeat_interval), (1, 7));
        assert_eq!(node.group_labels(&labels), labels);
        assert!(!node.is_off_hours(0) && routes.node(1).unwrap().is_off_hours(0));
    }

    #[test]
    fn ids_follow_matchers_and_not_places() {
        let ids = |routes: Vec<Route>| -> Vec<String> {
            let routes = Routes::new(&settings(routes));
            routes.iter().map(|(_, node)| node.id.to_string()).collect()
        };
        let a = route("", None, "a=1", &["ops"]);
        let b = route("", None, r#"b=~"x|y""#, &["mail"]);
        assert_eq!(
            ids(vec![a.clone(), b.clone()]),
            ["{}", r#"{}/{a="1"}"#, r#"{}/{b=~"x|y"}"#]
        );
        assert_eq!(ids(vec![b.clone(), a.clone()])[2], ids(vec![a.clone(), b])[1]);
        assert_eq!(ids(vec![a.clone(), a])[2], r#"{}/{a="1"}#2"#);
        let long = route("", None, &format!("a={}", "x".repeat(400)), &["ops"]);
        assert!(ids(vec![long]).iter().all(|id| id.len() < 30));
    }

    #[test]
    fn groups_are_told_apart_by_the_labels_asked_for() {
        let routes = Routes::new(&settings(Vec::new()));
        let node = routes.node(0).unwrap();
        let labels = Labels::new([("alertname", "Disk"), ("instance", "a")]);
        let group = node.group_labels(&labels);
        assert_eq!(&*node.group_key(&group), r#"{}:{alertname="Disk"}"#);
        assert_eq!(&*node.group_key(&node.group_labels(&Labels::default())), "{}:{}");
    }
}
