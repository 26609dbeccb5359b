//! What probes and scrapes are measured against: a small HTTP server in this process, so that its cost is not the host's.
//!
//! It answers every request, with the same short page or with what a function makes of the path, and hangs up, as a probe with
//! keep-alive off wants it. How many it answered is how many probes were made.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Result;

/// What a probe is shown.
const PAGE: &str = "ok\n";

/// As exporters name their text: Prometheus 3 reads nothing without it.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Makes the page of a path.
type Pages = dyn Fn(&str) -> String + Send + Sync;

/// Connections answered at once; a probe that finds none free waits in the system's queue.
const THREADS: usize = 8;

/// A client that sends no whole header in this time is let go.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest header that is read.
const HEADER_BYTES_MAX: usize = 16 * 1024;

/// A running server; it ends when dropped.
#[derive(Debug)]
pub(super) struct Target {
    address: SocketAddr,
    answered: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Target {
    /// Shows the same short page everywhere.
    pub(super) fn start() -> Result<Self> {
        Self::showing(|_| PAGE.to_owned())
    }

    /// Shows what `pages` makes of the path that is asked for.
    pub(super) fn showing(pages: impl Fn(&str) -> String + Send + Sync + 'static) -> Result<Self> {
        let pages: Arc<Pages> = Arc::new(pages);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let target = Self {
            address: listener.local_addr()?,
            answered: Arc::default(),
            stop: Arc::default(),
        };
        for _ in 0..THREADS {
            let (listener, answered, stop, pages) = (
                listener.try_clone()?,
                Arc::clone(&target.answered),
                Arc::clone(&target.stop),
                Arc::clone(&pages),
            );
            thread::spawn(move || serve(&listener, &answered, &stop, &*pages));
        }
        Ok(target)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests answered so far.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // One more connection for each thread, so that it looks.
        for _ in 0..THREADS {
            let _ = TcpStream::connect(self.address);
        }
    }
}

fn serve(listener: &TcpListener, answered: &AtomicU64, stop: &AtomicBool, pages: &Pages) {
    for stream in listener.incoming().map_while(Result::ok) {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        if answer(stream, pages).is_ok() {
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn answer(mut stream: TcpStream, pages: &Pages) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut header, mut part) = (Vec::new(), [0; 2048]);
    while !header.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut part)?;
        if read == 0 || header.len() > HEADER_BYTES_MAX {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        header.extend_from_slice(&part[..read]);
    }
    stream.write_all(whole(&pages(path_in(&header))).as_bytes())
}

/// What stands between the first two spaces.
fn path_in(header: &[u8]) -> &str {
    let first = header.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let words = std::str::from_utf8(first).unwrap_or_default();
    words.split(' ').nth(1).unwrap_or_default()
}

fn whole(page: &str) -> String {
    let length = page.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_answered_and_counted() {
        let target = Target::start().unwrap();
        for _ in 0..3 {
            let mut stream = TcpStream::connect(target.address()).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            assert_eq!(answer, whole(PAGE).as_bytes());
        }
        // Counted once written; the reader may be first.
        while target.answered() < 3 {
            thread::yield_now();
        }
        assert_eq!(target.answered(), 3);
    }

    #[test]
    fn a_page_may_depend_on_its_path() {
        let target = Target::showing(|path| format!("this is {path}\n")).unwrap();
        let mut client = crate::http::Client::connect(&target.address().to_string()).unwrap();
        let answer = client.get("/some/where?x=1", &[]).unwrap();
        assert_eq!(
            (answer.status, answer.text().unwrap()),
            (200, "this is /some/where?x=1\n")
        );
    }
}
