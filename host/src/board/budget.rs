//! The series budget of a check: what is beyond it is dropped, and always the same.

use std::{cmp::Reverse, sync::Arc};

use crate::{metric::Points, outcome::Status};

/// What a report says of one target; "" is the check as a whole.
pub(super) type Judged = (Arc<str>, Status);

/// How many series of the budget these are: one for each status that a target may have. What is said of the check as a whole
/// is as fixed as its other gauges, and always served: it is what is there to alert on when nothing else fits.
pub(super) fn status_series(judged: &[Judged]) -> usize {
    let targets = judged.iter().filter(|(target, _)| !target.is_empty());
    targets.count() * Status::ALL.len()
}

/// Leaves out targets for which there is no room, the mildest first, and returns how many series went. A target is served with
/// all of its series or not at all.
pub(super) fn cut_statuses(judged: &mut Vec<Judged>, room: usize) -> usize {
    let before = status_series(judged);
    if before <= room {
        return 0;
    }
    judged.sort_by(|(a, is), (b, other)| (!a.is_empty(), Reverse(is), a).cmp(&(!b.is_empty(), Reverse(other), b)));
    let whole = judged.iter().take_while(|(target, _)| target.is_empty()).count();
    judged.truncate(whole + room / Status::ALL.len());
    before - status_series(judged)
}

/// Cuts `points` down to `room` series of the exposition and returns how many series went.
///
/// What stays depends on the label values alone and not on the order of the report, so that the same series stay from
/// run to run.
pub(super) fn cut(points: &mut Points, room: usize) -> usize {
    let before = points.series();
    if before <= room {
        return 0;
    }
    match points {
        Points::Values(samples) => {
            samples.sort_by(|a, b| a.label_values.cmp(&b.label_values));
            samples.truncate(room);
        }
        Points::Histograms(samples) => {
            samples.sort_by(|a, b| a.label_values.cmp(&b.label_values));
            let mut left = room;
            samples.retain(|sample| take(&mut left, sample.buckets.len() + 3));
        }
        Points::Summaries(samples) => {
            samples.sort_by(|a, b| a.label_values.cmp(&b.label_values));
            let mut left = room;
            samples.retain(|sample| take(&mut left, sample.quantiles.len() + 2));
        }
    }
    before - points.series()
}

fn take(left: &mut usize, wanted: usize) -> bool {
    let rest = left.checked_sub(wanted);
    *left = rest.unwrap_or(*left);
    rest.is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metric::Sample;

    fn sample(label: &str) -> Sample {
        Sample {
            label_values: Box::new([label.into()]),
            value: 1.0,
            created: None,
        }
    }

    #[test]
    fn the_worst_targets_stay_and_the_check_as_a_whole_does_always() {
        let judged =
            |words: &[(&str, Status)]| -> Vec<Judged> { words.iter().map(|(t, s)| ((*t).into(), *s)).collect() };
        let all = [
            ("b", Status::Ok),
            ("a", Status::Ok),
            ("z", Status::Critical),
            ("", Status::Ok),
        ];
        let (worst, first) = (("z", Status::Critical), ("a", Status::Ok));
        let whole = ("", Status::Ok);
        for (room, dropped, stay) in [
            (12, 0, all.to_vec()),
            (11, 4, vec![whole, worst, first]),
            (4, 8, vec![whole, worst]),
            (3, 12, vec![whole]),
            (0, 12, vec![whole]),
        ] {
            let mut some = judged(&all);
            assert_eq!(cut_statuses(&mut some, room), dropped, "{room}");
            assert_eq!(some, judged(&stay), "{room}");
        }
    }

    proptest! {
        #[test]
        fn what_stays_does_not_depend_on_the_order_of_the_report(
            labels in prop::collection::btree_set("[a-z]{1,6}", 0..40),
            room in 0usize..50,
            seed in any::<u64>(),
        ) {
            let mut shuffled: Vec<String> = labels.iter().cloned().collect();
            let mut state = seed;
            for at in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                shuffled.swap(at, usize::try_from(state >> 33).expect("small") % (at + 1));
            }
            let mut one = Points::Values(labels.iter().map(|label| sample(label)).collect());
            let mut other = Points::Values(shuffled.iter().map(|label| sample(label)).collect());
            let dropped = cut(&mut one, room);
            prop_assert_eq!(dropped, cut(&mut other, room));
            prop_assert_eq!(one.series(), labels.len().min(room));
            prop_assert_eq!(dropped, labels.len().saturating_sub(room));
            if dropped > 0 {
                prop_assert_eq!(one, other);
            }
        }
    }
}
