//! Undoes content encodings, piece by piece, and never past a cap.
//!
//! Flows in: bytes as they come and how many may come out and be kept. Flows out: decoded bytes. A bomb stops when the cap is
//! reached: what would have come out of it is never in memory.

use std::io::{self, Write};

use flate2::write::{DeflateDecoder, ZlibDecoder};

use super::{brotli::Brotli, members::Members};

/// What a server says its body is wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    /// Zlib by the standard, bare by widespread mistake: told apart by the first bytes.
    Deflate,
    Brotli,
}

/// What is offered in `accept-encoding`.
pub(super) const OFFERED: &str = "gzip, br, deflate";

impl Encoding {
    /// Of a `content-encoding`; `None`: one that cannot be undone here, or several.
    pub(crate) fn of(value: &str) -> Option<Self> {
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            _ => None,
        }
    }
}

/// Why decoding ended before the data did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The cap was reached.
    Full,
    /// The data is not what it was said to be.
    Broken,
    /// More members than a body has.
    Members,
    /// A window that is too large to be held.
    Window,
}

/// How much of a body comes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cap {
    /// Bytes that are kept.
    pub(crate) keep: usize,
    /// Bytes that are decoded; what is beyond `keep` is counted and let go.
    pub(crate) most: usize,
}

/// Collects up to a cap.
#[derive(Debug, Default)]
struct Sink {
    bytes: Vec<u8>,
    cap: Cap,
    /// Came out so far.
    seen: usize,
    full: bool,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.cap.keep.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.seen = self.seen.saturating_add(bytes.len());
        if self.seen > self.cap.most {
            self.full = true;
            return Err(io::Error::other("full"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Inner {
    Identity(Sink),
    Gzip(Members<Sink>),
    Zlib(ZlibDecoder<Sink>),
    Deflate(DeflateDecoder<Sink>),
    Brotli(Box<Brotli<Sink>>),
    /// Deflate, before its first two bytes.
    Undecided {
        sink: Sink,
        head: Vec<u8>,
    },
}

/// Decodes one body.
pub(crate) struct Decoder {
    inner: Inner,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("decoded", &self.sink().bytes.len())
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// No more comes out than `cap` says.
    pub(crate) fn new(encoding: Encoding, cap: Cap) -> Self {
        let sink = Sink { cap, ..Sink::default() };
        let inner = match encoding {
            Encoding::Identity => Inner::Identity(sink),
            Encoding::Gzip => Inner::Gzip(Members::new(sink)),
            Encoding::Deflate => Inner::Undecided { sink, head: Vec::new() },
            Encoding::Brotli => Inner::Brotli(Box::new(Brotli::new(sink))),
        };
        Self { inner }
    }

    /// Takes the next piece.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        self.decide(bytes);
        let written = match &mut self.inner {
            Inner::Identity(sink) => sink.write_all(bytes),
            Inner::Gzip(decoder) => decoder.write_all(bytes),
            Inner::Zlib(decoder) => decoder.write_all(bytes),
            Inner::Deflate(decoder) => decoder.write_all(bytes),
            Inner::Brotli(decoder) => decoder.write_all(bytes),
            Inner::Undecided { head, .. } => {
                head.extend_from_slice(bytes);
                Ok(())
            }
        };
        self.judge(&written)
    }

    /// The end of the body. Nothing at all is an empty body, whatever the encoding.
    pub(crate) fn finish(&mut self, any: bool) -> Result<(), Ended> {
        if !any {
            return Ok(());
        }
        let finished = match &mut self.inner {
            Inner::Identity(_) => Ok(()),
            Inner::Gzip(decoder) => decoder.try_finish(),
            Inner::Zlib(decoder) => decoder.try_finish(),
            Inner::Deflate(decoder) => decoder.try_finish(),
            Inner::Brotli(decoder) => decoder.close(),
            Inner::Undecided { .. } => Err(io::ErrorKind::UnexpectedEof.into()),
        };
        self.judge(&finished)
    }

    /// Whether there was more than is kept.
    pub(super) fn is_cut(&self) -> bool {
        self.sink().seen > self.sink().bytes.len()
    }

    /// How much is kept so far.
    pub(super) fn decoded(&self) -> usize {
        self.sink().bytes.len()
    }

    /// What came out.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.sink_mut().bytes)
    }

    fn judge(&self, done: &io::Result<()>) -> Result<(), Ended> {
        match done {
            Ok(()) => Ok(()),
            Err(_) if self.sink().full => Err(Ended::Full),
            Err(_) if matches!(&self.inner, Inner::Gzip(members) if members.is_exhausted()) => Err(Ended::Members),
            Err(_) if matches!(&self.inner, Inner::Brotli(decoder) if decoder.is_too_wide()) => Err(Ended::Window),
            Err(_) => Err(Ended::Broken),
        }
    }

    /// Two bytes tell zlib from bare deflate: RFC 1950's header is a multiple of 31 and says 8.
    fn decide(&mut self, next: &[u8]) {
        let Inner::Undecided { sink, head } = &mut self.inner else {
            return;
        };
        let first: Vec<u8> = head.iter().chain(next).copied().take(2).collect();
        let &[one, two] = first.as_slice() else { return };
        let (mut sink, head) = (std::mem::take(sink), std::mem::take(head));
        sink.bytes.clear();
        let is_zlib = one & 0x0f == 8 && (u16::from(one) << 8 | u16::from(two)).is_multiple_of(31);
        self.inner = if is_zlib {
            Inner::Zlib(ZlibDecoder::new(sink))
        } else {
            Inner::Deflate(DeflateDecoder::new(sink))
        };
        if !head.is_empty() {
            // One byte decodes to nothing yet, so this can neither fill the sink nor fail for good: the next piece will.
            let _ = self.push(&head);
        }
    }

    fn sink(&self) -> &Sink {
        match &self.inner {
            Inner::Identity(sink) | Inner::Undecided { sink, .. } => sink,
            Inner::Gzip(members) => members.sink(),
            Inner::Zlib(decoder) => decoder.get_ref(),
            Inner::Deflate(decoder) => decoder.get_ref(),
            Inner::Brotli(decoder) => decoder.sink(),
        }
    }

    fn sink_mut(&mut self) -> &mut Sink {
        match &mut self.inner {
            Inner::Identity(sink) | Inner::Undecided { sink, .. } => sink,
            Inner::Gzip(members) => members.sink_mut(),
            Inner::Zlib(decoder) => decoder.get_mut(),
            Inner::Deflate(decoder) => decoder.get_mut(),
            Inner::Brotli(decoder) => decoder.sink_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };

    use super::{super::members::MEMBERS_MAX, *};

    const TEXT: &[u8] = b"to be or not to be, that is the question, to be or not to be";
    /// Stored, not compressed: one block of five bytes, and the end.
    const BROTLI_HELLO: &[u8] = &[0x0b, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', 0x03];

    fn up_to(bytes: usize) -> Cap {
        Cap {
            keep: bytes,
            most: bytes,
        }
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).expect("written");
        encoder.finish().expect("finished")
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).expect("written");
        encoder.finish().expect("finished")
    }

    fn bare(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).expect("written");
        encoder.finish().expect("finished")
    }

    /// Byte by byte, as the slowest server would send it.
    fn decoded(encoding: Encoding, bytes: &[u8], cap: usize) -> Result<Vec<u8>, Ended> {
        let mut decoder = Decoder::new(encoding, up_to(cap));
        for byte in bytes {
            decoder.push(&[*byte])?;
        }
        decoder.finish(!bytes.is_empty())?;
        Ok(decoder.take())
    }

    #[test]
    fn every_encoding_is_undone_however_it_is_cut() {
        for (encoding, bytes) in [
            (Encoding::Identity, TEXT.to_vec()),
            (Encoding::Gzip, gzip(TEXT)),
            (Encoding::Deflate, zlib(TEXT)),
            (Encoding::Deflate, bare(TEXT)),
        ] {
            assert_eq!(decoded(encoding, &bytes, 1000).as_deref(), Ok(TEXT), "{encoding:?}");
            let mut whole = Decoder::new(encoding, up_to(1000));
            whole.push(&bytes).and_then(|()| whole.finish(true)).expect("decoded");
            assert_eq!(whole.take(), TEXT, "{encoding:?}");
        }
        assert_eq!(
            decoded(Encoding::Brotli, BROTLI_HELLO, 1000).as_deref(),
            Ok(&b"hello"[..])
        );
        assert_eq!(decoded(Encoding::Gzip, b"", 1000).as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn members_follow_each_other_but_not_without_end() {
        let many = |count: usize| gzip(b"x").repeat(count);
        let all = decoded(Encoding::Gzip, &many(MEMBERS_MAX), 1000);
        assert_eq!(all, Ok(vec![b'x'; MEMBERS_MAX]));
        assert_eq!(
            decoded(Encoding::Gzip, &many(MEMBERS_MAX + 1), 1000),
            Err(Ended::Members)
        );
        let mut decoder = Decoder::new(Encoding::Gzip, up_to(1000));
        assert_eq!(decoder.push(&gzip(b"").repeat(100_000)), Err(Ended::Members));
    }

    #[test]
    fn a_bomb_ends_at_the_cap() {
        let bomb = gzip(&vec![0; 50_000_000]);
        let mut decoder = Decoder::new(Encoding::Gzip, up_to(1000));
        assert_eq!(decoder.push(&bomb), Err(Ended::Full));
        assert_eq!(decoder.decoded(), 1000);
        assert_eq!(decoder.take(), [0; 1000]);
    }

    #[test]
    fn a_window_that_is_too_large_is_its_own_end() {
        let mut wide = BROTLI_HELLO.to_vec();
        wide[0] = 0x0f;
        assert_eq!(decoded(Encoding::Brotli, &wide, 1000), Err(Ended::Window));
    }

    #[test]
    fn what_fits_exactly_is_not_full() {
        assert_eq!(decoded(Encoding::Gzip, &gzip(TEXT), TEXT.len()).as_deref(), Ok(TEXT));
        assert_eq!(decoded(Encoding::Identity, TEXT, TEXT.len() - 1), Err(Ended::Full));
    }

    #[test]
    fn nonsense_and_torn_data_are_broken() {
        for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Brotli] {
            assert_eq!(
                decoded(encoding, b"\xfb\xff\xffnonsense", 1000),
                Err(Ended::Broken),
                "{encoding:?}"
            );
        }
        let whole = gzip(TEXT);
        assert_eq!(
            decoded(Encoding::Gzip, &whole[..whole.len() / 2], 1000),
            Err(Ended::Broken)
        );
    }

    #[test]
    fn encodings_are_known_by_name_and_several_are_not_undone() {
        assert_eq!(Encoding::of("GZip"), Some(Encoding::Gzip));
        assert_eq!(Encoding::of("br"), Some(Encoding::Brotli));
        assert_eq!(Encoding::of("zstd"), None);
        assert_eq!(Encoding::of("gzip, br"), None);
    }

    #[test]
    fn what_is_not_kept_is_decoded_as_far_as_it_may() {
        let cap = Cap { keep: 5, most: 60 };
        for (encoding, bytes) in [(Encoding::Identity, TEXT.to_vec()), (Encoding::Gzip, gzip(TEXT))] {
            let mut decoder = Decoder::new(encoding, cap);
            decoder
                .push(&bytes)
                .and_then(|()| decoder.finish(true))
                .expect("60 bytes");
            assert!(decoder.is_cut() && decoder.decoded() == 5);
            assert_eq!(decoder.take(), b"to be");
            let mut short = Decoder::new(encoding, Cap { most: 59, ..cap });
            assert_eq!(
                short.push(&bytes).and_then(|()| short.finish(true)),
                Err(Ended::Full),
                "{encoding:?}"
            );
        }
    }
}
