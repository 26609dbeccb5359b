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

/// The role of a connection may read or write files of the server, or run programs there, by belonging to others.
#[derive(Debug)]
pub(super) struct ReachingRole<'a> {
    pub(super) check: &'a str,
    pub(super) connection: &'a str,
    pub(super) user: &'a str,
    /// Those others.
    pub(super) roles: &'a str,
}

impl Event for ReachingRole<'_> {
    fn level(&self) -> Level {
        Level::Warn
    }

    fn message(&self) -> Cow<'_, str> {
        format!(
            "connection `{}` logs in as `{}`, a member of {}: a read-only transaction does not keep one from files and \
             programs of the server; use a role with `pg_monitor` and SELECT on what the check looks at",
            self.connection, self.user, self.roles
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
        fields.data("roles", self.roles);
    }
}
