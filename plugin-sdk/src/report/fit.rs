//! A report that the host takes: no larger than what may be handed over at once.
//!
//! Pure. Flows in: a report and the names of described metrics, in order. Flows out: the same report without what does not fit. Names
//! and labels are often others' to choose: a report that the host refuses would cost every verdict.

use crate::bindings::bellwether::plugin::report as wit;

use super::points::label_sets;
use crate::text::prefix;

/// The host takes 4 MiB in one call, of which a report is one: requests, state and log lines are others, with 4 MiB each. An eighth is
/// left for what is counted here otherwise than there.
pub(crate) const REPORT_BYTES_MAX: usize = (4 << 20) / 8 * 7;

/// As the host counts: each text with its bytes and this.
const TEXT: usize = 24;
const VERDICT: usize = 144;
const DETAIL: usize = 2 * TEXT;
const FAMILY: usize = 160;
const SAMPLE: usize = 32;
const WITH_PARTS: usize = 64;
const PART: usize = 16;

/// What stays of a summary where all of them do not fit: a line. Whoever quotes a target in it should cut it before.
const SUMMARY_UNITS_KEPT: usize = 160;

/// Families that a log line names.
const NAMED_MAX: usize = 5;

/// What was left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    families: Vec<String>,
    pub(crate) series: usize,
    /// Verdicts that lost their details.
    pub(crate) details: usize,
    /// Verdicts whose summaries were cut.
    pub(crate) summaries: usize,
}

impl LeftOut {
    pub(crate) fn is_nothing(&self) -> bool {
        self.families.is_empty() && self.details == 0 && self.summaries == 0
    }

    /// `a, b and 3 more`.
    pub(crate) fn named(&self) -> String {
        let named = self.families.len().min(NAMED_MAX);
        let names = self.families[..named].join(", ");
        match self.families.len() - named {
            0 => names,
            more => format!("{names} and {more} more"),
        }
    }
}

/// Whether all of it fits, which is what it nearly always does.
pub(crate) fn fits(report: &wit::Report) -> bool {
    let families: usize = report.families.iter().map(family).sum();
    verdicts(&report.verdicts) + families <= REPORT_BYTES_MAX
}

/// Leaves out what does not fit. Verdicts come first, then families as they are `described`, then those that are not, as they were
/// added: one that does not fit whole is left out, and smaller ones behind it stay.
pub(crate) fn fit(report: &mut wit::Report, described: &[&str]) -> LeftOut {
    let mut left_out = LeftOut::default();
    if verdicts(&report.verdicts) > REPORT_BYTES_MAX {
        for verdict in &mut report.verdicts {
            left_out.details += usize::from(!verdict.details.is_empty());
            verdict.details.clear();
        }
    }
    if verdicts(&report.verdicts) > REPORT_BYTES_MAX {
        for verdict in &mut report.verdicts {
            let kept = prefix(&verdict.summary, SUMMARY_UNITS_KEPT).len();
            left_out.summaries += usize::from(kept < verdict.summary.len());
            verdict.summary.truncate(kept);
        }
    }
    let mut left = REPORT_BYTES_MAX.saturating_sub(verdicts(&report.verdicts));
    let rank = |name: &str| described.iter().position(|known| *known == name);
    let mut order: Vec<usize> = (0..report.families.len()).collect();
    order.sort_by_key(|at| rank(&report.families[*at].name).unwrap_or(described.len()));
    let mut stays = vec![true; order.len()];
    for at in order {
        let bytes = family(&report.families[at]);
        stays[at] = bytes <= left;
        if stays[at] {
            left -= bytes;
        } else {
            left_out.series += label_sets(&report.families[at].points).len();
            left_out.families.push(report.families[at].name.clone());
        }
    }
    let mut stays = stays.into_iter();
    report.families.retain(|_| stays.next().unwrap_or(true));
    left_out
}

fn text(text: &str) -> usize {
    TEXT + text.len()
}

fn texts<'t>(texts: impl IntoIterator<Item = &'t String>) -> usize {
    texts.into_iter().map(|each| text(each)).sum()
}

fn verdicts(verdicts: &[wit::Verdict]) -> usize {
    let details = |verdict: &wit::Verdict| -> usize {
        let details = verdict.details.iter();
        details.map(|(name, value)| DETAIL + name.len() + value.len()).sum()
    };
    let one = |verdict: &wit::Verdict| {
        VERDICT + verdict.target.len() + verdict.code.len() + verdict.summary.len() + details(verdict)
    };
    verdicts.iter().map(one).sum()
}

fn family(family: &wit::MetricFamily) -> usize {
    let head = FAMILY + family.name.len() + family.help.len() + family.unit.len() + texts(&family.label_names);
    let labels: usize = label_sets(&family.points).into_iter().map(texts).sum();
    head + labels + points(&family.points)
}

/// Without the labels.
fn points(points: &wit::Points) -> usize {
    match points {
        wit::Points::Gauge(samples)
        | wit::Points::Counter(samples)
        | wit::Points::Increments(samples)
        | wit::Points::Untyped(samples)
        | wit::Points::Info(samples)
        | wit::Points::StateSet(samples) => samples.len() * SAMPLE,
        wit::Points::Observations(observed) => observed.samples.len() * SAMPLE + observed.upper_bounds.len() * PART,
        wit::Points::Histogram(samples) => samples.iter().map(|one| WITH_PARTS + one.buckets.len() * PART).sum(),
        wit::Points::Summary(samples) => samples.iter().map(|one| WITH_PARTS + one.quantiles.len() * PART).sum(),
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use std::mem::size_of;

    use super::*;

    fn gauge(name: &str, count: usize, label: &str) -> wit::MetricFamily {
        let sample = |index: usize| wit::Sample {
            label_values: vec![format!("{index}{label}")],
            value: 1.0,
        };
        wit::MetricFamily {
            name: name.to_owned(),
            help: String::new(),
            unit: String::new(),
            label_names: vec!["l".to_owned()],
            points: wit::Points::Gauge((0..count).map(sample).collect()),
        }
    }

    fn verdict(details: usize) -> wit::Verdict {
        wit::Verdict {
            target: "t".to_owned(),
            status: wit::Status::Critical,
            code: "c".to_owned(),
            summary: "s".to_owned(),
            latency_ns: None,
            details: vec![("d".to_owned(), "v".repeat(details))],
        }
    }

    #[test]
    fn no_record_is_larger_for_the_host_than_is_counted_here() {
        assert!(size_of::<String>() <= TEXT);
        assert!(size_of::<wit::Verdict>() <= VERDICT);
        assert!(size_of::<(String, String)>() <= DETAIL);
        assert!(size_of::<wit::MetricFamily>() <= FAMILY);
        assert!(size_of::<wit::Sample>() <= SAMPLE);
        assert!(size_of::<wit::HistogramSample>() <= WITH_PARTS);
        assert!(size_of::<wit::SummarySample>() <= WITH_PARTS);
        assert!(size_of::<wit::Bucket>() <= PART && size_of::<wit::Quantile>() <= PART);
    }

    #[test]
    fn what_is_described_last_goes_first_and_what_fits_beside_it_stays() {
        let long = "x".repeat(1_000);
        let mut report = wit::Report {
            verdicts: vec![verdict(1)],
            families: vec![
                gauge("third", 3_000, &long),
                gauge("unknown", 2, &long),
                gauge("first", 2_000, &long),
                gauge("second", 1_000, &long),
            ],
        };
        assert!(!fits(&report));
        let left_out = fit(&mut report, &["first", "second", "third"]);
        let names: Vec<&str> = report.families.iter().map(|family| family.name.as_str()).collect();
        assert_eq!(names, ["unknown", "first", "second"]);
        assert_eq!((left_out.named(), left_out.series), ("third".to_owned(), 3_000));
        assert!(fits(&report));
    }

    #[test]
    fn verdicts_lose_their_details_before_the_host_refuses_them() {
        let mut report = wit::Report {
            verdicts: vec![verdict(10_000); 500],
            families: Vec::new(),
        };
        let left_out = fit(&mut report, &[]);
        assert_eq!(
            (left_out.details, left_out.summaries, report.verdicts.len()),
            (500, 0, 500)
        );
        assert!(fits(&report) && !left_out.is_nothing());
        let long = wit::Verdict {
            summary: "ü".repeat(30_000),
            ..verdict(1)
        };
        let mut report = wit::Report {
            verdicts: vec![long; 500],
            families: Vec::new(),
        };
        let left_out = fit(&mut report, &[]);
        assert_eq!((left_out.summaries, report.verdicts.len()), (500, 500));
        assert!(fits(&report) && report.verdicts[0].summary.len() > 100);
    }
}
