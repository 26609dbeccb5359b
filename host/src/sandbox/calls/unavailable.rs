//! `http`: in the contract, linked for every plugin, and not there yet. A call ends the run with `denied`.

use crate::{
    capability::grant::Wanted,
    sandbox::{bindings::bellwether::plugin::http, guest::Guest},
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

impl http::Host for Guest {
    async fn send(&mut self, _: http::Request) -> wasmtime::Result<Result<http::Response, http::Failure>> {
        self.unavailable(Wanted::Http)
    }

    async fn send_all(
        &mut self,
        _: Vec<http::Request>,
    ) -> wasmtime::Result<Vec<Result<http::Response, http::Failure>>> {
        self.unavailable(Wanted::Http)
    }
}
