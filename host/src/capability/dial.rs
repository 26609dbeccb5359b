//! Dialling: one look-up, the addresses that pass the policy, and a connection to exactly one of those.
//!
//! Owns resolving and connecting, with the time of each. Flows in: a host and port, the connection's `addresses` and the
//! caller's wishes. Flows out: a connected socket with what was measured, or a typed error with what was measured until
//! then. A name is never looked up twice for one connection, so it cannot change between the check and the use. It
//! speaks no protocol.

mod error;

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::Path,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpStream, UnixStream, lookup_host},
    time::timeout_at,
};

pub use self::error::{DialError, DialFailure, DialPhase};
use super::address::{self, Refusal};
use crate::{
    clock::{Clock, Instant},
    config::Addresses,
};

/// Addresses of one name that are tried. Names with more are load balancers whose first ones are as good as any.
const ATTEMPTS_MAX: usize = 8;

/// What a look-up yields.
pub type Found<'f> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'f>>;

/// Turns names into addresses.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// Every address of `host`, best first.
    fn resolve<'f>(&'f self, host: &'f str) -> Found<'f>;
}

/// The system's resolver: its hosts file, its search list, its order.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'f>(&'f self, host: &'f str) -> Found<'f> {
        Box::pin(async move { Ok(lookup_host((host, 0)).await?.map(|found| found.ip()).collect()) })
    }
}

/// Which family of addresses to dial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Either, in the resolver's order.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    const fn accepts(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "IP",
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// An address to dial instead of what the name resolves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectTo {
    /// One of the name's own, or in a network that the connection lists; judged by `addresses` like any other.
    pub address: IpAddr,
    /// The URL's, said once more.
    pub port: Option<u16>,
}

/// `connect-to` that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address: write `10.0.0.7`, `10.0.0.7:8443`, `2001:db8::1` or `[2001:db8::1]:8443`")]
pub struct NoAddress(String);

impl std::str::FromStr for ConnectTo {
    type Err = NoAddress;

    /// Literal addresses only: a name would need a grant of its own.
    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse::<IpAddr>()
            && (bare.is_none() || address.is_ipv6())
        {
            return Ok(Self { address, port: None });
        }
        match text.parse::<SocketAddr>() {
            Ok(SocketAddr::V6(with_zone)) if with_zone.scope_id() != 0 => Err(NoAddress(text.to_owned())),
            Ok(socket) if socket.port() != 0 => Ok(Self {
                address: socket.ip(),
                port: Some(socket.port()),
            }),
            Ok(_) | Err(_) => Err(NoAddress(text.to_owned())),
        }
    }
}

/// Where to.
#[derive(Clone, Copy, Debug)]
pub struct Goal<'g> {
    /// A name or a literal address, IPv6 without brackets.
    pub host: &'g str,
    /// Of the URL.
    pub port: u16,
    /// Which addresses the connection may dial.
    pub addresses: &'g Addresses,
    /// Which family is wished for.
    pub family: Family,
    /// Of the host's addresses, or of those that the connection lists, this one.
    pub connect_to: Option<ConnectTo>,
    /// When to give up.
    pub deadline: Instant,
}

/// What was measured. `None`: it did not happen, or had not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DialTimes {
    /// Looking the name up. A literal address is not looked up.
    pub resolve: Option<Duration>,
    /// From the first attempt to the connection.
    pub connect: Option<Duration>,
}

/// A connected socket.
#[derive(Debug)]
pub struct Dialled {
    /// Without delay for small writes.
    pub stream: TcpStream,
    /// Who answered.
    pub remote: SocketAddr,
    /// How long it took.
    pub times: DialTimes,
}

/// Resolves and connects. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dialer {
    clock: Clock,
    resolver: Arc<dyn Resolve>,
}

impl Dialer {
    /// With the system's resolver.
    pub fn new(clock: Clock) -> Self {
        Self::with_resolver(clock, Arc::new(SystemResolver))
    }

    /// With another resolver: tests make names resolve to what they want.
    pub fn with_resolver(clock: Clock, resolver: Arc<dyn Resolve>) -> Self {
        Self { clock, resolver }
    }

    /// Connects to an address that the policy lets through.
    pub async fn dial(&self, goal: Goal<'_>) -> Result<Dialled, DialFailure> {
        let chosen = self.choose(goal).await?;
        self.connect(&chosen, goal).await
    }

    /// The first half: looks the name up, once, and asks the policy.
    pub async fn choose(&self, goal: Goal<'_>) -> Result<Chosen, DialFailure> {
        let mut times = DialTimes::default();
        let failed = |error, times| DialFailure {
            error,
            times,
            remote: None,
        };
        let found = self.candidates(goal, &mut times).await;
        let found = found.map_err(|error| failed(error, times))?;
        let addresses = choose(&found, goal).map_err(|left| failed(left.for_host(goal), times))?;
        Ok(Chosen { addresses, times })
    }

    /// Of the name, or the one of these that the caller wishes for. Another one must stand in the connection: who grants a
    /// name does not grant every address that `addresses` lets a name have.
    async fn candidates(&self, goal: Goal<'_>, times: &mut DialTimes) -> Result<Vec<IpAddr>, DialError> {
        let Some(wish) = goal.connect_to else {
            return self.look_up(goal, times).await;
        };
        if let Some(wished) = wish.port.filter(|port| *port != goal.port) {
            let port = goal.port;
            return Err(DialError::OtherPort { wished, port });
        }
        let own = address::is_listed(wish.address, goal.addresses) || self.has(wish.address, goal, times).await?;
        if !own {
            return Err(DialError::OtherAddress {
                address: wish.address,
                host: goal.host.to_owned(),
            });
        }
        Ok(vec![wish.address])
    }

    async fn has(&self, address: IpAddr, goal: Goal<'_>, times: &mut DialTimes) -> Result<bool, DialError> {
        // What no connection may reach is refused as that, and nobody is asked about it.
        if let Err(refusal) = address::decide(address, goal.addresses) {
            return Err(DialError::Refused(refusal));
        }
        let found = self.look_up(goal, times).await?;
        let same = |own: &IpAddr| own.to_canonical() == address.to_canonical();
        Ok(found.iter().any(same))
    }

    async fn look_up(&self, goal: Goal<'_>, times: &mut DialTimes) -> Result<Vec<IpAddr>, DialError> {
        if let Ok(literal) = goal.host.parse() {
            return Ok(vec![literal]);
        }
        let began = self.clock.monotonic();
        let found = timeout_at(goal.deadline, self.resolver.resolve(goal.host))
            .await
            .map_err(|_| DialError::Timeout(DialPhase::Resolve))?
            .map_err(|source| DialError::Resolve {
                host: goal.host.to_owned(),
                source,
            })?;
        times.resolve = Some(self.clock.monotonic() - began);
        Ok(found)
    }

    /// The second half: connects to one of the chosen addresses.
    pub async fn connect(&self, chosen: &Chosen, goal: Goal<'_>) -> Result<Dialled, DialFailure> {
        let mut times = chosen.times;
        let mut tried = None;
        let began = self.clock.monotonic();
        match self.try_each(&chosen.addresses, goal, &mut tried).await {
            Ok((stream, remote)) => {
                times.connect = Some(self.clock.monotonic() - began);
                Ok(Dialled { stream, remote, times })
            }
            Err(error) => Err(DialFailure {
                error,
                times,
                remote: tried,
            }),
        }
    }

    /// One after the other. Each but the last has its share of the time that is left, so that a dead one cannot use it up.
    async fn try_each(
        &self,
        addresses: &[IpAddr],
        goal: Goal<'_>,
        tried: &mut Option<SocketAddr>,
    ) -> Result<(TcpStream, SocketAddr), DialError> {
        let mut last = DialError::Timeout(DialPhase::Connect);
        for (past, address) in addresses.iter().enumerate() {
            let remote = SocketAddr::new(*address, goal.port);
            *tried = Some(remote);
            let until = share(self.clock.monotonic(), goal.deadline, addresses.len() - past);
            match timeout_at(until, TcpStream::connect(remote)).await {
                Ok(Ok(stream)) => {
                    // Where it is refused, small writes are merely slower.
                    let _ = stream.set_nodelay(true);
                    return Ok((stream, remote));
                }
                Ok(Err(source)) => {
                    last = DialError::Connect {
                        address: remote,
                        source,
                    };
                }
                Err(_) => last = DialError::Timeout(DialPhase::Connect),
            }
        }
        Err(last)
    }

    /// Connects to a unix socket. The path is the grant: there is no address to judge.
    pub async fn dial_unix(&self, path: &Path, deadline: Instant) -> Result<(UnixStream, Duration), DialError> {
        let began = self.clock.monotonic();
        let stream = timeout_at(deadline, UnixStream::connect(path))
            .await
            .map_err(|_| DialError::Timeout(DialPhase::Connect))?
            .map_err(|source| DialError::Unix {
                path: path.display().to_string(),
                source,
            })?;
        Ok((stream, self.clock.monotonic() - began))
    }
}

/// Addresses that the policy lets through, in the resolver's order.
#[derive(Clone, Debug)]
pub struct Chosen {
    addresses: Vec<IpAddr>,
    times: DialTimes,
}

impl Chosen {
    /// What the look-up took.
    pub fn times(&self) -> DialTimes {
        self.times
    }
}

/// Why no address is left to dial.
#[derive(Debug, PartialEq, Eq)]
enum NoneLeft {
    Family,
    Refused(Refusal),
}

impl NoneLeft {
    fn for_host(self, goal: Goal<'_>) -> DialError {
        match self {
            Self::Refused(refusal) => DialError::Refused(refusal),
            Self::Family => DialError::NoAddress {
                host: goal.host.to_owned(),
                family: goal.family,
            },
        }
    }
}

/// Those of the wished family that the policy lets through, in order.
fn choose(found: &[IpAddr], goal: Goal<'_>) -> Result<Vec<IpAddr>, NoneLeft> {
    let mut chosen = Vec::new();
    let mut refused = None;
    for address in found.iter().copied().filter(|address| goal.family.accepts(*address)) {
        match address::decide(address, goal.addresses) {
            Ok(()) if !chosen.contains(&address) => chosen.push(address),
            Ok(()) => {}
            Err(refusal) => {
                refused.get_or_insert(refusal);
            }
        }
    }
    chosen.truncate(ATTEMPTS_MAX);
    match refused {
        _ if !chosen.is_empty() => Ok(chosen),
        Some(refusal) => Err(NoneLeft::Refused(refusal)),
        None => Err(NoneLeft::Family),
    }
}

/// When an attempt with `left` to go, itself included, must be over.
fn share(now: Instant, deadline: Instant, left: usize) -> Instant {
    let remaining = deadline.saturating_duration_since(now);
    let parts = u32::try_from(left).unwrap_or(u32::MAX).max(1);
    now + remaining / parts
}

#[cfg(test)]
mod tests;
