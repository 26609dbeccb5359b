//! Bellwether: a monitoring host for sandboxed checks.
//!
//! Data flows one way, and a module imports only what stands above it in this list (`tests/tidy.rs` checks it):
//!
//! ```text
//! bellwether.toml → config → sandbox → schedule → Outcome → board → Snapshot ┬→ expose
//!                                                                        └→ history → rule → dispatch → deliver
//! ```

pub mod clock;
pub mod supervisor;
pub mod secret;
pub mod metric;
pub mod bundled;
pub mod alert;
pub mod outcome;
pub mod telemetry;
mod yaml;
pub mod config;
pub mod store;
pub mod capability;
pub mod sandbox;
pub mod schedule;
pub mod board;
pub mod history;
pub mod ingest;
pub mod rule;
pub mod dispatch;
pub mod deliver;
pub mod expose;
pub mod app;
pub mod cli;
#[cfg(test)]
mod testing;
