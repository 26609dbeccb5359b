//! Headers that are not the guest's to set, and what could be smuggled in a request or an answer.

use serde_json::json;

use super::{
    servers::{hear, ok, say, serve},
    world::{Listening, Trick, World, get, knowing, plain, tried},
};

fn headers(port: u16) -> Vec<Trick> {
    let asked = |headers: &[(&str, &str)]| {
        let one = |(name, value): &(&str, &str)| json!({ "method": "GET", "url": format!("http://target.test:{port}/v1/"), "headers": [[name, value]] });
        headers.iter().map(one).collect::<Vec<_>>()
    };
    let trick = |name, contract, wasi, headers| Trick {
        name,
        asked: asked(headers),
        contract,
        wasi,
    };
    vec![
        trick(
            "a header that the connection sets",
            "denied",
            "denied",
            &[
                ("x-api-key", "mine"),
                ("X-Api-Key", "mine"),
                ("x_api_key", "mine"),
                ("authorization", "Bearer mine"),
                ("Authorization", "{{secret:key}}"),
            ],
        ),
        trick(
            "a header that overrides URL or method",
            "denied",
            "denied",
            &[
                ("x-original-url", "/admin"),
                ("x-rewrite-url", "/admin"),
                ("X-Forwarded-Host", "evil.test"),
                ("x_forwarded_host", "evil.test"),
                ("x-http-method-override", "DELETE"),
                ("x-envoy-original-dst-host", "10.0.0.1:80"),
                ("forwarded", "host=evil.test"),
            ],
        ),
        trick(
            "a form of the answer that cannot be scrubbed",
            "denied",
            "denied",
            &[
                ("range", "bytes=4-11"),
                ("if-range", "\"x\""),
                ("accept-charset", "utf-16"),
                ("accept", "text/plain; charset=utf-16"),
                ("a-im", "gzip"),
                ("content-type", "text/plain; charset=utf-16"),
                ("content-type", "text/plain; charset=ibm037"),
            ],
        ),
        trick(
            "a header of the host's or of this hop",
            "denied",
            "interface",
            &[
                ("host", "evil.test"),
                ("Host", "evil.test"),
                ("connection", "x-api-key"),
                ("transfer-encoding", "chunked"),
                ("upgrade", "h2c"),
                ("keep-alive", "1"),
                ("proxy-authorization", "Basic eDp5"),
            ],
        ),
        trick(
            "the same, where WASI takes it",
            "denied",
            "denied",
            &[
                ("te", "trailers"),
                ("trailer", "x"),
                ("transfer_encoding", "chunked"),
                ("proxy_connection", "x"),
            ],
        ),
        trick(
            "a line break or a control character",
            "invalid",
            "interface",
            &[
                ("x-a", "a\r\nx-api-key: mine"),
                ("x-a", "a\nhost: evil.test"),
                ("x-a", "a\0b"),
                ("x-a\r\nhost", "evil.test"),
                ("x-a: b\r\nhost", "evil.test"),
                (":authority", "evil.test"),
                ("x a", "b"),
                ("", "b"),
            ],
        ),
        trick(
            "a length that is not the body's",
            "invalid",
            "invalid",
            &[("content_length", "7")],
        ),
        trick("a query of the connection's", "denied", "denied", &[]),
        trick(
            "a secret that is not there",
            "denied",
            "denied",
            &[("x-a", "{{secret:other}}")],
        ),
    ]
}

#[tokio::test]
async fn headers_that_are_not_the_guests_are_refused_and_nothing_is_smuggled_in_one() {
    let world = World::new().await;
    let server = Listening::answering(|_| ok("", "heard"));
    let url = format!("http://target.test:{}/v1/", server.port());
    let mut tricks = headers(server.port());
    for trick in &mut tricks {
        if trick.asked.is_empty() {
            trick.asked = ["?token=mine", "?t%6fken=mine", "?a=b&token"]
                .map(|query| get(&format!("{url}{query}")))
                .to_vec();
        }
    }
    let wrong = tried(&world, vec![("default", knowing(&url))], &tricks).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(server.heard(), Vec::<String>::new());
}

/// Client libraries set it by themselves: at WASI's door it is replaced, at the other it is refused.
#[tokio::test]
async fn an_encoding_that_the_guest_wishes_for_never_reaches_the_server() {
    let world = World::new().await;
    let server = Listening::answering(|_| ok("", "heard"));
    let url = format!("http://target.test:{}/v1/", server.port());
    let asked = json!({ "method": "GET", "url": url, "headers": [["accept-encoding", "zstd"]] });
    let said = world.ask(vec![("default", knowing(&url))], &[asked]).await;
    assert_eq!(said.by("contract", 0).word, "denied");
    assert_eq!(said.by("wasi", 0).word, "answered");
    let heard = server.heard();
    assert_eq!(heard.len(), 1);
    assert!(
        heard[0].contains("accept-encoding: gzip, br, deflate\r\n") && !heard[0].contains("zstd"),
        "{}",
        heard[0]
    );
}

#[tokio::test]
async fn what_a_server_says_behind_its_answer_is_the_answer_to_nothing() {
    let world = World::new().await;
    let address = serve(|mut client| {
        while let Ok(head) = hear(&mut client) {
            let said = if head.contains("GET /two ") { "second" } else { "first!" };
            let smuggled = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled";
            say(
                &mut client,
                format!("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n{said}{smuggled}"),
            )?;
        }
        Ok(())
    });
    let asked = |path: &str| json!({ "method": "GET", "url": format!("http://{address}/{path}"), "fresh": false });
    let connections = vec![("default", plain(&format!("http://{address}/")))];
    let said = world.ask(connections, &["one", "two", "two"].map(asked)).await;
    for (number, expected) in ["first!", "second", "second"].into_iter().enumerate() {
        for (door, seen) in said.both(number) {
            assert!(
                seen.text.contains(expected) && !seen.text.contains("smuggled"),
                "{door}: {seen:?}"
            );
        }
    }
}
