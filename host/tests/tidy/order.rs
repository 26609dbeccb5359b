//! Order of imports among the modules of `host/src`.

use super::source::{Breach, code_only, line_at};

/// A module may name those before it, never after. This is the one place where the order is written down for machines;
/// ARCHITECTURE.md explains it.
const ORDER: &[&str] = &[
    "clock",
    "supervisor",
    "secret",
    "metric",
    "bundled",
    "alert",
    "outcome",
    "telemetry",
    "yaml",
    "config",
    "store",
    "capability",
    "sandbox",
    "schedule",
    "board",
    "history",
    "ingest",
    "rule",
    "dispatch",
    "deliver",
    "expose",
    "app",
    "cli",
];

/// Files at the top that belong to no module: the list of modules, and what starts the program.
const TOP: &[&str] = &["lib", "main"];

/// What tests of several modules share. It may use all of them, and none but tests may use it: it is compiled for tests only.
const FOR_TESTS: &str = "testing";

/// What `path` (such as `host/src/board/merge.rs`) imports and may not.
pub(crate) fn breaches(path: &str, text: &str) -> Vec<Breach> {
    let module = module_of(path);
    if TOP.contains(&module) || module == FOR_TESTS {
        return Vec::new();
    }
    let Some(own) = position(module) else {
        return vec![Breach::new(
            path,
            0,
            format!("module `{module}` has no place in the order"),
        )];
    };
    let code = code_only(text);
    let later = |(at, name): (usize, &str)| {
        let line = line_at(&code, at);
        match position(name) {
            Some(place) if place > own => Some(Breach::new(path, line, format!("`{module}` may not use `{name}`"))),
            None if name == FOR_TESTS => None,
            // Macros and items at the crate's top have no order, and there should be none.
            None => Some(Breach::new(
                path,
                line,
                format!("`crate::{name}` is no module of the order"),
            )),
            Some(_) => None,
        }
    };
    named(&code).into_iter().filter_map(later).collect()
}

fn position(module: &str) -> Option<usize> {
    ORDER.iter().position(|name| *name == module)
}

/// `board` of both `host/src/board/merge.rs` and `host/src/board.rs`.
fn module_of(path: &str) -> &str {
    let inside = path.strip_prefix("host/src/").unwrap_or(path);
    inside.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// Every module named after `crate::`, alone or in braces, with its position in the text.
fn named(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let preceded = code[..at]
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_');
        let start = at + path.len();
        let rest = &code[start..];
        if preceded {
            // `$crate::` is ours as well; `my_crate::` is not.
        } else if rest.starts_with('{') {
            found.extend(members(rest).into_iter().map(|(offset, name)| (start + offset, name)));
        } else {
            found.push((start, word(rest)));
        }
    }
    found.retain(|(_, name)| !name.is_empty());
    found
}

/// The first word of each member of `{a::b, c::{d, e}}`: `a` and `c`, with their positions.
fn members(group: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut expected = false;
    for (at, c) in group.char_indices() {
        match c {
            '{' => {
                depth += 1;
                expected = depth == 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            ',' => expected = depth == 1,
            c if expected && !c.is_whitespace() => {
                found.push((at, word(&group[at..])));
                expected = false;
            }
            _ => {}
        }
    }
    found
}

fn word(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    &text[..end]
}

#[test]
fn an_import_of_a_later_module_is_a_breach_with_its_line() {
    let text = "//! Head.\nuse crate::{\n    clock::Clock,\n    expose::{Control, app},\n};\n";
    let found = breaches("host/src/board/merge.rs", text);
    assert_eq!(
        found,
        [Breach::new(
            "host/src/board/merge.rs",
            4,
            "`board` may not use `expose`"
        )]
    );
}

#[test]
fn a_path_in_the_middle_of_code_counts_as_an_import() {
    let found = breaches("host/src/clock.rs", "fn f() -> crate::config::Config {}");
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn earlier_modules_and_links_in_comments_are_no_breach() {
    let text = "//! See [`crate::cli`].\nuse crate::{clock::Clock, metric::{self, LabelName}};\n";
    assert_eq!(breaches("host/src/board/mod.rs", text), []);
}

#[test]
fn what_tests_share_stands_outside_the_order() {
    assert_eq!(
        breaches("host/src/testing.rs", "use crate::{board::Board, clock::Clock};"),
        []
    );
    assert_eq!(breaches("host/src/clock.rs", "use crate::testing::clock;"), []);
}

#[test]
fn a_module_without_a_place_is_a_breach() {
    assert_eq!(breaches("host/src/helpers.rs", "").len(), 1);
    assert_eq!(breaches("host/src/clock.rs", "use crate::helpers::f;").len(), 1);
}
