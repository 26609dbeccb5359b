//! One query, and its rows by the names of columns.

use bellwether_sdk::postgres::{self, Error, Rows};

use crate::SLOT;

/// What a query told.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    rows: Rows,
}

/// One row of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'t> {
    columns: &'t [String],
    values: &'t [Option<String>],
}

pub(crate) fn query(sql: &str) -> Result<Table, Error> {
    postgres::query(SLOT, sql, &[]).map(|rows| Table { rows })
}

impl Table {
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.values.iter().map(|values| Row {
            columns: &self.rows.columns,
            values,
        })
    }

    /// With these columns only, and no more than so many rows: a result may be megabytes, and a check have fifty of them.
    pub(crate) fn narrowed(mut self, wanted: impl Fn(&str) -> bool, rows_max: usize) -> Self {
        let stays: Vec<bool> = self.rows.columns.iter().map(|column| wanted(column)).collect();
        let narrow = |mut values: Vec<Option<String>>| {
            let mut stays = stays.iter();
            values.retain(|_| stays.next().copied().unwrap_or(false));
            values.shrink_to_fit();
            values
        };
        self.rows.values.truncate(rows_max);
        self.rows.values = self.rows.values.into_iter().map(narrow).collect();
        self.rows.columns.retain(|column| wanted(column));
        self
    }

    pub(crate) fn first(&self) -> Option<Row<'_>> {
        self.rows().next()
    }

    pub(crate) fn has(&self, column: &str) -> bool {
        self.rows.columns.iter().any(|known| known == column)
    }

    pub(crate) const fn truncated(&self) -> bool {
        self.rows.truncated
    }

    pub(crate) const fn latency_ns(&self) -> u64 {
        self.rows.latency_ns
    }
}

impl<'t> Row<'t> {
    fn value(&self, column: &str) -> Option<&'t str> {
        let at = self.columns.iter().position(|known| known == column)?;
        self.values.get(at)?.as_deref()
    }

    /// "" for NULL.
    pub(crate) fn text(&self, column: &str) -> &'t str {
        self.value(column).unwrap_or_default()
    }

    /// None for NULL and for what is no number. A boolean is 1 or 0.
    pub(crate) fn number(&self, column: &str) -> Option<f64> {
        match self.value(column)? {
            "t" | "true" => Some(1.0),
            "f" | "false" => Some(0.0),
            text => text.trim().parse().ok(),
        }
    }

    pub(crate) fn flag(&self, column: &str) -> bool {
        self.number(column) == Some(1.0)
    }

    /// NULL and text that is no number are different things to whoever wrote the query.
    pub(crate) fn is_null(&self, column: &str) -> bool {
        self.value(column).is_none()
    }
}
