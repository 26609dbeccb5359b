//! `[[route]]`: the tree that alerts go down.
//!
//! Routes stand in a flat list and name their parents. Flows in: that list. Flows out: the same with parents before children,
//! what was left out inherited, and every name followed.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use super::{
    super::{
        reader::Reader,
        reading::Reading,
        resolved::{GroupBy, Route, Timings},
        source::{At, Span},
        tree::Table,
        units::show_duration,
        vocabulary::{ALERTING, ROUTE},
        wording::excerpt,
    },
    FileDefaults, Names, words,
};
use crate::alert::{ALERT_NAME, Matcher};

/// Most routes: an alert is held against each of them at most.
pub const ROUTES_MAX: usize = 10_000;

/// After the first alert of a group, others may join it for so long, unless the file says otherwise: as in Alertmanager.
pub const GROUP_WAIT_DEFAULT: Duration = Duration::from_secs(30);

/// From news to news about a group, unless the file says otherwise: as in Alertmanager.
pub const GROUP_INTERVAL_DEFAULT: Duration = Duration::from_secs(300);

/// From one message to the next that says the same, unless the file says otherwise: as in Alertmanager.
pub const REPEAT_INTERVAL_DEFAULT: Duration = Duration::from_secs(4 * 3_600);

/// Who waits longer than a day before the first word wants a report.
const GROUP_WAIT: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(24 * 3_600);

/// Faster than once a second, nothing changes.
const GROUP_INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3_600);

/// A year is never.
const REPEAT_INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 3_600);

/// Most labels of `group_by`.
const GROUP_BY_MAX: usize = 100;

/// Routes that others are held against, to find those that nothing reaches: it is quadratic.
const TAKERS_MAX: usize = 500;

/// Every label there is.
const ALL_LABELS: &str = "...";

/// What is inherited, as a file says it.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct FilePolicy {
    pub(in super::super) group_by: Option<FileGroupBy>,
    pub(in super::super) group_wait: Option<Duration>,
    pub(in super::super) group_interval: Option<Duration>,
    pub(in super::super) repeat_interval: Option<At<Duration>>,
}

/// `group_by`.
#[derive(Clone, Debug)]
pub(in super::super) struct FileGroupBy(pub(in super::super) GroupBy);

/// Below which route another stands.
#[derive(Clone, Debug)]
pub(in super::super) enum Parent {
    /// Below `[alerting]` itself.
    Root,
    /// The route of that name.
    Named(At<String>),
    /// The route with that index.
    At(usize),
}

/// A route as a file says it.
#[derive(Clone, Debug)]
pub(in super::super) struct FileRoute {
    pub(in super::super) span: Span,
    pub(in super::super) name: Option<At<String>>,
    pub(in super::super) parent: Parent,
    pub(in super::super) matchers: Vec<Matcher>,
    pub(in super::super) receivers: Option<Vec<At<String>>>,
    pub(in super::super) goes_on: bool,
    pub(in super::super) policy: FilePolicy,
    pub(in super::super) mute_times: Vec<At<String>>,
    pub(in super::super) active_times: Vec<At<String>>,
}

impl FilePolicy {
    /// Takes what it has not from `other`.
    pub(super) fn inherit(&mut self, other: Self) {
        self.group_by = self.group_by.take().or(other.group_by);
        self.group_wait = self.group_wait.or(other.group_wait);
        self.group_interval = self.group_interval.or(other.group_interval);
        self.repeat_interval = self.repeat_interval.take().or(other.repeat_interval);
    }
}

impl FileRoute {
    /// What everybody may see of it.
    pub(super) fn seen(&self) -> (Span, String) {
        let name = self.name.iter().map(|name| name.value.clone());
        let all: Vec<String> = name.chain(self.matchers.iter().map(ToString::to_string)).collect();
        (self.span, all.join(" "))
    }

    /// The same in a list in which `before` others stand before its own.
    pub(super) fn moved(mut self, before: usize) -> Self {
        if let Parent::At(index) = &mut self.parent {
            *index += before;
        }
        self
    }
}

/// The timings and `group_by` of a route or of `[alerting]`.
pub(super) fn policy(reader: &Reader<'_, '_>) -> FilePolicy {
    FilePolicy {
        group_by: group_by(reader),
        group_wait: reader.duration("group_wait", &GROUP_WAIT).map(|given| given.value),
        group_interval: reader
            .duration("group_interval", &GROUP_INTERVAL)
            .map(|given| given.value),
        repeat_interval: reader.duration("repeat_interval", &REPEAT_INTERVAL),
    }
}

fn group_by(reader: &Reader<'_, '_>) -> Option<FileGroupBy> {
    let names = reader.strings("group_by")?;
    group_by_of(reader.reading, &names).map(FileGroupBy)
}

/// Names of labels, or `...` alone. `None`: a problem was noted.
pub(in super::super) fn group_by_of(reading: &Reading<'_>, names: &[At<String>]) -> Option<GroupBy> {
    if let Some(all) = names.iter().find(|name| name.value == ALL_LABELS) {
        if names.len() > 1 {
            let message = format!("`{ALL_LABELS}` stands for every label, and others stand beside it");
            reading.error(all.span, message, "keep it alone, or remove it".to_owned());
        }
        return Some(GroupBy::All);
    }
    if let Some(one) = names.get(GROUP_BY_MAX) {
        let message = format!(
            "`group_by` has {} labels; at most {GROUP_BY_MAX} are accepted",
            names.len()
        );
        let hint = format!("\"{ALL_LABELS}\" stands for every label");
        reading.error(one.span, message, hint);
    }
    let labels: Option<BTreeSet<Arc<str>>> = names.iter().map(|name| words::label_name(reading, name)).collect();
    labels.map(GroupBy::Labels)
}

pub(super) fn read(reading: &Reading<'_>, main: &Table) -> Vec<FileRoute> {
    words::tables(reading, main, "route", ROUTES_MAX)
        .into_iter()
        .map(|table| one(&Reader::new(reading, table, &ROUTE, &["route"])))
        .collect()
}

fn one(reader: &Reader<'_, '_>) -> FileRoute {
    let texts = |key| reader.strings(key).unwrap_or_default();
    FileRoute {
        span: reader.table.span,
        name: reader.string("name"),
        parent: reader.string("parent").map_or(Parent::Root, Parent::Named),
        matchers: words::read_matchers(reader, "match").unwrap_or_default(),
        receivers: reader.strings("receivers"),
        goes_on: reader.boolean("continue").is_some_and(|given| given.value),
        policy: policy(reader),
        mute_times: texts("mute_times"),
        active_times: texts("active_times"),
    }
}

/// The root, and every route that hangs below it.
pub(super) fn resolve(
    reading: &Reading<'_>,
    defaults: &FileDefaults,
    routes: &[FileRoute],
    names: &Names<'_>,
) -> (Route, Vec<Route>) {
    let root = root(reading, defaults, names);
    warn_of_nobody(reading, defaults, routes);
    let children = Children::of(reading, routes);
    let mut walk = Walk {
        reading,
        routes,
        names,
        children: &children.below,
        reached: vec![false; routes.len()],
        resolved: Vec::with_capacity(routes.len()),
    };
    walk.all(&root);
    let (reached, resolved) = (walk.reached, walk.resolved);
    // What is wrong in them is said all the same.
    for route in routes
        .iter()
        .zip(&reached)
        .filter(|(_, reached)| !**reached)
        .map(|(route, _)| route)
    {
        names.receivers(reading, route.receivers.as_deref().unwrap_or_default());
        names.intervals(reading, &route.mute_times);
        names.intervals(reading, &route.active_times);
    }
    for at in (0..routes.len()).filter(|at| !reached[*at] && children.is_below_itself(routes, *at)) {
        let span = routes[at].span;
        let message = "this route is below itself: its parents lead back to it";
        let hint = "one of them stands below [alerting] itself: remove its `parent`".to_owned();
        reading.error(span, message, hint);
    }
    (root, resolved)
}

fn root(reading: &Reading<'_>, defaults: &FileDefaults, names: &Names<'_>) -> Route {
    let policy = &defaults.policy;
    let group_by = policy.group_by.clone().map(|given| given.0);
    let timings = Timings {
        group_wait: policy.group_wait.unwrap_or(GROUP_WAIT_DEFAULT),
        group_interval: policy.group_interval.unwrap_or(GROUP_INTERVAL_DEFAULT),
        repeat_interval: policy
            .repeat_interval
            .as_ref()
            .map_or(REPEAT_INTERVAL_DEFAULT, |given| given.value),
    };
    warn_of_short_repeats(reading, policy, &timings);
    let place = defaults.place.map(|span| reading.sources.file_and_line(span));
    Route {
        name: None,
        parent: None,
        matchers: Vec::new(),
        receivers: names.receivers(reading, defaults.receivers.as_deref().unwrap_or_default()),
        goes_on: false,
        group_by: group_by.unwrap_or_else(|| GroupBy::Labels([Arc::from(ALERT_NAME)].into())),
        timings,
        mute_times: Vec::new(),
        active_times: Vec::new(),
        location: place.unwrap_or_default(),
    }
}

/// A message that says the same is due no earlier than one that says something new.
fn warn_of_short_repeats(reading: &Reading<'_>, policy: &FilePolicy, timings: &Timings) {
    if let Some(given) = policy
        .repeat_interval
        .as_ref()
        .filter(|_| timings.repeat_interval < timings.group_interval)
    {
        let interval = show_duration(timings.group_interval);
        let message =
            format!("`repeat_interval` is shorter than `group_interval`, which is {interval}, and counts as that");
        let hint = "a group is looked at every `group_interval`: shorten that as well".to_owned();
        reading.warn(given.span, message, hint);
    }
}

fn warn_of_nobody(reading: &Reading<'_>, defaults: &FileDefaults, routes: &[FileRoute]) {
    if let (Some(first), None) = (routes.first(), &defaults.receivers) {
        let message = "alerts that no route takes are heard by nobody: `[alerting]` has no `receivers`";
        let hint = format!(
            "add them to `[{}]`: receivers = [\"NAME\"], or receivers = [] if that is meant",
            ALERTING.path.join(".")
        );
        reading.warn(first.span, message, hint);
    }
}

/// Who stands below whom.
struct Children<'f> {
    names: BTreeMap<&'f str, usize>,
    /// In order; under None, those below the root.
    below: BTreeMap<Option<usize>, Vec<usize>>,
}

impl<'f> Children<'f> {
    /// Notes names that are there twice, and parents that are not there.
    fn of(reading: &Reading<'_>, routes: &'f [FileRoute]) -> Self {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, route) in routes.iter().enumerate() {
            let Some(name) = &route.name else { continue };
            match names.get(name.value.as_str()) {
                None => {
                    names.insert(&name.value, at);
                }
                Some(first) => {
                    let place = reading.sources.file_and_line(routes[*first].span);
                    let message = format!("there is a route `{}` already, in {place}", excerpt(&name.value));
                    reading.error(name.span, message, "rename one".to_owned());
                }
            }
        }
        let mut below: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
        for (at, route) in routes.iter().enumerate() {
            let parent = match &route.parent {
                Parent::Root => None,
                Parent::At(parent) => Some(*parent),
                Parent::Named(parent) => match names.get(parent.value.as_str()) {
                    Some(found) => Some(*found),
                    None => {
                        words::unknown(reading, "route", parent, names.keys().copied());
                        continue;
                    }
                },
            };
            below.entry(parent).or_default().push(at);
        }
        Self { names, below }
    }

    /// Whether its parents lead back to it.
    fn is_below_itself(&self, routes: &[FileRoute], at: usize) -> bool {
        let mut above = at;
        for _ in 0..routes.len() {
            let Parent::Named(parent) = &routes[above].parent else {
                return false;
            };
            match self.names.get(parent.value.as_str()) {
                Some(found) if *found == at => return true,
                Some(found) => above = *found,
                None => return false,
            }
        }
        false
    }
}

/// Down the tree, a parent before its children.
struct Walk<'w, 'e> {
    reading: &'w Reading<'e>,
    routes: &'w [FileRoute],
    names: &'w Names<'w>,
    children: &'w BTreeMap<Option<usize>, Vec<usize>>,
    reached: Vec<bool>,
    resolved: Vec<Route>,
}

impl Walk<'_, '_> {
    /// Whole branches one after the other. A list instead of calls: a chain may be as long as there are routes.
    fn all(&mut self, root: &Route) {
        let mut due: Vec<(usize, Option<usize>)> = Vec::new();
        self.push_children(None, None, &mut due);
        while let Some((at, parent)) = due.pop() {
            self.reached[at] = true;
            let above = parent.map_or(root, |parent: usize| &self.resolved[parent]);
            let route = self.one(&self.routes[at], parent, above);
            self.resolved.push(route);
            let own = self.resolved.len() - 1;
            self.push_children(Some(at), Some(own), &mut due);
        }
    }

    fn push_children(&self, of: Option<usize>, parent: Option<usize>, due: &mut Vec<(usize, Option<usize>)>) {
        let Some(children) = self.children.get(&of) else { return };
        if !self.reading.failed() {
            self.warn_of_unreachable(children);
        }
        due.extend(children.iter().rev().map(|child| (*child, parent)));
    }

    fn one(&self, file: &FileRoute, parent: Option<usize>, above: &Route) -> Route {
        let policy = &file.policy;
        let timings = Timings {
            group_wait: policy.group_wait.unwrap_or(above.timings.group_wait),
            group_interval: policy.group_interval.unwrap_or(above.timings.group_interval),
            repeat_interval: policy
                .repeat_interval
                .as_ref()
                .map_or(above.timings.repeat_interval, |given| given.value),
        };
        warn_of_short_repeats(self.reading, policy, &timings);
        let receivers = file.receivers.as_ref();
        Route {
            name: file.name.as_ref().map(|name| name.value.as_str().into()),
            parent,
            matchers: file.matchers.clone(),
            receivers: receivers.map_or_else(
                || above.receivers.clone(),
                |named| self.names.receivers(self.reading, named),
            ),
            goes_on: file.goes_on,
            group_by: policy
                .group_by
                .clone()
                .map_or_else(|| above.group_by.clone(), |given| given.0),
            timings,
            mute_times: self.names.intervals(self.reading, &file.mute_times),
            active_times: self.names.intervals(self.reading, &file.active_times),
            location: self.reading.sources.file_and_line(file.span),
        }
    }

    /// What matches a route matches each with fewer of its matchers as well.
    fn warn_of_unreachable(&self, siblings: &[usize]) {
        let mut taking: Vec<&FileRoute> = Vec::new();
        for route in siblings.iter().map(|at| &self.routes[*at]) {
            let taker = taking
                .iter()
                .find(|taker| taker.matchers.iter().all(|matcher| route.matchers.contains(matcher)));
            match taker {
                Some(taker) => {
                    let place = self.reading.sources.file_and_line(taker.span);
                    let message = format!("nothing reaches this route: that in {place} takes all that it would match");
                    let hint = "put it before that one, or give that one `continue = true`".to_owned();
                    self.reading.warn(route.span, message, hint);
                }
                None if !route.goes_on && taking.len() < TAKERS_MAX => taking.push(route),
                None => {}
            }
        }
    }
}
