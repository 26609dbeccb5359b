//! Credentials that others than the server could get to know: over a stream that is not encrypted, or from whoever answers
//! in the server's place.
//!
//! Flows in: a connection that was read, and which of its keys hold credentials. Flows out: warnings. What stays within
//! this machine, and what the host itself keeps from leaving, is nobody's concern here.

use url::Url;

use super::{Connection, Shown, networks::is_this_machine};
use crate::config::reader::Reader;

/// Of a signature, the key stays here.
const STAYS: &str = "sign.key";

/// Travels to the proxy, not to the server.
const TO_PROXY: &str = "proxy.password";

/// Of a URL without TLS.
const UNENCRYPTED: &str = "the URL asks for no TLS, and whoever is in between can read it";

/// Warns of a connection that gives its credentials away, and of a proxy to which it does.
pub(super) fn warn(reader: &Reader<'_, '_>, connection: &Connection, shown: &Shown) {
    let to_server = |key: &&'static str| ![STAYS, TO_PROXY].contains(key);
    let exposed = exposed(&connection.url, connection.tls.ca.is_some());
    if let (Some(key), Some((why, hint)), Some(node)) =
        (shown.credentials().find(to_server), exposed, reader.node("url"))
    {
        let message = format!("a credential in `{key}` is not safe on its way: {why}");
        reader.reading.warn(node.span, message, hint.to_owned());
    }
    let proxy = connection.proxy.as_ref().filter(|proxy| is_open(&proxy.url));
    if let (Some(_), true, Some(node)) = (
        proxy,
        shown.credentials().any(|key| key == TO_PROXY),
        reader.node("proxy"),
    ) {
        let message = format!("a credential in `{TO_PROXY}` is not safe on its way: {UNENCRYPTED}");
        let hint = "make it a URL with `https`, if the proxy offers TLS".to_owned();
        reader.reading.warn(node.span, message, hint);
    }
}

/// Why what is sent could become known, and what to do; `None`: it could not.
fn exposed(url: &Url, has_ca: bool) -> Option<(&'static str, &'static str)> {
    if is_open(url) {
        let hint = match url.scheme() {
            "redis" => "make it a URL with `rediss`, if the server offers TLS",
            _ => "make it a URL with `https`, if the server offers TLS",
        };
        return Some((UNENCRYPTED, hint));
    }
    if !matches!(url.scheme(), "postgres" | "postgresql") || is_this_machine(url) {
        return None;
    }
    let mode = url.query_pairs().find(|(key, _)| key == "sslmode");
    let why = match mode.as_ref().map(|(_, mode)| mode.as_ref()) {
        Some("disable") => "`sslmode=disable` is not encrypted, and whoever is in between can change what is asked",
        Some("prefer") => "`sslmode=prefer` does without TLS when whoever is in between says so",
        Some("require") if !has_ca => "`sslmode=require` without `tls.ca` takes whoever answers for the server",
        _ => return None,
    };
    let hint = "leave `sslmode` out, or write sslmode=verify-full; what to trust besides the system's own roots: tls.ca = \
                \"ca.pem\"";
    Some((why, hint))
}

fn is_open(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "redis") && !is_this_machine(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_exposed(url: &str, has_ca: bool) -> bool {
        exposed(&Url::parse(url).expect(url), has_ca).is_some()
    }

    #[test]
    fn what_others_could_get_to_know_is_exposed() {
        for url in [
            "http://grafana:3000/",
            "http://10.0.0.7/",
            "http://localhost.example.com/",
            "redis://cache/0",
            "postgres://db/x?sslmode=disable",
            "postgresql://db/x?sslmode=prefer",
            "postgres://db/x?sslmode=require",
        ] {
            assert!(is_exposed(url, false), "{url}");
        }
        assert!(is_exposed("postgres://db/x?sslmode=prefer", true));
    }

    #[test]
    fn tls_with_a_verified_server_and_this_machine_expose_nothing() {
        for url in [
            "https://grafana/",
            "http://localhost:3000/",
            "http://127.8.9.1/",
            "http://[::1]/",
            "rediss://cache/0",
            "redis://LOCALHOST/0",
            "redis+unix:///run/redis.sock",
            "postgres://db/x",
            "postgres://db/x?sslmode=verify-ca",
            "postgres://localhost/x?sslmode=disable",
        ] {
            assert!(!is_exposed(url, false), "{url}");
        }
        assert!(!is_exposed("postgres://db/x?sslmode=require", true));
    }
}
