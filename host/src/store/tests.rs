mod loss;

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::{
    clock::Clock,
    secret::Redactor,
    telemetry::{LogOptions, Sink},
};

const STEPS: &[&str] = &["CREATE TABLE notes (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT"];

struct Heard {
    telemetry: Telemetry,
    lines: Arc<Mutex<Vec<u8>>>,
}

impl Heard {
    fn new() -> Self {
        let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
        let sink = Sink::Memory(Arc::clone(&lines));
        let telemetry = Telemetry::new(sink, LogOptions::default(), Redactor::default(), Clock::system());
        Self { telemetry, lines }
    }

    fn log(&self) -> String {
        String::from_utf8(lock(&self.lines).clone()).expect("text")
    }

    fn count(&self, name: &str) -> f64 {
        let families = self.telemetry.instruments().families();
        let family = families.iter().find(|family| family.head.name.as_str() == name);
        family.map_or(0.0, |family| match &family.points {
            crate::outcome::ReportedPoints::Values(samples) => samples.iter().map(|sample| sample.value).sum(),
            other => panic!("not a counter: {other:?}"),
        })
    }
}

fn quiet() -> Supervisor {
    Supervisor::new(|panic| panic!("{panic}"))
}

fn open(dir: &Path, heard: &Heard) -> Store {
    let store = Store::open(dir, &quiet(), &heard.telemetry).expect("opens");
    store.migrate("notes", STEPS).expect("migrates");
    store
}

fn note(store: &Store, name: &'static str, body: &'static str) {
    store.write(WriteKey::new("notes", name), move |transaction| {
        transaction
            .execute(
                "INSERT OR REPLACE INTO notes (name, body) VALUES (?1, ?2)",
                [name, body],
            )
            .map(drop)
    });
}

fn notes(store: &Store) -> Vec<(String, String)> {
    store
        .read(|connection| {
            let mut statement = connection.prepare("SELECT name, body FROM notes ORDER BY name")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
        .expect("reads")
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

#[tokio::test]
async fn what_is_written_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let heard = Heard::new();
    let store = open(dir.path(), &heard);
    note(&store, "a", "1");
    note(&store, "b", "2");
    store.close().await.expect("written");
    let store = open(dir.path(), &heard);
    assert_eq!(notes(&store), pairs(&[("a", "1"), ("b", "2")]));
}

#[tokio::test]
async fn a_later_write_of_the_same_key_replaces_the_queued_one() {
    let heard = Heard::new();
    let store = Store::in_memory(&quiet(), &heard.telemetry).expect("opens");
    store.migrate("notes", STEPS).expect("migrates");
    for body in ["1", "2", "3"] {
        note(&store, "a", body);
    }
    store.flush().await.expect("written");
    assert_eq!(notes(&store), pairs(&[("a", "3")]));
    assert!(
        heard.count("bellwether_store_writes_total") <= 2.0,
        "coalesced, unless a second ended in between"
    );
}

#[test]
fn queued_writes_are_committed_within_about_a_second_without_a_flush() {
    let heard = Heard::new();
    let store = Store::in_memory(&quiet(), &heard.telemetry).expect("opens");
    store.migrate("notes", STEPS).expect("migrates");
    let (written, heard_of) = mpsc::sync_channel(1);
    store.write(WriteKey::new("notes", "a"), move |transaction| {
        transaction.execute("INSERT INTO notes (name, body) VALUES ('a', '1')", [])?;
        // The test may have given up, and once is enough.
        let _ = written.try_send(());
        Ok(())
    });
    let patience = Duration::from_secs(5);
    heard_of.recv_timeout(patience).expect("committed without being asked");
    assert_eq!(
        notes(&store),
        pairs(&[("a", "1")]),
        "read after the commit that was under way"
    );
}

#[tokio::test]
async fn the_last_handle_writes_what_is_queued() {
    let dir = tempfile::tempdir().expect("a directory");
    let heard = Heard::new();
    let supervisor = quiet();
    let store = Store::open(dir.path(), &supervisor, &heard.telemetry).expect("opens");
    store.migrate("notes", STEPS).expect("migrates");
    note(&store, "a", "1");
    drop(store);
    assert!(supervisor.stop(Duration::from_secs(10)).await.is_empty());
    assert_eq!(notes(&open(dir.path(), &heard)), pairs(&[("a", "1")]));
}

#[test]
fn files_are_for_their_owner_only() {
    let parent = tempfile::tempdir().expect("a directory");
    let dir = parent.path().join("deep").join("state");
    let store = open(&dir, &Heard::new());
    note(&store, "a", "1");
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for file in ["bellwether.db", "bellwether.db-wal"] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_broken_database_is_set_aside_and_said() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(
        dir.path().join("bellwether.db"),
        b"this is no database, and long enough to be looked at".repeat(50),
    )
    .expect("written");
    let heard = Heard::new();
    let store = open(dir.path(), &heard);
    note(&store, "a", "1");
    store.flush().await.expect("a new one was begun");
    let names: Vec<String> = std::fs::read_dir(dir.path())
        .expect("readable")
        .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(
        names.iter().any(|name| name.starts_with("bellwether.db.corrupt-2")),
        "{names:?}"
    );
    assert!(heard.log().contains("set aside and a new one begun"), "{}", heard.log());
    assert_eq!(heard.count("bellwether_store_set_aside_total"), 1.0);
}

#[tokio::test]
async fn a_full_disk_keeps_writes_until_there_is_room() {
    let dir = tempfile::tempdir().expect("a directory");
    let heard = Heard::new();
    let store = open(dir.path(), &heard);
    let limit = |pages: u32| {
        move |connection: &rusqlite::Connection| {
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| {
                row.get::<_, u32>(0)
            })
        }
    };
    store.read(limit(1)).expect("limited to what it has");
    let body: &'static str = Box::leak("x".repeat(100_000).into_boxed_str());
    note(&store, "big", body);
    let error = store.flush().await.expect_err("no room").to_string();
    assert!(error.contains("full"), "{error}");
    note(&store, "small", "1");
    assert!(heard.log().contains("Look for a full disk"), "{}", heard.log());
    assert!(heard.count("bellwether_store_failures_total") >= 1.0);
    store.read(limit(1_000_000)).expect("room again");
    store.flush().await.expect("written at last");
    assert_eq!(notes(&store), pairs(&[("big", body), ("small", "1")]));
    assert!(heard.log().contains("can be written again"), "{}", heard.log());
}

#[tokio::test]
async fn a_read_only_database_neither_blocks_nor_loses_the_newest_write() {
    let dir = tempfile::tempdir().expect("a directory");
    let heard = Heard::new();
    let store = open(dir.path(), &heard);
    store
        .read(|connection| connection.pragma_update(None, "query_only", true))
        .expect("set");
    note(&store, "a", "old");
    assert!(store.flush().await.is_err());
    note(&store, "a", "new");
    store
        .read(|connection| connection.pragma_update(None, "query_only", false))
        .expect("set");
    store.flush().await.expect("written");
    assert_eq!(notes(&store), pairs(&[("a", "new")]));
}

#[tokio::test]
async fn a_state_directory_without_room_for_a_database_does_not_stop_the_host() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("bellwether.db")).expect("in the way");
    let heard = Heard::new();
    let store = open(dir.path(), &heard);
    note(&store, "a", "1");
    assert!(matches!(store.read(|_| Ok(())), Err(StoreError::Unavailable { .. })));
    assert!(store.flush().await.is_err());
    std::fs::remove_dir(dir.path().join("bellwether.db")).expect("out of the way");
    store.flush().await.expect("it tries again, with its tables");
    assert_eq!(notes(&store), pairs(&[("a", "1")]));
}

#[tokio::test]
async fn a_pipe_in_the_place_of_the_database_does_not_hold_up_the_start() {
    let dir = tempfile::tempdir().expect("dir");
    let made = std::process::Command::new("mkfifo")
        .arg(dir.path().join(DATABASE))
        .status();
    assert!(made.expect("mkfifo runs").success());
    let heard = Heard::new();
    let store = open(dir.path(), &heard);
    note(&store, "a", "1");
    let refused = store.flush().await.expect_err("nowhere to write");
    assert!(refused.to_string().contains("not a regular file"), "{refused}");
}

#[tokio::test]
async fn a_write_that_is_at_fault_does_not_take_the_others_along() {
    let heard = Heard::new();
    let store = Store::in_memory(&quiet(), &heard.telemetry).expect("opens");
    store.migrate("notes", STEPS).expect("migrates");
    note(&store, "a", "1");
    store.write(WriteKey::new("notes", "half"), |transaction| {
        transaction.execute("INSERT INTO notes (name, body) VALUES ('half', 'x')", [])?;
        transaction
            .execute("INSERT INTO no_such_table VALUES (1)", [])
            .map(drop)
    });
    store.write(WriteKey::new("notes", "panics"), |_| panic!("oh no"));
    note(&store, "b", "2");
    store.flush().await.expect("written");
    assert_eq!(notes(&store), pairs(&[("a", "1"), ("b", "2")]));
    assert_eq!(heard.count("bellwether_store_writes_dropped_total"), 2.0);
}

#[test]
fn migrations_run_once_and_a_newer_database_is_refused() {
    const TWO: &[&str] = &[STEPS[0], "ALTER TABLE notes ADD COLUMN extra TEXT"];
    const BROKEN: &[&str] = &[STEPS[0], TWO[1], "CREATE TABEL x"];
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path(), &Heard::new());
    store.migrate("notes", TWO).expect("one more");
    store.migrate("notes", TWO).expect("nothing to do");
    let newer = store.migrate("notes", STEPS).expect_err("newer").to_string();
    assert!(
        newer.contains("of a newer version of bellwether (2 steps; this one knows 1)"),
        "{newer}"
    );
    let broken = store.migrate("notes", BROKEN).expect_err("broken").to_string();
    assert!(broken.contains("tables of `notes` up to date, step 3"), "{broken}");
}

#[test]
fn a_full_queue_refuses_new_keys_and_still_takes_newer_values() {
    let mut queue = Queue::default();
    let nothing = || -> queue::Write { Box::new(|_| Ok(())) };
    for row in 0..queue::QUEUE_MAX {
        assert!(queue.put(WriteKey::new("notes", row.to_string()), nothing()).is_ok());
    }
    assert!(queue.put(WriteKey::new("notes", "one more"), nothing()).is_err());
    assert!(queue.put(WriteKey::new("notes", "0"), nothing()).is_ok());
    assert_eq!(queue.len(), queue::QUEUE_MAX);
}

#[test]
fn what_comes_back_unwritten_gives_way_to_what_is_newer() {
    let order: Arc<Mutex<Vec<&str>>> = Arc::default();
    let mut queue = Queue::default();
    let write = |name: &'static str| -> queue::Write {
        let order = Arc::clone(&order);
        Box::new(move |_| {
            lock(&order).push(name);
            Ok(())
        })
    };
    assert!(queue.put(WriteKey::new("notes", "a"), write("a old")).is_ok());
    assert!(queue.put(WriteKey::new("notes", "b"), write("b")).is_ok());
    let unwritten = queue.take();
    assert!(queue.put(WriteKey::new("notes", "a"), write("a new")).is_ok());
    queue.put_back(unwritten);
    let mut connection = rusqlite::Connection::open_in_memory().expect("opens");
    let transaction = connection.transaction().expect("begins");
    for mut queued in queue.take() {
        (queued.write)(&transaction).expect("notes it");
    }
    assert_eq!(*lock(&order), ["a new", "b"]);
}

#[test]
fn a_second_host_is_told_who_holds_the_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let held = StateLock::acquire(dir.path()).expect("free");
    let error = StateLock::acquire(dir.path()).expect_err("held");
    let said = error.to_string();
    let wanted = format!(
        "{} is in use by another bellwether (process {})",
        dir.path().display(),
        std::process::id()
    );
    assert!(said.contains(&wanted), "{said}");
    drop(held);
    StateLock::acquire(dir.path()).expect("free again");
}

#[tokio::test]
async fn a_full_disk_takes_the_reserve_and_what_is_queued_waits_for_more() {
    let dir = tempfile::tempdir().unwrap();
    let heard = Heard::new();
    let store = open(dir.path(), &heard);
    let reserve = dir.path().join("bellwether.db.reserve");
    assert!(std::fs::metadata(&reserve).unwrap().len() >= 1 << 20);
    note(&store, "before", "kept");
    store.flush().await.unwrap();

    // What SQLite calls full: no page more than there are.
    let limit = |pages: u32| {
        move |connection: &rusqlite::Connection| {
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| {
                row.get::<_, u32>(0)
            })
        }
    };
    store.read(limit(1)).unwrap();
    note(&store, "large", Box::leak("x".repeat(100_000).into_boxed_str()));
    assert!(store.flush().await.is_err());
    assert!(!reserve.exists(), "its room is for the alert about this");
    assert_eq!(heard.count("bellwether_store_reserve_used_total"), 1.0);
    assert!(heard.log().contains("The disk is full"));

    store.read(limit(1_000_000)).unwrap();
    store.flush().await.unwrap();
    assert_eq!(notes(&store).len(), 2, "nothing was lost");
    assert!(
        !reserve.exists(),
        "a disk that has just been full is not filled again at once"
    );
    store.close().await.unwrap();
    let again = open(dir.path(), &heard);
    again.flush().await.unwrap();
    assert!(reserve.exists());
}
