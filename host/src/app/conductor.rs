//! Owns the configuration that is in force: loads its checks at start, and replaces it when asked and when the new one is
//! good in every part.
//!
//! Flows in: wishes to reload, from a signal, a request or a changed file. Flows out: checks to the board and the
//! scheduler, tokens to the server, secrets to the redactor. Everything that can fail happens before anything that runs is
//! touched.

use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::{
    editions::Editions,
    events::{AllLoaded, CheckNotLoaded, ConfigWarnings, ReloadWaits, Reloaded},
    plugins::{
        LoadedCheck, LoadedReceiver, by_source, described_metrics, load_checks, load_receivers, load_source,
        without_events,
    },
    pushed,
    receivers::{self, Outward},
    runner::Roster,
    watch::{WatchHandle, Watched},
};
use crate::{
    board::{BoardCheck, BoardHandle},
    config::{self, Check, Config, LoadRequest, Loaded, Problems},
    deliver::configured,
    dispatch::{self, DispatchHandle},
    expose::{BoxFuture, Control, ReloadSummary, ServeHandle},
    history,
    ingest::{IngestHandle, IngestSettings},
    outcome::Outcome,
    rule::{self, Lints, RuleSet, RuleWarnings, RulesHandle},
    sandbox::{Progress, Sandbox},
    schedule::SchedulerHandle,
    secret::Redactor,
    supervisor::{Supervisor, Task},
    telemetry::Telemetry,
};

/// Reloads that may wait for the one that is going on. They come from people; the next one is told to try again.
const RELOADS_WAITING_MAX: usize = 8;

/// Who asks for a reload. Of several that are carried out as one, the first here is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// A person, by SIGHUP.
    Signal,
    /// A person or a program, over HTTP.
    Request,
    /// Whoever watches the files.
    FileChange,
}

impl Cause {
    /// The word in logs.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Request => "request",
            Self::FileChange => "file change",
        }
    }
}

/// A wish to reload.
#[derive(Debug)]
pub(super) struct Reload {
    cause: Cause,
    answer: oneshot::Sender<Result<ReloadSummary, String>>,
}

/// How everyone else asks the conductor.
#[derive(Clone, Debug)]
pub(super) struct Door {
    reloads: mpsc::Sender<Reload>,
    scheduler: SchedulerHandle,
}

/// A door, and what comes through it.
pub(super) fn door(scheduler: SchedulerHandle) -> (Door, mpsc::Receiver<Reload>) {
    let (reloads, inbox) = mpsc::channel(RELOADS_WAITING_MAX);
    (Door { reloads, scheduler }, inbox)
}

impl Door {
    /// Asks for a reload and waits for what comes of it.
    pub(super) async fn reload(&self, cause: Cause) -> Result<ReloadSummary, String> {
        let (answer, answered) = oneshot::channel();
        let asked = self.reloads.try_send(Reload { cause, answer });
        asked.map_err(|_| "other reloads are still waiting, or the host is stopping; try again later".to_owned())?;
        answered
            .await
            .unwrap_or_else(|_| Err("the host is stopping".to_owned()))
    }

    /// Asks for a reload without waiting. When others wait already, one of them will see the change.
    pub(super) fn reload_soon(&self, cause: Cause) {
        let (answer, _) = oneshot::channel();
        let _ = self.reloads.try_send(Reload { cause, answer });
    }
}

impl Control for Door {
    fn reload(&self) -> BoxFuture<'static, Result<ReloadSummary, String>> {
        let door = self.clone();
        Box::pin(async move { Self::reload(&door, Cause::Request).await })
    }

    fn run_now(&self, check: &str) -> BoxFuture<'static, Result<Outcome, String>> {
        let (scheduler, check) = (self.scheduler.clone(), check.to_owned());
        Box::pin(async move { scheduler.run_now(&check).await.map_err(|error| error.to_string()) })
    }
}

/// See the module.
pub(super) struct Conductor {
    pub(super) request: LoadRequest,
    pub(super) current: Loaded,
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) roster: Roster,
    pub(super) board: BoardHandle,
    pub(super) rules: RulesHandle,
    pub(super) dispatch: DispatchHandle,
    pub(super) ingest: IngestHandle,
    pub(super) outward: Outward,
    /// Receivers that sources hand envelopes to and that take none.
    pub(super) without_events: Problems,
    /// Receivers that cannot be used.
    pub(super) failed_receivers: Vec<Arc<str>>,
    pub(super) scheduler: SchedulerHandle,
    pub(super) serve: ServeHandle,
    pub(super) redactor: Redactor,
    pub(super) telemetry: Telemetry,
    pub(super) supervisor: Supervisor,
    pub(super) watch: WatchHandle,
    /// What each plugin source stands for.
    pub(super) editions: Editions,
    /// Checks that cannot run.
    pub(super) failed: Vec<Arc<str>>,
    /// Those that the host began with, until they are looked at.
    pub(super) first_rules: Option<RuleSet>,
    pub(super) progress: Arc<dyn Fn(Progress) + Send + Sync>,
}

impl Conductor {
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Reload>) {
        if !self.current.warnings.is_empty() {
            self.telemetry.emit(&ConfigWarnings {
                warnings: &self.current.warnings,
            });
        }
        self.say_reload_succeeded(true);
        let mut waiting = self.load_first(&mut inbox).await;
        let stop = self.supervisor.stopping();
        loop {
            if waiting.is_empty() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    reload = inbox.recv() => match reload {
                        Some(reload) => waiting.push(reload),
                        None => return,
                    },
                }
            }
            // All that wait now want the files as they are now, and one look at them serves all.
            while let Ok(reload) = inbox.try_recv() {
                waiting.push(reload);
            }
            let asked = std::mem::take(&mut waiting);
            let cause = asked
                .iter()
                .map(|reload| reload.cause)
                .min()
                .unwrap_or(Cause::FileChange);
            if cause == Cause::FileChange && !self.watch.has_news() {
                // Somebody asked in the meantime, and what the files say now has been tried.
                continue;
            }
            let result = self.reload().await;
            self.say_reload_succeeded(result.is_ok());
            self.telemetry.emit(&Reloaded {
                cause,
                result: result.as_ref().map_err(String::as_str),
            });
            self.board.read_host().await;
            for reload in asked {
                // Whoever asked may be gone.
                let _ = reload.answer.send(result.clone());
            }
        }
    }

    /// A state beside the count of reloads: a rule can ask whether the host runs on with an old configuration.
    fn say_reload_succeeded(&self, succeeded: bool) {
        self.telemetry.instruments().set(
            "bellwether_config_last_reload_successful",
            "1 when the newest configuration is the running one, 0 when it was refused.",
            &[],
            if succeeded { 1.0 } else { 0.0 },
        );
    }

    /// Loads sources side by side and lets checks begin as their plugins become ready. A reload that is asked for meanwhile
    /// waits, since half of what it would replace is not there yet, and is returned.
    async fn load_first(&mut self, inbox: &mut mpsc::Receiver<Reload>) -> Vec<Reload> {
        let sources = by_source(&self.current);
        let (done, mut arrived) = mpsc::channel(sources.len().max(1));
        let all = self.current.config.checks.values();
        let checks = all.map(|check| board_check(check, None));
        self.board
            .replace_checks(checks.chain(pushed::heartbeats(&self.current.config)).collect())
            .await;
        self.ingest.configure(IngestSettings::of(&self.current.config)).await;
        let loaded = Arc::new(self.current.clone());
        for (source, checks) in sources {
            let (sandbox, loaded, done) = (Arc::clone(&self.sandbox), Arc::clone(&loaded), done.clone());
            let progress = Arc::clone(&self.progress);
            drop(self.supervisor.spawn("load", async move {
                let ready = load_source(&sandbox, &loaded, &source, checks, &*progress).await;
                // The conductor may have stopped.
                let _ = done.send(ready).await;
            }));
        }
        drop(done);
        self.outward.begin(&self.current.config);
        let mut receivers = Some(self.load_receivers(&loaded));
        let (mut running, mut waiting, mut all) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            let checks = tokio::select! {
                ready = of_task(&mut receivers) => {
                    self.take_receivers(&ready);
                    receivers = None;
                    continue;
                }
                loaded = arrived.recv() => match loaded {
                    Some(checks) => checks,
                    None => break,
                },
                Some(reload) = inbox.recv(), if waiting.len() < RELOADS_WAITING_MAX => {
                    self.telemetry.emit(&ReloadWaits { cause: reload.cause });
                    waiting.push(reload);
                    continue;
                }
            };
            self.editions.begin(&checks);
            for loaded in &checks {
                match &loaded.plugin {
                    Ok(_) => {
                        self.roster.add(loaded);
                        running.push(Arc::clone(&loaded.check));
                    }
                    Err(_) => {
                        let name = self.say_not_loaded(loaded).await;
                        self.failed.push(name);
                    }
                }
            }
            self.scheduler.replace(running.clone()).await;
            all.extend(checks);
        }
        if receivers.is_some() {
            let ready = of_task(&mut receivers).await;
            self.take_receivers(&ready);
        }
        self.say_without_events();
        self.telemetry.emit(&AllLoaded {
            ready: running.len(),
            failed: self.failed.len(),
        });
        if let Some(rules) = self.first_rules.take() {
            self.say_unwise(&rules, &self.current.config, &all);
        }
        waiting
    }

    /// Rules that will never fire are said when they come into force, too: not everybody asks `validate`.
    fn say_unwise(&self, rules: &RuleSet, config: &Config, checks: &[LoadedCheck]) {
        let history = &config.history;
        let lints = Lints::new(history.interval, history.retention, described_metrics(checks, config));
        let warnings = rule::unwise(rules, lints);
        if !warnings.is_empty() {
            self.telemetry.emit(&RuleWarnings { warnings: &warnings });
        }
    }

    /// Beside the checks.
    fn load_receivers(&self, loaded: &Arc<Loaded>) -> Task<Vec<LoadedReceiver>> {
        let (sandbox, loaded, progress) = (
            Arc::clone(&self.sandbox),
            Arc::clone(loaded),
            Arc::clone(&self.progress),
        );
        self.supervisor.spawn("load receivers", async move {
            load_receivers(&sandbox, &loaded, &*progress).await
        })
    }

    /// Sources that hand their envelopes to whoever cannot take them.
    fn say_without_events(&self) {
        if !self.without_events.is_empty() {
            self.telemetry.emit(&ConfigWarnings {
                warnings: &self.without_events,
            });
        }
    }

    fn take_receivers(&mut self, ready: &[LoadedReceiver]) {
        self.failed_receivers = receivers::failed(ready);
        self.without_events = Problems(without_events(&self.current, ready));
        self.outward.replace(&self.current.config, ready);
    }

    async fn say_not_loaded(&self, loaded: &LoadedCheck) -> Arc<str> {
        let problem = self.redactor.redact(&loaded.problem().unwrap_or_default()).into_owned();
        self.telemetry.emit(&CheckNotLoaded {
            check: &loaded.check.name,
            problem: &problem,
        });
        self.board.failed_to_load(&loaded.check.name, &problem).await;
        Arc::clone(&loaded.check.name)
    }

    /// Builds everything, then swaps. An error means that nothing changed.
    async fn reload(&mut self) -> Result<ReloadSummary, String> {
        // Before anything is read: what changes from here on is news, and what was read is not tried twice.
        let before = self.watch.look();
        let mut new = match config::load(&self.request) {
            Ok(new) => new,
            Err(problems) => {
                self.watch.set(before);
                return Err(self.redactor.redact(&problems.to_string()).into_owned());
            }
        };
        let watched = Watched::of(&new).since(&before);
        self.watch.set(watched.clone().and(before));
        self.redactor.learn(&new.config.secrets);
        let (rules, rule_warnings) =
            rule::load(&new).map_err(|problems| self.redactor.redact(&problems.to_string()).into_owned())?;
        let mut checks = load_checks(&self.sandbox, &new, &*self.progress).await;
        let (editions, replaced) = self.editions.next(&checks);
        editions.mark(&mut new.config, &mut checks);
        refuse_what_would_break(&checks, &self.failed, &self.current.config)?;
        let receivers = self.receivers_of(&new).await?;
        self.serve
            .configure(&new.config.access)
            .map_err(|error| error.to_string())?;
        // From here on nothing can fail.
        let mut summary = summarise(&self.current.config, &new, &self.mended(&checks));
        summary.plugins = replaced
            .iter()
            .map(|plugin| self.redactor.redact(plugin).into_owned())
            .collect();
        summary.warnings.extend(rule_warnings.iter().map(ToString::to_string));
        self.telemetry.configure(new.config.log);
        self.watch.set(watched);
        self.editions = editions;
        self.say_unwise(&rules, &new.config, &checks);
        self.roster.replace(&checks);
        self.swap(checks, &new.config).await;
        let history = (self.current.config.history != new.config.history)
            .then(|| history::Settings::of(&new.config.history, &self.serve.address().to_string()));
        // Before the rules, whose alerts it leads. It ends before this does, when the host stops.
        let _ = self
            .dispatch
            .configure(dispatch::Settings::of(&new.config.dispatch))
            .await;
        self.rules.replace(rules, history).await;
        self.current = new;
        self.take_receivers(&receivers);
        Ok(summary)
    }

    /// Receivers of a new configuration. Errors: it breaks one.
    async fn receivers_of(&self, new: &Loaded) -> Result<Vec<LoadedReceiver>, String> {
        let unfit = configured::problems(new).into_iter();
        let receivers = load_receivers(&self.sandbox, new, &*self.progress).await;
        let known = &self.without_events.0;
        let is_new = |problem: &config::Problem| known.iter().all(|known| known.message != problem.message);
        let unfit = unfit
            .chain(without_events(new, &receivers).into_iter().filter(is_new))
            .map(|problem| problem.to_string());
        let broken = receivers::broken_anew(&receivers, &self.failed_receivers, &self.current.config);
        let problems: Vec<String> = unfit.chain(broken).collect();
        if problems.is_empty() {
            Ok(receivers)
        } else {
            Err(self.redactor.redact(&problems.join("\n")).into_owned())
        }
    }

    /// Hands the checks to those who run and show them.
    async fn swap(&mut self, checks: Vec<LoadedCheck>, config: &Config) {
        let all = checks.iter();
        let all = all.map(|loaded| board_check(&loaded.check, loaded.problem()));
        self.board
            .replace_checks(all.chain(pushed::heartbeats(config)).collect())
            .await;
        self.ingest.configure(IngestSettings::of(config)).await;
        let ready = checks.iter().filter(|loaded| loaded.plugin.is_ok());
        self.scheduler
            .replace(ready.map(|loaded| Arc::clone(&loaded.check)).collect())
            .await;
        self.failed.clear();
        for loaded in checks.iter().filter(|loaded| loaded.plugin.is_err()) {
            let name = self.say_not_loaded(loaded).await;
            self.failed.push(name);
        }
    }

    /// Checks that could not run until now.
    fn mended(&self, checks: &[LoadedCheck]) -> BTreeSet<Arc<str>> {
        let ready = checks.iter().filter(|loaded| loaded.plugin.is_ok());
        let names = ready.map(|loaded| &loaded.check.name);
        names.filter(|name| self.failed.contains(name)).cloned().collect()
    }
}

/// What a task yields, once; never, when there is none. Nothing, when it was ended.
async fn of_task<T: Default>(task: &mut Option<Task<T>>) -> T {
    match task {
        Some(task) => task.ended().await.and_then(Result::ok).unwrap_or_default(),
        None => std::future::pending().await,
    }
}

fn board_check(check: &Arc<Check>, problem: Option<String>) -> BoardCheck {
    BoardCheck {
        check: Arc::clone(check),
        problem,
        is_pushed: false,
    }
}

/// A check that could not be loaded before may stay so, unless it was edited; one that runs, or is new, may not become so.
fn refuse_what_would_break(checks: &[LoadedCheck], failed: &[Arc<str>], current: &Config) -> Result<(), String> {
    let was_broken =
        |check: &Arc<Check>| failed.contains(&check.name) && current.checks.get(&check.name) == Some(check);
    let broken = checks.iter().filter(|loaded| !was_broken(&loaded.check));
    let problems: Vec<String> = broken.filter_map(LoadedCheck::problem).collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems.join("\n\n"))
    }
}

/// `mended` are checks that could not run as they were configured, and can now.
fn summarise(old: &Config, new: &Loaded, mended: &BTreeSet<Arc<str>>) -> ReloadSummary {
    let (new, warnings) = (&new.config, &new.warnings);
    let mut summary = ReloadSummary {
        warnings: restart_wanted(old, new)
            .into_iter()
            .chain(warnings.iter().map(ToString::to_string))
            .collect(),
        removed: old
            .checks
            .keys()
            .filter(|name| !new.checks.contains_key(*name))
            .map(ToString::to_string)
            .collect(),
        ..ReloadSummary::default()
    };
    for (name, check) in &new.checks {
        match old.checks.get(name) {
            None => summary.added.push(name.to_string()),
            Some(before) if before == check && !mended.contains(name) => summary.unchanged += 1,
            Some(_) => summary.changed.push(name.to_string()),
        }
    }
    pushed::summarise(old, new, &mut summary);
    summary
}

/// Keys that are read once, at start.
fn restart_wanted(old: &Config, new: &Config) -> Option<String> {
    let (old, new) = (&old.host, &new.host);
    let keys: Vec<&str> = [
        ("listen", old.listen != new.listen),
        ("push_listen", old.push_listen != new.push_listen),
        ("environment", old.environment != new.environment),
        ("state_dir", old.state_dir != new.state_dir),
        ("cache_dir", old.cache_dir != new.cache_dir),
        ("concurrency", old.concurrency != new.concurrency),
    ]
    .into_iter()
    .filter_map(|(key, changed)| changed.then_some(key))
    .collect();
    let list = keys.join("`, `");
    (!keys.is_empty()).then(|| format!("`{list}` of `[host]` changed: restart the host for it to take effect"))
}
