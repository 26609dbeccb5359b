use std::{net::IpAddr, pin::Pin};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::{
    capability::{
        dial::{Dialer, Found, Resolve},
        http::{HttpHost, HttpTools, fixtures},
        reach::Reach,
        tls::Trust,
    },
    clock::Clock,
    config::{Connection, HttpAuth},
    secret::{Redactor, Secret},
    supervisor::Supervisor,
};

const SECRET: &str = "canary-of-the-connection";

/// Every name is this machine, but for one that claims to be a metadata service.
#[derive(Debug)]
struct Names;

impl Resolve for Names {
    fn resolve<'f>(&'f self, host: &'f str) -> Found<'f> {
        let address = match host {
            "metadata.test" => IpAddr::from([169, 254, 169, 254]),
            _ => IpAddr::from([127, 0, 0, 1]),
        };
        Box::pin(async move { Ok(vec![address]) })
    }
}

fn run(reach: Reach) -> Arc<HttpRun> {
    let clock = Clock::system();
    let host = HttpHost::new(HttpTools {
        dialer: Dialer::with_resolver(clock.clone(), Arc::new(Names)),
        clock: clock.clone(),
        trust: Trust::default(),
        supervisor: Supervisor::new(|panic| eprintln!("{panic}")),
        redactor: Redactor::default(),
        runs: 1,
    });
    let until = clock.monotonic() + Duration::from_secs(20);
    Arc::new(host.run("check".into(), Arc::new(reach), until))
}

/// Echoes the first request of the first connection.
async fn echo() -> (u16, Supervisor) {
    let supervisor = Supervisor::new(|panic| eprintln!("{panic}"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("an address").port();
    drop(supervisor.spawn("echo", async move {
        let (mut stream, _) = listener.accept().await.expect("accepted");
        let mut heard = Vec::new();
        while !heard.windows(4).any(|window| window == b"\r\n\r\n") {
            stream.read_buf(&mut heard).await.expect("read");
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\nx-own: yes\r\ncontent-length: {}\r\n\r\n",
            heard.len()
        );
        stream.write_all(head.as_bytes()).await.expect("written");
        stream.write_all(&heard).await.expect("written");
    }));
    (port, supervisor)
}

async fn send(http: Option<&Arc<HttpRun>>, method: &str, url: &str) -> Answer {
    let body = Full::new(Bytes::new()).map_err(Refused::from).boxed_unsync();
    let request = ::http::Request::builder()
        .method(method)
        .uri(url)
        .header("accept-encoding", "br")
        .body(body)
        .expect("a request");
    let mut hooks = Hooks::new(http.cloned());
    Pin::from(hooks.send_request(request, None, Box::new(async { Ok(()) }))).await
}

fn api(port: u16) -> Connection {
    let mut api = fixtures::connection("api", &format!("http://api.test:{port}/v1/"));
    api.auth = Some(HttpAuth::Bearer(Secret::new(SECRET)));
    api
}

#[tokio::test]
async fn what_is_granted_is_answered_without_its_credentials() {
    let (port, _supervisor) = echo().await;
    let http = run(fixtures::reach([("default", api(port))]));
    let (answer, _) = send(Some(&http), "GET", &format!("http://api.test:{port}/v1/x?y"))
        .await
        .expect("answered");
    assert_eq!(
        (answer.status().as_u16(), answer.headers().get("x-own").is_some()),
        (200, true)
    );
    assert_eq!(answer.headers().get("content-length"), None);
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    let body = String::from_utf8_lossy(&body);
    assert!(body.starts_with("GET /v1/x?y HTTP/1.1\r\n"), "{body}");
    assert!(
        body.contains("authorization: Bearer [redacted]") && !body.contains(SECRET),
        "{body}"
    );
    assert!(
        body.contains("accept-encoding: gzip, br, deflate"),
        "the host's own: {body}"
    );
}

#[tokio::test]
async fn what_is_not_granted_is_denied_and_remembered() {
    let mut reach = fixtures::reach([("default", api(80))]);
    for (slot, url) in [
        ("metadata", "http://metadata.test/"),
        ("literal", "http://169.254.169.254/"),
        ("mapped", "http://[::ffff:169.254.169.254]:81/"),
    ] {
        reach
            .slots
            .insert(slot.to_owned(), Arc::new(fixtures::connection(slot, url)));
    }
    let http = run(reach);
    for (method, url) in [
        ("GET", "http://other.test/"),
        ("GET", "https://api.test/v1/"),
        ("GET", "http://api.test:8080/v1/"),
        ("GET", "http://api.test/v1/../admin"),
        ("GET", "http://api.test/v1/%2e%2e/admin"),
        ("DELETE", "http://api.test/v1/"),
        ("TRACE", "http://api.test/v1/"),
        ("GET", "http://metadata.test/"),
        ("GET", "http://169.254.169.254/"),
        ("GET", "http://2852039166/"),
        ("GET", "http://0xa9fea9fe/"),
        ("GET", "http://[::ffff:169.254.169.254]:81/"),
    ] {
        let refused = send(Some(&http), method, url).await.err();
        assert!(
            matches!(refused, Some(Refused::HttpRequestDenied)),
            "{method} {url}: {refused:?}"
        );
    }
    assert!(http.refusals().len() > 8, "{:?}", http.refusals());
    for url in [
        "http://u:p@api.test/v1/",
        "http://api.test./v1/",
        "http://api.test/v1/..%2fadmin",
    ] {
        let refused = send(Some(&http), "GET", url).await.err();
        assert!(
            matches!(refused, Some(Refused::HttpRequestUriInvalid)),
            "{url}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn while_a_plugin_describes_itself_everything_is_denied() {
    let refused = send(None, "GET", "http://api.test/v1/").await.err();
    assert!(matches!(refused, Some(Refused::HttpRequestDenied)), "{refused:?}");
}

#[test]
fn bodies_under_way_are_bounded_one_by_one_and_together() {
    let hooks = Hooks::new(None);
    let mut one = UnderWay::of(&hooks);
    one.add(REQUEST_BODY_BYTES_MAX).expect("as much as one may have");
    assert!(one.add(1).is_err());
    drop(one);
    let full: Vec<_> = (0..REQUEST_BODIES_BYTES_MAX / REQUEST_BODY_BYTES_MAX)
        .map(|_| {
            let mut body = UnderWay::of(&hooks);
            body.add(REQUEST_BODY_BYTES_MAX).expect("room");
            body
        })
        .collect();
    assert!(UnderWay::of(&hooks).add(1).is_err());
    drop(full);
    UnderWay::of(&hooks).add(1).expect("what ended is given back");
}
