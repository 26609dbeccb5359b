//! Files that go away or are exchanged under a running store.

use std::fs;

use super::*;

fn locked(dir: &Path, heard: &Heard) -> (StateLock, Store) {
    let lock = StateLock::acquire(dir).expect("free");
    let store = Store::open_locked(&lock, &quiet(), &heard.telemetry).expect("opens");
    store.migrate("notes", STEPS).expect("migrates");
    (lock, store)
}

/// What a restart would find, without disturbing who has it open.
fn found(dir: &Path) -> Option<Vec<(String, String)>> {
    peek(dir, |connection| {
        let mut statement = connection.prepare("SELECT name, body FROM notes ORDER BY name")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    })
}

fn names(dir: &Path, start: &str) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("readable");
    let names = entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(start)).collect()
}

#[tokio::test]
async fn a_deleted_state_directory_is_made_anew_with_all_that_was_kept_and_excludes_others_again() {
    let parent = tempfile::tempdir().expect("a directory");
    let dir = parent.path().join("state");
    let heard = Heard::new();
    let (_lock, store) = locked(&dir, &heard);
    note(&store, "before", "1");
    store.flush().await.expect("written");
    assert_eq!(heard.count("bellwether_store_up"), 1.0);
    fs::remove_dir_all(&dir).expect("deleted");
    note(&store, "after", "2");
    store.flush().await.expect("written to new files");

    assert_eq!(found(&dir), Some(pairs(&[("after", "2"), ("before", "1")])));
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join("bellwether.db"))), (0o700, 0o600));
    let second = StateLock::acquire(&dir).expect_err("held again").to_string();
    assert!(
        second.contains(&format!("(process {})", std::process::id())),
        "{second}"
    );
    let log = heard.log();
    for said in [
        "lock: deleted; database: deleted",
        "stop the host before you change",
        "were made anew",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
    assert_eq!(heard.count("bellwether_store_lost_total"), 1.0);
    assert_eq!(heard.count("bellwether_store_up"), 1.0);

    note(&store, "later", "3");
    store.close().await.expect("written");
    assert_eq!(
        found(&dir),
        Some(pairs(&[("after", "2"), ("before", "1"), ("later", "3")]))
    );
    assert_eq!(heard.count("bellwether_store_lost_total"), 1.0, "once is enough");
}

#[tokio::test]
async fn a_directory_that_another_host_took_is_left_alone_until_that_one_ends() {
    let parent = tempfile::tempdir().expect("a directory");
    let (dir, moved) = (parent.path().join("state"), parent.path().join("moved"));
    let heard = Heard::new();
    let (_lock, store) = locked(&dir, &heard);
    note(&store, "mine", "1");
    store.flush().await.expect("written");
    fs::rename(&dir, &moved).expect("moved away");
    let other = Heard::new();
    let (others_lock, others) = locked(&dir, &other);
    note(&others, "theirs", "1");
    others.flush().await.expect("written");

    note(&store, "mine too", "2");
    let error = store.flush().await.expect_err("not kept").to_string();
    assert!(error.contains("in use by another bellwether"), "{error}");
    assert_eq!(notes(&store), pairs(&[("mine", "1"), ("mine too", "2")]), "it goes on");
    assert_eq!(found(&dir), Some(pairs(&[("theirs", "1")])));
    assert_eq!(heard.count("bellwether_store_up"), 0.0);
    assert!(store.flush().await.is_err());
    assert_eq!(heard.count("bellwether_store_lost_total"), 1.0);
    let log = heard.log();
    assert_eq!(log.matches("cannot be made anew").count(), 1, "said once: {log}");

    others.close().await.expect("written");
    drop((others, others_lock));
    store.flush().await.expect("kept at last");
    assert_eq!(found(&dir), Some(pairs(&[("mine", "1"), ("mine too", "2")])));
    assert_eq!(heard.count("bellwether_store_up"), 1.0);
    assert_eq!(names(&dir, "bellwether.db.replaced-2").len(), 1, "theirs is not lost");
    StateLock::acquire(&moved).expect("the old directory is free");
}

#[tokio::test]
async fn a_database_that_was_exchanged_is_set_aside_and_never_overwritten() {
    let dir = tempfile::tempdir().expect("a directory");
    let heard = Heard::new();
    let (_lock, store) = locked(dir.path(), &heard);
    note(&store, "a", "1");
    store.flush().await.expect("written");
    fs::remove_file(dir.path().join("bellwether.db")).expect("deleted");
    fs::write(dir.path().join("bellwether.db"), "somebody's backup").expect("put there");
    store.flush().await.expect("made anew");
    assert_eq!(found(dir.path()), Some(pairs(&[("a", "1")])));
    let aside = names(dir.path(), "bellwether.db.replaced-2");
    let aside: Vec<_> = aside
        .iter()
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    assert_eq!(
        fs::read_to_string(dir.path().join(aside[0])).expect("there"),
        "somebody's backup"
    );
    assert!(
        heard.log().contains("lock: in place; database: replaced"),
        "{}",
        heard.log()
    );
    assert!(StateLock::acquire(dir.path()).is_err());
}

#[tokio::test]
async fn a_lock_file_that_was_deleted_is_made_again_and_the_database_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    let heard = Heard::new();
    let (_lock, store) = locked(dir.path(), &heard);
    let before = presence::FileId::at(&dir.path().join("bellwether.db"));
    fs::remove_file(dir.path().join("lock")).expect("deleted");
    store.flush().await.expect("nothing to write");
    assert!(StateLock::acquire(dir.path()).is_err(), "it excludes others again");
    assert_eq!(presence::FileId::at(&dir.path().join("bellwether.db")), before);
    assert_eq!(heard.count("bellwether_store_lost_total"), 1.0);
}

#[tokio::test]
async fn files_that_stay_where_they_are_are_not_touched() {
    let dir = tempfile::tempdir().expect("a directory");
    let heard = Heard::new();
    let (_lock, store) = locked(dir.path(), &heard);
    let before = presence::FileId::at(&dir.path().join("bellwether.db"));
    for body in ["1", "2", "3"] {
        note(&store, "a", body);
        store.flush().await.expect("written");
    }
    assert_eq!(presence::FileId::at(&dir.path().join("bellwether.db")), before);
    assert_eq!(heard.log(), "");
}

#[tokio::test]
async fn where_nothing_can_be_made_the_host_goes_on_and_tries_again() {
    let parent = tempfile::tempdir().expect("a directory");
    let dir = parent.path().join("state");
    let heard = Heard::new();
    let (_lock, store) = locked(&dir, &heard);
    note(&store, "a", "1");
    store.flush().await.expect("written");
    fs::remove_dir_all(&dir).expect("deleted");
    fs::write(&dir, "in the way").expect("written");
    note(&store, "a", "2");
    assert!(store.flush().await.is_err());
    assert_eq!(notes(&store), pairs(&[("a", "2")]));
    fs::remove_file(&dir).expect("out of the way");
    store.flush().await.expect("made anew");
    assert_eq!(found(&dir), Some(pairs(&[("a", "2")])));
}
