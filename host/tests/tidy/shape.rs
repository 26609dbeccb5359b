//! Size of files, their heads, and what may not be left in them.

use super::source::{Breach, Word, code_only, words};

/// A longer file has more than one reason to change, or an excuse by name. Tests do not count.
const LINES: usize = 500;

/// A file that is longer and stays so.
#[derive(Debug)]
pub(crate) struct Excuse {
    pub(crate) path: &'static str,
    /// It may shrink, never grow past this.
    pub(crate) lines: usize,
    pub(crate) reason: &'static str,
}

/// The fewer the better.
pub(crate) const EXCUSED: &[Excuse] = &[];

/// Files over the limit without an excuse or past it, and excuses that nothing needs any more.
pub(crate) fn oversized(files: &[(String, String)], excused: &[Excuse]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, text) in files {
        let lines = if is_tests(path) { 0 } else { lines_of_code(text) };
        let excuse = excused.iter().find(|excuse| excuse.path == path);
        match excuse {
            None if lines > LINES => {
                breaches.push(Breach::new(
                    path,
                    0,
                    format!("{lines} lines: split it by reason to change"),
                ));
            }
            Some(excuse) if lines > excuse.lines => {
                let message = format!("{lines} lines, excused up to {} ({})", excuse.lines, excuse.reason);
                breaches.push(Breach::new(path, 0, message));
            }
            Some(_) if lines <= LINES => breaches.push(Breach::new(path, 0, "small enough now: remove its excuse")),
            Some(_) | None => {}
        }
    }
    let gone = excused
        .iter()
        .filter(|excuse| files.iter().all(|(path, _)| path != excuse.path));
    breaches.extend(gone.map(|excuse| Breach::new(excuse.path, 0, "excused and not there")));
    breaches
}

/// The tests of a module, in a file beside it.
fn is_tests(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

/// Lines before the tests that stand at the end of a file.
fn lines_of_code(text: &str) -> usize {
    let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    code.lines().count()
}

/// Placeholders, and tests that are switched off: one that cannot pass asserts what is, and says why.
pub(crate) fn unfinished(path: &str, text: &str) -> Vec<Breach> {
    let code = code_only(text);
    let is_left = |word: &&Word<'_>| match word.text {
        "todo" | "unimplemented" => word.after.starts_with('!'),
        "ignore" => word.before.ends_with("#["),
        _ => false,
    };
    let found = words(&code);
    let breach = |word: &Word<'_>| Breach::new(path, word.line(&code), format!("`{}`", word.text));
    found.iter().filter(is_left).map(breach).collect()
}

/// A file that does not say first what it is. The tests of a module, in a file beside it, need not.
pub(crate) fn headless(path: &str, text: &str) -> Vec<Breach> {
    if text.starts_with("//!") || text.starts_with("#![doc = include_str!(") || is_tests(path) {
        return Vec::new();
    }
    vec![Breach::new(
        path,
        1,
        "opens with no `//!`: what it owns, what flows in and out, what it does not do",
    )]
}

#[cfg(test)]
fn file(path: &str, lines: usize) -> (String, String) {
    (path.to_owned(), "x\n".repeat(lines))
}

#[test]
fn a_long_file_needs_an_excuse_and_may_not_outgrow_it() {
    const EXCUSE: Excuse = Excuse {
        path: "long.rs",
        lines: 600,
        reason: "a table",
    };
    assert_eq!(oversized(&[file("long.rs", 501)], &[]).len(), 1);
    assert_eq!(oversized(&[file("long.rs", 600)], &[EXCUSE]), []);
    assert_eq!(oversized(&[file("long.rs", 601)], &[EXCUSE]).len(), 1);
}

#[test]
fn tests_at_the_end_of_a_file_do_not_count() {
    let text = format!(
        "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
        "x\n".repeat(500),
        "x\n".repeat(300)
    );
    assert_eq!(oversized(&[("a.rs".to_owned(), text)], &[]), []);
}

#[test]
fn an_excuse_that_nothing_needs_is_a_breach() {
    const EXCUSE: Excuse = Excuse {
        path: "long.rs",
        lines: 600,
        reason: "a table",
    };
    assert_eq!(oversized(&[file("long.rs", 400)], &[EXCUSE]).len(), 1);
    assert_eq!(oversized(&[file("other.rs", 400)], &[EXCUSE]).len(), 1);
}

#[test]
fn placeholders_and_ignored_tests_are_found_in_code_only() {
    let text = "//! todo!()\nfn f() {\n    todo!()\n}\n#[ignore = \"slow\"]\nfn ignore() { let todo = 1; }\n";
    let lines: Vec<_> = unfinished("a.rs", text).iter().map(|breach| breach.line).collect();
    assert_eq!(lines, [3, 5]);
}

#[test]
fn a_file_without_a_head_is_found() {
    assert_eq!(headless("a.rs", "use std::fs;\n").len(), 1);
    assert_eq!(headless("a.rs", "//! What it is.\n"), []);
    assert_eq!(headless("host/src/board/tests.rs", "use super::*;\n"), []);
}
