//! One hop: a connection, a request on it, and the answer.
//!
//! Owns the phases `processing` and `transfer`, and when a connection is taken from the pool and put back. Flows in: a
//! step that the policy let through. Flows out: the head of an answer, and then its body. It follows nothing and scrubs
//! nothing.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Request, Response,
    body::Incoming,
    header::{
        ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderValue, LOCATION, PROXY_AUTHORIZATION,
        TRANSFER_ENCODING, USER_AGENT,
    },
};
use url::{Position, Url};

use super::{
    BODY_BYTES_MAX,
    announced::{ANNOUNCEMENTS_MAX, Announced},
    body::{self, End},
    credentials::{self, Filled},
    decode::{self, Cap, Encoding},
    explain,
    message::{Error, Header, Phase, Version},
    redirect::Step,
    run::HttpRun,
    scrub::MARGIN,
    trace::Trace,
    wire::{Route, Wire},
    wishes::Wishes,
};
use crate::{
    capability::{dial::Family, http::policy::headers::header_value},
    clock::Instant,
};

/// Sent unless the guest says otherwise: servers log it, and some refuse requests without.
const AGENT: &str = concat!("bellwether/", env!("CARGO_PKG_VERSION"));

/// One hop to make.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) step: &'a Step,
    pub(super) wishes: &'a Wishes,
    pub(super) fresh: bool,
    pub(super) family: Family,
    pub(super) deadline: Instant,
}

impl Asked<'_> {
    fn route(&self) -> Route {
        let granted = &self.step.granted;
        let (host, port) = Route::place(&granted.url);
        Route {
            connection: Arc::clone(&granted.connection),
            https: granted.url.scheme() == "https",
            host,
            port,
            family: self.family,
            connect_to: self.wishes.connect_to,
            version: self.wishes.version,
            server_name: self.wishes.server_name.clone(),
            bare: self.step.bare,
        }
    }

    /// A request that a server may see twice without harm.
    fn is_repeatable(&self) -> bool {
        matches!(self.step.granted.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }
}

/// A hop whose answer has begun.
#[derive(Debug)]
pub(super) struct Begun {
    wire: Wire,
    route: Route,
    answer: Response<Incoming>,
    at: Instant,
}

impl Begun {
    pub(super) fn status(&self) -> u16 {
        self.answer.status().as_u16()
    }

    pub(super) fn status_and_location(&self) -> (u16, Option<Vec<u8>>) {
        let location = self.answer.headers().get(LOCATION);
        (self.status(), location.map(|value| value.as_bytes().to_vec()))
    }
}

/// An answer, decoded, with whatever is secret still in it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) version: Version,
    pub(super) headers: Vec<Header>,
    pub(super) body: Vec<u8>,
    /// Of those, how many may be shown: a secret that lies across the last of them was not read whole.
    pub(super) shown: usize,
    /// There was more than `body`.
    pub(super) cut: bool,
    pub(super) remote: SocketAddr,
}

/// What goes on the wire, but for how it is addressed.
struct Outgoing {
    method: hyper::Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

impl HttpRun {
    /// Sends and waits for the head of the answer. A connection that was closed while it waited in the pool is replaced,
    /// once, when nothing can have come of the first attempt.
    pub(super) async fn exchange(&self, asked: &Asked<'_>, trace: &mut Trace) -> Result<Begun, Error> {
        let outgoing = self.outgoing(asked)?;
        let route = asked.route();
        let mut fresh = asked.fresh;
        loop {
            let mut wire = self.wire(&route, fresh, asked.deadline, trace).await?;
            trace.phase = Phase::Processing;
            let mut request = addressed(&outgoing, &route, &wire)?;
            let announced = Announced::of(&mut request);
            let began = self.now();
            let sent = tokio::select! {
                sent = wire.send(request) => sent,
                () = announced.too_often() => return Err(trace.ended_by(endless_announcements(), self.now() - began)),
            };
            if let (Err(_), Some(flooded)) = (&sent, wire.allowance.exceeded()) {
                return Err(trace.ended_by(flooded, self.now() - began));
            }
            match sent {
                Ok(answer) => {
                    let at = self.now();
                    trace.phases.processing = Some(at - began);
                    trace.phase = Phase::Transfer;
                    return Ok(Begun {
                        wire,
                        route,
                        answer,
                        at,
                    });
                }
                Err(error) if trace.reused && (error.is_canceled() || asked.is_repeatable()) => {
                    fresh = true;
                    trace.next_hop();
                }
                Err(error) => {
                    let error = explain::hyper(&error, Phase::Processing);
                    return Err(trace.ended_by(error, self.now() - began));
                }
            }
        }
    }

    async fn wire(&self, route: &Route, fresh: bool, deadline: Instant, trace: &mut Trace) -> Result<Wire, Error> {
        while !fresh && let Some(mut wire) = self.shared.pool.take(&self.check, route, self.now()) {
            if wire.is_ready().await {
                trace.reused = true;
                trace.remote = Some(wire.remote);
                trace.session = wire.session.clone();
                return Ok(wire);
            }
        }
        let mut wire = self.shared.connector.connect(route, deadline, trace).await?;
        trace.phase = Phase::Processing;
        if wire.is_ready().await {
            Ok(wire)
        } else {
            Err(Error::Protocol(
                "the server closed the connection before it was asked anything".to_owned(),
            ))
        }
    }

    /// Reads the body and gives the connection back.
    pub(super) async fn finish(
        &self,
        begun: Begun,
        asked: &Asked<'_>,
        keep: usize,
        trace: &mut Trace,
    ) -> Result<Answer, Error> {
        let (head, incoming) = begun.answer.into_parts();
        trace.status = Some(head.status.as_u16());
        let encoding = encoding(&head.headers, asked.wishes.raw_body, self.guarded)?;
        let keep = keep + if self.guarded { MARGIN } else { 0 };
        let whole = asked.wishes.whole_body;
        let most = if whole { keep.max(BODY_BYTES_MAX) } else { keep };
        let read = body::read(incoming, encoding, Cap { keep, most }, &self.bodies).await;
        let ended = self.now();
        let transfer = ended - begun.at;
        let read = read
            .and_then(|read| if whole { read.whole() } else { Ok(read) })
            .map_err(|error| trace.ended_by(begun.wire.allowance.exceeded().unwrap_or(error), transfer))?;
        trace.phases.transfer = Some(transfer);
        let remote = begun.wire.remote;
        if read.end == End::Complete && !asked.fresh {
            self.shared.pool.put(&self.check, begun.route, begun.wire, ended);
        }
        let decoded = encoding != Encoding::Identity && asked.step.granted.method != "HEAD";
        Ok(Answer {
            status: head.status.as_u16(),
            version: version(head.version),
            headers: listed(&head.headers, decoded),
            shown: match read.end {
                End::Crumbs if self.guarded => read.bytes.len().saturating_sub(MARGIN),
                // What is shown at most ends well before it.
                _ => read.bytes.len(),
            },
            body: read.bytes,
            cut: read.cut,
            remote,
        })
    }

    fn outgoing(&self, asked: &Asked<'_>) -> Result<Outgoing, Error> {
        let step = asked.step;
        let granted = &step.granted;
        let connection = &granted.connection;
        let (filled, url) = if step.bare {
            let plain = Filled {
                headers: step.headers.clone(),
                body: step.body.clone(),
            };
            (plain, granted.url.clone())
        } else {
            let now = self.shared.connector.clock.wall();
            let filled = credentials::apply(connection, &step.headers, &step.body, now)?;
            (filled, credentials::with_query(connection, &granted.url)?)
        };
        let method = hyper::Method::from_bytes(granted.method.as_bytes())
            .map_err(|_| Error::Invalid("the method is no word".to_owned()))?;
        Ok(Outgoing {
            method,
            url,
            headers: headers(filled.headers, asked.wishes.raw_body, self.guarded),
            body: Bytes::from(filled.body),
        })
    }
}

fn headers(filled: Vec<(hyper::header::HeaderName, HeaderValue)>, raw_body: bool, guarded: bool) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(filled.len() + 4);
    for (name, value) in filled {
        headers.append(name, value);
    }
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    let offered = HeaderValue::from_static(decode::OFFERED);
    if guarded {
        headers.insert(ACCEPT_ENCODING, offered);
    } else if !raw_body {
        headers.entry(ACCEPT_ENCODING).or_insert(offered);
    }
    headers
}

/// As this connection wants to be spoken to: HTTP/2 and proxies are told the whole URL, a server its path.
fn addressed(outgoing: &Outgoing, route: &Route, wire: &Wire) -> Result<Request<Full<Bytes>>, Error> {
    let url = &outgoing.url;
    let whole = wire.is_http2() || route.speaks_to_proxy();
    let target = if whole {
        url.as_str()
    } else {
        &url[Position::BeforePath..Position::AfterQuery]
    };
    let mut request = Request::builder()
        .method(outgoing.method.clone())
        .uri(target)
        .body(Full::new(outgoing.body.clone()))
        .map_err(|_| Error::Invalid("the URL contains what no request may".to_owned()))?;
    *request.headers_mut() = outgoing.headers.clone();
    if !wire.is_http2() {
        let host = &url[Position::BeforeHost..Position::AfterPort];
        request
            .headers_mut()
            .insert(HOST, header_value(&HOST, host.as_bytes())?);
    }
    let proxy = route.connection.proxy.as_ref().filter(|_| route.speaks_to_proxy());
    if let Some((user, password)) = proxy.and_then(|proxy| proxy.auth.as_ref()) {
        let value = credentials::basic(user, password);
        let mut value = header_value(&PROXY_AUTHORIZATION, value.as_bytes())?;
        value.set_sensitive(true);
        request.headers_mut().insert(PROXY_AUTHORIZATION, value);
    }
    Ok(request)
}

fn endless_announcements() -> Error {
    Error::Limit(format!(
        "the server announces it (status 1xx) more than {ANNOUNCEMENTS_MAX} times and does not send it"
    ))
}

/// How to read the body. What cannot be read cannot be scrubbed.
fn encoding(headers: &HeaderMap, raw_body: bool, guarded: bool) -> Result<Encoding, Error> {
    let said: Vec<_> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if guarded && is_transformed(headers) {
        return Err(Error::Protocol(
            "the body is compressed on the way in a way that was not asked for, so credentials could not be taken out of it".to_owned(),
        ));
    }
    if raw_body || said.is_empty() {
        return Ok(Encoding::Identity);
    }
    let said = String::from_utf8_lossy(&said.join(&b", "[..])).into_owned();
    match Encoding::of(&said) {
        Some(encoding) => Ok(encoding),
        None if guarded => Err(Error::Protocol(
            "the body is encoded in a way that was not asked for, so credentials could not be taken out of it"
                .to_owned(),
        )),
        None => Ok(Encoding::Identity),
    }
}

/// Whether the transfer is more than chunks, which are all that is undone.
fn is_transformed(headers: &HeaderMap) -> bool {
    let all = headers.get_all(TRANSFER_ENCODING).iter();
    let mut codings = all.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    codings.any(|coding| {
        !matches!(
            coding.trim_ascii().to_ascii_lowercase().as_slice(),
            b"chunked" | b"identity" | b""
        )
    })
}

/// Of a decoded body, encoding and length are no longer true.
fn listed(headers: &HeaderMap, decoded: bool) -> Vec<Header> {
    let kept = headers
        .iter()
        .filter(|(name, _)| !(decoded && (*name == CONTENT_ENCODING || *name == CONTENT_LENGTH)));
    kept.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

fn version(version: hyper::Version) -> Version {
    match version {
        hyper::Version::HTTP_09 | hyper::Version::HTTP_10 => Version::Http10,
        hyper::Version::HTTP_2 | hyper::Version::HTTP_3 => Version::Http2,
        _ => Version::Http11,
    }
}
