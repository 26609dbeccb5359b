//! Space on mounted file systems.
//!
//! Asking a file system whose server is gone may never return, so all mounts are asked in a row on a thread of their own; when
//! one does not answer, that thread is left behind with it and another asks the rest. A mount that hangs is not asked again
//! until it returns.

use std::{collections::VecDeque, fmt, io, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::timeout_at};

use super::{
    Roots, Section,
    cache::{Cached, FRESH},
    mounts::{Mount, Space, ask, mount_table},
    worker::{Unread, Workers},
};
use crate::clock::{Clock, Instant};

/// One mounted file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// `/dev/sda1`, `server:/export`, `tmpfs`, …
    pub device: String,
    /// Where it is mounted.
    pub mount_point: String,
    /// `ext4`, `nfs4`, …
    pub file_system: String,
    /// Mounted so that nothing can be written.
    pub read_only: bool,
    /// Size.
    pub total_bytes: u64,
    /// What an ordinary user can still write.
    pub available_bytes: u64,
    /// Unused, what is set aside for the system included.
    pub free_bytes: u64,
    /// Files it can hold. None or 0 where there is no such limit.
    pub inodes: Option<u64>,
    /// Files it can still hold.
    pub inodes_free: Option<u64>,
    /// Why it could not be asked; the sizes are zero then.
    pub problem: Option<String>,
}

/// A local file system answers in microseconds and a sound remote one in milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// Begins the problem of a file system that the host may not look at.
pub const PERMISSION_DENIED: &str = "permission denied";

/// All mounts, and why some did not answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DisksRead {
    pub(super) disks: Vec<Disk>,
    /// Of mounts that hang. Others say why in their own `problem`.
    pub(super) missing: Vec<String>,
}

/// A disk of which nothing is known but where it is.
fn unasked(mount: Mount) -> Disk {
    let Mount {
        device,
        mount_point,
        file_system,
        read_only,
    } = mount;
    Disk {
        device,
        mount_point,
        file_system,
        read_only,
        ..Disk::default()
    }
}

impl DisksRead {
    fn add(&mut self, mount: Mount, answer: io::Result<Space>) {
        let disk = unasked(mount);
        self.disks.push(match answer {
            Ok(space) => Disk {
                total_bytes: space.total_bytes,
                available_bytes: space.available_bytes,
                free_bytes: space.free_bytes,
                inodes: space.inodes,
                inodes_free: space.inodes_free,
                ..disk
            },
            Err(problem) if problem.kind() == io::ErrorKind::PermissionDenied => Disk {
                problem: Some(PERMISSION_DENIED.to_owned()),
                ..disk
            },
            Err(problem) => Disk {
                problem: Some(problem.to_string()),
                ..disk
            },
        });
    }

    fn give_up(&mut self, mount: Mount, problem: &Unread) {
        self.missing.push(format!("{}: {problem}", mount.mount_point));
        self.disks.push(Disk {
            problem: Some(problem.to_string()),
            ..unasked(mount)
        });
    }

    fn sorted(mut self) -> Self {
        self.disks.sort_by(|a, b| a.mount_point.cmp(&b.mount_point));
        self
    }
}

type Table = dyn Fn(&Roots) -> Result<Vec<Mount>, String> + Send + Sync;
type Ask = dyn Fn(&Mount) -> io::Result<Space> + Send + Sync;

/// Asks mounts.
pub(super) struct DiskReader {
    workers: Workers,
    patience: Duration,
    table: Arc<Table>,
    ask: Arc<Ask>,
    cached: Cached<DisksRead>,
}

impl fmt::Debug for DiskReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskReader")
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl DiskReader {
    pub(super) fn new(workers: Workers, clock: Clock) -> Self {
        let cached = Cached::new(clock, FRESH);
        Self {
            workers,
            patience: PATIENCE,
            table: Arc::new(mount_table),
            ask: Arc::new(ask),
            cached,
        }
    }

    pub(super) async fn read(&self, roots: &Roots, deadline: Instant) -> Result<Arc<DisksRead>, Unread> {
        self.cached
            .get(deadline, |_| true, self.read_now(roots.clone(), deadline))
            .await
    }

    async fn read_now(&self, roots: Roots, deadline: Instant) -> Result<DisksRead, Unread> {
        let table = Arc::clone(&self.table);
        let what = "the mount table";
        let mounts = self
            .workers
            .run(Section::Disks, what, self.patience, deadline, move || table(&roots))
            .await?;
        Ok(self.ask_all(mounts.map_err(Unread::Failed)?, deadline).await.sorted())
    }

    async fn ask_all(&self, mounts: Vec<Mount>, deadline: Instant) -> DisksRead {
        let mut read = DisksRead::default();
        let mut queue = VecDeque::new();
        for mount in mounts {
            match self.workers.hanging(&mount.mount_point, self.patience) {
                Some(age) => read.give_up(mount, &Unread::Hangs(age)),
                None => queue.push_back(mount),
            }
        }
        while !queue.is_empty() {
            match self.ask_in_a_row(queue.iter().cloned().collect(), deadline).await {
                Ok(answers) => self.collect(&mut queue, answers, deadline, &mut read).await,
                Err(problem) => queue.drain(..).for_each(|mount| read.give_up(mount, &problem)),
            }
        }
        read
    }

    /// Starts a thread that asks `mounts` in order until one hangs or nobody listens any more.
    async fn ask_in_a_row(
        &self,
        mounts: Vec<Mount>,
        deadline: Instant,
    ) -> Result<mpsc::Receiver<io::Result<Space>>, Unread> {
        if self.workers.now() >= deadline {
            return Err(Unread::OutOfTime);
        }
        let permit = self.workers.permit(deadline).await?;
        // Room for every answer: sending never waits.
        let (sender, answers) = mpsc::channel(mounts.len().max(1));
        let (workers, ask) = (self.workers.clone(), Arc::clone(&self.ask));
        self.workers.start(Section::Disks, permit, move || {
            for mount in mounts {
                let asking = workers.asking(Section::Disks, &mount.mount_point);
                let answer = ask(&mount);
                drop(asking);
                if sender.try_send(answer).is_err() {
                    return;
                }
            }
        })?;
        Ok(answers)
    }

    /// Takes answers until one does not come; that mount is taken off the queue too.
    async fn collect(
        &self,
        queue: &mut VecDeque<Mount>,
        mut answers: mpsc::Receiver<io::Result<Space>>,
        deadline: Instant,
        read: &mut DisksRead,
    ) {
        while let Some(mount) = queue.pop_front() {
            let begun = self.workers.now();
            match timeout_at(deadline.min(begun + self.patience), answers.recv()).await {
                Ok(Some(answer)) => read.add(mount, answer),
                Ok(None) => return read.give_up(mount, &Unread::Panicked),
                Err(_) => {
                    let why = self.workers.gave_up(&mount.mount_point, begun, self.patience);
                    return read.give_up(mount, &why);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    };

    use super::*;
    use crate::{outcome::ReportedPoints, supervisor::Supervisor, telemetry::Telemetry};

    /// Mounts `/a`, `/dead`, `/z`; `/dead` answers when the sender goes.
    struct Bench {
        reader: DiskReader,
        telemetry: Telemetry,
        workers: Workers,
        release: Option<SyncSender<()>>,
    }

    fn bench() -> Bench {
        let clock = Clock::system();
        let telemetry = Telemetry::silent();
        let workers = Workers::new(Supervisor::new(|_| ()), telemetry.clone(), clock.clone());
        let (release, held) = sync_channel(0);
        let mut reader = DiskReader::new(workers.clone(), clock.clone());
        // Nothing is kept, so that every read asks.
        reader.cached = Cached::new(clock, Duration::ZERO);
        // Long enough for a thread of a busy machine to start and answer, and waited for once in a test.
        reader.patience = Duration::from_millis(300);
        reader.table = Arc::new(|_| Ok(["/a", "/dead", "/z"].map(mount_at).into()));
        reader.ask = Arc::new(dead_or_alive(held));
        Bench {
            reader,
            telemetry,
            workers,
            release: Some(release),
        }
    }

    fn mount_at(mount_point: &str) -> Mount {
        Mount {
            mount_point: mount_point.into(),
            ..Mount::default()
        }
    }

    fn dead_or_alive(held: Receiver<()>) -> impl Fn(&Mount) -> io::Result<Space> + Send + Sync {
        let held = Mutex::new(held);
        move |mount| {
            if mount.mount_point == "/dead" {
                let _ = held.lock().expect("one thread at a time").recv();
            }
            Ok(Space {
                total_bytes: 1,
                ..Space::default()
            })
        }
    }

    impl Bench {
        async fn read(&self) -> Arc<DisksRead> {
            let deadline = self.workers.now() + Duration::from_secs(10);
            self.reader.read(&Roots::machine(), deadline).await.expect("an answer")
        }

        fn abandoned(&self) -> f64 {
            let families = self.telemetry.instruments().families();
            let counted = families
                .iter()
                .find(|f| f.head.name.as_str() == "bellwether_system_reads_abandoned_total");
            counted.map_or(0.0, |family| match &family.points {
                ReportedPoints::Values(samples) => samples.iter().map(|sample| sample.value).sum(),
                other => panic!("a counter, not {other:?}"),
            })
        }
    }

    fn answered(read: &DisksRead) -> Vec<&str> {
        let sound = read.disks.iter().filter(|disk| disk.problem.is_none());
        sound.map(|disk| disk.mount_point.as_str()).collect()
    }

    #[tokio::test]
    async fn a_dead_mount_costs_its_own_answer_only_and_is_not_asked_again_until_it_returns() {
        let mut bench = bench();
        let first = bench.read().await;
        assert_eq!(answered(&first), ["/a", "/z"]);
        assert!(
            first.missing[0].starts_with("/dead: no answer within"),
            "{:?}",
            first.missing
        );
        assert_eq!(bench.abandoned(), 1.0);

        let second = bench.read().await;
        assert_eq!(answered(&second), ["/a", "/z"]);
        assert!(second.missing[0].contains("has not returned"), "{:?}", second.missing);
        assert_eq!(bench.abandoned(), 1.0, "a mount that hangs is not asked again");

        bench.release = None;
        while bench.workers.hanging("/dead", bench.reader.patience).is_some() {
            tokio::task::yield_now().await;
        }
        let third = bench.read().await;
        assert_eq!(answered(&third), ["/a", "/dead", "/z"]);
        assert_eq!(third.missing, Vec::<String>::new());
    }

    #[tokio::test]
    async fn what_there_is_no_time_for_is_said_and_not_counted_as_hanging() {
        let bench = bench();
        let deadline = bench.workers.now() + Duration::from_millis(15);
        let read = bench.reader.read(&Roots::machine(), deadline).await.expect("an answer");
        assert_eq!(answered(&read), ["/a"]);
        let over = ["/dead", "/z"].map(|mount| format!("{mount}: {}", Unread::OutOfTime));
        assert_eq!(read.missing, over);
        assert_eq!(bench.abandoned(), 0.0);
    }

    #[test]
    fn a_mount_that_refuses_says_so_in_its_own_words_only() {
        let mut read = DisksRead::default();
        read.add(mount_at("/run/user/1/doc"), Err(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(read.disks[0].problem.as_deref(), Some(PERMISSION_DENIED));
        assert_eq!(read.missing, Vec::<String>::new());
    }
}
