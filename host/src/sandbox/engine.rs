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

use wasmtime::{Config, Enabled, Engine, EngineWeak, PoolingAllocationConfig, WasmBacktraceDetails};

use super::limits::{INSTANCES_MAX, MEMORIES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};
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

/// An engine that maps and unmaps what each store needs; making one costs about a millisecond. What it compiles, a
/// [`pooled`] one loads.
pub(super) fn engine() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// Of a linear memory's pages that a run wrote to, this much is cleared in place for the next run instead of being given
/// back to the system, which would cost a page fault for each: a Rust plugin writes to some 200 KiB, a Python one to 6 MiB.
/// What the most runs that ever overlapped wrote to is memory held for good.
const MEMORY_KEPT_BYTES: usize = 8 * 1024 * 1024;

/// The same of a table; Python's take 64 KiB.
const TABLE_KEPT_BYTES: usize = 64 * 1024;

/// Bookkeeping of the instances of one component, which grows with its functions; Python's takes 400 KiB. Only what is
/// used is allocated.
const INSTANCE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// An engine for `stores` stores at once, which share address space that is mapped once: mapping and unmapping would cost
/// a Rust plugin several times what it does itself. Where a system has too little address space for that (each memory
/// takes 4 GiB of it), the plain engine.
pub(super) fn pooled(stores: usize) -> wasmtime::Result<Engine> {
    Engine::new(config().allocation_strategy(pool(stores))).or_else(|_| engine())
}

/// Large enough that no store ever waits for what another holds: each may have all that [`super::limits`] lets it have.
fn pool(stores: usize) -> PoolingAllocationConfig {
    let count = |each: usize| u32::try_from(stores.saturating_mul(each)).unwrap_or(u32::MAX);
    let at_most = |most: usize| u32::try_from(most).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(count(1))
        .total_stacks(count(1))
        .total_core_instances(count(INSTANCES_MAX))
        .total_memories(count(MEMORIES_MAX))
        .total_tables(count(TABLES_MAX))
        .max_core_instances_per_component(at_most(INSTANCES_MAX))
        .max_memories_per_component(at_most(MEMORIES_MAX))
        .max_memories_per_module(at_most(MEMORIES_MAX))
        .max_tables_per_component(at_most(TABLES_MAX))
        .max_tables_per_module(at_most(TABLES_MAX))
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_component_instance_size(INSTANCE_BYTES_MAX)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .max_unused_warm_slots(count(1))
        .linear_memory_keep_resident(MEMORY_KEPT_BYTES)
        .table_keep_resident(TABLE_KEPT_BYTES)
        .pagemap_scan(Enabled::Auto);
    pool
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
