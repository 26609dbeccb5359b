//! The order of a report's families: that of the plugin's description.
//!
//! Limits and the series budget cut off from the end. What a plugin mentions first depends on what it found in this run; what it
//! describes first does not, so that the same families stay from run to run, and the author decides which.

use std::{cmp::Ordering, collections::HashMap};

use super::wit::MetricFamily;
use crate::sandbox::describe::MetricDescription;

/// Sorts `families`. What was not described comes after what was, by name.
pub(in crate::sandbox) fn order(families: &mut [MetricFamily], described: &[MetricDescription]) {
    let ranks: HashMap<&str, usize> = described.iter().map(|metric| metric.name.as_str()).zip(0..).collect();
    let rank = |family: &MetricFamily| ranks.get(family.name.as_str()).copied();
    families.sort_by(|one, other| match (rank(one), rank(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => one.name.cmp(&other.name),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::convert::wit::Points;

    #[test]
    fn families_stand_as_they_are_described_and_the_others_behind_them_by_name() {
        let mut families: Vec<MetricFamily> = ["zeta", "seconds", "alpha", "success"].map(family).into();
        order(&mut families, &["success", "absent", "seconds"].map(described));
        let names: Vec<&str> = families.iter().map(|family| family.name.as_str()).collect();
        assert_eq!(names, ["success", "seconds", "alpha", "zeta"]);
    }

    fn family(name: &str) -> MetricFamily {
        MetricFamily {
            name: name.to_owned(),
            help: String::new(),
            unit: String::new(),
            label_names: Vec::new(),
            points: Points::Gauge(Vec::new()),
        }
    }

    fn described(name: &str) -> MetricDescription {
        MetricDescription {
            name: name.to_owned(),
            kind: "gauge".to_owned(),
            help: String::new(),
            unit: String::new(),
            label_names: Vec::new(),
        }
    }
}
