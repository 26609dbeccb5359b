//! The guests of `host/tests/guests` as components: builds the Rust ones, assembles the handwritten ones, makes those
//! that only exist for this engine.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, sync::OnceCell};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

/// How long building may take. The first time on two busy cores it takes two minutes.
const BUILD_MAX: Duration = Duration::from_secs(15 * 60);

/// The contract as it is.
pub(crate) const CONTRACT: &str = include_str!("../../../plugin-sdk/wit/plugin.wit");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests")
}

/// Where guests in other languages are built to.
fn foreign(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/guests")
        .join(format!("{name}.wasm"))
}

/// The names of all guests that have a file: everything there is to test.
pub(crate) fn names() -> Vec<String> {
    let stems = |folder: PathBuf, extension: &str| {
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let paths = files.map(|file| file.expect("a readable folder").path());
        let guests = paths.filter(|path| path.extension().is_some_and(|of| of == extension));
        guests
            .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
            .collect::<Vec<_>>()
    };
    let mut names = [
        stems(folder().join("examples"), "rs"),
        stems(folder().join("wat"), "wat"),
        stems(folder().join("files"), "wasm"),
    ]
    .concat();
    // Guests in other languages are known by the script that builds them.
    let scripts = stems(folder(), "sh");
    names.extend(
        scripts
            .iter()
            .filter_map(|script| script.strip_prefix("build-").map(str::to_owned)),
    );
    names.sort();
    names
}

/// A Rust guest. Builds all of them the first time; `cargo` knows what is up to date.
pub(crate) async fn rust(name: &str) -> PathBuf {
    static BUILT: OnceCell<()> = OnceCell::const_new();
    BUILT
        .get_or_init(|| async {
            let mut command = Command::new(env!("CARGO"));
            command
                .args([
                    "build",
                    "--quiet",
                    "--examples",
                    "--target",
                    "wasm32-wasip2",
                    "--profile",
                    "guest",
                ])
                .arg("--target-dir")
                .arg(folder().join("target"))
                .current_dir(folder())
                // Flags of this build, such as those that measure coverage, are not for components.
                .env_remove("RUSTFLAGS")
                .env_remove("CARGO_ENCODED_RUSTFLAGS");
            finish("the Rust guests", &mut command).await;
        })
        .await;
    folder()
        .join("target/wasm32-wasip2/guest/examples")
        .join(format!("{name}.wasm"))
}

/// A guest in another language, built by its script when something changed. `None`: its tools are not on this machine,
/// which is allowed on a person's own, and said.
#[expect(
    clippy::print_stdout,
    reason = "a test that is skipped says so where tests are reported"
)]
pub(crate) async fn scripted(name: &str, tools: &[&str]) -> Option<PathBuf> {
    for tool in tools {
        let found = Command::new(tool)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        if !found.is_ok_and(|status| status.success()) {
            assert!(
                std::env::var_os("CI").is_none(),
                "CI has no `{tool}` to build the {name} guest with"
            );
            println!("SKIPPED: there is no `{tool}` to build the {name} guest with");
            return None;
        }
    }
    let mut command = Command::new("sh");
    command
        .arg(folder().join(format!("build-{name}.sh")))
        .stdout(Stdio::null());
    finish(name, &mut command).await;
    Some(foreign(name))
}

async fn finish(what: &str, command: &mut Command) {
    let ended = tokio::time::timeout(BUILD_MAX, command.kill_on_drop(true).status()).await;
    let status = ended.unwrap_or_else(|_| panic!("building {what} took longer than {BUILD_MAX:?}"));
    assert!(
        status
            .unwrap_or_else(|error| panic!("building {what}: {error}"))
            .success(),
        "{what} cannot be built"
    );
}

/// A file that is what it is.
pub(crate) fn file(name: &str) -> PathBuf {
    folder().join("files").join(format!("{name}.wasm"))
}

/// A handwritten core module, as it is.
pub(crate) fn module(name: &str) -> Vec<u8> {
    let path = folder().join("wat").join(format!("{name}.wat"));
    wat::parse_file(&path).unwrap_or_else(|error| panic!("{error}"))
}

/// A handwritten guest: a core module made a component of the world `check-plugin` of `contract`.
pub(crate) fn component(name: &str, contract: &str) -> Vec<u8> {
    componentize(module(name), contract)
}

fn componentize(mut module: Vec<u8>, contract: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("plugin.wit", contract).expect("a contract");
    let world = resolve
        .select_world(&[package], Some("check-plugin"))
        .expect("the world of checks");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)
        .expect("metadata");
    let mut encoder = ComponentEncoder::default();
    let encoded = encoder
        .validate(true)
        .module(&module)
        .and_then(ComponentEncoder::encode);
    encoded.unwrap_or_else(|error| panic!("{error:?}"))
}

/// The same guest compiled ahead of time for this very engine, as `.cwasm` files are.
pub(crate) fn precompiled(component: &[u8]) -> Vec<u8> {
    let engine = wasmtime::Engine::default();
    engine.precompile_component(component).expect("it compiles")
}

/// A component that takes minutes to compile: few bytes, but loops in loops over hundreds of variables, each of which
/// the compiler must follow through every loop.
pub(crate) fn minutes_to_compile() -> Vec<u8> {
    const FUNCTIONS: usize = 400;
    const VARIABLES: usize = 400;
    const DEPTH: usize = 150;
    let mut hard = String::from("(func (param i64) (local");
    hard.push_str(&" i64".repeat(VARIABLES));
    hard.push_str(")\n");
    hard.push_str(&"loop\n".repeat(DEPTH));
    for variable in 0..VARIABLES {
        let other = (variable * 7 + 1) % VARIABLES;
        let _ = writeln!(
            hard,
            "local.get {variable} local.get {other} i64.add local.set {variable}"
        );
    }
    hard.push_str(&"local.get 0 i64.eqz br_if 0 end\n".repeat(DEPTH));
    hard.push_str(")\n");
    let easy = fs::read_to_string(folder().join("wat/minutes_to_compile.wat")).expect("the easy part");
    let text = easy.trim_end().strip_suffix(')').expect("a module").to_owned() + &hard.repeat(FUNCTIONS) + ")";
    componentize(wat::parse_str(text).expect("a module"), CONTRACT)
}
