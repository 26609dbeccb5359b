//! Which keys of a connection make sense for which scheme, and why the others do not.

use super::Protocol;
use crate::config::reader::Reader;

/// Keys that only requests over HTTP have.
const HTTP_KEYS: [&str; 7] = ["methods", "headers", "query", "secrets", "auth", "sign", "proxy"];

/// Why `key` cannot stand in a connection of this scheme, and what to write instead; `None`: it can.
fn misfit(key: &str, scheme: &str, protocol: Protocol) -> Option<(&'static str, &'static str)> {
    let http = protocol == Protocol::Http;
    match key {
        "proxy" if !http => Some((
            "only requests over HTTP go by a proxy",
            "remove it: Redis and PostgreSQL are dialled directly",
        )),
        "auth" if !http => Some((
            "it is a header of HTTP requests",
            "log in with user = \"…\" and password = \"${secret:NAME}\"",
        )),
        key if HTTP_KEYS.contains(&key) && !http => Some(("it belongs to requests over HTTP", "remove it")),
        "user" | "password" if http => Some((
            "HTTP knows several ways to log in",
            "auth = { basic = { user = \"…\", password = \"${secret:NAME}\" } }, or auth = { bearer = \
             \"${secret:NAME}\" }",
        )),
        "addresses" if is_socket(scheme) => Some((
            "a socket is no address",
            "remove it: whoever may open the file may connect",
        )),
        "tls" => tls(scheme),
        _ => None,
    }
}

fn is_socket(scheme: &str) -> bool {
    matches!(scheme, "unix" | "redis+unix")
}

fn tls(scheme: &str) -> Option<(&'static str, &'static str)> {
    match scheme {
        "http" => Some(("the URL asks for no TLS", "write url = \"https://…\", or remove `tls`")),
        "redis" => Some(("the URL asks for no TLS", "write url = \"rediss://…\", or remove `tls`")),
        scheme if is_socket(scheme) => Some(("a socket on this machine needs no TLS", "remove it")),
        _ => None,
    }
}

/// Notes every key that the scheme has no use for.
pub(super) fn refuse_misfits(reader: &Reader<'_, '_>, scheme: &str, protocol: Protocol) {
    for entry in &reader.table.entries {
        if let Some((why, hint)) = misfit(&entry.key, scheme, protocol) {
            let message = format!("`{}` does not go with {scheme}://: {why}", entry.key);
            reader.reading.error(entry.key_span, message, hint.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::vocabulary::CONNECTION;

    fn fitting(scheme: &str) -> Vec<&'static str> {
        let protocol = Protocol::of_scheme(scheme).expect("a scheme");
        let fits = |key: &&str| misfit(key, scheme, protocol).is_none();
        CONNECTION.keys.iter().copied().filter(fits).collect()
    }

    #[test]
    fn every_scheme_has_the_keys_that_mean_something_to_it() {
        let http = [
            "url",
            "methods",
            "headers",
            "query",
            "secrets",
            "auth",
            "sign",
            "addresses",
            "proxy",
        ];
        assert_eq!(fitting("http"), http);
        assert_eq!(fitting("https"), [&http[..], &["tls"]].concat());
        assert_eq!(fitting("redis"), ["url", "user", "password", "addresses"]);
        assert_eq!(fitting("rediss"), ["url", "user", "password", "addresses", "tls"]);
        assert_eq!(fitting("redis+unix"), ["url", "user", "password"]);
        assert_eq!(fitting("postgres"), ["url", "user", "password", "addresses", "tls"]);
    }
}
