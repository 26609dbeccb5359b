//! How often somebody may: a bucket that fills at a steady pace. Pure.

use std::time::Duration;

use crate::clock::Timestamp;

/// A budget that grows with time.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Per second.
    pace: f64,
    /// What it holds at most.
    room: f64,
    left: f64,
    /// When `left` was right.
    at: Timestamp,
}

impl Bucket {
    /// Full. `pace` is per second, `room` what may be spent at once.
    pub fn new(pace: f64, room: f64, now: Timestamp) -> Self {
        Self {
            pace,
            room,
            left: room,
            at: now,
        }
    }

    /// Spends `cost`, or says when it could be spent. What costs more than the bucket holds is let through when it is full, so that
    /// nothing is refused for good. A clock that was set back costs nobody anything.
    pub fn spend(&mut self, cost: f64, now: Timestamp) -> Result<(), Duration> {
        let passed = now.since(self.at).as_secs_f64();
        self.at = now;
        self.left = self.pace.mul_add(passed, self.left).min(self.room);
        let wanted = cost.min(self.room);
        if self.left >= wanted {
            self.left -= wanted;
            return Ok(());
        }
        let wait = (wanted - self.left) / self.pace;
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(NOW + seconds)
    }

    #[test]
    fn a_burst_is_spent_and_then_the_pace_is_kept() {
        let mut bucket = Bucket::new(2.0, 10.0, at(0));
        let taken = |bucket: &mut Bucket, second| (0..100).filter(|_| bucket.spend(1.0, at(second)).is_ok()).count();
        assert_eq!(taken(&mut bucket, 0), 10);
        assert_eq!(bucket.spend(1.0, at(0)), Err(Duration::from_millis(500)));
        assert_eq!(taken(&mut bucket, 3), 6);
        assert_eq!(taken(&mut bucket, 1_000), 10);
    }

    #[test]
    fn what_is_larger_than_the_bucket_passes_when_it_is_full() {
        let mut bucket = Bucket::new(1.0, 10.0, at(0));
        assert_eq!(bucket.spend(50.0, at(0)), Ok(()));
        assert_eq!(bucket.spend(50.0, at(0)), Err(Duration::from_secs(10)));
    }

    #[test]
    fn a_clock_that_was_set_back_gives_nothing_and_takes_nothing() {
        let mut bucket = Bucket::new(1.0, 1.0, at(100));
        assert_eq!(bucket.spend(1.0, at(100)), Ok(()));
        assert_eq!(bucket.spend(1.0, at(0)), Err(Duration::from_secs(1)));
        assert_eq!(bucket.spend(1.0, at(1)), Ok(()));
    }
}
