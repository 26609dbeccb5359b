//! What a connection's URL says about a PostgreSQL server: `postgres://host:port/database?sslmode=…`.
//!
//! Pure. User and password are the connection's own.

use crate::{
    capability::database::{Place, decoded},
    config::{Connection, TlsOptions},
};

/// Where PostgreSQL listens unless the URL says otherwise.
const PORT: u16 = 5432;

/// The name that PgBouncer reserves for questions about itself.
const CONSOLE: &str = "pgbouncer";

/// A server, and as whom to which database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) place: Place,
    /// As certificates would name it.
    pub(super) host: String,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) tls: TlsMode,
}

/// `sslmode`, with the meaning that PostgreSQL's own clients give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// Never.
    Disable,
    /// If the server can, whoever it is.
    Prefer,
    /// Always, whoever it is; with a `ca`, only who it vouches for.
    Require,
    /// Always, and the certificate must be for the host. `verify-ca` is taken for this, too: a certificate for another
    /// name wants `tls.server_name`.
    Verify,
}

/// Why a connection names no PostgreSQL server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoTarget {
    #[error("its URL does not begin with `postgres://`")]
    Scheme,
    #[error("its URL names no host")]
    Host,
    #[error("its URL has a name of a database that is no text")]
    Database,
    #[error("its `sslmode` is none of `disable`, `prefer`, `require`, `verify-ca` and `verify-full`")]
    TlsMode,
    #[error("it has no `user`: add who logs in")]
    User,
}

impl Target {
    /// Of a connection.
    pub(super) fn of(connection: &Connection) -> Result<Self, NoTarget> {
        let url = &connection.url;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(NoTarget::Scheme);
        }
        let place = Place::tcp(url, PORT).ok_or(NoTarget::Host)?;
        let user = connection
            .user
            .clone()
            .filter(|user| !user.is_empty())
            .ok_or(NoTarget::User)?;
        let path = url.path().trim_matches('/');
        let database = match decoded(path).ok_or(NoTarget::Database)? {
            // As PostgreSQL itself has it.
            empty if empty.is_empty() => user.clone(),
            named => named,
        };
        Ok(Self {
            tls: tls_mode(url, &place)?,
            host: place.host().unwrap_or_default().to_owned(),
            place,
            user,
            database,
        })
    }

    /// Whether this is PgBouncer's console, which knows `SHOW` and the simple protocol only.
    pub(super) fn is_console(&self) -> bool {
        self.database == CONSOLE
    }

    /// Whether nobody but the server hears what is said: it runs on this machine, or a certificate that was verified says who
    /// it is. Encryption alone keeps out those who listen, and nobody who answers in the server's place.
    pub(super) fn is_unheard(&self, encrypted: bool, configured: &TlsOptions) -> bool {
        self.place.is_local() || (encrypted && !self.tls.options(configured).insecure)
    }
}

/// Off this machine, nobody is believed without a certificate for the host, unless the URL says so.
fn tls_mode(url: &url::Url, place: &Place) -> Result<TlsMode, NoTarget> {
    let asked = url.query_pairs().find(|(name, _)| name == "sslmode");
    match asked.as_ref().map(|(_, mode)| mode.as_ref()) {
        None if place.is_local() => Ok(TlsMode::Prefer),
        None | Some("verify-full" | "verify-ca") => Ok(TlsMode::Verify),
        Some("disable") => Ok(TlsMode::Disable),
        Some("prefer") => Ok(TlsMode::Prefer),
        Some("require") => Ok(TlsMode::Require),
        Some(_) => Err(NoTarget::TlsMode),
    }
}

impl TlsMode {
    /// How the handshake is done.
    pub(super) fn options(self, configured: &TlsOptions) -> TlsOptions {
        let anybody = match self {
            Self::Disable | Self::Verify => false,
            Self::Prefer | Self::Require => configured.ca.is_none(),
        };
        TlsOptions {
            insecure: configured.insecure || anybody,
            ..configured.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn target(url: &str) -> Result<Target, NoTarget> {
        Target::of(&Connection {
            user: Some("monitor".into()),
            ..testing::connection(url)
        })
    }

    fn mode(url: &str) -> TlsMode {
        target(url).expect(url).tls
    }

    #[test]
    fn host_port_and_database_come_from_the_url() {
        let shop = target("postgres://db.internal:5433/shop%20one").expect("a target");
        let place = Place::Tcp {
            host: "db.internal".into(),
            port: 5433,
        };
        assert_eq!((shop.place, shop.database.as_str()), (place, "shop one"));
        assert_eq!(target("postgresql://db").expect("a target").database, "monitor");
        assert!(
            target("postgres://localhost:6432/pgbouncer")
                .expect("a target")
                .is_console()
        );
    }

    #[test]
    fn a_certificate_for_the_host_is_asked_for_unless_the_url_says_otherwise() {
        assert_eq!(mode("postgres://db.example.com/x"), TlsMode::Verify);
        assert_eq!(mode("postgres://10.0.0.5/x"), TlsMode::Verify);
        assert_eq!(mode("postgres://localhost/x"), TlsMode::Prefer);
        assert_eq!(mode("postgres://127.0.0.1/x?sslmode=verify-full"), TlsMode::Verify);
        assert_eq!(mode("postgres://db/x?sslmode=verify-ca"), TlsMode::Verify);
        assert_eq!(mode("postgres://db/x?sslmode=require"), TlsMode::Require);
        assert_eq!(mode("postgres://db/x?sslmode=prefer"), TlsMode::Prefer);
        assert_eq!(mode("postgres://db/x?sslmode=disable"), TlsMode::Disable);
        assert_eq!(target("postgres://db/x?sslmode=maybe"), Err(NoTarget::TlsMode));
    }

    #[test]
    fn whom_a_handshake_believes_follows_the_mode() {
        let plain = TlsOptions::default();
        let with_ca = TlsOptions {
            ca: Some("/etc/ca.pem".into()),
            ..TlsOptions::default()
        };
        assert!(TlsMode::Require.options(&plain).insecure);
        assert!(!TlsMode::Require.options(&with_ca).insecure);
        assert!(!TlsMode::Verify.options(&plain).insecure);
    }

    #[test]
    fn only_a_verified_server_and_one_of_this_machine_hear_us_alone() {
        let plain = TlsOptions::default();
        let with_ca = TlsOptions {
            ca: Some("/etc/ca.pem".into()),
            ..TlsOptions::default()
        };
        let insecure = TlsOptions {
            insecure: true,
            ..with_ca.clone()
        };
        let unheard = |url: &str, encrypted, tls| target(url).expect(url).is_unheard(encrypted, tls);
        for (url, encrypted, tls, expected) in [
            ("postgres://db/x", true, &plain, true),
            ("postgres://db/x?sslmode=require", true, &with_ca, true),
            ("postgres://db/x?sslmode=prefer", true, &with_ca, true),
            ("postgres://localhost/x?sslmode=disable", false, &plain, true),
            ("postgres://127.0.0.1/x?sslmode=require", true, &plain, true),
            ("postgres://db/x?sslmode=require", true, &plain, false),
            ("postgres://db/x?sslmode=prefer", true, &plain, false),
            ("postgres://db/x?sslmode=prefer", false, &with_ca, false),
            ("postgres://db/x?sslmode=disable", false, &with_ca, false),
            ("postgres://db/x", true, &insecure, false),
        ] {
            assert_eq!(unheard(url, encrypted, tls), expected, "{url} {tls:?}");
        }
    }

    #[test]
    fn what_names_no_server_is_said() {
        assert_eq!(target("redis://db"), Err(NoTarget::Scheme));
        assert_eq!(target("postgres:///x"), Err(NoTarget::Host));
        assert_eq!(Target::of(&testing::connection("postgres://db/x")), Err(NoTarget::User));
    }
}
