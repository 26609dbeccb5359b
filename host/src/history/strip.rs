//! The compressed past of one series: frames of eight blocks, oldest first, in one piece of memory.
//!
//! A frame is read from its beginning and needs nothing before it, so that old ones are cut off, and a reader that wants the
//! end skips all but one. Immutable and shared: whoever holds an older strip keeps it.

use std::sync::Arc;

use super::bits::Cursor;

/// Blocks in a frame. More would compress no better, and a reader of the newest five minutes decodes a frame.
pub(super) const FRAME: usize = 8;

/// Bytes of a frame's length before it.
const LENGTH_BYTES: usize = 2;

/// What a strip takes besides its bytes: the counters of a shared allocation.
const SHARED_BYTES: usize = 16;

/// Frames, each after its length.
#[derive(Clone, Debug, Default)]
pub(super) struct Strip(Arc<[u8]>);

impl Strip {
    /// From bytes that another strip gave out. `None`: frames do not fill them exactly.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        while !cursor.rest.is_empty() {
            let length = cursor.u16()?;
            cursor.take(usize::from(length))?;
        }
        Some(Self(bytes.into()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Memory.
    pub(super) fn size(&self) -> usize {
        self.0.len() + SHARED_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Oldest first.
    pub(super) fn frames(&self) -> impl Iterator<Item = &[u8]> {
        let mut cursor = Cursor::new(&self.0);
        std::iter::from_fn(move || {
            let length = cursor.u16()?;
            cursor.take(usize::from(length))
        })
    }

    /// With one more block. `blocks` are held already; `write` is given the frame that is not full yet, which may be empty, and
    /// appends to it.
    #[must_use]
    pub(super) fn with(&self, blocks: usize, write: impl FnOnce(&[u8], &mut Vec<u8>)) -> Self {
        let open = if blocks.is_multiple_of(FRAME) {
            &[]
        } else {
            self.frames().last().unwrap_or_default()
        };
        let closed = self.0.len() - if open.is_empty() { 0 } else { open.len() + LENGTH_BYTES };
        // Most blocks are shorter.
        const BLOCK_BYTES: usize = 160;
        let mut out = Vec::with_capacity(self.0.len() + LENGTH_BYTES + BLOCK_BYTES);
        out.extend_from_slice(&self.0[..closed]);
        out.extend_from_slice(&[0; LENGTH_BYTES]);
        out.extend_from_slice(open);
        write(open, &mut out);
        // Eight blocks of at most 300 bytes.
        let length = u16::try_from(out.len() - closed - LENGTH_BYTES).unwrap_or(u16::MAX);
        out[closed..closed + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
        Self(out.into())
    }

    /// Without its oldest frames.
    #[must_use]
    pub(super) fn without(&self, frames: usize) -> Self {
        let bytes: usize = self.frames().take(frames).map(|frame| frame.len() + LENGTH_BYTES).sum();
        Self(self.0[bytes..].into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(blocks: &[&[u8]]) -> Strip {
        let append = |strip: Strip, (at, block): (usize, &&[u8])| strip.with(at, |_, out| out.extend_from_slice(block));
        blocks.iter().enumerate().fold(Strip::default(), append)
    }

    #[test]
    fn blocks_fill_one_frame_after_the_other() {
        let blocks: Vec<[u8; 1]> = (0..19).map(|block| [block]).collect();
        let blocks: Vec<&[u8]> = blocks.iter().map(|block| &block[..]).collect();
        let strip = of(&blocks);
        let frames: Vec<Vec<u8>> = strip.frames().map(<[u8]>::to_vec).collect();
        assert_eq!(
            frames,
            [(0..8).collect::<Vec<u8>>(), (8..16).collect(), (16..19).collect()]
        );
        let rest: Vec<Vec<u8>> = strip.without(2).frames().map(<[u8]>::to_vec).collect();
        assert_eq!(rest, [(16..19).collect::<Vec<u8>>()]);
        assert!(strip.without(9).is_empty());
    }

    #[test]
    fn a_writer_is_shown_the_frame_it_continues() {
        let strip = of(&[b"a", b"b"]);
        let mut seen = Vec::new();
        let longer = strip.with(2, |open, out| {
            seen = open.to_vec();
            out.push(b'c');
        });
        assert_eq!(seen, b"ab");
        assert_eq!(longer.frames().next(), Some(&b"abc"[..]));
        assert_eq!(strip.frames().next(), Some(&b"ab"[..]), "the older one stays as it was");
    }

    #[test]
    fn bytes_that_are_no_frames_are_refused() {
        assert!(Strip::from_bytes(&[3, 0, 1, 2]).is_none());
        assert!(Strip::from_bytes(&[3]).is_none());
        let strip = of(&[b"abc"]);
        assert_eq!(
            Strip::from_bytes(strip.bytes()).expect("its own").bytes(),
            strip.bytes()
        );
    }
}
