//! What reading PostgreSQL says to people.

use std::borrow::Cow;

use crate::telemetry::{Event, Fields, Level};

/// The role of a connection may do everything, so nothing but our own care keeps a plugin from doing it.
#[derive(Debug)]
pub(super) struct SuperuserRole<'a> {
    pub(super) check: &'a str,
    pub(super) connection: &'a str,
    pub(super) user: &'a str,
}

impl Event for SuperuserRole<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        format!(
            "connection `{}` logs in as `{}`, a superuser: a read-only transaction does not keep one from reading files or \
             running programs; use a role with `pg_monitor` and SELECT on what the check looks at",
            self.connection, self.user
        )
        .into()
    }

    fn module(&self) -> &'static str {
        "capability"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.context("check", self.check);
        fields.data("connection", self.connection);
        fields.data("user", self.user);
    }
}
