//! What the host offers plugins, one file or folder per capability.
//!
//! Flows in: calls of guests, already translated from the contract's types. Flows out: answers in types of the capability's
//! own, so that nothing here knows about components. It runs no guest.

pub mod system;
