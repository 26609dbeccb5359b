//! One verdict and `series` samples of one gauge family. Does nothing else, so that what is measured is the host;
//! but spins or hoards memory when its settings say so.

wit_bindgen::generate!({
    path: "../../plugin-sdk/wit",
    world: "bellwether:plugin/check-plugin",
    generate_all,
});

use bellwether::plugin::report::{Failure, MetricFamily, Points, Report, Sample, Status, Verdict};
use exports::bellwether::plugin::{
    check,
    identity::{self, Description, MetricDescription},
};

const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"properties":{"series":{"type":"integer","minimum":0},"attack":{"enum":["spin","hoard"]}}}"#;

struct Guest;

impl identity::Guest for Guest {
    fn describe() -> Description {
        Description {
            name: "bench-guest".into(),
            version: "0.1.0".into(),
            summary: "Reports as many series as it is told".into(),
            settings_schema: SCHEMA.into(),
            metrics: vec![MetricDescription {
                name: "bench_value".into(),
                kind: "gauge".into(),
                help: "Of no meaning.".into(),
                unit: String::new(),
                label_names: vec!["route".into()],
            }],
            codes: vec![],
            connections: vec![],
            details: vec![],
        }
    }
}

impl check::Guest for Guest {
    fn run(settings: String) -> Result<Report, Failure> {
        attack(&settings);
        let series = series(&settings);
        let verdict = Verdict {
            target: String::new(),
            status: Status::Ok,
            code: String::new(),
            summary: format!("{series} series"),
            latency_ns: None,
            details: vec![],
        };
        let family = MetricFamily {
            name: "bench_value".into(),
            help: "Of no meaning.".into(),
            unit: String::new(),
            label_names: vec!["route".into()],
            points: Points::Gauge((0..series).map(sample).collect()),
        };
        Ok(Report {
            verdicts: vec![verdict],
            families: vec![family],
        })
    }
}

/// About a hundred bytes a line in the exposition, as a route with its labels would have.
fn sample(number: u32) -> Sample {
    Sample {
        label_values: vec![format!("/api/v1/customers/{number:06}/reservations/pending")],
        value: f64::from(number) * 1.25,
    }
}

/// Does not come back, when the settings ask for it: the host must end the run.
fn attack(settings: &str) {
    let mut hoard = Vec::new();
    while settings.contains("\"hoard\"") {
        // Written to, so that the pages are really there.
        hoard.push(vec![1_u8; 1 << 20]);
    }
    while settings.contains("\"spin\"") {
        std::hint::spin_loop();
    }
}

/// The one number in the settings; 3 without one.
fn series(settings: &str) -> u32 {
    let digits: String = settings.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(3)
}

export!(Guest);
