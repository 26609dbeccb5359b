//! A disk that is full, and one that cannot be written.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    change, count, firing, goes_on, has_said, kept,
    mail::{Mood, Post},
    mount::Mount,
    support::host::{PATIENCE, Place, Running},
};

/// Room for the database, its reserve, and some more.
const DISK_KIB: u32 = 8 * 1024;

/// A place whose state directory is a file system of its own.
fn place(post: &Post, names: &[&str]) -> Option<(Place, Mount)> {
    let place = Place::new(&firing(post, names));
    let state = place.path("state");
    std::fs::create_dir(&state).expect("a directory");
    let mount = Mount::memory(&state, DISK_KIB)?;
    Some((place, mount))
}

/// A place whose host told of an alert and stopped.
fn told(post: &Post) -> Option<(Place, Mount)> {
    let (place, mount) = place(post, &["Kept"])?;
    let host = place.run();
    post.takes("FIRING: Kept");
    host.stop();
    Some((place, mount))
}

/// An alert ends, and its receiver, who heard of it once, hears that.
fn ends(place: &Place, host: Running, post: &Post, alert: &str) {
    goes_on(&host);
    change(place, &host, post, &[]);
    post.takes(&format!("RESOLVED: {alert}"));
    let titles = post.titles();
    assert_eq!(count(&titles, &format!("FIRING: {alert}")), 1, "{titles:#?}");
    host.stop();
}

/// Takes all the room there is, and what is given up meanwhile.
struct Ballast(PathBuf, File);

impl Ballast {
    fn new(dir: &Path) -> Self {
        let path = dir.join("ballast");
        let file = File::create(&path).expect("a file");
        Self(path, file)
    }

    fn fill(&mut self) {
        // From large to small, until not a page is left.
        for size in [64 * 1024, 4096, 1] {
            while self.1.write(&vec![0x42; size]).is_ok_and(|written| written > 0) {}
        }
    }

    /// Fills and fills again until this is so.
    fn keep_full(&mut self, until: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !until() {
            assert!(Instant::now() < deadline, "it never came to that");
            self.fill();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn free(self) {
        std::fs::remove_file(&self.0).expect("removed");
    }
}

#[test]
fn a_full_disk_is_told_of_alerts_still_arrive_and_what_was_told_is_known_once_there_is_room() {
    let post = Post::open(Mood::Takes);
    let Some((place, _mount)) = place(&post, &["Before"]) else {
        return;
    };
    let mut host = place.run();
    post.takes("FIRING: Before");

    let mut ballast = Ballast::new(&place.path("state"));
    let knows = |title: &str| count(&post.titles(), title) > 0;
    ballast.keep_full(|| knows("FIRING critical: StateStoreFailing"));
    let said = has_said(&mut host, "The database cannot be written");
    assert!(said.contains("full"), "{said}");
    assert!(host.value("bellwether_store_up").abs() < f64::EPSILON);
    change(&place, &host, &post, &["Before", "During"]);
    ballast.keep_full(|| knows("FIRING: During"));
    goes_on(&host);
    host.reaches("bellwether_dispatch_unjournaled_total", 1.0);

    ballast.free();
    host.reaches("bellwether_store_up", 1.0);
    post.takes("RESOLVED: StateStoreFailing");
    change(&place, &host, &post, &["Before", "During", "After"]);
    post.takes("FIRING: After");
    // All of it was told, and is kept: a restart from what is on disk repeats nothing and knows whom to tell of the end.
    host.reaches("bellwether_dispatch_alerts{state=\"firing\"}", 3.0);
    kept(&host);
    host.signal("KILL");
    host.wait();
    let host = place.run();
    goes_on(&host);
    change(&place, &host, &post, &[]);
    for name in ["Before", "During", "After"] {
        post.takes(&format!("RESOLVED: {name}"));
        assert_eq!(
            count(&post.titles(), &format!("FIRING: {name}")),
            1,
            "{:#?}",
            post.titles()
        );
    }
    host.stop();
}

#[test]
fn a_host_starts_on_a_full_disk_says_so_and_tells_of_alerts() {
    let post = Post::open(Mood::Takes);
    let Some((place, _mount)) = place(&post, &["Now"]) else {
        return;
    };
    let mut ballast = Ballast::new(&place.path("state"));
    ballast.fill();
    let mut host = place.run();
    post.takes("FIRING: Now");
    post.takes("FIRING critical: StateStoreFailing");
    goes_on(&host);
    ballast.free();
    has_said(&mut host, "The database can be written again");
    post.takes("RESOLVED: StateStoreFailing");
    assert_eq!(count(&post.titles(), "FIRING: Now"), 1, "{:#?}", post.titles());
    assert_eq!(count(&post.titles(), "RESOLVED: Now"), 0, "{:#?}", post.titles());
    host.stop();
}

#[test]
fn a_restart_on_a_disk_that_is_full_by_now_takes_the_reserve_and_knows_who_was_told() {
    let post = Post::open(Mood::Takes);
    let Some((place, _mount)) = told(&post) else {
        return;
    };
    Ballast::new(&place.path("state")).fill();
    let host = place.run();
    host.reaches("bellwether_store_reserve_used_total", 1.0);
    host.reaches("bellwether_store_up", 1.0);
    ends(&place, host, &post, "Kept");
    assert_eq!(post.titles().len(), 2, "{:#?}", post.titles());
}

#[test]
fn a_state_directory_that_cannot_be_written_is_named_at_the_start_and_is_fine_when_it_can() {
    let post = Post::open(Mood::Takes);
    let Some((place, mount)) = told(&post) else {
        return;
    };
    mount.may_be_written(false);
    let refused = place.finish(&["run"]);
    assert_ne!(refused.code, 0, "{}", refused.stderr);
    for words in ["cannot lock the state directory", "Read-only", "state_dir"] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
    mount.may_be_written(true);
    ends(&place, place.run(), &post, "Kept");
}

#[test]
fn a_database_that_cannot_be_written_holds_no_alert_back() {
    let post = Post::open(Mood::Takes);
    let place = Place::new(&firing(&post, &["Now"]));
    let database = place.path("state/bellwether.db");
    // Something else has its name: not even root can write there.
    std::fs::create_dir_all(&database).expect("a directory");
    let mut host = place.run();
    let said = has_said(&mut host, "The database cannot be written");
    assert!(
        said.contains("it is not a regular file; move it out of the way"),
        "{said}"
    );
    post.takes("FIRING: Now");
    post.takes("FIRING critical: StateStoreFailing");
    goes_on(&host);
    std::fs::remove_dir(&database).expect("removed");
    has_said(&mut host, "The database can be written again");
    post.takes("RESOLVED: StateStoreFailing");
    // What was told without being kept is kept by now.
    kept(&host);
    host.signal("KILL");
    host.wait();
    ends(&place, place.run(), &post, "Now");
}
