//! Bellwether: a monitoring host for sandboxed checks.
//!
//! Data flows one way, and a module imports only what stands above it in this list (`tests/tidy.rs` checks it):
//!
//! ```text
//! bellwether.toml → config → sandbox → schedule → Outcome → board → Snapshot → expose
//! ```

pub mod capability;
pub mod clock;
pub mod config;
pub mod metric;
pub mod outcome;
pub mod sandbox;
pub mod secret;
pub mod store;
pub mod supervisor;
pub mod telemetry;
