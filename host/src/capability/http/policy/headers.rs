//! Which headers a guest may set. Pure.

use hyper::header::{HeaderName, HeaderValue};

use crate::{
    capability::http::message::{Error, Header},
    config::{Connection, HOP_BY_HOP, HttpAuth},
};

/// Headers of one request. Browsers send twenty.
const HEADERS_MAX: usize = 100;

/// With these, proxies and frameworks serve another URL, host or method than the one that was granted.
const OVERRIDES: [&str; 25] = [
    "forwarded",
    "front-end-https",
    "x-envoy-original-dst-host",
    "x-envoy-original-path",
    "x-forwarded-host",
    "x-forwarded-path",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-uri",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-override-url",
    "x-proxy-url",
    "x-rewrite-url",
    "x-url-scheme",
];

/// With these, servers answer in another form than text from its beginning on: compressed, in another alphabet, in part.
const FORMS: [&str; 6] = [
    "a-im",
    "accept-charset",
    "accept-encoding",
    "if-range",
    "range",
    // What Netscape called `range`; Apache httpd still takes it.
    "request-range",
];

/// Alphabets in which a secret in a body is read as it was written. In another, such as UTF-16, a server reads other letters,
/// and what it says back is a form of the secret that nobody knows.
const ALPHABETS: [&str; 6] = ["utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1252"];

/// Why a guest may not ask for them.
const UNREADABLE: &str = "is not for a check with credentials: they could not be taken out of the answer";

/// What a guest may say about the form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::capability::http) enum Answers {
    /// Anything.
    Any,
    /// Nothing: the host must be able to read it, and to see secrets whole, to take them out of it.
    Whole,
}

/// Checks what a guest sends with a request whose body has `body_length` bytes. `content-length` is left out of what
/// comes back: it is the host's to say.
pub(in crate::capability::http) fn check(
    headers: &[Header],
    body_length: usize,
    connection: &Connection,
    answers: Answers,
) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    if headers.len() > HEADERS_MAX {
        return Err(Error::Limit(format!("more than {HEADERS_MAX} request headers")));
    }
    let mut checked = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::Invalid("a header's name is not a word".to_owned()))?;
        let plain = plain(&name);
        check_name(&plain, connection, answers)?;
        let value = header_value(&name, value)?;
        if answers == Answers::Whole && plain == "accept" && names_charset(value.as_bytes()) {
            return Err(Error::Denied(format!("`charset` in header `accept` {UNREADABLE}")));
        }
        if answers == Answers::Whole && plain == "content-type" && is_transcribed(value.as_bytes()) {
            return Err(Error::Denied(
                "`charset` in header `content-type` is `utf-8` in a check with credentials: read in another alphabet, they \
                 could not be taken out of the answer"
                    .to_owned(),
            ));
        }
        if plain != "content-length" {
            checked.push((name, value));
        } else if value.as_bytes() != body_length.to_string().as_bytes() {
            return Err(Error::Invalid(
                "`content-length` is not the length of the body".to_owned(),
            ));
        }
    }
    Ok(checked)
}

/// A value without line breaks and other control characters, however it came to be.
pub(in crate::capability::http) fn header_value(name: &HeaderName, value: &[u8]) -> Result<HeaderValue, Error> {
    HeaderValue::from_bytes(value)
        .map_err(|_| Error::Invalid(format!("the value of header `{name}` contains a control character")))
}

fn check_name(name: &str, connection: &Connection, answers: Answers) -> Result<(), Error> {
    let denied = |why: &str| Err(Error::Denied(format!("header `{name}` {why}")));
    if name == "host" || HOP_BY_HOP.contains(&name) {
        return denied("is the host's to set");
    }
    if OVERRIDES.contains(&name) {
        return denied("could make a server answer for another URL or method than the one that was granted");
    }
    if is_owned(name, connection) {
        return denied(&format!("is set by connection `{}`", connection.name));
    }
    if answers == Answers::Whole && FORMS.contains(&name) {
        return denied(UNREADABLE);
    }
    Ok(())
}

fn names_charset(value: &[u8]) -> bool {
    String::from_utf8_lossy(value).to_ascii_lowercase().contains("charset")
}

/// Whether a body of this type would be read in another alphabet, by whoever reads any of its charsets.
fn is_transcribed(value: &[u8]) -> bool {
    let value = String::from_utf8_lossy(value).to_ascii_lowercase();
    let mut named = value.split("charset").skip(1).map(|rest| {
        let name = rest.trim_start_matches(['=', '"', '\'', ' ', '\t']);
        name.split(['"', '\'', ';', ',', ' ', '\t'])
            .next()
            .unwrap_or_default()
            .to_owned()
    });
    named.any(|name| !ALPHABETS.contains(&name.as_str()))
}

/// Lower case, and with `-` for `_`: many servers take `X_Forwarded_Host` for `X-Forwarded-Host`.
fn plain(name: &HeaderName) -> String {
    name.as_str().replace('_', "-")
}

fn is_owned(name: &str, connection: &Connection) -> bool {
    let owned = |own: &str| own.to_ascii_lowercase().replace('_', "-") == name;
    let signed = connection
        .sign
        .as_ref()
        .is_some_and(|sign| owned(&sign.header) || sign.timestamp_header.as_deref().is_some_and(owned));
    let authorized = match connection.auth {
        Some(HttpAuth::Basic { .. } | HttpAuth::Bearer(_)) => name == "authorization",
        None => false,
    };
    signed || authorized || connection.headers.iter().any(|(own, _)| owned(own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{capability::http::fixtures::connection, config::Sign, secret::Secret};

    fn api() -> Connection {
        let mut api = connection("api", "https://h.test/");
        api.headers = vec![("apikey".to_owned(), Secret::new("k"))];
        api.auth = Some(HttpAuth::Bearer(Secret::new("t")));
        api.sign = Some(Sign {
            header: "x-signature".to_owned(),
            key: Secret::new("s"),
            prefix: String::new(),
            timestamp_header: Some("x-time".to_owned()),
        });
        api
    }

    fn said(name: &str, value: &[u8]) -> Result<usize, Error> {
        let headers = [(name.to_owned(), value.to_vec())];
        check(&headers, 3, &api(), Answers::Whole).map(|checked| checked.len())
    }

    #[test]
    fn ordinary_headers_pass() {
        for name in [
            "accept",
            "Content-Type",
            "x-request-id",
            "cookie",
            "x-forwarded-for",
            "prefer",
        ] {
            assert_eq!(said(name, b"v\xc3\xa9"), Ok(1), "{name}");
        }
    }

    #[test]
    fn what_the_host_or_the_connection_sets_is_denied_in_every_spelling() {
        for name in [
            "host",
            "Host",
            "Connection",
            "TRANSFER-ENCODING",
            "transfer_encoding",
            "te",
            "upgrade",
            "proxy-authorization",
            "apikey",
            "ApiKey",
            "Authorization",
            "x-signature",
            "X_Signature",
            "x-time",
            "accept-encoding",
            "Accept_Encoding",
            "range",
            "If-Range",
            "request-range",
            "accept-charset",
            "a-im",
        ] {
            assert!(matches!(said(name, b"x"), Err(Error::Denied(_))), "{name}");
        }
    }

    #[test]
    fn headers_that_override_the_url_are_denied() {
        for name in [
            "X-Original-URL",
            "X-Rewrite-URL",
            "X-HTTP-Method-Override",
            "X-Forwarded-Host",
            "x_forwarded_host",
            "X-Original_URL",
            "x-envoy-original-dst-host",
            "Forwarded",
        ] {
            assert!(matches!(said(name, b"x"), Err(Error::Denied(_))), "{name}");
        }
    }

    #[test]
    fn nothing_is_smuggled_in_names_or_values() {
        for name in ["", "a b", "a:b", "a\r\nhost", "h\u{f6}st", "a\0"] {
            assert!(matches!(said(name, b"x"), Err(Error::Invalid(_))), "{name:?}");
        }
        for value in [&b"a\r\nhost: evil"[..], b"a\nb", b"a\0b", b"a\x7f"] {
            assert!(matches!(said("x-a", value), Err(Error::Invalid(_))), "{value:?}");
        }
        for name in ["content-length", "Content_Length"] {
            assert_eq!(said(name, b"3"), Ok(0), "{name}");
            assert!(matches!(said(name, b"4"), Err(Error::Invalid(_))), "{name}");
        }
        for length in [&b"4"[..], b"3, 3", b"+3", b"03", b""] {
            assert!(
                matches!(said("content-length", length), Err(Error::Invalid(_))),
                "{length:?}"
            );
        }
    }

    #[test]
    fn with_credentials_no_other_alphabet_is_asked_for() {
        for value in [&b"text/plain; charset=utf-16"[..], b"*/*;q=1, text/html;CharSet=utf-7"] {
            assert!(matches!(said("accept", value), Err(Error::Denied(_))), "{value:?}");
        }
    }

    #[test]
    fn with_credentials_no_body_is_read_in_another_alphabet() {
        for value in [
            "text/plain",
            "application/json; charset=utf-8",
            "text/xml;CharSet=\"UTF-8\"",
            "text/plain; charset=iso-8859-1",
        ] {
            assert_eq!(said("content-type", value.as_bytes()), Ok(1), "{value}");
        }
        for value in [
            "text/plain; charset=utf-16",
            "text/plain;charset=\"UTF-16LE\"",
            "text/plain; charset=utf-8; charset=utf-7",
            "text/plain; charset=",
            "text/plain; charset = ibm037",
            "text/plain; charset*=utf-8''utf-7",
        ] {
            assert!(
                matches!(said("content-type", value.as_bytes()), Err(Error::Denied(_))),
                "{value}"
            );
        }
    }

    #[test]
    fn without_credentials_a_guest_may_choose_the_form() {
        let headers = [
            ("accept-encoding".to_owned(), b"br".to_vec()),
            ("accept".to_owned(), b"text/plain; charset=utf-16".to_vec()),
            ("range".to_owned(), b"bytes=0-9".to_vec()),
        ];
        let open = connection("open", "https://h.test/");
        assert!(check(&headers, 0, &open, Answers::Any).is_ok());
    }

    #[test]
    fn too_many_headers_are_a_limit() {
        let headers = vec![("x".to_owned(), b"y".to_vec()); HEADERS_MAX + 1];
        let open = connection("open", "https://h.test/");
        assert!(matches!(check(&headers, 0, &open, Answers::Any), Err(Error::Limit(_))));
    }
}
