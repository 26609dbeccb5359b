//! From an ask to a request: by an address in the settings, or by a connection slot.

use std::collections::BTreeMap;

use bellwether_sdk::{context::Connection, http::Request};

use super::{Ask, Place};
use crate::settings::slot::Slot;

/// URLs of the bound connections, by slot.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bases(BTreeMap<String, String>);

impl Bases {
    pub(crate) fn new(connections: &[Connection]) -> Self {
        let by_slot = connections.iter().map(|each| (each.name.clone(), each.url.clone()));
        Self(by_slot.collect())
    }

    pub(crate) fn request(&self, place: Place<'_>, ask: &Ask) -> Request {
        let mut request = self.addressed(place, &ask.path);
        request.method.clone_from(&ask.method);
        request.timeout_ms = place.timeout.map(|span| span.milliseconds());
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &ask.body {
            request.body = body.clone().into_bytes();
            if !ask
                .headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            {
                request = request.header("content-type", "application/json");
            }
        }
        request
    }

    fn addressed(&self, place: Place<'_>, path: &str) -> Request {
        match (place.url, place.connection) {
            (Some(url), _) => Request::get_url(&joined(url, path)),
            (None, slot) => {
                let slot = slot.unwrap_or(Slot::Default).name();
                Request::get(slot, self.below(slot, path))
            }
        }
    }

    /// What to put after the connection's URL, so that one slash stands between the two.
    fn below<'p>(&self, slot: &str, path: &'p str) -> &'p str {
        let ends_in_slash = self.0.get(slot).is_some_and(|url| url.ends_with('/'));
        if ends_in_slash {
            path.strip_prefix('/').unwrap_or(path)
        } else {
            path
        }
    }
}

fn joined(url: &str, path: &str) -> String {
    if path.is_empty() {
        url.to_owned()
    } else {
        format!("{}{path}", url.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: Option<&'static str>) -> Place<'static> {
        Place {
            url,
            connection: None,
            timeout: None,
        }
    }

    fn bases(url: &str) -> Bases {
        Bases::new(&[Connection {
            name: "default".into(),
            scheme: "https".into(),
            url: url.into(),
        }])
    }

    fn to(bases: &Bases, url: Option<&'static str>, path: &str) -> (Option<String>, String) {
        let ask = Ask {
            method: "GET".into(),
            path: path.into(),
            ..Ask::default()
        };
        let request = bases.request(place(url), &ask);
        (request.connection, request.url)
    }

    #[test]
    fn one_slash_stands_between_address_and_path() {
        let none = Bases::default();
        assert_eq!(to(&none, Some("http://a:1/b/"), "/v2").1, "http://a:1/b/v2");
        assert_eq!(to(&none, Some("http://a:1"), "/v2").1, "http://a:1/v2");
        assert_eq!(
            to(&none, Some("http://a:1/x.json"), "").1,
            "http://a:1/x.json",
            "exactly the address"
        );
    }

    #[test]
    fn without_an_address_the_slot_is_asked() {
        let slot = Some("default".to_owned());
        assert_eq!(to(&bases("https://a/b/"), None, "/v2"), (slot.clone(), "v2".into()));
        assert_eq!(to(&bases("https://a/b"), None, "/v2"), (slot.clone(), "/v2".into()));
        assert_eq!(to(&bases("https://a/b"), None, ""), (slot, String::new()));
    }

    #[test]
    fn a_body_is_json_unless_said_otherwise() {
        let ask = |headers: &[(&str, &str)]| Ask {
            method: "POST".into(),
            body: Some("{}".into()),
            headers: headers
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
            ..Ask::default()
        };
        let types = |request: &Request| request.headers.len();
        let request = Bases::default().request(place(Some("http://a")), &ask(&[]));
        assert_eq!((types(&request), request.method.as_str()), (1, "POST"));
        let request = Bases::default().request(place(Some("http://a")), &ask(&[("Content-Type", "text/plain")]));
        assert_eq!((types(&request), request.body), (1, b"{}".to_vec()));
    }
}
