//! `kill -9`, hundreds of times at random moments, while alerts begin and end and a receiver fails in every way it can: in the end
//! what was told is what happened. The same for what happens once, which has no end.
//!
//! Flows in: a stream of alerts, each posted until it is acknowledged; a stream of what happens, each told until it is acknowledged.
//! Flows out: for each broken guarantee (DESIGN §9) a line: something told twice without a crash or an answer that was lost in between,
//! a resolve that nobody told of, one that was not true, an alert that nobody heard of although it lasted.
//!
//! The seed of a run is printed; `BELLWETHER_CRASH_SEED` and `BELLWETHER_CRASHES` repeat or prolong it.
//!
//! Budget: 8 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it waits on real time and serves from threads of its own"
)]

mod hook;
mod known;
mod once;
mod oracle;
mod stream;

#[path = "../support"]
mod support {
    #![expect(dead_code, reason = "each suite uses a part of it")]
    pub(crate) mod host;
    pub(crate) mod dice;
}

use std::time::{Duration, Instant};

use hook::Hook;
use stream::Stream;
use support::{
    dice::Dice,
    host::{Place, Running},
};

/// Crashes of a run unless `BELLWETHER_CRASHES` says otherwise.
const CRASHES: u64 = 200;

/// Longest life of a process in milliseconds: long enough for a few flushes, and most are shorter than one.
const LIFE_MOST: u64 = 1_500;

/// The same of a process that only tells of what happens once: it starts in no time.
const SHORT_LIFE_MOST: u64 = 500;

/// How long after the last crash everything must have been told, in seconds: waits between attempts grow while a receiver fails.
const SETTLE: u64 = 90;

/// Each life listens on another port, which must not be what a message says: it says the same when it comes again.
fn configuration(hook: &Hook) -> String {
    format!(
        "[alerting]\nexternal_url = \"http://host.example\"\nbundled_rules = false\nreceivers = [\"hook\"]\ngroup_by = [\"alertname\"]\ngroup_wait = \"1s\"\ngroup_interval = \"1s\"\nrepeat_interval = \"1h\"\n\n\
         [connection.hook]\nurl = \"http://{}/\"\nmethods = [\"POST\"]\n\n\
         [receiver.hook]\nplugin = \"webhook\"\nconnection = \"hook\"\ntimeout = \"1s\"\n",
        hook.address
    )
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn what_was_told_is_what_happened_however_often_the_host_is_killed() {
    let seed = number("BELLWETHER_CRASH_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let crashes = number("BELLWETHER_CRASHES").unwrap_or(CRASHES);
    println!("BELLWETHER_CRASH_SEED={seed} BELLWETHER_CRASHES={crashes}");
    let mut dice = Dice::new(seed);
    let hook = Hook::open(seed);
    let place = Place::new(&configuration(&hook));
    let mut host = Some(place.run());
    let stream = Stream::begin(dice.below(u64::MAX));
    for _ in 0..crashes {
        let life = Duration::from_millis(dice.below(LIFE_MOST));
        stream.serve(address(host.as_ref()), Instant::now() + life);
        // Dropping it is `kill -9`.
        drop(host.take());
        hook.note_crash();
        host = Some(place.run());
    }
    hook.behave();
    stream.finish(address(host.as_ref()));
    let problems = hook.eventually(Duration::from_secs(SETTLE), |heard| {
        oracle::judge(&stream.story(), heard)
    });
    assert!(problems.is_empty(), "seed {seed}:\n{}", problems.join("\n"));
    let (told, twice) = hook.counts();
    println!(
        "{told} notifications were accepted, {twice} of them twice; {} alerts began",
        stream.story().len()
    );
    assert!(told > crashes / 4, "{told} notifications for {crashes} crashes");
}

/// The name of the test below, which is also the process that it kills.
const ONCE: &str = "what_happened_once_is_told_once_however_often_whoever_tells_it_is_killed";

#[test]
fn what_happened_once_is_told_once_however_often_whoever_tells_it_is_killed() {
    if once::is_served() {
        return;
    }
    let seed = number("BELLWETHER_CRASH_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let crashes = number("BELLWETHER_CRASHES").unwrap_or(CRASHES);
    println!("BELLWETHER_CRASH_SEED={seed} BELLWETHER_CRASHES={crashes}");
    let mut dice = Dice::new(seed);
    let hook = Hook::open(seed);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let start = || once::Process::start(ONCE, directory.path(), hook.address);
    let mut story = once::Story::default();
    for _ in 0..crashes {
        let life = Duration::from_millis(dice.below(SHORT_LIFE_MOST));
        story.go_on(start(), Instant::now() + life, &mut dice);
        hook.note_crash();
    }
    hook.behave();
    let mut last = start();
    story.finish(&mut last);
    let problems = hook.eventually(Duration::from_secs(SETTLE), |heard| story.judge(heard));
    assert!(problems.is_empty(), "seed {seed}:\n{}", problems.join("\n"));
    let (told, twice) = hook.counts();
    println!(
        "{told} notifications were accepted, {twice} of them twice, of {} that happened",
        story.happened()
    );
    assert!(told > crashes / 4, "{told} notifications for {crashes} crashes");
}

fn address(host: Option<&Running>) -> std::net::SocketAddr {
    host.expect("it runs").address()
}
