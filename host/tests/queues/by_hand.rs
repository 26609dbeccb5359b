//! Backends without a library here, laid out by redis-cli: streams and an application's own keys, which are as Redis documents
//! them, and Resque and Asynq, whose layouts are taken from their sources as the plugin's README says. A real Redis, asked by
//! the README's user, must answer all that is asked about them, and 100,000 jobs must cost nothing.

use serde_json::json;

use crate::{
    agree::{Once, cheap, now, place},
    many::{How, MANY, put_into},
    redis::Server,
    said::Expected,
};

/// How long the oldest job waits, in seconds.
const WAITING: f64 = 60.0;

fn agrees(server: &Server, settings: &str, expected: &serde_json::Value) {
    let (place, expected) = (place(server, settings), Expected::of(expected));
    cheap(server, || Once::of(&place).agrees(&expected));
}

#[test]
fn groups_of_streams() {
    let (server, oldest) = (Server::start(), (now() - WAITING).floor());
    let first = oldest as u64 * 1_000;
    for job in 0..5 {
        server.cli(&["XADD", "events", &format!("{first}-{job}"), "k", "v"]);
    }
    server.cli(&["XGROUP", "CREATE", "events", "mailers", "0"]);
    let take = "XREADGROUP GROUP mailers c1 COUNT 2 STREAMS events >";
    server.cli(&take.split(' ').collect::<Vec<_>>());
    // Given out when `TIME` says, long after they were added; the second one later than the first.
    let taken = first + 20_000;
    for (job, at) in [(0, taken), (1, taken + 5_000)] {
        let claim = format!("XCLAIM events mailers c1 0 {first}-{job} TIME {at}");
        server.cli(&claim.split(' ').collect::<Vec<_>>());
    }
    let fill = "for i = 1, tonumber(ARGV[1]) do redis.call('XADD', KEYS[1], '*', 'k', 'v') end";
    server.cli(&["EVAL", fill, "1", "events", &MANY.to_string()]);
    let queue = "events/mailers";
    let expected = json!({
        "depths": [
            { "queue": queue, "state": "waiting", "jobs": MANY + 3 },
            { "queue": queue, "state": "active", "jobs": 2 },
        ],
        "oldest": { queue: oldest },
        "in_flight": { queue: taken as f64 / 1e3 },
    });
    agrees(&server, "backend = \"streams\"\nqueues = [\"events\"]", &expected);
}

#[test]
fn a_stream_that_is_not_there_is_no_refused_command() {
    let server = Server::start();
    let once = Once::of(&place(&server, "backend = \"streams\"\nqueues = [\"nowhere\"]"));
    assert_eq!(once.reported.value("queue_commands_refused", &[]), Some(0.0));
    let labels = [
        ("target", "queue nowhere"),
        ("queue", "nowhere"),
        ("code", "unreadable"),
        ("severity", "unknown"),
    ];
    let found = once.reported.value("queue_finding_runs", &labels);
    assert_eq!(found, Some(1.0), "{:#?}", once.reported);
}

#[test]
fn a_list_with_lists_beside_it() {
    let (server, oldest) = (Server::start(), now() - WAITING);
    server.cli(&["LPUSH", "jobs", &format!("{{\"at\":{oldest}}}")]);
    put_into(&server, How::Left, "jobs");
    put_into(&server, How::Left, "jobs:processing");
    put_into(&server, How::Left, "jobs:failed");
    let expected = json!({
        "depths": [
            { "queue": "jobs", "state": "waiting", "jobs": MANY + 1 },
            { "queue": "jobs", "state": "active", "jobs": MANY },
            { "queue": "jobs", "state": "failed", "jobs": MANY },
        ],
        "oldest": { "jobs": oldest },
    });
    let settings = "backend = \"list\"\nqueues = [\"jobs\"]\nlist.timestamp = \"/at\"\n\
                    list.processing = \"{queue}:processing\"\nlist.failed = \"{queue}:failed\"";
    agrees(&server, settings, &expected);
}

#[test]
fn a_sorted_set_by_time() {
    let (server, oldest) = (Server::start(), now() - WAITING);
    server.cli(&["ZADD", "due", &oldest.to_string(), "first"]);
    put_into(&server, How::Due(1.0), "due");
    put_into(&server, How::Later(1.0), "due");
    let expected = json!({
        "depths": [
            { "queue": "due", "state": "waiting", "jobs": MANY + 1 },
            { "queue": "due", "state": "delayed", "jobs": MANY },
        ],
        "oldest": { "due": oldest },
    });
    agrees(&server, "backend = \"zset\"\nqueues = [\"due\"]", &expected);
}

#[test]
fn resque() {
    let server = Server::start();
    server.cli(&["SADD", "resque:queues", "mail"]);
    put_into(&server, How::Right, "resque:queue:mail");
    put_into(&server, How::Right, "resque:failed");
    let later = (now() + 3600.0).floor().to_string();
    server.cli(&["ZADD", "resque:delayed_queue_schedule", &later, &later]);
    put_into(&server, How::Right, &format!("resque:delayed:{later}"));
    server.cli(&["SET", "resque:stat:processed", "12"]);
    server.cli(&["SADD", "resque:workers", "web1:7:mail"]);
    let expected = json!({
        "depths": [
            { "queue": "mail", "state": "waiting", "jobs": MANY },
            { "queue": "", "state": "failed", "jobs": MANY },
            { "queue": "", "state": "delayed", "jobs": MANY },
            { "queue": "", "state": "active", "jobs": 0 },
        ],
        "totals": { "": 12 },
    });
    agrees(&server, "backend = \"resque\"", &expected);
}

#[test]
fn asynq() {
    let (server, oldest) = (Server::start(), now() - WAITING);
    server.cli(&["SADD", "asynq:queues", "mail"]);
    server.cli(&["LPUSH", "asynq:{mail}:pending", "first"]);
    let since = format!("{:.0}", oldest * 1e9);
    server.cli(&["HSET", "asynq:{mail}:t:first", "pending_since", &since]);
    put_into(&server, How::Left, "asynq:{mail}:pending");
    put_into(&server, How::Left, "asynq:{mail}:active");
    for state in ["lease", "scheduled", "retry", "archived", "completed"] {
        put_into(&server, How::Later(1.0), &format!("asynq:{{mail}}:{state}"));
    }
    server.cli(&["SET", "asynq:{mail}:processed", "30"]);
    let mut depths = vec![json!({ "queue": "mail", "state": "waiting", "jobs": MANY + 1 })];
    for state in ["active", "delayed", "retry", "dead", "completed"] {
        depths.push(json!({ "queue": "mail", "state": state, "jobs": MANY }));
    }
    let expected = json!({ "depths": depths, "oldest": { "mail": oldest }, "totals": { "mail": 30 } });
    agrees(&server, "backend = \"asynq\"", &expected);
}
