//! What people copy: the sample of every bundled plugin, and the configurations that READMEs show.
//!
//! Flows in: `plugins/*/sample.toml`, and the blocks of TOML in `README.md` and `plugins/*/README.md`. Flows out: what
//! `validate` says of each, with every secret set that it names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::host::{Finished, Place};

/// The top of the clone.
fn clone_root() -> PathBuf {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    host.parent().expect("the host stands in the clone").to_path_buf()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The folders of the bundled plugins: one that the binary does not have makes its sample fail.
fn plugins() -> Vec<PathBuf> {
    let entries = fs::read_dir(clone_root().join("plugins")).expect("a folder of plugins");
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

/// The blocks of TOML in a document, but for the tutorial's: nobody built its plugin.
fn shown(document: &str) -> impl Iterator<Item = &str> {
    let blocks = document.split("\n```toml\n").skip(1);
    blocks
        .filter_map(|rest| rest.split("\n```").next())
        .filter(|block| !block.contains("plugin = \"target/"))
}

/// What it calls `${secret:NAME}`.
fn secrets(configuration: &str) -> impl Iterator<Item = &str> {
    let rest = configuration.split("${secret:").skip(1);
    rest.filter_map(|rest| rest.split('}').next())
}

/// A whole address may be a secret; its name says so.
fn value(secret: &str) -> String {
    if secret.ends_with("_URL") {
        format!("https://{}.example.com/", secret.to_ascii_lowercase().replace('_', "-"))
    } else {
        format!("value_of_{secret}")
    }
}

fn validated(configuration: &str) -> Finished {
    let place = Place::new("");
    place.write("bellwether.toml", configuration);
    place.finish_with(&["validate"], |command| {
        command.env("STATE_DIRECTORY", place.path("state"));
        command.envs(secrets(configuration).map(|name| (name, value(name))));
    })
}

/// Fails unless it is accepted without a word of warning.
fn assert_valid(configuration: &str, name: &str) {
    let said = validated(configuration);
    assert!(
        said.code == 0 && !said.stderr.contains("warning:"),
        "{name}:\n{configuration}\n{}",
        said.stderr
    );
}

#[test]
fn every_sample_of_a_plugin_validates() {
    let folders = plugins();
    assert!(!folders.is_empty());
    for folder in folders {
        let sample = folder.join("sample.toml");
        assert_valid(&text(&sample), &sample.display().to_string());
    }
}

#[test]
fn every_configuration_that_a_readme_shows_validates() {
    let mut documents: Vec<_> = plugins().iter().map(|folder| folder.join("README.md")).collect();
    documents.push(clone_root().join("README.md"));
    for document in documents {
        let (name, text) = (document.display().to_string(), text(&document));
        assert!(shown(&text).next().is_some(), "{name} shows no configuration");
        shown(&text).for_each(|block| assert_valid(block, &name));
    }
}

#[test]
fn a_sample_with_a_setting_that_its_plugin_does_not_know_is_found() {
    let said = validated("[check.machine]\nplugin = \"system\"\nallow = [\"system\"]\nsettings.colour = \"red\"\n");
    assert!(said.code == 2 && said.stderr.contains("colour"), "{said:?}");
}
