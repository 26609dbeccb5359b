//! PromQL: parsed once, evaluated over anything that holds series.
//!
//! Owns the language: [`parse`] turns text into an [`ast::Expr`] with positions, [`engine`] evaluates it over a
//! [`storage::Storage`] at a moment or over a range. What is stable in Prometheus 3 is here, over floats; native histograms
//! and experimental functions are refused by name. It reads no clock, spawns nothing, keeps no samples, and knows no
//! rules: those are its callers'.

pub mod ast;
pub mod engine;
pub mod functions;
pub mod labels;
pub mod parse;
pub mod signature;
pub mod storage;
pub mod value;
