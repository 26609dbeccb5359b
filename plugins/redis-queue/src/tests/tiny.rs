//! A tiny Redis in memory: the commands that the plugin sends, with the answers that Redis 7 gives to them.
//!
//! Flows in: data, put in as a library would, and commands. Flows out: replies as the host hands them over. It knows no
//! expiry but what is told, and refuses what it does not know, as Redis refuses what an ACL does not permit.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bellwether_sdk::redis::Node;

use super::limits;

/// Entries, by id, and groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct TinyStream {
    /// Milliseconds and sequence.
    pub(crate) entries: BTreeSet<(u64, u64)>,
    pub(crate) groups: Vec<TinyGroup>,
}

/// A consumer group.
#[derive(Clone, Debug, Default)]
pub(crate) struct TinyGroup {
    pub(crate) name: &'static str,
    pub(crate) last_delivered: (u64, u64),
    pub(crate) lag: Option<i64>,
    /// Id, milliseconds since it was delivered, deliveries; oldest first.
    pub(crate) pending: Vec<((u64, u64), i64, i64)>,
    /// Name, pending entries, idle milliseconds.
    pub(crate) consumers: Vec<(&'static str, i64, i64)>,
}

#[derive(Clone, Debug)]
enum Value {
    Text(String),
    List(VecDeque<String>),
    Set(BTreeSet<String>),
    Hash(BTreeMap<String, String>),
    Sorted(Vec<(f64, String)>),
    Stream(TinyStream),
}

/// The server.
#[derive(Debug, Default)]
pub(crate) struct Tiny {
    keys: BTreeMap<String, Value>,
    expiries: BTreeMap<String, i64>,
    refused: Vec<String>,
    /// Lines of `INFO`.
    pub(crate) info: String,
    /// Names of connections, each to database 0 unless ` db=N` follows.
    pub(crate) clients: Vec<String>,
    /// Keys that one page of `SCAN` looks at; 0: all.
    pub(crate) scan_page: usize,
    /// All commands that were sent.
    pub(crate) sent: Vec<Vec<String>>,
    /// Elements of all replies.
    pub(crate) answered: usize,
}

fn bulk(text: &str) -> Node {
    Node::Bulk(text.as_bytes().to_vec())
}

fn integer(number: usize) -> Vec<Node> {
    vec![Node::Integer(i64::try_from(number).expect("small"))]
}

fn array(texts: impl IntoIterator<Item = String>) -> Vec<Node> {
    let items: Vec<Node> = texts.into_iter().map(|text| bulk(&text)).collect();
    let length = u32::try_from(items.len()).expect("small");
    std::iter::once(Node::Array(length)).chain(items).collect()
}

fn optional(text: Option<&String>) -> Vec<Node> {
    vec![text.map_or(Node::Nil, |text| bulk(text))]
}

fn optionals<'t>(texts: impl ExactSizeIterator<Item = Option<&'t String>>) -> Vec<Node> {
    let length = u32::try_from(texts.len()).expect("small");
    let items = texts.map(|text| text.map_or(Node::Nil, |text| bulk(text)));
    std::iter::once(Node::Array(length)).chain(items).collect()
}

fn id(text: (u64, u64)) -> String {
    format!("{}-{}", text.0, text.1)
}

/// As `LRANGE` reads them: negative ones from the end.
fn window(first: &str, last: &str, length: usize) -> std::ops::Range<usize> {
    let at = |index: &str| {
        let index: i64 = index.parse().expect("an index");
        let length = i64::try_from(length).expect("small");
        if index < 0 {
            (index + length).max(-1)
        } else {
            index.min(length)
        }
    };
    let (first, last) = (at(first).max(0), at(last) + 1);
    let bound = |index: i64| usize::try_from(index.max(0)).expect("not negative").min(length);
    bound(first)..bound(last).max(bound(first))
}

/// A bound of `ZCOUNT`.
fn within(score: f64, minimum: &str, maximum: &str) -> bool {
    let bound = |text: &str| match text.strip_prefix('(') {
        Some(rest) => (rest.parse::<f64>().expect("a bound"), true),
        None => (text.parse::<f64>().expect("a bound"), false),
    };
    let ((low, above), (high, below)) = (bound(minimum), bound(maximum));
    (score > low || (score == low && !above)) && (score < high || (score == high && !below))
}

/// `*` is any text, and `\` takes its meaning from what follows.
fn matches(pattern: &str, text: &str) -> bool {
    let plain = pattern.replace('\\', "");
    let (before, after) = plain.split_once('*').expect("one star");
    text.len() >= before.len() + after.len() && text.starts_with(before) && text.ends_with(after)
}

impl Tiny {
    // ---- what libraries put in ----

    pub(crate) fn set(&mut self, key: &str, text: &str) {
        self.keys.insert(key.to_owned(), Value::Text(text.to_owned()));
    }

    pub(crate) fn set_expiring(&mut self, key: &str, text: &str, milliseconds: i64) {
        self.set(key, text);
        self.expiries.insert(key.to_owned(), milliseconds);
    }

    fn list(&mut self, key: &str) -> &mut VecDeque<String> {
        let value = self
            .keys
            .entry(key.to_owned())
            .or_insert_with(|| Value::List(VecDeque::new()));
        let Value::List(list) = value else {
            panic!("{key} is no list")
        };
        list
    }

    pub(crate) fn lpush(&mut self, key: &str, element: impl Into<String>) {
        self.list(key).push_front(element.into());
    }

    pub(crate) fn rpush(&mut self, key: &str, element: impl Into<String>) {
        self.list(key).push_back(element.into());
    }

    pub(crate) fn sadd(&mut self, key: &str, members: &[&str]) {
        let value = self
            .keys
            .entry(key.to_owned())
            .or_insert_with(|| Value::Set(BTreeSet::new()));
        let Value::Set(set) = value else {
            panic!("{key} is no set")
        };
        set.extend(members.iter().map(ToString::to_string));
    }

    pub(crate) fn srem(&mut self, key: &str, member: &str) {
        let Some(Value::Set(set)) = self.keys.get_mut(key) else {
            panic!("{key} is no set")
        };
        set.remove(member);
    }

    pub(crate) fn hset(&mut self, key: &str, fields: &[(&str, &str)]) {
        let value = self
            .keys
            .entry(key.to_owned())
            .or_insert_with(|| Value::Hash(BTreeMap::new()));
        let Value::Hash(hash) = value else {
            panic!("{key} is no hash")
        };
        hash.extend(
            fields
                .iter()
                .map(|(field, value)| (field.to_string(), value.to_string())),
        );
    }

    pub(crate) fn zadd(&mut self, key: &str, score: f64, member: impl Into<String>) {
        let value = self
            .keys
            .entry(key.to_owned())
            .or_insert_with(|| Value::Sorted(Vec::new()));
        let Value::Sorted(set) = value else {
            panic!("{key} is no sorted set")
        };
        let at = set.partition_point(|(known, _)| *known <= score);
        set.insert(at, (score, member.into()));
    }

    pub(crate) fn stream(&mut self, key: &str, stream: TinyStream) {
        self.keys.insert(key.to_owned(), Value::Stream(stream));
    }

    pub(crate) fn delete(&mut self, key: &str) {
        self.keys.remove(key);
    }

    /// From now on, an ACL user without this command; its first word, or its first two.
    pub(crate) fn refuse(&mut self, command: &str) {
        self.refused.push(command.to_owned());
    }

    // ---- what the plugin asks ----

    pub(crate) fn answer(&mut self, words: &[String]) -> Vec<Node> {
        self.sent.push(words.to_vec());
        let command = words[..words.len().min(2)].join(" ");
        if self
            .refused
            .iter()
            .any(|refused| command == *refused || words[0] == *refused)
        {
            let message = format!(
                "NOPERM User monitor has no permissions to run the '{}' command",
                words[0]
            );
            return vec![Node::Error(message)];
        }
        let reply = match limits::refusal(words, self.size(words)) {
            Some(refusal) => vec![Node::Error(refusal)],
            None => self.read(words),
        };
        self.answered += reply.len();
        reply
    }

    /// Elements of the collection that a command names.
    fn size(&self, words: &[String]) -> usize {
        match words.get(1).and_then(|key| self.keys.get(key)) {
            Some(Value::Set(set)) => set.len(),
            Some(Value::Hash(hash)) => hash.len(),
            Some(Value::Text(_) | Value::List(_) | Value::Sorted(_) | Value::Stream(_)) | None => 0,
        }
    }

    fn read(&self, words: &[String]) -> Vec<Node> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["INFO"] => vec![bulk(&self.info)],
            ["CLIENT", "LIST", "TYPE", "NORMAL"] => vec![bulk(&self.client_list())],
            ["SCAN", cursor, "MATCH", pattern, "COUNT", _] => self.scan(cursor, pattern),
            ["EXISTS", key] => integer(usize::from(self.keys.contains_key(key))),
            ["PTTL", key] => vec![Node::Integer(match self.keys.get(key) {
                None => -2,
                Some(_) => self.expiries.get(key).copied().unwrap_or(-1),
            })],
            ["MGET", ref keys @ ..] => self.mget(keys),
            [command, key, ref rest @ ..] if command != "XINFO" => self.of_key(command, key, rest),
            ["XINFO", "GROUPS", key] => self.on_stream(key, groups),
            ["XINFO", "CONSUMERS", key, group] => self.on_stream(key, |stream| consumers(stream, group)),
            _ => panic!("the tiny Redis does not know {words:?}"),
        }
    }

    fn of_key(&self, command: &str, key: &str, rest: &[&str]) -> Vec<Node> {
        let reply = match self.keys.get(key) {
            None => nothing(command, rest),
            Some(Value::Text(text)) => of_text(text, command),
            Some(Value::List(list)) => of_list(list, command, rest),
            Some(Value::Set(set)) => of_set(set, command, rest),
            Some(Value::Hash(hash)) => of_hash(hash, command, rest),
            Some(Value::Sorted(set)) => of_sorted(set, command, rest),
            Some(Value::Stream(stream)) => of_stream(stream, command, rest),
        };
        let wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
        reply.unwrap_or_else(|| vec![Node::Error(wrong.to_owned())])
    }

    fn on_stream(&self, key: &str, read: impl Fn(&TinyStream) -> Vec<Node>) -> Vec<Node> {
        match self.keys.get(key) {
            Some(Value::Stream(stream)) => read(stream),
            Some(_) => vec![Node::Error(
                "WRONGTYPE Operation against a key holding the wrong kind of value".into(),
            )],
            None => vec![Node::Error("ERR no such key".into())],
        }
    }

    fn mget(&self, keys: &[&str]) -> Vec<Node> {
        let mut reply = vec![Node::Array(u32::try_from(keys.len()).expect("small"))];
        reply.extend(keys.iter().map(|key| match self.keys.get(*key) {
            Some(Value::Text(text)) => bulk(text),
            Some(_) | None => Node::Nil,
        }));
        reply
    }

    fn client_list(&self) -> String {
        let lines = self.clients.iter().enumerate();
        lines
            .map(|(id, client)| {
                let (name, database) = client.split_once(" db=").unwrap_or((client, "0"));
                format!("id={id} addr=127.0.0.1:5 laddr=127.0.0.1:6 fd=8 name={name} age=5 idle=0 flags=N db={database} sub=0\n")
            })
            .collect()
    }

    /// The cursor is the number of keys that were looked at.
    fn scan(&self, cursor: &str, pattern: &str) -> Vec<Node> {
        let from: usize = cursor.parse().expect("a cursor");
        let page = if self.scan_page == 0 {
            self.keys.len()
        } else {
            self.scan_page
        };
        let next = if from + page < self.keys.len() { from + page } else { 0 };
        let looked_at = self.keys.keys().skip(from).take(page);
        let found = looked_at.filter(|key| matches(pattern, key)).cloned();
        [Node::Array(2), bulk(&next.to_string())]
            .into_iter()
            .chain(array(found))
            .collect()
    }
}

/// What commands say about a key that is not there.
fn nothing(command: &str, rest: &[&str]) -> Option<Vec<Node>> {
    match command {
        "GET" | "LINDEX" | "HGET" => Some(vec![Node::Nil]),
        "HMGET" => Some(optionals(rest.iter().map(|_| None))),
        "SSCAN" => Some(vec![Node::Array(2), bulk("0"), Node::Array(0)]),
        "LRANGE" | "SMEMBERS" | "HGETALL" | "ZRANGE" | "ZRANGEBYSCORE" | "XRANGE" => Some(vec![Node::Array(0)]),
        "XPENDING" => Some(vec![Node::Error("NOGROUP No such key".into())]),
        _ => Some(integer(0)),
    }
}

fn of_text(text: &str, command: &str) -> Option<Vec<Node>> {
    (command == "GET").then(|| vec![bulk(text)])
}

fn of_list(list: &VecDeque<String>, command: &str, rest: &[&str]) -> Option<Vec<Node>> {
    match (command, rest) {
        ("LLEN", []) => Some(integer(list.len())),
        ("LINDEX", [index]) => Some(optional(list.range(window(index, index, list.len())).next())),
        ("LRANGE", [first, last]) => Some(array(list.range(window(first, last, list.len())).cloned())),
        _ => None,
    }
}

fn of_set(set: &BTreeSet<String>, command: &str, rest: &[&str]) -> Option<Vec<Node>> {
    match (command, rest) {
        ("SISMEMBER", [member]) => Some(integer(usize::from(set.contains(*member)))),
        ("SMEMBERS", []) => Some(array(set.iter().cloned())),
        ("SSCAN", [cursor, "COUNT", count]) => Some(set_page(set, cursor, count)),
        _ => None,
    }
}

/// The cursor is the number of elements that were looked at.
fn set_page(set: &BTreeSet<String>, cursor: &str, count: &str) -> Vec<Node> {
    let (from, count): (usize, usize) = (cursor.parse().expect("a cursor"), count.parse().expect("a count"));
    let next = if from + count < set.len() { from + count } else { 0 };
    let found = set.iter().skip(from).take(count).cloned();
    [Node::Array(2), bulk(&next.to_string())]
        .into_iter()
        .chain(array(found))
        .collect()
}

fn of_hash(hash: &BTreeMap<String, String>, command: &str, rest: &[&str]) -> Option<Vec<Node>> {
    match (command, rest) {
        ("HGET", [field]) => Some(optional(hash.get(*field))),
        ("HEXISTS", [field]) => Some(integer(usize::from(hash.contains_key(*field)))),
        ("HLEN", []) => Some(integer(hash.len())),
        ("HGETALL", []) => Some(array(
            hash.iter().flat_map(|(field, value)| [field.clone(), value.clone()]),
        )),
        ("HMGET", fields) => Some(optionals(fields.iter().map(|field| hash.get(*field)))),
        _ => None,
    }
}

fn of_sorted(set: &[(f64, String)], command: &str, rest: &[&str]) -> Option<Vec<Node>> {
    let with_scores = |items: &[(f64, String)]| {
        array(
            items
                .iter()
                .flat_map(|(score, member)| [member.clone(), score.to_string()]),
        )
    };
    match (command, rest) {
        ("ZCARD", []) => Some(integer(set.len())),
        ("ZCOUNT", [minimum, maximum]) => Some(integer(
            set.iter().filter(|(score, _)| within(*score, minimum, maximum)).count(),
        )),
        ("ZRANGE", [first, last]) => Some(array(
            set[window(first, last, set.len())]
                .iter()
                .map(|(_, member)| member.clone()),
        )),
        ("ZRANGE", [first, last, "WITHSCORES"]) => Some(with_scores(&set[window(first, last, set.len())])),
        ("ZRANGEBYSCORE", [minimum, maximum, "WITHSCORES", "LIMIT", skipped, count]) => {
            let (skipped, count) = (skipped.parse().expect("a count"), count.parse().expect("a count"));
            let found: Vec<_> = set
                .iter()
                .filter(|(score, _)| within(*score, minimum, maximum))
                .skip(skipped)
                .take(count)
                .cloned()
                .collect();
            Some(with_scores(&found))
        }
        _ => None,
    }
}

fn of_stream(stream: &TinyStream, command: &str, rest: &[&str]) -> Option<Vec<Node>> {
    match (command, rest) {
        ("XLEN", []) => Some(integer(stream.entries.len())),
        ("XRANGE", [after, "+", "COUNT", count]) => {
            let (milliseconds, number) = after.strip_prefix('(')?.split_once('-')?;
            let after = (milliseconds.parse().ok()?, number.parse().ok()?);
            let entries: Vec<_> = stream
                .entries
                .iter()
                .filter(|id| **id > after)
                .take(count.parse().ok()?)
                .collect();
            let mut reply = vec![Node::Array(u32::try_from(entries.len()).ok()?)];
            for entry in entries {
                reply.extend([Node::Array(2), bulk(&id(*entry)), Node::Array(2), bulk("k"), bulk("v")]);
            }
            Some(reply)
        }
        ("XPENDING", [group, "-", "+", count]) => pending(stream, group, "0", count),
        ("XPENDING", [group, "IDLE", idle, "-", "+", count]) => pending(stream, group, idle, count),
        _ => None,
    }
}

fn pending(stream: &TinyStream, group: &str, idle: &str, count: &str) -> Option<Vec<Node>> {
    let least: i64 = idle.parse().ok()?;
    let group = stream.groups.iter().find(|known| known.name == group)?;
    let old_enough = group.pending.iter().filter(|(_, idle, _)| *idle >= least);
    let entries: Vec<_> = old_enough.take(count.parse().ok()?).collect();
    let mut reply = vec![Node::Array(u32::try_from(entries.len()).ok()?)];
    for (entry, idle, deliveries) in entries {
        let numbers = [Node::Integer(*idle), Node::Integer(*deliveries)];
        reply.extend(
            [Node::Array(4), bulk(&id(*entry)), bulk("c")]
                .into_iter()
                .chain(numbers),
        );
    }
    Some(reply)
}

fn groups(stream: &TinyStream) -> Vec<Node> {
    let mut reply = vec![Node::Array(u32::try_from(stream.groups.len()).expect("small"))];
    for group in &stream.groups {
        reply.extend([
            Node::Array(12),
            bulk("name"),
            bulk(group.name),
            bulk("consumers"),
            Node::Integer(i64::try_from(group.consumers.len()).expect("small")),
            bulk("pending"),
            Node::Integer(i64::try_from(group.pending.len()).expect("small")),
            bulk("last-delivered-id"),
            bulk(&id(group.last_delivered)),
            bulk("entries-read"),
            Node::Nil,
            bulk("lag"),
            group.lag.map_or(Node::Nil, Node::Integer),
        ]);
    }
    reply
}

fn consumers(stream: &TinyStream, group: &str) -> Vec<Node> {
    let group = stream
        .groups
        .iter()
        .find(|known| known.name == group)
        .expect("a known group");
    let mut reply = vec![Node::Array(u32::try_from(group.consumers.len()).expect("small"))];
    for (name, pending, idle) in &group.consumers {
        reply.extend([
            Node::Array(6),
            bulk("name"),
            bulk(name),
            bulk("pending"),
            Node::Integer(*pending),
            bulk("idle"),
            Node::Integer(*idle),
        ]);
    }
    reply
}
