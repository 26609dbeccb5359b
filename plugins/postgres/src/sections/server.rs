//! The server itself: version, limits, whether it is a standby, and what our role may see.

use crate::client::Row;

/// `reserved_connections` came with PostgreSQL 16; `pg_read_all_stats` with 10.
pub(crate) const SQL: &str = "\
SELECT current_setting('server_version') AS version, \
current_setting('max_connections')::float8 AS max_connections, \
current_setting('superuser_reserved_connections')::float8 AS superuser_reserved, \
coalesce(current_setting('reserved_connections', true), '0')::float8 AS reserved, \
current_setting('autovacuum_freeze_max_age')::float8 AS freeze_max_age, \
pg_is_in_recovery() AS standby, \
extract(epoch FROM pg_postmaster_start_time())::float8 AS started, \
current_user AS role, \
pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all";

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) version: String,
    pub(crate) max_connections: Option<f64>,
    /// For superusers, and for members of `pg_use_reserved_connections`.
    pub(crate) superuser_reserved: Option<f64>,
    pub(crate) reserved: Option<f64>,
    pub(crate) freeze_max_age: Option<f64>,
    pub(crate) standby: bool,
    pub(crate) started: Option<f64>,
    pub(crate) role: String,
    pub(crate) sees_all: bool,
}

impl Server {
    pub(crate) fn of(row: Row<'_>) -> Self {
        Self {
            // Packagers add words of their own: `15.6 (Debian 15.6-0+deb12u1)`.
            version: row
                .text("version")
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned(),
            max_connections: row.number("max_connections"),
            superuser_reserved: row.number("superuser_reserved"),
            reserved: row.number("reserved"),
            freeze_max_age: row.number("freeze_max_age"),
            standby: row.flag("standby"),
            started: row.number("started"),
            role: row.text("role").to_owned(),
            sees_all: row.flag("sees_all"),
        }
    }

    /// What ordinary roles may have.
    pub(crate) fn available(&self) -> Option<f64> {
        let kept = self.superuser_reserved.unwrap_or(0.0) + self.reserved.unwrap_or(0.0);
        Some(self.max_connections? - kept)
    }
}
