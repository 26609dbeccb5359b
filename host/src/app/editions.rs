//! What each plugin source stands for, and how often that changed while the host ran.
//!
//! A file can hold another plugin than before under the same name, and the configuration does not show it. Flows in:
//! loaded checks. Flows out: checks that carry the number of their plugin's edition, so that those of a replaced plugin
//! differ from what runs and start over, and the names of replaced plugins.

use std::{collections::HashMap, sync::Arc};

use super::plugins::LoadedCheck;
use crate::config::{Check, Config, PluginOrigin, PluginSource};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edition {
    sha256: [u8; 32],
    number: u32,
}

/// The editions that are in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Editions(HashMap<PluginSource, Edition>);

impl Editions {
    /// The first edition of what these checks use.
    pub(super) fn begin(&mut self, checks: &[LoadedCheck]) {
        for (source, sha256) in sources(checks) {
            self.0.insert(source.clone(), Edition { sha256, number: 0 });
        }
    }

    /// What will be in force with these checks, and the names of plugins that are other ones than before, sorted.
    pub(super) fn next(&self, checks: &[LoadedCheck]) -> (Self, Vec<String>) {
        self.after(sources(checks))
    }

    fn after(&self, loaded: HashMap<&PluginSource, [u8; 32]>) -> (Self, Vec<String>) {
        let (mut next, mut replaced) = (HashMap::new(), Vec::new());
        for (source, sha256) in loaded {
            let before = self.0.get(source).copied();
            let mut edition = before.unwrap_or(Edition { sha256, number: 0 });
            if edition.sha256 != sha256 {
                edition = Edition {
                    sha256,
                    number: edition.number.wrapping_add(1),
                };
                replaced.push(name(source));
            }
            next.insert(source.clone(), edition);
        }
        replaced.sort();
        replaced.dedup();
        (Self(next), replaced)
    }

    /// Numbers the checks that can run, in the configuration too, with which the next reload is compared.
    pub(super) fn mark(&self, config: &mut Config, checks: &mut [LoadedCheck]) {
        for loaded in checks.iter_mut().filter(|loaded| loaded.plugin.is_ok()) {
            let number = self.0.get(&loaded.check.plugin).map_or(0, |edition| edition.number);
            if number == loaded.check.plugin_edition {
                continue;
            }
            loaded.check = Arc::new(Check {
                plugin_edition: number,
                ..Check::clone(&loaded.check)
            });
            config
                .checks
                .insert(Arc::clone(&loaded.check.name), Arc::clone(&loaded.check));
        }
    }
}

/// Each source that could be loaded, once.
fn sources(checks: &[LoadedCheck]) -> HashMap<&PluginSource, [u8; 32]> {
    let ready = checks
        .iter()
        .filter_map(|loaded| Some((&loaded.check.plugin, *loaded.plugin.as_ref().ok()?.sha256())));
    ready.collect()
}

/// As in the configuration.
fn name(source: &PluginSource) -> String {
    match &source.origin {
        PluginOrigin::Bundled(name) => name.clone(),
        PluginOrigin::File(path) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> PluginSource {
        PluginSource {
            origin: PluginOrigin::File(path.into()),
            sha256: None,
        }
    }

    #[test]
    fn only_a_plugin_whose_bytes_changed_has_a_new_edition_and_is_named() {
        let (a, b, new) = (file("a.wasm"), file("b.wasm"), file("new.wasm"));
        let (first, replaced) = Editions::default().after(HashMap::from([(&a, [1; 32]), (&b, [1; 32])]));
        assert_eq!(replaced, Vec::<String>::new(), "all of them are new");
        let (second, replaced) = first.after(HashMap::from([(&a, [2; 32]), (&b, [1; 32]), (&new, [1; 32])]));
        assert_eq!(replaced, ["a.wasm"]);
        let number = |editions: &Editions, source| editions.0.get(source).map(|edition| edition.number);
        assert_eq!(
            [&a, &b, &new].map(|source| number(&second, source)),
            [Some(1), Some(0), Some(0)]
        );
        let (third, replaced) = second.after(HashMap::from([(&a, [1; 32]), (&b, [1; 32])]));
        assert_eq!(replaced, ["a.wasm"], "going back is a change too");
        assert_eq!(
            [&a, &b, &new].map(|source| number(&third, source)),
            [Some(2), Some(0), None]
        );
    }
}
