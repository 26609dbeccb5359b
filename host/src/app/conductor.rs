//! Owns the configuration that is in force: loads its checks at start, and replaces it when asked and when the new one is
//! good in every part.
//!
//! Flows in: wishes to reload, from a signal, a request or a changed file. Flows out: checks to the board and the
//! scheduler, tokens to the server, secrets to the redactor. Everything that can fail happens before anything that runs is
//! touched.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::{
    events::{AllLoaded, CheckNotLoaded, ConfigWarnings, Reloaded},
    plugins::{LoadedCheck, by_source, load_checks, load_source},
    runner::Roster,
    watch::{WatchHandle, Watched},
};
use crate::{
    board::{BoardCheck, BoardHandle},
    config::{self, Check, Config, LoadRequest, Loaded, PluginSource, Problems},
    expose::{BoxFuture, Control, ReloadSummary, ServeHandle},
    outcome::Outcome,
    sandbox::{Plugin, Progress, Sandbox},
    schedule::SchedulerHandle,
    secret::Redactor,
    supervisor::Supervisor,
    telemetry::Telemetry,
};

/// Reloads that may wait for the one that is going on. They come from people; the next one is told to try again.
const RELOADS_WAITING_MAX: usize = 8;

/// A wish to reload.
#[derive(Debug)]
pub(super) struct Reload {
    cause: &'static str,
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
    pub(super) async fn reload(&self, cause: &'static str) -> Result<ReloadSummary, String> {
        let (answer, answered) = oneshot::channel();
        let asked = self.reloads.try_send(Reload { cause, answer });
        asked.map_err(|_| "other reloads are still waiting, or the host is stopping; try again later".to_owned())?;
        answered
            .await
            .unwrap_or_else(|_| Err("the host is stopping".to_owned()))
    }

    /// Asks for a reload without waiting. When others wait already, one of them will see the change.
    pub(super) fn reload_soon(&self, cause: &'static str) {
        let (answer, _) = oneshot::channel();
        let _ = self.reloads.try_send(Reload { cause, answer });
    }
}

impl Control for Door {
    fn reload(&self) -> BoxFuture<'static, Result<ReloadSummary, String>> {
        let door = self.clone();
        Box::pin(async move { Self::reload(&door, "request").await })
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
    pub(super) scheduler: SchedulerHandle,
    pub(super) serve: ServeHandle,
    pub(super) redactor: Redactor,
    pub(super) telemetry: Telemetry,
    pub(super) supervisor: Supervisor,
    pub(super) watch: WatchHandle,
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
        let mut failed = self.load_first().await;
        let stop = self.supervisor.stopping();
        loop {
            let Reload { cause, answer } = tokio::select! {
                () = stop.cancelled() => return,
                reload = inbox.recv() => match reload {
                    Some(reload) => reload,
                    None => return,
                },
            };
            let result = self.reload(&mut failed).await;
            self.say_reload_succeeded(result.is_ok());
            self.telemetry.emit(&Reloaded {
                cause,
                result: result.as_ref().map_err(String::as_str),
            });
            // Whoever asked may be gone.
            let _ = answer.send(result);
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

    /// Loads sources side by side and lets checks begin as their plugins become ready. Returns the names of those that
    /// cannot.
    async fn load_first(&self) -> Vec<Arc<str>> {
        let sources = by_source(&self.current);
        let (done, mut arrived) = mpsc::channel(sources.len().max(1));
        let all = self.current.config.checks.values();
        self.board
            .replace_checks(all.map(|check| board_check(check, None)).collect())
            .await;
        let loaded = Arc::new(self.current.clone());
        for (source, checks) in sources {
            let (sandbox, loaded, done) = (Arc::clone(&self.sandbox), Arc::clone(&loaded), done.clone());
            let progress = Arc::clone(&self.progress);
            drop(self.supervisor.spawn("load", async move {
                let ready = load_source(&sandbox, &loaded, &source, checks, &*progress).await;
                // The conductor may have stopped.
                let _ = done.send((source, ready)).await;
            }));
        }
        drop(done);
        let (mut running, mut failed) = (Vec::new(), Vec::new());
        while let Some((source, checks)) = arrived.recv().await {
            for loaded in &checks {
                match &loaded.plugin {
                    Ok(plugin) => {
                        self.roster.add(source.clone(), Arc::clone(plugin));
                        running.push(Arc::clone(&loaded.check));
                    }
                    Err(_) => failed.push(self.say_not_loaded(loaded).await),
                }
            }
            self.scheduler.replace(running.clone()).await;
        }
        self.telemetry.emit(&AllLoaded {
            ready: running.len(),
            failed: failed.len(),
        });
        failed
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
    async fn reload(&mut self, failed: &mut Vec<Arc<str>>) -> Result<ReloadSummary, String> {
        let new =
            config::load(&self.request).map_err(|problems| self.redactor.redact(&problems.to_string()).into_owned())?;
        let watched = Watched::of(&new);
        self.redactor.learn(&new.config.secrets);
        let checks = load_checks(&self.sandbox, &new, &*self.progress).await;
        refuse_what_would_break(&checks, failed, &self.current.config)?;
        self.serve
            .configure(&new.config.access)
            .map_err(|error| error.to_string())?;
        // From here on nothing can fail.
        let summary = summarise(&self.current.config, &new.config, &new.warnings);
        self.telemetry.configure(new.config.log);
        self.watch.set(watched);
        self.roster.replace(plugins(&checks));
        self.board
            .replace_checks(
                checks
                    .iter()
                    .map(|loaded| board_check(&loaded.check, loaded.problem()))
                    .collect(),
            )
            .await;
        let ready = checks.iter().filter(|loaded| loaded.plugin.is_ok());
        self.scheduler
            .replace(ready.map(|loaded| Arc::clone(&loaded.check)).collect())
            .await;
        *failed = Vec::new();
        for loaded in checks.iter().filter(|loaded| loaded.plugin.is_err()) {
            failed.push(self.say_not_loaded(loaded).await);
        }
        self.current = new;
        Ok(summary)
    }
}

fn board_check(check: &Arc<Check>, problem: Option<String>) -> BoardCheck {
    BoardCheck {
        check: Arc::clone(check),
        problem,
    }
}

fn plugins(checks: &[LoadedCheck]) -> HashMap<PluginSource, Arc<Plugin>> {
    let ready = checks
        .iter()
        .filter_map(|loaded| Some((loaded, loaded.plugin.as_ref().ok()?)));
    ready
        .map(|(loaded, plugin)| (loaded.check.plugin.clone(), Arc::clone(plugin)))
        .collect()
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

fn summarise(old: &Config, new: &Config, warnings: &Problems) -> ReloadSummary {
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
            Some(before) if before == check => summary.unchanged += 1,
            Some(_) => summary.changed.push(name.to_string()),
        }
    }
    summary
}

/// Keys that are read once, at start.
fn restart_wanted(old: &Config, new: &Config) -> Option<String> {
    let (old, new) = (&old.host, &new.host);
    let keys: Vec<&str> = [
        ("listen", old.listen != new.listen),
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
