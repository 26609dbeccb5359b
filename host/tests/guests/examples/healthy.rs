//! Behaves: one verdict, three samples, a log line, a count kept in `state`. Runs beside every hostile guest.

use guests::{Points, Sample, Status, gauge, log, state, verdict};

guests::guest!(|_| {
    let runs = state::get("runs")
        .expect("state can be read")
        .map_or(0, |bytes| bytes[0])
        .saturating_add(1);
    state::set("runs", &[runs]).expect("one byte fits");
    log::emit(log::Level::Info, "ran", &[("runs".to_owned(), runs.to_string())]);
    let mut counted = gauge("healthy_runs_total", &[]);
    counted.label_names.clear();
    counted.points = Points::Increments(vec![Sample {
        label_values: Vec::new(),
        value: 1.0,
    }]);
    Ok(guests::Report {
        verdicts: vec![verdict(Status::Ok, &format!("run {runs}"))],
        families: vec![gauge("healthy_depth", &[("front", 1.0), ("back", 2.0)]), counted],
    })
});
