//! Texts of the clone, and code without its comments and strings.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

/// Folders that hold no source of ours.
const FOREIGN: &[&str] = &["target", "node_modules", "dist"];

/// One breach of one rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Breach {
    /// From the clone's top.
    pub(crate) path: String,
    /// From 1; 0 when it is the file as a whole.
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Breach {
    pub(crate) fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}:{}: {}", self.path, self.line, self.message)
    }
}

/// The top of the clone.
pub(crate) fn clone_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the host stands in the clone")
        .to_path_buf()
}

/// Every file with `extension` under `folder`, sorted, with its path from the clone's top and its text.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    let root = clone_root();
    let mut found = Vec::new();
    collect(&root.join(folder), extension, &mut found);
    found.sort();
    let relative = |path: &PathBuf| {
        path.strip_prefix(&root)
            .unwrap_or(path)
            .to_string_lossy()
            .replace('\\', "/")
    };
    found
        .iter()
        .map(|path| (relative(path), fs::read_to_string(path).unwrap_or_default()))
        .collect()
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !FOREIGN.contains(&name.as_str()) && !name.ends_with("-venv") {
                collect(&path, extension, found);
            }
        } else if path.extension().is_some_and(|is| is == extension) {
            found.push(path);
        }
    }
}

/// The text with comments, strings and characters blanked, line by line where it was. What remains is code.
pub(crate) fn code_only(text: &str) -> String {
    let mut scanner = Scanner {
        rest: text,
        out: String::with_capacity(text.len()),
    };
    while let Some(next) = scanner.rest.chars().next() {
        scanner.step(next);
    }
    scanner.out
}

struct Scanner<'t> {
    rest: &'t str,
    out: String,
}

impl Scanner<'_> {
    fn step(&mut self, next: char) {
        if self.rest.starts_with("//") {
            self.blank(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.blank(block_comment(self.rest));
        } else if let Some(length) = raw_string(self.rest) {
            self.blank(length);
        } else if next == '"' {
            self.blank(quoted(self.rest, '"'));
        } else if next == '\'' {
            self.quote();
        } else if next.is_alphanumeric() || next == '_' {
            // A whole word at once: the `r` of `for` begins no raw string.
            let word = self
                .rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(self.rest.len());
            self.keep(word);
        } else {
            self.keep(next.len_utf8());
        }
    }

    /// A character literal, or the tick of a lifetime.
    fn quote(&mut self) {
        let mut after = self.rest.chars().skip(1);
        let (first, second) = (after.next(), after.next());
        if first == Some('\\') || second == Some('\'') {
            self.blank(quoted(self.rest, '\''));
        } else {
            self.keep(1);
        }
    }

    fn keep(&mut self, length: usize) {
        let (kept, rest) = self.rest.split_at(length);
        self.out.push_str(kept);
        self.rest = rest;
    }

    fn blank(&mut self, length: usize) {
        let (gone, rest) = self.rest.split_at(length);
        self.out
            .extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }
}

/// Length of a literal that starts with `end` and ends with it, escapes observed.
fn quoted(text: &str, end: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == end {
            return at + c.len_utf8();
        }
    }
    text.len()
}

/// Length of `r"…"`, `br#"…"#` and their kin, when the text starts with one.
fn raw_string(text: &str) -> Option<usize> {
    let after = ["br", "cr", "r"].iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after.trim_start_matches('#').strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(text.len() - body.len() + length)
}

/// Length of a block comment, which may contain others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Every word of code with its line (from 1), what stands right before it and what follows, spaces left out.
pub(crate) fn words(code: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    while let Some(start) = code[at..].find(is_part).map(|offset| at + offset) {
        let end = code[start..]
            .find(|c| !is_part(c))
            .map_or(code.len(), |offset| start + offset);
        found.push(Word {
            text: &code[start..end],
            before: code[..start].trim_end(),
            after: code[end..].trim_start(),
            start,
        });
        at = end;
    }
    found
}

/// See [`words`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'c> {
    pub(crate) text: &'c str,
    pub(crate) before: &'c str,
    pub(crate) after: &'c str,
    start: usize,
}

impl Word<'_> {
    /// Its line, from 1.
    pub(crate) fn line(&self, code: &str) -> usize {
        line_at(code, self.start)
    }
}

/// The line of a position, from 1.
pub(crate) fn line_at(text: &str, position: usize) -> usize {
    text[..position].matches('\n').count() + 1
}

#[test]
fn comments_strings_and_characters_are_not_code() {
    let text = "a // unsafe\nb \"unsafe \\\" unsafe\" c /* unsafe /* x */ unsafe */ d r#\"unsafe \" \"# e 'u' '\\'' f";
    let code = code_only(text);
    let words: Vec<_> = words(&code).iter().map(|word| word.text).collect();
    assert_eq!(words, ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(code.lines().count(), text.lines().count());
}

#[test]
fn lifetimes_and_words_that_end_in_r_swallow_nothing() {
    let code = code_only("fn f<'a>(x: &'a str) for\"x\" unsafe");
    assert!(words(&code).iter().any(|word| word.text == "unsafe"), "{code}");
    assert!(words(&code).iter().any(|word| word.text == "str"), "{code}");
}
