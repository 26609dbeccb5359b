//! Why there is no connection, in words for whoever configured it.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
};

use super::{DialTimes, Family};
use crate::capability::address::Refusal;

/// Part of dialling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialPhase {
    /// Looking the name up.
    Resolve,
    /// Connecting.
    Connect,
}

impl fmt::Display for DialPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "resolving",
            Self::Connect => "connecting",
        })
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Every address is out of the connection's reach; this is the first.
    #[error("{0}")]
    Refused(Refusal),
    /// The resolver's answer.
    #[error("`{host}`: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// The caller wishes for a port that is not the URL's.
    #[error("port {wished} was asked for, and the URL has port {port}: name another address only, not another port")]
    OtherPort {
        /// The wish.
        wished: u16,
        /// Of the URL.
        port: u16,
    },
    /// The caller wishes for an address that is not the name's.
    #[error(
        "{address} was asked for, and `{host}` has no such address: list its network in the connection, such as \
         `addresses = [\"{}\"]`",
        network(.address)
    )]
    OtherAddress {
        /// The wish.
        address: IpAddr,
        /// The name.
        host: String,
    },
    /// The name exists and has none of the wished family.
    #[error("`{host}` has no {family} address")]
    NoAddress {
        /// The name.
        host: String,
        /// The wish.
        family: Family,
    },
    /// No address answered; this is the last that was tried.
    #[error("{address}: {source}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A path of a unix socket.
    #[error("{path}: {source}")]
    Unix {
        /// The socket.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The deadline passed.
    #[error("timed out while {0}")]
    Timeout(DialPhase),
}

/// Of one address, as `addresses` lists it.
fn network(address: &IpAddr) -> ipnet::IpNet {
    (*address).into()
}

/// An error, and what was learnt until then.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct DialFailure {
    /// Why.
    pub error: DialError,
    /// Until then.
    pub times: DialTimes,
    /// The address that was tried last.
    pub remote: Option<SocketAddr>,
}
