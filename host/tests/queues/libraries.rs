//! Real producers and workers, each a program in `producers` with its library, that say what they did.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{redis::Server, said::Expected, server::command};

/// A library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    Celery,
    Rq,
    Arq,
    Dramatiq,
    Bullmq,
    Sidekiq,
}

impl Library {
    /// The program that runs the producer, and the producer.
    fn command(self) -> Command {
        if self == Self::Sidekiq {
            return sidekiq();
        }
        let (interpreter, producer) = match self {
            Self::Celery => (python("python"), "celery_jobs.py"),
            Self::Rq => (python("python"), "rq_jobs.py"),
            // It wants an older client than the others do.
            Self::Arq => (python("arq"), "arq_jobs.py"),
            Self::Dramatiq => (python("python"), "dramatiq_jobs.py"),
            Self::Bullmq | Self::Sidekiq => (PathBuf::from("node"), "bullmq_jobs.js"),
        };
        let mut command = Command::new(interpreter);
        command.arg(producer_at(producer));
        command
    }

    /// Starts it; it works until this is dropped.
    pub(crate) fn start(self, server: &Server) -> Running {
        let mut command = self.command();
        command
            .arg(server.port().to_string())
            .env("NODE_PATH", folder().join("node/node_modules"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        Running(
            command
                .spawn()
                .expect("the producer starts: run `cargo xtask setup --tests`"),
        )
    }
}

fn producer_at(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/queues/producers")
        .join(name)
}

/// Ruby with its libraries, which are unpacked and not installed: it must be told where everything is.
fn sidekiq() -> Command {
    let mut command = command("ruby3.1");
    let usr = Path::new(command.get_program())
        .ancestors()
        .nth(2)
        .expect("a folder above that of programs")
        .to_owned();
    let gems = usr.join("share/rubygems-integration/all");
    command
        .arg(producer_at("sidekiq_jobs.rb"))
        .env(
            "RUBYLIB",
            std::env::join_paths(ruby_libraries(&usr, &gems)).expect("no colon in the path"),
        )
        .env("GEM_PATH", gems)
        .env("BELLWETHER_SIDEKIQ", usr.join("bin/sidekiq"));
    command
}

fn ruby_libraries(usr: &Path, gems: &Path) -> Vec<PathBuf> {
    let (shared, native) = (
        usr.join("lib/ruby"),
        usr.join(format!("lib/{}-linux-gnu/ruby", std::env::consts::ARCH)),
    );
    let mut libraries = vec![
        shared.join("vendor_ruby"),
        shared.join("3.1.0"),
        native.join("vendor_ruby/3.1.0"),
        native.join("3.1.0"),
    ];
    let entries = std::fs::read_dir(gems.join("gems")).into_iter().flatten().flatten();
    libraries.extend(entries.map(|gem| gem.path().join("lib")));
    libraries
}

/// Where `cargo xtask setup` keeps the libraries.
fn folder() -> PathBuf {
    let own = || {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../target/queues")
            .into_os_string()
    };
    let told: OsString = std::env::var_os("BELLWETHER_TEST_QUEUES").unwrap_or_else(own);
    PathBuf::from(told)
}

fn python(environment: &str) -> PathBuf {
    folder().join(environment).join("bin/python")
}

/// A producer with its worker. It ends by itself, and takes its worker along, when its standard input is closed.
pub(crate) struct Running(Child);

impl Running {
    /// What it says, in one line and once, as soon as everything is as it says.
    pub(crate) fn expected(&mut self) -> Expected {
        let said = self.0.stdout.take().expect("asked once");
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line).expect("text");
        Expected::parse(&line)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
