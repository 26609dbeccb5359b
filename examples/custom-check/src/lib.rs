//! Custom.
