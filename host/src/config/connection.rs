//! `[connection.NAME]`: a named, reviewable permission to reach one place, with its credentials.
//!
//! These are the types that leave `config`; a connection that a settings field grants is one of them too, without
//! credentials.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use crate::secret::Secret;

/// A permission to reach one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// NAME, or the address itself when a settings field grants it.
    pub name: Arc<str>,
    /// Where to, without credentials.
    pub url: url::Url,
    /// The URL itself is a credential (a chat webhook): it is shown to nobody, plugins included.
    pub url_is_secret: bool,
    /// Upper case. HTTP only.
    pub methods: BTreeSet<String>,
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
    pub client: Option<super::TlsFiles>,
    /// The name to verify and to send, when it is not the URL's host.
    pub server_name: Option<String>,
    /// Accept whatever certificate is shown; it is reported all the same.
    pub insecure: bool,
}
