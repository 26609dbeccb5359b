//! Finds and reads files: the main one by the search path, included ones by pattern.

use std::{
    fs,
    io::Read as _,
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use super::{
    environment::Environment,
    problem::{Location, Problem, Problems},
};

/// Largest configuration file, in bytes. A check takes about 200: this is room for 20,000 in one file, and a log or an
/// image named by mistake is refused at once.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

const VARIABLE: &str = "BELLWETHER_CONFIG";
const PLACES: [&str; 2] = ["./bellwether.toml", "/etc/bellwether/bellwether.toml"];

/// The main file: the one asked for, else `$BELLWETHER_CONFIG`, else the first that exists of the usual places. What
/// was asked for is never silently replaced by another.
pub(super) fn main_file(asked: Option<&Path>, env: &Environment) -> Result<PathBuf, Problems> {
    if let Some(path) = asked {
        return named(path, "`--config`");
    }
    if let Some(path) = env.non_empty(VARIABLE) {
        return named(Path::new(path), "the variable `BELLWETHER_CONFIG`");
    }
    let found = PLACES.iter().map(Path::new).find(|path| path.exists());
    found
        .map(|path| path.strip_prefix(".").unwrap_or(path).to_owned())
        .ok_or_else(|| nowhere().into())
}

fn named(path: &Path, by: &str) -> Result<PathBuf, Problems> {
    if path.exists() {
        return Ok(path.to_owned());
    }
    let location = Location::file(&path.display().to_string());
    let hint = format!("{by} names it; no other place was tried");
    Err(Problem::at(location, "no such file").with_hint(hint).into())
}

fn nowhere() -> Problem {
    let mut hint =
        "name one with --config FILE; tried:\n  --config (not given)\n  $BELLWETHER_CONFIG (not set)".to_owned();
    for place in PLACES {
        hint.push_str(&format!("\n  {place} (not there)"));
    }
    Problem::at(Location::default(), "no configuration file was found").with_hint(hint)
}

/// The text of a file, without a byte order mark.
pub(super) fn read(path: &Path) -> Result<String, Problems> {
    let at = |message: String| Problem::at(Location::file(&path.display().to_string()), message);
    if let Some(kind) = no_regular_file(path) {
        let hint = "write the configuration to a file, so that a reload finds it again";
        return Err(at(format!("this is {kind}, not a regular file")).with_hint(hint).into());
    }
    let bytes = contents(path).map_err(|error| at(format!("cannot be read: {error}")))?;
    if bytes.len() > FILE_BYTES_MAX {
        let hint = "split it with `[host] include = [\"checks.d/*.toml\"]`, if it is a configuration";
        return Err(at(format!("larger than {} MiB", FILE_BYTES_MAX >> 20))
            .with_hint(hint)
            .into());
    }
    let text = String::from_utf8(bytes).map_err(|error| not_text(path, &error))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// What a path leads to when that is there and no regular file. Asked before opening: a pipe would wait for its other
/// end, and some devices do something when they are opened.
pub(super) fn no_regular_file(path: &Path) -> Option<&'static str> {
    let kind = fs::metadata(path).ok()?.file_type();
    if kind.is_file() {
        return None;
    }
    Some(if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    })
}

fn contents(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(FILE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn not_text(path: &Path, error: &std::string::FromUtf8Error) -> Problem {
    let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    let line_start = valid.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    // The line itself is not shown: it may hold a token, and it is no text.
    let location = Location {
        line: valid.iter().filter(|byte| **byte == b'\n').count() + 1,
        column: String::from_utf8_lossy(&valid[line_start..]).chars().count() + 1,
        ..Location::file(&path.display().to_string())
    };
    Problem::at(location, "not UTF-8 text").with_hint("save the file as UTF-8")
}

/// Whether an include is a pattern, which may match nothing, or names one file, which must exist.
pub(super) fn is_pattern(include: &str) -> bool {
    include.contains(['*', '?'])
}

/// The files a pattern matches, sorted by path. `*` and `?` match within one name; names that start with a dot are
/// matched only by a pattern that says the dot (so the hidden folders of a mounted ConfigMap are not read twice).
pub(super) fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, std::io::Error> {
    let mut found = vec![folder.to_owned()];
    for part in Path::new(pattern).components() {
        let part = part.as_os_str().to_string_lossy();
        if is_pattern(&part) {
            let mut next = Vec::new();
            for folder in &found {
                next.extend(names_in(folder, &part)?);
            }
            found = next;
        } else {
            found = found.iter().map(|folder| folder.join(&*part)).collect();
        }
    }
    // What is there and no file, a pipe or a link to nothing, is refused when it is read: a check must not vanish unseen.
    found.retain(|path| fs::symlink_metadata(path).is_ok() && !path.is_dir());
    found.sort();
    Ok(found)
}

fn names_in(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, std::io::Error> {
    // A relative main file has the empty path as its folder.
    let listed = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let entries = match fs::read_dir(listed) {
        Ok(entries) => entries,
        // A folder that does not exist yet holds no files, and a file among folders is no folder.
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let shown = name.to_string_lossy();
        if shown.starts_with('.') == pattern.starts_with('.') && wildcard(&shown, pattern) {
            found.push(folder.join(&name));
        }
    }
    Ok(found)
}

/// Greedy with one point of return: linear for one star, never exponential.
pub(super) fn wildcard(name: &str, pattern: &str) -> bool {
    let (name, pattern): (Vec<char>, Vec<char>) = (name.chars().collect(), pattern.chars().collect());
    let (mut at, mut in_pattern) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < name.len() {
        match pattern.get(in_pattern) {
            Some('*') => {
                star = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == name[at] => {
                at += 1;
                in_pattern += 1;
            }
            _ => match star {
                Some((position, taken)) => {
                    star = Some((position, taken + 1));
                    at = taken + 1;
                    in_pattern = position + 1;
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_within_a_name() {
        for (name, pattern) in [
            ("a.toml", "*.toml"),
            ("ab.toml", "?b.*"),
            ("aXbXc", "a*b*c"),
            ("x", "*"),
            ("x", "**"),
        ] {
            assert!(wildcard(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [("a.tom", "*.toml"), ("ab", "a"), ("", "?"), ("a.toml.bak", "*.toml")] {
            assert!(!wildcard(name, pattern), "{name} {pattern}");
        }
    }

    #[test]
    fn patterns_find_sorted_files_and_no_hidden_ones() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.toml", "a.toml", ".hidden.toml", "c.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("d.toml")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("e.toml")).unwrap();
        let found = matching(folder.path(), "*.toml").unwrap();
        assert_eq!(
            found,
            ["a.toml", "b.toml", "e.toml"].map(|name| folder.path().join(name))
        );
        assert!(matching(folder.path(), "none.d/*.toml").unwrap().is_empty());
        assert_eq!(matching(folder.path(), "*/../a.toml").unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_regular_file_is_said_to_be_none_and_never_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.toml");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|status| status.success()));
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket.toml")).unwrap();
        std::os::unix::fs::symlink("pipe.toml", folder.path().join("link.toml")).unwrap();
        for (path, kind) in [
            (folder.path().to_owned(), "a folder"),
            (pipe, "a pipe"),
            (folder.path().join("link.toml"), "a pipe"),
            (folder.path().join("socket.toml"), "a socket"),
            ("/dev/zero".into(), "a device"),
        ] {
            let said = read(&path).unwrap_err().to_string();
            let expected = format!("{}: this is {kind}, not a regular file", path.display());
            assert!(said.starts_with(&expected), "{said}");
        }
    }

    #[test]
    fn what_was_asked_for_is_not_replaced_by_another() {
        let missing = main_file(Some(Path::new("/nowhere/x.toml")), &Environment::default()).unwrap_err();
        assert!(
            missing.to_string().starts_with("/nowhere/x.toml: no such file"),
            "{missing}"
        );
        let env: Environment = [("BELLWETHER_CONFIG", "/nowhere/y.toml")].into_iter().collect();
        assert!(
            main_file(None, &env)
                .unwrap_err()
                .to_string()
                .contains("BELLWETHER_CONFIG")
        );
        assert!(
            nowhere()
                .to_string()
                .contains("/etc/bellwether/bellwether.toml (not there)")
        );
    }
}
