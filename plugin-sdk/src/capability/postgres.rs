//! Read-only PostgreSQL over a granted connection. Values come in PostgreSQL's text form.

pub use crate::bindings::bellwether::plugin::postgres::{Error, Rows};
use crate::{Failure, capability::host::postgres as host};

/// One statement over the connection bound to `slot`, with `$1`, `$2`, … taken from `parameters`.
pub fn query(slot: &str, sql: &str, parameters: &[Option<&str>]) -> Result<Rows, Error> {
    let parameters: Vec<Option<String>> = parameters.iter().map(|value| value.map(str::to_owned)).collect();
    host::query(slot, sql, &parameters)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(reason) => Self::denied(reason),
            Error::Connect(reason) => Self::target(format_args!("cannot connect: {reason}")),
            Error::Authentication(reason) => Self::target(format_args!("refused to log in: {reason}")).permanent(),
            Error::Timeout => Self::target("no answer in time"),
            Error::Query((state, message)) => Self::target(format_args!("{message} (SQLSTATE {state})")).permanent(),
        }
    }
}
