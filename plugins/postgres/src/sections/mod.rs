//! A query for each thing that is looked at, and what its rows mean.

pub(crate) mod activity;
pub(crate) mod databases;
pub(crate) mod locks;
pub(crate) mod replication;
pub(crate) mod server;
pub(crate) mod sizes;
pub(crate) mod vacuum;
