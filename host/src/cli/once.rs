//! `bellwether once CHECK`: one run, now, and all there is to know about it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{ConfigArgument, Exit, output, session, shape};
use crate::{
    app::{find_check, load_check},
    metric::text::{self, Format},
    outcome::{Outcome, Report, ReportedPoints},
    sandbox::RunEnd,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// NAME of `[check.NAME]`
    check: String,
    #[command(flatten)]
    config: ConfigArgument,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let loaded = match session::load(&session::request(&arguments.config)) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let check = match find_check(&loaded, &arguments.check) {
        Ok(check) => check,
        Err(why) => return output::fail(Exit::Usage, &why),
    };
    session::with_sandbox(Some(loaded.config.host.cache_dir.clone()), async |one_shot| {
        one_shot.redactor.learn(&loaded.config.secrets);
        let loaded_check = load_check(&one_shot.sandbox, &loaded, &check, &session::progress).await;
        let plugin = match &loaded_check.plugin {
            Ok(plugin) => plugin,
            Err(_) => return output::fail(Exit::Usage, &loaded_check.problem().unwrap_or_default()),
        };
        let end = one_shot.run(&loaded, &check, plugin, &loaded_check.reach).await;
        let printed = if arguments.json {
            output::json(&shape::outcome(&end.outcome, &logs(&end)))
        } else {
            output::text(&describe(&end))
        };
        match printed {
            Exit::Ok if !end.outcome.is_ok() => Exit::Bad,
            other => other,
        }
    })
}

fn logs(end: &RunEnd) -> Value {
    let line = |line: &crate::capability::log::LogLine| {
        let fields: serde_json::Map<String, Value> = line
            .fields
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        json!({ "level": line.level.as_str(), "message": line.message, "fields": fields })
    };
    end.logs.iter().map(line).collect()
}

/// For a person: what it found, what it measured, what it used.
fn describe(end: &RunEnd) -> String {
    let outcome = &end.outcome;
    let mut out = format!("check {}: {}\n", outcome.check, outcome.word());
    match &outcome.result {
        Ok(report) => describe_report(report, &mut out),
        Err(failure) => {
            let _ = writeln!(out, "  {}", failure.message.replace('\n', "\n  "));
        }
    }
    describe_usage(outcome, &mut out);
    out
}

fn describe_report(report: &Report, out: &mut String) {
    for verdict in &report.verdicts {
        let target = if verdict.target.is_empty() {
            "(the whole)"
        } else {
            &verdict.target
        };
        let code = if verdict.code.is_empty() {
            String::new()
        } else {
            format!(" [{}]", verdict.code)
        };
        let _ = writeln!(
            out,
            "  {:8} {target}{code} {}",
            verdict.status.as_str(),
            verdict.summary
        );
    }
    for refused in &report.refused {
        let _ = writeln!(out, "  refused family {}: {}", refused.name, refused.reason);
    }
    let mut exposition = Vec::new();
    for family in &report.families {
        let points = match &family.points {
            ReportedPoints::Values(samples) | ReportedPoints::Increments(samples) => {
                crate::metric::Points::Values(samples.clone())
            }
            ReportedPoints::Histograms(samples) => crate::metric::Points::Histograms(samples.clone()),
            ReportedPoints::Summaries(samples) => crate::metric::Points::Summaries(samples.clone()),
            ReportedPoints::Observations { samples, .. } => {
                let _ = writeln!(out, "  {} values observed for {}", samples.len(), family.head.name);
                continue;
            }
        };
        text::head(Format::Prometheus, &family.head, &mut exposition);
        text::block(Format::Prometheus, &family.head, &points, &[], &mut exposition);
    }
    if !exposition.is_empty() {
        let _ = write!(out, "\n{}\n", String::from_utf8_lossy(&exposition));
    }
}

fn describe_usage(outcome: &Outcome, out: &mut String) {
    let usage = &outcome.usage;
    let _ = writeln!(
        out,
        "used {:.1} ms of wall clock, {:.1} ms of CPU, {:.1} MiB of memory",
        usage.duration.as_secs_f64() * 1e3,
        usage.cpu.as_secs_f64() * 1e3,
        usage.memory_peak_bytes as f64 / (1024.0 * 1024.0)
    );
    for denied in &usage.denied {
        let _ = writeln!(
            out,
            "denied: {} — {}",
            denied.capability,
            denied.hint.replace('\n', " ")
        );
    }
    if usage.log_lines_dropped > 0 {
        let _ = writeln!(
            out,
            "{} log lines were dropped: over the limit of a run",
            usage.log_lines_dropped
        );
    }
}
