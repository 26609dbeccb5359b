//! `[connection.NAME]`: a named, reviewable permission to reach one place, with its credentials.
//!
//! Here are the types that leave `config`; a connection that a settings field grants is one of them too, without
//! credentials. `table` reads the tables, with `credential`, `http`, `tls` and `networks` for parts of them; `fit` says which
//! keys make sense for which scheme; `clear` warns of credentials that others could get to know; `address` knows what a URL
//! must be. Nothing here dials.

mod address;
mod clear;
mod credential;
mod fit;
mod http;
mod networks;
mod table;
mod tls;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
};

pub use address::AddressError;
pub(super) use credential::{Shown, always};
pub use http::{HOP_BY_HOP, METHODS_DEFAULT};
pub use table::CONNECTIONS_MAX;
pub(super) use table::{ConnectionPlace, Connections, keep_url, read};
pub(super) use tls::options as tls_options;

use super::TlsFiles;
use crate::secret::Secret;

/// What is spoken over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `http`, `https`.
    Http,
    /// `redis`, `rediss`, `redis+unix`, `unix`.
    Redis,
    /// `postgres`, `postgresql`.
    Postgres,
}

/// Every scheme a connection may have.
const SCHEMES: [(&str, Protocol); 8] = [
    ("http", Protocol::Http),
    ("https", Protocol::Http),
    ("redis", Protocol::Redis),
    ("rediss", Protocol::Redis),
    ("redis+unix", Protocol::Redis),
    ("unix", Protocol::Redis),
    ("postgres", Protocol::Postgres),
    ("postgresql", Protocol::Postgres),
];

impl Protocol {
    /// Of a URL's scheme; `None`: nothing here speaks it.
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        SCHEMES
            .into_iter()
            .find(|(known, _)| *known == scheme)
            .map(|(_, protocol)| protocol)
    }

    /// As people call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Redis => "Redis",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A permission to reach one place.
#[derive(Clone, PartialEq)]
pub struct Connection {
    /// NAME, or the address itself when a settings field grants it.
    pub name: Arc<str>,
    /// Where to, without credentials.
    pub url: url::Url,
    /// The URL itself is a credential (a chat webhook): it is shown to nobody, plugins included.
    pub url_is_secret: bool,
    /// Upper case. HTTP only.
    pub methods: BTreeSet<String>,
    /// Whether the file says them. Where it does not, they are the usual ones, and a receiver may post as well.
    pub says_methods: bool,
    /// Added to each request, lower-case names. HTTP only.
    pub headers: Vec<(String, Secret)>,
    /// Added to each request's query. HTTP only.
    pub query: Vec<(String, Secret)>,
    /// Put where a guest wrote `{{secret:NAME}}`. HTTP only.
    pub secrets: BTreeMap<String, Secret>,
    /// HTTP only.
    pub auth: Option<HttpAuth>,
    /// HTTP only.
    pub sign: Option<Sign>,
    /// Who logs in: Redis (ACL user) and PostgreSQL.
    pub user: Option<String>,
    /// With what: Redis and PostgreSQL.
    pub password: Option<Secret>,
    /// Which addresses a name may resolve to.
    pub addresses: Addresses,
    /// Instead of dialling directly.
    pub proxy: Option<Proxy>,
    /// How TLS is done where the scheme asks for it.
    pub tls: TlsOptions,
}

impl Connection {
    /// What is spoken over it.
    pub fn protocol(&self) -> Protocol {
        // Only URLs with one of the schemes become connections.
        Protocol::of_scheme(self.url.scheme()).unwrap_or(Protocol::Http)
    }

    /// Where to, for people and plugins: the scheme alone when the URL is a secret.
    pub fn shown_url(&self) -> String {
        if self.url_is_secret {
            format!("{}://[redacted]", self.url.scheme())
        } else {
            self.url.to_string()
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("name", &self.name)
            .field("url", &self.shown_url())
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// `auth` of a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum HttpAuth {
    /// `auth = { basic = { user = "…", password = "…" } }`.
    Basic {
        /// May be empty.
        user: String,
        /// Of the user.
        password: Secret,
    },
    /// `auth = { bearer = "…" }`.
    Bearer(Secret),
}

/// `sign` of a connection: an HMAC-SHA256 over the body, in hexadecimal.
#[derive(Clone, Debug, PartialEq)]
pub struct Sign {
    /// The header that carries it, lower case.
    pub header: String,
    /// The key.
    pub key: Secret,
    /// Put before the digest, such as `sha256=`.
    pub prefix: String,
    /// A header with the time in Unix seconds; the signature is then over `TIME.BODY`.
    pub timestamp_header: Option<String>,
}

/// `addresses` of a connection. Link-local, metadata, multicast and unspecified ones are refused whatever this says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// Globally reachable ones only.
    Public,
    /// Private and loopback ones as well as public ones: the default for literal private addresses, `localhost`, single-label
    /// names, `.svc`, `.local` and `.internal`.
    Private,
    /// Exactly these networks.
    Networks(Vec<ipnet::IpNet>),
}

/// `proxy` of a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxy {
    /// `http://…` or `https://…`, without credentials.
    pub url: url::Url,
    /// User and password.
    pub auth: Option<(String, Secret)>,
}

/// `tls` of a connection. Files are PEM and read when they are needed, so that a renewed one counts without a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Trusted besides the system's own roots.
    pub ca: Option<PathBuf>,
    /// Trust `ca` alone.
    pub ca_only: bool,
    /// Client certificate, leaf first, and its key.
    pub client: Option<TlsFiles>,
    /// The name to verify and to send, when it is not the URL's host.
    pub server_name: Option<String>,
    /// Accept whatever certificate is shown; it is reported all the same.
    pub insecure: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_url_is_not_shown_even_to_developers() {
        let mut connection = Connection::at_address("https://hooks.example.com/T0/secret-part").expect("an address");
        assert!(format!("{connection:?}").contains("secret-part"));
        connection.name = "chat".into();
        connection.url_is_secret = true;
        assert!(!format!("{connection:?}").contains("hooks"));
        assert_eq!(connection.shown_url(), "https://[redacted]");
    }

    #[test]
    fn every_scheme_has_its_protocol() {
        assert_eq!(Protocol::of_scheme("rediss"), Some(Protocol::Redis));
        assert_eq!(Protocol::of_scheme("postgresql"), Some(Protocol::Postgres));
        assert_eq!(Protocol::of_scheme("ftp"), None);
    }
}
