//! Buckets whose bounds are not numbers, or not in order, in both kinds that have bounds.

use guests::{Bucket, HistogramSample, MetricFamily, Observations, Points, Sample, gauge};

fn histogram(name: &str, bounds: [f64; 2]) -> MetricFamily {
    let bucket = |upper_bound| Bucket {
        upper_bound,
        cumulative_count: 1,
    };
    let sample = HistogramSample {
        label_values: Vec::new(),
        buckets: bounds.map(bucket).to_vec(),
        sum: 1.0,
        count: 1,
    };
    MetricFamily {
        label_names: Vec::new(),
        points: Points::Histogram(vec![sample]),
        ..gauge(name, &[])
    }
}

fn observations(name: &str, upper_bounds: &[f64]) -> MetricFamily {
    let observations = Observations {
        upper_bounds: upper_bounds.to_vec(),
        samples: vec![Sample {
            label_values: Vec::new(),
            value: 1.0,
        }],
    };
    MetricFamily {
        label_names: Vec::new(),
        points: Points::Observations(observations),
        ..gauge(name, &[])
    }
}

guests::guest!(|_| guests::report(vec![
    histogram("nan_read", [1.0, f64::NAN]),
    histogram("unsorted_read", [2.0, 1.0]),
    observations("nan_observed", &[f64::NAN]),
    observations("unsorted_observed", &[2.0, 1.0]),
    histogram("good_read", [1.0, 2.0]),
    observations("good_observed", &[1.0, 2.0]),
]));
