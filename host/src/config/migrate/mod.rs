//! From `prometheus.yml` and `alertmanager.yml` to a `bellwether.toml`.
//!
//! Flows in: the texts of such files. Flows out: the text of a configuration, and what is lost on the way, each with its place. Jobs become
//! checks of the plugins `prometheus` and `http`, rule files stay as they are, receivers become receivers with connections, and
//! secrets become references: their values are in nothing that comes out of here.
//!
//! It loads no plugin and does not look at rule files.

mod alertmanager;
mod job;
mod page;
mod scraping;

use std::path::{Path, PathBuf};

use self::page::Page;
use super::{
    Environment,
    conceal::Concealer,
    foreign::{self, Doc, FileSecret, SecretFrom, Secrets},
    problem::{Location, Problem, Problems, Severity},
    reading::Reading,
    search,
    source::{FileId, Sources},
};
use crate::{
    secret::{SECRET_BYTES_MIN, Secret},
    yaml::Kind,
};

/// What came of it.
#[derive(Clone, Debug)]
pub struct Migration {
    /// A configuration.
    pub text: String,
    /// What is lost or different, as warnings.
    pub lost: Problems,
    /// Secrets it refers to: name, and where the value is.
    pub secrets: Vec<(String, Location)>,
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kindred {
    Prometheus,
    Alertmanager,
}

/// Translates one file of each kind, or one alone. Blocks on file access.
///
/// # Errors
///
/// A file cannot be read, is no YAML or of neither kind, or there are two of one kind.
pub fn migrate(files: &[PathBuf]) -> Result<Migration, Problems> {
    let env = Environment::default();
    let mut sources = Sources::default();
    let mut ids = Vec::new();
    for path in files {
        let file = sources.add(path.clone(), search::read(path)?);
        foreign::hide(&mut sources, file);
        ids.push(file);
    }
    let mut reading = Reading::new(&env, sources);
    let migrated = all(&reading, &ids);
    let secrets: Vec<FileSecret> = migrated.iter().flat_map(|(_, secrets)| secrets.all()).collect();
    let concealer = Concealer::new(secrets.iter().filter_map(known).collect());
    let failed = reading.failed();
    let problems = reading.problems(&concealer);
    match migrated {
        Some((page, _)) if !failed => Ok(Migration {
            text: concealer.text(&page.into_text()),
            lost: problems,
            secrets: secrets
                .iter()
                .map(|secret| (secret.name.clone(), reading.sources.locate(secret.span)))
                .collect(),
        }),
        _ => Err(problems),
    }
}

/// What could be hidden without hiding ordinary words.
fn known(secret: &FileSecret) -> Option<Secret> {
    match &secret.from {
        SecretFrom::Text(text) if text.len() >= SECRET_BYTES_MIN => Some(Secret::new(text)),
        SecretFrom::Text(_) | SecretFrom::File(_) => None,
    }
}

/// None: a problem was noted.
fn all(reading: &Reading<'_>, files: &[FileId]) -> Option<(Page, Secrets)> {
    let secrets = Secrets::default();
    let mut kinds = Vec::new();
    for file in files {
        kinds.push(kind(reading, *file, &secrets)?);
    }
    let of = |wanted| {
        let mut found = kinds.iter().zip(files).filter(|(kind, _)| **kind == wanted);
        let first = found.next().map(|(_, file)| *file);
        if let Some((_, second)) = found.next() {
            whole(
                reading,
                *second,
                "this is a second file of its kind",
                "give one of each",
            );
        }
        first
    };
    let (prometheus, alertmanager) = (of(Kindred::Prometheus), of(Kindred::Alertmanager));
    let mut page = Page::default();
    page.head(&format!("Made of {}.", names(reading, files)));
    page.head("bellwether validate says whether all of it is there; what was left out, bellwether migrate said.");
    if let Some(file) = prometheus {
        scraping::write(reading, file, &secrets, alertmanager.is_some(), &mut page);
    }
    if let Some(file) = alertmanager {
        alertmanager::write(reading, file, &secrets, &mut page);
    }
    Some((page, secrets))
}

fn names(reading: &Reading<'_>, files: &[FileId]) -> String {
    let name = |file: &FileId| {
        let path: &Path = &reading.sources.file(*file).path;
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    };
    files.iter().map(name).collect::<Vec<_>>().join(" and ")
}

/// By its keys. None: neither, which is noted.
fn kind(reading: &Reading<'_>, file: FileId, secrets: &Secrets) -> Option<Kindred> {
    let root = Doc::new(reading, file, secrets).parse()?;
    let has = |wanted: &str| match &root.kind {
        Kind::Map(entries) => entries.iter().any(|(key, _)| foreign::text_of(key) == Some(wanted)),
        Kind::Scalar { .. } | Kind::List(_) => false,
    };
    let prometheus = [
        "scrape_configs",
        "rule_files",
        "alerting",
        "remote_write",
        "remote_read",
    ];
    if ["route", "receivers", "inhibit_rules"].iter().any(|key| has(key)) {
        return Some(Kindred::Alertmanager);
    }
    if prometheus.iter().any(|key| has(key)) {
        return Some(Kindred::Prometheus);
    }
    let message = "this is neither a configuration of Prometheus nor one of Alertmanager";
    let hint = match has("groups") {
        true => "rule files stay as they are: [alerting] rule_files = [\"rules/*.yml\"]",
        false => "the one has `scrape_configs`, the other `route` and `receivers`",
    };
    whole(reading, file, message, hint);
    None
}

/// Notes something about a file as a whole.
fn whole(reading: &Reading<'_>, file: FileId, message: &str, hint: &str) {
    let path = reading.sources.file(file).path.display().to_string();
    let mut problem = Problem::at(Location::file(&path), message).with_hint(hint);
    problem.severity = Severity::Error;
    reading.add(None, problem);
}

#[cfg(test)]
mod tests;
