//! A hundred thousand jobs more, put in beside those of a library where it keeps them.
//!
//! They stand behind the oldest job, so that ages stay what they are, and are due in hours, so that no worker touches them.

use crate::{agree::now, libraries::Library, redis::Server};

/// How many.
pub(crate) const MANY: u32 = 100_000;

/// What the plugin may make Redis send for each of them, in bytes: not even a byte, where one is a line at least.
pub(crate) const SENT_MAX: u64 = MANY as u64;

/// Long enough for all tests.
const HOURS: f64 = 2.0 * 3600.0;

/// Members of a key.
pub(crate) struct Filling {
    how: How,
    key: &'static str,
    /// Queue and state whose depth grows; none where another key is what is counted.
    pub(crate) counted: Option<(&'static str, &'static str)>,
}

/// Where a key takes them.
#[derive(Clone, Copy)]
pub(crate) enum How {
    /// Lists: before the first, after the last.
    Left,
    Right,
    /// Hashes.
    Field,
    /// Sorted sets: due later, or now, in units of so many to a second.
    Later(f64),
    Due(f64),
}

impl How {
    fn words(self) -> (&'static str, f64) {
        match self {
            Self::Left => ("LPUSH", 0.0),
            Self::Right => ("RPUSH", 0.0),
            Self::Field => ("HSET", 0.0),
            Self::Later(units) => ("ZADD", (now() + HOURS) * units),
            Self::Due(units) => ("ZADD", now() * units),
        }
    }
}

/// BullMQ packs the time in milliseconds and a counter of 12 bits into one score.
const BULLMQ: f64 = 1e3 * 4096.0;

/// Where `library` keeps what `host/tests/queues/producers` speaks of.
pub(crate) fn fillings(library: Library) -> Vec<Filling> {
    use How::{Due, Field, Later, Left, Right};
    let of = |how, key, queue, state| Filling {
        how,
        key,
        counted: Some((queue, state)),
    };
    match library {
        Library::Celery => vec![
            of(Left, "reservations", "reservations", "waiting"),
            of(Field, "unacked", "", "active"),
        ],
        Library::Rq => vec![
            of(Right, "rq:queue:mail", "mail", "waiting"),
            of(Later(1.0), "rq:scheduled:mail", "mail", "delayed"),
            of(Later(1.0), "rq:wip:busy", "busy", "active"),
            of(Later(1.0), "rq:failed:busy", "busy", "failed"),
        ],
        Library::Arq => vec![
            of(Due(1e3), "arq:queue", "arq:queue", "waiting"),
            of(Later(1e3), "arq:queue", "arq:queue", "delayed"),
        ],
        Library::Dramatiq => vec![
            of(Right, "dramatiq:mail", "mail", "waiting"),
            Filling {
                how: Field,
                key: "dramatiq:mail.msgs",
                counted: None,
            },
            of(Field, "dramatiq:busy.msgs", "busy", "active"),
            of(Field, "dramatiq:mail.DQ.msgs", "mail", "delayed"),
            of(Later(1e3), "dramatiq:busy.XQ", "busy", "dead"),
        ],
        Library::Bullmq => vec![
            of(Left, "bull:mail:wait", "mail", "waiting"),
            of(Later(BULLMQ), "bull:mail:delayed", "mail", "delayed"),
            of(Left, "bull:busy:active", "busy", "active"),
            of(Later(1e3), "bull:busy:failed", "busy", "failed"),
        ],
        Library::Sidekiq => vec![
            of(Left, "queue:mail", "mail", "waiting"),
            of(Later(1.0), "schedule", "", "delayed"),
            of(Later(1.0), "retry", "", "retry"),
            of(Later(1.0), "dead", "", "dead"),
        ],
    }
}

/// Puts them in. Each filling has names of its own.
pub(crate) fn put(server: &Server, filling: &Filling) {
    put_into(server, filling.how, filling.key);
}

/// Puts them into `key`.
pub(crate) fn put_into(server: &Server, how: How, key: &str) {
    const SCRIPT: &str = "for i = 1, tonumber(ARGV[3]) do \
         local member = ARGV[1] .. '-' .. i; \
         if ARGV[1] == 'ZADD' then redis.call('ZADD', KEYS[1], ARGV[2], ARGV[2] .. member) \
         elseif ARGV[1] == 'HSET' then redis.call('HSET', KEYS[1], member, '') \
         else redis.call(ARGV[1], KEYS[1], member) end \
         end";
    let (command, score) = how.words();
    let words = ["EVAL", SCRIPT, "1", key, command, &score.to_string(), &MANY.to_string()];
    server.cli(&words);
}
