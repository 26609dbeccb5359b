//! The wasmtime engine and the thread that drives its epochs.
//!
//! Owns every engine-wide setting, the same here and in the compile child, since compiled code is only loaded by an
//! engine configured alike. Flows out: an [`Engine`] and a [`Ticker`]. It runs no guest.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use wasmtime::{Config, Engine, EngineWeak, WasmBacktraceDetails};

use crate::supervisor::Supervisor;

/// How often running guests are looked at: a spinning one yields and is compared with its budget this often. Ten
/// milliseconds cost nothing measurable and keep a spinner from holding a worker longer than a scrape would notice.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Ticks without a run after which the ticker sleeps until the next one. A second of idle ticks costs less than waking
/// a thread for each of many short runs.
const IDLE_TICKS_MAX: u32 = 100;

/// Stack of guest code: deep enough for interpreters (Python needs about 200 KiB), shallow enough that runaway
/// recursion ends quickly.
const WASM_STACK_BYTES: usize = 512 * 1024;

/// Stack of a run as a whole; what is not the guest's is for host calls, which are wasteful in debug builds. Only what
/// is touched takes memory.
const RUN_STACK_BYTES: usize = 2 * 1024 * 1024;

/// Innermost frames collected when a guest is stopped; a message names a few of them.
const BACKTRACE_FRAMES_MAX: usize = 20;

/// The one configuration. Cheap: nothing is allocated until an engine is made.
fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .wasm_memory64(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(RUN_STACK_BYTES)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES_MAX))
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .memory_init_cow(true);
    config
}

/// An engine; making one costs about a millisecond.
pub(super) fn engine() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// The thread that advances an engine's epoch while guests run. Ends when this value is dropped.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: thread::Thread,
}

#[derive(Debug, Default)]
struct Shared {
    /// Runs in flight.
    running: AtomicUsize,
    parked: AtomicBool,
    stop: AtomicBool,
}

/// While one lives, the ticker ticks.
#[derive(Debug)]
pub(super) struct Ticking<'t>(&'t Shared);

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker")
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}

impl Ticker {
    pub(super) fn start(engine: &Engine, supervisor: &Supervisor) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (engine, seen) = (engine.weak(), Arc::clone(&shared));
        let handle = supervisor.thread("epoch-ticker", move || tick(&engine, &seen))?;
        Ok(Self {
            shared,
            thread: handle.thread().clone(),
        })
    }

    /// To be held for as long as a guest may run.
    pub(super) fn ticking(&self) -> Ticking<'_> {
        // Sequential consistency: either this thread sees `parked`, or the ticker sees the new run before it parks.
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.parked.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Ticking(&self.shared)
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

fn tick(engine: &EngineWeak, shared: &Shared) {
    let mut idle = 0;
    while !shared.stop.load(Ordering::SeqCst) {
        thread::park_timeout(TICK);
        let Some(engine) = engine.upgrade() else { return };
        engine.increment_epoch();
        idle = if shared.running.load(Ordering::SeqCst) == 0 {
            idle + 1
        } else {
            0
        };
        if idle > IDLE_TICKS_MAX {
            drop(engine);
            sleep_until_needed(shared);
            idle = 0;
        }
    }
}

fn sleep_until_needed(shared: &Shared) {
    shared.parked.store(true, Ordering::SeqCst);
    while shared.running.load(Ordering::SeqCst) == 0 && !shared.stop.load(Ordering::SeqCst) {
        thread::park();
    }
    shared.parked.store(false, Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_for(condition: impl Fn() -> bool) {
        for _ in 0..1_000 {
            if condition() {
                return;
            }
            thread::park_timeout(Duration::from_millis(10));
        }
        panic!("the condition did not come true in ten seconds");
    }

    #[test]
    fn the_ticker_sleeps_when_idle_wakes_for_a_run_and_ends_with_its_owner() {
        let supervisor = Supervisor::new(|_| {});
        let engine = engine().expect("engine");
        let ticker = Ticker::start(&engine, &supervisor).expect("thread");
        wait_for(|| ticker.shared.parked.load(Ordering::SeqCst));
        let run = ticker.ticking();
        wait_for(|| !ticker.shared.parked.load(Ordering::SeqCst));
        drop(run);
        drop(ticker);
        wait_for(|| supervisor.running().is_empty());
    }
}
