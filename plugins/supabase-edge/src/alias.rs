//! `edge_NAME_duration_ms`: one family for each name, in milliseconds, as dashboards may have it from elsewhere.
//!
//! The histogram `edge_request_duration_seconds` says more and is the one to use; this is reported only when it is asked for.

use std::time::Duration;

use bellwether_sdk::{
    Failure, Report,
    report::{MetricFamily, Points, Sample},
};

/// What the family of `name` is called: what a metric's name cannot hold becomes `_`.
pub(crate) fn family_name(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let name: String = name.chars().map(plain).collect();
    format!("edge_{name}_duration_ms")
}

/// Adds how long calls of `name` took, one value for each region.
pub(crate) fn report(name: &str, took: &[(Option<&str>, Duration)], report: &mut Report) -> Result<(), Failure> {
    let sample = |(region, took): &(Option<&str>, Duration)| Sample {
        label_values: vec![region.unwrap_or_default().to_owned()],
        value: took.as_secs_f64() * 1_000.0,
    };
    let family = MetricFamily {
        name: family_name(name),
        help: "How long the latest call took, in milliseconds; edge_request_duration_seconds says more.".to_owned(),
        unit: String::new(),
        label_names: vec!["region".to_owned()],
        points: Points::Gauge(took.iter().map(sample).collect()),
    };
    report.push_family(family).map_err(Failure::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_family() {
        assert_eq!(
            family_name("generate_recommendations"),
            "edge_generate_recommendations_duration_ms"
        );
        assert_eq!(family_name("send-mail.v2"), "edge_send_mail_v2_duration_ms");
    }
}
