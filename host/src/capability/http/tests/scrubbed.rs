//! What servers echo comes back without the connection's credentials.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};

use super::{server::*, *};
use crate::{
    config::{HttpAuth, Proxy},
    secret::Secret,
};

const SECRET: &str = "canary/s3cr3t+v4lue";

fn basic(port: u16) -> Connection {
    let mut api = at(port);
    api.auth = Some(HttpAuth::Basic {
        user: "monitor".to_owned(),
        password: Secret::new(SECRET),
    });
    api.secrets.insert("key".to_owned(), Secret::new(SECRET));
    api.methods.insert("POST".to_owned());
    api
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Every form in which a test server says it.
fn forms() -> Vec<String> {
    vec![
        SECRET.to_owned(),
        STANDARD.encode(format!("monitor:{SECRET}")),
        percent(SECRET),
        SECRET.replace('/', "%2F").replace('+', "%2B"),
        SECRET.replace('/', "\\/"),
        percent(&percent(SECRET)),
    ]
}

fn assert_clean(what: &str) {
    for form in forms() {
        assert!(!what.contains(&form), "{form} in {what}");
    }
}

async fn echoed(answer: impl Fn(&Heard) -> Vec<u8> + Send + Sync + 'static) -> Response {
    let world = World::new();
    let (port, heard) = world.answer(answer).await;
    let asked = Request {
        method: "POST".to_owned(),
        body: b"key={{secret:key}}&end".to_vec(),
        ..get("")
    };
    let response = world
        .run(fixtures::reach([("default", basic(port))]))
        .send(asked)
        .await
        .expect("answered");
    let heard = heard.lock().expect("not poisoned")[0].clone();
    assert_eq!(
        heard.body,
        format!("key={SECRET}&end").into_bytes(),
        "it was really sent"
    );
    response
}

#[tokio::test]
async fn an_echo_is_blanked_and_the_rest_stays() {
    let response = echoed(|heard| {
        let mut body = heard.head.clone().into_bytes();
        body.extend_from_slice(&heard.body);
        ok("", body)
    });
    let body = text(&response.await);
    assert_clean(&body);
    assert!(
        body.contains("key=[redacted]&end") && body.contains("authorization: Basic "),
        "{body}"
    );
}

#[tokio::test]
async fn every_encoding_of_it_is_blanked() {
    for form in forms() {
        let body = text(&echoed(move |_| ok("", format!("<{form}>"))).await);
        assert_clean(&body);
        assert!(
            body.starts_with('<') && body.contains("[redacted]") && body.ends_with('>'),
            "{body}"
        );
    }
}

#[tokio::test]
async fn chunks_hide_nothing() {
    for size in [1, 3, 7] {
        let body = text(&echoed(move |heard| chunked("", &heard.body, size)).await);
        assert_eq!(body, "key=[redacted]&end");
    }
}

#[tokio::test]
async fn compression_hides_nothing() {
    let response = echoed(|heard| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&heard.body).expect("written");
        ok("content-encoding: gzip\r\n", encoder.finish().expect("finished"))
    });
    let response = response.await;
    assert_eq!(text(&response), "key=[redacted]&end");
    assert_eq!(
        (
            header(&response, "content-encoding"),
            header(&response, "content-length")
        ),
        (None, None)
    );
}

#[tokio::test]
async fn an_encoding_that_cannot_be_undone_is_not_handed_on() {
    let world = World::new();
    let (port, _) = world.answer(|_| ok("content-encoding: zstd\r\n", "whatever")).await;
    let failure = world.get(basic(port), "").await.expect_err("not readable");
    assert!(matches!(failure.error, Error::Protocol(_)), "{failure}");
    let open = world.get(at(port), "").await.expect("nothing to hide");
    assert_eq!(text(&open), "whatever");
}

#[tokio::test]
async fn headers_locations_and_statuses_hide_nothing() {
    let response = echoed(|heard| {
        let mut answer = b"HTTP/1.1 302 ".to_vec();
        answer.extend_from_slice(&heard.body);
        answer.extend_from_slice(b"\r\nlocation: /?");
        answer.extend_from_slice(&heard.body);
        answer.extend_from_slice(b"\r\nx-echo: ");
        answer.extend_from_slice(heard.header("authorization").expect("sent").as_bytes());
        answer.extend_from_slice(b"\r\ncontent-length: 0\r\n\r\n");
        answer
    });
    let response = response.await;
    assert_clean(&format!("{response:?}"));
    for (name, value) in &response.headers {
        assert_clean(&format!("{name}: {}", String::from_utf8_lossy(value)));
    }
    assert_eq!(header(&response, "location"), Some("/?key=[redacted]&end"));
}

#[tokio::test]
async fn a_redirect_into_the_secret_shows_it_nowhere() {
    let world = World::new();
    let (port, _) = world
        .answer(|heard| match heard.line().contains("GET / ") {
            true => redirect(302, &format!("/{}?x={SECRET}", SECRET.replace('/', "_"))),
            false => ok("", ""),
        })
        .await;
    let asked = Request {
        redirects_max: 1,
        ..get("")
    };
    let response = world
        .run(fixtures::reach([("default", basic(port))]))
        .send(asked)
        .await
        .expect("followed");
    assert_clean(&response.url);
    assert!(response.url.contains("[redacted]"), "{}", response.url);
    let (port, _) = world
        .answer(|_| redirect(302, &format!("http://{}.evil.test/?{SECRET}", "x")))
        .await;
    let asked = Request {
        redirects_max: 1,
        ..get("")
    };
    let failure = world
        .run(fixtures::reach([("default", basic(port))]))
        .send(asked)
        .await
        .expect_err("denied");
    assert_clean(&format!("{failure:?} {failure}"));
}

#[tokio::test]
async fn the_password_of_a_proxy_is_blanked_too() {
    let world = World::new();
    let (port, heard) = world.answer(|heard| ok("", &heard.head)).await;
    let mut through = connection("target", "http://target.test/");
    through.proxy = Some(Proxy {
        url: format!("http://127.0.0.1:{port}/").parse().expect("a URL"),
        auth: Some(("monitor".to_owned(), Secret::new(SECRET))),
    });
    let body = text(&world.get(through, "").await.expect("answered"));
    let sent = heard.lock().expect("not poisoned")[0].head.clone();
    assert!(sent.contains(&STANDARD.encode(format!("monitor:{SECRET}"))), "{sent}");
    assert_clean(&body);
}

#[tokio::test]
async fn what_was_stored_over_one_connection_is_not_shown_over_another() {
    let world = World::new();
    let (port, _) = world.answer(|_| ok("", format!("stored: {SECRET}"))).await;
    let open = connection("open", &format!("http://other.test:{port}/"));
    let run = world.run(fixtures::reach([("default", basic(port)), ("open", open)]));
    let load = |headers: &[(&str, &str)]| Request {
        slot: Some("open".to_owned()),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect(),
        ..get("")
    };
    let response = run.send(load(&[])).await.expect("answered");
    assert_eq!(text(&response), "stored: [redacted]");
    for asked in [
        load(&[("range", "bytes=8-12")]),
        load(&[("accept-charset", "utf-16")]),
        load(&[("accept", "text/plain;charset=utf-16")]),
        load(&[("accept-encoding", "br")]),
        Request {
            options: vec![("raw-body".to_owned(), "true".to_owned())],
            ..load(&[])
        },
    ] {
        let failure = run.send(asked).await.expect_err("could not be scrubbed");
        assert!(matches!(failure.error, Error::Denied(_)), "{failure}");
    }
}

#[tokio::test]
async fn other_alphabets_and_letters_hide_nothing() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let body = echoed(move |_| ok("", utf16(&format!("<{SECRET}>")))).await.body;
    assert!(!body.windows(3).any(|window| window == b"c\0a"), "{body:?}");
    for form in [
        SECRET.to_ascii_uppercase(),
        SECRET.replace('+', "&#43;").replace('/', "&#x2F;"),
    ] {
        let body = text(&echoed(move |_| ok("", format!("<{form}>"))).await);
        assert_eq!(body, "<[redacted]>");
    }
}

#[tokio::test]
async fn a_redirect_that_is_refused_tells_no_part_of_a_secret() {
    let world = World::new();
    let filler = "x".repeat(90);
    let (port, _) = world
        .answer(move |_| redirect(302, &format!("http://CANARY-IN-THE-HOST.other.test/{filler}/{SECRET}")))
        .await;
    let mut api = basic(port);
    api.secrets.insert("host".to_owned(), Secret::new("Canary-In-The-Host"));
    let asked = Request {
        redirects_max: 1,
        ..get("")
    };
    let run = world.run(fixtures::reach([("default", api)]));
    let failure = run.send(asked).await.expect_err("denied");
    let said = format!("{failure:?} {:?}", run.refusals());
    assert!(said.contains("http://[redacted].other.test"), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[tokio::test]
async fn a_secret_is_not_carried_from_one_server_to_another() {
    let world = World::new();
    let (second, heard) = world.answer(|_| ok("", "there")).await;
    for form in [SECRET.to_owned(), percent(SECRET)] {
        let to = format!("http://second.test:{second}/?key={form}");
        let (first, _) = world.answer(move |_| redirect(302, &to)).await;
        let other = connection("second", &format!("http://second.test:{second}/"));
        let asked = Request {
            redirects_max: 1,
            ..get("")
        };
        let run = world.run(fixtures::reach([("default", basic(first)), ("second", other)]));
        let failure = run.send(asked).await.expect_err("denied");
        assert!(
            matches!(&failure.error, Error::Denied(text) if text.contains("a secret in the URL")),
            "{failure}"
        );
    }
    assert!(heard.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn a_redirect_that_repeats_the_connections_query_is_followed() {
    let world = World::new();
    let (port, heard) = world
        .answer(|heard| {
            if heard.line().contains("/next") {
                ok("", "there")
            } else {
                redirect(302, "/next?page=2&token=canary%2Fs3cr3t%2Bv4lue")
            }
        })
        .await;
    let mut api = at(port);
    api.query = vec![("token".to_owned(), Secret::new(SECRET))];
    let asked = Request {
        redirects_max: 1,
        ..get("")
    };
    let run = world.run(fixtures::reach([("default", api)]));
    let response = run.send(asked).await.expect("followed");
    assert_eq!(response.url, format!("http://target.test:{port}/next?page=2"));
    assert_eq!(
        heard.lock().expect("not poisoned")[1].line(),
        "GET /next?page=2&token=canary%2Fs3cr3t%2Bv4lue HTTP/1.1"
    );
}

#[tokio::test]
async fn errors_hide_nothing() {
    let world = World::new();
    let (port, _) = world
        .answer(|heard| heard.header("authorization").expect("sent").as_bytes().to_vec())
        .await;
    let run = world.run(fixtures::reach([("default", basic(port))]));
    let asked = Request {
        timeout: Some(Duration::from_millis(300)),
        ..get("")
    };
    let failure = run.send(asked).await.expect_err("no HTTP");
    assert_clean(&format!("{failure:?} {failure}"));
}

#[tokio::test]
async fn a_cut_through_the_secret_shows_neither_half() {
    for cut in 1..30 {
        let world = World::new();
        let (port, _) = world.answer(|_| ok("", format!("abc{SECRET}xyz"))).await;
        let asked = Request {
            body_bytes_max: Some(cut),
            ..get("")
        };
        let response = world
            .run(fixtures::reach([("default", basic(port))]))
            .send(asked)
            .await
            .expect("answered");
        let body = text(&response);
        assert!("abc[redacted]xyz".starts_with(&body), "{cut}: {body}");
        assert_eq!(response.body_truncated, cut < 25, "{cut}");
    }
}

#[tokio::test]
async fn a_cut_where_a_body_comes_in_too_many_pieces_shows_no_part_of_the_secret() {
    let response = echoed(|_| {
        // It is cut somewhere in them.
        let secrets = format!("<{SECRET}>").repeat(1_000);
        chunked("", secrets.as_bytes(), 1)
    });
    let response = response.await;
    assert!(response.body_truncated);
    assert_clean(&text(&response));
    assert_eq!(text(&response), "");
}

#[tokio::test]
async fn a_secret_url_is_shown_to_nobody() {
    let world = World::new();
    let (port, heard) = world.answer(|heard| ok("", heard.line())).await;
    let mut hook = connection(
        "hook",
        &format!("http://target.test:{port}/services/T0/abcdefghijklmnopqrst"),
    );
    hook.url_is_secret = true;
    let response = world.get(hook.clone(), "").await.expect("answered");
    assert_eq!(response.url, "");
    assert!(!text(&response).contains("abcdefghijklmnopqrst"), "{}", text(&response));
    assert!(
        heard.lock().expect("not poisoned")[0]
            .line()
            .contains("abcdefghijklmnopqrst")
    );
    hook.methods.clear();
    let failure = world.get(hook, "").await.expect_err("denied");
    assert!(
        !format!("{failure:?} {failure}").contains("abcdefghijklmnopqrst"),
        "{failure}"
    );
}

#[tokio::test]
async fn secrets_of_the_file_are_blanked_on_connections_with_credentials() {
    let world = World::new();
    world.redactor.learn(&[Secret::new("another-one-entirely")]);
    let (port, _) = world.answer(|_| ok("", "it is another-one-entirely")).await;
    let response = world.get(basic(port), "").await.expect("answered");
    assert_eq!(text(&response), "it is [redacted]");
}
