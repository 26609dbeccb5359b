//! What one check may reach: its slots and the connections bound to them, and the addresses its settings grant.
//!
//! The same of a receiver. Pure. Flows in: the configuration, what the plugin describes and where its schema marks addresses. Flows out: which
//! connection serves a request.

use std::{collections::BTreeMap, sync::Arc};

use crate::config::{Connection, METHODS_DEFAULT};

/// How news is handed over.
const NEWS_METHOD: &str = "POST";

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

    /// The same for a receiver: whoever binds a connection to one wants something to be posted there. A connection that names its
    /// methods otherwise than by default allows those and no others.
    #[must_use]
    pub fn for_news(&self) -> Self {
        let open = |connection: &Arc<Connection>| match allows_only_defaults(connection) {
            false => Arc::clone(connection),
            true => {
                let mut open = Connection::clone(connection);
                open.methods.insert(NEWS_METHOD.to_owned());
                Arc::new(open)
            }
        };
        Self {
            slots: self
                .slots
                .iter()
                .map(|(slot, connection)| (slot.clone(), open(connection)))
                .collect(),
            addresses: self.addresses.clone(),
        }
    }

    /// Whether anything may be reached.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.addresses.is_empty()
    }
}

fn allows_only_defaults(connection: &Connection) -> bool {
    let methods = &connection.methods;
    methods.len() == METHODS_DEFAULT.len() && METHODS_DEFAULT.iter().all(|method| methods.contains(*method))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn bound(methods: &[&str]) -> Vec<String> {
        let mut connection = testing::connection("https://hooks.example.com/");
        connection.methods = methods.iter().map(|method| (*method).to_owned()).collect();
        let mut reach = Reach::default();
        reach.slots.insert("default".to_owned(), Arc::new(connection));
        let news = reach.for_news();
        news.slots["default"].methods.iter().cloned().collect()
    }

    #[test]
    fn a_receiver_may_post_where_the_connection_says_nothing_of_methods() {
        assert_eq!(bound(&METHODS_DEFAULT), ["GET", "HEAD", "OPTIONS", "POST"]);
        assert_eq!(bound(&["GET"]), ["GET"]);
        assert_eq!(bound(&["PUT"]), ["PUT"]);
        assert_eq!(bound(&[]), [""; 0]);
    }
}
