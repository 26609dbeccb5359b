//! What goes when the memory for history is short. Pure.
//!
//! In this order: the oldest samples of series that no rule reads, then such series as a whole, the latest to come first; and only
//! when nothing of those is left, the oldest samples of series that rules read, which is said as an error. A new series is refused
//! when there is no room for it.

/// Room is made down to this share of the bound, so that it is not made at every tick.
const TARGET_NUMERATOR: usize = 15;
const TARGET_DENOMINATOR: usize = 16;

/// What there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Bytes of everything.
    pub(super) all: usize,
    /// Series that no rule reads.
    pub(super) unselected: usize,
}

/// What to do next. Asked again until it is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relief {
    /// It fits, or nothing can be done about it.
    Nothing,
    /// Cut the oldest frames off series that no rule reads, this many bytes.
    CutUnselected(usize),
    /// Give up series that no rule reads, this many bytes.
    DropUnselected(usize),
    /// Cut the oldest frames off series that rules read, this many bytes.
    CutSelected(usize),
}

/// Where room is made to, and up to where new series are let in that no rule reads.
pub(super) const fn target(memory: usize) -> usize {
    memory / TARGET_DENOMINATOR * TARGET_NUMERATOR
}

/// Once the bound is exceeded, what to do until the target is reached. `…_past`: whether such series have whole frames to cut off.
pub(super) const fn relief(held: Held, unselected_past: bool, selected_past: bool, memory: usize) -> Relief {
    let Some(excess) = held.all.checked_sub(target(memory)) else {
        return Relief::Nothing;
    };
    if excess == 0 {
        Relief::Nothing
    } else if unselected_past {
        Relief::CutUnselected(excess)
    } else if held.unselected > 0 {
        Relief::DropUnselected(excess)
    } else if selected_past && held.all > memory {
        Relief::CutSelected(excess)
    } else {
        Relief::Nothing
    }
}

/// Whether a new series is let in.
pub(super) const fn has_room(held: Held, memory: usize, selected: bool) -> bool {
    if selected {
        // Others make room for it.
        held.unselected > 0 || held.all < memory
    } else {
        held.all < target(memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: usize = 1600;

    #[test]
    fn what_no_rule_reads_goes_first_and_oldest_first() {
        for (all, unselected, unselected_past, selected_past, wanted) in [
            (1500, 9, true, true, Relief::Nothing),
            (1601, 9, true, true, Relief::CutUnselected(101)),
            (1601, 9, false, true, Relief::DropUnselected(101)),
            (1601, 0, false, true, Relief::CutSelected(101)),
            (1550, 0, false, true, Relief::Nothing),
            (9999, 0, false, false, Relief::Nothing),
        ] {
            let held = Held { all, unselected };
            assert_eq!(relief(held, unselected_past, selected_past, MEMORY), wanted, "{held:?}");
        }
    }

    #[test]
    fn a_series_that_rules_read_is_refused_only_when_nothing_can_make_room() {
        for (all, unselected, selected, wanted) in [
            (1499, 0, false, true),
            (1500, 0, false, false),
            (1599, 0, true, true),
            (1700, 1, true, true),
            (1600, 0, true, false),
        ] {
            assert_eq!(
                has_room(Held { all, unselected }, MEMORY, selected),
                wanted,
                "{all} {unselected} {selected}"
            );
        }
    }
}
