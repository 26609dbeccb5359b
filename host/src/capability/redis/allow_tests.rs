use super::*;

/// Words of a command; `\0` and the like are not needed here.
fn command(text: &str) -> Vec<Vec<u8>> {
    text.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

#[track_caller]
fn sent(texts: &[&str]) {
    for text in texts {
        assert_eq!(decide(&command(text)), Ok(()), "{text}");
    }
}

#[track_caller]
fn refused(texts: &[&str]) {
    for text in texts {
        assert!(decide(&command(text)).is_err(), "{text} was permitted");
    }
}

#[track_caller]
fn why(text: &str) -> String {
    decide(&command(text)).expect_err(text).to_string()
}

#[test]
fn what_queue_checks_need_is_sent_in_either_case() {
    sent(&[
        "PING",
        "ping hello",
        "Info",
        "info server memory",
        "LLEN q",
        "lrange q -1 -1",
        "lindex q -1",
        "SCARD s",
        "SMEMBERS s",
        "sscan s 0 count 1000",
        "SCAN 0 MATCH bull:* COUNT 100 TYPE list",
        "ZCARD z",
        "ZCOUNT z -inf +inf",
        "ZRANGE z 0 0 WITHSCORES",
        "zrange z 0 1 rev withscores",
        "ZRANGE z 0 1 WITHSCORES REV",
        "ZRANGE z -inf +inf WITHSCORES LIMIT 0 1 REV BYSCORE",
        "ZRANGE z -inf +inf BYSCORE LIMIT 0 1 WITHSCORES",
        "ZRANGE z +inf -inf BYSCORE REV LIMIT 0 1",
        "ZRANGEBYSCORE z -inf +inf LIMIT 0 1",
        "ZRANGEBYSCORE z -inf +inf WITHSCORES LIMIT 0 1",
        "HGET h f",
        "HMGET h f g",
        "HLEN h",
        "HGETALL h",
        "HSCAN h 0 NOVALUES",
        "EXISTS a b",
        "GET k",
        "MGET a b",
        "STRLEN k",
        "TTL k",
        "TYPE k",
        "OBJECT ENCODING k",
        "object freq k",
        "OBJECT IDLETIME k",
        "MEMORY USAGE k",
        "MEMORY USAGE k SAMPLES 5",
        "XLEN s",
        "XINFO STREAM s",
        "XINFO STREAM s FULL COUNT 10",
        "XINFO GROUPS s",
        "XINFO CONSUMERS s g",
        "XPENDING s g",
        "XPENDING s g IDLE 9000 - + 10 consumer",
        "XRANGE s - + COUNT 1",
        "XREVRANGE s + - count 1",
        "TIME",
        "DBSIZE",
        "LATENCY LATEST",
        "LATENCY HISTORY command",
        "SLOWLOG LEN",
        "CLIENT LIST",
        "CLIENT LIST TYPE normal",
        "ACL WHOAMI",
        "CLUSTER INFO",
        "CLUSTER NODES",
        "PUBSUB NUMSUB a b",
        "CONFIG GET maxmemory-policy",
        "config get MaxMemory maxclients",
        "SENTINEL MASTERS",
    ]);
}

#[test]
fn config_get_never_answers_with_a_password() {
    refused(&[
        "CONFIG GET requirepass",
        "CONFIG GET REQUIREPASS",
        "CONFIG GET masterauth",
        "CONFIG GET masteruser",
        "CONFIG GET primaryauth",
        "CONFIG GET tls-key-file-pass",
        "CONFIG GET aclfile",
        "CONFIG GET *",
        "CONFIG GET re*",
        "CONFIG GET r?quirepass",
        "CONFIG GET [r]equirepass",
        "CONFIG GET max*",
        "CONFIG GET maxmemory requirepass",
        "CONFIG GET maxmemory *",
        "CONFIG GET",
    ]);
}

#[test]
fn config_is_never_changed() {
    refused(&["CONFIG SET maxmemory 1", "CONFIG REWRITE", "CONFIG RESETSTAT", "CONFIG"]);
}

#[test]
fn the_database_is_not_changed() {
    assert!(why("SELECT 1").contains("belongs to the host"));
    refused(&["SWAPDB 0 1", "MOVE k 1"]);
}

#[test]
fn nothing_waits() {
    assert!(why("XREAD BLOCK 0 STREAMS s $").contains("XRANGE"));
    refused(&[
        "XREADGROUP GROUP g c BLOCK 0 STREAMS s >",
        "BLPOP q 0",
        "BRPOP q 0",
        "BLMOVE a b LEFT RIGHT 0",
        "BZPOPMIN z 0",
        "WAIT 1 0",
        "WAITAOF 1 0 0",
        "CLIENT PAUSE 1000",
        "CLIENT REPLY OFF",
        "SUBSCRIBE c",
        "DEBUG SLEEP 10",
    ]);
}

#[test]
fn no_script_is_run() {
    refused(&[
        "EVAL return 0",
        "eval_ro x 0",
        "EVALSHA x 0",
        "FCALL f 0",
        "FCALL_RO f 0",
        "SCRIPT LOAD x",
        "FUNCTION LOAD x",
    ]);
}

#[test]
fn sort_is_refused_with_and_without_store() {
    refused(&["SORT k STORE other", "SORT k", "SORT_RO k BY w_* GET secret_*"]);
}

#[test]
fn reads_that_write_are_refused() {
    refused(&[
        "GETEX k PERSIST",
        "GETDEL k",
        "GETSET k v",
        "PFCOUNT k",
        "TOUCH k",
        "BITFIELD k INCRBY u8 0 1",
        "SPOP s",
        "ZPOPMIN z",
        "LPOP q",
        "GEORADIUS g 0 0 1 m STORE d",
        "XAUTOCLAIM s g c 0 0",
    ]);
}

#[test]
fn keys_is_refused_and_scan_is_named_instead() {
    assert!(why("keys *").contains("SCAN"));
}

#[test]
fn other_clients_are_not_overheard() {
    assert!(why("MONITOR").contains("other clients"));
    assert!(why("SLOWLOG GET 10").contains("other clients"));
    refused(&[
        "MODULE LIST",
        "ACL LIST",
        "ACL GETUSER default",
        "ACL LOG",
        "PUBSUB CHANNELS",
    ]);
}

#[test]
fn the_server_and_its_clients_are_left_alone() {
    refused(&[
        "CLIENT KILL ID 3",
        "CLIENT SETNAME x",
        "CLIENT NO-EVICT on",
        "SHUTDOWN",
        "FLUSHALL",
        "REPLICAOF no one",
        "LATENCY RESET",
        "SLOWLOG RESET",
        "MEMORY PURGE",
        "CLUSTER FAILOVER",
        "CLUSTER RESET HARD",
        "SENTINEL FAILOVER m",
        "SENTINEL SET m quorum 1",
        "DEBUG OBJECT k",
    ]);
}

#[test]
fn ranges_without_a_bound_are_refused() {
    assert!(why("LRANGE q 0 -1").contains("same side"));
    refused(&[
        "LRANGE q 0 1000",
        "ZRANGE z 0 -1",
        "ZREVRANGE z 0 -1 WITHSCORES",
        "ZRANGEBYSCORE z -inf +inf",
        "ZRANGEBYSCORE z -inf +inf LIMIT 0 -1",
        "ZRANGEBYSCORE z -inf +inf LIMIT 0 1001",
        "ZRANGEBYSCORE z -inf +inf LIMIT 100000 1",
        "ZRANGE z -inf +inf BYSCORE",
        "ZRANGE z 0 5 BYLEX",
        "ZRANGE z 0 -1 LIMIT 0 1",
        "XRANGE s - +",
        "XRANGE s - + COUNT 1001",
        "XRANGE s - + COUNT 0",
        "XPENDING s g - + 100000",
        "XINFO STREAM s FULL COUNT 0",
        "SCAN 0 COUNT 100000",
        "HSCAN h 0 COUNT 0",
        "MEMORY USAGE k SAMPLES 0",
    ]);
}

#[test]
fn a_pattern_that_old_servers_never_finish_is_refused() {
    sent(&["SCAN 0 MATCH *:{*}:*:* COUNT 100"]);
    assert!(why("SCAN 0 MATCH *a*a*a*a*b").contains("4 `*` at most"));
    refused(&["SSCAN s 0 COUNT 10 MATCH *****", "HSCAN h 0 MATCH a*b*c*d*e*"]);
}

#[test]
fn an_argument_that_no_rule_knows_is_refused() {
    refused(&[
        "GET a b",
        "LLEN",
        "LRANGE q 0 1 STORE",
        "ZRANGE z 0 1 STORE d",
        "SCAN 0 FROB 1",
        "SCAN",
        "MEMORY USAGE",
        "XRANGE s - + COUNT 1 EXTRA",
        "CLIENT LIST ID 1",
    ]);
}

#[test]
fn a_name_is_compared_as_bytes_and_whole() {
    for name in [
        &b"GET\0"[..],
        b" GET",
        b"GET ",
        b"G\xcbT",
        "ＧＥＴ".as_bytes(),
        b"",
        b"GET\r\nFLUSHALL",
    ] {
        assert!(decide(&[name.to_vec(), b"k".to_vec()]).is_err(), "{name:?}");
    }
    assert!(decide(&[]).is_err());
}

#[test]
fn a_refusal_names_the_command_without_its_arguments_and_why() {
    assert_eq!(
        why("config get requirepass"),
        "`CONFIG GET` was not sent: it asks for a parameter that is not known to be harmless; patterns are not permitted"
    );
    assert_eq!(why("getdel session:42"), "`GETDEL` was not sent: it writes, or can");
    assert!(why("JSON.GET k").contains("known only to read"));
    let odd = decide(&[b"\x1b[31m\xff".to_vec()]).unwrap_err().to_string();
    assert!(odd.is_ascii() && !odd.contains('\x1b'), "{odd:?}");
    let long = decide(&[vec![b'a'; 100_000]]).unwrap_err().to_string();
    assert!(long.len() < 200, "{}", long.len());
}

#[test]
fn too_many_arguments_are_refused() {
    let mut many = command("MGET");
    many.extend((0..ARGUMENTS_MAX).map(|at| at.to_string().into_bytes()));
    assert_eq!(decide(&many), Ok(()));
    many.push(b"one more".to_vec());
    assert!(decide(&many).is_err());
}

#[test]
fn no_command_is_both_permitted_and_explained_away() {
    for (name, _) in ENTRIES {
        assert_eq!(refused::why(name.as_bytes()), refused::UNKNOWN, "{name}");
    }
}
