//! `management`: what is asked of the Management API, and how often.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Severity, span::Span};

/// The Management API, by the slot `management`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Management {
    /// How often to ask; unless said 5m, and no more than once a minute. What was seen last stands in between.
    pub(crate) every: Option<Span>,
    /// Whose health to ask for; unless said auth, db, realtime, rest and storage. `[]` for none.
    pub(crate) services: Option<Vec<Service>>,
    /// Whether to read the list of functions; unless said, yes.
    pub(crate) functions: Option<bool>,
    /// How bad it is when a service or the project is not healthy.
    pub(crate) severity: Severity,
}

/// A service whose health the platform knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Service {
    /// Sign-in.
    Auth,
    /// The database.
    Db,
    /// The database, by the user `postgres`.
    DbPostgresUser,
    /// The dedicated pooler.
    PgBouncer,
    /// The shared pooler.
    Pooler,
    /// Changes as they happen.
    Realtime,
    /// Tables over HTTP.
    Rest,
    /// Files.
    Storage,
}

impl Service {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Db => "db",
            Self::DbPostgresUser => "db_postgres_user",
            Self::PgBouncer => "pg_bouncer",
            Self::Pooler => "pooler",
            Self::Realtime => "realtime",
            Self::Rest => "rest",
            Self::Storage => "storage",
        }
    }
}

/// Three requests in five minutes, of 120 a minute that each of the three endpoints allows (Supabase, `api_rate_limits`).
const EVERY: Span = Span::from_secs(300);

/// Older pages speak of 60 requests a minute for a user in all; many checks may share one.
const EVERY_LEAST: Span = Span::from_secs(60);

const SERVICES: [Service; 5] = [
    Service::Auth,
    Service::Db,
    Service::Realtime,
    Service::Rest,
    Service::Storage,
];

impl Management {
    pub(crate) fn every(&self) -> Span {
        self.every.unwrap_or(EVERY)
    }

    pub(crate) fn services(&self) -> &[Service] {
        self.services.as_deref().unwrap_or(&SERVICES)
    }

    pub(crate) fn functions(&self) -> bool {
        self.functions.unwrap_or(true)
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.every() < EVERY_LEAST {
            return Err(
                "management.every is below 1m: the Management API counts requests, and others share them".to_owned(),
            );
        }
        Ok(())
    }
}
