//! `state`: reads and writes on the run's scratch.

use crate::sandbox::{bindings::bellwether::plugin::state::Host, guest::Guest};

const INTERFACE: &str = "state";

impl Host for Guest {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, String>> {
        Ok(Ok(self.run(INTERFACE)?.state.get(&key).map(<[u8]>::to_vec)))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), String>> {
        let written = self.run(INTERFACE)?.state.set(&key, value);
        Ok(written.map_err(|refusal| refusal.to_string()))
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), String>> {
        let deleted = self.run(INTERFACE)?.state.delete(&key);
        Ok(deleted.map_err(|refusal| refusal.to_string()))
    }
}
