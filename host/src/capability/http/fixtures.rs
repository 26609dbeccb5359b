//! Connections for tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    capability::reach::Reach,
    config::{Addresses, Connection, TlsOptions},
};

/// Without credentials, for GET, HEAD and OPTIONS, wherever it leads on this machine.
pub(crate) fn connection(name: &str, url: &str) -> Connection {
    Connection {
        name: name.into(),
        url: url.parse().expect("a URL"),
        url_is_secret: false,
        methods: BTreeSet::from(["GET", "HEAD", "OPTIONS"].map(str::to_owned)),
        headers: Vec::new(),
        query: Vec::new(),
        secrets: BTreeMap::new(),
        auth: None,
        sign: None,
        user: None,
        password: None,
        addresses: Addresses::Private,
        proxy: None,
        tls: TlsOptions::default(),
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
