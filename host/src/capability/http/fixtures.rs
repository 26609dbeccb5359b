//! Connections for tests.

use std::{collections::BTreeSet, sync::Arc};

use crate::{capability::reach::Reach, config::Connection, testing};

/// Without credentials, for GET, HEAD and OPTIONS, wherever it leads on this machine.
pub(crate) fn connection(name: &str, url: &str) -> Connection {
    Connection {
        name: name.into(),
        methods: BTreeSet::from(["GET", "HEAD", "OPTIONS"].map(str::to_owned)),
        ..testing::connection(url)
    }
}

/// By slot.
pub(crate) fn reach<const N: usize>(slots: [(&str, Connection); N]) -> Reach {
    Reach {
        slots: slots
            .into_iter()
            .map(|(slot, connection)| (slot.to_owned(), Arc::new(connection)))
            .collect(),
        addresses: Vec::new(),
    }
}
