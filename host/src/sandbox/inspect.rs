//! What a file is and what it wants, read from its bytes without compiling or running any of it.
//!
//! Flows in: bytes. Flows out: an [`Inspection`] (imports by tier, contract version, what it exports), or why the file
//! is no plugin. It grants nothing; `validate` and `inspect` print what it finds.

use std::{collections::BTreeSet, fmt};

use wasmparser::{ComponentExternalKind, ComponentTypeRef, Encoding, Parser, Payload};

use crate::capability::grant::Wanted;

/// Version of the contract in `plugin-sdk/wit`. Components built for another version of the same track link.
pub const CONTRACT_VERSION: &str = "0.1.0";

/// Largest component. The largest known, Python with numerical libraries, is 40 MiB.
pub const COMPONENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Most imports listed; a component has a few dozen.
const NAMES_MAX: usize = 1_000;

/// Interfaces of the contract that a component may import. `report`, `news`: only types.
const OFFERED: [&str; 9] = [
    "report", "news", "context", "log", "state", "http", "redis", "postgres", "system",
];

/// WASI 0.2 packages that are inert here: always linked, given nothing but clocks, randomness and the log.
const BASELINE: [&str; 5] = ["io", "cli", "clocks", "random", "filesystem"];

/// WASI 0.2 packages that reach out where they are granted; here they always answer no.
const SENSITIVE: [&str; 2] = ["sockets", "http"];

/// How much an import matters to whoever reviews a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Inert: every toolchain imports it, used or not.
    Baseline,
    /// WASI that reaches out; denied unless granted.
    Sensitive,
    /// Of the contract.
    Capability,
}

impl Tier {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Sensitive => "sensitive",
            Self::Capability => "capability",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One imported interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// See [`Tier`].
    pub tier: Tier,
    /// As in the component: `bellwether:plugin/log@0.1.0`.
    pub name: String,
    /// The grant that a call of it needs; `None`: none.
    pub needs: Option<Wanted>,
}

/// What a component is, imports and offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Size of the component.
    pub bytes: u64,
    /// Sorted by tier, then name.
    pub imports: Vec<Import>,
    /// Of the contract: `identity`, `check`, `notifications`, …, sorted.
    pub exports: BTreeSet<String>,
    /// Of the contract it was built against.
    pub contract_version: String,
}

impl Inspection {
    /// Whether it looks at something.
    pub fn is_check(&self) -> bool {
        self.exports.contains("check")
    }

    /// Whether it carries news.
    pub fn is_forwarder(&self) -> bool {
        ["notifications", "runs", "events"]
            .iter()
            .any(|kind| self.exports.contains(*kind))
    }

    /// Grants that calls of its imports need, without repeats. Toolchains of some languages import all of their world,
    /// so that this is what it may ask for, not what it will.
    pub fn wants(&self) -> Vec<Wanted> {
        let wants: BTreeSet<Wanted> = self.imports.iter().filter_map(|import| import.needs).collect();
        wants.into_iter().collect()
    }
}

/// Why a file is no plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// No bytes.
    #[error("the file is empty")]
    Empty,
    /// Larger than [`COMPONENT_BYTES_MAX`].
    #[error("the file is {0} bytes; components of up to {COMPONENT_BYTES_MAX} bytes are accepted")]
    TooLarge(u64),
    /// A script, a page, a pointer file, … What it says is not repeated: somebody may have named the wrong file, and one
    /// with a secret in it.
    #[error("this is text, not a WebAssembly component{}", if *(.large_file_pointer) { "; it is a pointer of Git LFS: fetch the file itself with `git lfs pull`" } else { "" })]
    Text {
        /// What a clone without Git LFS has in place of a large file.
        large_file_pointer: bool,
    },
    /// Neither text nor WebAssembly.
    #[error("this is not WebAssembly: it starts with the bytes {0}, a component with 00 61 73 6d")]
    NotWasm(String),
    /// A module without component type information.
    #[error(
        "this is a core module, not a component; build it for a component target (Rust: `cargo build --target wasm32-wasip2`), or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// `.cwasm` or any other native code.
    #[error(
        "this is native machine code (a precompiled `.cwasm` or a program); only portable components are accepted, since nothing can tell whether machine code keeps to the sandbox; give the `.wasm` it was made from"
    )]
    Precompiled,
    /// Wasm that cannot be read.
    #[error("the component is damaged: {0}")]
    Invalid(String),
    /// An import nobody here offers.
    #[error(
        "it imports `{0}`, which this host does not offer (it offers `bellwether:plugin@{CONTRACT_VERSION}` and WASI 0.2)"
    )]
    UnknownImport(String),
    /// An import of another track.
    #[error(
        "it was built for version {built_for} of `{package}`, this host provides {provided}; use a plugin built for {provided}, or a host that provides {built_for}"
    )]
    Version {
        /// `bellwether:plugin` or `wasi:…`.
        package: String,
        /// The component's.
        built_for: String,
        /// Ours.
        provided: String,
    },
    /// A component for something else.
    #[error(
        "it is a component, but no Bellwether plugin: it does not export `bellwether:plugin/identity`{}", exported(.0)
    )]
    NotAPlugin(Vec<String>),
    /// It exports `identity` and no work.
    #[error("it describes itself but does nothing: it exports none of `check`, `notifications`, `runs`, `events`")]
    Idle,
}

fn exported(names: &[String]) -> String {
    if names.is_empty() {
        return " (it exports nothing)".to_owned();
    }
    format!(" (it exports {})", names.join(", "))
}

/// Reads what `bytes` are. Costs a walk over section headers, not over code.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    recognise(bytes)?;
    let names = read_names(bytes)?;
    let mut contract_version = None;
    let mut imports = Vec::new();
    for name in &names.imports {
        imports.push(import(name)?);
        note_version(name, &mut contract_version);
    }
    imports.sort();
    let mut exports = BTreeSet::new();
    for name in &names.exports {
        if let Some(interface) = contract_export(name)? {
            exports.insert(interface.to_owned());
            note_version(name, &mut contract_version);
        }
    }
    let (true, Some(contract_version)) = (exports.contains("identity"), contract_version) else {
        return Err(InspectError::NotAPlugin(names.exports.into_iter().take(8).collect()));
    };
    let inspection = Inspection {
        bytes: bytes.len() as u64,
        imports,
        exports,
        contract_version,
    };
    if inspection.is_check() || inspection.is_forwarder() {
        Ok(inspection)
    } else {
        Err(InspectError::Idle)
    }
}

/// Tells what kind of file this is from its start.
fn recognise(bytes: &[u8]) -> Result<(), InspectError> {
    if bytes.is_empty() {
        return Err(InspectError::Empty);
    }
    if bytes.len() as u64 > COMPONENT_BYTES_MAX {
        return Err(InspectError::TooLarge(bytes.len() as u64));
    }
    if bytes.starts_with(b"\x7fELF") || wasmtime::Engine::detect_precompiled(bytes).is_some() {
        return Err(InspectError::Precompiled);
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(foreign(bytes));
    }
    if Parser::is_core_wasm(bytes) {
        return Err(InspectError::CoreModule);
    }
    Ok(())
}

fn foreign(bytes: &[u8]) -> InspectError {
    let start = &bytes[..bytes.len().min(256)];
    let text = String::from_utf8_lossy(start);
    let readable = text.trim_end_matches('\u{fffd}');
    if readable
        .chars()
        .all(|character| !character.is_control() || character.is_whitespace())
        && !readable.contains('\u{fffd}')
    {
        return InspectError::Text {
            large_file_pointer: readable.starts_with("version https://git-lfs.github.com/"),
        };
    }
    let hex: Vec<String> = start.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    InspectError::NotWasm(hex.join(" "))
}

#[derive(Debug, Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

fn damaged(error: impl fmt::Display) -> InspectError {
    InspectError::Invalid(error.to_string())
}

/// Names of the outermost component's imports and exports.
fn read_names(bytes: &[u8]) -> Result<Names, InspectError> {
    let mut names = Names::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(damaged)? {
            Payload::Version { encoding, .. } if depth == 0 && encoding == Encoding::Module => {
                return Err(InspectError::CoreModule);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(damaged)?;
                    push(&mut names.imports, import.name.name)?;
                    if !matches!(import.ty, ComponentTypeRef::Instance(_)) {
                        return Err(InspectError::UnknownImport(import.name.name.to_owned()));
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    let export = export.map_err(damaged)?;
                    if export.kind == ComponentExternalKind::Instance {
                        push(&mut names.exports, export.name.name)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

fn push(names: &mut Vec<String>, name: &str) -> Result<(), InspectError> {
    if names.len() == NAMES_MAX {
        return Err(InspectError::Invalid(format!(
            "it has more than {NAMES_MAX} imports or exports"
        )));
    }
    // Names are shown to people, and nothing has validated them yet.
    if name.chars().any(char::is_control) {
        return Err(InspectError::Invalid(
            "the name of an import or export has control characters".to_owned(),
        ));
    }
    names.push(name.to_owned());
    Ok(())
}

/// `namespace:package/interface@version`, in parts; no version is "".
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (path, version) = name.split_once('@').unwrap_or((name, ""));
    let (package, interface) = path.split_once('/')?;
    Some((package, interface, version))
}

fn import(name: &str) -> Result<Import, InspectError> {
    let unknown = || InspectError::UnknownImport(name.to_owned());
    let (package, interface, version) = parts(name).ok_or_else(unknown)?;
    let (tier, needs) = match package.split_once(':').ok_or_else(unknown)? {
        ("bellwether", "plugin") => {
            same_track(package, version, CONTRACT_VERSION)?;
            if !OFFERED.contains(&interface) {
                return Err(unknown());
            }
            (Tier::Capability, Wanted::of_interface(interface))
        }
        ("wasi", wasi) if BASELINE.contains(&wasi) => (Tier::Baseline, None),
        ("wasi", wasi) if SENSITIVE.contains(&wasi) => (Tier::Sensitive, (wasi == "http").then_some(Wanted::WasiHttp)),
        _ => return Err(unknown()),
    };
    if package.starts_with("wasi:") {
        same_track(package, version, WASI_VERSION)?;
    }
    Ok(Import {
        tier,
        name: name.to_owned(),
        needs,
    })
}

/// What wasmtime 48 provides.
const WASI_VERSION: &str = "0.2.12";

/// The contract's interface that an export implements; `None` for exports of something else, which are harmless.
fn contract_export(name: &str) -> Result<Option<&str>, InspectError> {
    let Some((package @ "bellwether:plugin", interface, version)) = parts(name) else {
        return Ok(None);
    };
    same_track(package, version, CONTRACT_VERSION)?;
    Ok(Some(interface))
}

fn note_version(name: &str, noted: &mut Option<String>) {
    if let Some(("bellwether:plugin", _, version)) = parts(name)
        && noted.as_deref().is_none_or(|noted| numbers(noted) < numbers(version))
    {
        *noted = Some(version.to_owned());
    }
}

fn numbers(version: &str) -> Vec<u64> {
    version.split('.').map(|number| number.parse().unwrap_or(0)).collect()
}

/// The rule by which names link: the first number that is not zero must be equal, and `0.0.x` and pre-releases match
/// only themselves.
fn track(version: &str) -> &str {
    if version.contains(['-', '+']) || version.starts_with("0.0.") {
        return version;
    }
    let dots = if version.starts_with("0.") { 2 } else { 1 };
    version
        .match_indices('.')
        .nth(dots - 1)
        .map_or(version, |(end, _)| &version[..end])
}

fn same_track(package: &str, built_for: &str, provided: &str) -> Result<(), InspectError> {
    if track(built_for) == track(provided) {
        return Ok(());
    }
    Err(InspectError::Version {
        package: package.to_owned(),
        built_for: if built_for.is_empty() { "(none)" } else { built_for }.to_owned(),
        provided: provided.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(imports: &[&str], exports: &[&str]) -> Vec<u8> {
        let imports: String = imports
            .iter()
            .map(|name| format!("(import \"{name}\" (instance))\n"))
            .collect();
        let exports: String = exports
            .iter()
            .map(|name| format!("(export \"{name}\" (instance $empty))\n"))
            .collect();
        let text = format!("(component {imports} (instance $empty) {exports})");
        wat::parse_str(text).expect("valid text")
    }

    fn plugin(imports: &[&str]) -> Result<Inspection, InspectError> {
        inspect(&component(
            imports,
            &["bellwether:plugin/identity@0.1.0", "bellwether:plugin/check@0.1.0"],
        ))
    }

    #[test]
    fn the_contract_version_is_the_one_in_the_wit() {
        let wit = include_str!("../../../plugin-sdk/wit/plugin.wit");
        assert!(wit.contains(&format!("package bellwether:plugin@{CONTRACT_VERSION};")));
    }

    #[test]
    fn imports_are_told_apart_by_what_they_can_do() {
        let inspection = plugin(&[
            "wasi:io/streams@0.2.3",
            "wasi:sockets/tcp@0.2.0",
            "wasi:http/outgoing-handler@0.2.0",
            "bellwether:plugin/log@0.1.9",
            "bellwether:plugin/system@0.1.10",
        ])
        .expect("a plugin");
        let tiers: Vec<_> = inspection
            .imports
            .iter()
            .map(|import| (import.tier, import.needs))
            .collect();
        assert_eq!(
            tiers,
            [
                (Tier::Baseline, None),
                (Tier::Sensitive, Some(Wanted::WasiHttp)),
                (Tier::Sensitive, None),
                (Tier::Capability, None),
                (Tier::Capability, Some(Wanted::System)),
            ]
        );
        assert_eq!(inspection.wants(), [Wanted::System, Wanted::WasiHttp]);
        assert_eq!(inspection.contract_version, "0.1.10");
        assert!(inspection.is_check() && !inspection.is_forwarder());
    }

    #[test]
    fn files_that_are_no_components_are_told_apart() {
        assert_eq!(inspect(b""), Err(InspectError::Empty));
        let text = inspect(b"version https://git-lfs.github.com/spec/v1\noid 7").expect_err("text");
        assert_eq!(
            text,
            InspectError::Text {
                large_file_pointer: true
            }
        );
        assert_eq!(
            inspect(b"\xff\xfe\x00\x01zz"),
            Err(InspectError::NotWasm("ff fe 00 01".into()))
        );
        let module = wat::parse_str("(module)").expect("valid text");
        assert_eq!(inspect(&module), Err(InspectError::CoreModule));
        assert_eq!(inspect(b"\x7fELF\x02\x01\x01"), Err(InspectError::Precompiled));
        let mut damaged = component(&[], &["bellwether:plugin/identity@0.1.0"]);
        damaged.truncate(damaged.len() - 3);
        assert!(matches!(inspect(&damaged), Err(InspectError::Invalid(_))));
    }

    #[test]
    fn what_this_host_compiled_itself_is_refused_too() {
        let engine = super::super::engine::engine().expect("engine");
        let component = component(&[], &["bellwether:plugin/identity@0.1.0"]);
        let compiled = engine.precompile_component(&component).expect("compiles");
        assert_eq!(inspect(&compiled), Err(InspectError::Precompiled));
    }

    #[test]
    fn a_component_over_the_cap_is_refused() {
        let large = vec![0; usize::try_from(COMPONENT_BYTES_MAX).expect("small") + 1];
        assert_eq!(inspect(&large), Err(InspectError::TooLarge(COMPONENT_BYTES_MAX + 1)));
    }

    #[test]
    fn an_unknown_interface_is_named() {
        for name in [
            "bellwether:plugin/teleport@0.1.0",
            "acme:tools/shell@1.0.0",
            "wasi:keyvalue/store@0.2.0",
        ] {
            assert_eq!(plugin(&[name]), Err(InspectError::UnknownImport(name.into())));
        }
    }

    #[test]
    fn another_version_track_is_told_with_both_versions() {
        let refused = plugin(&["bellwether:plugin/log@0.2.0"]).expect_err("another track");
        let text = refused.to_string();
        assert!(text.contains("0.2.0") && text.contains("provides 0.1.0"), "{text}");
        assert!(matches!(
            plugin(&["wasi:cli/stdout@0.3.0"]),
            Err(InspectError::Version { .. })
        ));
        assert!(matches!(
            inspect(&component(&[], &["bellwether:plugin/identity@0.2.0"])),
            Err(InspectError::Version { .. })
        ));
        assert!(plugin(&["bellwether:plugin/log@0.1.9"]).is_ok());
    }

    #[test]
    fn tracks_follow_semantic_versions() {
        assert_eq!(track("0.1.7"), "0.1");
        assert_eq!(track("1.2.3"), "1");
        assert_eq!(track("0.0.3"), "0.0.3");
        assert_eq!(track("0.1.0-rc.1"), "0.1.0-rc.1");
    }

    #[test]
    fn components_for_something_else_are_no_plugins() {
        let other = inspect(&component(&[], &["wasi:http/incoming-handler@0.2.0"])).expect_err("no plugin");
        assert!(other.to_string().contains("wasi:http/incoming-handler"), "{other}");
        let idle = inspect(&component(&[], &["bellwether:plugin/identity@0.1.0"]));
        assert_eq!(idle, Err(InspectError::Idle));
    }
}
