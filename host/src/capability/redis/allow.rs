//! Which commands a plugin may send: by command, subcommand and argument. Whatever is not named here is refused.
//!
//! Pure. Flows in: one command as bytes. Flows out: yes, or a refusal that names the command and why. What is permitted
//! reads, answers within bounds, returns at once and leaves the connection as it was; of what answers with a whole hash or
//! set, `plan` asks the size first. It is no substitute for an ACL user on the server: it does not know which keys hold
//! secrets.

use std::fmt;

use super::{
    arguments::{Arguments, Why, is},
    refused,
};

/// Most arguments of one command, such as the keys of an `MGET`: as many as elements may be asked for.
pub const ARGUMENTS_MAX: usize = 1_024;

/// Longest name of a command that a message repeats: the longest real ones have about 30 characters.
const NAME_SHOWN_MAX: usize = 40;

/// A command that is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Such as `CONFIG GET`, in capitals; without arguments, since those may be anything.
    pub command: String,
    /// To stand after "was not sent: ".
    pub why: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` was not sent: {}", self.command, self.why)
    }
}

/// Reads the arguments after the name.
type Rule = fn(Arguments<'_>) -> Result<(), Why>;

enum Entry {
    Command(Rule),
    Subcommands(&'static [(&'static str, Rule)]),
}

use Entry::{Command, Subcommands};

/// All that may be sent.
const ENTRIES: &[(&str, Entry)] = &[
    // The server.
    ("PING", Command(at_most_one)),
    ("TIME", Command(nothing)),
    ("DBSIZE", Command(nothing)),
    ("LASTSAVE", Command(nothing)),
    ("ROLE", Command(nothing)),
    ("INFO", Command(anything)),
    ("CONFIG", Subcommands(&[("GET", config)])),
    (
        "LATENCY",
        Subcommands(&[("LATEST", nothing), ("HISTORY", one), ("HISTOGRAM", anything)]),
    ),
    ("SLOWLOG", Subcommands(&[("LEN", nothing), ("GET", others_commands)])),
    ("MEMORY", Subcommands(&[("USAGE", memory_usage), ("STATS", nothing)])),
    ("ACL", Subcommands(&[("WHOAMI", nothing)])),
    (
        "CLIENT",
        Subcommands(&[
            ("LIST", client_list),
            ("INFO", nothing),
            ("ID", nothing),
            ("GETNAME", nothing),
        ]),
    ),
    (
        "CLUSTER",
        Subcommands(&[
            ("INFO", nothing),
            ("NODES", nothing),
            ("SLOTS", nothing),
            ("SHARDS", nothing),
            ("MYID", nothing),
        ]),
    ),
    (
        "SENTINEL",
        Subcommands(&[
            ("MASTERS", nothing),
            ("MASTER", one),
            ("REPLICAS", one),
            ("SLAVES", one),
            ("SENTINELS", one),
            ("CKQUORUM", one),
            ("GET-MASTER-ADDR-BY-NAME", one),
            ("MYID", nothing),
        ]),
    ),
    (
        "PUBSUB",
        Subcommands(&[("NUMSUB", anything), ("NUMPAT", nothing), ("SHARDNUMSUB", anything)]),
    ),
    // Keys.
    ("EXISTS", Command(some)),
    ("TYPE", Command(one)),
    ("TTL", Command(one)),
    ("PTTL", Command(one)),
    ("EXPIRETIME", Command(one)),
    ("PEXPIRETIME", Command(one)),
    (
        "OBJECT",
        Subcommands(&[("ENCODING", one), ("FREQ", one), ("IDLETIME", one), ("REFCOUNT", one)]),
    ),
    ("SCAN", Command(scan)),
    // Strings.
    ("GET", Command(one)),
    ("MGET", Command(some)),
    ("STRLEN", Command(one)),
    ("GETRANGE", Command(three)),
    // Hashes.
    ("HGET", Command(two)),
    ("HMGET", Command(key_and_some)),
    ("HLEN", Command(one)),
    ("HEXISTS", Command(two)),
    ("HSTRLEN", Command(two)),
    ("HGETALL", Command(one)),
    ("HKEYS", Command(one)),
    ("HVALS", Command(one)),
    ("HSCAN", Command(scan_of_key)),
    // Lists.
    ("LLEN", Command(one)),
    ("LINDEX", Command(two)),
    ("LRANGE", Command(range)),
    // Sets.
    ("SCARD", Command(one)),
    ("SISMEMBER", Command(two)),
    ("SMISMEMBER", Command(key_and_some)),
    ("SMEMBERS", Command(one)),
    ("SSCAN", Command(scan_of_key)),
    // Sorted sets.
    ("ZCARD", Command(one)),
    ("ZCOUNT", Command(three)),
    ("ZLEXCOUNT", Command(three)),
    ("ZSCORE", Command(two)),
    ("ZMSCORE", Command(key_and_some)),
    ("ZRANK", Command(two)),
    ("ZREVRANK", Command(two)),
    ("ZRANGE", Command(sorted_range)),
    ("ZREVRANGE", Command(range_with_scores)),
    ("ZRANGEBYSCORE", Command(range_by)),
    ("ZREVRANGEBYSCORE", Command(range_by)),
    ("ZRANGEBYLEX", Command(range_by)),
    ("ZREVRANGEBYLEX", Command(range_by)),
    ("ZSCAN", Command(scan_of_key)),
    // Streams.
    ("XLEN", Command(one)),
    ("XRANGE", Command(stream_range)),
    ("XREVRANGE", Command(stream_range)),
    ("XPENDING", Command(pending)),
    (
        "XINFO",
        Subcommands(&[("STREAM", stream_info), ("GROUPS", one), ("CONSUMERS", two)]),
    ),
];

/// What `CONFIG GET` may ask for, by full name: a pattern such as `*` or `re*` would answer with passwords.
const CONFIG_PARAMETERS: &[&str] = &[
    "activedefrag",
    "appendfsync",
    "appendonly",
    "client-output-buffer-limit",
    "cluster-enabled",
    "cluster-node-timeout",
    "cluster-require-full-coverage",
    "databases",
    "hz",
    "io-threads",
    "latency-monitor-threshold",
    "lazyfree-lazy-eviction",
    "lazyfree-lazy-expire",
    "maxclients",
    "maxmemory",
    "maxmemory-clients",
    "maxmemory-eviction-tenacity",
    "maxmemory-policy",
    "maxmemory-samples",
    "min-replicas-max-lag",
    "min-replicas-to-write",
    "notify-keyspace-events",
    "repl-backlog-size",
    "repl-timeout",
    "save",
    "slowlog-log-slower-than",
    "slowlog-max-len",
    "stop-writes-on-bgsave-error",
    "tcp-keepalive",
    "timeout",
];

/// Whether `command`, its name first, may be sent.
pub fn decide(command: &[Vec<u8>]) -> Result<(), Refusal> {
    let Some((name, arguments)) = command.split_first() else {
        return Err(Refusal {
            command: String::new(),
            why: "it is empty",
        });
    };
    if arguments.len() > ARGUMENTS_MAX {
        return Err(refusal(&[name], "it has more than 1024 arguments"));
    }
    match ENTRIES.iter().find(|(known, _)| is(name, known)) {
        None => Err(refusal(&[name], refused::why(name))),
        Some((_, Command(rule))) => rule(Arguments(arguments)).map_err(|why| refusal(&[name], why)),
        Some((_, Subcommands(known))) => subcommand(name, arguments, known),
    }
}

fn subcommand(name: &[u8], arguments: &[Vec<u8>], known: &[(&str, Rule)]) -> Result<(), Refusal> {
    let Some((second, arguments)) = arguments.split_first() else {
        return Err(refusal(&[name], "its subcommand is missing"));
    };
    match known.iter().find(|(word, _)| is(second, word)) {
        None => Err(refusal(&[name, second], refused::UNKNOWN)),
        Some((_, rule)) => rule(Arguments(arguments)).map_err(|why| refusal(&[name, second], why)),
    }
}

/// Of a command with these words.
pub(super) fn refusal(words: &[&[u8]], why: &'static str) -> Refusal {
    let shown: Vec<String> = words.iter().map(|word| shown(word)).collect();
    Refusal {
        command: shown.join(" "),
        why,
    }
}

/// A name as people may read it, whatever bytes it has.
fn shown(word: &[u8]) -> String {
    let short = &word[..word.len().min(NAME_SHOWN_MAX)];
    short.to_ascii_uppercase().escape_ascii().to_string()
}

fn nothing(arguments: Arguments<'_>) -> Result<(), Why> {
    arguments.end()
}

#[expect(clippy::unnecessary_wraps, reason = "it stands in the table of rules")]
fn anything(_: Arguments<'_>) -> Result<(), Why> {
    Ok(())
}

fn at_most_one(mut arguments: Arguments<'_>) -> Result<(), Why> {
    if !arguments.is_empty() {
        arguments.next()?;
    }
    arguments.end()
}

fn some(mut arguments: Arguments<'_>) -> Result<(), Why> {
    arguments.rest().map(|_| ())
}

fn one(arguments: Arguments<'_>) -> Result<(), Why> {
    exactly(1, arguments)
}

fn two(arguments: Arguments<'_>) -> Result<(), Why> {
    exactly(2, arguments)
}

fn three(arguments: Arguments<'_>) -> Result<(), Why> {
    exactly(3, arguments)
}

fn exactly(count: usize, mut arguments: Arguments<'_>) -> Result<(), Why> {
    for _ in 0..count {
        arguments.next()?;
    }
    arguments.end()
}

fn key_and_some(mut arguments: Arguments<'_>) -> Result<(), Why> {
    arguments.next()?;
    some(arguments)
}

/// `SLOWLOG GET`: with their arguments, which on older servers include passwords.
fn others_commands(_: Arguments<'_>) -> Result<(), Why> {
    Err(refused::OTHERS)
}

fn config(mut arguments: Arguments<'_>) -> Result<(), Why> {
    let harmless = |wanted: &Vec<u8>| CONFIG_PARAMETERS.iter().any(|known| is(wanted, known));
    if arguments.rest()?.iter().all(harmless) {
        Ok(())
    } else {
        Err("it asks for a parameter that is not known to be harmless; patterns are not permitted")
    }
}

/// `key [SAMPLES count]`; a count of 0 would look at every element.
fn memory_usage(mut arguments: Arguments<'_>) -> Result<(), Why> {
    arguments.next()?;
    if arguments.word("SAMPLES") {
        arguments.count()?;
    }
    arguments.end()
}

/// `[TYPE type]`.
fn client_list(mut arguments: Arguments<'_>) -> Result<(), Why> {
    if arguments.word("TYPE") {
        arguments.next()?;
    }
    arguments.end()
}

/// `cursor [MATCH pattern] [COUNT count] [TYPE type] [NOVALUES]`, in any order.
fn scan(mut arguments: Arguments<'_>) -> Result<(), Why> {
    arguments.next()?;
    while !arguments.is_empty() {
        if arguments.word("COUNT") {
            arguments.count()?;
        } else if arguments.word("MATCH") {
            arguments.pattern()?;
        } else if arguments.word("TYPE") {
            arguments.next()?;
        } else if !arguments.word("NOVALUES") {
            return arguments.end();
        }
    }
    Ok(())
}

fn scan_of_key(mut arguments: Arguments<'_>) -> Result<(), Why> {
    arguments.next()?;
    scan(arguments)
}

/// `key first last`.
fn range(mut arguments: Arguments<'_>) -> Result<(), Why> {
    arguments.next()?;
    arguments.window()?;
    arguments.end()
}

fn range_with_scores(mut arguments: Arguments<'_>) -> Result<(), Why> {
    arguments.next()?;
    arguments.window()?;
    arguments.word("WITHSCORES");
    arguments.end()
}

/// `key from to [WITHSCORES] LIMIT offset count`, in any order.
fn range_by(mut arguments: Arguments<'_>) -> Result<(), Why> {
    arguments.next()?;
    arguments.next()?;
    arguments.next()?;
    let mut limited = false;
    while !arguments.is_empty() {
        if arguments.word("LIMIT") {
            arguments.limit()?;
            limited = true;
        } else if !arguments.word("WITHSCORES") {
            return arguments.end();
        }
    }
    if limited { Ok(()) } else { Err(UNLIMITED) }
}

/// `key from to [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`, in any order; without `BYSCORE` or `BYLEX` by index.
fn sorted_range(mut arguments: Arguments<'_>) -> Result<(), Why> {
    arguments.next()?;
    let mut by_index = arguments;
    arguments.next()?;
    arguments.next()?;
    let (mut by_index_alone, mut limited) = (true, false);
    while !arguments.is_empty() {
        if arguments.word("BYSCORE") || arguments.word("BYLEX") {
            by_index_alone = false;
        } else if arguments.word("LIMIT") {
            arguments.limit()?;
            limited = true;
        } else if !(arguments.word("REV") || arguments.word("WITHSCORES")) {
            return arguments.end();
        }
    }
    match (by_index_alone, limited) {
        (true, _) => by_index.window(),
        (false, true) => Ok(()),
        (false, false) => Err(UNLIMITED),
    }
}

/// Of a range whose length nobody knows.
const UNLIMITED: Why = "it needs `LIMIT offset count`";

/// `key from to COUNT count`.
fn stream_range(mut arguments: Arguments<'_>) -> Result<(), Why> {
    arguments.next()?;
    arguments.next()?;
    arguments.next()?;
    if !arguments.word("COUNT") {
        return Err("it needs `COUNT count`");
    }
    arguments.count()?;
    arguments.end()
}

/// `key group [[IDLE milliseconds] from to count [consumer]]`.
fn pending(mut arguments: Arguments<'_>) -> Result<(), Why> {
    arguments.next()?;
    arguments.next()?;
    if arguments.is_empty() {
        return Ok(());
    }
    if arguments.word("IDLE") {
        arguments.integer()?;
    }
    arguments.next()?;
    arguments.next()?;
    arguments.count()?;
    at_most_one(arguments)
}

/// `key [FULL [COUNT count]]`; a count of 0 would answer with all of it.
fn stream_info(mut arguments: Arguments<'_>) -> Result<(), Why> {
    arguments.next()?;
    if arguments.word("FULL") && arguments.word("COUNT") {
        arguments.count()?;
    }
    arguments.end()
}

#[cfg(test)]
#[path = "allow_tests.rs"]
mod tests;
