//! Taking the port, and saying who has it when it cannot be taken.
//!
//! Flows in: an address and who may read. Flows out: a bound listener, or an error that a person can act on. It does
//! not accept connections.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
};

use crate::config::Access;

/// Why the host does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else has the port.
    #[error(
        "cannot listen on {address}: the port is already used{}; stop that, or choose another port with `listen` in \
         `[host]` (or the variable it is taken from, such as PROMETHEUS_PORT)",
        used_by(.owner.as_ref())
    )]
    InUse {
        /// What was asked for.
        address: SocketAddr,
        /// Who has it, when that can be known.
        owner: Option<Owner>,
    },
    /// A port below 1024 without the right to it.
    #[error(
        "cannot listen on {0}: not permitted; ports below 1024 belong to root (or CAP_NET_BIND_SERVICE), so choose a \
         higher one with `listen` in `[host]`"
    )]
    NotPermitted(SocketAddr),
    /// An address of another machine.
    #[error(
        "cannot listen on {0}: no interface of this machine has that address; use `127.0.0.1`, or `0.0.0.0` for all"
    )]
    NoSuchAddress(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Off loopback without tokens.
    #[error(
        "refusing to serve {0} without tokens: it can be reached from other machines. Add\n\n    [access]\n    read = \
         \"${{secret:READ_TOKEN}}\"\n    admin = \"${{secret:ADMIN_TOKEN}}\"\n\nor listen on 127.0.0.1, or write `open \
         = true` under `[access]` if everybody may read and administer"
    )]
    Unprotected(SocketAddr),
}

/// Who holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A process that we may look into.
    Process {
        /// Its id.
        pid: i32,
        /// Its short name.
        name: String,
    },
    /// A process of another user: only whose it is can be seen.
    User(u32),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, name } => write!(f, "`{name}` (pid {pid})"),
            Self::User(uid) => write!(f, "a process of user id {uid}"),
        }
    }
}

fn used_by(owner: Option<&Owner>) -> String {
    owner.map(|owner| format!(" by {owner}")).unwrap_or_default()
}

/// Takes the address. Port 0 takes a free port; ask the listener which.
pub fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse {
            address,
            owner: owner_of(address),
        },
        io::ErrorKind::PermissionDenied => ListenError::NotPermitted(address),
        io::ErrorKind::AddrNotAvailable => ListenError::NoSuchAddress(address),
        _ => ListenError::Other { address, source },
    })
}

/// Whether only this machine can reach the address.
pub(super) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Off loopback there must be a token, or somebody must have written that they want none.
pub fn check_exposure(address: SocketAddr, access: &Access) -> Result<(), ListenError> {
    let tokens = access.read.len() + access.push.len() + access.admin.len();
    if tokens == 0 && !access.open && !is_loopback(address) {
        return Err(ListenError::Unprotected(address));
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn owner_of(_address: SocketAddr) -> Option<Owner> {
    None
}

#[cfg(target_os = "linux")]
fn owner_of(address: SocketAddr) -> Option<Owner> {
    let sockets = [procfs::net::tcp(), procfs::net::tcp6()];
    let holder = sockets
        .into_iter()
        .flatten()
        .flatten()
        .find(|socket| socket.state == procfs::net::TcpState::Listen && overlaps(socket.local_address, address))?;
    Some(process_with_socket(holder.inode).unwrap_or(Owner::User(holder.uid)))
}

/// Whether two listeners get in each other's way: the same port, and the same address or one that stands for all.
#[cfg(target_os = "linux")]
fn overlaps(held: SocketAddr, wanted: SocketAddr) -> bool {
    let (held_ip, wanted_ip) = (held.ip().to_canonical(), wanted.ip().to_canonical());
    held.port() == wanted.port() && (held_ip == wanted_ip || held_ip.is_unspecified() || wanted_ip.is_unspecified())
}

#[cfg(target_os = "linux")]
fn process_with_socket(inode: u64) -> Option<Owner> {
    use procfs::process::{FDTarget, Process};

    let holds = |process: &Process| {
        process.fd().is_ok_and(|mut open| {
            open.any(|file| file.is_ok_and(|file| matches!(file.target, FDTarget::Socket(held) if held == inode)))
        })
    };
    let process = procfs::process::all_processes().ok()?.flatten().find(holds)?;
    let name = process.stat().ok()?.comm;
    Some(Owner::Process { pid: process.pid, name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_port_in_use_names_its_owner() {
        for held in ["127.0.0.1:0", "[::]:0"] {
            let Ok(first) = bind(address(held)) else { continue };
            let taken = first.local_addr().expect("bound");
            let error = bind(taken).expect_err("taken").to_string();
            let me = format!("(pid {})", std::process::id());
            assert!(error.contains(&me) && error.contains(&taken.to_string()), "{error}");
            assert!(error.contains("`listen` in `[host]`"), "{error}");
        }
    }

    #[test]
    fn an_address_of_another_machine_is_called_that() {
        let error = bind(address("192.0.2.1:0")).expect_err("not ours").to_string();
        assert!(error.contains("no interface of this machine"), "{error}");
    }

    #[test]
    fn off_loopback_something_must_be_said_about_access() {
        let token = vec![Secret::new("0123456789")];
        let with_token = Access {
            read: token,
            ..Access::default()
        };
        let open = Access {
            open: true,
            ..Access::default()
        };
        for (listen, bare) in [
            ("127.0.0.1:1", true),
            ("127.8.8.8:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("10.0.0.1:1", false),
        ] {
            assert_eq!(
                check_exposure(address(listen), &Access::default()).is_ok(),
                bare,
                "{listen}"
            );
            assert!(check_exposure(address(listen), &with_token).is_ok());
            assert!(check_exposure(address(listen), &open).is_ok());
        }
        let error = check_exposure(address("0.0.0.0:1"), &Access::default())
            .expect_err("bare")
            .to_string();
        assert!(
            error.contains("[access]\n    read = \"${secret:READ_TOKEN}\""),
            "{error}"
        );
    }
}
