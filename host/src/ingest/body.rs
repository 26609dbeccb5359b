//! Bodies of pushes: how much of them is in memory at once, and what comes out of them. Pure but for the budget.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::envelope::ENVELOPE_BYTES_MAX;
use crate::capability::http::decode::{Cap, Decoder, Encoding, Ended};

/// Of one body as it comes. What is not compressed is as long as what it holds.
pub const BODY_BYTES_MAX: usize = ENVELOPE_BYTES_MAX;

/// All bodies that are read or wait, as they come: a few of the largest, or thousands of ordinary ones.
pub const BODIES_BYTES_MAX: usize = 64 << 20;

/// The budget is counted in such pieces.
const PIECE_BYTES: usize = 16 << 10;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing(Encoding);

impl Packing {
    /// Not at all.
    pub const NONE: Self = Self(Encoding::Identity);

    /// Of a `content-encoding`. `None`: one that is not undone here.
    pub fn of(content_encoding: &str) -> Option<Self> {
        Encoding::of(content_encoding).map(Self)
    }
}

/// Why a body cannot be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More comes out than is taken.
    #[error("the body holds more than {ENVELOPE_BYTES_MAX} bytes")]
    TooLong,
    /// It is not what `content-encoding` says.
    #[error("the body cannot be decompressed: it is not what `content-encoding` says, or is cut")]
    Broken,
}

/// What is in a body.
pub fn unpack(packing: Packing, body: &[u8]) -> Result<Vec<u8>, BodyError> {
    let cap = Cap {
        keep: ENVELOPE_BYTES_MAX,
        most: ENVELOPE_BYTES_MAX,
    };
    let mut decoder = Decoder::new(packing.0, cap);
    let unpacked = decoder.push(body).and_then(|()| decoder.finish(!body.is_empty()));
    unpacked.map_err(|ended| match ended {
        Ended::Full => BodyError::TooLong,
        Ended::Broken | Ended::Members | Ended::Window => BodyError::Broken,
    })?;
    Ok(decoder.take())
}

/// Room in memory for all bodies together. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bodies(Arc<Semaphore>);

impl Default for Bodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BODIES_BYTES_MAX / PIECE_BYTES)))
    }
}

/// Room that one body has; given back when it is dropped.
#[derive(Debug)]
pub struct Room {
    of: Arc<Semaphore>,
    taken: Vec<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Bodies {
    /// For a body that begins.
    pub fn begin(&self) -> Room {
        Room {
            of: Arc::clone(&self.0),
            taken: Vec::new(),
            bytes: 0,
        }
    }
}

impl Room {
    /// Room for a body of `bytes` so far. False: there is none.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let missing = bytes.saturating_sub(self.bytes).div_ceil(PIECE_BYTES);
        if missing == 0 {
            return true;
        }
        let Ok(pieces) = u32::try_from(missing) else {
            return false;
        };
        let Ok(permit) = Arc::clone(&self.of).try_acquire_many_owned(pieces) else {
            return false;
        };
        self.bytes += missing * PIECE_BYTES;
        self.taken.push(permit);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("written");
        encoder.finish().expect("finished")
    }

    #[test]
    fn what_was_packed_comes_out_and_what_is_no_such_thing_is_broken() {
        let packing = Packing::of("gzip").expect("known");
        assert_eq!(unpack(packing, &gzip(b"{}\n")), Ok(b"{}\n".to_vec()));
        assert_eq!(unpack(Packing::NONE, b"{}\n"), Ok(b"{}\n".to_vec()));
        assert_eq!(unpack(packing, b"{}\n"), Err(BodyError::Broken));
        let cut = gzip(&[7; 10_000]);
        assert_eq!(unpack(packing, &cut[..cut.len() / 2]), Err(BodyError::Broken));
        assert_eq!(Packing::of("zstd"), None);
        assert!(Packing::of("br").is_some() && Packing::of("deflate").is_some());
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gzip(&vec![0; ENVELOPE_BYTES_MAX + 1]);
        assert!(bomb.len() < BODY_BYTES_MAX / 50);
        assert_eq!(unpack(Packing(Encoding::Gzip), &bomb), Err(BodyError::TooLong));
    }

    #[test]
    fn bodies_share_one_budget_and_give_it_back() {
        let bodies = Bodies::default();
        let mut large: Vec<Room> = (0..BODIES_BYTES_MAX / BODY_BYTES_MAX).map(|_| bodies.begin()).collect();
        assert!(large.iter_mut().all(|room| room.grow(1) && room.grow(BODY_BYTES_MAX)));
        let mut one_more = bodies.begin();
        assert!(!one_more.grow(BODY_BYTES_MAX));
        drop(large);
        assert!(one_more.grow(BODY_BYTES_MAX));
    }
}
