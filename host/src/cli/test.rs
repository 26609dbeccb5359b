//! `bellwether test rules FILE…`: rule files against what their tests say, as `promtool test rules` does it.

use std::{fmt::Write as _, path::PathBuf};

use clap::Subcommand;
use regex::Regex;
use serde_json::json;

use super::{Exit, output};
use crate::{
    config::read_file,
    rule::trial::{self, Failure, Report, TestReport},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Run the unit tests of rule files, in the format of `promtool test rules`
    #[command(
        after_help = "Example:\n  bellwether test rules rules_test.yml\n\nExits 0 when all tests hold, 1 when one does not or a file is wrong, 2 when a file cannot be read."
    )]
    Rules(RulesArguments),
}

#[derive(Debug, clap::Args)]
struct RulesArguments {
    /// Test files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Run only tests in whose name this regular expression finds something; may be given several times
    #[arg(long, value_name = "REGEX")]
    run: Vec<String>,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let What::Rules(arguments) = &arguments.what;
    let only = match only(&arguments.run) {
        Ok(only) => only,
        Err(exit) => return exit,
    };
    // Before anything is run: who mistypes a name should not have to look for it between results.
    let mut texts = Vec::new();
    for path in &arguments.files {
        match read_file(path) {
            Ok(text) => texts.push((path.display().to_string(), text)),
            Err(problems) => return output::fail(Exit::Usage, &problems.to_string()),
        }
    }
    let reports: Vec<Report> = texts
        .iter()
        .map(|(file, text)| trial::test(file, text, only.as_ref()))
        .collect();
    let ok = reports.iter().all(|report| report.ok);
    let printed = if arguments.json {
        output::json(&json!({ "ok": ok, "files": reports }))
    } else {
        output::text(&reports.iter().map(describe).collect::<String>())
    };
    match printed {
        Exit::Ok if !ok => Exit::Bad,
        other => other,
    }
}

/// Errors: one of them is no regular expression, which was said.
fn only(patterns: &[String]) -> Result<Option<Regex>, Exit> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let joined = patterns.join("|");
    Regex::new(&joined)
        .map(Some)
        .map_err(|error| output::fail(Exit::Usage, &format!("--run: {error}")))
}

/// For a person: what holds in a line, and everything that does not.
fn describe(report: &Report) -> String {
    let failed = report.tests.iter().filter(|test| !test.failures.is_empty()).count();
    let count = report.tests.len();
    let noun = if count == 1 { "test" } else { "tests" };
    let mut out = match (report.ok, count) {
        (true, _) => format!("ok      {}: {count} {noun}\n", report.file),
        (false, 0) => format!("FAILED  {}: nothing was run\n", report.file),
        (false, _) => format!("FAILED  {}: {failed} of {count} {noun}\n", report.file),
    };
    for problem in &report.problems {
        let _ = writeln!(out, "  {}", problem.to_string().replace('\n', "\n  "));
    }
    for test in &report.tests {
        for failure in &test.failures {
            describe_failure(report, test, failure, &mut out);
        }
    }
    out
}

fn describe_failure(report: &Report, test: &TestReport, failure: &Failure, out: &mut String) {
    let _ = writeln!(
        out,
        "  {}:{}: test `{}`: {}",
        report.file, failure.line, test.name, failure.what
    );
    if let Some(problem) = &failure.problem {
        let _ = writeln!(out, "      {}", problem.replace('\n', "\n      "));
        return;
    }
    let sides = [("- ", &failure.missing), ("+ ", &failure.unexpected)];
    for (sign, side) in sides {
        for element in side {
            let _ = writeln!(out, "    {sign}{}", element.replace('\n', &format!("\n    {sign}")));
        }
    }
    let more = match failure.as_expected {
        0 => String::new(),
        more => format!("; {more} more as expected"),
    };
    let _ = writeln!(out, "    (- expected, + there{more})");
}
