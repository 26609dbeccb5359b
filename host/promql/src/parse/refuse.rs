//! What Prometheus knows and this evaluator refuses, by name.

/// A name that is refused, why, and what to write instead.
pub(super) struct Refused {
    pub(super) name: &'static str,
    pub(super) why: &'static str,
    pub(super) instead: &'static str,
}

const EXPERIMENTAL: &str = "is experimental in Prometheus";
const NATIVE: &str = "works on native histograms, which are not supported";
const COMPARE_WITHOUT: &str = "there is no stable function for this";

const fn refused(name: &'static str, why: &'static str, instead: &'static str) -> Refused {
    Refused { name, why, instead }
}

/// Functions and aggregations, by name.
const REFUSED: [Refused; 29] = [
    refused(
        "double_exponential_smoothing",
        EXPERIMENTAL,
        "deriv and predict_linear are stable",
    ),
    refused("end", EXPERIMENTAL, "after `@`, end() is stable"),
    refused("fill", EXPERIMENTAL, "write `(a or b * 0)`"),
    refused("fill_left", EXPERIMENTAL, "write `(a or b * 0)`"),
    refused("fill_right", EXPERIMENTAL, "write `(a or b * 0)`"),
    refused(
        "histogram_avg",
        NATIVE,
        "for a classic histogram, divide rate(NAME_sum[5m]) by rate(NAME_count[5m])",
    ),
    refused("histogram_count", NATIVE, "for a classic histogram, take NAME_count"),
    refused(
        "histogram_quantiles",
        EXPERIMENTAL,
        "use histogram_quantile once for each quantile",
    ),
    refused("histogram_stddev", NATIVE, COMPARE_WITHOUT),
    refused("histogram_stdvar", NATIVE, COMPARE_WITHOUT),
    refused("histogram_sum", NATIVE, "for a classic histogram, take NAME_sum"),
    refused(
        "holt_winters",
        "left Prometheus with version 3",
        "deriv and predict_linear are stable",
    ),
    refused(
        "info",
        EXPERIMENTAL,
        "write `a * on (instance, job) group_left (version) target_info`",
    ),
    refused("limit_ratio", EXPERIMENTAL, "topk and bottomk are stable"),
    refused("limitk", EXPERIMENTAL, "topk and bottomk are stable"),
    refused("mad_over_time", EXPERIMENTAL, "stddev_over_time is stable"),
    refused("max_of", EXPERIMENTAL, "use clamp_min"),
    refused("min_of", EXPERIMENTAL, "use clamp_max"),
    refused("range", EXPERIMENTAL, "in a duration, range() is stable"),
    refused("sort_by_label", EXPERIMENTAL, "sort and sort_desc are stable"),
    refused("sort_by_label_desc", EXPERIMENTAL, "sort and sort_desc are stable"),
    refused("start", EXPERIMENTAL, "after `@`, start() is stable"),
    refused("start_timestamp", EXPERIMENTAL, COMPARE_WITHOUT),
    refused("step", EXPERIMENTAL, "in the durations of a query, it is stable"),
    refused("ts_of_first_over_time", EXPERIMENTAL, COMPARE_WITHOUT),
    refused("ts_of_last_over_time", EXPERIMENTAL, "timestamp is stable"),
    refused("ts_of_max_over_time", EXPERIMENTAL, COMPARE_WITHOUT),
    refused("ts_of_min_over_time", EXPERIMENTAL, COMPARE_WITHOUT),
    refused(
        "count_scalar",
        "left Prometheus with version 2",
        "write scalar(count(a))",
    ),
];

/// The entry of a name, in any case.
pub(super) fn named(name: &str) -> Option<&'static Refused> {
    REFUSED.iter().find(|refused| refused.name.eq_ignore_ascii_case(name))
}
