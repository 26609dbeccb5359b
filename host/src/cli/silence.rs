//! `bellwether silence`: what nobody is to hear of for a while, on a running host.

use bellwether_promql::{ast::MatchOp, parse};
use serde_json::{Value, json};

use super::{
    Exit, expression,
    host::{Host, HostArgument, Trouble},
    output,
};
use crate::{
    alert::Matcher,
    clock::{self, Clock},
    config::Environment,
};

/// Go's time zero: the host takes it for now, whatever this machine's clock says.
const NOW: &str = "0001-01-01T00:00:00Z";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Keep alerts that satisfy all matchers from being told for a while
    #[command(
        after_help = "Example:\n  bellwether silence add alertname=QueueDeep 'queue=~\"mail|push\"' --duration 2h --comment 'moving the queues'\n\nPrints the silence's id. What somebody was told of is told as over all the same."
    )]
    Add(Add),
    /// List silences
    #[command(
        after_help = "Examples:\n  bellwether silence list\n  bellwether silence list alertname=QueueDeep --expired"
    )]
    List(List),
    /// End silences before their time
    #[command(after_help = "Example:\n  bellwether silence expire 7f3c1e0a-5d1b-4d5a-9a54-0c1f2e3d4b5a")]
    Expire(Expire),
}

#[derive(Debug, clap::Args)]
struct Add {
    /// `LABEL=VALUE`, `!=`, `=~`, `!~`, as Alertmanager writes them; all must hold
    #[arg(required = true, value_parser = Matcher::parse)]
    matchers: Vec<Matcher>,
    /// How long from now, such as 30m, 2h or 1d12h
    #[arg(long, short, value_parser = duration, value_name = "TIME")]
    duration: i64,
    /// Why
    #[arg(long)]
    comment: String,
    /// Who sets it [default: $USER]
    #[arg(long, short)]
    author: Option<String>,
    #[command(flatten)]
    host: HostArgument,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only silences that have these very matchers
    #[arg(value_parser = Matcher::parse)]
    matchers: Vec<Matcher>,
    /// Those that are over as well
    #[arg(long)]
    expired: bool,
    #[command(flatten)]
    host: HostArgument,
    /// Answer with one JSON list, as the host's HTTP API has it
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Expire {
    /// Ids, as `silence add` and `silence list` print them
    #[arg(required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    host: HostArgument,
}

/// Milliseconds.
fn duration(text: &str) -> Result<i64, String> {
    match parse::duration(text)? {
        millis if millis > 0 => Ok(millis),
        _ => Err("a silence has to last".to_owned()),
    }
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let done = match &arguments.verb {
        Verb::Add(add) => Host::for_changes(&add.host).map(|host| set(&host, add)),
        Verb::List(list) => Host::of(&list.host).map(|host| show(&host, list)),
        Verb::Expire(expire) => Host::for_changes(&expire.host).map(|host| end(&host, &expire.ids)),
    };
    match done {
        Ok(Ok(exit)) | Err(exit) => exit,
        Ok(Err(trouble)) => trouble.report(),
    }
}

fn set(host: &Host, add: &Add) -> Result<Exit, Trouble> {
    let environment = Environment::of_process();
    let author = add.author.as_deref().or_else(|| environment.non_empty("USER"));
    let now = i64::try_from(Clock::system().wall().as_nanos() / 1_000_000).unwrap_or(i64::MAX);
    let ends = clock::rfc3339(now.saturating_add(add.duration));
    let Some(ends) = ends else {
        return Ok(output::fail(Exit::Usage, "--duration is longer than time goes"));
    };
    let body = json!({
        "matchers": add.matchers.iter().map(written).collect::<Vec<_>>(),
        "startsAt": NOW, "endsAt": ends, "createdBy": author.unwrap_or("bellwether"), "comment": add.comment,
    });
    let set = host.post_json("/api/v2/silences", &body)?;
    if add.json {
        return Ok(output::json(&set));
    }
    let id = set["silenceID"].as_str().unwrap_or_default();
    Ok(output::text(&format!("{id}\n")))
}

/// As in the host's API.
fn written(matcher: &Matcher) -> Value {
    json!({
        "name": &**matcher.name(), "value": &**matcher.value(),
        "isRegex": matches!(matcher.op(), MatchOp::Regex | MatchOp::NotRegex),
        "isEqual": matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex),
    })
}

fn show(host: &Host, list: &List) -> Result<Exit, Trouble> {
    let filters: Vec<String> = list.matchers.iter().map(ToString::to_string).collect();
    let parameters: Vec<(&str, &str)> = filters.iter().map(|filter| ("filter", filter.as_str())).collect();
    let mut silences = host.get_json("/api/v2/silences", &parameters)?;
    if let Some(silences) = silences.as_array_mut() {
        silences.retain(|silence| list.expired || silence["status"]["state"] != "expired");
    }
    if list.json {
        return Ok(output::json(&silences));
    }
    Ok(output::text(&describe(&silences)))
}

/// For a person.
fn describe(silences: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().replace('\n', " ");
    let silences = silences.as_array().map(Vec::as_slice).unwrap_or_default();
    if silences.is_empty() {
        return "nothing is silenced\n".to_owned();
    }
    let head = ["ID", "STATE", "UNTIL", "BY", "MATCHERS", "COMMENT"].map(str::to_owned);
    let rows = silences.iter().map(|silence| {
        [
            text(&silence["id"]),
            text(&silence["status"]["state"]),
            text(&silence["endsAt"]),
            text(&silence["createdBy"]),
            matchers(&silence["matchers"]),
            text(&silence["comment"]),
        ]
    });
    expression::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

fn matchers(matchers: &Value) -> String {
    let matchers = matchers.as_array().into_iter().flatten();
    let matcher = |matcher: &Value| {
        let op = match (matcher["isEqual"].as_bool().unwrap_or(true), matcher["isRegex"] == true) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        };
        format!(
            "{}{op}{}",
            matcher["name"].as_str().unwrap_or_default(),
            matcher["value"]
        )
    };
    matchers.map(matcher).collect::<Vec<_>>().join(", ")
}

/// All of them, whatever becomes of one.
fn end(host: &Host, ids: &[String]) -> Result<Exit, Trouble> {
    let mut worst = Exit::Ok;
    for id in ids {
        match host.delete(&format!("/api/v2/silence/{id}")) {
            Ok(_) => {}
            Err(trouble @ Trouble::Refused { .. }) => worst = trouble.report(),
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(worst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_go_out_and_come_back_as_they_are_written() {
        for text in [r#"a="b""#, r#"a!="b""#, r#"a=~"b|c""#, r#"a!~"b c""#] {
            let matcher = Matcher::parse(text).expect("a matcher");
            assert_eq!(matchers(&json!([written(&matcher)])), text);
        }
    }

    #[test]
    fn a_silence_has_to_last() {
        assert_eq!(duration("1d12h"), Ok(129_600_000));
        assert!(duration("0s").is_err() && duration("long").is_err());
    }

    #[test]
    fn silences_are_told_in_one_line_each() {
        let silences = json!([{
            "id": "1", "status": {"state": "active"}, "endsAt": "T", "createdBy": "me", "comment": "two\nlines",
            "matchers": [{"name": "a", "value": "b", "isRegex": false, "isEqual": true}],
        }]);
        assert_eq!(
            describe(&silences),
            "ID  STATE   UNTIL  BY  MATCHERS  COMMENT\n1   active  T      me  a=\"b\"     two lines\n"
        );
        assert_eq!(describe(&json!([])), "nothing is silenced\n");
    }
}
