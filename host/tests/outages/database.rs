//! A database that is broken: at the start, and under a running host.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt as _,
    path::Path,
};

use crate::{
    change, count, firing, goes_on, has_said, kept,
    mail::{Mood, Post},
    support::host::Place,
};

/// Files that were moved out of the way.
fn aside(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.path("state")).expect("a directory");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let is_aside = |name: &String| name.contains(".corrupt-") && !name.ends_with("-wal") && !name.ends_with("-shm");
    names.filter(is_aside).collect()
}

/// What happens on the way back of a database that was away.
#[test]
fn a_database_that_is_out_of_reach_at_the_start_counts_once_it_can_be_read() {
    let post = Post::open(Mood::Takes);
    let place = Place::new(&firing(&post, &["Over", "Stays"]));
    let host = place.run();
    post.takes("FIRING: Over");
    post.takes("FIRING: Stays");
    host.stop();
    let (database, away) = (place.path("state/bellwether.db"), place.path("away.db"));
    fs::rename(&database, &away).expect("moved");
    fs::create_dir(&database).expect("in the way");

    place.configure(&firing(&post, &["Stays", "New"]));
    let mut host = place.run();
    post.takes("FIRING critical: StateStoreFailing");
    // Nobody knows what was told, and nothing is held back for that.
    post.takes_times("FIRING: Stays", 2);
    post.takes("FIRING: New");
    goes_on(&host);
    assert_eq!(count(&post.titles(), "RESOLVED"), 0, "{:#?}", post.titles());
    fs::remove_dir(&database).expect("removed");
    fs::rename(&away, &database).expect("back");
    has_said(&mut host, "What receivers were told before the start was read late");
    post.takes("RESOLVED: Over");
    post.takes("RESOLVED: StateStoreFailing");
    goes_on(&host);
    kept(&host);
    host.signal("KILL");
    host.wait();

    let host = place.run();
    goes_on(&host);
    assert_eq!(count(&post.titles(), "FIRING: Stays"), 2, "{:#?}", post.titles());
    change(&place, &host, &post, &[]);
    post.takes("RESOLVED: Stays");
    post.takes("RESOLVED: New");
    let told = post.titles();
    assert_eq!(
        (count(&told, "FIRING: New"), count(&told, "RESOLVED: Over")),
        (1, 1),
        "{told:#?}"
    );
    host.stop();
}

/// Overwrites a part of a file with what is no page of a database.
fn spoil(path: &Path, from: u64, bytes: u64) {
    let file = OpenOptions::new().write(true).open(path).expect("there");
    let garbage = vec![0xa5; usize::try_from(bytes).expect("small")];
    file.write_all_at(&garbage, from).expect("written");
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).expect("there").len()
}

/// An alert was told, the host ended, its database was broken, and it started again: what must be so then.
fn broken_at_the_start(breaks: impl Fn(&Path)) {
    let post = Post::open(Mood::Takes);
    let place = Place::new(&firing(&post, &["Fires"]));
    let host = place.run();
    post.takes("FIRING: Fires");
    host.stop();
    breaks(&place.path("state/bellwether.db"));

    let mut host = place.run();
    let said = has_said(
        &mut host,
        "The database is broken; it was set aside and a new one begun.",
    );
    assert!(said.contains("setAsideAs"), "{said}");
    assert_eq!(aside(&place).len(), 1);
    host.reaches("bellwether_store_set_aside_total", 1.0);
    host.reaches("bellwether_store_up", 1.0);
    // It is forgotten that it was told, so it is told again; nothing reads as over.
    post.takes_times("FIRING: Fires", 2);
    goes_on(&host);
    assert_eq!(count(&post.titles(), "RESOLVED"), 0, "{:#?}", post.titles());
    change(&place, &host, &post, &[]);
    post.takes("RESOLVED: Fires");
    assert_eq!(post.titles().len(), 3, "{:#?}", post.titles());
    host.stop();
}

#[test]
fn a_database_with_flipped_bytes_is_set_aside_and_alerts_go_on() {
    broken_at_the_start(|database| spoil(database, size(database) / 2, size(database) / 4));
}

#[test]
fn a_truncated_database_is_set_aside_and_alerts_go_on() {
    broken_at_the_start(|database| {
        let file = OpenOptions::new().write(true).open(database).expect("there");
        file.set_len(size(database) / 2).expect("truncated");
    });
}

#[test]
fn a_database_that_breaks_under_a_running_host_is_begun_anew_with_all_that_was_told() {
    let post = Post::open(Mood::Takes);
    let place = Place::new(&firing(&post, &["Before"]));
    let mut host = place.run();
    post.takes("FIRING: Before");
    host.reaches("bellwether_dispatch_alerts{state=\"firing\"}", 1.0);

    let database = place.path("state/bellwether.db");
    for suffix in ["", "-wal", "-shm"] {
        let path = database.with_file_name(format!("bellwether.db{suffix}"));
        spoil(&path, 0, size(&path));
    }
    has_said(
        &mut host,
        "The database is broken; it was set aside and a new one begun.",
    );
    host.reaches("bellwether_store_up", 1.0);
    assert_eq!(aside(&place).len(), 1);
    change(&place, &host, &post, &["Before", "Later"]);
    post.takes("FIRING: Later");
    goes_on(&host);
    kept(&host);
    host.signal("KILL");
    host.wait();

    // Both are over while nobody looks: the new database knows that somebody was told of both.
    place.configure(&firing(&post, &[]));
    let host = place.run();
    post.takes("RESOLVED: Before");
    post.takes("RESOLVED: Later");
    for name in ["Before", "Later"] {
        assert_eq!(
            count(&post.titles(), &format!("FIRING: {name}")),
            1,
            "{:#?}",
            post.titles()
        );
    }
    host.stop();
}
