//! What may not happen does not, on the wire: nobody is asked who should not be, and nothing is told to whom it is not for.

use super::{server::*, *};
use crate::{config::HttpAuth, secret::Secret};

const TOKEN: &str = "t0ken-of-the-connection";

fn authorized(port: u16) -> Connection {
    let mut api = at(port);
    api.auth = Some(HttpAuth::Bearer(Secret::new(TOKEN)));
    api
}

fn denied(answer: Result<Response, Failure>) -> String {
    match answer {
        Err(Failure {
            error: Error::Denied(said),
            ..
        }) => said,
        other => panic!("not denied: {other:?}"),
    }
}

#[tokio::test]
async fn a_name_that_leads_to_a_metadata_service_is_not_followed() {
    let world = World::new();
    for address in [
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "2002:a9fe:a9fe::1",
        "64:ff9b::a9fe:a9fe",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "fe80::1",
    ] {
        world.names.set("target.test", &[address]);
        let said = denied(world.get(at(80), "").await);
        assert!(said.contains("which no connection may reach"), "{address}: {said}");
    }
}

#[tokio::test]
async fn a_private_address_behind_a_public_name_names_the_key_to_change() {
    let world = World::new();
    let (port, heard) = world.answer(|_| ok("", "")).await;
    let mut public = at(port);
    public.addresses = crate::config::Addresses::Public;
    let said = denied(world.get(public, "").await);
    assert!(
        said.contains("connection `target`") && said.contains("`addresses`"),
        "{said}"
    );
    assert!(heard.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn a_name_that_changes_after_it_was_judged_changes_nothing() {
    let world = World::new();
    let (port, heard) = world.answer(|_| ok("", "")).await;
    world.names.set("target.test", &["127.0.0.1", "169.254.169.254"]);
    let response = world.get(at(port), "").await.expect("the address that was judged");
    assert_eq!(response.remote.ip(), IpAddr::from([127, 0, 0, 1]));
    assert_eq!(heard.lock().expect("not poisoned").len(), 1);
    let fresh = Request { fresh: true, ..get("") };
    denied(world.run(fixtures::reach([("default", at(port))])).send(fresh).await);
}

#[tokio::test]
async fn literal_addresses_in_every_spelling_are_one_address() {
    let world = World::new();
    for url in [
        "http://169.254.169.254/",
        "http://2852039166/",
        "http://0251.0376.0251.0376/",
        "http://0xa9.0xfe.0xa9.0xfe/",
        "http://0xa9fea9fe/",
        "http://169.254.43518/",
        "http://[::ffff:169.254.169.254]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[2002:a9fe:a9fe::]/",
    ] {
        denied(world.get(connection("meta", url), "").await);
        let absolute = Request {
            slot: None,
            url: url.to_owned(),
            ..get("")
        };
        let run = world.run(fixtures::reach([("default", at(80))]));
        denied(run.send(absolute).await);
    }
}

#[tokio::test]
async fn connect_to_a_forbidden_address_is_refused() {
    let world = World::new();
    for to in [
        "169.254.169.254",
        "[::ffff:169.254.169.254]:80",
        "[fe80::1]:80",
        "0.0.0.0:80",
    ] {
        let asked = Request {
            connect_to: Some(to.to_owned()),
            ..get("")
        };
        let run = world.run(fixtures::reach([("default", at(80))]));
        denied(run.send(asked).await);
    }
}

#[tokio::test]
async fn connect_to_changes_the_address_and_not_the_host() {
    let world = World::new();
    let (port, heard) = world.answer(|_| ok("", "")).await;
    world.names.set("target.test", &["203.0.113.1"]);
    let asked = Request {
        connect_to: Some("127.0.0.1".to_owned()),
        ..get("")
    };
    let mut target = at(port);
    target.addresses = crate::config::Addresses::Networks(vec!["127.0.0.1/32".parse().expect("a network")]);
    let run = world.run(fixtures::reach([("default", target)]));
    run.send(asked).await.expect("answered");
    assert_eq!(
        heard.lock().expect("not poisoned")[0].header("host"),
        Some(&*format!("target.test:{port}"))
    );
}

#[tokio::test]
async fn connect_to_does_not_widen_a_grant() {
    let world = World::new();
    let (port, heard) = world.answer(|_| ok("", "")).await;
    world.names.set("target.test", &["127.0.0.2"]);
    let asked = |to: String| Request {
        connect_to: Some(to),
        ..get("")
    };
    let reach = || fixtures::reach([("default", at(port))]);
    let said = denied(world.run(reach()).send(asked("127.0.0.1".to_owned())).await);
    assert!(said.contains("`target.test` has no such address"), "{said}");
    let other = fixtures::reach([("default", connection("target", "http://target.test/"))]);
    let said = denied(world.run(other).send(asked(format!("127.0.0.1:{port}"))).await);
    assert!(said.contains("the URL has port 80"), "{said}");
    assert!(heard.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn what_was_not_granted_is_never_asked() {
    let world = World::new();
    let (port, heard) = world.answer(|_| ok("", "")).await;
    let api = connection("api", &format!("http://target.test:{port}/v1/"));
    let run = world.run(fixtures::reach([("default", api)]));
    let absolute = |url: String, method: &str| Request {
        method: method.to_owned(),
        slot: None,
        url,
        ..Request::default()
    };
    for (url, method) in [
        (format!("http://other.test:{port}/v1/"), "GET"),
        (format!("http://target.test:{}/v1/", port.wrapping_add(1).max(1)), "GET"),
        (format!("https://target.test:{port}/v1/"), "GET"),
        (format!("http://target.test:{port}/admin"), "GET"),
        (format!("http://target.test:{port}/v1/../admin"), "GET"),
        (format!("http://target.test:{port}/v1/%2e%2e/admin"), "GET"),
        (format!("http://target.test:{port}/v1/x"), "DELETE"),
        (format!("http://target.test:{port}/v1/x"), "TRACE"),
    ] {
        denied(run.send(absolute(url, method)).await);
    }
    for url in [
        format!("http://u@target.test:{port}/v1/"),
        format!("http://target.test:{port}/v1/..%2fadmin"),
        format!("http://target.test:{port}/v1/..;/admin"),
        format!("http://target.test:{port}/v1/..\\admin"),
        format!("http://target.test.:{port}/v1/"),
        format!("http://target.test:{port}/v1/\r\nhost: evil"),
    ] {
        let failure = run.send(absolute(url.clone(), "GET")).await.expect_err("refused");
        assert!(matches!(failure.error, Error::Invalid(_)), "{url}: {failure}");
    }
    assert!(heard.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn the_wire_carries_what_the_policy_saw_and_what_the_connection_adds() {
    let world = World::new();
    let (port, heard) = world.answer(|_| ok("", "")).await;
    let mut api = authorized(port);
    api.methods.insert("POST".to_owned());
    api.headers = vec![("x-own".to_owned(), Secret::new("own"))];
    api.query = vec![("token".to_owned(), Secret::new("q&q"))];
    api.secrets.insert("key".to_owned(), Secret::new("s3cr3t"));
    let asked = Request {
        method: "POST".to_owned(),
        headers: vec![("X-Key".to_owned(), b"{{secret:key}}".to_vec())],
        body: b"{\"key\":\"{{secret:key}}\"}".to_vec(),
        ..get("a/../b?x=1")
    };
    let response = world
        .run(fixtures::reach([("default", api)]))
        .send(asked)
        .await
        .expect("answered");
    let heard = heard.lock().expect("not poisoned")[0].clone();
    assert_eq!(heard.line(), "POST /b?x=1&token=q%26q HTTP/1.1");
    assert_eq!(heard.header("host"), Some(&*format!("target.test:{port}")));
    assert_eq!(heard.header("authorization"), Some(&*format!("Bearer {TOKEN}")));
    assert_eq!(
        (heard.header("x-own"), heard.header("x-key")),
        (Some("own"), Some("s3cr3t"))
    );
    assert_eq!(heard.body, b"{\"key\":\"s3cr3t\"}");
    assert_eq!(heard.header("content-length"), Some("16"));
    assert_eq!(
        response.url,
        format!("http://target.test:{port}/b?x=1"),
        "without what the connection added"
    );
}

#[tokio::test]
async fn a_redirect_to_another_origin_tells_it_nothing() {
    let world = World::new();
    let (second, heard) = world.answer(|_| ok("", "there")).await;
    let (first, _) = world
        .answer(move |_| redirect(302, &format!("http://second.test:{second}/x")))
        .await;
    let mut other = connection("second", &format!("http://second.test:{second}/"));
    other.auth = Some(HttpAuth::Bearer(Secret::new("of-the-second-one")));
    other.headers = vec![("x-api-key".to_owned(), Secret::new("k"))];
    let asked = Request {
        redirects_max: 2,
        headers: vec![
            ("cookie".to_owned(), b"a=b".to_vec()),
            ("accept".to_owned(), b"text/html".to_vec()),
        ],
        ..get("")
    };
    let run = world.run(fixtures::reach([("default", authorized(first)), ("second", other)]));
    let response = run.send(asked).await.expect("followed");
    assert_eq!(text(&response), "there");
    let heard = heard.lock().expect("not poisoned")[0].clone();
    for name in ["authorization", "x-api-key", "cookie"] {
        assert_eq!(heard.header(name), None, "{name}");
    }
    assert_eq!(heard.header("accept"), Some("text/html"));
}

#[tokio::test]
async fn a_redirect_goes_through_the_whole_policy() {
    let world = World::new();
    for location in [
        "http://169.254.169.254/latest/meta-data/",
        "http://other.test/",
        "https://target.test/",
        "//other.test/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
    ] {
        let (port, _) = world.answer(move |_| redirect(302, location)).await;
        let asked = Request {
            redirects_max: 2,
            ..get("")
        };
        let run = world.run(fixtures::reach([("default", at(port))]));
        let said = denied(run.send(asked).await);
        assert!(said.contains("redirects"), "{location}: {said}");
    }
}

#[tokio::test]
async fn a_redirect_to_a_granted_name_that_leads_to_metadata_is_denied() {
    let world = World::new();
    world.names.set("second.test", &["169.254.169.254"]);
    let (port, _) = world.answer(|_| redirect(302, "http://second.test/")).await;
    let asked = Request {
        redirects_max: 2,
        ..get("")
    };
    let reach = fixtures::reach([
        ("default", at(port)),
        ("second", connection("second", "http://second.test/")),
    ]);
    let failure = world.run(reach).send(asked).await.expect_err("denied");
    assert!(matches!(failure.error, Error::Denied(_)), "{failure}");
    assert_eq!(failure.redirects, 1);
}

#[tokio::test]
async fn redirects_end() {
    let world = World::new();
    let (port, heard) = world.answer(|_| redirect(302, "/again")).await;
    let run = world.run(fixtures::reach([("default", at(port))]));
    let asked = Request {
        redirects_max: 3,
        ..get("")
    };
    let failure = run.send(asked).await.expect_err("a loop");
    assert!(
        matches!(&failure.error, Error::Limit(text) if text == "more than 3 redirects"),
        "{failure}"
    );
    assert_eq!((failure.redirects, failure.status), (3, Some(302)));
    assert_eq!(heard.lock().expect("not poisoned").len(), 4);
    let response = run.send(get("")).await.expect("an answer like others");
    assert_eq!((response.status, response.redirects), (302, 0));
}

#[tokio::test]
async fn headers_of_the_host_and_the_connection_are_not_the_guests() {
    let world = World::new();
    let (port, heard) = world.answer(|_| ok("", "")).await;
    for name in [
        "Host",
        "authorization",
        "Transfer-Encoding",
        "X-Forwarded-Host",
        "x_http_method_override",
        "accept-encoding",
    ] {
        let asked = Request {
            headers: vec![(name.to_owned(), b"evil.test".to_vec())],
            ..get("")
        };
        let run = world.run(fixtures::reach([("default", authorized(port))]));
        denied(run.send(asked).await);
    }
    assert!(heard.lock().expect("not poisoned").is_empty());
}

#[tokio::test]
async fn connections_are_not_shared_between_checks_or_credentials() {
    let world = World::new();
    let (port, _) = world.answer(|_| ok("", "")).await;
    let plain = Arc::new(fixtures::reach([("default", at(port))]));
    let other = Arc::new(fixtures::reach([("default", authorized(port))]));
    let until = Clock::system().monotonic() + RUN;
    let run = |check: &str, reach: &Arc<Reach>| world.http.run(check.into(), Arc::clone(reach), until);
    assert!(!run("one", &plain).send(get("")).await.expect("answered").reused);
    assert!(!run("two", &plain).send(get("")).await.expect("answered").reused);
    assert!(!run("one", &other).send(get("")).await.expect("answered").reused);
    assert!(run("one", &plain).send(get("")).await.expect("answered").reused);
}
