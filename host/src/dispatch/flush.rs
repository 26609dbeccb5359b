//! Whether a group's receiver is told something now: pure, with a named reason.
//!
//! Flows in: what the receiver knows, what of the group fires and what is over, as counts. Flows out: a [`Decision`]. Which alerts a
//! message carries is `group`'s.
//!
//! What the receiver knows is what was delivered together with what it may have received. A muted alert that it knows of is over for it
//! when it is over: silence keeps new alerts from people, not the end of those they were woken for. Off hours nothing is sent at all,
//! and all is said after them.

use super::message::NewsReason;

/// One group at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// Alerts that fire and are not muted.
    pub firing: usize,
    /// Of them, those that the receiver does not know of.
    pub new: usize,
    /// Alerts that fire and are silenced or inhibited.
    pub muted: usize,
    /// Alerts that the receiver knows as firing.
    pub known: usize,
    /// Of them, those that are over.
    pub over: usize,
    /// Alerts that a message told of which never left, and that are over.
    pub passed: usize,
    /// Alerts that are over and that no message ever told of.
    pub unheard: usize,
    /// Whether the route is muted by the calendar.
    pub is_off_hours: bool,
    /// Whether a message that waits says just this.
    pub is_waiting: bool,
    /// When the receiver was told last, in milliseconds; None: it was not.
    pub told_at: Option<i64>,
    /// The route's, in milliseconds.
    pub repeat_interval: i64,
    /// Of the receiver; None: it does not forget.
    pub refresh: Option<i64>,
    /// Of the receiver.
    pub send_resolved: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Tell the receiver.
    Send(NewsReason),
    /// Do not.
    Keep(Quiet),
}

/// Why nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quiet {
    /// The receiver knows all that fires.
    NothingNew,
    /// All that fires is silenced or inhibited.
    AllMuted,
    /// The calendar mutes the route.
    OffHours,
    /// What fired was over before the group's first or next message.
    ResolvedInsideWait,
    /// What was told is over, and the receiver does not want to hear of that.
    ResolvedUnwanted,
    /// A message that says this waits to be delivered.
    Waiting,
    /// There is nothing in the group.
    Empty,
}

impl Quiet {
    /// All.
    pub const ALL: [Self; 7] = [
        Self::NothingNew,
        Self::AllMuted,
        Self::OffHours,
        Self::ResolvedInsideWait,
        Self::ResolvedUnwanted,
        Self::Waiting,
        Self::Empty,
    ];

    /// As in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NothingNew => "nothing_new",
            Self::AllMuted => "all_muted",
            Self::OffHours => "off_hours",
            Self::ResolvedInsideWait => "resolved_inside_wait",
            Self::ResolvedUnwanted => "resolved_unwanted",
            Self::Waiting => "waiting",
            Self::Empty => "empty",
        }
    }
}

impl Decision {
    /// As in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send(reason) => reason.as_str(),
            Self::Keep(reason) => reason.as_str(),
        }
    }
}

/// See the head of this file.
pub fn decide(group: &Situation, now: i64) -> Decision {
    if group.is_off_hours {
        return Decision::Keep(Quiet::OffHours);
    }
    let decision = if group.send_resolved {
        news(group)
    } else {
        firing_news(group)
    };
    match decision {
        Some(_) if group.is_waiting => Decision::Keep(Quiet::Waiting),
        Some(reason) => Decision::Send(reason),
        None => reminder(group, now).map_or_else(|| Decision::Keep(quiet(group)), Decision::Send),
    }
}

/// What is different from what the receiver knows.
const fn news(group: &Situation) -> Option<NewsReason> {
    let remaining = group.known.saturating_sub(group.over);
    if group.over > 0 {
        return Some(if remaining == 0 && group.firing == 0 {
            NewsReason::Resolved
        } else {
            NewsReason::Changed
        });
    }
    if group.passed > 0 && group.new == 0 {
        return Some(NewsReason::Passed);
    }
    firing_news(group)
}

const fn firing_news(group: &Situation) -> Option<NewsReason> {
    if group.new == 0 {
        None
    } else if group.known.saturating_sub(group.over) == 0 && group.over == 0 {
        Some(NewsReason::First)
    } else {
        Some(NewsReason::Changed)
    }
}

fn reminder(group: &Situation, now: i64) -> Option<NewsReason> {
    // A message that waits tells more than a reminder would.
    if group.firing == 0 || group.is_waiting {
        return None;
    }
    let passed = now - group.told_at?;
    if passed >= group.repeat_interval {
        Some(NewsReason::Repeat)
    } else if group.refresh.is_some_and(|refresh| passed >= refresh) {
        Some(NewsReason::Refresh)
    } else {
        None
    }
}

const fn quiet(group: &Situation) -> Quiet {
    if group.over > 0 {
        Quiet::ResolvedUnwanted
    } else if group.firing > 0 {
        Quiet::NothingNew
    } else if group.muted > 0 {
        Quiet::AllMuted
    } else if group.unheard > 0 || group.passed > 0 {
        Quiet::ResolvedInsideWait
    } else {
        Quiet::Empty
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group() -> Situation {
        Situation {
            repeat_interval: 1_000,
            send_resolved: true,
            ..Situation::default()
        }
    }

    fn decided(group: Situation) -> &'static str {
        decide(&group, 5_000).as_str()
    }

    #[test]
    fn what_is_new_is_told_with_its_reason() {
        let firing = |firing, new, known| Situation {
            firing,
            new,
            known,
            ..group()
        };
        assert_eq!(decided(firing(2, 2, 0)), "first");
        assert_eq!(decided(firing(2, 1, 1)), "changed");
        assert_eq!(decided(firing(1, 0, 1)), "nothing_new");
        let over = |firing, known, over| Situation {
            firing,
            known,
            over,
            ..group()
        };
        assert_eq!(decided(over(0, 2, 2)), "resolved");
        assert_eq!(decided(over(0, 2, 1)), "changed", "one that is muted fires on");
        assert_eq!(decided(over(1, 2, 1)), "changed");
        let replaced = Situation {
            firing: 1,
            new: 1,
            known: 1,
            over: 1,
            ..group()
        };
        assert_eq!(decided(replaced), "changed");
    }

    #[test]
    fn what_nobody_heard_of_is_not_told_as_over() {
        assert_eq!(decided(Situation { unheard: 3, ..group() }), "resolved_inside_wait");
        assert_eq!(
            decided(Situation { passed: 1, ..group() }),
            "passed",
            "a message was lost to it"
        );
        assert_eq!(decided(group()), "empty");
    }

    #[test]
    fn muting_keeps_new_alerts_away_and_lets_the_end_through() {
        assert_eq!(decided(Situation { muted: 2, ..group() }), "all_muted");
        let known = Situation {
            muted: 1,
            known: 1,
            told_at: Some(0),
            ..group()
        };
        assert_eq!(decided(known), "all_muted", "and no repeat");
        assert_eq!(
            decided(Situation {
                known: 1,
                over: 1,
                ..group()
            }),
            "resolved"
        );
        let night = Situation {
            firing: 1,
            new: 1,
            known: 1,
            over: 1,
            is_off_hours: true,
            ..group()
        };
        assert_eq!(decided(night), "off_hours");
    }

    #[test]
    fn reminders_come_when_they_are_due() {
        let told = |told_at, refresh| Situation {
            firing: 1,
            known: 1,
            told_at: Some(told_at),
            refresh,
            ..group()
        };
        assert_eq!(decided(told(4_001, None)), "nothing_new");
        assert_eq!(decided(told(4_000, None)), "repeat");
        assert_eq!(decided(told(4_001, Some(900))), "refresh");
        assert_eq!(decided(told(4_200, Some(900))), "nothing_new");
        assert_eq!(
            decided(Situation {
                is_waiting: true,
                ..told(0, None)
            }),
            "nothing_new"
        );
    }

    #[test]
    fn a_receiver_that_does_not_want_ends_gets_none() {
        let unwanted = Situation {
            known: 1,
            over: 1,
            send_resolved: false,
            ..group()
        };
        assert_eq!(decided(unwanted), "resolved_unwanted");
        assert_eq!(
            decided(Situation {
                firing: 1,
                new: 1,
                ..unwanted
            }),
            "changed"
        );
    }

    fn any_group() -> impl Strategy<Value = Situation> {
        let counts = (
            0_usize..3,
            0_usize..3,
            0_usize..3,
            0_usize..3,
            0_usize..3,
            0_usize..3,
            0_usize..3,
        );
        let flags = (
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
            prop::option::of(0_i64..6_000),
            prop::option::of(1_i64..900),
        );
        (counts, flags).prop_map(
            |((firing, new, muted, known, over, passed, unheard), flags)| Situation {
                firing,
                new: new.min(firing),
                muted,
                known,
                over: over.min(known),
                passed,
                unheard,
                is_off_hours: flags.0,
                is_waiting: flags.1,
                send_resolved: flags.2,
                told_at: flags.3,
                refresh: flags.4,
                repeat_interval: 1_000,
            },
        )
    }

    proptest! {
        #[test]
        fn decisions_keep_their_promises(group in any_group()) {
            match decide(&group, 5_000) {
                Decision::Send(reason) => {
                    prop_assert!(!group.is_off_hours);
                    prop_assert!(group.firing > 0 || group.over > 0 || group.passed > 0);
                    match reason {
                        NewsReason::First => prop_assert!(group.new > 0 && group.known == 0),
                        NewsReason::Resolved => prop_assert!(group.over == group.known && group.over > 0 && group.firing == 0),
                        NewsReason::Repeat | NewsReason::Refresh => prop_assert!(group.new == 0 && group.told_at.is_some()),
                        NewsReason::Passed => prop_assert!(group.new == 0 && group.over == 0),
                        NewsReason::Changed => prop_assert!(group.new > 0 || group.over > 0),
                        NewsReason::Occurred | NewsReason::Test => prop_assert!(false, "no group of alerts says that"),
                    }
                }
                Decision::Keep(_) if group.is_off_hours || group.is_waiting => {}
                Decision::Keep(_) => {
                    prop_assert_eq!(group.new, 0, "something new is never kept");
                    prop_assert!(group.over == 0 || !group.send_resolved, "nor an end that is wanted");
                }
            }
        }
    }
}
