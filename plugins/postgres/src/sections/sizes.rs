//! Sizes of databases: a query of its own, since it reads directories and not every role may.

use crate::client::Table;

pub(crate) const SQL: &str = "\
SELECT datname AS database, pg_database_size(oid) AS bytes FROM pg_database \
WHERE datallowconn AND (has_database_privilege(oid, 'CONNECT') OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')) \
ORDER BY 1";

pub(crate) fn all(table: &Table, watched: impl Fn(&str) -> bool) -> Vec<(String, f64)> {
    let sized = table
        .rows()
        .filter_map(|row| Some((row.text("database").to_owned(), row.number("bytes")?)));
    sized.filter(|(database, _)| watched(database)).collect()
}
