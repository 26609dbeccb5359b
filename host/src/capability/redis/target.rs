//! What a connection's URL says about a Redis server.
//!
//! Pure. `redis://host:port/N`, `rediss://` over TLS, and `redis+unix:///path?db=N` for a socket of this machine. User and
//! password are the connection's own.

use crate::capability::database::{Place, decoded};

/// Where Redis listens unless the URL says otherwise.
const PORT: u16 = 6379;

/// A server and what to do first there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) place: Place,
    pub(super) tls: bool,
    /// 0 is where every connection begins.
    pub(super) database: u32,
}

/// Why a URL names no Redis server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoTarget {
    #[error("its URL begins with none of `redis://`, `rediss://` and `redis+unix://`")]
    Scheme,
    #[error("its URL names no host")]
    Host,
    #[error("its URL names no path of a socket")]
    Path,
    #[error("the database in its URL is no number")]
    Database,
}

impl Target {
    /// Of a URL.
    pub(super) fn of(url: &url::Url) -> Result<Self, NoTarget> {
        match url.scheme() {
            "redis" => Self::tcp(url, false),
            "rediss" => Self::tcp(url, true),
            "redis+unix" | "unix" => Self::unix(url),
            _ => Err(NoTarget::Scheme),
        }
    }

    fn tcp(url: &url::Url, tls: bool) -> Result<Self, NoTarget> {
        Ok(Self {
            place: Place::tcp(url, PORT).ok_or(NoTarget::Host)?,
            tls,
            database: database(url.path().trim_matches('/'))?,
        })
    }

    fn unix(url: &url::Url) -> Result<Self, NoTarget> {
        let path = decoded(url.path())
            .filter(|path| path.len() > 1)
            .ok_or(NoTarget::Path)?;
        let asked = url.query_pairs().find(|(name, _)| name == "db");
        Ok(Self {
            place: Place::Unix(path.into()),
            tls: false,
            database: database(asked.as_ref().map_or("", |(_, number)| number))?,
        })
    }
}

fn database(text: &str) -> Result<u32, NoTarget> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| NoTarget::Database)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, NoTarget> {
        Target::of(&url::Url::parse(url).expect(url))
    }

    fn tcp(host: &str, port: u16, tls: bool, database: u32) -> Result<Target, NoTarget> {
        let place = Place::Tcp {
            host: host.to_owned(),
            port,
        };
        Ok(Target { place, tls, database })
    }

    #[test]
    fn host_port_and_database_come_from_the_url() {
        assert_eq!(target("redis://cache"), tcp("cache", 6379, false, 0));
        assert_eq!(target("redis://cache:7000/3"), tcp("cache", 7000, false, 3));
        assert_eq!(
            target("rediss://cache.example.com/"),
            tcp("cache.example.com", 6379, true, 0)
        );
        assert_eq!(target("redis://[::1]:6380"), tcp("::1", 6380, false, 0));
    }

    #[test]
    fn a_socket_is_named_by_its_path() {
        let socket = |database| {
            Ok(Target {
                place: Place::Unix("/run/redis/redis server.sock".into()),
                tls: false,
                database,
            })
        };
        assert_eq!(target("redis+unix:///run/redis/redis%20server.sock"), socket(0));
        assert_eq!(target("unix:///run/redis/redis%20server.sock?db=2"), socket(2));
    }

    #[test]
    fn what_names_no_server_is_said() {
        assert_eq!(target("https://cache"), Err(NoTarget::Scheme));
        assert_eq!(target("redis:///3"), Err(NoTarget::Host));
        assert_eq!(target("redis+unix:///"), Err(NoTarget::Path));
        assert_eq!(target("redis://cache/queue"), Err(NoTarget::Database));
        assert_eq!(target("redis://cache/1/2"), Err(NoTarget::Database));
    }
}
