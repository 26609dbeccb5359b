//! What others make of our output: Prometheus' `promtool`, the Python client's two parsers, and a Prometheus server that
//! scrapes the running host for a minute. And what `promtool` makes of the rules that plugins bring, and of a host that it queries,
//! and whether our own test runner for rules agrees with it.
//!
//! Needs: promtool, prometheus, python
//! Budget: 8 min

#![expect(
    clippy::disallowed_methods,
    reason = "tests watch processes from outside: they read the clock, wait, and write to a pipe on a thread"
)]

mod exposition;
#[expect(dead_code, reason = "shared with suites that do more with it")]
#[path = "../support/guests.rs"]
mod guests;
#[expect(dead_code, reason = "shared with suites that do more with it")]
#[path = "../support/host.rs"]
mod host;
mod parsers;
mod prometheus;
mod queries;
mod rule_tests;
mod rules;
mod shop;
mod tools;
