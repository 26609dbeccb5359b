//! Which module owns which crate, and where `unsafe` may stand.

use super::source::{Breach, Word, code_only, words};

/// Crates whose use is the business of some modules or files only, as paths under `host/src` without `.rs`. A crate that
/// two owners used would be configured in two ways.
const CONFINED: &[(&str, &[&str])] = &[
    ("wasmtime", &["sandbox", "capability"]),
    ("wasmtime_wasi", &["sandbox", "capability"]),
    ("wasmtime_wasi_http", &["sandbox"]),
    ("wasmparser", &["sandbox"]),
    ("jsonschema", &["sandbox"]),
    // The command line asks a running host.
    ("hyper", &["expose", "capability/http", "cli/host"]),
    ("hyper_util", &["expose", "capability/http", "cli/host"]),
    (
        "http_body_util",
        &["expose", "capability/http", "sandbox/calls/wasi_http", "cli/host"],
    ),
    ("axum", &["expose"]),
    ("tower", &["expose"]),
    ("rustls", &["expose", "capability/tls", "capability/http"]),
    ("tokio_rustls", &["expose", "capability/tls", "capability/http"]),
    ("rustls_native_certs", &["capability/tls"]),
    ("x509_parser", &["capability/tls"]),
    ("brotli_decompressor", &["capability/http/brotli"]),
    // Signing; TLS takes it through rustls.
    ("ring", &["capability/http/credentials"]),
    ("postgres_protocol", &["capability/postgres"]),
    ("fallible_iterator", &["capability/postgres"]),
    ("prometheus", &["telemetry"]),
    ("sysinfo", &["capability/system"]),
    // Beside the machine: who holds a port, and what the host itself uses.
    ("procfs", &["capability/system", "expose/listen", "board/host"]),
    // Each module that keeps something owns its tables, in one file.
    (
        "rusqlite",
        &[
            "store",
            "capability/state",
            "board/restore",
            "rule/store",
            "dispatch/store",
            "ingest/store",
        ],
    ),
    ("toml", &["config"]),
    ("saphyr_parser", &["yaml"]),
    ("gotmpl", &["rule/template"]),
    ("lettre", &["deliver/email"]),
    ("jiff", &["clock", "config", "alert/times"]),
    ("clap", &["cli", "main"]),
    ("clap_complete", &["cli"]),
    ("anyhow", &["main", "cli"]),
    ("mimalloc", &["main"]),
    // Native plugins stand behind a door that is not built yet.
    ("libloading", &[]),
];

/// Where `unsafe` may stand, from the clone's top: deserialising our own cache, and native plugins.
const UNSAFE: &[&str] = &["host/src/sandbox/cache.rs", "host/src/sandbox/native.rs"];

/// Guests of the sandbox's tests do forbidden things on purpose.
const GUESTS: &str = "host/tests/guests/";

/// Crates that `path` under `host/src` uses and does not own.
pub(crate) fn crates(path: &str, text: &str) -> Vec<Breach> {
    let code = code_only(text);
    let place = path.strip_prefix("host/src/").unwrap_or(path).trim_end_matches(".rs");
    let foreign = |word: &Word<'_>| {
        let (name, owners) = CONFINED.iter().find(|(name, _)| *name == word.text)?;
        let allowed = owners
            .iter()
            .any(|owner| place == *owner || place.starts_with(&format!("{owner}/")));
        let breach = || {
            Breach::new(
                path,
                word.line(&code),
                format!("`{name}` belongs to {}", owners.join(", ")),
            )
        };
        (!allowed && is_crate_path(word)).then(breach)
    };
    words(&code).iter().filter_map(foreign).collect()
}

/// `name::…` or `use name;`, and not `module::name::…`, nor a variable of that name.
fn is_crate_path(word: &Word<'_>) -> bool {
    let inner = word.before.ends_with("::") && !word.before.trim_end_matches(':').ends_with("use");
    let imported = word.before.ends_with("use") || word.before.ends_with("extern crate");
    (word.after.starts_with("::") && !inner) || (imported && word.after.starts_with([';', ' ']))
}

/// `unsafe` where it may not be.
pub(crate) fn unsafe_code(path: &str, text: &str) -> Vec<Breach> {
    if UNSAFE.contains(&path) || path.starts_with(GUESTS) {
        return Vec::new();
    }
    let code = code_only(text);
    let found = words(&code);
    let is_unsafe = |word: &&Word<'_>| word.text == "unsafe";
    found
        .iter()
        .filter(is_unsafe)
        .map(|word| Breach::new(path, word.line(&code), "`unsafe`"))
        .collect()
}

#[test]
fn a_crate_outside_its_module_is_a_breach_with_its_line() {
    let found = crates("host/src/board/merge.rs", "//! Head.\nuse prometheus::Registry;\n");
    assert_eq!(
        found,
        [Breach::new(
            "host/src/board/merge.rs",
            2,
            "`prometheus` belongs to telemetry"
        )]
    );
    assert_eq!(
        crates("host/src/board/merge.rs", "fn f(x: wasmtime::Engine) {}").len(),
        1
    );
    assert_eq!(crates("host/src/sandbox/mod.rs", "use libloading::Library;").len(), 1);
    assert_eq!(crates("host/src/expose/tls.rs", "use procfs;").len(), 1);
}

#[test]
fn owners_variables_and_paths_of_other_modules_are_no_breach() {
    assert_eq!(
        crates("host/src/telemetry/instruments.rs", "use prometheus::Registry;"),
        []
    );
    assert_eq!(crates("host/src/expose/listen.rs", "use procfs::net::tcp;"), []);
    assert_eq!(
        crates("host/src/board/merge.rs", "let toml = text::prometheus::render(toml);"),
        []
    );
    assert_eq!(
        crates(
            "host/src/board/merge.rs",
            "// wasmtime::Engine\nconst X: &str = \"toml::Value\";"
        ),
        []
    );
}

#[test]
fn unsafe_code_is_found_outside_its_two_files_and_only_in_code() {
    let text = "//! unsafe\nfn f() { unsafe { g() } }\n#![deny(unsafe_code)]";
    assert_eq!(
        unsafe_code("host/src/board/merge.rs", text),
        [Breach::new("host/src/board/merge.rs", 2, "`unsafe`")]
    );
    assert_eq!(unsafe_code("host/src/sandbox/cache.rs", text), []);
}
