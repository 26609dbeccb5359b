//! Redirects: each hop goes through the whole policy, another origin is told nothing, and WASI's door follows none.

use serde_json::{Value, json};

use super::{
    servers::ok,
    world::{CORE, Listening, SECRET, World, knowing, plain},
};

fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

/// Where `/v1/NUMBER` leads.
fn leading(locations: Vec<String>) -> Listening {
    Listening::answering(move |head| {
        let number = head
            .split(['/', '?', ' '])
            .nth(3)
            .and_then(|number| number.parse::<usize>().ok());
        match number.and_then(|number| locations.get(number)) {
            Some(to) => redirect(to),
            None => ok("", "there"),
        }
    })
}

fn asked(port: u16, number: usize) -> Value {
    json!({ "method": "GET", "url": format!("http://target.test:{port}/v1/{number}"), "redirects": 3,
        "headers": [["cookie", "a=b"], ["accept", "text/html"]] })
}

#[tokio::test]
async fn a_redirect_to_what_was_not_granted_is_refused_and_heard_by_nobody() {
    let world = World::new().await;
    let trap = Listening::answering(|_| ok("", "heard"));
    let other = trap.port();
    world.names.set("metadata.test", &["169.254.169.254"]);
    let denied = [
        format!("http://other.test:{other}/"),
        format!("//other.test:{other}/"),
        format!("https://target.test:{other}/v1/"),
        "/admin".to_owned(),
        "../admin".to_owned(),
        "%2e%2e/admin".to_owned(),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[::ffff:169.254.169.254]/".to_owned(),
        "http://2852039166/".to_owned(),
        "http://metadata.test/".to_owned(),
    ];
    let unusable = [
        format!("http://u:p@other.test:{other}/"),
        "/v1/..%2fadmin".to_owned(),
        "\\\\other.test\\".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://target.test./v1/".to_owned(),
    ];
    let locations: Vec<String> = denied.iter().chain(&unusable).cloned().collect();
    let server = leading(locations.clone());
    let connections = vec![
        ("default", knowing(&format!("http://target.test:{}/v1/", server.port()))),
        ("metadata", plain("http://metadata.test/")),
    ];
    let all: Vec<Value> = (0..locations.len())
        .map(|number| asked(server.port(), number))
        .collect();
    let said = world.ask(connections, &all).await;
    for (number, location) in locations.iter().enumerate() {
        let expected = if number < denied.len() { "denied" } else { "protocol" };
        assert_eq!(said.by("contract", number).word, expected, "{location}: {said:?}");
        let unfollowed = said.by("wasi", number);
        assert!(
            unfollowed.word == "answered" && unfollowed.text.contains("302"),
            "{location}: {unfollowed:?}"
        );
    }
    assert_eq!(trap.heard(), Vec::<String>::new());
    assert_eq!(
        server.heard().len(),
        2 * locations.len(),
        "asked for itself only, once through each door"
    );
}

#[tokio::test]
async fn another_origin_is_told_nothing_and_a_secret_is_not_carried_there() {
    let world = World::new().await;
    let second = Listening::answering(|_| ok("", "there"));
    let to = format!("http://second.test:{}/x", second.port());
    let percent = SECRET.replace('/', "%2F").replace('+', "%2B");
    let server = leading(vec![to.clone(), format!("{to}?{SECRET}"), format!("{to}?{percent}")]);
    let connections = vec![
        ("default", knowing(&format!("http://target.test:{}/v1/", server.port()))),
        ("second", knowing(&format!("http://second.test:{}/", second.port()))),
    ];
    let all: Vec<Value> = (0..3).map(|number| asked(server.port(), number)).collect();
    let said = world.ask(connections, &all).await;
    assert_eq!(said.by("contract", 0).word, "answered");
    for number in 1..3 {
        assert_eq!(said.by("contract", number).word, "denied");
        for (door, seen) in said.both(number) {
            assert!(!seen.text.contains(CORE), "{door}: {seen:?}");
        }
        assert!(said.by("wasi", number).text.contains("[redacted]"));
    }
    let heard = second.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    let told = heard[0].to_ascii_lowercase();
    for header in ["authorization:", "x-api-key:", "cookie:", "token="] {
        assert!(!told.contains(header), "{told}");
    }
    assert!(told.contains("accept: text/html"), "{told}");
}
