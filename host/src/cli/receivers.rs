//! `bellwether receivers test NAME`: whether a receiver can be reached, before an alert has to find out.

use serde_json::json;

use super::{ConfigArgument, Exit, output, session};
use crate::dispatch::Attempt;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Send a receiver a notification that is marked as a test, and say what became of it
    #[command(
        after_help = "Example:\n  bellwether receivers test ops\n\nNeeds no running host. Exits 1 when the receiver refuses it, 3 when it cannot be reached."
    )]
    Test(Test),
}

#[derive(Debug, clap::Args)]
struct Test {
    /// NAME of `[receiver.NAME]`
    receiver: String,
    #[command(flatten)]
    config: ConfigArgument,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match &arguments.verb {
        Verb::Test(test) => send(test),
    }
}

fn send(arguments: &Test) -> Exit {
    let loaded = match session::load(&session::request(&arguments.config)) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let name = &arguments.receiver;
    session::with_sandbox(Some(loaded.config.host.cache_dir.clone()), async |one_shot| {
        one_shot.redactor.learn(&loaded.config.secrets);
        let attempt = match one_shot.test_receiver(&loaded, name, &session::progress).await {
            Ok(attempt) => attempt,
            Err(why) => return output::fail(Exit::Usage, &why),
        };
        let printed = if arguments.json {
            output::json(&described(name, &attempt))
        } else {
            output::text(&format!("{}\n", said(name, &attempt)))
        };
        match (printed, &attempt) {
            (Exit::Ok, Attempt::Permanent { .. }) => Exit::Bad,
            (Exit::Ok, Attempt::Transient { .. }) => Exit::Unreachable,
            (printed, _) => printed,
        }
    })
}

fn described(name: &str, attempt: &Attempt) -> serde_json::Value {
    let message = match attempt {
        Attempt::Delivered { .. } => "",
        Attempt::Transient { message, .. } | Attempt::Permanent { message } => message,
    };
    json!({ "receiver": name, "outcome": attempt.as_str(), "message": message })
}

fn said(name: &str, attempt: &Attempt) -> String {
    match attempt {
        Attempt::Delivered { receipt } => {
            let refused = receipt.iter().filter(|(name, _)| name == "refused");
            let refused: String = refused.map(|(_, who)| format!("\n  but not by {who}")).collect();
            format!("receiver {name}: the test was taken{refused}")
        }
        Attempt::Transient {
            message,
            is_ambiguous: true,
            ..
        } => format!("receiver {name}: the test may have arrived or not: {message}"),
        Attempt::Transient { message, .. } => format!("receiver {name}: the test was not taken: {message}"),
        Attempt::Permanent { message } => format!("receiver {name}: the test was refused: {message}"),
    }
}
