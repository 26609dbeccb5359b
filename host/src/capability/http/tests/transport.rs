//! Versions, encodings, proxies and connections that go away.

use std::io::Write as _;

use flate2::{Compression, write::ZlibEncoder};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{server::*, *};
use crate::{
    config::{HttpAuth, Proxy},
    secret::Secret,
};

/// Says what it was asked.
async fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) {
    let service = service_fn(|request: hyper::Request<Incoming>| async move {
        let said = format!(
            "{} {} {:?}",
            request.method(),
            request.uri(),
            request.headers().get("host")
        );
        Ok::<_, std::convert::Infallible>(hyper::Response::new(Full::new(bytes::Bytes::from(said))))
    });
    let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    // The client goes away when the test ends.
    let _ = served.serve_connection(TokioIo::new(stream), service).await;
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_offers_it() {
    let world = World::new();
    let identity = Identity::new(&["target.test"], 2100);
    let acceptor = identity.acceptor(&[b"h2", b"http/1.1"]);
    let port = world.serve(move |stream| {
        let acceptor = acceptor.clone();
        async move { http2(acceptor.accept(stream).await.expect("shaken")).await }
    });
    let port = port.await;
    let run = world.run(fixtures::reach([("default", identity.at(port))]));
    let response = run.send(get("x?y")).await.expect("answered");
    assert_eq!(response.version.as_str(), "2");
    assert_eq!(text(&response), format!("GET https://target.test:{port}/x?y None"));
    assert!(run.send(get("x")).await.expect("answered").reused);
}

#[tokio::test]
async fn http_2_without_tls_is_spoken_when_it_is_wished_for() {
    let world = World::new();
    let port = world.serve(http2).await;
    let asked = Request {
        options: vec![("http-version".to_owned(), "2".to_owned())],
        ..get("")
    };
    let response = world
        .run(fixtures::reach([("default", at(port))]))
        .send(asked)
        .await
        .expect("answered");
    assert_eq!((response.version.as_str(), response.status), ("2", 200));
}

#[tokio::test]
async fn a_wish_for_http_1_is_kept_and_one_for_2_is_an_error_where_there_is_none() {
    let world = World::new();
    let identity = Identity::new(&["target.test"], 2100);
    let acceptor = identity.acceptor(&[b"http/1.1"]);
    let port = world.serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            while hear(&mut stream).await.is_some() {
                say(&mut stream, ok("", "one")).await;
            }
        }
    });
    let run = world.run(fixtures::reach([("default", identity.at(port.await))]));
    let asked = |version: &str| Request {
        options: vec![("http-version".to_owned(), version.to_owned())],
        ..get("")
    };
    assert_eq!(run.send(asked("1.1")).await.expect("answered").version.as_str(), "1.1");
    run.send(asked("2")).await.expect_err("not offered");
}

#[tokio::test]
async fn bodies_are_decoded_unless_they_are_wanted_raw() {
    let world = World::new();
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"hello hello hello").expect("written");
    let deflated = encoder.finish().expect("finished");
    let body = deflated.clone();
    let (port, heard) = world.answer(move |_| ok("content-encoding: deflate\r\n", &body)).await;
    let run = world.run(fixtures::reach([("default", at(port))]));
    let decoded = run.send(get("")).await.expect("answered");
    assert_eq!(text(&decoded), "hello hello hello");
    let asked = Request {
        options: vec![("raw-body".to_owned(), "true".to_owned())],
        ..get("")
    };
    let raw = run.send(asked).await.expect("answered");
    assert_eq!(raw.body, deflated);
    assert_eq!(header(&raw, "content-encoding"), Some("deflate"));
    let heard = heard.lock().expect("not poisoned");
    assert_eq!(
        (heard[0].header("accept-encoding"), heard[1].header("accept-encoding")),
        (Some("gzip, br, deflate"), None)
    );
}

#[tokio::test]
async fn torn_compression_is_a_protocol_error() {
    let world = World::new();
    let (port, _) = world
        .answer(|_| ok("content-encoding: gzip\r\n", "no gzip at all"))
        .await;
    let failure = world.get(at(port), "").await.expect_err("broken");
    assert!(
        matches!(&failure.error, Error::Protocol(text) if text.contains("Gzip")),
        "{failure}"
    );
}

#[tokio::test]
async fn a_head_has_no_body_whatever_it_says() {
    let world = World::new();
    let (port, _) = world
        .answer(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-encoding: gzip\r\n\r\n".to_vec())
        .await;
    let asked = Request {
        method: "HEAD".to_owned(),
        ..get("")
    };
    let response = world
        .run(fixtures::reach([("default", at(port))]))
        .send(asked)
        .await
        .expect("answered");
    assert_eq!(
        (response.body.len(), header(&response, "content-length")),
        (0, Some("5"))
    );
}

#[tokio::test]
async fn a_connection_that_was_closed_in_the_pool_is_replaced() {
    let world = World::new();
    let port = world.serve(|mut stream| async move {
        hear(&mut stream).await;
        say(&mut stream, ok("", "once")).await;
    });
    let run = world.run(fixtures::reach([("default", at(port.await))]));
    for _ in 0..3 {
        let response = run.send(get("")).await.expect("answered");
        assert_eq!((text(&response).as_str(), response.reused), ("once", false));
    }
}

#[tokio::test]
async fn a_proxy_is_told_the_whole_url_and_who_we_are() {
    let world = World::new();
    let (port, heard) = world.answer(|_| ok("", "by proxy")).await;
    let mut through = connection("target", "http://target.test/a/");
    through.auth = Some(HttpAuth::Bearer(Secret::new("for-the-target")));
    through.proxy = Some(Proxy {
        url: format!("http://127.0.0.1:{port}/").parse().expect("a URL"),
        auth: Some(("user".to_owned(), Secret::new("for-the-proxy"))),
    });
    world.names.set("target.test", &["203.0.113.1"]);
    let response = world.get(through, "b?c").await.expect("answered");
    assert_eq!(text(&response), "by proxy");
    let heard = heard.lock().expect("not poisoned")[0].clone();
    assert_eq!(heard.line(), "GET http://target.test/a/b?c HTTP/1.1");
    assert_eq!(heard.header("host"), Some("target.test"));
    assert_eq!(
        heard.header("proxy-authorization"),
        Some("Basic dXNlcjpmb3ItdGhlLXByb3h5")
    );
}

#[tokio::test]
async fn a_proxy_that_refuses_says_so_and_hears_nothing_for_the_target() {
    let world = World::new();
    let (port, heard) = world
        .answer(|_| b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n".to_vec())
        .await;
    let mut through = connection("target", "https://target.test/");
    through.auth = Some(HttpAuth::Bearer(Secret::new("for-the-target")));
    through.proxy = Some(Proxy {
        url: format!("http://127.0.0.1:{port}/").parse().expect("a URL"),
        auth: None,
    });
    let failure = world.get(through, "").await.expect_err("refused");
    assert!(
        matches!(&failure.error, Error::Connect(text) if text.contains("407")),
        "{failure}"
    );
    let heard = heard.lock().expect("not poisoned")[0].clone();
    assert!(heard.line().starts_with("CONNECT target.test:443 "), "{heard:?}");
    assert_eq!(heard.header("authorization"), None);
}

#[tokio::test]
async fn a_proxy_is_no_way_to_forbidden_addresses() {
    let world = World::new();
    let (port, heard) = world.answer(|_| ok("", "")).await;
    let proxy = Proxy {
        url: format!("http://127.0.0.1:{port}/").parse().expect("a URL"),
        auth: None,
    };
    let mut metadata = connection("meta", "http://169.254.169.254/");
    metadata.proxy = Some(proxy.clone());
    let failure = world.get(metadata, "").await.expect_err("denied");
    assert!(matches!(failure.error, Error::Denied(_)), "{failure}");
    let mut through = connection("target", "http://target.test/");
    through.proxy = Some(proxy);
    let asked = Request {
        connect_to: Some("127.0.0.1".to_owned()),
        ..get("")
    };
    let failure = world
        .run(fixtures::reach([("default", through)]))
        .send(asked)
        .await
        .expect_err("denied");
    assert!(matches!(failure.error, Error::Denied(_)), "{failure}");
    assert!(heard.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn many_are_asked_at_once_and_answered_in_order() {
    let world = World::new();
    let (port, _) = world.answer(|heard| ok("", heard.line())).await;
    let run = world.run(fixtures::reach([("default", at(port))]));
    let requests = (0..200).map(|number| get(&number.to_string())).collect();
    let answers = run.send_all(requests).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(text(&answer.expect("answered")), format!("GET /{number} HTTP/1.1"));
    }
}

#[tokio::test]
async fn a_name_without_the_wished_family_is_not_resolved() {
    let world = World::new();
    let asked = Request {
        family: crate::capability::dial::Family::V6,
        ..get("")
    };
    let failure = world
        .run(fixtures::reach([("default", at(80))]))
        .send(asked)
        .await
        .expect_err("none");
    assert!(
        matches!(&failure.error, Error::Resolve(text) if text.contains("no IPv6 address")),
        "{failure}"
    );
}
