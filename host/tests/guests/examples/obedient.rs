//! Does as its settings say: waits for `wait_ms`, repeats them wherever text may stand, then ends as `end` says: with a
//! `failure`, in a `panic`, or, unless told, with a report. What stands between two tildes it says without them, so that
//! it can be made to say what no setting may hold.

use std::time::Duration;

use guests::{Failure, FailureKind, Report, Status, Verdict, gauge, log, verdict};

/// What follows `"key":` in a JSON object, as far as it matters here.
fn value<'s>(settings: &'s str, key: &str) -> &'s str {
    settings.split_once(&format!("\"{key}\":")).map_or("", |(_, rest)| rest)
}

fn milliseconds(settings: &str) -> u64 {
    let digits = value(settings, "wait_ms").split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn repeat(settings: &str) -> Report {
    let mut family = gauge("repeated", &[(settings, 1.0)]);
    family.help = settings.to_owned();
    let said = Verdict {
        target: settings.to_owned(),
        code: "repeated".to_owned(),
        details: vec![("link".to_owned(), settings.to_owned())],
        ..verdict(Status::Ok, settings)
    };
    Report { verdicts: vec![said], families: vec![family] }
}

fn run(settings: String) -> Result<Report, Failure> {
    let settings = settings.replace('~', "");
    log::emit(log::Level::Info, "obeys", &[("settings".to_owned(), settings.clone())]);
    println!("was told {settings}");
    eprintln!("was told {settings}");
    std::thread::sleep(Duration::from_millis(milliseconds(&settings)));
    log::emit(log::Level::Info, "obeyed", &[]);
    match value(&settings, "end") {
        end if end.starts_with("\"panic\"") => panic!("told to: {settings}"),
        end if end.starts_with("\"failure\"") => {
            let message = format!("told to: {settings}");
            Err(Failure { kind: FailureKind::Target, code: "told".to_owned(), message, retryable: false })
        }
        _ => Ok(repeat(&settings)),
    }
}

guests::guest!(run, describe: || guests::Description {
    settings_schema: r#"{"type":"object"}"#.to_owned(),
    ..guests::description()
});
