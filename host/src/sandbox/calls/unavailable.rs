//! `redis` and `postgres`: decided, and not linked yet. What is not granted ends the run with `denied`; what is granted answers
//! an error of its own.

use crate::{
    capability::grant::Wanted,
    sandbox::{
        bindings::bellwether::plugin::{postgres, redis},
        guest::Guest,
    },
};

/// What a granted call answers.
const NOT_LINKED: &str = "not linked yet";

impl redis::Host for Guest {
    async fn pipeline(
        &mut self,
        _: String,
        _: Vec<redis::Command>,
    ) -> wasmtime::Result<Result<(Vec<redis::Reply>, redis::Info), redis::Error>> {
        self.granted(Wanted::Redis)?;
        Ok(Err(redis::Error::Denied(NOT_LINKED.to_owned())))
    }
}

impl postgres::Host for Guest {
    async fn query(
        &mut self,
        _: String,
        _: String,
        _: Vec<Option<String>>,
    ) -> wasmtime::Result<Result<postgres::Rows, postgres::Error>> {
        self.granted(Wanted::Postgres)?;
        Ok(Err(postgres::Error::Denied(NOT_LINKED.to_owned())))
    }
}
