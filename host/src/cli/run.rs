//! `bellwether run`: the process around the app — signals in, exit code out.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{ConfigArgument, Exit, output, session};
use crate::{
    app::{App, Options, StartError},
    clock::Clock,
    config::Loaded,
    expose::ListenError,
    sandbox::Progress,
    store::LockError,
    telemetry::{Sink, report_panics},
};

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
    let options = Options {
        request,
        loaded,
        compiler: session::this_program(),
        sink: Sink::Stderr,
        clock: Clock::system(),
        progress: Arc::new(say_what_takes_long),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(Exit::Internal, &format!("cannot start the runtime: {error}")),
    };
    let exit = runtime.block_on(serve(options, &concealing));
    runtime.shutdown_background();
    exit
}

async fn serve(options: Options, loaded: &Loaded) -> Exit {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return output::fail(Exit::Internal, &format!("cannot listen for signals: {error}")),
    };
    let app = match App::start(options).await {
        Ok(app) => app,
        Err(error) => return output::fail(exit_of(&error), &loaded.conceal_text(&error.to_string())),
    };
    report_panics(app.telemetry());
    output::note(&format!("listening on {}://{}", app.scheme(), app.address()));
    signals.until_stop(&app).await;
    tokio::select! {
        _ = app.stop() => Exit::Ok,
        () = signals.stop() => output::fail(Exit::Bad, "a second signal: exiting at once"),
    }
}

/// The log says when it is done.
fn say_what_takes_long(progress: Progress) {
    if matches!(progress, Progress::Compiling { .. }) {
        session::progress(progress);
    }
}

fn exit_of(error: &StartError) -> Exit {
    match error {
        StartError::Lock(LockError::Held { .. }) => Exit::Usage,
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
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
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
