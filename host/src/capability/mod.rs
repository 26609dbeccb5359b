//! What the host offers plugins: one file per capability, and `grant`, which decides.
//!
//! Flows in: the configuration of a check and what a guest asks for, in the host's own types. Flows out: answers,
//! refusals and state to keep. Nothing here knows wasmtime: `sandbox::calls` translates.

pub mod address;
pub mod context;
pub mod database;
pub mod dial;
pub mod grant;
pub mod http;
pub mod log;
pub mod postgres;
pub mod reach;
pub mod redis;
pub mod state;
pub mod system;
pub mod tls;
