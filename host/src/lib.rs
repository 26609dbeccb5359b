//! Bellwether: a monitoring host for sandboxed checks.
//!
//! Data flows one way, and a module imports only what stands above it in this list (`tests/tidy.rs` checks it):
//!
//! ```text
//! bellwether.toml → config → sandbox → schedule → Outcome → board → Snapshot → expose
//! ```

pub mod board;
pub mod clock;
pub mod config;
pub mod expose;
pub mod metric;
pub mod outcome;
pub mod schedule;
pub mod secret;
pub mod store;
pub mod supervisor;
pub mod telemetry;

#[cfg(test)]
mod testing;
