//! `[host] include`: more files with more checks, connections and rules.
//!
//! Included files hold those and nothing else: what concerns the whole host stands in one place, and an included file
//! cannot include, so there are no cycles.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use super::{
    reader::Reader,
    reading::Reading,
    search,
    source::{At, FileId, Span},
    tree::{self, Table},
    vocabulary::ROOT,
    wording::excerpt,
};

/// Most files of one configuration. More is a pattern gone astray, and each is opened on every reload.
pub const FILES_MAX: usize = 1_000;

/// Reads every included file, in the order of the patterns and then of the paths, each once.
pub(super) fn read(reading: &mut Reading<'_>, include: &[At<String>]) -> Vec<Table> {
    let mut seen: HashSet<PathBuf> = reading.sources.paths().map(|path| identity(path)).collect();
    let mut tables = Vec::new();
    for pattern in include {
        for path in files(reading, "include", "checks.d", "toml", pattern) {
            if !seen.insert(identity(&path)) {
                continue;
            }
            if seen.len() > FILES_MAX {
                let message = format!("more than {FILES_MAX} files are included");
                reading.error(pattern.span, message, "make the pattern narrower".to_owned());
                return tables;
            }
            tables.extend(read_included(reading, pattern.span, path));
        }
    }
    tables
}

/// What a path leads to. Two patterns may match one file, and a pattern may match the main file itself.
pub(super) fn identity(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The files that a pattern of `key` names; problems with it are noted. `folder` and `ending` are for the examples.
pub(super) fn files(
    reading: &Reading<'_>,
    key: &str,
    example: &str,
    ending: &str,
    include: &At<String>,
) -> Vec<PathBuf> {
    let shown = excerpt(&include.value);
    let folder = reading.folder(include.span.file);
    if include.value.split('/').any(|part| part == "**") {
        let hint = format!("name the folders: {key} = [\"{example}/*.{ending}\", \"{example}/*/*.{ending}\"]");
        reading.error(include.span, format!("`{key}` \"{shown}\": `**` is not offered"), hint);
        return Vec::new();
    }
    match search::matching(folder, &include.value) {
        Ok(found) if found.is_empty() && !search::is_pattern(&include.value) => {
            let path = folder.join(&include.value);
            let message = match path.is_dir() {
                true => format!("`{key}` \"{shown}\" is a folder"),
                false => format!("`{key}` \"{shown}\": there is no file {}", path.display()),
            };
            let hint = format!("a path without `*` must name a file; \"FOLDER/*.{ending}\" takes what is there");
            reading.error(include.span, message, hint);
            Vec::new()
        }
        Ok(found) => found,
        Err(error) => {
            reading.error(
                include.span,
                format!("`{key}` \"{shown}\" cannot be followed: {error}"),
                None,
            );
            Vec::new()
        }
    }
}

fn read_included(reading: &mut Reading<'_>, included_by: Span, path: PathBuf) -> Option<Table> {
    let text = match search::read(&path) {
        Ok(text) => text,
        Err(problems) => {
            let included = format!("included by {}", reading.sources.file_and_line(included_by));
            for problem in problems {
                let hint = match &problem.hint {
                    Some(hint) => format!("{hint}; {included}"),
                    None => included.clone(),
                };
                reading.add(Some(included_by), problem.with_hint(hint));
            }
            return None;
        }
    };
    let file = reading.sources.add(path, text);
    parse(reading, file)
}

/// Parses a file that is among the sources, and notes its headers.
pub(super) fn parse(reading: &mut Reading<'_>, file: FileId) -> Option<Table> {
    match tree::parse(&mut reading.sources, file) {
        Ok(table) => {
            reading.headers.extend(table.headers());
            Some(table)
        }
        Err(problems) => {
            for problem in problems {
                reading.add(
                    Some(Span::new(file, &(problem.location.line..problem.location.line))),
                    problem,
                );
            }
            None
        }
    }
}

/// Tables that an included file may not have, known or not.
pub(super) fn refuse_other_tables(reading: &Reading<'_>, table: &Table) {
    Reader::new(reading, table, &ROOT, &[]);
    for entry in &table.entries {
        let included = ["check", "connection", "rule"].contains(&entry.key.as_str());
        if !included && ROOT.keys.contains(&entry.key.as_str()) {
            let message = format!(
                "`[{}]` may stand in the main file only; included files hold checks, connections and rules",
                entry.key
            );
            let main = reading.sources.file(FileId::MAIN).path.display();
            reading.error(entry.key_span, message, format!("move it to {main}"));
        }
    }
}

/// The folders that a new file may appear in: up to the first wildcard of each pattern.
pub(super) fn folders(reading: &Reading<'_>, include: &[At<String>]) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = include
        .iter()
        .filter(|include| search::is_pattern(&include.value))
        .map(|include| {
            let fixed = Path::new(&include.value)
                .components()
                .take_while(|part| !search::is_pattern(&part.as_os_str().to_string_lossy()));
            reading.folder(include.span.file).join(fixed.collect::<PathBuf>())
        })
        .collect();
    folders.sort();
    folders.dedup();
    folders
}
