//! What verbs share: the configuration, a runtime, and a sandbox without a host.

use std::{future::Future, path::PathBuf, sync::Arc};

use super::{ConfigArgument, Exit, output};
use crate::{
    app::{OneShot, OneShotOptions},
    config::{self, Environment, LoadRequest, Loaded, Problems},
    sandbox::{Progress, SandboxError},
    telemetry::{Format, Level, LogOptions, Sink},
};

/// What to load for a verb.
pub(super) fn request(argument: &ConfigArgument) -> LoadRequest {
    LoadRequest {
        path: argument.config.clone(),
        env: Environment::of_process(),
    }
}

/// The configuration; what is wrong with it is printed.
pub(super) fn load(request: &LoadRequest) -> Result<Loaded, Exit> {
    config::load(request).map_err(|problems| refuse(&problems))
}

/// Prints problems and how many there are.
pub(super) fn refuse(problems: &Problems) -> Exit {
    output::note(&format!("{problems}\n"));
    let noun = if problems.len() == 1 { "problem" } else { "problems" };
    output::fail(
        Exit::Usage,
        &format!("the configuration has {} {noun}; nothing was done", problems.len()),
    )
}

/// This very program: on Linux by the file it was started from, even if that was replaced since.
pub(super) fn this_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        return "/proc/self/exe".into();
    }
    std::env::current_exe().unwrap_or_else(|_| "bellwether".into())
}

/// Where plugins are compiled to for a verb that takes no configuration: where the host of the usual one does, if there is
/// one, so that what either compiles serves both.
pub(super) fn usual_cache_dir() -> Option<PathBuf> {
    let request = request(&ConfigArgument { config: None });
    config::cache_dir(&request).or_else(|| request.env.non_empty("CACHE_DIRECTORY").map(PathBuf::from))
}

/// Where plugins are compiled to when the host's folder is not there or another user's.
fn own_cache_dir() -> PathBuf {
    let env = Environment::of_process();
    let dir = |name: &str| env.non_empty(name).map(PathBuf::from);
    dir("XDG_CACHE_HOME")
        .map(|base| base.join("bellwether"))
        .or_else(|| dir("HOME").map(|home| home.join(".cache").join("bellwether")))
        .unwrap_or_else(|| std::env::temp_dir().join("bellwether-cache"))
}

/// A sandbox over the host's cache, else over this user's own: who looks at a configuration is often not the user that
/// runs it.
fn one_shot(host_cache: Option<PathBuf>) -> Result<OneShot, SandboxError> {
    let over = |cache_dir| {
        OneShot::new(OneShotOptions {
            cache_dir,
            compiler: this_program(),
            sink: Sink::Stderr,
            log: LogOptions {
                level: Level::Warn,
                format: Format::Text,
            },
        })
    };
    match host_cache.map(over) {
        None | Some(Err(SandboxError::Cache(_))) => over(own_cache_dir()),
        Some(sandbox) => sandbox,
    }
}

/// Runs `work` with a sandbox. Guests' own lines go to standard error.
pub(super) fn with_sandbox<F: Future<Output = Exit>>(
    host_cache: Option<PathBuf>,
    work: impl FnOnce(Arc<OneShot>) -> F,
) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(Exit::Internal, &format!("cannot start threads: {error}")),
    };
    let exit = runtime.block_on(async {
        match one_shot(host_cache) {
            Ok(one_shot) => work(Arc::new(one_shot)).await,
            Err(error) => output::fail(Exit::Unreachable, &error.to_string()),
        }
    });
    // A machine that hangs in a read must not hold up the answer.
    runtime.shutdown_background();
    exit
}

/// Says what takes long while somebody waits.
pub(super) fn progress(progress: Progress) {
    if let Some(words) = words_for(progress) {
        output::note(&words);
    }
}

/// What a person who waits is told.
pub(super) fn words_for(progress: Progress) -> Option<String> {
    match progress {
        Progress::Compiling { plugin } => Some(format!(
            "compiling plugin {plugin} (once; up to a second for Rust, ten for Python) …"
        )),
        Progress::StillCompiling { plugin, after } => {
            Some(format!("still compiling plugin {plugin}, for {} s …", after.as_secs()))
        }
        Progress::Compiled { plugin, took } => Some(format!("compiled plugin {plugin} in {:.1} s", took.as_secs_f64())),
        Progress::Cached { .. } => None,
    }
}
