//! A message leaves only after it is on the disk, and a power failure at any moment leaves enough of the state directory: nothing
//! that was acknowledged is lost, nothing is told twice without reason, and what was told as firing is told as over.
//!
//! Flows in: what the real binary asks of the kernel while alerts begin and end. Flows out: for each first byte of a message and each
//! acknowledgement, whether a disk that had written nothing but what was synced holds it; and for some moments by chance, what a host
//! says that begins with what was left, judged as after a crash.
//!
//! The seed of a run is printed; `BELLWETHER_SYNCED_SEED` and `BELLWETHER_FAILURES` repeat or prolong it.
//!
//! Needs: strace
//! Budget: 5 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it waits on real time and serves from threads of its own"
)]

mod disk;
mod recording;
mod restart;
mod silences;
mod trace;

#[path = "../crash/hook.rs"]
#[expect(dead_code, reason = "one crash is enough here")]
mod hook;
#[path = "../crash/oracle.rs"]
mod oracle;
#[path = "../crash/stream.rs"]
#[expect(dead_code, reason = "alerts come in another order here")]
mod stream;

#[path = "../support"]
mod support {
    #![expect(dead_code, reason = "each suite uses a part of it")]
    pub(crate) mod dice;
    pub(crate) mod host;
    pub(crate) mod server;
}

use std::{
    path::Path,
    time::{Duration, Instant},
};

use disk::Luck;
use recording::{Post, Recording, Word, is_settled, record};
use rusqlite::Connection;
use support::dice::Dice;
use tempfile::TempDir;

/// Syncs for an alert that comes alone: what was posted, the message, and that it was delivered.
const SYNCS_MOST: usize = 3;

/// Alerts of the recording that power fails in: with their ends, enough for the log to be written back into the database.
const ALERTS: usize = 300;

/// Power failures after which a host is started, unless `BELLWETHER_FAILURES` says otherwise.
const FAILURES: u64 = 40;

/// How long after a failure everything must have been told; and where nothing can come of it.
const SETTLE: Duration = Duration::from_secs(60);
const IN_VAIN: Duration = Duration::from_secs(2);

/// Hosts at a time: they wait more than they work.
const HOSTS: usize = 4;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// A directory that no disk is asked for, where the system has such: a thousand images of it, of megabytes each, would be all that a test
/// waits for.
pub(crate) fn in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory)
        .or_else(|_| tempfile::tempdir())
        .expect("a directory")
}

/// What the database in `dir` says to a question about one text.
fn count(dir: &Path, question: &str, about: &str) -> i64 {
    let database = Connection::open(dir.join("bellwether.db")).expect("a database");
    // Closing it writes the log back, and a thousand of these must not wait for the real disk.
    database.pragma_update(None, "synchronous", "OFF").expect("a pragma");
    database
        .query_row(question, [about], |row| row.get(0))
        .unwrap_or_else(|error| panic!("{question}: {error}"))
}

const MESSAGE: &str = "SELECT count(*) FROM dispatch_messages WHERE id = ?1";
const POSTED: &str = "SELECT count(*) FROM dispatch_posted WHERE instr(labels, ?1) > 0";
const SILENCE: &str = "SELECT count(*) FROM dispatch_silences WHERE id = ?1";

/// A line for each message of which a byte left, and each alert that was acknowledged, before the disk had it.
fn too_early(recording: &Recording, dice: &mut Dice) -> Vec<String> {
    let mut problems = Vec::new();
    let mut acknowledged = 0;
    recording.replay(|word, at, disk| {
        let (question, about) = match word {
            Word::Message(id) => (MESSAGE, id.clone()),
            Word::Acknowledged => {
                acknowledged += 1;
                match &recording.posts[acknowledged - 1] {
                    Post::Alert(episode) if episode.ends.is_some() => return,
                    Post::Alert(episode) => (POSTED, format!("\"{}\"", episode.member)),
                    Post::Silence(silence) => (SILENCE, silence.id.clone()),
                }
            }
            Word::Answered(_) => return,
        };
        for luck in [Luck::Nothing, Luck::Some(2)] {
            let left = in_memory();
            disk.leave(left.path(), luck, dice);
            if !left.path().join("bellwether.db").exists() || count(left.path(), question, &about) != 1 {
                problems.push(format!("step {at}, {luck:?}: the disk has no {about} ({word:?})"));
            }
        }
    });
    assert_eq!(acknowledged, recording.posts.len(), "acknowledgements in the trace");
    problems
}

#[test]
fn no_byte_of_a_message_leaves_before_the_log_that_holds_it_is_synced() {
    let recording = record(|player| {
        player.fire("alone");
        player.wait_for_told(1);
        player.wait_until(is_settled);
        player.mark();
        for member in ["first", "second", "third"] {
            player.fire(member);
        }
        player.wait_for_told(2);
        for member in ["alone", "first", "second", "third"] {
            player.end(member);
        }
        player.wait_for_told(3);
    });
    assert!(
        recording.keeps_its_directory(),
        "the name of the state directory is not synced"
    );
    let alone = recording.syncs_until(recording.mark);
    assert!((1..=SYNCS_MOST).contains(&alone), "{alone} syncs for one alert");
    let messages = recording.messages();
    assert!(messages.len() >= 3, "{messages:?}");
    for (id, sent) in &messages {
        let synced = recording.synced(id).unwrap_or_else(|| panic!("{id} is in no log"));
        assert!(synced < *sent, "{id} left at step {sent} and was synced at {synced}");
    }
    let problems = too_early(&recording, &mut Dice::new(1));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let late = too_early(&recording.with_late_syncs(), &mut Dice::new(1));
    assert!(late.len() > messages.len(), "a sync that comes too late is not noticed");
}

#[test]
fn what_a_power_failure_leaves_is_enough_at_any_moment() {
    let seed = number("BELLWETHER_SYNCED_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let failures = number("BELLWETHER_FAILURES").unwrap_or(FAILURES);
    println!("BELLWETHER_SYNCED_SEED={seed} BELLWETHER_FAILURES={failures}");
    let mut dice = Dice::new(seed);
    let began = Instant::now();
    let recording = record(|player| player.play(ALERTS, &mut Dice::new(seed)));
    println!("recorded after {:.1} s", began.elapsed().as_secs_f64());
    let mut problems = too_early(&recording, &mut dice);
    println!(
        "what was said was held against the disk after {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert!(
        recording.wrote_back(),
        "the log was never written back, with {} bytes in it",
        recording.log()
    );
    let moments = restart::moments(&recording, failures, &restart::LUCKS, &mut dice);
    problems.extend(restart::judge(&recording, &moments, HOSTS, SETTLE));
    println!("all hosts ended after {:.1} s", began.elapsed().as_secs_f64());
    assert!(problems.is_empty(), "seed {seed}:\n{}", problems.join("\n"));
    let late = recording.with_late_syncs();
    let moments = restart::moments(&late, 1, &[Luck::Nothing], &mut dice);
    let noticed = restart::judge(&late, &moments, 1, IN_VAIN);
    assert!(
        noticed.iter().any(|problem| problem.contains("was acknowledged and")),
        "a disk that lost all of it is not noticed: {noticed:?}"
    );
}
