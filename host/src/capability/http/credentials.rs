//! What a connection adds to a request: headers, query, authorization, signature, and its secrets in their places.
//!
//! Pure but for the time of a signature, which is handed in. Flows in: what the guest wrote, checked, and the connection
//! that serves it. Flows out: what goes on the wire. After a redirect to another origin none of this happens.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use url::Url;

use super::{
    message::Error,
    policy::{headers::header_value, secrets},
};
use crate::{
    clock::Timestamp,
    config::{Connection, HttpAuth, Sign},
    secret::Secret,
};

/// Headers and body of one hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filled {
    /// The guest's and the connection's.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// With secrets in their places.
    pub(super) body: Vec<u8>,
}

/// Whether a connection has anything that an answer could echo. A proxy is told its password in front of plain HTTP.
pub(super) fn has_credentials(connection: &Connection) -> bool {
    connection.url_is_secret
        || connection.auth.is_some()
        || connection.sign.is_some()
        || !connection.headers.is_empty()
        || !connection.query.is_empty()
        || !connection.secrets.is_empty()
        || connection.proxy.as_ref().is_some_and(|proxy| proxy.auth.is_some())
}

/// Whether servers may do for this connection what they do not do for everybody. A key to a client certificate is never
/// told, so no answer can echo it; whom it is shown to matters as much.
pub(super) fn has_identity(connection: &Connection) -> bool {
    has_credentials(connection) || connection.tls.client.is_some()
}

/// Everything that the connection adds but the query.
pub(super) fn apply(
    connection: &Connection,
    headers: &[(HeaderName, HeaderValue)],
    body: &[u8],
    now: Timestamp,
) -> Result<Filled, Error> {
    let body = secrets::fill(body, connection)?.unwrap_or_else(|| body.to_vec());
    let mut all = Vec::with_capacity(headers.len() + connection.headers.len() + 2);
    for (name, value) in headers {
        let value = match secrets::fill(value.as_bytes(), connection)? {
            Some(filled) => hidden(header_value(name, &filled)?),
            None => value.clone(),
        };
        all.push((name.clone(), value));
    }
    for (name, value) in &connection.headers {
        all.push((
            own_name(name, connection)?,
            own_value(name, value.expose(), connection)?,
        ));
    }
    if let Some(auth) = &connection.auth {
        all.push((
            AUTHORIZATION,
            own_value("authorization", &authorization(auth), connection)?,
        ));
    }
    if let Some(sign) = &connection.sign {
        all.extend(signature(sign, &body, now, connection)?);
    }
    Ok(Filled { headers: all, body })
}

/// The URL with the connection's query behind it.
pub(super) fn with_query(connection: &Connection, url: &Url) -> Result<Url, Error> {
    let mut full = url.clone();
    if connection.query.is_empty() {
        return Ok(full);
    }
    let taken = full
        .query_pairs()
        .find(|(name, _)| connection.query.iter().any(|(own, _)| own == name));
    if let Some((name, _)) = taken {
        return Err(Error::Denied(format!(
            "the query parameter `{name}` is set by connection `{}`",
            connection.name
        )));
    }
    let pairs = connection.query.iter().map(|(name, value)| (name, value.expose()));
    full.query_pairs_mut().extend_pairs(pairs);
    Ok(full)
}

/// A URL that a server wrote, without what the connection adds: it may repeat what it was asked for.
pub(super) fn without_query(connection: &Connection, mut url: Url) -> Url {
    let is_own = |piece: &&str| {
        let name = url::form_urlencoded::parse(piece.as_bytes()).next();
        name.is_some_and(|(name, _)| connection.query.iter().any(|(own, _)| *own == name))
    };
    let Some(query) = url.query().map(str::to_owned) else {
        return url;
    };
    let (own, others): (Vec<&str>, Vec<&str>) = query.split('&').partition(is_own);
    if !own.is_empty() {
        let others = others.join("&");
        url.set_query(Some(others.as_str()).filter(|others| !others.is_empty()));
    }
    url
}

/// `Basic …`.
pub(super) fn basic(user: &str, password: &Secret) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose())))
}

fn authorization(auth: &HttpAuth) -> String {
    match auth {
        HttpAuth::Basic { user, password } => basic(user, password),
        HttpAuth::Bearer(token) => format!("Bearer {}", token.expose()),
    }
}

fn signature(
    sign: &Sign,
    body: &[u8],
    now: Timestamp,
    connection: &Connection,
) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, sign.key.expose().as_bytes());
    let mut context = ring::hmac::Context::with_key(&key);
    let mut headers = Vec::with_capacity(2);
    if let Some(header) = &sign.timestamp_header {
        let seconds = (now.as_nanos() / 1_000_000_000).to_string();
        context.update(seconds.as_bytes());
        context.update(b".");
        headers.push((own_name(header, connection)?, own_value(header, &seconds, connection)?));
    }
    context.update(body);
    let digest: String = context
        .sign()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let value = format!("{}{digest}", sign.prefix);
    headers.push((
        own_name(&sign.header, connection)?,
        own_value(&sign.header, &value, connection)?,
    ));
    Ok(headers)
}

fn own_name(name: &str, connection: &Connection) -> Result<HeaderName, Error> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| misconfigured(name, connection))
}

fn own_value(name: &str, value: &str, connection: &Connection) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(value)
        .map(hidden)
        .map_err(|_| misconfigured(name, connection))
}

/// The value itself is never in a message.
fn misconfigured(name: &str, connection: &Connection) -> Error {
    Error::Invalid(format!(
        "header `{name}` of connection `{}` cannot be sent: its name or value contains what no header may",
        connection.name
    ))
}

/// Kept out of debug output and of HTTP/2's compression tables.
fn hidden(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::http::fixtures::connection;

    fn sent(connection: &Connection, body: &[u8]) -> Vec<(String, String)> {
        let now = Timestamp::from_seconds(1_700_000_000);
        let filled = apply(connection, &[], body, now).expect("applied");
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        filled
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn basic_and_bearer_are_written_as_their_rfcs_say() {
        let mut api = connection("api", "https://h.test/");
        api.auth = Some(HttpAuth::Basic {
            user: "Aladdin".to_owned(),
            password: Secret::new("open sesame"),
        });
        // The example of RFC 7617.
        assert_eq!(
            sent(&api, b""),
            [pair("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")]
        );
        api.auth = Some(HttpAuth::Bearer(Secret::new("mF_9.B5f-4.1JqM")));
        assert_eq!(sent(&api, b""), [pair("authorization", "Bearer mF_9.B5f-4.1JqM")]);
    }

    #[test]
    fn a_signature_is_the_hmac_of_the_body_with_its_secrets_in_place() {
        let mut api = connection("api", "https://h.test/");
        api.secrets.insert("what".to_owned(), Secret::new("ya want"));
        api.sign = Some(Sign {
            header: "x-signature".to_owned(),
            // The second test case of RFC 4231.
            key: Secret::new("Jefe"),
            prefix: "sha256=".to_owned(),
            timestamp_header: None,
        });
        let digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let signed = sent(&api, b"what do {{secret:what}} for nothing?");
        assert_eq!(signed, [pair("x-signature", &format!("sha256={digest}"))]);
    }

    #[test]
    fn a_signature_with_a_time_covers_the_time() {
        let mut api = connection("api", "https://h.test/");
        api.sign = Some(Sign {
            header: "x-signature".to_owned(),
            key: Secret::new("key"),
            prefix: String::new(),
            timestamp_header: Some("x-time".to_owned()),
        });
        let signed = sent(&api, b"body");
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key");
        let tag = ring::hmac::sign(&key, b"1700000000.body");
        let digest: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(signed, [pair("x-time", "1700000000"), pair("x-signature", &digest)]);
    }

    #[test]
    fn a_filled_header_cannot_smuggle_another() {
        let mut api = connection("api", "https://h.test/");
        api.secrets.insert("key".to_owned(), Secret::new("a\r\nhost: evil"));
        let headers = [(
            HeaderName::from_static("x-key"),
            HeaderValue::from_static("{{secret:key}}"),
        )];
        let said = apply(&api, &headers, b"", Timestamp::from_seconds(1)).expect_err("refused");
        assert!(!said.to_string().contains("evil"), "{said}");
    }

    #[test]
    fn the_query_is_added_behind_the_guests_own() {
        let mut api = connection("api", "https://h.test/");
        api.query = vec![("token".to_owned(), Secret::new("a b&c"))];
        let url = |text: &str| with_query(&api, &Url::parse(text).expect("a URL")).map(String::from);
        assert_eq!(url("https://h.test/x"), Ok("https://h.test/x?token=a+b%26c".to_owned()));
        assert_eq!(
            url("https://h.test/x?a=%2F"),
            Ok("https://h.test/x?a=%2F&token=a+b%26c".to_owned())
        );
        assert!(matches!(url("https://h.test/?t%6fken=mine"), Err(Error::Denied(_))));
    }

    #[test]
    fn what_the_connection_adds_is_taken_out_of_a_servers_url() {
        let mut api = connection("api", "https://h.test/");
        api.query = vec![("token".to_owned(), Secret::new("x"))];
        let url = |text: &str| without_query(&api, Url::parse(text).expect("a URL")).to_string();
        assert_eq!(url("https://h.test/x?a=%2F&token=x&b"), "https://h.test/x?a=%2F&b");
        assert_eq!(url("https://h.test/x?t%6fken=other"), "https://h.test/x");
        assert_eq!(url("https://h.test/x?tokens=1&"), "https://h.test/x?tokens=1&");
        assert_eq!(url("https://h.test/x"), "https://h.test/x");
    }

    #[test]
    fn every_kind_of_credential_counts() {
        let mut plain = connection("api", "https://h.test/");
        assert!(!has_credentials(&plain));
        plain.query = vec![("token".to_owned(), Secret::new("x"))];
        assert!(has_credentials(&plain));
    }
}
