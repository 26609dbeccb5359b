//! Which suites there are, what each needs, how long it may take, and the command that runs it.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, bail};

use crate::{program, setup::Need, workspace::Workspace};

/// Of a suite that does not say otherwise. All of them together must stay well inside CI's 90 minutes.
const DEFAULT_BUDGET: Duration = Duration::from_secs(5 * 60);
/// Doc tests are compiled one by one while they run.
const DOC_BUDGET: Duration = Duration::from_secs(15 * 60);
/// How much of a file is searched for its `//!` head.
const HEAD_LINES: usize = 40;

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Suite {
    name: String,
    scope: Scope,
    needs: Vec<Need>,
    budget: Duration,
    loads_guests: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Scope {
    /// Tests beside the code, of every crate.
    Unit,
    /// Examples in documentation.
    Doc,
    /// `tests/NAME.rs` of a package.
    File { package: String, target: String },
}

/// What runs tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    /// `cargo nextest`: a process per test, and slow ones are named while they run.
    Nextest,
    /// `cargo test`.
    Cargo,
}

impl Tool {
    /// The better one that is installed.
    pub(super) fn available() -> Self {
        if program::find("cargo-nextest", &[]).is_some() {
            Self::Nextest
        } else {
            Self::Cargo
        }
    }

    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Nextest => &["nextest", "run"],
            Self::Cargo => &["test"],
        }
    }

    /// Compiles all tests and binaries, and runs none.
    pub(super) fn compile(self, workspace: &Workspace) -> Command {
        let mut command = workspace.cargo(self.words());
        command.args(["--workspace", "--lib", "--bins", "--tests", "--no-run"]);
        command
    }
}

impl Suite {
    /// What is typed after `cargo xtask test`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What must be there beyond cargo.
    pub(super) fn needs(&self) -> &[Need] {
        &self.needs
    }

    /// The longest it may run.
    pub(super) fn budget(&self) -> Duration {
        self.budget
    }

    /// Whether any of its tests may load a component that only tests have.
    pub(super) fn loads_guests(&self) -> bool {
        self.loads_guests
    }

    /// Name, budget and needs in one line.
    pub(super) fn describe(&self) -> String {
        let words: Vec<_> = self.needs.iter().map(|need| need.word()).collect();
        let needs = if words.is_empty() {
            String::new()
        } else {
            format!("; needs {}", words.join(", "))
        };
        format!("{} (budget {}{needs})", self.name, crate::console::span(self.budget))
    }

    /// The command that runs it.
    pub(super) fn command(&self, workspace: &Workspace, tool: Tool) -> Command {
        match &self.scope {
            Scope::Unit => {
                let mut command = workspace.cargo(tool.words());
                command.args(["--workspace", "--lib", "--bins", "--no-fail-fast"]);
                command
            }
            // nextest does not run doc tests.
            Scope::Doc => workspace.cargo(&["test", "--doc", "--workspace", "--no-fail-fast"]),
            // Chosen out of the whole workspace: choosing a package would change the features of what both depend on, and
            // compile the engine a second time.
            Scope::File { target, .. } => {
                let mut command = workspace.cargo(tool.words());
                command.args(["--workspace", "--test", target, "--no-fail-fast"]);
                command
            }
        }
    }
}

/// Every suite of the workspace: `unit`, `doc`, then the files of `tests/` by name.
pub(super) fn all(workspace: &Workspace) -> Result<Vec<Suite>> {
    let plain = |name: &str, scope, budget| Suite {
        name: name.into(),
        scope,
        needs: Vec::new(),
        budget,
        loads_guests: false,
    };
    let mut suites = vec![
        plain("unit", Scope::Unit, DEFAULT_BUDGET),
        plain("doc", Scope::Doc, DOC_BUDGET),
    ];
    for package in workspace.packages() {
        suites.extend(files_of(&package.name, &package.folder().join("tests"))?);
    }
    Ok(suites)
}

/// The suites that were asked for, in the order of `suites`; all when none was.
pub(super) fn chosen(suites: Vec<Suite>, names: &[String]) -> Result<Vec<Suite>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| suites.iter().all(|suite| suite.name != **name))
    {
        let known: Vec<_> = suites.iter().map(Suite::name).collect();
        bail!("unknown suite `{unknown}`: there are {}", known.join(", "));
    }
    Ok(suites
        .into_iter()
        .filter(|suite| names.is_empty() || names.contains(&suite.name))
        .collect())
}

/// One suite for each `tests/NAME.rs` and `tests/NAME/main.rs`, as cargo finds them.
fn files_of(package: &str, folder: &Path) -> Result<Vec<Suite>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut suites = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let file = if path.is_dir() {
            path.join("main.rs")
        } else {
            path.clone()
        };
        if file.extension().is_some_and(|extension| extension == "rs") && file.is_file() {
            let target = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            suites.push(from_head(package, &target, &fs::read_to_string(&file)?)?);
        }
    }
    suites.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(suites)
}

/// What stands in a test file that loads components which only tests have.
const GUESTS: &str = "mod guests;";

/// Reads `//! Needs:` and `//! Budget:` from the head of a test file, and whether it loads guests.
fn from_head(package: &str, target: &str, text: &str) -> Result<Suite> {
    let name = if package == "bellwether" {
        target.to_owned()
    } else {
        format!("{package}:{target}")
    };
    let value = |key: &str| {
        text.lines()
            .take(HEAD_LINES)
            .find_map(|line| line.strip_prefix("//! ")?.strip_prefix(key))
    };
    let needs = value("Needs:")
        .map(|words| {
            words
                .trim()
                .trim_end_matches('.')
                .split(',')
                .map(|word| Need::from_word(word.trim()))
                .collect()
        })
        .transpose()
        .with_context(|| format!("in the head of suite `{name}`"))?;
    let budget = value("Budget:")
        .map(minutes)
        .transpose()
        .with_context(|| format!("in the head of suite `{name}`"))?;
    let scope = Scope::File {
        package: package.into(),
        target: target.into(),
    };
    Ok(Suite {
        name,
        scope,
        needs: needs.unwrap_or_default(),
        budget: budget.unwrap_or(DEFAULT_BUDGET),
        loads_guests: text.lines().any(|line| line == GUESTS),
    })
}

/// `5 min`: whole minutes, at least one.
fn minutes(text: &str) -> Result<Duration> {
    let number = text
        .trim()
        .trim_end_matches('.')
        .strip_suffix("min")
        .and_then(|number| number.trim().parse().ok());
    match number {
        Some(minutes @ 1..) => Ok(Duration::from_secs(60 * minutes)),
        _ => bail!("a budget is whole minutes, such as `5 min`, and not `{}`", text.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_file_states_its_needs_and_its_budget() {
        let suite = from_head(
            "bellwether",
            "scrape",
            "//! Scrapes.\n//!\n//! Needs: promtool, python.\n//! Budget: 7 min\n",
        );
        let suite = suite.unwrap();
        assert_eq!(suite.needs(), [Need::Promtool, Need::Python]);
        assert_eq!(suite.budget(), Duration::from_secs(420));
        assert_eq!(suite.name(), "scrape");
    }

    #[test]
    fn a_silent_head_needs_nothing_and_has_the_default_budget() {
        let suite = from_head("bellwether-sdk", "report", "use std::fs;\n").unwrap();
        assert_eq!(
            (suite.name(), suite.needs(), suite.budget()),
            ("bellwether-sdk:report", &[][..], DEFAULT_BUDGET)
        );
    }

    #[test]
    fn guests_are_built_for_suites_that_have_them() {
        let loads = |text| from_head("bellwether", "binary", text).unwrap().loads_guests();
        assert!(loads("#[path = \"../support/guests.rs\"]\nmod guests;\nmod host;\n"));
        assert!(!loads("mod host;\n"));
    }

    #[test]
    fn a_head_that_cannot_be_read_is_an_error_that_names_the_suite() {
        for head in ["//! Needs: promtol\n", "//! Budget: soon\n", "//! Budget: 0 min\n"] {
            let error = format!("{:#}", from_head("bellwether", "scrape", head).unwrap_err());
            assert!(error.contains("`scrape`"), "{error}");
        }
    }

    #[test]
    fn an_unknown_suite_is_answered_with_the_known_ones() {
        let suites = all(&Workspace::locate().unwrap()).unwrap();
        let error = chosen(suites, &["unti".into()]).unwrap_err().to_string();
        assert!(error.contains("unit, doc"), "{error}");
    }
}
