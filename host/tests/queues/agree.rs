//! A library at work on a Redis of its own, and a report of the plugin that must agree with what the library says.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    host::Place,
    libraries::Library,
    many::{self, MANY, SENT_MAX},
    redis::{PASSWORD, Server, USER},
    said::{Expected, Reported},
};

/// Seconds by which an age may be off: clocks are read one after the other, and scores are whole milliseconds.
const TOLERANCE: f64 = 0.05;

pub(crate) fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs_f64()
}

/// A check of the queues behind `server`, by settings in TOML.
pub(crate) fn place(server: &Server, settings: &str) -> Place {
    place_over(&format!("url = \"redis://127.0.0.1:{}/0\"", server.port()), settings)
}

/// The same, over a connection in TOML. It logs in as the README's user.
pub(crate) fn place_over(connection: &str, settings: &str) -> Place {
    Place::new(&format!(
        "[connection.cache]\n{connection}\nuser = \"{USER}\"\npassword = \"${{secret:REDIS_PASSWORD}}\"\n\n\
         [check.queues]\nplugin = \"redis-queue\"\nconnection = \"cache\"\n\n[check.queues.settings]\n{settings}\n"
    ))
}

/// One run, with the times before and after it.
pub(crate) struct Once {
    pub(crate) reported: Reported,
    before: f64,
    after: f64,
}

impl Once {
    pub(crate) fn of(place: &Place) -> Self {
        let before = now();
        let finished = place.finish_with(&["once", "queues", "--json"], |command| {
            command.env("REDIS_PASSWORD", PASSWORD);
        });
        Self {
            reported: Reported::parse(&finished.stdout, &finished.stderr),
            before,
            after: now(),
        }
    }

    /// Whether all that is expected was reported, no job more or less, and nothing was refused.
    pub(crate) fn agrees(&self, expected: &Expected) {
        let reported = &self.reported;
        for depth in &expected.depths {
            let found = reported.value("queue_depth", &[("queue", &depth.queue), ("state", &depth.state)]);
            assert_eq!(found, Some(depth.jobs), "{depth:?} in {reported:#?}");
        }
        self.ages("queue_oldest_age_seconds", &expected.oldest);
        self.ages("queue_oldest_inflight_age_seconds", &expected.in_flight);
        self.numbers("queue_workers", &expected.workers);
        self.numbers("queue_processed_total", &expected.totals);
        assert_eq!(
            reported.value("queue_commands_refused", &[]),
            Some(0.0),
            "{reported:#?}"
        );
    }

    /// Since the times that are expected, by queue.
    fn ages(&self, metric: &str, since: &BTreeMap<String, f64>) {
        for (queue, at) in since {
            let age = self.reported.value(metric, &[("queue", queue)]).unwrap_or(f64::NAN);
            let (least, most) = (self.before - at, self.after - at);
            let fits = age >= least - TOLERANCE && age <= most + TOLERANCE;
            assert!(fits, "{metric} of {queue} is {age}, not from {least} to {most}");
        }
    }

    fn numbers(&self, metric: &str, expected: &BTreeMap<String, f64>) {
        for (queue, number) in expected {
            let found = self.reported.value(metric, &[("queue", queue)]);
            assert_eq!(found, Some(*number), "{metric} of {queue}");
        }
    }
}

/// Starts a library on a Redis of its own, and holds reports against what the library says: as it is, and with many more jobs.
pub(crate) fn agrees(library: Library, settings: &str) {
    let server = Server::start();
    let mut running = library.start(&server);
    let mut expected = running.expected();
    let place = place(&server, settings);
    Once::of(&place).agrees(&expected);
    for filling in many::fillings(library) {
        many::put(&server, &filling);
        if let Some((queue, state)) = filling.counted {
            expected.grow(queue, state, MANY);
        }
    }
    cheap(&server, || Once::of(&place).agrees(&expected));
}

/// Whether `look` makes the server send less than its jobs are.
pub(crate) fn cheap(server: &Server, look: impl FnOnce()) {
    let before = server.sent();
    look();
    let sent = server.sent() - before;
    assert!(sent < SENT_MAX, "{sent} bytes were sent");
}
