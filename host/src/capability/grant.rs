//! What a check may use. Pure: a table from the check's `allow` to yes or no.
//!
//! Flows in: the configuration and the capability a guest calls. Flows out: nothing, or the refusal with the line that
//! would allow it.

use crate::{
    config::{Capability, Check},
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

    /// What would allow it: a line of configuration, or why there is none.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::System => "allow = [\"system\"]",
            Self::Http | Self::Redis | Self::Postgres | Self::WasiHttp => "not available in this version",
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
}

impl Grants {
    /// Of a check.
    pub fn of(check: &Check) -> Self {
        Self {
            system: check.allow.contains(&Capability::System),
        }
    }

    /// Whether `wanted` may be used; if not, what to tell the person who configures it.
    pub fn decide(self, wanted: Wanted) -> Result<(), Denied> {
        let granted = match wanted {
            Wanted::System => self.system,
            Wanted::Http | Wanted::Redis | Wanted::Postgres | Wanted::WasiHttp => false,
        };
        if granted { Ok(()) } else { Err(wanted.refusal()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_granted_unless_the_configuration_says_so() {
        let all = [
            Wanted::Http,
            Wanted::Redis,
            Wanted::Postgres,
            Wanted::System,
            Wanted::WasiHttp,
        ];
        for wanted in all {
            let refusal = Grants::default().decide(wanted).expect_err("must be refused");
            assert_eq!(refusal.capability, wanted.as_str());
            assert!(!refusal.hint.is_empty());
        }
        let system = Grants { system: true };
        let granted: Vec<_> = all
            .into_iter()
            .filter(|wanted| system.decide(*wanted).is_ok())
            .collect();
        assert_eq!(granted, [Wanted::System]);
    }

    #[test]
    fn a_refusal_names_the_line_to_add() {
        let refusal = Grants::default().decide(Wanted::System).expect_err("must be refused");
        assert_eq!(refusal.hint, r#"allow = ["system"]"#);
    }
}
