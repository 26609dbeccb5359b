//! `http`: requests to what the check was granted.

use std::{sync::Arc, time::Duration};

use crate::{
    capability::{
        dial::Family,
        grant::Wanted,
        http::{Error, Failure, Phase, Phases, Request, Response},
        tls::{Certificate, Session},
    },
    sandbox::{bindings::bellwether::plugin::http as wit, guest::Guest},
};

/// The task that a guest waits for.
const TASK: &str = "http requests";

impl wit::Host for Guest {
    async fn send(&mut self, asked: wit::Request) -> wasmtime::Result<Result<wit::Response, wit::Failure>> {
        let run = self.granted(Wanted::Http)?;
        let (http, asked) = (Arc::clone(&run.http), request(asked));
        let ended = run.apart(TASK, async move { http.send(asked).await }).await;
        Ok(ended.map(response).map_err(failure))
    }

    async fn send_all(
        &mut self,
        asked: Vec<wit::Request>,
    ) -> wasmtime::Result<Vec<Result<wit::Response, wit::Failure>>> {
        let run = self.granted(Wanted::Http)?;
        let http = Arc::clone(&run.http);
        let asked = asked.into_iter().map(request).collect();
        let ended = run.apart(TASK, async move { http.send_all(asked).await }).await;
        let mut translated = Vec::with_capacity(ended.len());
        for ended in ended {
            translated.push(ended.map(response).map_err(failure));
        }
        Ok(translated)
    }
}

fn request(asked: wit::Request) -> Request {
    Request {
        method: asked.method,
        slot: asked.connection,
        url: asked.url,
        headers: asked.headers,
        body: asked.body,
        timeout: asked.timeout_ms.map(|ms| Duration::from_millis(ms.into())),
        redirects_max: asked.max_redirects,
        body_bytes_max: asked.max_body_bytes,
        fresh: asked.fresh_connection,
        family: match asked.address_family {
            wit::AddressFamily::Any => Family::Any,
            wit::AddressFamily::Ipv4 => Family::V4,
            wit::AddressFamily::Ipv6 => Family::V6,
        },
        connect_to: asked.connect_to,
        options: asked.options,
    }
}

fn response(answer: Response) -> wit::Response {
    wit::Response {
        status: answer.status,
        http_version: answer.version.as_str().to_owned(),
        headers: answer.headers,
        body: answer.body,
        body_truncated: answer.body_truncated,
        url: answer.url,
        redirects: answer.redirects,
        remote_address: answer.remote.to_string(),
        reused_connection: answer.reused,
        phases: phases(answer.phases),
        tls: answer.tls.map(tls),
    }
}

fn failure(failure: Failure) -> wit::Failure {
    wit::Failure {
        error: error(failure.error),
        url: failure.url,
        redirects: failure.redirects,
        status: failure.status,
        remote_address: failure.remote.map(|remote| remote.to_string()),
        phases: phases(failure.phases),
        tls: failure.tls.map(tls),
    }
}

fn error(error: Error) -> wit::Error {
    match error {
        Error::Denied(text) => wit::Error::Denied(text),
        Error::Invalid(text) => wit::Error::Invalid(text),
        Error::Resolve(text) => wit::Error::Resolve(text),
        Error::Connect(text) => wit::Error::Connect(text),
        Error::Tls(text) => wit::Error::Tls(text),
        Error::Timeout(at) => wit::Error::Timeout(phase(at)),
        Error::Protocol(text) => wit::Error::Protocol(text),
        Error::Limit(text) => wit::Error::Limit(text),
        Error::Exhausted(text) => wit::Error::Exhausted(text),
    }
}

fn phase(phase: Phase) -> wit::Phase {
    match phase {
        Phase::Resolve => wit::Phase::Resolve,
        Phase::Connect => wit::Phase::Connect,
        Phase::Tls => wit::Phase::Tls,
        Phase::Processing => wit::Phase::Processing,
        Phase::Transfer => wit::Phase::Transfer,
    }
}

fn phases(phases: Phases) -> wit::Phases {
    wit::Phases {
        resolve_ns: phases.resolve.map(nanos),
        connect_ns: phases.connect.map(nanos),
        tls_ns: phases.tls.map(nanos),
        processing_ns: phases.processing.map(nanos),
        transfer_ns: phases.transfer.map(nanos),
        total_ns: nanos(phases.total),
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn tls(session: Session) -> wit::Tls {
    wit::Tls {
        version: session.version,
        cipher: session.cipher,
        chain: session.chain.into_iter().map(certificate).collect(),
    }
}

fn certificate(certificate: Certificate) -> wit::Certificate {
    wit::Certificate {
        subject: certificate.subject,
        issuer: certificate.issuer,
        serial: certificate.serial,
        dns_names: certificate.dns_names,
        ip_addresses: certificate.ip_addresses,
        not_before_unix: certificate.not_before_unix,
        not_after_unix: certificate.not_after_unix,
        sha256: certificate.sha256,
    }
}
