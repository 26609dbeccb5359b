//! Reads an answer's body: decoded, up to what is kept, within what the run may still take in.

use std::sync::atomic::{AtomicU64, Ordering};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::{
    BODY_BYTES_MAX,
    brotli::WINDOW_BITS_MAX,
    decode::{Cap, Decoder, Encoding, Ended},
    explain,
    members::MEMBERS_MAX,
    message::{Error, Phase},
};

/// What a compressed byte counts: a server can send many that are work and yield nothing. Texts are compressed to a quarter
/// and less, so that ordinary ones count twice what they hold at most.
const COMPRESSED_WEIGHT: usize = 4;

/// Bytes that the pieces of one body have on average at least. Each piece is work for us, however little is in it, and even a
/// server that writes line by line sends larger ones.
const PIECE_BYTES_MIN: usize = 32;
/// Pieces of one body that may be smaller: programs that mean to send a text and send its characters are not rare.
const PIECES_SMALL_MAX: usize = 4 * 1024;

/// Bytes of bodies that one run may still take in, as they come and as they are decoded.
#[derive(Debug)]
pub(super) struct Budget(AtomicU64);

impl Budget {
    pub(super) fn new(bytes: u64) -> Self {
        Self(AtomicU64::new(bytes))
    }

    fn spend(&self, bytes: usize) -> Result<(), Error> {
        let spend = |left: u64| left.checked_sub(bytes as u64);
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::Exhausted(format!(
                "all bodies of this run are larger than 32 MiB together, with each compressed byte counted \
                 {COMPRESSED_WEIGHT} times"
            ))),
        }
    }
}

/// Why no more was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// There was no more, so that the connection can be used again.
    Complete,
    /// It is longer than what is read.
    Long,
    /// It comes in more pieces than are read.
    Crumbs,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) end: End,
    /// There was more than `bytes`.
    pub(super) cut: bool,
}

impl Body {
    /// Or why there is no whole one.
    pub(super) fn whole(self) -> Result<Self, Error> {
        match self.end {
            End::Complete => Ok(self),
            End::Long => Err(Error::Limit(format!(
                "it is longer than {} MiB, which is the most that is read",
                BODY_BYTES_MAX / (1024 * 1024)
            ))),
            End::Crumbs => Err(Error::Limit(format!(
                "it comes in more than {PIECES_SMALL_MAX} pieces of less than {PIECE_BYTES_MIN} bytes, which is the most that is read"
            ))),
        }
    }
}

/// Reads until the end, until `cap` is reached, or until there were too many pieces. What is read and not kept takes no room, so it is not spent of the budget;
/// its bytes are few, for they count towards the cap as they come, too.
pub(super) async fn read(mut incoming: Incoming, encoding: Encoding, cap: Cap, budget: &Budget) -> Result<Body, Error> {
    let mut decoder = Decoder::new(encoding, cap);
    let mut any = false;
    let (mut pieces, mut taken, mut unkept) = (0, 0, 0);
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| explain::hyper(&error, Phase::Transfer))?;
        // Trailers carry nothing that the contract has a place for.
        let Ok(data) = frame.into_data() else { continue };
        any |= !data.is_empty();
        (pieces, taken) = (pieces + 1, taken + data.len());
        if is_crumbled(pieces, taken) {
            return Ok(cut(&mut decoder, End::Crumbs));
        }
        let before = decoder.decoded();
        let pushed = decoder.push(&data);
        if before < cap.keep {
            budget.spend(cost(data.len(), decoder.decoded() - before, encoding))?;
        } else {
            unkept += data.len();
        }
        if full(&pushed, encoding)? || unkept > cap.most {
            return Ok(cut(&mut decoder, End::Long));
        }
    }
    if full(&decoder.finish(any), encoding)? {
        return Ok(cut(&mut decoder, End::Long));
    }
    Ok(Body {
        cut: decoder.is_cut(),
        bytes: decoder.take(),
        end: End::Complete,
    })
}

/// Whether `taken` bytes came in too many pieces.
const fn is_crumbled(pieces: usize, taken: usize) -> bool {
    pieces > PIECES_SMALL_MAX + taken / PIECE_BYTES_MIN
}

fn cost(taken: usize, decoded: usize, encoding: Encoding) -> usize {
    match encoding {
        Encoding::Identity => taken,
        Encoding::Gzip | Encoding::Deflate | Encoding::Brotli => taken * COMPRESSED_WEIGHT + decoded,
    }
}

fn cut(decoder: &mut Decoder, end: End) -> Body {
    Body {
        bytes: decoder.take(),
        end,
        cut: true,
    }
}

fn full(pushed: &Result<(), Ended>, encoding: Encoding) -> Result<bool, Error> {
    match pushed {
        Ok(()) => Ok(false),
        Err(Ended::Full) => Ok(true),
        Err(Ended::Members) => Err(Error::Limit(format!("it has more than {MEMBERS_MAX} members of gzip"))),
        Err(Ended::Window) => Err(Error::Limit(format!(
            "it is compressed by Brotli with a window of more than {} MiB",
            (1_u32 << WINDOW_BITS_MAX) / (1024 * 1024)
        ))),
        Err(Ended::Broken) => Err(Error::Protocol(format!(
            "the body is not the {encoding:?} it is said to be"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_characters_is_read_and_one_without_end_is_not() {
        assert!(!is_crumbled(PIECES_SMALL_MAX, PIECES_SMALL_MAX));
        assert!(!is_crumbled(PIECES_SMALL_MAX + 128, PIECES_SMALL_MAX + 128));
        assert!(is_crumbled(PIECES_SMALL_MAX + 150, PIECES_SMALL_MAX + 150));
        assert!(is_crumbled(PIECES_SMALL_MAX + 1, 0));
        assert!(!is_crumbled(32 * 1024, 32 * 1024 * PIECE_BYTES_MIN));
    }

    #[test]
    fn what_is_compressed_counts_for_the_work_it_is() {
        assert_eq!(cost(100, 100, Encoding::Identity), 100);
        assert_eq!(cost(100, 0, Encoding::Deflate), 400);
        assert_eq!(cost(100, 1000, Encoding::Gzip), 1400);
        let budget = Budget::new(1000);
        assert_eq!(budget.spend(cost(250, 0, Encoding::Brotli)), Ok(()));
        assert!(matches!(budget.spend(1), Err(Error::Exhausted(_))));
    }
}
