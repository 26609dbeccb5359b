//! A family that is a gauge on odd runs and untyped on even ones.

use guests::{Points, Sample, gauge, state};

guests::guest!(|_| {
    let runs = state::get("runs")
        .expect("state can be read")
        .map_or(0, |bytes| bytes[0])
        + 1;
    state::set("runs", &[runs]).expect("one byte fits");
    let mut family = gauge("moody", &[("x", f64::from(runs))]);
    if runs % 2 == 0 {
        family.points = Points::Untyped(vec![Sample {
            label_values: vec!["x".to_owned()],
            value: f64::from(runs),
        }]);
    }
    guests::report(vec![family, gauge("steady", &[("x", f64::from(runs))])])
});
