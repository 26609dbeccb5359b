//! System.
