//! `bellwether receivers`: whether one can be reached, before an alert has to find out; and what those of a running host know.

use serde_json::{Value, json};

use super::{
    ConfigArgument, Exit, expression,
    host::{Host, HostArgument, Trouble},
    output, session,
};
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
    /// List the receivers of a running host, with how many alerts each knows as firing, and what waits for it
    #[command(after_help = "Example:\n  bellwether receivers list\n\nExits 1 when a notification waits.")]
    List(List),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    host: HostArgument,
    /// Answer with one JSON list
    #[arg(long)]
    json: bool,
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
        Verb::List(list) => match Host::of(&list.host).map(|host| ask(&host)) {
            Ok(Ok(receivers)) => show(&receivers, list.json),
            Ok(Err(trouble)) => trouble.report(),
            Err(exit) => exit,
        },
    }
}

fn ask(host: &Host) -> Result<Vec<Value>, Trouble> {
    let names = host.get_json("/api/v2/receivers", &[])?;
    let told = host.get("/api/v1/notifications", &[])?.data;
    Ok(counted(&names, &told))
}

/// Each receiver with what its groups say, and what happened once and waits for it.
fn counted(names: &Value, all: &Value) -> Vec<Value> {
    let names = names.as_array().into_iter().flatten().map(|receiver| &receiver["name"]);
    let of = |name: &Value| {
        let own = all["groups"].as_array().into_iter().flatten();
        let own: Vec<&Value> = own.filter(|group| group["receiver"] == *name).collect();
        let told: usize = own
            .iter()
            .filter_map(|group| group["told"].as_array())
            .map(Vec::len)
            .sum();
        let waiting: u64 = own.iter().filter_map(|group| group["waiting"].as_u64()).sum();
        let waiting = waiting + happened(all, name);
        let told_at = own.iter().filter_map(|group| group["told_at"].as_str()).max();
        json!({ "receiver": name, "told": told, "waiting": waiting, "told_at": told_at })
    };
    names.map(of).collect()
}

/// Things that happened once and of which a receiver is still to hear.
fn happened(all: &Value, receiver: &Value) -> u64 {
    let all = all["occurrences"].as_array().into_iter().flatten();
    let hearings = all.filter_map(|one| one["receivers"].as_array()).flatten();
    let waiting = hearings.filter(|own| own["receiver"] == *receiver && own["state"] == "waiting");
    u64::try_from(waiting.count()).unwrap_or(u64::MAX)
}

fn show(receivers: &[Value], is_json: bool) -> Exit {
    let printed = if is_json {
        output::json(&receivers)
    } else {
        output::text(&table(receivers))
    };
    match printed {
        Exit::Ok if receivers.iter().any(|receiver| receiver["waiting"] != 0) => Exit::Bad,
        other => other,
    }
}

/// For a person.
fn table(receivers: &[Value]) -> String {
    if receivers.is_empty() {
        return "no receiver is configured\n".to_owned();
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let head = ["RECEIVER", "KNOWS", "WAITING", "TOLD"].map(str::to_owned);
    let rows = receivers.iter().map(|receiver| {
        let told_at = receiver["told_at"].as_str().unwrap_or("never");
        [
            text(&receiver["receiver"]),
            text(&receiver["told"]),
            text(&receiver["waiting"]),
            told_at.to_owned(),
        ]
    });
    expression::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
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

fn described(name: &str, attempt: &Attempt) -> Value {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_listed_with_what_they_know() {
        let groups = json!([
            {"receiver": "ops", "told": ["a", "b"], "told_at": "2", "waiting": 1},
            {"receiver": "ops", "told": ["c"], "told_at": "3", "waiting": 0},
            {"receiver": "gone", "told": [], "told_at": null, "waiting": 7},
        ]);
        let heard = |receiver: &str, state: &str| json!({"receiver": receiver, "state": state});
        let happened = json!([{"receivers": [heard("ops", "waiting"), heard("web", "delivered")]}]);
        let all = json!({"groups": groups, "occurrences": happened});
        let receivers = counted(&json!([{"name": "ops"}, {"name": "web"}]), &all);
        assert_eq!(
            table(&receivers),
            "RECEIVER  KNOWS  WAITING  TOLD\nops       3      2        3\nweb       0      0        never\n"
        );
        assert_eq!(table(&[]), "no receiver is configured\n");
    }
}
