//! What building and testing need, added where it can be.
//!
//! Each requirement is checked first, so that a second call is quick and changes nothing. What is added stays under
//! `target/`, but for the WebAssembly target, which rustup keeps: no service is started, no system package installed,
//! nothing outside the clone changed. What cannot be added here is named together with what to do by hand.

mod debian;
mod npm;
mod python;
mod queues;
mod rust;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    console::{note, step},
    program,
    workspace::{Workspace, in_ci},
};

/// Of `cargo xtask setup`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Also what the tests need: Prometheus, Redis, PostgreSQL, Deno and Python environments (about 1 GB under target/).
    #[arg(long)]
    tests: bool,
}

/// Something a suite of tests may need beyond cargo. The words stand in the suites' `//! Needs:` lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// The `promtool` program.
    Promtool,
    /// The `prometheus` server.
    Prometheus,
    /// The `prometheus` server in its third version, which the machine's release may not have.
    Prometheus3,
    /// The `prometheus-alertmanager` server and `amtool`.
    Alertmanager,
    /// The `prometheus-node-exporter` server.
    NodeExporter,
    /// The `prometheus-blackbox-exporter` server.
    BlackboxExporter,
    /// The `redis-server` program.
    RedisServer,
    /// PostgreSQL's server, with `initdb`.
    Postgres,
    /// The `pgbouncer` program.
    Pgbouncer,
    /// A Python with what `xtask/requirements.txt` names.
    Python,
    /// An `mlflow` server, in an environment of its own.
    Mlflow,
    /// An `mlserver`, in an environment of its own.
    Mlserver,
    /// What `xtask/requirements-sentry.txt` names, in an environment of its own.
    SentryDoubles,
    /// Sentry's SDK for Node.js, as `xtask/sentry` names it.
    SentryNode,
    /// A `node` with `npm`, for the toolchain of JavaScript components.
    Node,
    /// The `deno` program.
    Deno,
    /// What `xtask/queues` names: Celery, RQ, arq, Dramatiq and BullMQ.
    QueueLibraries,
    /// Sidekiq with the Ruby it runs on.
    Sidekiq,
    /// The `strace` program.
    Strace,
}

impl Need {
    /// All of them.
    pub(crate) const ALL: [Self; 19] = [
        Self::Promtool,
        Self::Prometheus,
        Self::Prometheus3,
        Self::Alertmanager,
        Self::NodeExporter,
        Self::BlackboxExporter,
        Self::RedisServer,
        Self::Postgres,
        Self::Pgbouncer,
        Self::Python,
        Self::Mlflow,
        Self::Mlserver,
        Self::SentryDoubles,
        Self::SentryNode,
        Self::Node,
        Self::Deno,
        Self::QueueLibraries,
        Self::Sidekiq,
        Self::Strace,
    ];

    /// The word in a `//! Needs:` line.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Promtool => "promtool",
            Self::Prometheus => "prometheus",
            Self::Prometheus3 => "prometheus-3",
            Self::Alertmanager => "alertmanager",
            Self::NodeExporter => "node-exporter",
            Self::BlackboxExporter => "blackbox-exporter",
            Self::RedisServer => "redis-server",
            Self::Postgres => "postgres",
            Self::Pgbouncer => "pgbouncer",
            Self::Python => "python",
            Self::Mlflow => "mlflow",
            Self::Mlserver => "mlserver",
            Self::SentryDoubles => "sentry-doubles",
            Self::SentryNode => "sentry-node",
            Self::Node => "node",
            Self::Deno => "deno",
            Self::QueueLibraries => "queue-libraries",
            Self::Sidekiq => "sidekiq",
            Self::Strace => "strace",
        }
    }

    /// From the word.
    pub(crate) fn from_word(word: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|need| need.word() == word);
        known.with_context(|| {
            let words = Self::ALL.map(Self::word).join(", ");
            format!("unknown need `{word}`: xtask knows {words}")
        })
    }

    /// Whether it is there.
    pub(crate) fn is_met(self, workspace: &Workspace) -> bool {
        match self {
            Self::Promtool => debian::find(workspace, "promtool").is_some(),
            Self::Prometheus => debian::find(workspace, "prometheus").is_some(),
            Self::Prometheus3 => debian::unstable_program(workspace, "prometheus").is_file(),
            Self::Alertmanager => ["prometheus-alertmanager", "amtool"]
                .iter()
                .all(|program| debian::find(workspace, program).is_some()),
            Self::NodeExporter => debian::find(workspace, "prometheus-node-exporter").is_some(),
            Self::BlackboxExporter => debian::find(workspace, "prometheus-blackbox-exporter").is_some(),
            Self::RedisServer => debian::find(workspace, "redis-server").is_some(),
            Self::Postgres => ["initdb", "postgres", "psql"]
                .iter()
                .all(|program| debian::find(workspace, program).is_some()),
            Self::Pgbouncer => debian::find(workspace, "pgbouncer").is_some(),
            Self::Python => python::PARSERS.is_ready(workspace),
            Self::Mlflow => python::MLFLOW.is_ready(workspace),
            Self::Mlserver => python::MLSERVER.is_ready(workspace),
            Self::SentryDoubles => python::SENTRY.is_ready(workspace),
            Self::SentryNode => npm::SENTRY.is_ready(workspace),
            Self::Node => ["node", "npm"].iter().all(|tool| program::find(tool, &[]).is_some()),
            Self::Deno => npm::is_ready(workspace),
            Self::QueueLibraries => queues::is_ready(workspace),
            Self::Sidekiq => queues::sidekiq_is_ready(workspace),
            Self::Strace => debian::find(workspace, "strace").is_some(),
        }
    }

    /// Adds it, or says what to do by hand.
    fn add(self, workspace: &Workspace) -> Result<()> {
        match self {
            Self::Promtool | Self::Prometheus => debian::add(workspace, "prometheus"),
            Self::Prometheus3 => debian::add_from_unstable(workspace, "prometheus"),
            Self::Alertmanager => debian::add(workspace, "prometheus-alertmanager"),
            Self::NodeExporter => debian::add(workspace, "prometheus-node-exporter"),
            Self::BlackboxExporter => debian::add(workspace, "prometheus-blackbox-exporter"),
            Self::RedisServer => debian::add_with_libraries(workspace, &["redis-server", "redis-tools"]),
            Self::Postgres => {
                let server = debian::stands_for("postgresql")?;
                let client = server.replace("postgresql-", "postgresql-client-");
                debian::add_with_libraries(workspace, &[&server, &client])
            }
            Self::Pgbouncer => debian::add_with_libraries(workspace, &["pgbouncer"]),
            Self::Python => python::PARSERS.add(workspace),
            Self::Mlflow => python::MLFLOW.add(workspace),
            Self::Mlserver => python::MLSERVER.add(workspace),
            Self::SentryDoubles => python::SENTRY.add(workspace),
            Self::SentryNode => npm::SENTRY.add(workspace),
            Self::Node => bail!("install Node.js 20 or later, with npm"),
            Self::Deno => npm::add(workspace),
            Self::QueueLibraries => queues::add(workspace),
            Self::Sidekiq => queues::add_sidekiq(workspace),
            Self::Strace => debian::add_with_libraries(workspace, &["strace"]),
        }
    }
}

/// `cargo xtask setup`.
pub(crate) fn perform(workspace: &Workspace, options: &Options) -> Result<()> {
    for_building(workspace)?;
    if options.tests {
        let missing = for_testing(workspace, &Need::ALL);
        if !missing.is_empty() && in_ci() {
            bail!("missing in CI: {}", missing.join(", "));
        }
    }
    step("setup is complete");
    Ok(())
}

/// The WebAssembly target and a C compiler.
pub(crate) fn for_building(workspace: &Workspace) -> Result<()> {
    rust::target(workspace)?;
    rust::c_compiler()
}

/// Adds those of `needs` that are not met. What cannot be added is said and left: the suites that need it are skipped by name,
/// in CI they fail by name, and others are none the worse.
pub(crate) fn for_testing(workspace: &Workspace, needs: &[Need]) -> Vec<&'static str> {
    let mut missing = Vec::new();
    for need in needs.iter().filter(|need| !need.is_met(workspace)) {
        if let Err(error) = need.add(workspace) {
            note(&format!("`{}` could not be added: {error:#}", need.word()));
            missing.push(need.word());
        }
    }
    missing
}

/// The program that `need` is about, added when it is not there.
pub(crate) fn ensured(workspace: &Workspace, need: Need, program: &str) -> Result<PathBuf> {
    if !need.is_met(workspace) {
        need.add(workspace)?;
    }
    debian::find(workspace, program).with_context(|| format!("there is no {program}"))
}

/// The third version of Prometheus, where it was added; it is not added for this.
pub(crate) fn prometheus_3(workspace: &Workspace) -> Option<PathBuf> {
    Need::Prometheus3
        .is_met(workspace)
        .then(|| debian::unstable_program(workspace, "prometheus"))
}

/// Folders to put before PATH so that tests find what was added here.
pub(crate) fn program_folders(workspace: &Workspace) -> Vec<PathBuf> {
    let mut folders = debian::programs(workspace);
    folders.push(python::PARSERS.programs(workspace));
    folders.push(npm::programs(workspace));
    folders
}

/// Where programs that were unpacked find libraries that were, too: their `LD_LIBRARY_PATH`.
pub(crate) fn library_path(workspace: &Workspace) -> Result<std::ffi::OsString> {
    Ok(std::env::join_paths(debian::libraries(workspace))?)
}

/// What tests are told, as variables of the environment, by name and value.
pub(crate) fn test_environment(workspace: &Workspace) -> Result<Vec<(&'static str, std::ffi::OsString)>> {
    let libraries = library_path(workspace)?;
    Ok(vec![
        ("PATH", program::path_with(&program_folders(workspace))?),
        (
            "BELLWETHER_TEST_PYTHON",
            python::PARSERS.programs(workspace).join("python").into(),
        ),
        (
            "BELLWETHER_TEST_MLFLOW",
            python::MLFLOW.programs(workspace).join("mlflow").into(),
        ),
        (
            "BELLWETHER_TEST_MLSERVER",
            python::MLSERVER.programs(workspace).join("mlserver").into(),
        ),
        (
            "BELLWETHER_TEST_SENTRY",
            python::SENTRY.programs(workspace).join("python").into(),
        ),
        ("BELLWETHER_TEST_SENTRY_NODE", npm::SENTRY.folder(workspace).into()),
        // For servers that were unpacked, and for nothing else: cargo and rustc have libraries of their own.
        ("BELLWETHER_TEST_LIBRARIES", libraries),
        ("BELLWETHER_TEST_QUEUES", queues::folder(workspace).into()),
        (
            "BELLWETHER_TEST_PROMETHEUS_3",
            debian::unstable_program(workspace, "prometheus").into(),
        ),
    ])
}

/// Whether `folder` was completed for exactly this `recipe`.
fn is_stamped(folder: &Path, recipe: &str) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| stamp == recipe)
}

/// Says that `folder` is complete for `recipe`.
fn stamp(folder: &Path, recipe: &str) -> Result<()> {
    let file = folder.join(STAMP);
    fs::write(&file, recipe).with_context(|| format!("cannot write {}", file.display()))
}

/// Holds the recipe that a folder was completed for; missing while work on it is under way.
const STAMP: &str = "complete-for";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_is_found_by_its_word_and_a_typing_error_is_answered_with_the_known_words() {
        for need in Need::ALL {
            assert_eq!(Need::from_word(need.word()).unwrap(), need);
        }
        let error = Need::from_word("promtol").unwrap_err().to_string();
        assert!(error.contains("promtool"), "{error}");
    }

    #[test]
    fn what_was_added_is_complete_for_the_recipe_it_was_made_by_and_for_no_other() {
        let folder = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let before = is_stamped(&folder, "deno@1");
        stamp(&folder, "deno@1").unwrap();
        let after = ["deno@1", "deno@2"].map(|recipe| is_stamped(&folder, recipe));
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!((before, after), (false, [true, false]));
    }
}
