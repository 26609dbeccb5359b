//! Ports for servers that must be told theirs before they listen.
//!
//! A port that the kernel said was free may be given to the next who asks. These lie below those that it gives away, and each is
//! locked, by a file of its name, until the process of the test ends: no other test takes it, and only a server of somebody else can.

use std::{
    fs::{File, OpenOptions},
    net::TcpListener,
    sync::Mutex,
};

use rustix::fs::{FlockOperation, flock};

/// Kernels give away ports from 32,768 on, and what people start by hand listens mostly below 20,000.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// Locks that are kept.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port of loopback that is this process' own.
pub(crate) fn free_port() -> u16 {
    let folder = std::env::temp_dir().join(format!("bellwether-ports-{}", rustix::process::geteuid().as_raw()));
    std::fs::create_dir_all(&folder).expect("a folder");
    // Processes begin in places of their own, so that few locks are tried.
    let begin = u16::try_from(std::process::id() * 97 % u32::from(COUNT)).expect("below the count");
    let mut ports = (0..COUNT).map(|step| FIRST + (begin + step) % COUNT);
    let taken = ports.find_map(|port| {
        let mut options = OpenOptions::new();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(port.to_string()));
        let file = file.expect("a lock");
        let is_ours = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        (is_ours && TcpListener::bind(("127.0.0.1", port)).is_ok()).then_some((port, file))
    });
    let (port, lock) = taken.expect("a free port");
    TAKEN.lock().expect("no panic").push(lock);
    port
}
