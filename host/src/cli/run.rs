//! `bellwether run`: the process around the app — signals in, exit code out.
//!
//! From the moment the host has a log, everything goes through the log's thread: a standard error that nobody reads must
//! hold up neither a scrape nor a signal.

use std::{sync::Arc, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{ConfigArgument, Exit, output, session};
use crate::{
    app::{App, Options, StartError},
    clock::Clock,
    config::Loaded,
    expose::ListenError,
    sandbox::Progress,
    store::LockError,
    telemetry::{LogWriter, Sink, report_panics},
};

/// How long the end waits for a reader of the last lines.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A second signal sooner than this is the first one's echo: some programs signal a process and then its group.
const ECHO: Duration = Duration::from_millis(250);

/// The same as [`LAST_WORDS`] when somebody asked twice: an instant when the lines are read, and not felt when they are not.
const LAST_WORDS_IN_HASTE: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let request = session::request(&arguments.config);
    let loaded = match session::load(&request) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let concealing = loaded.clone();
    let log = match LogWriter::start(std::io::stderr()) {
        Ok(log) => log,
        Err(error) => return output::fail(Exit::Internal, &format!("cannot start threads: {error}")),
    };
    let notes = log.clone();
    raise_open_files();
    let options = Options {
        request,
        loaded,
        compiler: session::this_program(),
        sink: Sink::Thread(log.clone()),
        clock: Clock::system(),
        progress: Arc::new(move |progress| say_what_takes_long(&notes, progress)),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(Exit::Internal, &format!("cannot start the runtime: {error}")),
    };
    let (exit, patience) = runtime.block_on(serve(options, &concealing, &log));
    runtime.shutdown_background();
    log.flush(patience);
    exit
}

/// Runs the host to its end: how it ended, and how long its last lines may take.
async fn serve(options: Options, loaded: &Loaded, log: &LogWriter) -> (Exit, Duration) {
    let fail = |exit, why: &str| {
        log.note(&output::failure(why));
        exit
    };
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            let why = format!("cannot listen for signals: {error}");
            return (fail(Exit::Internal, &why), LAST_WORDS);
        }
    };
    let app = match App::start(options).await {
        Ok(app) => app,
        Err(error) => {
            let why = loaded.conceal_text(&error.to_string());
            return (fail(exit_of(&error), &why), LAST_WORDS);
        }
    };
    report_panics(app.telemetry());
    if let Some(address) = app.push_address() {
        log.note(&format!("taking pushes on {}://{address}", app.scheme()));
    }
    log.note(&format!("listening on {}://{}", app.scheme(), app.address()));
    signals.until_stop(&app).await;
    tokio::select! {
        _ = app.stop() => (Exit::Ok, LAST_WORDS),
        () = signals.stop_again() => (fail(Exit::Bad, "a second signal: exiting at once"), LAST_WORDS_IN_HASTE),
    }
}

/// Takes all the files the system lets this process have open: shells hand down a low limit for the sake of programs that this
/// one is not. A refusal is no reason not to start.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    let _ = setrlimit(Resource::Nofile, all);
}

/// The log says when it is done.
fn say_what_takes_long(log: &LogWriter, progress: Progress) {
    if !matches!(progress, Progress::Compiling { .. } | Progress::StillCompiling { .. }) {
        return;
    }
    if let Some(words) = session::words_for(progress) {
        log.note(&words);
    }
}

fn exit_of(error: &StartError) -> Exit {
    match error {
        StartError::Lock(LockError::Held { .. }) | StartError::Rules(_) | StartError::Receivers(_) => Exit::Usage,
        StartError::Lock(LockError::Io { .. }) => Exit::Unreachable,
        StartError::Listen(ListenError::Unprotected(_)) => Exit::Usage,
        StartError::Serve(_) | StartError::Listen(_) | StartError::Store(_) | StartError::Sandbox(_) => {
            Exit::Unreachable
        }
        StartError::Threads(_) => Exit::Internal,
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Heard and not acted on: a write past the limit on file sizes is then an error like that of a full disk, and not the end.
    _file_size: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for somebody who really asks a second time.
    async fn stop_again(&mut self) {
        let first = Clock::system().monotonic();
        loop {
            self.stop().await;
            if Clock::system().monotonic().saturating_duration_since(first) > ECHO {
                return;
            }
        }
    }

    /// Reloads at each SIGHUP until told to stop.
    async fn until_stop(&mut self, app: &App) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => app.reload_soon(),
            }
        }
    }
}
