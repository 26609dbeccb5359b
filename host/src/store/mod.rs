//! The host's memory on disk: one SQLite connection, written in batches, and the lock on the state directory.
//!
//! Flows in: closures that write, from modules that own their tables. Flows out: what they read at start. It knows no
//! table of its own but the one that records migrations.
