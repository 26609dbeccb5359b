//! Guests that spin, hoard and sleep in a running host: scrapes are answered and the healthy check is on time.

use std::time::{Duration, Instant};

use crate::{
    guest,
    guests::{self, CONTRACT},
    host::{Place, Running, sample},
};

/// How long the host is watched under attack.
const WATCHED: Duration = Duration::from_secs(12);

/// A scrape takes a millisecond. Half of them may take this long on two cores that spin with guests and other tests.
const SCRAPE_MEDIAN_MAX: Duration = Duration::from_millis(250);

/// And the slowest one this long: still well inside the ten seconds that Prometheus waits.
const SCRAPE_SLOWEST_MAX: Duration = Duration::from_secs(5);

/// The healthy check is due every second and must not be older than this at any scrape.
const AGE_MAX: f64 = 5.0;

struct Seen {
    scrape: Duration,
    runs: f64,
    age: f64,
}

fn look(host: &Running) -> Seen {
    let begun = Instant::now();
    let metrics = host.get("/metrics").body;
    let scrape = begun.elapsed();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs_f64();
    let value = |series: &str| sample(&metrics, series).unwrap_or_else(|| panic!("no {series}:\n{metrics}"));
    Seen {
        scrape,
        runs: value("bellwether_check_runs_total{check=\"healthy\",outcome=\"ok\"}"),
        age: now - value("bellwether_check_last_run_timestamp_seconds{check=\"healthy\"}"),
    }
}

#[test]
fn while_checks_spin_hoard_and_sleep_scrapes_are_prompt_and_the_healthy_check_is_on_time() {
    let place = Place::new("");
    std::fs::write(place.path("hoard.wasm"), guests::component("memory_hoard", CONTRACT)).expect("written");
    let check = |name: &str, plugin: &str, more: &str| {
        format!("[check.{name}]\nplugin = {plugin}\ninterval = \"1s\"\n{more}\n")
    };
    place.configure(
        &[
            check("healthy", &guest("healthy"), ""),
            // Burns all the time it can get; whether its budget or its deadline comes first is the machine's mood.
            check("burns", &guest("endless_loop"), ""),
            // So little that the budget ends first even on a machine that others keep busy.
            check("spins", &guest("endless_loop"), "limits = { cpu = \"50ms\" }\n"),
            check("hoards", "\"./hoard.wasm\"", ""),
            check("sleeps", &guest("sleeping_forever"), ""),
        ]
        .concat(),
    );
    let host = place.run();
    host.value("bellwether_check_runs_total{check=\"healthy\",outcome=\"ok\"}");
    let attacks = [("spins", "cpu"), ("hoards", "memory"), ("sleeps", "timeout")]
        .map(|(check, outcome)| format!("bellwether_check_runs_total{{check=\"{check}\",outcome=\"{outcome}\"}}"));
    let before = attacks.each_ref().map(|attack| host.value(attack));

    let (first, begun) = (look(&host), Instant::now());
    let mut seen = Vec::new();
    while begun.elapsed() < WATCHED {
        seen.push(look(&host));
        std::thread::sleep(Duration::from_millis(50));
    }
    let watched = begun.elapsed().as_secs_f64();

    let mut scrapes: Vec<_> = seen.iter().map(|seen| seen.scrape).collect();
    scrapes.sort();
    let (median, slowest) = (scrapes[scrapes.len() / 2], scrapes[scrapes.len() - 1]);
    assert!(
        median <= SCRAPE_MEDIAN_MAX && slowest <= SCRAPE_SLOWEST_MAX,
        "median {median:?}, slowest {slowest:?}"
    );

    let ran = seen.last().expect("it was watched").runs - first.runs;
    assert!(ran >= watched * 0.7 - 1.0, "{ran} runs in {watched:.1} s");
    let oldest = seen.iter().map(|seen| seen.age).fold(0.0, f64::max);
    assert!(oldest <= AGE_MAX, "at one scrape its last run was {oldest:.1} s old");
    let missed = sample(
        &host.get("/metrics").body,
        "bellwether_check_missed_ticks_total{check=\"healthy\"}",
    );
    assert!(missed.unwrap_or(0.0) <= 2.0, "it missed {missed:?} ticks");

    for (attack, before) in attacks.iter().zip(before) {
        assert!(host.value(attack) - before >= 3.0, "{attack} hardly went on");
    }
    host.stop();
}
