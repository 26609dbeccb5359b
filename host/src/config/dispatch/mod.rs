//! Who hears of which alerts: `[receiver.NAME]`, `[[route]]`, `[[inhibit]]`, `[time_interval.NAME]`, and the keys of `[alerting]` that
//! are about notifications; with what `alertmanager_file` says of the same.
//!
//! Flows in: tables of the main file, and what `alertmanager` read, in the same types. Flows out: a [`Dispatch`] in which every
//! name leads somewhere, or problems. What this configuration says wins over the file of Alertmanager: its routes come
//! first, its receivers and time intervals take the place of those of the same name, its keys that of the file's defaults.
//!
//! It renders no template and sends nothing.

mod email;
mod inhibit;
mod interval;
mod receiver;
mod route;
mod runs;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

pub use inhibit::INHIBITIONS_MAX;
pub use interval::INTERVALS_MAX;
pub use receiver::{RECEIVER_TIMEOUT_DEFAULT, RECEIVERS_MAX};
pub use route::{GROUP_INTERVAL_DEFAULT, GROUP_WAIT_DEFAULT, REPEAT_INTERVAL_DEFAULT, ROUTES_MAX};
pub(super) use {
    email::{is_address, parse_server},
    inhibit::{FileInhibit, inhibit, without},
    interval::{FileInterval, FilePeriod, refuse_twice},
    receiver::FileReceiver,
    route::{FileGroupBy, FilePolicy, FileRoute, Parent, group_by_of},
    runs::follow as follow_runs,
    words::{in_a_line, matchers},
};

use super::{
    Connection,
    connection::{Connections, Shown},
    guest::GuestPlace,
    reader::Reader,
    reading::Reading,
    resolved::Dispatch,
    source::{At, Span},
    tree::Table,
};

/// After this long an alert is over that somebody posted without saying when it ends, unless the file says otherwise.
pub const RESOLVE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(300);

/// Shorter than two evaluations of who posts, an alert would flap; longer than a day, nobody remembers it.
const RESOLVE_TIMEOUT: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(24 * 3_600);

/// Most labels of `redact_labels`: each is looked for in every alert.
const REDACTED_MAX: usize = 100;

/// What the keys of `[alerting]` say.
#[derive(Debug, Default)]
pub(super) struct FileDefaults {
    pub(super) receivers: Option<Vec<At<String>>>,
    pub(super) fallback_receivers: Vec<At<String>>,
    pub(super) policy: FilePolicy,
    pub(super) resolve_timeout: Option<Duration>,
    pub(super) redact_labels: BTreeSet<Arc<str>>,
    /// Where `[alerting]` stands, if it does.
    pub(super) place: Option<Span>,
}

/// All of it as files say it.
#[derive(Debug, Default)]
pub(super) struct FileDispatch {
    pub(super) defaults: FileDefaults,
    pub(super) routes: Vec<FileRoute>,
    pub(super) inhibitions: Vec<FileInhibit>,
    pub(super) intervals: Vec<FileInterval>,
    pub(super) receivers: Vec<FileReceiver>,
    /// What sources of events name, by source.
    pub(super) handed_on: Vec<(String, Vec<At<String>>)>,
}

impl FileDispatch {
    /// Names of its receivers.
    pub(super) fn own_receivers(&self) -> BTreeSet<String> {
        self.receivers.iter().map(|file| file.name.value.clone()).collect()
    }
}

/// What came out of it, with what is needed to speak about it later.
#[derive(Clone, Debug)]
pub(super) struct Dispatching {
    pub(super) dispatch: Dispatch,
    /// Where receivers stand.
    pub(super) places: BTreeMap<String, GuestPlace>,
    /// How their credentials are written.
    pub(super) shown: BTreeMap<Arc<str>, Shown>,
    /// What routes and inhibitions are called and match, for everybody to see.
    pub(super) seen: Vec<(Span, String)>,
    /// Time intervals as written.
    pub(super) periods: BTreeMap<String, Vec<FilePeriod>>,
    /// Receivers that sources of events name and that are there, by source, with their places.
    pub(super) handed_on: BTreeMap<String, Vec<(Arc<str>, Span)>>,
}

pub(super) fn read_defaults(alerting: &Reader<'_, '_>) -> FileDefaults {
    FileDefaults {
        receivers: alerting.strings("receivers"),
        fallback_receivers: alerting.strings("fallback_receivers").unwrap_or_default(),
        policy: route::policy(alerting),
        resolve_timeout: alerting
            .duration("resolve_timeout", &RESOLVE_TIMEOUT)
            .map(|given| given.value),
        redact_labels: words::label_names(alerting, "redact_labels", REDACTED_MAX).unwrap_or_default(),
        place: Some(alerting.table.span),
    }
}

/// The tables of the main file. Names of the connections that receivers use are added to `used`.
pub(super) fn read(
    reading: &Reading<'_>,
    main: &Table,
    defaults: FileDefaults,
    connections: &Connections,
    used: &mut BTreeSet<String>,
) -> FileDispatch {
    FileDispatch {
        defaults,
        routes: route::read(reading, main),
        inhibitions: inhibit::read(reading, main),
        intervals: interval::read(reading, main),
        receivers: receiver::read(reading, main, connections, used),
        handed_on: Vec::new(),
    }
}

/// Puts both together and follows every name.
pub(super) fn resolve(
    reading: &Reading<'_>,
    mut own: FileDispatch,
    other: Option<FileDispatch>,
    heartbeat: Option<Arc<Connection>>,
) -> Dispatching {
    if let Some(other) = other {
        merge(&mut own, other);
    }
    let names = Names::of(&own);
    let (root, routes) = route::resolve(reading, &own.defaults, &own.routes, &names);
    let fallback_receivers = names.receivers(reading, &own.defaults.fallback_receivers);
    let handed_on = own.handed_on.iter();
    let handed_on = handed_on
        .map(|(source, named)| (source.clone(), names.placed(reading, named)))
        .collect();
    receiver::warn_of_unheard(reading, &own);
    let mut places = BTreeMap::new();
    let mut shown = BTreeMap::new();
    let mut receivers = BTreeMap::new();
    for file in own.receivers {
        let name: Arc<str> = Arc::from(file.name.value.as_str());
        places.insert(file.name.value.clone(), file.place);
        shown.extend(file.shown.map(|shown| (Arc::clone(&name), shown)));
        receivers.extend(file.resolved.map(|receiver| (name, Arc::new(receiver))));
    }
    let seen = own.routes.iter().map(FileRoute::seen);
    let seen = seen
        .chain(own.inhibitions.iter().filter_map(FileInhibit::seen))
        .collect();
    let periods = own.intervals.iter();
    let periods = periods
        .map(|file| (file.name.value.clone(), file.periods.clone()))
        .collect();
    let dispatch = Dispatch {
        receivers,
        fallback_receivers,
        root,
        routes,
        inhibitions: own.inhibitions.into_iter().filter_map(|file| file.resolved).collect(),
        intervals: own
            .intervals
            .into_iter()
            .map(|file| (file.name.value.into(), Arc::new(file.interval)))
            .collect(),
        resolve_timeout: own.defaults.resolve_timeout.unwrap_or(RESOLVE_TIMEOUT_DEFAULT),
        redact_labels: own.defaults.redact_labels,
        heartbeat,
    };
    Dispatching {
        dispatch,
        places,
        shown,
        seen,
        periods,
        handed_on,
    }
}

/// What `own` says wins.
fn merge(own: &mut FileDispatch, other: FileDispatch) {
    let defaults = &mut own.defaults;
    defaults.receivers = defaults.receivers.take().or(other.defaults.receivers);
    defaults.policy.inherit(other.defaults.policy);
    defaults.resolve_timeout = defaults.resolve_timeout.or(other.defaults.resolve_timeout);
    let before = own.routes.len();
    own.routes
        .extend(other.routes.into_iter().map(|route| route.moved(before)));
    own.inhibitions.extend(other.inhibitions);
    let names: BTreeSet<String> = own.intervals.iter().map(|file| file.name.value.clone()).collect();
    own.intervals.extend(
        other
            .intervals
            .into_iter()
            .filter(|file| !names.contains(&file.name.value)),
    );
    let names: BTreeSet<String> = own.receivers.iter().map(|file| file.name.value.clone()).collect();
    let replaced = |file: &FileReceiver| names.contains(file.stands_for());
    own.receivers
        .extend(other.receivers.into_iter().filter(|file| !replaced(file)));
}

/// Everything that can be named.
#[derive(Debug)]
struct Names<'f> {
    /// By what routes call it: one of Alertmanager's receivers may be several of ours, or none.
    receivers: BTreeMap<&'f str, Vec<Arc<str>>>,
    intervals: BTreeSet<&'f str>,
}

impl<'f> Names<'f> {
    fn of(file: &'f FileDispatch) -> Self {
        let mut receivers: BTreeMap<&str, Vec<Arc<str>>> = BTreeMap::new();
        for receiver in &file.receivers {
            let name = Arc::from(receiver.name.value.as_str());
            let all = receivers.entry(receiver.stands_for()).or_default();
            if !receiver.is_silent {
                all.push(name);
            }
        }
        Self {
            receivers,
            intervals: file
                .intervals
                .iter()
                .map(|interval| interval.name.value.as_str())
                .collect(),
        }
    }

    /// Each once; those that do not exist are noted.
    fn receivers(&self, reading: &Reading<'_>, named: &[At<String>]) -> Vec<Arc<str>> {
        let mut all: Vec<Arc<str>> = Vec::new();
        for name in named {
            match self.receivers.get(name.value.as_str()) {
                Some(found) => {
                    let new: Vec<Arc<str>> = found.iter().filter(|name| !all.contains(name)).cloned().collect();
                    all.extend(new);
                }
                None => words::unknown(reading, "receiver", name, self.receivers.keys().copied()),
            }
        }
        all
    }

    /// Those that exist, each with the place that names it; the others are noted.
    fn placed(&self, reading: &Reading<'_>, named: &[At<String>]) -> Vec<(Arc<str>, Span)> {
        let found = |name: &At<String>| {
            let span = name.span;
            let receivers = self.receivers(reading, std::slice::from_ref(name));
            receivers.into_iter().map(move |receiver| (receiver, span))
        };
        named.iter().flat_map(found).collect()
    }

    /// Those that do not exist are noted.
    fn intervals(&self, reading: &Reading<'_>, named: &[At<String>]) -> Vec<Arc<str>> {
        let known = |name: &At<String>| {
            if self.intervals.contains(name.value.as_str()) {
                return Some(Arc::from(name.value.as_str()));
            }
            words::unknown(reading, "time interval", name, self.intervals.iter().copied());
            None
        };
        named.iter().filter_map(known).collect()
    }
}
