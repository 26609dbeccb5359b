//! From a file to a plugin: what is compiled, how often, by whom, and what is said when it cannot be.
//!
//! Budget: 3 min

#[expect(dead_code, reason = "shared with the suite of misbehaving guests")]
#[path = "support/guests.rs"]
mod guests;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use bellwether::{
    capability::system::SystemReader,
    clock::Clock,
    config::{PluginOrigin, PluginSource},
    outcome::ReportedPoints,
    sandbox::{
        COMPILE_CPU_DEFAULT, COMPILE_WALL_DEFAULT, CompileError, CompilerOptions, LoadError, Plugin, Progress, Sandbox,
        SandboxOptions,
    },
    secret::Redactor,
    supervisor::Supervisor,
    telemetry::Telemetry,
};

/// A folder with a component and a cache, and what loading said.
struct Place {
    dir: tempfile::TempDir,
    telemetry: Telemetry,
    said: Mutex<Vec<&'static str>>,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
            telemetry: Telemetry::silent(),
            said: Mutex::default(),
        };
        let component = guests::component("table_growth", guests::CONTRACT);
        fs::write(place.component(), component).expect("written");
        place
    }

    fn component(&self) -> PathBuf {
        self.dir.path().join("guest.wasm")
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    fn source(&self) -> PluginSource {
        PluginSource {
            origin: PluginOrigin::File(self.component()),
            sha256: None,
        }
    }

    fn sandbox(&self) -> Sandbox {
        self.compiled_by(Path::new(env!("CARGO_BIN_EXE_bellwether")), COMPILE_WALL_DEFAULT)
    }

    fn compiled_by(&self, program: &Path, wall: Duration) -> Sandbox {
        let (supervisor, clock) = (Supervisor::new(|panic| panic!("{panic}")), Clock::system());
        Sandbox::new(SandboxOptions {
            cache_dir: self.cache(),
            compiler: CompilerOptions {
                program: program.to_owned(),
                cpu: COMPILE_CPU_DEFAULT,
                wall,
            },
            bundled: &[("one", b""), ("two", b"")],
            host_version: "0.0.0",
            concurrency: 1,
            system: SystemReader::new(supervisor.clone(), self.telemetry.clone(), clock.clone()),
            telemetry: self.telemetry.clone(),
            redactor: Redactor::default(),
            supervisor,
            clock,
        })
        .expect("a sandbox")
    }

    async fn load(&self, sandbox: &Sandbox) -> Result<Arc<Plugin>, LoadError> {
        let hear = |progress: Progress| {
            self.said.lock().expect("no panic").push(match progress {
                Progress::Compiling { .. } => "compiling",
                Progress::StillCompiling { .. } => "still compiling",
                Progress::Compiled { .. } => "compiled",
                Progress::Cached { .. } => "cached",
            });
        };
        sandbox.load(&self.source(), &hear).await
    }

    /// What loading said since the last time.
    fn said(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.said.lock().expect("no panic"))
    }

    /// Loads with a shell script in place of the compiler.
    async fn compiled_by_script(&self, script: &str, wall: Duration) -> CompileError {
        let program = self.dir.path().join("compiler");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
        match self.load(&self.compiled_by(&program, wall)).await {
            Err(LoadError::Compile { source, .. }) => source,
            other => panic!("{other:?}"),
        }
    }

    fn counted(&self, name: &str) -> f64 {
        let families = self.telemetry.instruments().families();
        let counter = families.iter().find(|family| family.head.name.as_str() == name);
        match counter.map(|family| &family.points) {
            Some(ReportedPoints::Values(samples)) => samples.iter().map(|sample| sample.value).sum(),
            _ => 0.0,
        }
    }
}

#[tokio::test]
async fn a_component_is_compiled_once_however_many_ask_at_once() {
    let place = Place::new();
    let sandbox = place.sandbox();
    let load = || async { place.load(&sandbox).await.expect("loads") };
    let (one, two, three) = tokio::join!(load(), load(), load());
    assert!(Arc::ptr_eq(&one, &two) && Arc::ptr_eq(&two, &three));
    assert_eq!(place.said(), ["compiling", "compiled"]);
    drop((one, two, three));
    place.load(&sandbox).await.expect("loads");
    place.load(&place.sandbox()).await.expect("loads");
    assert_eq!(
        place.said(),
        ["cached", "cached"],
        "after everybody let go, and after a restart"
    );
    assert!((place.counted("bellwether_plugin_compilations_total") - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_damaged_entry_of_the_cache_is_counted_and_made_again() {
    let place = Place::new();
    place.load(&place.sandbox()).await.expect("loads");
    let entries = fs::read_dir(place.cache())
        .expect("a cache")
        .map(|entry| entry.expect("entry").path());
    for entry in entries {
        fs::write(entry, b"\x7fELF and then nothing of use").expect("written");
    }
    place.said();
    place.load(&place.sandbox()).await.expect("loads");
    assert_eq!(place.said(), ["compiling", "compiled"]);
    assert!((place.counted("bellwether_plugin_cache_refused_total") - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_changed_file_is_another_component() {
    let place = Place::new();
    let sandbox = place.sandbox();
    let before = place.load(&sandbox).await.expect("loads");
    let mut component = fs::read(place.component()).expect("there");
    // An empty custom section named "x".
    component.extend_from_slice(&[0, 2, 1, b'x']);
    fs::write(place.component(), component).expect("written");
    let after = place.load(&sandbox).await.expect("loads");
    assert_ne!(before.sha256(), after.sha256());
    assert_eq!(place.said(), ["compiling", "compiled", "compiling", "compiled"]);
}

#[tokio::test]
async fn a_pin_that_differs_is_refused_before_anything_is_compiled() {
    let place = Place::new();
    let source = PluginSource {
        sha256: Some([7; 32]),
        ..place.source()
    };
    let sandbox = place.sandbox();
    let refused = sandbox.load(&source, &|_| {}).await.expect_err("another hash");
    let (found, _) = sandbox.inspect(&place.source()).await.expect("a plugin");
    let found: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = refused.to_string();
    assert!(text.contains(&found) && text.contains(&"07".repeat(32)), "{text}");
    assert_eq!(fs::read_dir(place.cache()).expect("a cache").count(), 0);
}

#[tokio::test]
async fn a_name_that_was_not_bundled_is_refused_with_those_that_were() {
    let place = Place::new();
    let source = PluginSource {
        origin: PluginOrigin::Bundled("three".to_owned()),
        sha256: None,
    };
    let refused = place.sandbox().load(&source, &|_| {}).await.expect_err("no such name");
    assert_eq!(
        refused.to_string(),
        "no plugin `three` came with this host; there are: one, two; a file is named by its path, such as `./three.wasm`"
    );
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_at_once() {
    let place = Place::new();
    fs::remove_file(place.component()).expect("there");
    let refused = place.load(&place.sandbox()).await.expect_err("nothing there");
    assert!(matches!(refused, LoadError::Read { .. }), "{refused}");
    fs::create_dir(place.component()).expect("made");
    let refused = place.load(&place.sandbox()).await.expect_err("a directory").to_string();
    assert!(refused.contains("not a regular file"), "{refused}");
}

#[tokio::test]
async fn a_compiler_that_cannot_be_started_is_named() {
    let place = Place::new();
    let sandbox = place.compiled_by(Path::new("/nowhere/bellwether"), COMPILE_WALL_DEFAULT);
    let refused = place.load(&sandbox).await.expect_err("no compiler").to_string();
    assert!(
        refused.contains("cannot start the compiler `/nowhere/bellwether`"),
        "{refused}"
    );
}

#[tokio::test]
async fn each_way_of_losing_the_compiler_is_told_apart() {
    let place = Place::new();
    let ends = async |script| place.compiled_by_script(script, COMPILE_WALL_DEFAULT).await;
    assert!(matches!(ends("kill -XCPU $$").await, CompileError::Cpu(_)));
    assert!(matches!(ends("kill -XFSZ $$").await, CompileError::Size));
    assert!(matches!(ends("kill -KILL $$").await, CompileError::Killed));
    let memory = "echo 'memory allocation of 4096 bytes failed' >&2; kill -ABRT $$";
    assert!(matches!(ends(memory).await, CompileError::Memory));
    let failed = ends("echo oh no >&2; exit 3").await.to_string();
    assert!(
        failed.contains("exit status: 3") && failed.contains("it said: oh no"),
        "{failed}"
    );
    let nonsense = ends("echo nonsense; cat > /dev/null").await;
    assert!(matches!(nonsense, CompileError::Failed { .. }), "{nonsense}");
}

#[tokio::test]
async fn a_compiler_that_takes_too_long_is_ended_and_leaves_nothing_in_the_cache() {
    let place = Place::new();
    let late = place
        .compiled_by_script("exec sleep 600", Duration::from_millis(200))
        .await;
    assert!(matches!(late, CompileError::Wall(_)), "{late}");
    assert_eq!(fs::read_dir(place.cache()).expect("a cache").count(), 0);
}

#[tokio::test]
async fn the_compiler_inherits_no_environment() {
    let place = Place::new();
    let said = place
        .compiled_by_script("env >&2; exit 1", COMPILE_WALL_DEFAULT)
        .await
        .to_string();
    assert!(!said.contains("CARGO") && !said.contains("HOME="), "{said}");
}
