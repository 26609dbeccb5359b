//! What follows an answer that points elsewhere. Pure.
//!
//! Flows in: the request that was made, and the answer's status and `location`. Flows out: the next request after the
//! whole policy was asked again. Across origins, and from one connection to another, it carries no credentials: neither
//! those of the connection it leaves, nor those of the one it comes to, since it was not the guest who chose it.

use std::sync::Arc;

use hyper::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};

use super::{
    credentials::without_query,
    message::Error,
    policy::{grant, grant::Granted, secrets, url as urls},
};
use crate::capability::reach::Reach;

/// Of the guest's own headers, what another origin may see.
const HARMLESS: [HeaderName; 4] = [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT];

/// One request of a chain.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Where to.
    pub(super) granted: Granted,
    /// The guest's, checked.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// The guest's, without secrets in their places.
    pub(super) body: Vec<u8>,
    /// Without anything of the connection's but its permission.
    pub(super) bare: bool,
}

/// Whether an answer with this status is one to follow.
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The request that an answer with `location` asks for.
pub(super) fn next(step: &Step, status: u16, location: &[u8], reach: &Reach) -> Result<Step, Error> {
    let location = std::str::from_utf8(location).map_err(|_| unusable("it is not text"))?;
    let from = &step.granted.url;
    let url = urls::redirected(from, location).map_err(|bad| unusable(&bad.to_string()))?;
    let (method, keeps_body) = method(status, &step.granted.method);
    let granted = grant::readmit(reach, &step.granted.connection, url, method)
        .map_err(|error| error.reworded(|text| format!("the server redirects to where it may not: {text}")))?;
    let stays = grant::same_origin(from, &granted.url) && Arc::ptr_eq(&granted.connection, &step.granted.connection);
    let body = if keeps_body { step.body.clone() } else { Vec::new() };
    if stays {
        let headers = step
            .headers
            .iter()
            .filter(|(name, _)| keeps_body || *name != CONTENT_TYPE);
        let url = if step.bare {
            granted.url
        } else {
            without_query(&granted.connection, granted.url)
        };
        return Ok(Step {
            granted: Granted { url, ..granted },
            headers: headers.cloned().collect(),
            body,
            bare: step.bare,
        });
    }
    if secrets::has_places(&body) {
        return Err(Error::Denied(
            "the server redirects a body with secrets to another origin".to_owned(),
        ));
    }
    Ok(Step {
        granted,
        headers: step
            .headers
            .iter()
            .filter(|header| may_leave(header, keeps_body))
            .cloned()
            .collect(),
        body,
        bare: true,
    })
}

fn may_leave((name, value): &(HeaderName, HeaderValue), keeps_body: bool) -> bool {
    HARMLESS.contains(name) && (keeps_body || *name != CONTENT_TYPE) && !secrets::has_places(value.as_bytes())
}

/// As browsers do (Fetch, section 4.4): 303 turns everything but HEAD into GET, 301 and 302 only POST.
fn method(status: u16, method: &str) -> (&str, bool) {
    match (status, method) {
        (303, "HEAD") => ("HEAD", false),
        (303, _) | (301 | 302, "POST") => ("GET", false),
        _ => (method, true),
    }
}

fn unusable(why: &str) -> Error {
    Error::Protocol(format!("the server redirects to a URL that cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::http::fixtures::{connection, reach};

    fn world() -> Reach {
        let mut one = connection("one", "https://one.test/a/");
        one.methods.insert("POST".to_owned());
        reach([("default", one), ("two", connection("two", "https://two.test/"))])
    }

    fn step(reach: &Reach, method: &str, body: &[u8]) -> Step {
        let header =
            |name: &'static str, value: &'static str| (HeaderName::from_static(name), HeaderValue::from_static(value));
        Step {
            granted: grant::admit(reach, Some("default"), "x", method).expect("granted"),
            headers: vec![
                header("accept", "text/html"),
                header("content-type", "text/plain"),
                header("cookie", "a=b"),
                header("user-agent", "{{secret:key}}"),
            ],
            body: body.to_vec(),
            bare: false,
        }
    }

    fn names(step: &Step) -> Vec<&str> {
        step.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn within_a_connection_everything_comes_along() {
        let reach = world();
        let next = next(&step(&reach, "POST", b"body"), 307, b"/a/y", &reach).expect("followed");
        assert_eq!(next.granted.url.as_str(), "https://one.test/a/y");
        assert_eq!(
            (next.granted.method.as_str(), &*next.body, next.bare),
            ("POST", &b"body"[..], false)
        );
        assert_eq!(names(&next), ["accept", "content-type", "cookie", "user-agent"]);
    }

    #[test]
    fn across_origins_credentials_stay_behind_and_never_come_back() {
        let reach = world();
        let away = next(&step(&reach, "GET", b""), 302, b"https://two.test/", &reach).expect("followed");
        assert!(away.bare);
        assert_eq!(names(&away), ["accept", "content-type"]);
        let back = next(&away, 302, b"https://one.test/a/", &reach).expect("followed");
        assert!(back.bare, "what was lost stays lost");
    }

    #[test]
    fn what_was_not_granted_is_not_followed() {
        let reach = world();
        for location in [
            "https://three.test/",
            "http://one.test/a/",
            "https://one.test/b",
            "https://one.test:8443/a/",
            "../b",
            "http://169.254.169.254/",
        ] {
            let said = next(&step(&reach, "GET", b""), 302, location.as_bytes(), &reach).expect_err(location);
            assert!(matches!(said, Error::Denied(_)), "{location}: {said}");
        }
        for location in [
            "https://u@one.test/a/",
            "/a/..%2f",
            "file:///etc/passwd",
            "\\\\two.test\\",
        ] {
            let said = next(&step(&reach, "GET", b""), 302, location.as_bytes(), &reach).expect_err(location);
            assert!(matches!(said, Error::Protocol(_)), "{location}: {said}");
        }
        let post = next(&step(&reach, "POST", b"x"), 307, b"https://two.test/", &reach).expect_err("only read");
        assert!(matches!(post, Error::Denied(_)), "{post}");
    }

    #[test]
    fn methods_change_as_in_browsers() {
        assert_eq!(method(303, "POST"), ("GET", false));
        assert_eq!(method(303, "HEAD"), ("HEAD", false));
        assert_eq!(method(302, "POST"), ("GET", false));
        assert_eq!(method(301, "PUT"), ("PUT", true));
        assert_eq!(method(308, "POST"), ("POST", true));
        let reach = world();
        let next = next(&step(&reach, "POST", b"body"), 303, b"y", &reach).expect("followed");
        assert_eq!((next.granted.method.as_str(), next.body.len()), ("GET", 0));
        assert!(!names(&next).contains(&"content-type"));
    }

    #[test]
    fn a_body_with_secrets_crosses_no_origin() {
        let mut reach = world();
        let mut two = connection("two", "https://two.test/");
        two.methods.insert("POST".to_owned());
        reach.slots.insert("two".to_owned(), Arc::new(two));
        let said = next(
            &step(&reach, "POST", b"{{secret:key}}"),
            307,
            b"https://two.test/",
            &reach,
        )
        .expect_err("denied");
        assert!(matches!(said, Error::Denied(_)), "{said}");
    }
}
