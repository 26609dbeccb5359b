//! `http`: decided, and not linked yet. What is not granted ends the run with `denied`; what is granted answers an error of
//! its own.

use crate::{
    capability::grant::Wanted,
    sandbox::{bindings::bellwether::plugin::http, guest::Guest},
};

/// What a granted call answers.
const NOT_LINKED: &str = "not linked yet";

fn failure(request: http::Request) -> http::Failure {
    http::Failure {
        error: http::Error::Denied(NOT_LINKED.to_owned()),
        url: request.url,
        redirects: 0,
        status: None,
        remote_address: None,
        phases: http::Phases {
            resolve_ns: None,
            connect_ns: None,
            tls_ns: None,
            processing_ns: None,
            transfer_ns: None,
            total_ns: 0,
        },
        tls: None,
    }
}

impl http::Host for Guest {
    async fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, http::Failure>> {
        self.granted(Wanted::Http)?;
        Ok(Err(failure(request)))
    }

    async fn send_all(
        &mut self,
        requests: Vec<http::Request>,
    ) -> wasmtime::Result<Vec<Result<http::Response, http::Failure>>> {
        self.granted(Wanted::Http)?;
        Ok(requests.into_iter().map(|request| Err(failure(request))).collect())
    }
}
