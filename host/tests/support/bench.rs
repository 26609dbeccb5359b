//! A sandbox to put guests into, and a healthy check that must not notice them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use bellwether::{
    board::{Board, BoardCheck, BoardHandle, BoardOptions, Snapshot},
    capability::{
        dial::{Resolve, SystemResolver},
        reach::Reach,
        state::{QUOTA_BYTES_DEFAULT, StateBank, key_of_receiver},
        system::SystemReader,
    },
    clock::{Clock, Timestamp},
    config::{CONCURRENCY_DEFAULT, Capability, Check, Limits, PluginOrigin, PluginSource, Schedule},
    metric::Points,
    outcome::{Failure, Report},
    sandbox::{
        COMPILE_CPU_DEFAULT, COMPILE_WALL_DEFAULT, CompilerOptions, DeliveryEnd, ForwardRequest, LoadError,
        Notification, Plugin, Receipt, RunEnd, RunRequest, Sandbox, SandboxOptions,
    },
    secret::Redactor,
    supervisor::Supervisor,
    telemetry::{LogOptions, Sink, Telemetry},
};

/// Wall clock of a run here, where a guest is to hit another limit first. Far more than any needs, because machines that
/// run tests are busy.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The healthy check runs this often while a hostile guest does what it does.
const HEALTHY_INTERVAL: Duration = Duration::from_millis(50);

/// A healthy run takes a millisecond. Half of them may take this long on a machine that is busy with other tests; a guest
/// that held the thread until its CPU budget was spent would make every one take a second.
const HEALTHY_MEDIAN_MAX: Duration = Duration::from_millis(400);

/// A sandbox with the default limits.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Clock,
    pub(crate) telemetry: Telemetry,
    pub(crate) redactor: Redactor,
    bank: StateBank,
    supervisor: Supervisor,
    log: Arc<Mutex<Vec<u8>>>,
    dir: tempfile::TempDir,
}

/// What a run is given besides its plugin.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) allow: BTreeSet<Capability>,
    pub(crate) reach: Arc<Reach>,
    pub(crate) settings: &'static str,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            timeout: TIMEOUT,
            limits: Limits::default(),
            allow: BTreeSet::new(),
            reach: Arc::default(),
            settings: "{}",
        }
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::compiling_within(COMPILE_CPU_DEFAULT, COMPILE_WALL_DEFAULT)
    }

    /// `cpu` and `wall` bound the compiler.
    pub(crate) fn compiling_within(cpu: Duration, wall: Duration) -> Self {
        Self::resolving_by(cpu, wall, Arc::new(SystemResolver))
    }

    /// Names resolve to what `resolver` says.
    pub(crate) fn resolving_by(cpu: Duration, wall: Duration, resolver: Arc<dyn Resolve>) -> Self {
        let (clock, log) = (Clock::system(), Arc::new(Mutex::new(Vec::new())));
        let redactor = Redactor::default();
        let sink = Sink::Memory(Arc::clone(&log));
        let telemetry = Telemetry::new(sink, LogOptions::default(), redactor.clone(), clock.clone());
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let options = SandboxOptions {
            // Shared by all tests, as it is shared by restarts: a guest is compiled once.
            cache_dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-guests"),
            compiler: CompilerOptions {
                program: env!("CARGO_BIN_EXE_bellwether").into(),
                cpu,
                wall,
            },
            bundled: &[],
            host_version: "0.0.0",
            concurrency: CONCURRENCY_DEFAULT,
            system: SystemReader::new(supervisor.clone(), telemetry.clone(), clock.clone()),
            telemetry: telemetry.clone(),
            redactor: redactor.clone(),
            supervisor: supervisor.clone(),
            clock: clock.clone(),
        };
        Self {
            sandbox: Sandbox::with_resolver(options, resolver).expect("a sandbox"),
            clock,
            telemetry,
            redactor,
            bank: StateBank::default(),
            supervisor,
            log,
            dir: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// A file of these bytes.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(format!("{name}.wasm"));
        std::fs::write(&path, bytes).expect("a temporary file");
        path
    }

    pub(crate) async fn try_load(&self, path: &Path) -> Result<Arc<Plugin>, LoadError> {
        let source = PluginSource {
            origin: PluginOrigin::File(path.to_owned()),
            sha256: None,
        };
        self.sandbox.load(&source, &|_| {}).await
    }

    pub(crate) async fn load(&self, path: &Path) -> Arc<Plugin> {
        self.try_load(path)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Why this is not loaded.
    pub(crate) async fn refused(&self, path: &Path) -> LoadError {
        match self.try_load(path).await {
            Ok(plugin) => panic!("{plugin:?} was loaded"),
            Err(error) => error,
        }
    }

    /// One run of the check `name`; state is kept as the host keeps it.
    pub(crate) async fn run(&self, name: &str, plugin: &Plugin, given: &Given) -> RunEnd {
        let check = check(name, given);
        let request = RunRequest {
            scheduled_at: Timestamp::from_seconds(1_700_000_000),
            attempt: 1,
            previous: None,
            interval: Some(Duration::from_secs(15)),
            reach: Arc::clone(&given.reach),
            state: self.bank.view(name, QUOTA_BYTES_DEFAULT),
            facts: Arc::default(),
            check: Arc::clone(&check),
        };
        let end = plugin.run(request).await;
        if let Some(changes) = end.state.clone() {
            self.bank.commit(&check.name, changes);
        }
        end
    }

    /// One delivery to the receiver `name`; state is kept as the host keeps it.
    pub(crate) async fn deliver(
        &self,
        name: &str,
        plugin: &Plugin,
        given: &Given,
        notification: Notification,
    ) -> DeliveryEnd<Receipt> {
        let end = plugin.deliver(self.forward_request(name, given), notification).await;
        if let Some(changes) = end.state.clone() {
            self.bank.commit(&key_of_receiver(name), changes);
        }
        end
    }

    /// What a delivery to the receiver `name` is given.
    pub(crate) fn forward_request(&self, name: &str, given: &Given) -> ForwardRequest {
        ForwardRequest {
            receiver: name.into(),
            location: "bellwether.toml:12".into(),
            settings: given.settings.into(),
            timeout: given.timeout,
            limits: given.limits.clone(),
            at: Timestamp::from_seconds(1_700_000_000),
            attempt: 1,
            reach: Arc::clone(&given.reach),
            state: self.bank.view(&key_of_receiver(name), QUOTA_BYTES_DEFAULT),
            facts: Arc::default(),
        }
    }

    /// Bytes that a receiver keeps, by key.
    pub(crate) fn receiver_state(&self, receiver: &str) -> Vec<(String, Vec<u8>)> {
        self.bank.entries(&key_of_receiver(receiver))
    }

    /// A board with this one check.
    pub(crate) async fn board(&self, name: &str) -> BoardHandle {
        let options = BoardOptions {
            version: "0.0.0",
            store: None,
            clock: self.clock.clone(),
            telemetry: self.telemetry.clone(),
        };
        let board = Board::start(&self.supervisor, options);
        let check = BoardCheck {
            check: check(name, &Given::default()),
            problem: None,
            is_pushed: false,
        };
        board.replace_checks(vec![check]).await;
        board
    }

    /// Bytes that a check keeps, by key.
    pub(crate) fn state(&self, check: &str) -> Vec<(String, Vec<u8>)> {
        self.bank.entries(check)
    }

    /// Everything that was logged, a line each.
    pub(crate) fn log(&self) -> String {
        String::from_utf8(self.log.lock().expect("no panic while writing").clone()).expect("text")
    }

    /// Runs the healthy check again and again while `hostile` is under way, all on this one thread, and judges its runs.
    pub(crate) async fn beside_healthy(&self, healthy: &Plugin, hostile: impl Future<Output = ()>) {
        let over = std::cell::Cell::new(false);
        let hostile = async {
            hostile.await;
            over.set(true);
        };
        let watched = async {
            let mut spans = Vec::new();
            while !over.get() || spans.len() < 5 {
                let end = self.run("healthy", healthy, &Given::default()).await;
                assert_eq!(end.outcome.word(), "ok", "{:?}", end.outcome);
                assert_eq!(report(&end).families.len(), 2);
                spans.push(end.outcome.usage.duration);
                tokio::time::sleep(HEALTHY_INTERVAL).await;
            }
            spans
        };
        let ((), mut spans) = tokio::join!(hostile, watched);
        spans.sort();
        let median = spans[spans.len() / 2];
        assert!(
            median <= HEALTHY_MEDIAN_MAX,
            "the healthy check took {median:?} ({} runs)",
            spans.len()
        );
        let kept = self.state("healthy");
        assert_eq!(
            kept,
            [("runs".to_owned(), vec![u8::try_from(spans.len()).unwrap_or(u8::MAX)])]
        );
    }
}

fn check(name: &str, given: &Given) -> Arc<Check> {
    Arc::new(Check {
        name: name.into(),
        plugin: PluginSource {
            origin: PluginOrigin::Bundled(name.to_owned()),
            sha256: None,
        },
        plugin_edition: 0,
        schedule: Schedule::Interval {
            every: Duration::from_secs(15),
            retry: None,
        },
        timeout: given.timeout,
        stale_after: None,
        prefix: String::new(),
        labels: BTreeMap::new(),
        limits: given.limits.clone(),
        allow: given.allow.clone(),
        connections: BTreeMap::new(),
        required: true,
        settings: given.settings.into(),
        location: "bellwether.toml:12".to_owned(),
    })
}

/// The snapshot in which this family has this value.
pub(crate) async fn reporting(board: &BoardHandle, family: &str, value: f64) -> Arc<Snapshot> {
    let mut snapshots = board.snapshots();
    let has = |points: &Points| matches!(points, Points::Values(samples) if samples[0].value == value);
    let wanted = snapshots.wait_for(|snapshot| {
        let found = snapshot.families.iter().find(|one| one.head.name.as_str() == family);
        found.is_some_and(|found| has(found.blocks[0].points()))
    });
    let found = tokio::time::timeout(TIMEOUT, wanted).await.expect("a snapshot in time");
    Arc::clone(&found.expect("the board lives"))
}

/// The report of a run that has one.
pub(crate) fn report(end: &RunEnd) -> &Report {
    end.outcome
        .result
        .as_ref()
        .unwrap_or_else(|failure| panic!("{failure:?}"))
}

/// The failure of a run that has one, and that its reason is this word.
pub(crate) fn failure<'e>(end: &'e RunEnd, word: &str) -> &'e Failure {
    let Err(failure) = &end.outcome.result else {
        panic!("there is a report: {:?}", end.outcome)
    };
    assert_eq!(failure.reason.as_str(), word, "{failure:?}");
    failure
}
