//! Which connection serves a request. Pure.
//!
//! A path prefix is least privilege, not a wall: it keeps a check out of what it has no business with on a server that
//! reads paths as everybody does.

use std::{net::IpAddr, sync::Arc};

use url::{Host, Url};

use super::url::{self as urls, BadUrl};
use crate::{
    capability::{
        address::{self, Refusal},
        http::message::Error,
        reach::Reach,
    },
    config::{Addresses, Connection},
};

/// Methods that no connection can grant: one turns a request into a tunnel, the other sends credentials back.
const NEVER: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];

/// Of a path, in a message.
const SHOWN_PATH_BYTES: usize = 100;

/// A request that may be made, before headers and addresses are looked at.
#[derive(Clone, Debug)]
pub(in crate::capability::http) struct Granted {
    /// Who serves it.
    pub(in crate::capability::http) connection: Arc<Connection>,
    /// Without what the connection adds.
    pub(in crate::capability::http) url: Url,
    /// Upper case.
    pub(in crate::capability::http) method: String,
}

impl From<BadUrl> for Error {
    fn from(bad: BadUrl) -> Self {
        Self::Invalid(bad.to_string())
    }
}

/// Of a guest's request.
pub(in crate::capability::http) fn admit(
    reach: &Reach,
    slot: Option<&str>,
    url: &str,
    method: &str,
) -> Result<Granted, Error> {
    let method = known_method(method)?;
    let (connection, url) = match slot {
        Some(slot) => {
            let connection = bound(reach, slot)?;
            let url = urls::relative(&connection.url, url)?;
            if !covers(connection, &url) {
                return Err(Error::Denied(outside(connection)));
            }
            (connection, url)
        }
        None => {
            let url = urls::parse(url)?;
            (longest(reach, &url, shown_path(&url))?, url)
        }
    };
    check_method(connection, &method)?;
    Ok(Granted {
        connection: Arc::clone(connection),
        url,
        method,
    })
}

/// Of a redirect's target: the connection that served so far, or the one whose prefix is longest.
pub(in crate::capability::http) fn readmit(
    reach: &Reach,
    current: &Arc<Connection>,
    url: Url,
    method: &str,
) -> Result<Granted, Error> {
    let connection = if covers(current, &url) {
        current
    } else {
        // The server wrote the path, and a part of a secret in it would be no secret any more to look for.
        longest(reach, &url, "")?
    };
    check_method(connection, method)?;
    Ok(Granted {
        connection: Arc::clone(connection),
        url,
        method: method.to_owned(),
    })
}

fn known_method(method: &str) -> Result<String, Error> {
    let upper = method.to_ascii_uppercase();
    if upper.is_empty() || !upper.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-') {
        return Err(Error::Invalid("the method is no word of letters".to_owned()));
    }
    if NEVER.contains(&upper.as_str()) {
        return Err(Error::Denied(format!("the method {upper} is never allowed")));
    }
    Ok(upper)
}

fn check_method(connection: &Connection, method: &str) -> Result<(), Error> {
    if connection.methods.contains(method) {
        return Ok(());
    }
    let allowed: Vec<_> = connection.methods.iter().map(String::as_str).collect();
    let allowed = if allowed.is_empty() {
        "nothing".to_owned()
    } else {
        allowed.join(", ")
    };
    Err(Error::Denied(format!(
        "connection `{}` allows {allowed} and not {method}: add it to `methods`",
        connection.name
    )))
}

/// What a guest means by a name: one of its slots, or an address that its settings name.
fn bound<'r>(reach: &'r Reach, slot: &str) -> Result<&'r Arc<Connection>, Error> {
    let address = || reach.addresses.iter().find(|granted| *granted.name == *slot);
    match reach.slot(slot).or_else(address) {
        Some(connection) if speaks_http(connection) => Ok(connection),
        Some(connection) => Err(Error::Denied(format!(
            "connection `{}` speaks {}, not HTTP",
            connection.name,
            connection.url.scheme()
        ))),
        None => Err(Error::Denied(format!(
            "no connection is bound to `{}`: add `connections.{} = \"NAME\"` to the check",
            printable(slot),
            printable(slot)
        ))),
    }
}

/// Guests name slots; the name stands in a message.
fn printable(name: &str) -> String {
    let shown = name.chars().filter(|c| !c.is_control()).take(64);
    shown.collect()
}

fn speaks_http(connection: &Connection) -> bool {
    matches!(connection.url.scheme(), "http" | "https")
}

fn outside(connection: &Connection) -> String {
    format!("the URL lies outside of connection `{}`", connection.name)
}

/// The grant with the longest matching path; see [`chosen`] for those that match equally. A secret URL is reached by its slot
/// only: an answer to guesses would tell it.
fn longest<'r>(reach: &'r Reach, url: &Url, path: &str) -> Result<&'r Arc<Connection>, Error> {
    let serves = |connection: &&Arc<Connection>| !connection.url_is_secret && covers(connection, url);
    let depth = |connection: &&Arc<Connection>| segments(&connection.url).len();
    let deepest = reach.all().filter(serves).map(|connection| depth(&connection)).max();
    let best = |connection: &&Arc<Connection>| serves(connection) && Some(depth(connection)) == deepest;
    chosen(reach.slots.values().filter(best), reach.addresses.iter().find(best))
        .unwrap_or_else(|| Err(Error::Denied(no_grant(url, path))))
}

/// Of grants that match equally. A connection that somebody bound to the check was meant for what lies under it, so it serves
/// with its credentials; of two such nobody can know which was meant. Addresses are all alike, since none has credentials and all
/// allow the same: the first serves, and so targets may differ in what follows their path.
fn chosen<'r>(
    mut bound: impl Iterator<Item = &'r Arc<Connection>>,
    address: Option<&'r Arc<Connection>>,
) -> Option<Result<&'r Arc<Connection>, Error>> {
    let Some(first) = bound.next() else {
        return address.map(Ok);
    };
    Some(match bound.find(|other| *other != first) {
        None => Ok(first),
        Some(other) => Err(Error::Invalid(format!(
            "connections `{}` and `{}` both match the URL equally: name the slot to use",
            first.name, other.name
        ))),
    })
}

/// Non-ASCII was encoded, so every byte is a character.
fn shown_path(url: &Url) -> &str {
    &url.path()[..url.path().len().min(SHOWN_PATH_BYTES)]
}

fn no_grant(url: &Url, path: &str) -> String {
    let origin = &url[..url::Position::BeforePath];
    if let Some(never) = out_of_reach(url) {
        return format!("no connection of this check covers {origin}{path}, and none can: {never}");
    }
    format!(
        "no connection of this check covers {origin}{path}: add a `[connection.NAME]` with `url = \"{origin}/\"` and bind it to \
         the check"
    )
}

/// Why no connection leads there, whatever its `addresses`: advice to add one would only be refused the next time. Names are
/// not looked up for it.
fn out_of_reach(url: &Url) -> Option<Refusal> {
    let address: IpAddr = match url.host()? {
        Host::Domain(_) => return None,
        Host::Ipv4(address) => address.into(),
        Host::Ipv6(address) => address.into(),
    };
    let listed = Addresses::Networks(vec![address.into()]);
    address::decide(address, &listed).err()
}

/// Same scheme, host and port, and a path below the connection's, by whole segments.
fn covers(connection: &Connection, url: &Url) -> bool {
    let base = &connection.url;
    speaks_http(connection)
        && base.scheme() == url.scheme()
        && base.host_str() == url.host_str()
        && base.port_or_known_default() == url.port_or_known_default()
        && segments(url).starts_with(&segments(base))
}

/// Without the empty one behind a last slash.
fn segments(url: &Url) -> Vec<&str> {
    let path = url.path();
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        Vec::new()
    } else {
        path.split('/').collect()
    }
}

/// Whether two URLs are of one origin.
pub(in crate::capability::http) fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::http::fixtures::{connection, reach};

    fn denied(reach: &Reach, slot: Option<&str>, url: &str, method: &str) -> String {
        match admit(reach, slot, url, method) {
            Err(Error::Denied(said)) => said,
            other => panic!("{url}: {other:?}"),
        }
    }

    fn served(reach: &Reach, url: &str) -> Option<String> {
        admit(reach, None, url, "GET")
            .ok()
            .map(|granted| granted.connection.name.to_string())
    }

    #[test]
    fn scheme_host_port_and_path_must_match() {
        let reach = reach([("default", connection("api", "https://api.example.com/v1/"))]);
        for url in [
            "https://api.example.com/v1",
            "https://api.example.com/v1/",
            "https://api.example.com:443/v1/users?x=1",
            "https://API.example.com/v0/../v1/x",
        ] {
            assert_eq!(served(&reach, url).as_deref(), Some("api"), "{url}");
        }
        for url in [
            "http://api.example.com/v1/",
            "https://api.example.com:8443/v1/",
            "https://www.example.com/v1/",
            "https://api.example.com.evil.test/v1/",
            "https://api.example.com/",
            "https://api.example.com/v10/",
            "https://api.example.com/v1/../admin",
            "https://api.example.com/v1/%2e%2e/admin",
            "https://api.example.com//v1/",
            "https://api.exаmple.com/v1/",
        ] {
            assert_eq!(served(&reach, url), None, "{url}");
        }
        assert!(denied(&reach, None, "https://www.example.com/x", "GET").contains("`[connection.NAME]`"));
    }

    #[test]
    fn the_longest_prefix_serves_and_two_equal_connections_are_an_error() {
        let mut all = reach([
            ("default", connection("all", "https://h.test/")),
            ("deep", connection("deep", "https://h.test/a/b")),
        ]);
        assert_eq!(served(&all, "https://h.test/a/b/c").as_deref(), Some("deep"));
        assert_eq!(served(&all, "https://h.test/a/bc").as_deref(), Some("all"));
        all.slots.insert("same".to_owned(), Arc::clone(&all.slots["deep"]));
        assert_eq!(served(&all, "https://h.test/a/b").as_deref(), Some("deep"));
        let other = Arc::new(connection("other", "https://h.test/a/b/"));
        all.slots.insert("other".to_owned(), other);
        let said = admit(&all, None, "https://h.test/a/b", "GET").expect_err("two");
        assert!(
            matches!(&said, Error::Invalid(text) if text.contains("`deep` and `other`")),
            "{said}"
        );
        assert_eq!(served(&all, "https://h.test/a").as_deref(), Some("all"));
    }

    /// Targets that are one place to the policy, in every spelling that people use.
    #[test]
    fn addresses_that_match_equally_serve_each_other() {
        for (one, other) in [
            ("http://h.test/x?a=1", "http://h.test/x?a=2"),
            ("http://h.test/x", "http://h.test/x/"),
            ("http://h.test", "http://h.test/"),
            ("http://LOCALHOST/", "http://localhost/"),
            ("http://127.0.0.1/", "http://2130706433/"),
            ("http://127.0.0.1/", "http://0177.0.0.1/"),
        ] {
            let addresses = [one, other].map(|url| Arc::new(Connection::at_address(url).expect("an address")));
            let mut all = reach([]);
            all.addresses.extend(addresses);
            for asked in [one, other] {
                let granted = admit(&all, None, asked, "GET").unwrap_or_else(|error| panic!("{asked}: {error}"));
                assert_eq!(&*granted.connection.name, one, "the first serves {asked}");
                assert_eq!(granted.url, Url::parse(asked).expect("a URL"), "and changes nothing");
            }
        }
    }

    #[test]
    fn a_bound_connection_serves_before_an_equal_address_and_a_longer_address_before_it() {
        let mut all = reach([("default", connection("api", "https://h.test/a"))]);
        for url in ["https://h.test/a/", "https://h.test/a/b"] {
            all.addresses
                .push(Arc::new(Connection::at_address(url).expect("an address")));
        }
        assert_eq!(served(&all, "https://h.test/a").as_deref(), Some("api"));
        assert_eq!(served(&all, "https://h.test/a/c").as_deref(), Some("api"));
        assert_eq!(
            served(&all, "https://h.test/a/b").as_deref(),
            Some("https://h.test/a/b")
        );
    }

    #[test]
    fn a_slot_serves_what_lies_under_its_connection() {
        let reach = reach([("default", connection("api", "https://h.test/v1/"))]);
        let url = |rest: &str| admit(&reach, Some("default"), rest, "GET").map(|granted| granted.url.to_string());
        assert_eq!(url("").expect("granted"), "https://h.test/v1/");
        assert_eq!(url("x/y").expect("granted"), "https://h.test/v1/x/y");
        assert!(matches!(url("../admin"), Err(Error::Denied(_))));
        assert!(denied(&reach, Some("other"), "", "GET").contains("connections.other"));
        let mut reach = reach;
        reach
            .addresses
            .push(Arc::new(connection("http://a.test/x", "http://a.test/x")));
        let granted = admit(&reach, Some("http://a.test/x"), "", "GET").expect("an address of the settings");
        assert_eq!(granted.url.as_str(), "http://a.test/x");
    }

    #[test]
    fn a_secret_url_is_reached_by_its_slot_only() {
        let mut hook = connection("hook", "https://h.test/T0/secret-part");
        hook.url_is_secret = true;
        let reach = reach([("default", hook)]);
        assert!(admit(&reach, Some("default"), "", "GET").is_ok());
        assert_eq!(served(&reach, "https://h.test/T0/secret-part"), None);
    }

    #[test]
    fn methods_are_granted_one_by_one() {
        let reach = reach([("default", connection("api", "https://h.test/"))]);
        assert_eq!(
            admit(&reach, Some("default"), "", "get").expect("granted").method,
            "GET"
        );
        let said = denied(&reach, Some("default"), "", "DELETE");
        assert_eq!(
            said,
            "connection `api` allows GET, HEAD, OPTIONS and not DELETE: add it to `methods`"
        );
        let mut all = connection("all", "https://h.test/");
        all.methods.extend(["CONNECT", "TRACE"].map(str::to_owned));
        let all = super::super::super::fixtures::reach([("default", all)]);
        for method in ["CONNECT", "TRACE", "trace"] {
            assert!(denied(&all, Some("default"), "", method).contains("never allowed"));
        }
        for method in ["", "GET /admin", "GET\r\n", "G\u{e9}T"] {
            assert!(
                matches!(admit(&reach, Some("default"), "", method), Err(Error::Invalid(_))),
                "{method:?}"
            );
        }
    }

    #[test]
    fn a_slot_that_speaks_something_else_is_denied() {
        let reach = reach([("default", connection("cache", "redis://h.test:6379/0"))]);
        assert!(denied(&reach, Some("default"), "", "GET").contains("speaks redis"));
    }

    #[test]
    fn a_redirect_needs_a_grant_of_its_own() {
        let reach = reach([
            ("default", connection("one", "https://one.test/a/")),
            ("other", connection("two", "https://two.test/")),
        ]);
        let one = Arc::clone(&reach.slots["default"]);
        let lead = |to: &str| {
            let url = Url::parse(to).expect("a URL");
            readmit(&reach, &one, url, "GET").map(|granted| granted.connection.name.to_string())
        };
        assert_eq!(lead("https://one.test/a/b").expect("granted"), "one");
        assert_eq!(lead("https://two.test/").expect("granted"), "two");
        assert!(lead("https://one.test/b").is_err());
        assert!(lead("http://one.test/a/").is_err());
        let said = lead("https://three.test/from-the-server")
            .expect_err("not granted")
            .to_string();
        assert!(
            said.contains("https://three.test") && !said.contains("from-the-server"),
            "{said}"
        );
    }

    #[test]
    fn nobody_is_advised_to_add_a_connection_that_would_be_refused() {
        let reach = reach([("default", connection("one", "https://one.test/"))]);
        let one = Arc::clone(&reach.slots["default"]);
        for (to, never) in [
            (
                "http://169.254.169.254/latest",
                "169.254.169.254 is the address of a cloud's metadata service, which no connection may reach",
            ),
            ("http://[fe80::1]/", "a link-local address"),
            ("http://0.0.0.0/", "an unspecified address"),
        ] {
            let url = Url::parse(to).expect("a URL");
            let said = readmit(&reach, &one, url, "GET").expect_err("not granted").to_string();
            assert!(said.contains(never) && !said.contains("add a"), "{said}");
        }
        for to in ["http://10.0.0.7/", "http://127.0.0.1/", "http://192.0.2.1/"] {
            assert!(
                denied(&reach, None, to, "GET").contains("add a `[connection.NAME]`"),
                "{to}"
            );
        }
    }
}
