//! What the host offers plugins, one file per capability.
//!
//! A component imports only what it calls. So these are functions and not methods of one object: naming an object would
//! import everything. On WebAssembly they call the host, elsewhere the [`crate::fake`] of the current test.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::bellwether::plugin as host;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::fake::host;

pub mod context;
pub mod http;
pub mod log;
pub mod postgres;
pub mod redis;
pub mod state;
pub mod system;
