//! Why a command that is not on the list is not on it. For messages only: nothing is permitted by standing here or not.

use super::arguments::is;

/// Of a command nobody looked at.
pub(super) const UNKNOWN: &str = "it is not among the commands that are known only to read";
/// Of what shows the commands of other clients.
pub(super) const OTHERS: &str = "it shows what other clients send, passwords included";

const WRITES: &str = "it writes, or can";
const BLOCKS: &str = "it waits, or can; XRANGE with COUNT reads a stream without waiting";
const SCRIPTS: &str = "it runs a script, which can do anything";
const SESSION: &str = "it changes the connection, which belongs to the host";
const ADMINISTERS: &str = "it administers the server";
const COSTLY: &str = "it keeps the server busy for as long as there are keys; SCAN asks piece by piece";

const REASONS: &[(&str, &[&str])] = &[
    (COSTLY, &["KEYS"]),
    (OTHERS, &["MONITOR"]),
    (
        BLOCKS,
        &[
            "BLPOP",
            "BRPOP",
            "BLMOVE",
            "BLMPOP",
            "BRPOPLPUSH",
            "BZPOPMIN",
            "BZPOPMAX",
            "BZMPOP",
            "WAIT",
            "WAITAOF",
            "XREAD",
            "XREADGROUP",
        ],
    ),
    (
        SCRIPTS,
        &[
            "EVAL",
            "EVALSHA",
            "EVAL_RO",
            "EVALSHA_RO",
            "FCALL",
            "FCALL_RO",
            "SCRIPT",
            "FUNCTION",
        ],
    ),
    (
        SESSION,
        &[
            "AUTH",
            "HELLO",
            "SELECT",
            "RESET",
            "QUIT",
            "READONLY",
            "READWRITE",
            "ASKING",
            "MULTI",
            "EXEC",
            "DISCARD",
            "WATCH",
            "UNWATCH",
            "SUBSCRIBE",
            "PSUBSCRIBE",
            "SSUBSCRIBE",
            "UNSUBSCRIBE",
            "PUNSUBSCRIBE",
            "SUNSUBSCRIBE",
        ],
    ),
    (
        ADMINISTERS,
        &[
            "DEBUG",
            "SHUTDOWN",
            "SAVE",
            "BGSAVE",
            "BGREWRITEAOF",
            "REPLICAOF",
            "SLAVEOF",
            "FAILOVER",
            "MODULE",
            "SWAPDB",
            "SYNC",
            "PSYNC",
            "REPLCONF",
            "MIGRATE",
            "RESTORE",
            "FLUSHALL",
            "FLUSHDB",
        ],
    ),
    (
        WRITES,
        &[
            "SORT",
            "GETEX",
            "GETDEL",
            "GETSET",
            "PFCOUNT",
            "BITFIELD",
            "GEORADIUS",
            "GEORADIUSBYMEMBER",
            "SET",
            "SETEX",
            "SETNX",
            "MSET",
            "APPEND",
            "INCR",
            "DECR",
            "INCRBY",
            "DECRBY",
            "DEL",
            "UNLINK",
            "RENAME",
            "EXPIRE",
            "PERSIST",
            "COPY",
            "MOVE",
            "TOUCH",
            "LPUSH",
            "RPUSH",
            "LPOP",
            "RPOP",
            "LREM",
            "LSET",
            "LTRIM",
            "LMOVE",
            "RPOPLPUSH",
            "SADD",
            "SREM",
            "SPOP",
            "SMOVE",
            "HSET",
            "HMSET",
            "HDEL",
            "HINCRBY",
            "ZADD",
            "ZREM",
            "ZINCRBY",
            "ZPOPMIN",
            "ZPOPMAX",
            "ZRANGESTORE",
            "XADD",
            "XDEL",
            "XTRIM",
            "XACK",
            "XGROUP",
            "XCLAIM",
            "XAUTOCLAIM",
            "XSETID",
            "PFADD",
            "PFMERGE",
            "PUBLISH",
            "SPUBLISH",
        ],
    ),
];

/// Why `name` is refused.
pub(super) fn why(name: &[u8]) -> &'static str {
    let known = REASONS
        .iter()
        .find(|(_, names)| names.iter().any(|known| is(name, known)));
    known.map_or(UNKNOWN, |(why, _)| why)
}
