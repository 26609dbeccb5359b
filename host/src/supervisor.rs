//! The only spawner.
//!
//! Every task and thread of the host has a name, starts here, and ends here: a panic becomes a [`Panic`] value that is
//! reported and ends that task alone; stopping has a deadline and names who missed it. It does not restart anything:
//! an owner that must survive a bad message catches it per message with [`catch`].

use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    thread,
    time::Duration,
};

use tokio::{runtime::Handle, sync::Notify};
pub use tokio_util::sync::CancellationToken;

/// A panic, as a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    /// Of the task or of what was caught.
    pub task: String,
    /// What the panic said.
    pub message: String,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task `{}` panicked: {}", self.task, self.message)
    }
}

impl Panic {
    fn new(task: &str, payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "(no message)".to_owned());
        Self {
            task: task.to_owned(),
            message,
        }
    }
}

/// Runs `work`; a panic in it comes back as a value.
pub fn catch<T>(task: &str, work: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Panic::new(task, &*payload))
}

/// Awaits `work`; a panic in any of its polls comes back as a value.
pub async fn catch_async<F: Future>(task: &str, work: F) -> Result<F::Output, Panic> {
    let mut work = pin!(work);
    let caught = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(payload) => Poll::Ready(Err(payload)),
    });
    caught.await.map_err(|payload| Panic::new(task, &*payload))
}

type OnPanic = Arc<dyn Fn(&Panic) + Send + Sync>;

/// Spawns, names and stops. Cheap to clone; clones share one set of tasks.
#[derive(Clone)]
pub struct Supervisor {
    shared: Arc<Shared>,
}

struct Shared {
    stop: CancellationToken,
    running: Mutex<BTreeMap<u64, Arc<str>>>,
    next: std::sync::atomic::AtomicU64,
    ended: Notify,
    on_panic: OnPanic,
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}

/// What became of a task: await it, or drop it and let the task go on.
#[derive(Debug)]
pub struct Task<T>(tokio::task::JoinHandle<Result<T, Panic>>);

impl<T> Task<T> {
    /// Ends the task at its next await point.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Waits for the end. `None`: it was aborted, or its runtime is gone.
    pub async fn outcome(self) -> Option<Result<T, Panic>> {
        self.0.await.ok()
    }

    /// The same for who may stop waiting and then ends the task. Not to be awaited again after it answered.
    pub async fn ended(&mut self) -> Option<Result<T, Panic>> {
        (&mut self.0).await.ok()
    }
}

struct Registration {
    shared: Arc<Shared>,
    id: u64,
    name: Arc<str>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.shared.running).remove(&self.id);
        self.shared.ended.notify_waiters();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Supervisor {
    /// `on_panic` hears of every panic of a task; it must not panic itself.
    pub fn new(on_panic: impl Fn(&Panic) + Send + Sync + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                stop: CancellationToken::new(),
                running: Mutex::default(),
                next: 0.into(),
                ended: Notify::new(),
                on_panic: Arc::new(on_panic),
            }),
        }
    }

    fn register(&self, name: &str) -> Registration {
        let id = self.shared.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name: Arc<str> = name.into();
        lock(&self.shared.running).insert(id, Arc::clone(&name));
        Registration {
            shared: Arc::clone(&self.shared),
            id,
            name,
        }
    }

    /// Cancelled when the host is asked to stop. Tasks watch it and end by themselves.
    pub fn stopping(&self) -> CancellationToken {
        self.shared.stop.clone()
    }

    /// Spawns on the current runtime.
    pub fn spawn<T, F>(&self, name: &str, work: F) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.spawn_on(&Handle::current(), name, work)
    }

    /// Spawns on a given runtime.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that spawns tasks")]
    pub fn spawn_on<T, F>(&self, runtime: &Handle, name: &str, work: F) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let registration = self.register(name);
        Task(runtime.spawn(async move {
            let ended = catch_async(&registration.name, work).await;
            if let Err(panic) = &ended {
                (registration.shared.on_panic)(panic);
            }
            ended
        }))
    }

    /// Starts an operating-system thread. It is not waited for when the process ends.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts threads")]
    pub fn thread<T, F>(&self, name: &str, work: F) -> std::io::Result<thread::JoinHandle<Result<T, Panic>>>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let registration = self.register(name);
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            let ended = catch(&registration.name, work);
            if let Err(panic) = &ended {
                (registration.shared.on_panic)(panic);
            }
            ended
        })
    }

    /// Starts a runtime of `workers` threads whose work gives way to everybody else's: guests run there, so that one
    /// that burns a core cannot delay a scrape or a tick.
    pub fn background_runtime(name: &str, workers: usize) -> std::io::Result<tokio::runtime::Runtime> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers.max(1))
            .thread_name(name)
            .enable_all()
            .on_thread_start(give_way)
            .build()
    }

    /// Names of what runs now, sorted by start.
    pub fn running(&self) -> Vec<String> {
        lock(&self.shared.running).values().map(ToString::to_string).collect()
    }

    /// Asks everything to stop and waits up to `patience`. Returns the names of those that did not make it.
    pub async fn stop(&self, patience: Duration) -> Vec<String> {
        self.shared.stop.cancel();
        let all_ended = async {
            loop {
                let ended = self.shared.ended.notified();
                tokio::pin!(ended);
                ended.as_mut().enable();
                if lock(&self.shared.running).is_empty() {
                    return;
                }
                ended.await;
            }
        };
        match tokio::time::timeout(patience, all_ended).await {
            Ok(()) => Vec::new(),
            Err(_) => self.running(),
        }
    }
}

/// Niceness of background threads, 0 to 19: 10 leaves them about a tenth of a core that somebody else wants whole.
const BACKGROUND_NICENESS: i32 = 10;

fn give_way() {
    // Linux keeps niceness per thread. Elsewhere this would slow the whole process, so there it is left alone; where it
    // is refused, guests merely compete as equals.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), BACKGROUND_NICENESS);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> (Supervisor, Arc<Mutex<Vec<Panic>>>) {
        let heard: Arc<Mutex<Vec<Panic>>> = Arc::default();
        let ear = Arc::clone(&heard);
        (Supervisor::new(move |panic| lock(&ear).push(panic.clone())), heard)
    }

    #[tokio::test]
    async fn a_panic_is_reported_and_ends_only_its_task() {
        let (supervisor, heard) = quiet();
        let bad = supervisor.spawn("bad", async { panic!("oh no") });
        let good = supervisor.spawn("good", async { 7 });
        assert!(bad.outcome().await.expect("not aborted").is_err());
        assert_eq!(good.outcome().await, Some(Ok(7)));
        assert_eq!(
            *lock(&heard),
            [Panic {
                task: "bad".into(),
                message: "oh no".into()
            }]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn stop_names_the_tasks_that_missed_the_deadline() {
        let (supervisor, _) = quiet();
        let token = supervisor.stopping();
        let _polite = supervisor.spawn("polite", async move { token.cancelled().await });
        let _deaf = supervisor.spawn("deaf", std::future::pending::<()>());
        assert_eq!(supervisor.stop(Duration::from_secs(5)).await, ["deaf"]);
    }
}
