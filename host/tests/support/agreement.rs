//! Whether one exposition agrees with another program's about the same machine: same families, types and label sets, and
//! values between what the other said before and after.

use std::collections::{BTreeMap, BTreeSet};

use super::exposition::{Family, Labels};

type Families = BTreeMap<String, Family>;

/// What is to agree. In patterns, a `*` at the end is any text.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'t> {
    /// Families that both must have, and the only ones looked at.
    pub subset: &'t [&'t str],
    /// Gauges that do not move by themselves.
    pub constant: &'t [&'t str],
    /// Gauges that move, but not far: within `slack` of what the other says.
    pub slow: &'t [&'t str],
    /// Part of the larger value, and an absolute allowance.
    pub slack: (f64, f64),
}

/// What the other program said around our reading.
#[derive(Clone, Copy, Debug)]
pub struct Bracket<'b> {
    pub before: &'b Families,
    pub after: &'b Families,
}

/// Rounding of decimal text, relative.
const ROUNDING: f64 = 1e-9;

fn fits(patterns: &[&str], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => *pattern == name,
    })
}

/// Everything in which they differ, one line each.
pub fn differences(ours: &Families, theirs: Bracket<'_>, terms: &Terms<'_>) -> Vec<String> {
    let in_subset = |families: &Families| -> BTreeSet<String> {
        families
            .keys()
            .filter(|name| fits(terms.subset, name))
            .cloned()
            .collect()
    };
    let (our_names, their_names) = (in_subset(ours), in_subset(theirs.before));
    let mut found: Vec<String> = our_names
        .difference(&their_names)
        .map(|name| format!("{name}: only ours"))
        .collect();
    found.extend(
        their_names
            .difference(&our_names)
            .map(|name| format!("{name}: only theirs")),
    );
    for pattern in terms
        .subset
        .iter()
        .filter(|pattern| !our_names.iter().any(|name| fits(&[pattern], name)))
    {
        found.push(format!("{pattern}: nobody has it"));
    }
    let nothing = Family::default();
    for name in our_names.intersection(&their_names) {
        let after = theirs.after.get(name).unwrap_or(&nothing);
        family(name, &ours[name], &theirs.before[name], after, terms, &mut found);
    }
    found
}

fn family(name: &str, ours: &Family, before: &Family, after: &Family, terms: &Terms<'_>, found: &mut Vec<String>) {
    if ours.kind != before.kind {
        found.push(format!("{name}: ours is a {}, theirs a {}", ours.kind, before.kind));
    }
    // What came or went in between may be on either side.
    let (then, now) = (before.label_sets(), after.label_sets());
    for labels in ours.label_sets().difference(&then.union(&now).copied().collect()) {
        found.push(format!("{name}{labels:?}: only ours"));
    }
    for labels in then
        .intersection(&now)
        .filter(|labels| !ours.series.contains_key(**labels))
    {
        found.push(format!("{name}{labels:?}: only theirs"));
    }
    for (labels, value) in &ours.series {
        if let (Some(least), Some(most)) = (before.series.get(labels), after.series.get(labels)) {
            found.extend(value_between(name, labels, *value, (*least, *most), &ours.kind, terms));
        }
    }
}

fn value_between(
    name: &str,
    labels: &Labels,
    value: f64,
    (before, after): (f64, f64),
    kind: &str,
    terms: &Terms<'_>,
) -> Option<String> {
    let rounding = ROUNDING * before.abs().max(after.abs()).max(1.0);
    let allowed = if kind == "counter" || fits(terms.constant, name) {
        rounding
    } else if fits(terms.slow, name) {
        terms.slack.0 * before.abs().max(after.abs()) + terms.slack.1
    } else {
        f64::INFINITY
    };
    let (least, most) = (before.min(after) - allowed, before.max(after) + allowed);
    let within = value.is_finite() && least <= value && value <= most;
    (!within).then(|| format!("{name}{labels:?}: ours {value}, theirs {before} before and {after} after"))
}

#[cfg(test)]
mod tests {
    use super::{super::exposition::parse, *};

    const TERMS: Terms<'_> = Terms {
        subset: &["node_*"],
        constant: &["node_size"],
        slow: &["node_free"],
        slack: (0.5, 0.0),
    };

    fn between(ours: &str, before: &str, after: &str) -> Vec<String> {
        differences(
            &parse(ours),
            Bracket {
                before: &parse(before),
                after: &parse(after),
            },
            &TERMS,
        )
    }

    #[test]
    fn counters_lie_between_what_was_said_before_and_after() {
        let counter = |value: u32| format!("# TYPE node_a_total counter\nnode_a_total{{cpu=\"0\"}} {value}\n");
        assert_eq!(between(&counter(5), &counter(4), &counter(5)), Vec::<String>::new());
        assert_eq!(between(&counter(6), &counter(4), &counter(5)).len(), 1);
        assert_eq!(between(&counter(3), &counter(4), &counter(5)).len(), 1);
    }

    #[test]
    fn gauges_are_held_to_what_they_are_known_for() {
        let gauge = |name: &str, value: u32| format!("# TYPE {name} gauge\n{name} {value}\n");
        assert_eq!(
            between(&gauge("node_size", 7), &gauge("node_size", 8), &gauge("node_size", 8)).len(),
            1
        );
        assert!(between(&gauge("node_free", 7), &gauge("node_free", 8), &gauge("node_free", 8)).is_empty());
        assert_eq!(
            between(&gauge("node_free", 3), &gauge("node_free", 8), &gauge("node_free", 8)).len(),
            1
        );
        assert!(between(&gauge("node_load", 7), &gauge("node_load", 900), &gauge("node_load", 1)).is_empty());
    }

    #[test]
    fn families_types_and_label_sets_must_be_the_same() {
        let theirs = "# TYPE node_a gauge\nnode_a{d=\"x\"} 1\nnode_a{d=\"y\"} 1\nother 1\n";
        assert!(between(theirs, theirs, theirs).is_empty());
        let missing = "# TYPE node_a gauge\nnode_a{d=\"x\"} 1\n";
        assert_eq!(between(missing, theirs, theirs), ["node_a{\"d\": \"y\"}: only theirs"]);
        assert_eq!(between(theirs, missing, missing), ["node_a{\"d\": \"y\"}: only ours"]);
        assert!(between(theirs, missing, theirs).is_empty(), "it came in between");
        let typed = theirs.replace("gauge", "counter");
        assert_eq!(
            between(theirs, &typed, &typed),
            ["node_a: ours is a gauge, theirs a counter"]
        );
        assert_eq!(
            between("", theirs, theirs),
            ["node_a: only theirs", "node_*: nobody has it"]
        );
    }
}
