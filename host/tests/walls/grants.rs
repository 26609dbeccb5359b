//! Hosts, ports, schemes, paths and methods that were not granted: refused at both doors, and heard by nobody.
//!
//! `denied` and `invalid` are the policy's words, the same at both doors; with `interface` WASI's own types cannot even say
//! it, and with `failed` they know no such scheme.

use serde_json::{Value, json};

use super::{
    servers::ok,
    world::{Listening, Trick, World, get, knowing, plain, tried},
};

/// Forms of a URL of the server: `PORT` is its own port, `OTHER` another.
fn urls(port: u16, forms: &[&str]) -> Vec<Value> {
    let other = port.wrapping_add(1).max(1).to_string();
    let url = |form: &&str| get(&form.replace("PORT", &port.to_string()).replace("OTHER", &other));
    forms.iter().map(url).collect()
}

/// What follows `/v1/`, of which nothing is granted that lies above it.
fn paths(port: u16, forms: &[&str]) -> Vec<Value> {
    let url = |form: &&str| get(&format!("http://target.test:{port}/v1/{form}"));
    forms.iter().map(url).collect()
}

fn trick(name: &'static str, contract: &'static str, wasi: &'static str, asked: Vec<Value>) -> Trick {
    Trick {
        name,
        asked,
        contract,
        wasi,
    }
}

fn tricks(port: u16) -> Vec<Trick> {
    let urls = |forms: &[&str]| urls(port, forms);
    let paths = |forms: &[&str]| paths(port, forms);
    vec![
        trick(
            "another host",
            "denied",
            "denied",
            urls(&[
                "http://other.test:PORT/v1/",
                "http://eviltarget.test:PORT/v1/",
                "http://target.test.evil.test:PORT/v1/",
                "http://target.tes:PORT/v1/",
                "http://127.0.0.1:PORT/v1/",
            ]),
        ),
        trick(
            "another port",
            "denied",
            "denied",
            urls(&[
                "http://target.test:OTHER/v1/",
                "http://target.test/v1/",
                "http://target.test:443/v1/",
            ]),
        ),
        trick(
            "another scheme",
            "denied",
            "denied",
            urls(&["https://target.test:PORT/v1/", "http://secure.test:PORT/"]),
        ),
        trick(
            "another path",
            "denied",
            "denied",
            urls(&[
                "http://target.test:PORT/",
                "http://target.test:PORT",
                "http://target.test:PORT/admin",
                "http://target.test:PORT/v10/",
                "http://target.test:PORT/V1/",
                "http://target.test:PORT//v1/",
                "http://target.test:PORT/?/v1/",
            ]),
        ),
        trick(
            "dot segments",
            "denied",
            "denied",
            paths(&[
                "..",
                "../admin",
                "x/../../admin",
                "./../admin",
                "..//admin",
                "%2e%2e/admin",
                "%2E%2e/admin",
                ".%2e/admin",
                "%2e./admin",
                "x/%2e%2e/%2e%2e/admin",
            ]),
        ),
        trick(
            "dot segments behind an encoding",
            "invalid",
            "invalid",
            paths(&[
                "..%2fadmin",
                "..%2Fadmin",
                "%2e%2e%2fadmin",
                "x%2f..%2f..%2fadmin",
                "%2f..%2fadmin",
                "%252e%252e/admin",
                "%25252e%25252e/admin",
                "..%252fadmin",
                "%2e%2e%5cadmin",
                "..%5cadmin",
                "..%255cadmin",
                "..;/admin",
                "..;x=1/admin",
                "..%3b/admin",
                "..%3fx/admin",
                "..%23/admin",
                "%20../admin",
                "..%20/admin",
                "..%00/admin",
                "..%0d%0a/admin",
                "%c0%ae%c0%ae/admin",
                "%e0%80%ae./admin",
                "%f0%80%80%ae./admin",
                "..%c0%afadmin",
                "..%c1%9cadmin",
                "%u002e%u002e/admin",
                "..%u002fadmin",
                "..%u005cadmin",
                "%uff0e%uff0e/admin",
                "%ef%bc%8e%ef%bc%8e/admin",
                "%e2%80%a5/admin",
                "..%e2%88%95admin",
            ]),
        ),
        trick(
            "a backslash",
            "invalid",
            "invalid",
            paths(&["..\\admin", "x\\..\\..\\admin"]),
        ),
        trick(
            "a control character",
            "invalid",
            "interface",
            paths(&["x\r\nhost: evil.test", "x\ty", "x\u{7f}"]),
        ),
        trick(
            "a user name",
            "invalid",
            "invalid",
            urls(&[
                "http://u@target.test:PORT/v1/",
                "http://u:p@target.test:PORT/v1/",
                "http://@target.test:PORT/v1/",
                "http://target.test:PORT@evil.test/v1/",
                "http://evil.test:80@target.test:PORT/v1/",
            ]),
        ),
        trick(
            "a trailing dot",
            "invalid",
            "invalid",
            urls(&["http://target.test.:PORT/v1/"]),
        ),
        trick(
            "a zone",
            "invalid",
            "invalid",
            urls(&[
                "http://[fe80::1%25lo]:PORT/v1/",
                "http://[fe80::1%lo]:PORT/v1/",
                "http://[::1%251]:PORT/v1/",
            ]),
        ),
        // With a letter of another alphabet; then the same in Punycode.
        trick(
            "a name that looks alike",
            "denied",
            "interface",
            urls(&["http://t\u{430}rget.test:PORT/v1/"]),
        ),
        trick(
            "a name that looks alike, in ASCII",
            "denied",
            "denied",
            urls(&["http://xn--trget-3ve.test:PORT/v1/"]),
        ),
        trick(
            "this machine in numbers",
            "denied",
            "denied",
            urls(&[
                "http://2130706433:PORT/v1/",
                "http://0x7f.1:PORT/v1/",
                "http://0177.0.0.1:PORT/v1/",
            ]),
        ),
        trick(
            "a scheme of another kind",
            "invalid",
            "failed",
            urls(&[
                "http:/target.test:PORT/v1/",
                "://target.test:PORT/v1/",
                "ftp://target.test:PORT/v1/",
            ]),
        ),
        trick("a file", "invalid", "interface", urls(&["file:///etc/passwd"])),
    ]
}

fn methods(port: u16) -> Vec<Trick> {
    let url = format!("http://target.test:{port}/v1/");
    let asked = |methods: &[&str]| {
        methods
            .iter()
            .map(|method| json!({ "method": method, "url": url }))
            .collect()
    };
    vec![
        trick(
            "a method that was not granted",
            "denied",
            "denied",
            asked(&["POST", "PUT", "DELETE", "PATCH", "PROPFIND"]),
        ),
        trick(
            "a method that nobody can grant",
            "denied",
            "denied",
            asked(&["TRACE", "CONNECT", "TRACK"]),
        ),
        trick(
            "a method that is no word",
            "invalid",
            "interface",
            asked(&["GET /admin", "GET\r\nx: y", ""]),
        ),
    ]
}

#[tokio::test]
async fn what_was_not_granted_is_refused_at_both_doors_and_heard_by_nobody() {
    let world = World::new().await;
    let server = Listening::answering(|_| ok("", "heard"));
    let port = server.port();
    let connections = || {
        vec![
            ("default", knowing(&format!("http://target.test:{port}/v1/"))),
            ("secure", plain(&format!("https://secure.test:{port}/"))),
        ]
    };
    let mut all = tricks(port);
    all.extend(methods(port));
    let wrong = tried(&world, connections(), &all).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(server.heard(), Vec::<String>::new());
    // One spelling is as good as another where they mean the same, and it is not that nobody ever gets through.
    let fine = [
        format!("http://target.test:{port}/v1/"),
        format!("http://TARGET.test:{port}/v1/x/../y?z#part"),
    ];
    let said = world.ask(connections(), &fine.map(|url| get(&url))).await;
    for number in 0..2 {
        for (door, seen) in said.both(number) {
            assert_eq!(seen.word, "answered", "{door}: {seen:?}");
        }
    }
    assert_eq!(server.heard().len(), 4);
}
