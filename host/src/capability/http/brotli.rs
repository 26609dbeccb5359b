//! Brotli as servers use it: with a window that is not too large to be held for each of many bodies.
//!
//! Flows in: bytes as they come. Flows out: what they hold, into a sink. A stream says in its first byte how far back it may
//! refer, and the decoder keeps that much of what came out, whatever cap the sink has.

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;

/// Working memory of the decoder's input side.
const BUFFER_BYTES: usize = 4 * 1024;
/// Largest window: 4 MiB, which is what encoders take unless they are told otherwise (`BROTLI_DEFAULT_WINDOW`). The format
/// has 16 MiB, and an extension of it 1 GiB.
pub(super) const WINDOW_BITS_MAX: u32 = 22;

/// Decodes one stream.
pub(super) struct Brotli<W: Write> {
    inner: DecompressorWriter<W>,
    begun: bool,
    too_wide: bool,
}

impl<W: Write> Brotli<W> {
    pub(super) fn new(sink: W) -> Self {
        Self {
            inner: DecompressorWriter::new(sink, BUFFER_BYTES),
            begun: false,
            too_wide: false,
        }
    }

    /// Its window is larger than [`WINDOW_BITS_MAX`].
    pub(super) fn is_too_wide(&self) -> bool {
        self.too_wide
    }

    pub(super) fn sink(&self) -> &W {
        self.inner.get_ref()
    }

    pub(super) fn sink_mut(&mut self) -> &mut W {
        self.inner.get_mut()
    }

    pub(super) fn close(&mut self) -> io::Result<()> {
        self.inner.close()
    }

    fn begin(&mut self, first: u8) -> io::Result<()> {
        self.begun = true;
        self.too_wide = window_bits(first).is_none_or(|bits| bits > WINDOW_BITS_MAX);
        if self.too_wide {
            return Err(io::Error::other("too large a window"));
        }
        Ok(())
    }
}

impl<W: Write> Write for Brotli<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let (false, Some(first)) = (self.begun, bytes.first()) {
            self.begin(*first)?;
        }
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Of a stream that begins with this byte, by RFC 7932, section 9.1. `None`: a value that it keeps for later, and that a
/// well-known extension takes for windows without a place in this byte.
fn window_bits(first: u8) -> Option<u32> {
    let first = u32::from(first);
    match (first & 1, first >> 1 & 7, first >> 4 & 7) {
        (0, ..) => Some(16),
        (_, 0, 0) => Some(17),
        (_, 0, 1) => None,
        (_, 0, rest) => Some(8 + rest),
        (_, rest, _) => Some(17 + rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_read_as_the_format_writes_it() {
        // The table of the RFC, from right to left as bits are read.
        for (first, bits) in [
            (0b0, 16),
            (0b000_0001, 17),
            (0b0011, 18),
            (0b0101, 19),
            (0b0111, 20),
            (0b1001, 21),
            (0b1011, 22),
            (0b1101, 23),
            (0b1111, 24),
            (0b010_0001, 10),
            (0b111_0001, 15),
        ] {
            assert_eq!(window_bits(first), Some(bits), "{first:b}");
        }
        assert_eq!(window_bits(0b001_0001), None);
    }

    #[test]
    fn a_window_that_is_too_large_is_refused_before_anything_is_decoded() {
        for (first, refused) in [(0x0b, false), (0x0d, true), (0x0f, true), (0x11, true), (0xcf, true)] {
            let mut decoder = Brotli::new(Vec::new());
            let written = decoder.write(&[first]);
            assert_eq!(
                (written.is_err(), decoder.is_too_wide()),
                (refused, refused),
                "{first:#x}"
            );
        }
    }
}
