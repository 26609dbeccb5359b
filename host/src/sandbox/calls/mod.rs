//! Host calls: from the contract's types to questions that `capability` answers, and back.
//!
//! One file per interface. Nothing is decided here.

mod context;
mod http;
mod log;
mod postgres;
mod redis;
mod state;
mod system;
pub(super) mod wasi_http;
