//! What a check may use. Pure: a table from the check's `allow` and its reach to yes or no.
//!
//! Flows in: the configuration and the capability a guest calls. Flows out: nothing, or the refusal with the lines that
//! would allow it. Whether a call may reach the one place it names is decided by whoever carries it out.

use std::collections::BTreeSet;

use super::reach::Reach;
use crate::{
    config::{Capability, Check, Protocol},
    outcome::Denied,
};

/// A capability that needs a grant. `context`, `log` and `state` do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wanted {
    /// Requests over HTTP.
    Http,
    /// Reading Redis.
    Redis,
    /// Reading PostgreSQL.
    Postgres,
    /// Reading the machine the host runs on.
    System,
    /// The standard HTTP interface of WASI.
    WasiHttp,
}

impl Wanted {
    /// The word in messages and in the `capability` label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::System => "system",
            Self::WasiHttp => "wasi:http",
        }
    }

    /// Of an interface of the contract; `None` for those that need no grant.
    pub fn of_interface(name: &str) -> Option<Self> {
        [Self::Http, Self::Redis, Self::Postgres, Self::System]
            .into_iter()
            .find(|wanted| wanted.as_str() == name)
    }

    /// What would allow it: a line for the check, and for what a connection grants the table that it names.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::System => "allow = [\"system\"]",
            Self::Http | Self::WasiHttp => {
                "connection = \"NAME\"\nand a table of its own:\n[connection.NAME]\nurl = \"https://HOST/\""
            }
            Self::Redis => {
                "connection = \"NAME\"\nand a table of its own:\n[connection.NAME]\nurl = \"rediss://HOST:6379/0\""
            }
            Self::Postgres => {
                "connection = \"NAME\"\nand a table of its own:\n[connection.NAME]\nurl = \"postgres://HOST:5432/DATABASE\""
            }
        }
    }

    fn refusal(self) -> Denied {
        Denied {
            capability: self.as_str(),
            hint: self.hint().to_owned(),
        }
    }
}

/// What one check was granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// `allow = ["system"]`.
    pub system: bool,
    /// There is a place to ask over HTTP.
    pub http: bool,
    /// There is a Redis to ask.
    pub redis: bool,
    /// There is a PostgreSQL to ask.
    pub postgres: bool,
}

impl Grants {
    /// Of a check that may reach this.
    pub fn of(check: &Check, reach: &Reach) -> Self {
        Self::new(&check.allow, reach)
    }

    /// Of a receiver that may reach this. News go out over connections, and what a machine is like is no forwarder's business.
    pub fn of_receiver(reach: &Reach) -> Self {
        Self::new(&BTreeSet::new(), reach)
    }

    fn new(allow: &BTreeSet<Capability>, reach: &Reach) -> Self {
        Self {
            system: allow.contains(&Capability::System),
            http: reaches(reach, Protocol::Http),
            redis: reaches(reach, Protocol::Redis),
            postgres: reaches(reach, Protocol::Postgres),
        }
    }

    /// Whether `wanted` may be used; if not, what to tell the person who configures it.
    pub fn decide(self, wanted: Wanted) -> Result<(), Denied> {
        let granted = match wanted {
            Wanted::System => self.system,
            Wanted::Http | Wanted::WasiHttp => self.http,
            Wanted::Redis => self.redis,
            Wanted::Postgres => self.postgres,
        };
        if granted { Ok(()) } else { Err(wanted.refusal()) }
    }
}

fn reaches(reach: &Reach, protocol: Protocol) -> bool {
    reach.all().any(|connection| connection.protocol() == protocol)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{config::Connection, testing};

    const ALL: [Wanted; 5] = [
        Wanted::Http,
        Wanted::Redis,
        Wanted::Postgres,
        Wanted::System,
        Wanted::WasiHttp,
    ];

    fn granted(grants: Grants) -> Vec<Wanted> {
        ALL.into_iter()
            .filter(|wanted| grants.decide(*wanted).is_ok())
            .collect()
    }

    #[test]
    fn nothing_is_granted_unless_the_configuration_says_so() {
        for wanted in ALL {
            let refusal = Grants::default().decide(wanted).expect_err("must be refused");
            assert_eq!(refusal.capability, wanted.as_str());
            assert!(!refusal.hint.is_empty());
        }
        let system = Grants {
            system: true,
            ..Grants::default()
        };
        assert_eq!(granted(system), [Wanted::System]);
    }

    #[test]
    fn a_connection_grants_what_is_spoken_over_it_and_nothing_else() {
        let check = testing::check("web");
        let of = |url: &str, slot: bool| {
            let connection = Arc::new(Connection::at_address(url).expect("an address"));
            let mut reach = Reach::default();
            if slot {
                reach.slots.insert("default".to_owned(), connection);
            } else {
                reach.addresses.push(connection);
            }
            granted(Grants::of(&check, &reach))
        };
        for slot in [false, true] {
            assert_eq!(of("https://example.com/", slot), [Wanted::Http, Wanted::WasiHttp]);
            assert_eq!(of("unix:///run/redis.sock", slot), [Wanted::Redis]);
            assert_eq!(of("postgresql://db/shop", slot), [Wanted::Postgres]);
        }
        assert_eq!(granted(Grants::of(&check, &Reach::default())), []);
    }

    #[test]
    fn a_refusal_names_the_line_to_add() {
        let refusal = Grants::default().decide(Wanted::System).expect_err("must be refused");
        assert_eq!(refusal.hint, r#"allow = ["system"]"#);
    }
}
