//! What the URL of a connection must be, whether it stands in `url` or in a settings field that grants what it names.
//!
//! Pure. Flows in: text. Flows out: a parsed URL, or what is wrong with it. Text that is refused may hold a password: no
//! message repeats it.

use std::collections::BTreeSet;

use url::Url;

use super::{
    Connection, Protocol, SCHEMES, TlsOptions,
    networks::{self, host_of},
};
use crate::config::wording::one_of;

/// Longest address, in bytes; servers refuse longer ones anyway.
const ADDRESS_BYTES_MAX: usize = 8 * 1024;

/// What an address in the settings allows. POST is among them because many an API is read by it; what changes or deletes
/// by name wants a connection.
const ADDRESS_METHODS: [&str; 4] = ["GET", "HEAD", "OPTIONS", "POST"];

/// Values of `sslmode`, as PostgreSQL's own clients know them.
const SSL_MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

/// Why a text is no address. Completes "`url` …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// More than anybody takes.
    #[error("is {0} bytes long; at most {ADDRESS_BYTES_MAX} are accepted")]
    TooLong(usize),
    /// `www.example.com`, `localhost:6379`.
    #[error("does not begin with a scheme")]
    NoScheme,
    /// One that nothing here speaks.
    #[error("has the scheme `{0}`, which is not offered")]
    Scheme(String),
    /// `https://me:secret@host`.
    #[error("holds a user or a password before the `@`")]
    Userinfo(Protocol),
    /// White space, control characters or backslashes, which parsers drop or turn.
    #[error("has a blank, a control character or a backslash in it")]
    Character,
    /// `#…` never travels.
    #[error("has a fragment (`#…`), which is never sent")]
    Fragment,
    /// `https:///x`.
    #[error("names no host")]
    NoHost,
    /// Characters that no name has, or a dot at the end.
    #[error("names a host that cannot be one")]
    Host,
    /// Against the form of the protocol.
    #[error("{0}")]
    Form(&'static str),
    /// The parser's own words, which repeat nothing.
    #[error("is not a URL: {0}")]
    Invalid(&'static str),
}

impl AddressError {
    /// What to do. `settings`: it stands in a plugin's settings, where no credentials can be said.
    pub fn hint(&self, settings: bool) -> String {
        let whole = "https://HOST/, rediss://HOST:6379/0, redis+unix:///PATH or postgres://HOST:5432/DATABASE";
        match self {
            Self::Scheme(scheme) => one_of(scheme, SCHEMES.iter().map(|(known, _)| *known)),
            Self::Userinfo(_) if settings => {
                "no plugin is handed credentials: put them into a [connection.NAME], and give it to the check with \
                 connection = \"NAME\""
                    .to_owned()
            }
            Self::Userinfo(Protocol::Http) => "take them out of the URL: auth = { basic = { user = \"…\", password = \
                                               \"${secret:NAME}\" } }, or auth = { bearer = \"${secret:NAME}\" }"
                .to_owned(),
            Self::Userinfo(_) => "take them out of the URL: user = \"…\" and password = \"${secret:NAME}\"".to_owned(),
            Self::Character => "write such characters as %20, %09 or %5C".to_owned(),
            Self::Fragment => "remove it".to_owned(),
            Self::Host => {
                "names have letters, digits, `.`, `-` and `_`, and no dot at the end; IPv6 addresses stand in \
                           brackets, without a zone"
                    .to_owned()
            }
            Self::Empty | Self::TooLong(_) | Self::NoScheme | Self::NoHost | Self::Form(_) | Self::Invalid(_) => {
                format!("write it like {whole}")
            }
        }
    }
}

/// A URL that a connection may have.
pub(super) fn parse(text: &str) -> Result<(Url, Protocol), AddressError> {
    match text.len() {
        0 => return Err(AddressError::Empty),
        length if length > ADDRESS_BYTES_MAX => return Err(AddressError::TooLong(length)),
        _ => {}
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(AddressError::Character);
    }
    let scheme = scheme_of(text).ok_or(AddressError::NoScheme)?;
    let protocol = Protocol::of_scheme(&scheme).ok_or(AddressError::Scheme(scheme))?;
    if holds_userinfo(text) {
        return Err(AddressError::Userinfo(protocol));
    }
    let url = Url::parse(text).map_err(|error| AddressError::Invalid(words(error)))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(AddressError::Userinfo(protocol));
    }
    if url.fragment().is_some() {
        return Err(AddressError::Fragment);
    }
    form(&url, protocol)?;
    Ok((url, protocol))
}

/// Lower case; `None` when what stands before the colon is a host: `localhost:6379`.
fn scheme_of(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(':')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(plain);
    (is_scheme && rest.starts_with('/')).then(|| scheme.to_ascii_lowercase())
}

/// Before it is parsed, because an empty `@` leaves no trace.
fn holds_userinfo(text: &str) -> bool {
    let authority = text.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or("");
    authority.contains('@')
}

const fn words(error: url::ParseError) -> &'static str {
    match error {
        url::ParseError::EmptyHost => "it names no host",
        url::ParseError::IdnaError | url::ParseError::InvalidDomainCharacter => "its host is no name",
        url::ParseError::InvalidPort => "its port is no number up to 65535",
        url::ParseError::InvalidIpv4Address => "its host is no IPv4 address",
        url::ParseError::InvalidIpv6Address => "its host is no IPv6 address",
        _ => "it cannot be read",
    }
}

/// What each protocol wants of host, path and query.
fn form(url: &Url, protocol: Protocol) -> Result<(), AddressError> {
    if is_socket(url) {
        return socket(url);
    }
    let host = host_of(url).ok_or(AddressError::NoHost)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if !host.chars().all(plain) || host.ends_with('.') {
        return Err(AddressError::Host);
    }
    let path = url.path().trim_start_matches('/');
    match protocol {
        Protocol::Http => Ok(()),
        Protocol::Redis if !path.is_empty() && path.parse::<u16>().is_err() => {
            Err(AddressError::Form("has a path that is not the number of a database"))
        }
        Protocol::Redis if url.query().is_some() => Err(AddressError::Form("has a `?…`, which means nothing to Redis")),
        Protocol::Redis => Ok(()),
        Protocol::Postgres if path.contains('/') => {
            Err(AddressError::Form("has a path that is not the name of one database"))
        }
        Protocol::Postgres
            if !url
                .query_pairs()
                .all(|(key, value)| key == "sslmode" && is_mode(&value)) =>
        {
            Err(AddressError::Form(
                "has a `?…` other than `sslmode=` with `disable`, `prefer`, `require`, `verify-ca` or `verify-full`",
            ))
        }
        Protocol::Postgres => Ok(()),
    }
}

fn is_mode(value: &str) -> bool {
    SSL_MODES.contains(&value)
}

/// `redis+unix:///run/redis.sock`.
pub(super) fn is_socket(url: &Url) -> bool {
    matches!(url.scheme(), "unix" | "redis+unix")
}

fn socket(url: &Url) -> Result<(), AddressError> {
    if host_of(url).is_some() {
        return Err(AddressError::Form(
            "names a host before the path of its socket: three slashes begin it",
        ));
    }
    if !url.path().starts_with('/') || url.path() == "/" {
        return Err(AddressError::Form("names no socket"));
    }
    let database = |(key, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        key == "db" && value.parse::<u16>().is_ok()
    };
    if url.query_pairs().all(database) {
        Ok(())
    } else {
        Err(AddressError::Form(
            "has a `?…` other than the number of a database, `?db=1`",
        ))
    }
}

impl Connection {
    /// What an address in the settings grants: this place without credentials; for HTTP, GET, HEAD, OPTIONS and POST.
    ///
    /// # Errors
    ///
    /// See [`AddressError`].
    pub fn at_address(text: &str) -> Result<Self, AddressError> {
        let (url, protocol) = parse(text)?;
        let addresses = networks::usual(&url);
        let mut connection = Self::plain(text, url, addresses);
        if protocol == Protocol::Http {
            connection.methods = ADDRESS_METHODS.map(str::to_owned).into();
        }
        Ok(connection)
    }

    /// One without credentials and without methods.
    pub(super) fn plain(name: &str, url: Url, addresses: super::Addresses) -> Self {
        Self {
            name: name.into(),
            url,
            url_is_secret: false,
            methods: BTreeSet::new(),
            says_methods: false,
            headers: Vec::new(),
            query: Vec::new(),
            secrets: std::collections::BTreeMap::new(),
            auth: None,
            sign: None,
            user: None,
            password: None,
            addresses,
            proxy: None,
            tls: TlsOptions::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_protocol_are_read() {
        for (text, protocol) in [
            ("https://www.example.com/a/b?c=d", Protocol::Http),
            ("HTTP://localhost:8080", Protocol::Http),
            ("http://[::1]:9000/", Protocol::Http),
            ("redis://cache:6379/0", Protocol::Redis),
            ("rediss://10.0.0.7", Protocol::Redis),
            ("redis+unix:///run/redis.sock?db=3", Protocol::Redis),
            ("unix:///run/redis.sock", Protocol::Redis),
            ("postgres://db.internal:5432/shop?sslmode=require", Protocol::Postgres),
            ("postgresql://db/shop", Protocol::Postgres),
        ] {
            assert_eq!(parse(text).map(|(_, protocol)| protocol), Ok(protocol), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_by_its_reason() {
        let refused = |text: &str| parse(text).expect_err(text);
        assert_eq!(refused(""), AddressError::Empty);
        for text in ["www.example.com", "localhost:6379", "/run/redis.sock", "10.0.0.7:80/x"] {
            assert_eq!(refused(text), AddressError::NoScheme, "{text}");
        }
        assert_eq!(refused("ftp://example.com/"), AddressError::Scheme("ftp".to_owned()));
        for text in [
            "https://me@example.com/",
            "https://@example.com/",
            "rediss://:pass@cache/0",
        ] {
            assert!(matches!(refused(text), AddressError::Userinfo(_)), "{text}");
        }
        for text in [
            "https://example.com/a b",
            "https://example.com\\@evil",
            " https://x/",
            "https://x/\u{7}",
        ] {
            assert_eq!(refused(text), AddressError::Character, "{text:?}");
        }
        assert_eq!(refused("https://example.com/#top"), AddressError::Fragment);
        for text in [
            "redis:///0",
            "postgres:///shop",
            "postgres:///shop?host=/run/postgresql",
        ] {
            assert_eq!(refused(text), AddressError::NoHost, "{text}");
        }
        for text in [
            "https://example.com./",
            "redis://a,b/0",
            "postgres://one,two/shop",
            "postgres://%2Frun%2Fpostgresql/shop",
        ] {
            assert_eq!(refused(text), AddressError::Host, "{text}");
        }
        for text in [
            "redis://cache/zero",
            "redis://cache/0?db=1",
            "postgres://db/a/b",
            "postgres://db/a?sslmode=maybe",
            "postgres://db/a?host=/run/postgresql",
            "postgres://db/a?options=-c",
            "redis+unix://host/run/redis.sock",
            "unix:///",
            "unix:///run/redis.sock?password=x",
        ] {
            assert!(matches!(refused(text), AddressError::Form(_)), "{text}");
        }
        for text in ["https://exa mple/", "https://[fe80::1%25eth0]/", "https://x:99999/"] {
            assert!(
                matches!(refused(text), AddressError::Invalid(_) | AddressError::Character),
                "{text}"
            );
        }
    }

    #[test]
    fn no_refusal_repeats_what_it_refuses() {
        for text in [
            "https://me:hunter2@x/",
            "hunter2",
            "https://x/hunter2#a",
            "redis://x/hunter2",
        ] {
            let error = parse(text).expect_err(text);
            for settings in [false, true] {
                let said = format!("{error} {} {error:?}", error.hint(settings));
                assert!(!said.contains("hunter2"), "{said}");
            }
        }
    }

    #[test]
    fn an_address_grants_reading_and_post_without_credentials() {
        let granted = Connection::at_address("https://www.example.com/api/").expect("an address");
        let methods: Vec<&str> = granted.methods.iter().map(String::as_str).collect();
        assert_eq!(methods, ["GET", "HEAD", "OPTIONS", "POST"]);
        assert_eq!(&*granted.name, "https://www.example.com/api/");
        let redis = Connection::at_address("redis://cache/0").expect("an address");
        assert!(redis.methods.is_empty() && redis.password.is_none());
    }
}
