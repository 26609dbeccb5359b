//! PromQL: parsed once, evaluated over anything that holds series.
//!
//! Owns the language: [`parse`] turns text into an [`ast::Expr`] with positions, [`engine`] evaluates it over a
//! [`storage::Storage`] at a moment or over a range. What is stable in Prometheus 3 is here, over floats; native histograms
//! and experimental functions are refused by name. It reads no clock, spawns nothing, keeps no samples, and knows no
//! rules: those are its callers'.
//!
//! ```
//! use bellwether_promql::{engine, labels::Labels, parse::parse, storage::memory::Memory, value::{Point, Value}};
//!
//! let mut memory = Memory::new();
//! for (job, value) in [("a", 3.0), ("b", 1.0)] {
//!     memory.append(&Labels::new([("__name__", "up"), ("job", job)]), Point { at: 1_000, value });
//! }
//! let mut query = engine::Query::new(parse("sum(up) > 2").expect("it is well written"));
//! let options = engine::Options {
//!     lookback: engine::LOOKBACK,
//!     default_step: 60_000,
//!     samples: 1_000_000,
//!     elements: 1_000_000,
//!     stop: &|| false,
//! };
//! let answer = query.instant(&memory, 2_000, &options).expect("it can be evaluated");
//! let Value::Vector(elements) = answer.value else { panic!("a comparison of a vector is one") };
//! assert_eq!(elements[0].value, 4.0);
//! assert_eq!(answer.samples, 2);
//! ```

pub mod ast;
pub mod engine;
pub mod functions;
pub mod labels;
pub mod parse;
pub mod signature;
pub mod storage;
pub mod value;
