//! Who may have one more seat. Pure.
//!
//! Every run has a few seats that are its own, whatever others do: a check of one healthy target is asked at once beside any
//! number of checks whose targets all hang. The rest is for whoever wants more, and nobody takes more of it than is left: so
//! one that comes late finds something, too.

/// Requests of all runs at the same time, where runs are few enough for each to have its own. Each has a socket, and a process
/// has 1,024 of those unless somebody says more.
const SEATS: usize = 512;
/// Most that are a run's own: most checks ask fewer places than this.
const OWN_MAX: usize = 8;
/// Of [`SEATS`], for runs that want more than their own.
const SPARE_MIN: usize = SEATS / 4;

/// How the seats of a host are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    runs: usize,
    own: usize,
    spare: usize,
}

/// Whether a run may have one more, and of which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// One of its own.
    Own,
    /// One of those that are nobody's own.
    Spare,
    /// It has its own, and as many more as are left, or none is left.
    HasItsShare,
    /// More runs than were foreseen hold all there are.
    AllTaken,
}

impl Decision {
    pub(super) const fn is_yes(self) -> bool {
        matches!(self, Self::Own | Self::Spare)
    }
}

impl Share {
    /// For a host that runs so many checks at once. Where they are more than there are seats, there are more seats: each run
    /// has at least one of its own.
    pub(super) fn among(runs: usize) -> Self {
        let runs = runs.max(1);
        let own = ((SEATS - SPARE_MIN) / runs).clamp(1, OWN_MAX);
        let spare = SEATS.saturating_sub(own.saturating_mul(runs)).max(SPARE_MIN);
        Self { runs, own, spare }
    }

    /// All seats.
    pub(super) const fn all(self) -> usize {
        self.own.saturating_mul(self.runs).saturating_add(self.spare)
    }

    /// How many of the seats of a run that holds `held` are not its own.
    pub(super) const fn beyond(self, held: usize) -> usize {
        held.saturating_sub(self.own)
    }

    /// For a run that holds `held`, when `taken` are held by all, and `beyond` of those are nobody's own.
    pub(super) const fn decide(self, held: usize, taken: usize, beyond: usize) -> Decision {
        if taken >= self.all() {
            Decision::AllTaken
        } else if held < self.own {
            Decision::Own
        } else if self.beyond(held) < self.spare.saturating_sub(beyond) {
            Decision::Spare
        } else {
            Decision::HasItsShare
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_a_runs_own_shrinks_before_the_seats_run_out() {
        let shares = [1, 5, 36, 64, 384, 1_028].map(|runs| {
            let share = Share::among(runs);
            (share.own, share.spare, share.all())
        });
        assert_eq!(
            shares,
            [
                (8, 504, 512),
                (8, 472, 512),
                (8, 224, 512),
                (6, 128, 512),
                (1, 128, 512),
                (1, 128, 1_156)
            ]
        );
        assert_eq!(Share::among(0), Share::among(1));
    }

    #[test]
    fn beyond_its_own_a_run_takes_no_more_than_it_leaves() {
        let share = Share::among(36);
        for (held, taken, beyond, decision) in [
            (0, 0, 0, Decision::Own),
            (7, 511, 224, Decision::Own),
            (8, 8, 0, Decision::Spare),
            (8 + 55, 63, 55, Decision::Spare),
            (8 + 56, 200, 224 - 56, Decision::HasItsShare),
            (8 + 56, 200, 224 - 57, Decision::Spare),
            (8, 500, 223, Decision::Spare),
            (8, 500, 224, Decision::HasItsShare),
            (0, 512, 224, Decision::AllTaken),
        ] {
            assert_eq!(share.decide(held, taken, beyond), decision, "{held}, {taken}, {beyond}");
        }
    }

    proptest! {
        /// Runs that come and go, and take and give back, in any order: as long as they are no more than were foreseen, nobody
        /// waits for what is its own.
        #[test]
        fn a_run_never_waits_for_what_is_its_own(
            runs in 1_usize..600,
            steps in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..80), 0..100),
        ) {
            let share = Share::among(runs);
            let mut all = vec![0; runs];
            for (who, wanted) in steps {
                let who = who.index(runs);
                let mut held = wanted.min(all[who]);
                all[who] = 0;
                let others: usize = all.iter().sum();
                let others_beyond: usize = all.iter().map(|held| share.beyond(*held)).sum();
                while held < wanted && share.decide(held, others + held, others_beyond + share.beyond(held)).is_yes() {
                    held += 1;
                }
                all[who] = held;
                prop_assert!(held >= wanted.min(share.own));
                prop_assert!(others + held <= share.all());
                prop_assert!(others_beyond + share.beyond(held) <= share.spare);
            }
        }
    }
}
