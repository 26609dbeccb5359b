//! `bellwether validate`: every problem of the configuration and of the plugins it names.

use std::sync::Arc;

use serde_json::json;

use super::{ConfigArgument, Exit, output, session};
use crate::{
    app::{
        LoadedCheck, LoadedReceiver, described_metrics, effective_limits, load_checks, load_receivers, without_events,
    },
    capability::grant::Grants,
    config::{Config, InForce, Loaded, Location, Problem, Problems, ReceiverKind, Severity, User},
    expose::check_access,
    rule::{self, Group, Lints, Metrics, Replaced, RuleSet},
    sandbox::Plugin,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Print the effective configuration: defaults filled in, secrets masked, grants listed
    #[arg(long)]
    print: bool,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
    /// Look at the configuration only; do not load the plugins
    #[arg(long)]
    no_plugins: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let request = session::request(&arguments.config);
    match crate::config::load(&request) {
        Err(problems) => say(arguments, None, &[], &problems.0),
        Ok(loaded) if arguments.no_plugins => {
            let problems = of_host(&loaded, None);
            say(arguments, Some(&loaded), &[], &problems)
        }
        Ok(loaded) => session::with_sandbox(Some(loaded.config.host.cache_dir.clone()), async |one_shot| {
            one_shot.redactor.learn(&loaded.config.secrets);
            let checks = load_checks(&one_shot.sandbox, &loaded, &session::progress).await;
            let mut problems = of_host(&loaded, described_metrics(&checks, &loaded.config));
            problems.extend(
                checks
                    .iter()
                    .filter_map(|check| check.plugin.as_ref().err())
                    .flatten()
                    .cloned(),
            );
            for loaded_check in &checks {
                problems.extend(ungranted(&loaded, loaded_check));
            }
            let receivers = load_receivers(&one_shot.sandbox, &loaded, &session::progress).await;
            problems.extend(without_events(&loaded, &receivers));
            for receiver in receivers {
                problems.extend(of_receiver(&loaded, receiver));
            }
            say(arguments, Some(&loaded), &checks, &problems)
        }),
    }
}

/// What is to be said about everything but checks.
fn of_host(loaded: &Loaded, metrics: Option<Metrics>) -> Vec<Problem> {
    let mut problems = loaded.warnings.0.clone();
    let history = &loaded.config.history;
    let lints = Lints::new(history.interval, history.retention, metrics);
    problems.extend(match rule::lint(loaded, lints) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    });
    problems.extend(crate::deliver::configured::problems(loaded));
    if let Err(error) = check_access(loaded.config.host.listen, &loaded.config.access) {
        let file = loaded.config.files.first().map(|file| file.display().to_string());
        let place = Location::file(&file.unwrap_or_default());
        problems.push(loaded.conceal(Problem::at(place, format!("`[access] tls`: {error}"))));
    }
    problems
}

/// Imports that no grant covers: a warning, because toolchains of some languages import their whole world.
fn ungranted(loaded: &Loaded, check: &LoadedCheck) -> Vec<Problem> {
    let Ok(plugin) = &check.plugin else { return Vec::new() };
    let grants = Grants::of(&check.check, &check.reach);
    of_plugin(loaded, User::Check(&check.check.name), plugin, grants)
}

/// What is wrong with a receiver's plugin, or else with its grants.
fn of_receiver(loaded: &Loaded, receiver: LoadedReceiver) -> Vec<Problem> {
    let LoadedReceiver {
        receiver,
        plugin,
        reach,
    } = receiver;
    match (plugin, &receiver.kind) {
        (Err(problems), _) => problems,
        (Ok(plugin), ReceiverKind::Plugin(_)) => {
            let grants = Grants::of_receiver(&reach);
            of_plugin(loaded, User::Receiver(&receiver.name), &plugin, grants)
        }
        (Ok(_), _) => Vec::new(),
    }
}

fn of_plugin(loaded: &Loaded, user: User<'_>, plugin: &Plugin, grants: Grants) -> Vec<Problem> {
    let refused = plugin
        .inspection()
        .wants()
        .into_iter()
        .filter_map(|wanted| grants.decide(wanted).err());
    refused
        .map(|denied| {
            let what = format!(
                "{user}: its plugin can ask for `{}`, which is not granted; if it does, the run ends as denied",
                denied.capability
            );
            Problem::at(loaded.locate(user, "plugin"), what)
                .with_hint(denied.hint)
                .into_warning()
        })
        .collect()
}

/// The effective configuration, and which rules come with its plugins. `checks` are those whose plugins were loaded, by name.
fn print(loaded: &Loaded, checks: &[LoadedCheck], rules: &RuleSet) -> String {
    let config = loaded.print_masked(&|check| {
        let at = checks.binary_search_by(|loaded| loaded.check.name.cmp(&check.name));
        let ready = at.ok().map(|at| &checks[at]);
        let plugin = ready.and_then(|ready| ready.plugin.as_ref().ok());
        InForce {
            limits: effective_limits(check, plugin.map(|plugin| &**plugin)),
            addresses: ready.map(|ready| ready.reach.addresses.clone()).unwrap_or_default(),
        }
    });
    config + &bundled(rules)
}

fn say(arguments: &Arguments, loaded: Option<&Loaded>, checks: &[LoadedCheck], problems: &[Problem]) -> Exit {
    let bad = problems.iter().any(|problem| problem.severity == Severity::Error);
    let exit = if bad { Exit::Usage } else { Exit::Ok };
    let rules = loaded.map(rules_of).unwrap_or_default();
    if arguments.json {
        let answer = json!({
            "ok": !bad,
            "checks": loaded.map_or(0, |loaded| loaded.config.checks.len()),
            "rules": rules.counts().0,
            "bundled_rules": rules.counts().1,
            "files": loaded.map(|loaded| &loaded.config.files),
            "problems": problems,
            "effective": loaded.filter(|_| arguments.print).map(|loaded| print(loaded, checks, &rules)),
        });
        return first_bad(output::json(&answer), exit);
    }
    if !problems.is_empty() {
        output::note(&format!("{}\n", Problems(problems.to_vec())));
    }
    match loaded {
        Some(loaded) if arguments.print && !bad => first_bad(output::text(&print(loaded, checks, &rules)), exit),
        Some(loaded) if !bad => {
            rules.replaced.iter().for_each(|alert| output::note(&replaced(alert)));
            output::text(&summary(&loaded.config, &rules))
        }
        _ => {
            let count = problems
                .iter()
                .filter(|problem| problem.severity == Severity::Error)
                .count();
            let noun = if count == 1 { "problem" } else { "problems" };
            output::fail(Exit::Usage, &format!("the configuration has {count} {noun}"))
        }
    }
}

/// `ok: 1 check, 2 rules, 9 bundled rules`.
fn summary(config: &Config, rules: &RuleSet) -> String {
    let (own, bundled) = rules.counts();
    let checks = config.checks.len();
    let parts = [
        (config.heartbeats.len(), "heartbeat"),
        (config.sources.len(), "source"),
        (own, "rule"),
        (bundled, "bundled rule"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let rules: String = parts
        .map(|(count, noun)| format!(", {}", counted(count, noun)))
        .collect();
    format!("ok: {}{rules}\n", counted(checks, "check"))
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// That the user's own stands for a bundled alert: intended, most likely, and worth knowing.
fn replaced(replaced: &Replaced) -> String {
    format!(
        "info: the bundled alert `{}` is replaced by that at {}",
        replaced.alert, replaced.by
    )
}

/// Comments that name the bundled rules, a line for each group.
fn bundled(rules: &RuleSet) -> String {
    let groups = rules.groups.iter().filter(|group| group.is_bundled);
    let line = |group: &Arc<Group>| {
        let mut names: Vec<&str> = group.rules.iter().map(|rule| &*rule.name).collect();
        names.dedup();
        format!("# {}: {}\n", group.name, names.join(", "))
    };
    let lines: String = groups.map(line).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

/// All of them; none when some are bad.
fn rules_of(loaded: &Loaded) -> RuleSet {
    rule::load(loaded).map(|(set, _)| set).unwrap_or_default()
}

fn first_bad(printed: Exit, verdict: Exit) -> Exit {
    if printed == Exit::Ok { verdict } else { printed }
}
