//! `bellwether routes test LABEL=VALUE…`: who would hear of an alert with these labels, by which route, when.
//!
//! It asks the configuration and no host: silences and inhibitions are not looked at.

use std::{sync::Arc, time::Duration};

use bellwether_promql::labels::Labels;
use clap::Subcommand;
use serde_json::{Value, json};

use super::{ConfigArgument, Exit, output, session};
use crate::{
    clock::Clock,
    config::{self, GroupBy, Loaded, show_duration},
    dispatch::{Refreshes, route::Routes, settings::Settings},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show which receivers would hear of an alert with these labels, by which routes
    #[command(
        after_help = "Example:\n  bellwether routes test alertname=QueueDeep severity=critical\n\nExits 1 when nobody would hear. Silences and inhibitions are not looked at."
    )]
    Test(TestArguments),
}

#[derive(Debug, clap::Args)]
struct TestArguments {
    /// The labels of the alert
    #[arg(required = true, value_name = "LABEL=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    #[command(flatten)]
    config: ConfigArgument,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.trim_matches('"').to_owned())),
        _ => Err("write LABEL=VALUE, such as severity=critical".to_owned()),
    }
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let What::Test(arguments) = &arguments.what;
    let loaded = match session::load(&session::request(&arguments.config)) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let pairs = arguments.labels.iter();
    let labels = Labels::new(pairs.map(|(name, value)| (name.as_str(), value.as_str())));
    let now = i64::try_from(Clock::system().wall().as_nanos() / 1_000_000).unwrap_or(i64::MAX);
    let found = routes(&loaded, &labels, now);
    let nobody = found
        .iter()
        .all(|route| route["receivers"].as_array().is_none_or(Vec::is_empty));
    let printed = if arguments.json {
        output::json(&json!({ "labels": shown(&labels), "routes": found }))
    } else {
        output::text(&describe(&found))
    };
    match printed {
        Exit::Ok if nobody => Exit::Bad,
        other => other,
    }
}

/// The routes that apply, in order.
fn routes(loaded: &Loaded, labels: &Labels, now: i64) -> Vec<Value> {
    let configured = &loaded.config.dispatch;
    let routes = Routes::new(&Settings::of(&loaded.config, &Refreshes::new()));
    let one = |at: usize| {
        // The first of dispatch's is `[alerting]` itself.
        let route = at.checked_sub(1).and_then(|at| configured.routes.get(at));
        let node = routes.node(at)?;
        let route = route.unwrap_or(&configured.root);
        Some(json!({
            "route": title(configured, at),
            "at": route.location,
            "receivers": texts(&node.receivers),
            "group_by": grouping(&route.group_by),
            "group": shown(&node.group_labels(labels)),
            "group_wait": seconds(route.timings.group_wait),
            "group_interval": seconds(route.timings.group_interval),
            "repeat_interval": seconds(route.timings.repeat_interval),
            "mute_times": texts(&route.mute_times),
            "active_times": texts(&route.active_times),
            "muted_now": node.is_off_hours(now),
        }))
    };
    routes.of(labels).into_iter().filter_map(one).collect()
}

fn shown(labels: &Labels) -> Value {
    let pairs = labels
        .iter()
        .map(|(name, value)| (name.to_string(), Value::from(&**value)));
    Value::Object(pairs.collect())
}

fn texts<'t>(texts: impl IntoIterator<Item = &'t Arc<str>>) -> Value {
    texts.into_iter().map(|text| Value::from(&**text)).collect()
}

fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}

fn grouping(group_by: &GroupBy) -> Value {
    match group_by {
        GroupBy::All => json!(["..."]),
        GroupBy::Labels(labels) => texts(labels),
    }
}

/// From `[alerting]` down to the route.
fn title(configured: &config::Dispatch, at: usize) -> String {
    let mut parts = Vec::new();
    let mut next = at.checked_sub(1);
    while let Some(route) = next.and_then(|at| configured.routes.get(at)) {
        let matchers: Vec<String> = route.matchers.iter().map(ToString::to_string).collect();
        parts.push(match &route.name {
            Some(name) => name.to_string(),
            None => format!("{{{}}}", matchers.join(", ")),
        });
        next = route.parent;
    }
    parts.push("[alerting]".to_owned());
    parts.reverse();
    parts.join(" > ")
}

/// For a person: a paragraph for each route.
fn describe(routes: &[Value]) -> String {
    routes.iter().map(paragraph).collect::<Vec<_>>().join("\n")
}

fn paragraph(route: &Value) -> String {
    let span = |key: &str| show_duration(Duration::from_secs_f64(route[key].as_f64().unwrap_or_default()));
    let group = route["group"].as_object().into_iter().flatten();
    let group: Vec<String> = group
        .map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()))
        .collect();
    let timings = format!(
        "first after {}, news every {}, the same again after {}",
        span("group_wait"),
        span("group_interval"),
        span("repeat_interval")
    );
    let mut rows = vec![
        ("receivers", or(words(&route["receivers"]), "nobody")),
        ("route", route["route"].as_str().unwrap_or_default().to_owned()),
        (
            "written at",
            or(
                route["at"].as_str().unwrap_or_default().to_owned(),
                "nowhere: it is the default",
            ),
        ),
        ("grouped by", or(words(&route["group_by"]), "nothing")),
        ("group", or(group.join(", "), "the only one")),
        ("timings", timings),
    ];
    for (key, what) in [("mute_times", "muted in"), ("active_times", "only in")] {
        let times = words(&route[key]);
        rows.extend((!times.is_empty()).then_some((what, times)));
    }
    if route["muted_now"] == true {
        rows.push(("now", "muted".to_owned()));
    }
    rows.iter()
        .map(|(what, value)| format!("{what:<11} {value}\n"))
        .collect()
}

fn words(value: &Value) -> String {
    let words = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    words.collect::<Vec<_>>().join(", ")
}

fn or(text: String, none: &str) -> String {
    if text.is_empty() { none.to_owned() } else { text }
}
