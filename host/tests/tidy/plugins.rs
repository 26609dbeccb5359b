//! Every folder of `plugins/` is a whole plugin.

use std::{fs, path::Path};

use super::source::Breach;

/// What a person needs besides the code: what it does and how to configure it, and a configuration that works.
const DOCUMENTS: &[&str] = &["README.md", "sample.toml"];

/// What is missing in the clone at `root`.
pub(crate) fn breaches(root: &Path) -> Vec<Breach> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(root.join("plugins")) else {
        return vec![Breach::new("plugins", 0, "there is no such folder")];
    };
    for folder in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        found.extend(of_plugin(&folder, &name));
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn of_plugin(folder: &Path, name: &str) -> Vec<Breach> {
    let path = format!("plugins/{name}");
    let mut found = Vec::new();
    for document in DOCUMENTS {
        let text = fs::read_to_string(folder.join(document)).unwrap_or_default();
        if text.trim().is_empty() {
            found.push(Breach::new(&format!("{path}/{document}"), 0, "is missing or empty"));
        } else if *document == "sample.toml" && !text.contains(&format!("plugin = \"{name}\"")) {
            found.push(Breach::new(
                &format!("{path}/{document}"),
                0,
                format!("shows no `plugin = \"{name}\"`"),
            ));
        }
    }
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    if !manifest.lines().any(|line| line == format!("name = \"{name}\"")) {
        found.push(Breach::new(
            &format!("{path}/Cargo.toml"),
            0,
            "its package is not named like its folder",
        ));
    }
    if !manifest.contains("\"cdylib\"") {
        found.push(Breach::new(
            &format!("{path}/Cargo.toml"),
            0,
            "builds no component: crate-type lacks `cdylib`",
        ));
    }
    found
}

#[test]
fn an_incomplete_plugin_is_found_with_all_it_lacks() {
    let root = std::env::temp_dir().join(format!("tidy-plugins-{}", std::process::id()));
    let folder = root.join("plugins/odd");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("Cargo.toml"), "[package]\nname = \"even\"\n").unwrap();
    fs::write(folder.join("sample.toml"), "[check.x]\nplugin = \"even\"\n").unwrap();
    let found = breaches(&root);
    fs::remove_dir_all(root).unwrap();
    let messages: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 4, "{messages:#?}");
}
