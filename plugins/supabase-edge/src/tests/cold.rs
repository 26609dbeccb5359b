//! Cold starts: on their own cadence, and only where there was one.

use std::{cell::Cell, time::Duration};

use bellwether_sdk::{Status, fake::json, http::Response};

use super::{NOW, after, answer, header, host};
use crate::SupabaseEdge;

const HELLO: [&str; 3] = ["hello", "hello", ""];

fn settings() -> serde_json::Value {
    json!({ "functions": { "hello": { "cold": { "every": "30m", "latency_seconds": { "warning": 0.5, "critical": 2 } } } } })
}

/// The first of two calls takes 900 ms and the second 100 ms.
fn cold_then_warm() -> impl FnMut() -> Response {
    let calls = Cell::new(0_u32);
    move || {
        calls.set(calls.get() + 1);
        after(answer(200, ""), if calls.get() % 2 == 1 { 900 } else { 100 })
    }
}

#[test]
fn two_calls_in_a_row_tell_what_a_start_costs() {
    let mut next = cold_then_warm();
    let (mut fake, asked) = host(move |_| Ok(next()));
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(asked.lines().len(), 2);
    assert_eq!(run.value("edge_cold_start_seconds", &HELLO), Some(0.9));
    assert_eq!(run.value("edge_warm_start_seconds", &HELLO), Some(0.1));
    assert_eq!(run.value("edge_cold_start_timestamp_seconds", &HELLO), Some(NOW as f64));
    assert_eq!(run.value("edge_requests_total", &HELLO), Some(2.0));
    assert_eq!(run.status("function hello"), Status::Ok);
    let cold = run.verdict("cold start of function hello");
    assert_eq!((cold.status, cold.code.as_str()), (Status::Warning, "cold_start_slow"));
}

#[test]
fn cold_starts_have_a_cadence_of_their_own_and_stay_known_in_between() {
    let mut next = cold_then_warm();
    let (mut fake, asked) = host(move |_| Ok(next()));
    fake.run::<SupabaseEdge>(settings());
    asked.clear();
    fake.advance(Duration::from_secs(1_799));
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(asked.lines().len(), 1);
    assert_eq!(run.value("edge_cold_start_seconds", &HELLO), Some(0.9));
    assert_eq!(run.verdict("cold start of function hello").code, "cold_start_slow");
    fake.advance(Duration::from_secs(1));
    fake.run::<SupabaseEdge>(settings());
    assert_eq!(asked.lines().len(), 3);
}

/// Where workers name themselves, one that answered before was not started for this call.
#[test]
fn a_worker_that_was_running_is_no_cold_start() {
    let (mut fake, asked) = host(|_| Ok(header(answer(200, ""), "x-deno-execution-id", "worker-1")));
    fake.run::<SupabaseEdge>(json!({ "functions": { "hello": {} } }));
    asked.clear();
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(asked.lines().len(), 2);
    assert_eq!(run.value("edge_cold_start_seconds", &HELLO), None);
    assert_eq!(run.value("edge_new_workers_total", &HELLO), Some(0.0));
    asked.clear();
    fake.run::<SupabaseEdge>(settings());
    assert_eq!(asked.lines().len(), 1, "the cadence counts from the attempt");
}

#[test]
fn a_new_worker_is_counted_and_its_start_measured() {
    let worker = Cell::new(0_u32);
    let (mut fake, _) = host(move |_| {
        worker.set(worker.get() + 1);
        Ok(header(
            answer(200, ""),
            "x-deno-execution-id",
            &format!("worker-{}", worker.get()),
        ))
    });
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(run.value("edge_new_workers_total", &HELLO), Some(2.0));
    assert_eq!(run.value("edge_cold_start_seconds", &HELLO), Some(0.02));
}

#[test]
fn a_function_that_fails_is_not_called_twice() {
    let (mut fake, asked) = host(|_| Ok(answer(503, "")));
    let run = fake.run::<SupabaseEdge>(settings());
    assert_eq!(asked.lines().len(), 1);
    assert_eq!(run.report().verdicts().len(), 1);
}
