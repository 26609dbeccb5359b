//! A library at work on a Redis of its own, and a report of the plugin that must agree with what the library says.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{
    host::Place,
    libraries::Library,
    redis::Server,
    said::{Expected, Reported},
};

/// Seconds by which an age may be off: clocks are read one after the other, and scores are whole milliseconds.
pub(crate) const TOLERANCE: f64 = 0.05;

pub(crate) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs_f64()
}

/// A check of the queues behind `server`, by settings in TOML.
pub(crate) fn place(server: &Server, settings: &str) -> Place {
    Place::new(&format!(
        "[connection.cache]\nurl = \"redis://127.0.0.1:{}/0\"\n\n[check.queues]\nplugin = \"redis-queue\"\n\
         connection = \"cache\"\n\n[check.queues.settings]\n{settings}\n",
        server.port()
    ))
}

/// One run, with the times before and after it.
pub(crate) fn once(place: &Place) -> (Reported, f64, f64) {
    let before = now();
    let finished = place.finish(&["once", "queues", "--json"]);
    (Reported::parse(&finished.stdout, &finished.stderr), before, now())
}

/// Starts a library on a Redis of its own, and holds the report against what the library says.
pub(crate) fn agrees(library: Library, settings: &str) {
    let server = Server::start();
    let mut running = library.start(&server);
    let expected: Expected = running.expected();
    let (reported, before, after) = once(&place(&server, settings));
    for depth in &expected.depths {
        let found = reported.value("queue_depth", &[("queue", &depth.queue), ("state", &depth.state)]);
        assert_eq!(found, Some(depth.jobs), "{depth:?} in {reported:#?}");
    }
    for (metric, times) in [
        ("queue_oldest_age_seconds", &expected.oldest),
        ("queue_oldest_inflight_age_seconds", &expected.in_flight),
    ] {
        for (queue, at) in times {
            let age = reported.value(metric, &[("queue", queue)]).unwrap_or(f64::NAN);
            let fits = age >= before - at - TOLERANCE && age <= after - at + TOLERANCE;
            assert!(
                fits,
                "{metric} of {queue} is {age}, not from {} to {}",
                before - at,
                after - at
            );
        }
    }
    for (metric, numbers) in [
        ("queue_workers", &expected.workers),
        ("queue_processed_total", &expected.totals),
    ] {
        for (queue, number) in numbers {
            assert_eq!(
                reported.value(metric, &[("queue", queue)]),
                Some(*number),
                "{metric} of {queue}"
            );
        }
    }
    assert_eq!(reported.value("queue_commands_refused", &[]), Some(0.0));
}
