//! From configured checks and receivers to plugins that are ready for them: each source is loaded once, each settings table is
//! checked once, and what is wrong is said where it stands in the configuration.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::reach;
use crate::{
    board::SERIES_LIMIT_DEFAULT,
    capability::{log::LINES_DEFAULT, reach::Reach, state::QUOTA_BYTES_DEFAULT},
    config::{Check, Config, Limits, Loaded, PluginSource, PluginUse, Problem, Receiver, User},
    ingest::derive,
    rule::Metrics,
    sandbox::{LoadError, NewsKind, Plugin, Progress, RunLimits, Sandbox},
};

/// A check, and what it will run or why it cannot.
#[derive(Clone, Debug)]
pub struct LoadedCheck {
    /// As configured.
    pub check: Arc<Check>,
    /// Every problem of it, or its plugin.
    pub plugin: Result<Arc<Plugin>, Vec<Problem>>,
    /// What it may reach; nothing when it cannot run.
    pub reach: Arc<Reach>,
}

impl LoadedCheck {
    fn broken(check: Arc<Check>, problems: Vec<Problem>) -> Self {
        Self {
            check,
            plugin: Err(problems),
            reach: Arc::default(),
        }
    }

    /// All problems in one text; `None`: it can run.
    pub fn problem(&self) -> Option<String> {
        let problems = self.plugin.as_ref().err()?;
        Some(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }
}

/// What a check may use, with every default filled in. Without its plugin, which may describe a need, memory is as
/// configured only.
pub fn effective_limits(check: &Check, plugin: Option<&Plugin>) -> Limits {
    let own = &check.limits;
    let resolved = RunLimits::resolve(own, plugin.and_then(|plugin| plugin.description().memory_bytes));
    Limits {
        memory_bytes: plugin.map(|_| resolved.memory_bytes).or(own.memory_bytes),
        cpu: Some(resolved.cpu),
        series: own.series.or(Some(SERIES_LIMIT_DEFAULT)),
        state_bytes: own.state_bytes.or(Some(QUOTA_BYTES_DEFAULT)),
        log_lines: own.log_lines.or(Some(LINES_DEFAULT)),
    }
}

/// The detail with which a plugin says that the names of its metrics come from what it watches; and the one that says how all such names
/// begin, separated by commas.
const DYNAMIC_METRICS: &str = "dynamic-metrics";
const DYNAMIC_METRICS_PREFIXES: &str = "dynamic-metrics-prefixes";

/// The metrics that checks say they report, and those of sources of events; None: one of the checks may report any other.
pub fn described_metrics(checks: &[LoadedCheck], config: &Config) -> Option<Metrics> {
    let mut metrics = Metrics::default();
    if !config.sources.is_empty() {
        let derived = [derive::ERRORS, derive::REQUESTS, derive::TRANSACTIONS];
        metrics.families.extend(derived.map(str::to_owned));
    }
    for LoadedCheck { check, plugin, .. } in checks {
        let description = plugin.as_ref().ok()?.description();
        let beginnings = description.detail(DYNAMIC_METRICS_PREFIXES).unwrap_or_default();
        let beginnings: Vec<&str> = beginnings
            .split(',')
            .map(str::trim)
            .filter(|start| !start.is_empty())
            .collect();
        let is_dynamic = description.detail(DYNAMIC_METRICS) == Some("true");
        // Who describes nothing may report anything all the same.
        if description.metrics.is_empty() || (is_dynamic && beginnings.is_empty()) {
            return None;
        }
        let named = |name: &str| format!("{}{name}", check.prefix);
        metrics
            .families
            .extend(description.metrics.iter().map(|family| named(&family.name)));
        metrics.beginnings.extend(beginnings.into_iter().map(named));
    }
    Some(metrics)
}

/// The checks of a configuration by plugin source.
pub(super) fn by_source(loaded: &Loaded) -> BTreeMap<PluginSource, Vec<Arc<Check>>> {
    let mut sources: BTreeMap<PluginSource, Vec<Arc<Check>>> = BTreeMap::new();
    for check in loaded.config.checks.values() {
        sources.entry(check.plugin.clone()).or_default().push(Arc::clone(check));
    }
    sources
}

/// Loads every check of a configuration, one source after the other.
pub async fn load_checks(sandbox: &Sandbox, loaded: &Loaded, progress: &(dyn Fn(Progress) + Sync)) -> Vec<LoadedCheck> {
    let mut all = Vec::new();
    for (source, checks) in by_source(loaded) {
        all.extend(load_source(sandbox, loaded, &source, checks, progress).await);
    }
    all.sort_by(|one, other| one.check.name.cmp(&other.check.name));
    all
}

/// Loads one check of a configuration.
pub async fn load_check(
    sandbox: &Sandbox,
    loaded: &Loaded,
    check: &Arc<Check>,
    progress: &(dyn Fn(Progress) + Sync),
) -> LoadedCheck {
    let mut ready = load_source(sandbox, loaded, &check.plugin, vec![Arc::clone(check)], progress).await;
    ready
        .pop()
        .unwrap_or_else(|| LoadedCheck::broken(Arc::clone(check), Vec::new()))
}

/// Loads one source and prepares the checks that use it.
pub(super) async fn load_source(
    sandbox: &Sandbox,
    loaded: &Loaded,
    source: &PluginSource,
    checks: Vec<Arc<Check>>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Vec<LoadedCheck> {
    let uses: Vec<PluginUse<'_>> = checks.iter().map(|check| check.plugin_use()).collect();
    let ready = prepare(sandbox, loaded, source, &uses, progress).await;
    let pair = |(check, ready): (&Arc<Check>, Ready)| {
        let check = Arc::clone(check);
        match ready {
            Ok((plugin, reach)) => LoadedCheck {
                check,
                plugin: Ok(plugin),
                reach,
            },
            Err(problems) => LoadedCheck::broken(check, problems),
        }
    };
    checks.iter().zip(ready).map(pair).collect()
}

/// A receiver that a plugin carries news to, and that plugin or why it cannot.
#[derive(Clone, Debug)]
pub struct LoadedReceiver {
    /// As configured.
    pub receiver: Arc<Receiver>,
    /// Every problem of it, or its plugin.
    pub plugin: Result<Arc<Plugin>, Vec<Problem>>,
    /// What it may reach; nothing when there is a problem.
    pub reach: Arc<Reach>,
}

/// Loads every receiver of a configuration that names a plugin, one source after the other.
pub async fn load_receivers(
    sandbox: &Sandbox,
    loaded: &Loaded,
    progress: &(dyn Fn(Progress) + Sync),
) -> Vec<LoadedReceiver> {
    let receivers: Vec<_> = loaded.config.dispatch.receivers.values().collect();
    let mut sources: BTreeMap<&PluginSource, Vec<(&Arc<Receiver>, PluginUse<'_>)>> = BTreeMap::new();
    for (receiver, own) in receivers
        .iter()
        .filter_map(|receiver| Some((*receiver, receiver.plugin_use()?)))
    {
        sources.entry(own.plugin).or_default().push((receiver, own));
    }
    let mut all = Vec::new();
    for (source, receivers) in sources {
        let uses: Vec<PluginUse<'_>> = receivers.iter().map(|(_, own)| *own).collect();
        let ready = prepare(sandbox, loaded, source, &uses, progress).await;
        all.extend(receivers.iter().zip(ready).map(|((receiver, _), ready)| {
            let (plugin, reach) = match ready {
                Ok((plugin, reach)) => match uncarried(loaded, receiver, &plugin) {
                    None => (Ok(plugin), reach),
                    Some(problem) => (Err(vec![problem]), Arc::default()),
                },
                Err(problems) => (Err(problems), Arc::default()),
            };
            LoadedReceiver {
                receiver: Arc::clone(receiver),
                plugin,
                reach,
            }
        }));
    }
    all.sort_by(|one, other| one.receiver.name.cmp(&other.receiver.name));
    all
}

/// Where a source hands its envelopes to a receiver whose plugin takes none.
pub fn without_events(loaded: &Loaded, receivers: &[LoadedReceiver]) -> Vec<Problem> {
    let takes_none = |name: &Arc<str>| {
        let mut named = receivers.iter().filter(|loaded| loaded.receiver.name == *name);
        named.any(|loaded| {
            loaded
                .plugin
                .as_ref()
                .is_ok_and(|plugin| !plugin.carries(NewsKind::Events))
        })
    };
    let sources = loaded.config.sources.values();
    let named = sources.flat_map(|source| source.receivers.iter().map(move |receiver| (source, receiver)));
    named
        .filter(|(_, receiver)| takes_none(receiver))
        .map(|(source, receiver)| {
            let message = format!(
                "receiver `{receiver}` takes no events of applications, and gets none of `{}`",
                source.name
            );
            let hint = "name one whose plugin exports `bellwether:plugin/events`, such as `sentry`";
            Problem::at(loaded.locate_source_receiver(&source.name, receiver), message).with_hint(hint)
        })
        .collect()
}

/// A receiver that hears of runs, with a plugin that takes none.
fn uncarried(loaded: &Loaded, receiver: &Receiver, plugin: &Plugin) -> Option<Problem> {
    if receiver.runs.is_empty() || plugin.carries(NewsKind::Runs) {
        return None;
    }
    let (name, plugin) = (&receiver.name, &plugin.description().name);
    let message = format!("receiver `{name}`: plugin `{plugin}` does not carry runs of checks");
    let place = loaded.locate(User::Receiver(name), "runs");
    Some(Problem::at(place, message).with_hint("remove `runs`, or use a plugin that carries them, such as `sentry`"))
}

/// What somebody who uses a plugin gets: it, and what he may reach; or every problem.
type Ready = Result<(Arc<Plugin>, Arc<Reach>), Vec<Problem>>;

/// Loads one source and prepares those who use it, in their order.
async fn prepare(
    sandbox: &Sandbox,
    loaded: &Loaded,
    source: &PluginSource,
    uses: &[PluginUse<'_>],
    progress: &(dyn Fn(Progress) + Sync),
) -> Vec<Ready> {
    let mut ready: Vec<Ready> = match sandbox.load(source, progress).await {
        Err(error) => uses
            .iter()
            .map(|own| Err(vec![refused(loaded, own.user, &error)]))
            .collect(),
        Ok(plugin) => {
            let unfit = uses.iter().map(|own| unfit(loaded, own.user, &plugin));
            match unfit.collect::<Option<Vec<Problem>>>() {
                Some(problems) => problems.into_iter().map(|problem| Err(vec![problem])).collect(),
                None => with_settings(loaded, &plugin, uses).await,
            }
        }
    };
    // Paths and settings may hold what is a secret elsewhere.
    for problem in ready.iter_mut().filter_map(|ready| ready.as_mut().err()).flatten() {
        *problem = loaded.conceal(problem.clone());
    }
    ready
}

fn refused(loaded: &Loaded, user: User<'_>, error: &LoadError) -> Problem {
    let key = if matches!(error, LoadError::Pin { .. }) {
        "sha256"
    } else {
        "plugin"
    };
    Problem::at(loaded.locate(user, key), format!("{user}: {error}"))
}

/// A plugin that does something else than who uses it.
fn unfit(loaded: &Loaded, user: User<'_>, plugin: &Plugin) -> Option<Problem> {
    let (fits, what, hint) = match user {
        User::Check(_) => (
            plugin.inspection().is_check(),
            "carries news out and looks at nothing",
            "a check needs a plugin that exports `bellwether:plugin/check`",
        ),
        User::Receiver(_) => (
            plugin.inspection().is_forwarder(),
            "looks at something and carries no news out",
            "a receiver needs a plugin that exports `bellwether:plugin/notifications`",
        ),
    };
    if fits {
        return None;
    }
    let message = format!("{user}: plugin `{}` {what}", plugin.description().name);
    Some(Problem::at(loaded.locate(user, "plugin"), message).with_hint(hint))
}

/// Equal tables are checked once: ten thousand checks of one plugin often differ in nothing but their name.
async fn with_settings(loaded: &Loaded, plugin: &Arc<Plugin>, uses: &[PluginUse<'_>]) -> Vec<Ready> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut tables: Vec<&str> = Vec::new();
    for own in uses {
        places.entry(&**own.settings).or_insert_with(|| {
            tables.push(own.settings);
            tables.len() - 1
        });
    }
    let answers = plugin.check_settings(&tables).await;
    let judge = |own: &PluginUse<'_>| match places.get(&**own.settings).and_then(|at| answers.get(*at)) {
        Some(Ok(granted)) => reach::of(loaded, own, plugin.description(), granted),
        Some(Err(problems)) => {
            let mut all: Vec<Problem> = problems
                .iter()
                .map(|problem| loaded.setting_problem(own.user, &problem.pointer, &problem.message))
                .collect();
            // Slots have nothing to do with settings: what is wrong with them is said at once.
            all.extend(
                reach::of(loaded, own, plugin.description(), &[])
                    .err()
                    .into_iter()
                    .flatten(),
            );
            Err(all)
        }
        None => Err(vec![loaded.setting_problem(own.user, "", "they were not checked")]),
    };
    let ready = |own: &PluginUse<'_>| judge(own).map(|reach| (Arc::clone(plugin), Arc::new(reach)));
    uses.iter().map(ready).collect()
}
