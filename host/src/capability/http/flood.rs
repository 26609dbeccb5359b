//! A server that sends and sends and does not answer: bytes are counted where they come in, below everything that understands them.
//!
//! A request has a time, but in ten seconds a server on a fast network can send a billion bytes of announcements, settings and pings, and
//! reading those costs the host a core, of which no limit of a check knows. Flows in: how much may come before the head of an answer,
//! and after it. Flows out: a stream that breaks off beyond that, and whether it did.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    BODY_BYTES_MAX,
    message::Error,
    wire::{HEAD_BYTES_MAX, WINDOW_BYTES},
};

/// Before the head of an answer is there: the head, announcements as many as are taken, and as much of the body as HTTP/2 lets a server
/// send before anybody looks. The rest is for frames that say nothing.
const BEFORE_HEAD: u64 = WINDOW_BYTES as u64 + 4 * HEAD_BYTES_MAX as u64;

/// After it, until the next request: three times what is read of a body, however small its pieces are.
const AFTER_HEAD: u64 = 3 * BODY_BYTES_MAX as u64;

/// What may still come over one connection.
#[derive(Debug)]
pub(super) struct Allowance {
    left: AtomicU64,
    is_exceeded: AtomicBool,
}

impl Allowance {
    /// Of a connection over which nothing was asked yet.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            left: AtomicU64::new(BEFORE_HEAD),
            is_exceeded: AtomicBool::new(false),
        })
    }

    /// A request is sent.
    pub(super) fn before_head(&self) {
        self.left.store(BEFORE_HEAD, Ordering::Relaxed);
    }

    /// Its answer begins.
    pub(super) fn after_head(&self) {
        self.left.store(AFTER_HEAD, Ordering::Relaxed);
    }

    /// Why the connection broke off, if it was for this.
    pub(super) fn exceeded(&self) -> Option<Error> {
        self.is_exceeded.load(Ordering::Relaxed).then(|| {
            Error::Limit(
                "the server sends megabytes that are no part of its answer (such as announcements, settings and pings without \
                 end), and was hung up on"
                    .to_owned(),
            )
        })
    }

    fn spend(&self, bytes: u64) -> io::Result<()> {
        let spent = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        if spent.is_ok() {
            return Ok(());
        }
        self.is_exceeded.store(true, Ordering::Relaxed);
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "more came than belongs to an answer",
        ))
    }
}

/// A stream whose bytes are counted as they come in.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    allowance: Arc<Allowance>,
}

impl<S> Counted<S> {
    pub(super) const fn new(stream: S, allowance: Arc<Allowance>) -> Self {
        Self { stream, allowance }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        Poll::Ready(self.allowance.spend((into.filled().len() - before) as u64))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
