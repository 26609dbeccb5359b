//! From lines to series: buckets and quantiles become one histogram or summary, and what the contract cannot hold is taken
//! apart or dropped and counted.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Dropped, Exposition,
    family::{Collected, Data, Family, Histogram, Kind, LabelSet, RawFamily, RawSample, Summary},
};

/// The largest whole number that a sample holds exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

pub(super) fn assemble(collected: Collected) -> Exposition {
    let mut dropped = collected.dropped;
    let totals = with_created(&collected.families);
    let mut families = Vec::with_capacity(collected.families.len());
    for mut family in collected.families {
        if totals.contains(&family.name) {
            // In Prometheus text the time that a total began is a gauge of its own, and would clash with the total.
            dropped.created += family.samples.len();
            continue;
        }
        let before = family.samples.len();
        family.samples.retain(|sample| sample.suffix != "_created");
        dropped.created += before - family.samples.len();
        if !family.samples.is_empty() {
            families.extend(one(family, &mut dropped));
        }
    }
    Exposition {
        families,
        samples: collected.samples,
        dropped,
    }
}

/// Names that `_created` gauges have, of the families that keep totals.
fn with_created(families: &[RawFamily]) -> HashSet<String> {
    let totals = families.iter().filter_map(|family| {
        let keeps = matches!(family.kind, Some(Kind::Counter | Kind::Histogram | Kind::Summary));
        let base = family.name.strip_suffix("_total").unwrap_or(&family.name);
        keeps.then(|| format!("{base}_created"))
    });
    totals.collect()
}

fn one(family: RawFamily, dropped: &mut Dropped) -> Vec<Family> {
    match family.kind.unwrap_or(Kind::Untyped) {
        Kind::Histogram if whole(&family, "_bucket") => vec![histogram(family, dropped)],
        Kind::Summary if whole(&family, "") => vec![summary(family, dropped)],
        Kind::Histogram | Kind::GaugeHistogram | Kind::Summary => parts(family, dropped),
        kind => vec![values(family, kind, dropped)],
    }
}

fn values(family: RawFamily, kind: Kind, dropped: &mut Dropped) -> Family {
    let suffix = family.samples.first().map_or("", |sample| sample.suffix);
    let name = format!("{}{suffix}", family.name);
    let raw = family.samples.into_iter().map(|sample| (sample.labels, sample.value));
    let state_label = family.name;
    let series = distinct(raw, dropped);
    let data = match kind {
        // A counter of Prometheus text may have any name, one of ours ends in `_total`.
        Kind::Counter if name.ends_with("_total") && name != "_total" => {
            Data::Counter(valid(series, dropped, |value| value.is_finite() && value >= 0.0))
        }
        Kind::Gauge => Data::Gauge(series),
        Kind::Info => Data::Info(valid(series, dropped, |value| value == 1.0)),
        Kind::StateSet if named_states(&series, &state_label) => Data::StateSet(
            state_label,
            valid(series, dropped, |value| value == 0.0 || value == 1.0),
        ),
        Kind::StateSet => Data::Gauge(series),
        Kind::Counter | Kind::Untyped | Kind::GaugeHistogram | Kind::Histogram | Kind::Summary => Data::Untyped(series),
    };
    Family {
        name,
        help: family.help.unwrap_or_default(),
        unit: family.unit.unwrap_or_default(),
        data,
    }
}

/// Whether each has the label that names its state. There is no other way to tell states apart.
fn named_states(series: &[(LabelSet, f64)], label: &str) -> bool {
    series
        .iter()
        .all(|(labels, _)| labels.iter().any(|(name, _)| name == label))
}

fn valid(series: Vec<(LabelSet, f64)>, dropped: &mut Dropped, good: impl Fn(f64) -> bool) -> Vec<(LabelSet, f64)> {
    let before = series.len();
    let kept: Vec<_> = series.into_iter().filter(|(_, value)| good(*value)).collect();
    dropped.invalid += before - kept.len();
    kept
}

/// The last of equal series counts, at the place of the first.
fn distinct(samples: impl Iterator<Item = (LabelSet, f64)>, dropped: &mut Dropped) -> Vec<(LabelSet, f64)> {
    let mut places: HashMap<LabelSet, usize> = HashMap::new();
    let mut series: Vec<(LabelSet, f64)> = Vec::new();
    for (labels, value) in samples {
        match places.get(&labels) {
            Some(place) => {
                series[*place].1 = value;
                dropped.duplicates += 1;
            }
            None => {
                places.insert(labels.clone(), series.len());
                series.push((labels, value));
            }
        }
    }
    series
}

/// The samples of each series, in the order of the text.
fn grouped(samples: Vec<RawSample>) -> Vec<(LabelSet, Vec<RawSample>)> {
    let mut places: HashMap<LabelSet, usize> = HashMap::new();
    let mut groups: Vec<(LabelSet, Vec<RawSample>)> = Vec::new();
    for sample in samples {
        let place = *places.entry(sample.labels.clone()).or_insert_with(|| {
            groups.push((sample.labels.clone(), Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(sample);
    }
    groups
}

/// Whether every series has its sum and its count, which the contract's distributions do. Observations below zero leave a
/// histogram without a sum in OpenMetrics, and quantiles may stand alone.
fn whole(family: &RawFamily, points: &str) -> bool {
    let with = |suffix: &str| -> HashSet<&LabelSet> {
        let samples = family.samples.iter().filter(|sample| sample.suffix == suffix);
        samples.map(|sample| &sample.labels).collect()
    };
    let (sums, counts) = (with("_sum"), with("_count"));
    sums == counts && with(points).is_subset(&sums)
}

fn count(value: f64) -> Option<u64> {
    let exact = (0.0..=EXACT_MAX).contains(&value) && value.fract() == 0.0;
    // Just seen to be a whole number in the range.
    exact.then_some(value as u64)
}

fn last(samples: &[RawSample], suffix: &str) -> Option<f64> {
    samples
        .iter()
        .rev()
        .find(|sample| sample.suffix == suffix)
        .map(|sample| sample.value)
}

fn histogram(family: RawFamily, dropped: &mut Dropped) -> Family {
    let mut series = Vec::new();
    for (labels, samples) in grouped(family.samples) {
        match histogram_of(&samples) {
            Some(histogram) => series.push((labels, histogram)),
            None => dropped.invalid += samples.len(),
        }
    }
    Family {
        name: family.name,
        help: family.help.unwrap_or_default(),
        unit: family.unit.unwrap_or_default(),
        data: Data::Histogram(series),
    }
}

/// None when it does not add up, or has numbers that are no counts.
fn histogram_of(samples: &[RawSample]) -> Option<Histogram> {
    let total = count(last(samples, "_count")?)?;
    let sum = last(samples, "_sum").filter(|sum| !sum.is_nan())?;
    let bounded = samples.iter().filter_map(|sample| Some((sample.bound?, sample.value)));
    let mut buckets = bounded
        .map(|(bound, value)| Some((bound, count(value)?)))
        .collect::<Option<Vec<_>>>()?;
    buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
    let ascending = buckets
        .windows(2)
        .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
    let within = buckets
        .iter()
        .all(|(bound, count)| *count <= total && *bound != f64::NEG_INFINITY);
    if let Some((_, all)) = buckets.pop_if(|(bound, _)| *bound == f64::INFINITY)
        && all != total
    {
        return None;
    }
    (ascending && within).then_some(Histogram {
        buckets,
        sum,
        count: total,
    })
}

fn summary(family: RawFamily, dropped: &mut Dropped) -> Family {
    let mut series = Vec::new();
    for (labels, samples) in grouped(family.samples) {
        match summary_of(&samples) {
            Some(summary) => series.push((labels, summary)),
            None => dropped.invalid += samples.len(),
        }
    }
    Family {
        name: family.name,
        help: family.help.unwrap_or_default(),
        unit: family.unit.unwrap_or_default(),
        data: Data::Summary(series),
    }
}

fn summary_of(samples: &[RawSample]) -> Option<Summary> {
    let quantiles: Vec<(f64, f64)> = samples
        .iter()
        .filter_map(|sample| Some((sample.bound?, sample.value)))
        .collect();
    let mut sorted: Vec<f64> = quantiles.iter().map(|(quantile, _)| *quantile).collect();
    sorted.sort_by(f64::total_cmp);
    let distinct = sorted.windows(2).all(|two| two[0] != two[1]);
    let valid = quantiles.iter().all(|(quantile, _)| (0.0..=1.0).contains(quantile));
    (distinct && valid).then_some(Summary {
        quantiles,
        sum: last(samples, "_sum").filter(|sum| !sum.is_nan())?,
        count: count(last(samples, "_count")?)?,
    })
}

/// A distribution that the contract cannot hold, as its parts, without a type: the names that queries use stay.
fn parts(family: RawFamily, dropped: &mut Dropped) -> Vec<Family> {
    let own = family.kind.and_then(Kind::own_label).unwrap_or("le");
    let mut by_suffix: BTreeMap<&'static str, Vec<(LabelSet, f64)>> = BTreeMap::new();
    for mut sample in family.samples {
        if let Some(bound) = sample.bound {
            sample.labels.push((own.to_owned(), written(bound)));
            sample.labels.sort();
        }
        by_suffix
            .entry(sample.suffix)
            .or_default()
            .push((sample.labels, sample.value));
    }
    let help = family.help.unwrap_or_default();
    let part = |(suffix, samples): (&str, Vec<(LabelSet, f64)>)| Family {
        name: format!("{}{suffix}", family.name),
        help: help.clone(),
        unit: String::new(),
        data: Data::Untyped(distinct(samples.into_iter(), dropped)),
    };
    by_suffix.into_iter().map(part).collect()
}

/// In OpenMetrics' canonical form, as the host writes bounds of histograms: the text is a part of the series' identity.
fn written(bound: f64) -> String {
    if bound.is_infinite() {
        return if bound > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{bound:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        -4..6 if bound.fract() == 0.0 => format!("{bound}.0"),
        -4..6 => bound.to_string(),
        exponent => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_parts_are_written_as_those_of_histograms() {
        for (bound, text) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (0.005, "0.005"),
            (250_000.0, "250000.0"),
            (1e6, "1e+06"),
            (0.000_01, "1e-05"),
            (-2.5, "-2.5"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(written(bound), text);
        }
    }
}
