//! Gzip as HTTP allows it: members one after the other, but not without end.
//!
//! Flows in: bytes as they come. Flows out: what the members hold, one behind the other, into a sink. Each member costs a
//! decoder of its own, and an empty one of 20 bytes yields nothing that a cap on the output would see.

use std::{
    io::{self, Write},
    mem,
};

use flate2::write::GzDecoder;

/// Members of one body. Servers send one, and `bgzip` one for each 64 KiB: twice what is kept of a body.
pub(super) const MEMBERS_MAX: usize = 32;

/// Decodes one member after the other.
#[derive(Debug)]
pub(super) struct Members<W: Write + Default> {
    current: GzDecoder<W>,
    begun: usize,
    exhausted: bool,
}

impl<W: Write + Default> Members<W> {
    pub(super) fn new(sink: W) -> Self {
        Self {
            current: GzDecoder::new(sink),
            begun: 1,
            exhausted: false,
        }
    }

    /// There were more than [`MEMBERS_MAX`].
    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    pub(super) fn sink(&self) -> &W {
        self.current.get_ref()
    }

    pub(super) fn sink_mut(&mut self) -> &mut W {
        self.current.get_mut()
    }

    pub(super) fn try_finish(&mut self) -> io::Result<()> {
        self.current.try_finish()
    }

    fn begin_next(&mut self) -> io::Result<()> {
        if self.begun == MEMBERS_MAX {
            self.exhausted = true;
            return Err(io::Error::other("too many members"));
        }
        self.begun += 1;
        self.current.try_finish()?;
        let sink = mem::take(self.current.get_mut());
        self.current = GzDecoder::new(sink);
        Ok(())
    }
}

impl<W: Write + Default> Write for Members<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.current.write(bytes) {
            // A member that has ended takes nothing.
            Ok(0) if !bytes.is_empty() => {
                self.begin_next()?;
                self.current.write(bytes)
            }
            taken => taken,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.current.flush()
    }
}
