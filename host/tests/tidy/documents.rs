//! Documents tell the truth about paths and code.

use super::source::Breach;

/// What the README's tutorial shows, letter for letter.
pub(crate) const EXAMPLE: &str = "examples/custom-check/src/lib.rs";

/// First parts of paths in the clone; a path that begins otherwise is a user's.
const TOPS: &[&str] = &["host", "plugin-sdk", "plugins", "examples", "xtask", ".ci"];

/// Paths that `text`, the document at `path`, names in backticks or links and that do not exist.
pub(crate) fn dead_paths(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Breach> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let beside = |target: &str| {
        if folder.is_empty() {
            target.to_owned()
        } else {
            format!("{folder}/{target}")
        }
    };
    let mut fenced = false;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let quoted = backticked(line).into_iter().filter(|span| is_own_path(span));
        let dead = quoted
            .chain(linked(line))
            .filter(|target| !exists(target) && !exists(&beside(target)));
        found.extend(dead.map(|target| Breach::new(path, index + 1, format!("there is no `{target}`"))));
    }
    found
}

/// Spans in backticks.
fn backticked(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// Targets of links into the clone, without their anchors.
fn linked(line: &str) -> Vec<&str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let path = targets.filter_map(|target| target.split('#').next());
    path.filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
        .collect()
}

/// Whether a span looks like a path in the clone. Patterns (`plugins/*`), placeholders (`plugins/NAME/…`), commands and
/// what is built (`target/`) do not.
fn is_own_path(span: &str) -> bool {
    let plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "./_-".contains(c));
    let placeholder = span.split(['/', '.']).any(|part| part == "NAME");
    let top = span.split('/').next().unwrap_or_default();
    let document = !span.contains('/') && span.ends_with(".md");
    plain && !placeholder && (document || (span.contains('/') && TOPS.contains(&top)))
}

/// Empty when the blocks of Rust in `readme`, one after the other, are `example`. The tutorial shows it in pieces, with
/// words between them; blank lines around a piece do not matter.
pub(crate) fn unlike_example(readme: &str, example: &str) -> Vec<Breach> {
    let mut shown = lines_of_blocks(readme);
    let mut expected = example.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    loop {
        let (shown, expected) = (shown.next(), expected.next());
        let message = match (shown, expected) {
            (None, None) => return Vec::new(),
            (Some((_, shown)), Some((_, expected))) if shown == expected => continue,
            (Some((line, shown)), Some((at, _))) => {
                return vec![Breach::new(
                    "README.md",
                    line,
                    format!("`{shown}` is not line {} of {EXAMPLE}", at + 1),
                )];
            }
            (Some((line, _)), None) => return vec![Breach::new("README.md", line, format!("more than {EXAMPLE}"))],
            (None, Some((at, _))) => format!("its blocks of Rust end before line {} of {EXAMPLE}", at + 1),
        };
        return vec![Breach::new("README.md", 0, message)];
    }
}

/// Lines inside blocks of Rust, with their number in the document, blank ones left out.
fn lines_of_blocks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(move |(_, line)| {
        let fence = line.starts_with("```");
        if fence {
            inside = *line == "```rust";
        }
        inside && !fence && !line.trim().is_empty()
    })
}

#[test]
fn a_path_that_is_not_there_is_found_in_backticks_and_in_links() {
    let exists = |path: &str| path == "host/src" || path == "docs/there.md";
    let text = "See `host/src` and `host/gone.rs`.\n[a](there.md) [b](gone.md#part) [c](https://example.com/x)\n";
    let found = dead_paths("docs/guide.md", text, exists);
    let lines: Vec<_> = found
        .iter()
        .map(|breach| (breach.line, breach.message.as_str()))
        .collect();
    assert_eq!(lines, [(1, "there is no `host/gone.rs`"), (2, "there is no `gone.md`")]);
}

#[test]
fn patterns_placeholders_user_paths_and_code_blocks_are_not_paths_of_ours() {
    let text = "`plugins/*` `plugins/NAME/README.md` `checks.d/web.toml` `cargo xtask run`\n```\n`host/gone.rs`\n```\n";
    assert_eq!(dead_paths("README.md", text, |_| false), []);
}

#[test]
fn the_example_must_stand_in_the_readme_letter_for_letter() {
    let pieces = "# X\n```rust\nfn f() {}\n```\nand\n```toml\na = 1\n```\n```rust\nfn g() {}\n```\n";
    assert_eq!(unlike_example(pieces, "fn f() {}\n\nfn g() {}\n"), []);
    assert_eq!(
        unlike_example(pieces, "fn f() {}\nfn h() {}\n")
            .first()
            .map(|breach| breach.line),
        Some(10)
    );
    assert_eq!(unlike_example(pieces, "fn f() {}\n").len(), 1);
    assert_eq!(unlike_example("# X\n", "fn f() {}\n").len(), 1);
}
