//! What one check may reach: its slots and the connections bound to them, and the addresses its settings grant.
//!
//! The same of a receiver. Pure. Flows in: the configuration, what the plugin describes and where its schema marks addresses. Flows out: which
//! connection serves a request.

use std::{collections::BTreeMap, sync::Arc};

use crate::config::Connection;

/// Of one check; empty when nothing was granted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reach {
    /// By slot.
    pub slots: BTreeMap<String, Arc<Connection>>,
    /// From settings fields that the schema marks: without credentials, for GET, HEAD, OPTIONS and POST.
    pub addresses: Vec<Arc<Connection>>,
}

impl Reach {
    /// The connection bound to a slot.
    pub fn slot(&self, name: &str) -> Option<&Arc<Connection>> {
        self.slots.get(name)
    }

    /// Every connection, bound or granted by an address.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.slots.values().chain(&self.addresses)
    }

    /// Whether anything may be reached.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.addresses.is_empty()
    }
}
