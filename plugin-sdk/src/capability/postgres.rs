//! Read-only PostgreSQL over a granted connection. Values come in PostgreSQL's text form.

pub use crate::bindings::bellwether::plugin::postgres::{Error, Rows};
use crate::{Failure, capability::host::postgres as host};

/// SQLSTATE of a statement that was given up for want of time; the message says where it hung. Another run may have more luck.
pub const QUERY_CANCELED: &str = "57014";

/// One statement over the connection bound to `slot`, with `$1`, `$2`, … taken from `parameters`.
pub fn query(slot: &str, sql: &str, parameters: &[Option<&str>]) -> Result<Rows, Error> {
    let parameters: Vec<Option<String>> = parameters.iter().map(|value| value.map(str::to_owned)).collect();
    host::query(slot, sql, &parameters)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(reason) => Self::denied(reason),
            // The host says in whole words in which step it was, and where.
            Error::Connect(reason) => Self::target(reason),
            Error::Authentication(reason) => Self::target(format_args!("refused to log in: {reason}")).permanent(),
            Error::Timeout => Self::target("no answer in time"),
            Error::Query((state, message)) if state == QUERY_CANCELED => Self::target(message),
            Error::Query((state, message)) => Self::target(format_args!("{message} (SQLSTATE {state})")).permanent(),
        }
    }
}
