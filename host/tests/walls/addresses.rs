//! Addresses that no connection may reach, in every form and by every way to them.

use serde_json::{Value, json};

use bellwether::config::{Addresses, Connection};

use super::{
    servers::ok,
    world::{Listening, Trick, World, get, plain, tried},
};

/// Metadata services and what else is nobody's, as literal addresses.
const FORBIDDEN: [&str; 24] = [
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.16689662",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[fd00:ec2::254]",
    "[fd00:ec2::23]",
    "[fd20:ce::254]",
    "[fd00:c1::a9fe:a9fe]",
    "[fd00:42::42]",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",
    "[::]",
    "[fe80::1]",
];

/// This machine, where only public addresses are allowed.
const NOT_PUBLIC: [&str; 9] = [
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[2002:7f00:1::]",
    "[64:ff9b::7f00:1]",
    "10.0.0.1",
];

fn trick(name: &'static str, asked: Vec<Value>) -> Trick {
    Trick {
        name,
        asked,
        contract: "denied",
        wasi: "denied",
    }
}

/// A connection for each, so that nothing but its address stands in the way.
fn granted(urls: &[String], addresses: &Addresses) -> Vec<(String, Connection)> {
    let one = |url: &String| {
        let connection = Connection {
            addresses: addresses.clone(),
            ..plain(url)
        };
        (url.clone(), connection)
    };
    urls.iter().map(one).collect()
}

async fn are_denied(world: &World, urls: &[String], addresses: &Addresses) {
    let connections = granted(urls, addresses);
    let mut slots: Vec<(&str, Connection)> = Vec::new();
    for (slot, connection) in &connections {
        // One address in two spellings would be two grants of one URL, which is an error of its own.
        if !slots.iter().any(|(_, known)| known.url == connection.url) {
            slots.push((slot, connection.clone()));
        }
    }
    let asked = urls.iter().map(|url| get(url)).collect();
    let wrong = tried(world, slots, &[trick("an address", asked)]).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn addresses_that_nobody_may_reach_are_denied_in_every_spelling() {
    let world = World::new().await;
    let urls = FORBIDDEN.map(|host| format!("http://{host}/"));
    let everything = Addresses::Networks(vec!["0.0.0.0/0".parse().expect("all"), "::/0".parse().expect("all")]);
    for addresses in [Addresses::Private, Addresses::Public, everything] {
        are_denied(&world, &urls, &addresses).await;
    }
}

#[tokio::test]
async fn this_machine_is_denied_in_every_spelling_where_only_public_addresses_are_allowed() {
    let world = World::new().await;
    let server = Listening::answering(|_| ok("", "heard"));
    let urls = NOT_PUBLIC.map(|host| format!("http://{host}:{}/", server.port()));
    are_denied(&world, &urls, &Addresses::Public).await;
    world.names.set("target.test", &["127.0.0.1"]);
    are_denied(
        &world,
        &[format!("http://target.test:{}/", server.port())],
        &Addresses::Public,
    )
    .await;
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_to_a_forbidden_address_is_denied() {
    let world = World::new().await;
    for host in FORBIDDEN {
        let bare = host.trim_matches(['[', ']']);
        // Resolvers answer in one spelling.
        let Ok(address) = bare.parse::<std::net::IpAddr>() else {
            continue;
        };
        world.names.set("metadata.test", &[&address.to_string()]);
        are_denied(
            &world,
            &["http://metadata.test/latest/".to_owned()],
            &Addresses::Private,
        )
        .await;
    }
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_looked_up_once_and_dialled_where_it_was_judged() {
    let world = World::new().await;
    let server = Listening::answering(|_| ok("", "the right one"));
    // The same port of another address of this machine: where the second look-up would lead.
    let trap = std::net::TcpListener::bind(("127.0.0.2", server.port())).expect("free");
    trap.set_nonblocking(true).expect("set");
    let url = format!("http://rebinds.test:{}/", server.port());
    let connections = || vec![("default", plain(&url))];
    world
        .names
        .set("rebinds.test", &["127.0.0.1", "127.0.0.1", "127.0.0.2"]);
    let said = world.ask(connections(), &[get(&url)]).await;
    for (door, seen) in said.both(0) {
        assert!(
            seen.word == "answered" && seen.text.contains("the right one"),
            "{door}: {seen:?}"
        );
    }
    assert_eq!(world.names.asked("rebinds.test"), 2, "once through each door");
    let dialled = trap.accept().err().map(|error| error.kind());
    assert_eq!(dialled, Some(std::io::ErrorKind::WouldBlock), "nobody dialled the trap");
    world.names.set("rebinds.test", &["169.254.169.254"]);
    let said = world.ask(connections(), &[get(&url)]).await;
    for (door, seen) in said.both(0) {
        assert_eq!(seen.word, "denied", "{door}: {seen:?}");
    }
}

/// Only the contract has a word for it.
#[tokio::test]
async fn connect_to_is_no_way_to_another_address_or_port() {
    let world = World::new().await;
    let server = Listening::answering(|_| ok("", "heard"));
    let other = Listening::answering(|_| ok("", "heard"));
    let port = server.port();
    let url = format!("http://target.test:{port}/");
    let asked = |to: &str| json!({ "method": "GET", "url": url, "connect_to": to });
    world.names.set("target.test", &["127.0.0.1"]);
    let denied = [
        "169.254.169.254".to_owned(),
        "[::ffff:169.254.169.254]:80".to_owned(),
        "[64:ff9b::a9fe:a9fe]".to_owned(),
        "[2002:a9fe:a9fe::1]".to_owned(),
        "[fd00:ec2::23]".to_owned(),
        "[fe80::1]".to_owned(),
        "0.0.0.0".to_owned(),
        "127.0.0.2".to_owned(),
        "10.0.0.1".to_owned(),
        format!("127.0.0.1:{}", other.port()),
        format!("127.0.0.2:{port}"),
    ];
    let invalid = [
        "localhost",
        "127.1",
        "0x7f000001",
        "2130706433",
        "127.0.0.1:0",
        "[fe80::1%1]:80",
        "[127.0.0.1]",
    ];
    let all: Vec<Value> = denied.iter().map(String::as_str).chain(invalid).map(asked).collect();
    let said = world.ask(vec![("default", plain(&url))], &all).await;
    for (number, asked) in all.iter().enumerate() {
        let expected = if number < denied.len() { "denied" } else { "invalid" };
        let seen = said.by("contract", number);
        assert_eq!(seen.word, expected, "{asked}: {seen:?}");
    }
    assert!(server.heard().is_empty() && other.heard().is_empty());
    let said = world.ask(vec![("default", plain(&url))], &[asked("127.0.0.1")]).await;
    assert_eq!(said.by("contract", 0).word, "answered");
}
