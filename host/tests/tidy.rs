//! House rules that no compiler checks, as ordinary tests: order of imports, crates and `unsafe` where they belong, sizes,
//! complete plugin folders, documents that tell the truth about paths.
//!
//! Flows in: the texts of the clone. Flows out: every breach at once, with file and line. Each rule is a pure function of
//! text, and has tests with bad samples, so that it is known that the rule can fail. It uses nothing but std.
//!
//! Budget: 1 min

#[path = "tidy/confinement.rs"]
mod confinement;
#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/order.rs"]
mod order;
#[path = "tidy/plugins.rs"]
mod plugins;
#[path = "tidy/reference.rs"]
mod reference;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;

use source::{Breach, clone_root, files};

/// Fails with all breaches, one a line.
fn assert_none(rule: &str, breaches: &[Breach]) {
    let lines: Vec<_> = breaches.iter().map(ToString::to_string).collect();
    assert!(breaches.is_empty(), "{rule}:\n{}\n", lines.join("\n"));
}

/// Applies a rule to the code of every Rust file under `folder`, with paths as seen from the clone's top.
fn breaches_in(folder: &str, rule: impl Fn(&str, &str) -> Vec<Breach>) -> Vec<Breach> {
    files(folder, "rs")
        .iter()
        .flat_map(|(path, text)| rule(path, text))
        .collect()
}

#[test]
fn modules_of_the_host_import_only_what_stands_before_them() {
    assert_none(
        "imports run against the order in host/tests/tidy/order.rs",
        &breaches_in("host/src", order::breaches),
    );
}

#[test]
fn crates_stay_in_the_modules_that_own_them() {
    assert_none(
        "crates are used outside their modules",
        &breaches_in("host/src", confinement::crates),
    );
}

#[test]
fn unsafe_code_stands_in_two_files() {
    assert_none("unsafe code", &breaches_in("", confinement::unsafe_code));
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_ignored() {
    assert_none("unfinished code", &breaches_in("", shape::unfinished));
}

#[test]
fn every_module_opens_with_what_it_is() {
    assert_none("modules without a `//!` head", &breaches_in("", shape::headless));
}

#[test]
fn files_stay_small_or_are_excused_by_name() {
    let all = files("", "rs");
    assert_none("sizes", &shape::oversized(&all, shape::EXCUSED));
}

#[test]
fn every_plugin_folder_is_complete() {
    assert_none("plugin folders", &plugins::breaches(&clone_root()));
}

#[test]
fn documents_name_paths_that_exist() {
    let root = clone_root();
    let exists = |path: &str| root.join(path).exists();
    let texts = files("", "md");
    let breaches: Vec<_> = texts
        .iter()
        .flat_map(|(path, text)| documents::dead_paths(path, text, exists))
        .collect();
    assert_none("documents name paths that are not there", &breaches);
}

#[test]
fn the_tutorial_in_the_readme_is_the_example() {
    let read = |path| std::fs::read_to_string(clone_root().join(path)).unwrap();
    let breaches = documents::unlike_example(&read("README.md"), &read(documents::EXAMPLE));
    assert_none("README.md and the example differ", &breaches);
}

#[test]
fn the_reference_names_every_key_of_the_configuration() {
    let read = |path| std::fs::read_to_string(clone_root().join(path)).unwrap();
    let breaches = reference::missing_keys(&read(reference::VOCABULARY), &read(reference::REFERENCE));
    assert_none("keys that nobody explains", &breaches);
}

#[test]
fn the_reference_names_every_metric_of_the_host() {
    let document = std::fs::read_to_string(clone_root().join(reference::REFERENCE)).unwrap();
    let code = files("host/src", "rs");
    let texts = code
        .iter()
        .filter(|(path, _)| !path.contains("test"))
        .map(|(_, text)| text.as_str());
    assert_none("metrics", &reference::metrics(texts, &document));
}
