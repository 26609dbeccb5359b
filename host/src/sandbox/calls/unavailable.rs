//! `redis` and `postgres`: in the contract, linked for every plugin, and not there yet. A call ends the run with
//! `denied`.

use crate::{
    capability::grant::Wanted,
    sandbox::{
        bindings::bellwether::plugin::{postgres, redis},
        guest::Guest,
    },
};

impl Guest {
    /// Ends the run: nothing can grant `wanted` in this version.
    fn unavailable<T>(&mut self, wanted: Wanted) -> wasmtime::Result<T> {
        self.granted(wanted)?;
        Err(wasmtime::format_err!(
            "`{}` is not available in this version",
            wanted.as_str()
        ))
    }
}

impl redis::Host for Guest {
    async fn pipeline(
        &mut self,
        _: String,
        _: Vec<redis::Command>,
    ) -> wasmtime::Result<Result<(Vec<redis::Reply>, redis::Info), redis::Error>> {
        self.unavailable(Wanted::Redis)
    }
}

impl postgres::Host for Guest {
    async fn query(
        &mut self,
        _: String,
        _: String,
        _: Vec<Option<String>>,
    ) -> wasmtime::Result<Result<postgres::Rows, postgres::Error>> {
        self.unavailable(Wanted::Postgres)
    }
}
