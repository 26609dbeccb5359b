//! What `promtool` makes of the rules that plugins bring: Prometheus can load them, and what their own tests say holds.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::tools::{feed, program};

/// Plugins that bring rules: as many as there are that look beyond this machine.
const PACKS: usize = 6;

/// `name` in the folders of all plugins that have it.
fn files(name: &str) -> Vec<PathBuf> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let folders = std::fs::read_dir(plugins).expect("plugins").flatten();
    let files = folders.map(|folder| folder.path().join(name));
    files.filter(|file| file.is_file()).collect()
}

fn promtool(words: &[&str], file: &Path) {
    let said = feed(Command::new(program("promtool")).args(words).arg(file), b"");
    assert_eq!(said.code, Some(0), "{}: {said:?}", file.display());
}

#[test]
fn every_plugins_rules_can_be_loaded() {
    let files = files("rules.yml");
    assert!(files.len() >= PACKS, "{files:?}");
    for file in files {
        promtool(&["check", "rules", "--lint-fatal"], &file);
    }
}

#[test]
fn what_the_tests_of_rules_say_holds() {
    let files = files("rules_test.yml");
    assert!(!files.is_empty(), "no plugin tests its rules");
    for file in files {
        promtool(&["test", "rules"], &file);
    }
}
