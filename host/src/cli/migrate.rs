//! `bellwether migrate FILE…`: a configuration made of those of Prometheus and Alertmanager, and what is lost on the way.

use std::{fs::OpenOptions, io::Write as _, path::PathBuf};

use serde_json::json;

use super::{Exit, output};
use crate::config::{self, Migration, Problems};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// prometheus.yml, alertmanager.yml or both, in any order
    #[arg(required = true, num_args = 1..=2, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write the configuration here instead of printing it; a file that is there already stays as it is
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Answer with one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match config::migrate(&arguments.files) {
        Ok(migration) => say(arguments, &migration),
        Err(problems) => refuse(arguments, &problems),
    }
}

fn refuse(arguments: &Arguments, problems: &Problems) -> Exit {
    if arguments.json {
        let answer = json!({ "ok": false, "problems": problems });
        return match output::json(&answer) {
            Exit::Ok => Exit::Usage,
            other => other,
        };
    }
    output::note(&format!("{problems}\n"));
    output::fail(Exit::Usage, "nothing was made of these files")
}

fn say(arguments: &Arguments, migration: &Migration) -> Exit {
    if let Some(path) = &arguments.output {
        let made = OpenOptions::new().write(true).create_new(true).open(path);
        if let Err(error) = made.and_then(|mut file| file.write_all(migration.text.as_bytes())) {
            let why = format!("{} cannot be written: {error}", path.display());
            return output::fail(Exit::Unreachable, &why);
        }
    }
    if arguments.json {
        let secrets = migration.secrets.iter();
        let secrets: Vec<_> = secrets
            .map(|(name, place)| json!({ "name": name, "at": place.to_string() }))
            .collect();
        return output::json(&json!({
            "ok": true,
            "configuration": migration.text,
            "lost": migration.lost,
            "secrets": secrets,
        }));
    }
    if !migration.lost.is_empty() {
        output::note(&format!("{}\n", migration.lost));
    }
    for (name, place) in &migration.secrets {
        output::note(&format!(
            "secret: ${{secret:{name}}} is what stands at {place}: set the variable {name}, or {name}_FILE to a file with it"
        ));
    }
    match &arguments.output {
        Some(path) => {
            output::note(&format!("written: {}", path.display()));
            Exit::Ok
        }
        None => output::text(&migration.text),
    }
}
