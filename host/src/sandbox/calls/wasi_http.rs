//! `wasi:http`: for plugins whose language brings its own client. The same policy, limits and connections as `http`.
//!
//! Flows in: requests as wasmtime hands them on. Flows out: whole answers. What this interface has no word for follows no
//! redirect, and a body past the cap is an error, since nothing could say that it was cut. A body that the host will not have is
//! still taken, and thrown away: client libraries know errors as answers, and many end the guest when they cannot write.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::http::HeaderName;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use wasmtime_wasi_http::{Error as Refused, RequestOptions, WasiBody, WasiHttpHooks};

use crate::capability::http::{Error, Failure, HttpRun, Phase, Request, Response};

/// Body of a request: as much as a guest can hand over through the other interface.
const REQUEST_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bodies of requests that a run may have under way: they are the host's memory, and a guest that waits for no answer could
/// otherwise leave as many there as it may have handles.
const REQUEST_BODIES_BYTES_MAX: usize = 2 * REQUEST_BODY_BYTES_MAX;
/// Of one write to a body, of which two wait in a request that was not sent: what guests' libraries write at once.
const WRITE_BYTES_MAX: usize = 4 * 1024;
/// Client libraries set it by themselves; the host decodes and sets its own.
const ENCODINGS: &str = "accept-encoding";
/// About the bytes that were on the wire, which are not those that the guest is given.
const FRAMING: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];

/// What carries errors of sending a body; here the body was taken in whole before.
type Sending = Box<dyn Future<Output = Result<(), Refused>> + Send>;
type Answer = Result<(::http::Response<WasiBody>, Sending), Refused>;

/// Where wasmtime's implementation of `wasi:http` leaves it to the host.
#[derive(Debug)]
pub(in crate::sandbox) struct Hooks {
    /// None while a plugin describes itself.
    http: Option<Arc<HttpRun>>,
    /// Bytes of bodies under way.
    under_way: Arc<AtomicUsize>,
}

impl Hooks {
    pub(in crate::sandbox) fn new(http: Option<Arc<HttpRun>>) -> Self {
        Self {
            http,
            under_way: Arc::default(),
        }
    }
}

/// A request's part of what is under way. Dropping it gives that back.
#[derive(Debug)]
struct UnderWay {
    all: Arc<AtomicUsize>,
    own: usize,
}

impl UnderWay {
    fn of(hooks: &Hooks) -> Self {
        Self {
            all: Arc::clone(&hooks.under_way),
            own: 0,
        }
    }

    fn add(&mut self, bytes: usize) -> Result<(), Refused> {
        self.own += bytes;
        let all = self.all.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.own > REQUEST_BODY_BYTES_MAX {
            return Err(Refused::HttpRequestBodySize(Some(REQUEST_BODY_BYTES_MAX as u64)));
        }
        if all > REQUEST_BODIES_BYTES_MAX {
            return Err(Refused::InternalError(Some(format!(
                "over a limit: the bodies of this run's requests under way are larger than {} MiB together; send fewer of them \
                 at once",
                REQUEST_BODIES_BYTES_MAX / (1024 * 1024)
            ))));
        }
        Ok(())
    }

    /// What was kept is not any more.
    fn clear(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
        self.own = 0;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.clear();
    }
}

impl WasiHttpHooks for Hooks {
    /// It is made from the URL.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        WRITE_BYTES_MAX
    }

    fn send_request(
        &mut self,
        request: ::http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Sending,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let http = self.http.clone();
        let mut under_way = UnderWay::of(self);
        Box::new(async move {
            let http = http.ok_or(Refused::HttpRequestDenied)?;
            let request = read(request, options, &mut under_way).await.inspect_err(|refused| {
                if is_limit(refused) {
                    http.count_oversized();
                }
            })?;
            match http.send(request).await {
                Ok(answer) => written(answer),
                Err(failure) => Err(refused(failure)),
            }
        })
    }
}

/// Of what ends a body: a limit, not the guest.
const fn is_limit(refused: &Refused) -> bool {
    matches!(refused, Refused::HttpRequestBodySize(_) | Refused::InternalError(_))
}

async fn read(
    request: ::http::Request<WasiBody>,
    options: Option<RequestOptions>,
    under_way: &mut UnderWay,
) -> Result<Request, Refused> {
    let (head, body) = request.into_parts();
    let bytes = taken(body, under_way).await?;
    let headers = head.headers.iter().filter(|(name, _)| name.as_str() != ENCODINGS);
    Ok(Request {
        method: head.method.as_str().to_owned(),
        // Text again: what is asked for is what the policy reads in it.
        url: head.uri.to_string(),
        headers: headers
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
        body: bytes,
        timeout: options.and_then(timeout),
        ..Request::default()
    })
}

/// To its end, also where it is too large.
async fn taken(mut body: WasiBody, under_way: &mut UnderWay) -> Result<Vec<u8>, Refused> {
    let mut taken = Ok(Vec::new());
    while let Some(frame) = body.frame().await {
        // Trailers are for nobody: the other interface has none.
        let Ok(data) = frame?.into_data() else { continue };
        let Ok(bytes) = &mut taken else { continue };
        match under_way.add(data.len()) {
            Ok(()) => bytes.extend_from_slice(&data),
            Err(refused) => {
                under_way.clear();
                taken = Err(refused);
            }
        }
    }
    taken
}

/// One clock instead of three: answers come whole.
fn timeout(options: RequestOptions) -> Option<Duration> {
    let first_byte = options.first_byte_timeout?;
    Some(first_byte + options.connect_timeout.unwrap_or_default() + options.between_bytes_timeout.unwrap_or_default())
}

fn written(answer: Response) -> Answer {
    if answer.body_truncated {
        return Err(Refused::HttpResponseBodySize(Some(answer.body.len() as u64)));
    }
    let mut written = ::http::Response::builder().status(answer.status);
    for (name, value) in answer
        .headers
        .iter()
        .filter(|(name, _)| !FRAMING.contains(&name.as_str()))
    {
        // One that held a secret is no name any more.
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            written = written.header(name, &value[..]);
        }
    }
    let body = Full::new(Bytes::from(answer.body))
        .map_err(Refused::from)
        .boxed_unsync();
    let written = written.body(body).map_err(|_| Refused::HttpProtocolError)?;
    Ok((written, Box::new(async { Ok(()) })))
}

fn refused(failure: Failure) -> Refused {
    match failure.error {
        Error::Denied(_) => Refused::HttpRequestDenied,
        Error::Invalid(_) => Refused::HttpRequestUriInvalid,
        Error::Resolve(why) => Refused::DnsError {
            rcode: Some(why),
            info_code: None,
        },
        Error::Connect(_) => Refused::ConnectionRefused,
        Error::Tls(_) => Refused::TlsCertificateError,
        Error::Timeout(Phase::Resolve) => Refused::DnsTimeout,
        Error::Timeout(Phase::Connect | Phase::Tls) => Refused::ConnectionTimeout,
        Error::Timeout(Phase::Processing) => Refused::HttpResponseTimeout,
        Error::Timeout(Phase::Transfer) => Refused::ConnectionReadTimeout,
        Error::Protocol(_) => Refused::HttpProtocolError,
        Error::Limit(why) | Error::Exhausted(why) => Refused::InternalError(Some(why)),
    }
}

#[cfg(test)]
mod tests;
