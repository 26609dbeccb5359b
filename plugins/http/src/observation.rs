//! What was seen of a target, whether it answered or failed on the way.

use std::time::Duration;

use bellwether_sdk::http::{Certificate, Error, Failure, Phases, Response, Tls};

/// Of the last hop, as far as it came.
#[derive(Debug)]
pub(crate) struct Observation {
    /// Why there is no whole answer.
    pub(crate) error: Option<Error>,
    pub(crate) status: Option<u16>,
    /// Where the last redirect led.
    pub(crate) url: String,
    pub(crate) redirects: u8,
    pub(crate) phases: Phases,
    pub(crate) tls: Option<Tls>,
    /// Address and port.
    pub(crate) remote: Option<String>,
    /// None when it failed.
    pub(crate) answer: Option<Answer>,
}

/// What only a whole answer has.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) http_version: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) body_truncated: bool,
}

impl Observation {
    pub(crate) fn new(answer: Result<Response, Box<Failure>>) -> Self {
        match answer {
            Ok(response) => Self::answered(response),
            Err(failure) => Self::failed(*failure),
        }
    }

    fn answered(response: Response) -> Self {
        Self {
            error: None,
            status: Some(response.status),
            url: response.url,
            redirects: response.redirects,
            phases: response.phases,
            tls: response.tls,
            remote: Some(response.remote_address),
            answer: Some(Answer {
                http_version: response.http_version,
                headers: response.headers,
                body: response.body,
                body_truncated: response.body_truncated,
            }),
        }
    }

    fn failed(failure: Failure) -> Self {
        Self {
            error: Some(failure.error),
            status: failure.status,
            url: failure.url,
            redirects: failure.redirects,
            phases: failure.phases,
            tls: failure.tls,
            remote: failure.remote_address,
            answer: None,
        }
    }

    /// What was kept of the body; nothing when it failed.
    pub(crate) fn body(&self) -> &[u8] {
        self.answer.as_ref().map_or(&[], |answer| &answer.body)
    }

    /// All hops and waiting included.
    pub(crate) fn latency(&self) -> Duration {
        Duration::from_nanos(self.phases.total_ns)
    }

    /// The phases that happened, in their order, by the words of blackbox_exporter.
    pub(crate) fn phases(&self) -> impl Iterator<Item = (&'static str, Duration)> {
        let Phases {
            resolve_ns,
            connect_ns,
            tls_ns,
            processing_ns,
            transfer_ns,
            total_ns: _,
        } = self.phases;
        let all = [
            ("resolve", resolve_ns),
            ("connect", connect_ns),
            ("tls", tls_ns),
            ("processing", processing_ns),
            ("transfer", transfer_ns),
        ];
        all.into_iter()
            .filter_map(|(name, nanoseconds)| Some((name, Duration::from_nanos(nanoseconds?))))
    }

    /// 4 or 6.
    pub(crate) fn ip_protocol(&self) -> Option<u8> {
        let remote = self.remote.as_deref().filter(|remote| !remote.is_empty())?;
        let six = remote.starts_with('[') || remote.matches(':').count() > 1;
        Some(if six { 6 } else { 4 })
    }

    /// Whether the last hop came through its handshake.
    pub(crate) fn used_tls(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| !tls.version.is_empty())
    }

    /// The certificate of what was sent that ends first.
    pub(crate) fn first_to_expire(&self) -> Option<&Certificate> {
        let chain = &self.tls.as_ref()?.chain;
        chain.iter().min_by_key(|certificate| certificate.not_after_unix)
    }
}

impl Answer {
    /// Every value of that header that is text.
    pub(crate) fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self
            .headers
            .iter()
            .filter(|(header, _)| header.eq_ignore_ascii_case(name));
        named.filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// As the target states it; the host takes the header away from what it decompresses.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.header("content-length").next()?.trim().parse().ok()
    }

    /// Decompressed; none when it was cut off, for its whole length is not known then.
    pub(crate) fn body_bytes(&self) -> Option<usize> {
        (!self.body_truncated).then_some(self.body.len())
    }

    /// Unix time of `Last-Modified`.
    pub(crate) fn last_modified(&self) -> Option<u64> {
        let time = httpdate::parse_http_date(self.header("last-modified").next()?).ok()?;
        let since = time.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?;
        Some(since.as_secs())
    }
}
