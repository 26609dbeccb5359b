//! A program of others that is measured with us: started on a port of its own, waited for, and killed when dropped.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks at whether it does.
const PAUSE: Duration = Duration::from_millis(50);

/// A server that listens.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts what `command` makes of an address; for servers that take no port 0. The port was free a moment ago.
    pub(super) fn start(command: impl FnOnce(SocketAddr) -> Result<Command>) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = command(address)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        let mut server = Self { child, address };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("{program} ended before it listened: {status}");
            }
            if began.elapsed() > PATIENCE {
                bail!("{program} does not listen on {address}");
            }
            thread::sleep(PAUSE);
        }
        Ok(server)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_is_said_at_once() {
        let began = Instant::now();
        let Err(error) = Server::start(|_| Ok(Command::new("/bin/false"))) else {
            panic!("it cannot listen")
        };
        assert!(error.to_string().contains("ended before it listened"), "{error}");
        assert!(began.elapsed() < PATIENCE);
    }
}
