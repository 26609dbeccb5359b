//! The capability `redis` against a real server: logging in, TLS, a socket, refusals in the middle of a pipeline, and
//! servers that are killed, stopped or slow.
//!
//! Needs: redis-server
//! Budget: 5 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it reads what they say from threads of its own"
)]

mod support {
    #![expect(dead_code, reason = "each test file uses a part of it")]
    pub(crate) mod certificates;
    pub(crate) mod database;
    pub(crate) mod server;
}

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bellwether::{
    capability::redis::{Answer, Command, Error, Node, Redis},
    config::Connection,
    secret::Secret,
};
use support::{
    certificates::certificates,
    database::{connection, tools, trusting, within},
    server::{PATIENCE, Server, command, free_port},
};

/// What the tests' user has for a password, and what may be seen nowhere.
const PASSWORD: &str = "canary-hunter22-canary";

/// A server with a user that may read, on a port, a socket and, with certificates, TLS.
struct Started {
    dir: tempfile::TempDir,
    server: Server,
    port: u16,
    tls_port: u16,
}

impl Started {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let made = certificates(dir.path(), &["localhost"]);
        let (port, tls_port) = (free_port(), free_port());
        let path = |file: &Path| file.display().to_string();
        let config = format!(
            "port {port}\nbind 127.0.0.1\ntls-port {tls_port}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\n\
             tls-auth-clients no\nunixsocket {}/redis.sock\nsave \"\"\nappendonly no\ndir {}\n\
             user default on nopass ~* &* +@all\n\
             user monitor on >{PASSWORD} %R~queue:* +@read +ping +select +hello +client|setname +info -get\n",
            path(&made.certificate),
            path(&made.key),
            path(&made.ca),
            dir.path().display(),
            dir.path().display(),
        );
        std::fs::write(dir.path().join("redis.conf"), config).expect("written");
        Self {
            server: Self::start(dir.path()),
            dir,
            port,
            tls_port,
        }
    }

    fn start(dir: &Path) -> Server {
        let mut redis = command("redis-server");
        redis.arg(dir.join("redis.conf"));
        Server::start(redis, "Ready to accept connections")
    }

    fn plain(&self) -> Connection {
        connection(&format!("redis://127.0.0.1:{}", self.port), None, None)
    }

    fn monitor(&self) -> Connection {
        let url = format!("redis://127.0.0.1:{}", self.port);
        connection(&url, Some("monitor"), Some(PASSWORD))
    }

    /// As an operator would, by another client.
    fn fill(&self, words: &[&str]) {
        let mut client = command("redis-cli");
        client
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(words);
        assert!(client.output().expect("redis-cli runs").status.success(), "{words:?}");
    }
}

fn commands(texts: &[&str]) -> Vec<Command> {
    let words = |text: &&str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    texts.iter().map(words).collect()
}

async fn ask(redis: &Redis, connection: &Connection, texts: &[&str]) -> Result<Answer, Error> {
    let connection = Arc::new(connection.clone());
    redis
        .pipeline(&"queues".into(), &connection, &commands(texts), within(PATIENCE))
        .await
}

fn client() -> Redis {
    Redis::new(tools().0)
}

fn error_of(reply: &[Node]) -> &str {
    match reply {
        [Node::Error(said)] => said,
        other => panic!("no error: {other:?}"),
    }
}

#[tokio::test]
async fn a_pipeline_is_answered_command_by_command_in_their_order() {
    let started = Started::new();
    started.fill(&["RPUSH", "queue:a", "one", "two"]);
    started.fill(&["HSET", "queue:h", "field", "value"]);
    let asked = [
        "PING",
        "LLEN queue:a",
        "LRANGE queue:a 0 9",
        "HGETALL queue:h",
        "GET queue:none",
    ];
    let answer = ask(&client(), &started.plain(), &asked).await.expect("an answer");
    let bulk = |text: &str| Node::Bulk(text.as_bytes().to_vec());
    assert_eq!(answer.replies[0], [Node::Simple("PONG".into())]);
    assert_eq!(answer.replies[1], [Node::Integer(2)]);
    assert_eq!(answer.replies[2], [Node::Array(2), bulk("one"), bulk("two")]);
    assert_eq!(answer.replies[3], [Node::Array(2), bulk("field"), bulk("value")]);
    assert_eq!(answer.replies[4], [Node::Nil]);
    assert_eq!(answer.info.address, format!("127.0.0.1:{}", started.port));
    let detail = |name: &str| {
        let found = answer.info.details.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!((detail("role"), detail("mode")), (Some("master"), Some("standalone")));
    assert!(detail("version").is_some_and(|version| version.contains('.')));
}

#[tokio::test]
async fn a_refused_command_fails_alone_whoever_refuses_it() {
    let started = Started::new();
    started.fill(&["RPUSH", "queue:a", "one"]);
    started.fill(&["RPUSH", "queue:b", "one"]);
    let asked = [
        "LLEN queue:a",
        "DEL queue:a",
        "GET queue:a",
        "LLEN secret:a",
        "HGET queue:a x",
        "LLEN queue:b",
    ];
    let answer = ask(&client(), &started.monitor(), &asked).await.expect("an answer");
    assert_eq!(answer.replies[0], [Node::Integer(1)]);
    assert!(error_of(&answer.replies[1]).starts_with("DENIED `DEL` was not sent"));
    assert!(error_of(&answer.replies[2]).starts_with("NOPERM"));
    assert!(error_of(&answer.replies[3]).starts_with("NOPERM"));
    assert!(error_of(&answer.replies[4]).starts_with("WRONGTYPE"));
    assert_eq!(answer.replies[5], [Node::Integer(1)]);
    assert_eq!(answer.refused.len(), 1);
}

/// Of a user that may do everything, so that nothing but the list stands in the way.
#[tokio::test]
async fn what_could_escape_the_list_never_reaches_the_server() {
    const ESCAPES: [&str; 26] = [
        "CONFIG GET requirepass",
        "config get *",
        "CONFIG GET maxmemory requirepass",
        "CONFIG SET maxmemory 1",
        "SELECT 1",
        "SWAPDB 0 1",
        "MULTI",
        "AUTH x",
        "HELLO 2",
        "XREAD BLOCK 0 STREAMS queue:a 0",
        "BLPOP queue:a 0",
        "WAIT 1 0",
        "CLIENT PAUSE 1000",
        "EVAL return 0",
        "FCALL f 0",
        "SCRIPT LOAD x",
        "SORT queue:a STORE queue:b",
        "SORT_RO queue:a",
        "GETEX queue:a PERSIST",
        "GETDEL queue:a",
        "KEYS *",
        "MONITOR",
        "SLOWLOG GET 10",
        "DEBUG SLEEP 1",
        "FLUSHALL",
        "SHUTDOWN",
    ];
    let started = Started::new();
    started.fill(&["RPUSH", "queue:a", "one"]);
    let redis = client();
    ask(&redis, &started.plain(), &["PING"]).await.expect("an answer");
    started.fill(&["CONFIG", "RESETSTAT"]);
    let asked: Vec<&str> = ESCAPES
        .into_iter()
        .chain(["INFO commandstats", "LLEN queue:a"])
        .collect();
    let answer = ask(&redis, &started.plain(), &asked).await.expect("an answer");
    for (escape, reply) in ESCAPES.iter().zip(&answer.replies) {
        assert!(error_of(reply).starts_with("DENIED "), "{escape}: {reply:?}");
    }
    assert_eq!(answer.refused.len(), ESCAPES.len());
    assert_eq!(answer.replies[ESCAPES.len() + 1], [Node::Integer(1)]);
    let [Node::Bulk(counted)] = &answer.replies[ESCAPES.len()][..] else {
        panic!("{:?}", answer.replies)
    };
    let counted = String::from_utf8_lossy(counted);
    let mut names: Vec<&str> = counted
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_"))
        .collect();
    for name in &mut names {
        *name = name.split(':').next().unwrap_or_default();
    }
    assert_eq!(
        names,
        ["config|resetstat"],
        "what the server was asked since, but for what asks it for that"
    );
}

#[tokio::test]
async fn a_wrong_password_is_an_authentication_error_without_the_password() {
    let started = Started::new();
    let url = format!("redis://127.0.0.1:{}", started.port);
    let wrong = connection(&url, Some("monitor"), Some("wrong-canary-wrong"));
    let Err(Error::Authentication(said)) = ask(&client(), &wrong, &["PING"]).await else {
        panic!("let in")
    };
    let wanted = format!("127.0.0.1:{} refused `AUTH`: WRONGPASS", started.port);
    assert!(said.starts_with(&wanted) && !said.contains("canary"), "{said}");
    started.fill(&["ACL", "SETUSER", "default", "resetpass", &format!(">{PASSWORD}")]);
    let missing = ask(&client(), &started.plain(), &["PING"]).await;
    assert!(
        matches!(&missing, Err(Error::Authentication(said)) if said.contains("asks for a password")),
        "{missing:?}"
    );
    let alone = connection(&url, None, Some(PASSWORD));
    assert!(
        ask(&client(), &alone, &["PING"]).await.is_ok(),
        "a password without a user is the default user's"
    );
}

#[tokio::test]
async fn tls_is_verified_against_the_authority_of_the_connection() {
    let started = Started::new();
    let ca = started.dir.path().join("ca.pem");
    let at = |host: &str| {
        connection(
            &format!("rediss://{host}:{}", started.tls_port),
            Some("monitor"),
            Some(PASSWORD),
        )
    };
    let trusted = trusting(&ca, at("localhost"));
    assert!(ask(&client(), &trusted, &["PING"]).await.is_ok());
    let unknown = ask(&client(), &at("localhost"), &["PING"]).await;
    assert!(
        matches!(&unknown, Err(Error::Connect(said)) if said.contains("TLS")),
        "{unknown:?}"
    );
    let other_name = ask(&client(), &trusting(&ca, at("127.0.0.1")), &["PING"]).await;
    assert!(
        matches!(&other_name, Err(Error::Connect(said)) if said.contains("TLS")),
        "{other_name:?}"
    );
}

#[tokio::test]
async fn a_unix_socket_and_a_database_are_taken_from_the_url() {
    let started = Started::new();
    started.fill(&["-n", "3", "RPUSH", "queue:a", "one"]);
    let socket = started.dir.path().join("redis.sock");
    let at = |database: &str| connection(&format!("redis+unix://{}{database}", socket.display()), None, None);
    let third = ask(&client(), &at("?db=3"), &["LLEN queue:a"])
        .await
        .expect("an answer");
    assert_eq!(third.replies[0], [Node::Integer(1)]);
    assert_eq!(third.info.address, socket.display().to_string());
    let first = ask(&client(), &at(""), &["LLEN queue:a"]).await.expect("an answer");
    assert_eq!(first.replies[0], [Node::Integer(0)]);
    let beyond = ask(&client(), &at("?db=999"), &["PING"]).await;
    assert!(
        matches!(&beyond, Err(Error::Connect(said)) if said.contains("999")),
        "{beyond:?}"
    );
}

#[tokio::test]
async fn one_connection_is_kept_for_each_check_and_named_for_the_operator() {
    let started = Started::new();
    let redis = client();
    for _ in 0..3 {
        ask(&redis, &started.plain(), &["PING"]).await.expect("an answer");
    }
    let answer = ask(&redis, &started.plain(), &["CLIENT LIST"])
        .await
        .expect("an answer");
    let [Node::Bulk(list)] = &answer.replies[0][..] else {
        panic!("{:?}", answer.replies)
    };
    let list = String::from_utf8_lossy(list);
    assert_eq!(list.matches("name=bellwether").count(), 1, "{list}");
}

#[tokio::test]
async fn a_killed_server_is_an_error_and_a_restarted_one_is_dialled_anew() {
    let mut started = Started::new();
    let redis = client();
    let plain = started.plain();
    ask(&redis, &plain, &["PING"]).await.expect("an answer");
    started.server.kill();
    let gone = ask(&redis, &plain, &["PING"]).await;
    assert!(
        matches!(&gone, Err(Error::Connect(said)) if said.contains(&started.port.to_string())),
        "{gone:?}"
    );
    started.server = Started::start(started.dir.path());
    ask(&redis, &plain, &["PING"]).await.expect("an answer");
    // Killed and back before anybody asks: the kept connection is dead and nobody notices.
    started.server.kill();
    started.server = Started::start(started.dir.path());
    ask(&redis, &plain, &["PING"]).await.expect("an answer");
}

#[tokio::test]
async fn a_server_that_does_not_answer_times_out_at_the_deadline_and_not_later() {
    let started = Started::new();
    let redis = client();
    let plain = Arc::new(started.plain());
    ask(&redis, &plain, &["PING"]).await.expect("an answer");
    started.server.signal(rustix::process::Signal::STOP);
    let began = Instant::now();
    let deadline = within(Duration::from_millis(300));
    let late = redis
        .pipeline(&"queues".into(), &plain, &commands(&["PING"]), deadline)
        .await;
    assert!(
        matches!(&late, Err(Error::Timeout(said)) if said.contains("no answer in time, while waiting for 127.0.0.1:")),
        "{late:?}"
    );
    assert!(began.elapsed() >= Duration::from_millis(290) && began.elapsed() < PATIENCE);
    started.server.signal(rustix::process::Signal::CONT);
    // The late answer of the abandoned connection is nobody's.
    let answer = ask(&redis, &plain, &["LLEN queue:a"]).await.expect("an answer");
    assert_eq!(answer.replies[0], [Node::Integer(0)]);
}

#[tokio::test]
async fn a_reply_that_is_too_large_costs_itself_alone_and_one_without_end_what_is_behind_it() {
    let started = Started::new();
    let redis = client();
    for key in ["queue:x", "queue:y", "queue:z"] {
        // A value of 4 MiB: the position of its last byte.
        started.fill(&["SETRANGE", key, "4194303", "x"]);
    }
    let is_refused = |reply: &[Node]| matches!(reply, [Node::Error(said)] if said.starts_with("TOOLARGE"));
    let (length, three) = ("LLEN queue:a", "MGET queue:x queue:y queue:z");
    let asked = [length, three, "GET queue:x", length];
    let replies = ask(&redis, &started.plain(), &asked).await.expect("an answer").replies;
    assert_eq!(
        (&replies[0], &replies[3]),
        (&vec![Node::Integer(0)], &vec![Node::Integer(0)])
    );
    assert!(is_refused(&replies[1]));
    assert!(matches!(&replies[2][..], [Node::Bulk(bytes)] if bytes.len() == 4 << 20));

    let asked = [&[length][..], &[three; 8], &[length]].concat();
    let replies = ask(&redis, &started.plain(), &asked).await.expect("an answer").replies;
    assert_eq!((replies.len(), &replies[0]), (10, &vec![Node::Integer(0)]));
    let is_refused = replies[1..].iter().all(|reply| is_refused(reply));
    assert!(is_refused, "96 MiB are not passed over");
    let answer = ask(&redis, &started.plain(), &[length]).await.expect("an answer");
    assert_eq!(answer.replies[0], [Node::Integer(0)], "by another connection");
}

#[tokio::test]
async fn a_collection_is_answered_whole_only_while_it_is_small() {
    const FULL: usize = 1_000;
    let started = Started::new();
    let members: Vec<String> = (0..=FULL).map(|number| format!("member-{number}")).collect();
    let add = |key: &str, members: &[String]| {
        let members = members.iter().map(String::as_str);
        started.fill(&[&["SADD", key][..], &members.collect::<Vec<_>>()].concat());
    };
    add("queue:full", &members[..FULL]);
    add("queue:over", &members);
    let fields: Vec<&str> = members.iter().flat_map(|member| [member.as_str(), "x"]).collect();
    started.fill(&[&["HSET", "queue:hash"][..], &fields].concat());
    started.fill(&["RPUSH", "queue:list", "one"]);
    let asked = [
        "SMEMBERS queue:full",
        "SMEMBERS queue:over",
        "LLEN queue:list",
        "HGETALL queue:hash",
        "HKEYS queue:hash",
        "HVALS queue:hash",
        "SMEMBERS queue:list",
        "HGETALL queue:none",
        "SSCAN queue:over 0 COUNT 10",
    ];
    let redis = client();
    for connection in [started.plain(), started.monitor()] {
        let answer = ask(&redis, &connection, &asked).await.expect("an answer");
        assert_eq!(answer.replies[0].len(), FULL + 1);
        for at in [1, 3, 4, 5] {
            assert!(
                error_of(&answer.replies[at]).contains("more than 1000 elements"),
                "{}",
                asked[at]
            );
        }
        assert_eq!(answer.replies[2], [Node::Integer(1)]);
        assert!(error_of(&answer.replies[6]).starts_with("WRONGTYPE"));
        assert_eq!(answer.replies[7], [Node::Array(0)]);
        assert!(answer.replies[8].len() > 3);
        assert_eq!(answer.refused.len(), 4);
    }
}

#[tokio::test]
async fn a_value_that_repeats_the_password_comes_without_it() {
    let started = Started::new();
    started.fill(&["RPUSH", "queue:a", &format!("<{PASSWORD}>")]);
    let answer = ask(&client(), &started.monitor(), &["LINDEX queue:a 0"])
        .await
        .expect("an answer");
    assert_eq!(answer.replies[0], [Node::Bulk(b"<[redacted]>".to_vec())]);
}

#[tokio::test]
async fn a_value_that_repeats_any_secret_of_the_host_comes_without_it() {
    let started = Started::new();
    // `other-s3cr3t-of-the-host`, as it stands and in base64.
    started.fill(&["RPUSH", "queue:a", "<other-s3cr3t-of-the-host>"]);
    started.fill(&["RPUSH", "queue:a", "<b3RoZXItczNjcjN0LW9mLXRoZS1ob3N0>"]);
    let (tools, _) = tools();
    tools.redactor.learn(&[Secret::new("other-s3cr3t-of-the-host")]);
    let answer = ask(&Redis::new(tools), &started.plain(), &["LRANGE queue:a 0 1"]).await;
    let blank = Node::Bulk(b"<[redacted]>".to_vec());
    assert_eq!(
        answer.expect("an answer").replies[0],
        [Node::Array(2), blank.clone(), blank]
    );
}

#[tokio::test]
async fn an_address_out_of_reach_is_denied_before_anything_is_sent() {
    let started = Started::new();
    let public_only = Connection {
        addresses: bellwether::config::Addresses::Public,
        ..started.plain()
    };
    let denied = ask(&client(), &public_only, &["PING"]).await;
    assert!(
        matches!(&denied, Err(Error::Denied(said)) if said.contains("addresses")),
        "{denied:?}"
    );
}

#[tokio::test]
async fn what_speaks_another_protocol_is_said_to() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("bound").port();
    let speaking = async {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.expect("a client");
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .expect("sent");
        stream
    };
    let redis = client();
    let plain = connection(&format!("redis://127.0.0.1:{port}"), None, None);
    let (_stream, asked) = tokio::join!(speaking, ask(&redis, &plain, &["PING"]));
    assert!(matches!(&asked, Err(Error::Protocol(_))), "{asked:?}");
}
