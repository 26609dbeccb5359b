//! From configured checks to plugins that are ready to run them: each source is loaded once, each settings table is
//! checked once, and what is wrong is said where it stands in the configuration.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::reach;
use crate::{
    board::SERIES_LIMIT_DEFAULT,
    capability::{log::LINES_DEFAULT, reach::Reach, state::QUOTA_BYTES_DEFAULT},
    config::{Check, Limits, Loaded, PluginSource, Problem},
    rule::Metrics,
    sandbox::{LoadError, Plugin, Progress, RunLimits, Sandbox},
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

/// The metrics that checks say they report; None: one of them may report any other.
pub fn described_metrics(checks: &[LoadedCheck]) -> Option<Metrics> {
    let mut metrics = Metrics::default();
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
    let mut ready: Vec<LoadedCheck> = match sandbox.load(source, progress).await {
        Err(error) => checks.into_iter().map(|check| refused(loaded, check, &error)).collect(),
        Ok(plugin) if !plugin.inspection().is_check() => checks
            .into_iter()
            .map(|check| not_a_check(loaded, check, &plugin))
            .collect(),
        Ok(plugin) => with_settings(loaded, &plugin, checks).await,
    };
    // Paths and settings may hold what is a secret elsewhere.
    for problem in ready
        .iter_mut()
        .filter_map(|check| check.plugin.as_mut().err())
        .flatten()
    {
        *problem = loaded.conceal(problem.clone());
    }
    ready
}

fn refused(loaded: &Loaded, check: Arc<Check>, error: &LoadError) -> LoadedCheck {
    let key = if matches!(error, LoadError::Pin { .. }) {
        "sha256"
    } else {
        "plugin"
    };
    let problem = Problem::at(
        loaded.locate(&check.name, key),
        format!("check `{}`: {error}", check.name),
    );
    LoadedCheck::broken(check, vec![problem])
}

fn not_a_check(loaded: &Loaded, check: Arc<Check>, plugin: &Plugin) -> LoadedCheck {
    let what = format!(
        "check `{}`: plugin `{}` carries news out and looks at nothing",
        check.name,
        plugin.description().name
    );
    let problem = Problem::at(loaded.locate(&check.name, "plugin"), what)
        .with_hint("a check needs a plugin that exports `bellwether:plugin/check`");
    LoadedCheck::broken(check, vec![problem])
}

/// Equal tables are checked once: ten thousand checks of one plugin often differ in nothing but their name.
async fn with_settings(loaded: &Loaded, plugin: &Arc<Plugin>, checks: Vec<Arc<Check>>) -> Vec<LoadedCheck> {
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    let mut tables: Vec<&str> = Vec::new();
    for check in &checks {
        places.entry(Arc::clone(&check.settings)).or_insert_with(|| {
            tables.push(&check.settings);
            tables.len() - 1
        });
    }
    let answers = plugin.check_settings(&tables).await;
    let judge = |check: &Check| match places.get(&check.settings).and_then(|at| answers.get(*at)) {
        Some(Ok(granted)) => reach::of_check(loaded, check, plugin.description(), granted),
        Some(Err(problems)) => {
            let mut all: Vec<Problem> = problems
                .iter()
                .map(|problem| loaded.setting_problem(&check.name, &problem.pointer, &problem.message))
                .collect();
            // Slots have nothing to do with settings: what is wrong with them is said at once.
            all.extend(
                reach::of_check(loaded, check, plugin.description(), &[])
                    .err()
                    .into_iter()
                    .flatten(),
            );
            Err(all)
        }
        None => Err(vec![loaded.setting_problem(&check.name, "", "they were not checked")]),
    };
    let ready = |check: Arc<Check>| match judge(&check) {
        Ok(reach) => LoadedCheck {
            check,
            plugin: Ok(Arc::clone(plugin)),
            reach: Arc::new(reach),
        },
        Err(problems) => LoadedCheck::broken(check, problems),
    };
    checks.into_iter().map(ready).collect()
}
