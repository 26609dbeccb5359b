//! A guest's standard output and error, turned into log lines.
//!
//! Always ready and never closed: a full stream would make `println!` panic in the guest. What is over the run's budget
//! is taken and dropped.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use crate::capability::log::{RunLog, Stream};

/// Bytes taken in one write; as in WASI's own streams.
const WRITE_BYTES_MAX: usize = 64 * 1024;

/// The run's log, shared by the store and its streams. Never held across an await point.
pub(super) type SharedLog = Arc<Mutex<RunLog>>;

/// Locks a run's log; a panic while it was held leaves at worst half a line.
pub(super) fn lock(log: &SharedLog) -> std::sync::MutexGuard<'_, RunLog> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Debug)]
pub(super) struct Lines {
    log: SharedLog,
    stream: Stream,
}

impl Lines {
    pub(super) fn new(log: &SharedLog, stream: Stream) -> Self {
        Self {
            log: Arc::clone(log),
            stream,
        }
    }

    fn take(&self, bytes: &[u8]) {
        lock(&self.log).write(self.stream, bytes);
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

impl AsyncWrite for Lines {
    fn poll_write(self: Pin<&mut Self>, _context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
