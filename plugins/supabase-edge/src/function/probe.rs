//! One call of a function in one region: its name, its request, and what its answer means.
//!
//! Pure. Flows in: settings and an answer. Flows out: a request, and an outcome.

use bellwether_sdk::http::{Request, Response};

use crate::{
    classes, expectation,
    finding::{Finding, Outcome},
    ledger::DEFAULT,
    network::{self, Answer},
    platform,
    request::{body, milliseconds, with_headers},
    settings::function::{Function, Mode},
};

/// A function as it is called in one region.
#[derive(Clone, Debug)]
pub(crate) struct Probe<'s> {
    /// NAME in the settings.
    pub(crate) operation: &'s str,
    /// What it is deployed under.
    pub(crate) slug: &'s str,
    /// None: wherever the platform likes.
    pub(crate) region: Option<&'s str>,
    pub(crate) function: &'s Function,
}

impl<'s> Probe<'s> {
    /// One for each region.
    pub(crate) fn of(operation: &'s str, function: &'s Function, regions: &'s [String]) -> Vec<Self> {
        let probe = |region| Self {
            operation,
            slug: function.slug.as_deref().unwrap_or(operation),
            region,
            function,
        };
        let regions = function.regions.as_deref().unwrap_or(regions);
        if regions.is_empty() {
            return vec![probe(None)];
        }
        regions.iter().map(|region| probe(Some(region.as_str()))).collect()
    }

    /// In the order of the labels of all metrics of functions.
    pub(crate) fn labels(&self) -> [&'s str; 3] {
        [self.slug, self.operation, self.region.unwrap_or_default()]
    }

    /// Where it is kept between runs.
    pub(crate) fn key(&self) -> String {
        format!("{}@{}", self.operation, self.region.unwrap_or_default())
    }

    /// What verdicts are about.
    pub(crate) fn target(&self) -> String {
        match self.region {
            Some(region) => format!("function {} in {region}", self.operation),
            None => format!("function {}", self.operation),
        }
    }

    /// A preflight's own headers (`origin`, `access-control-request-method`) are left out on purpose: gateways that know CORS
    /// would answer in the function's place.
    pub(crate) fn request(&self) -> Request {
        let function = self.function;
        let path = format!("functions/v1/{}{}", self.slug, function.path);
        let request = Request {
            method: function.method().as_str().to_owned(),
            body: body(function.body.as_deref(), function.json.as_ref()),
            timeout_ms: Some(milliseconds(function.timeout().duration())),
            max_body_bytes: function.expect.body_bytes,
            ..Request::get(DEFAULT, &path)
        };
        let request = with_headers(request, &function.headers, function.json.is_some());
        match self.region {
            Some(region) => request.header("x-region", region),
            None => request,
        }
    }

    /// What the answer means.
    pub(crate) fn judge(&self, answer: &Answer) -> Outcome {
        let response = answer.as_ref().map_err(|failure| network::finding(failure))?;
        self.served(response)?;
        let expect = &self.function.expect;
        expectation::check(expect, response)?;
        let took = network::latency(&response.phases);
        if let Some(slow) = expectation::slow(expect.latency(), took) {
            return Err(slow);
        }
        self.placed(response)?;
        Ok(format!("{} after {:.3} s", response.status, took.as_secs_f64()))
    }

    /// A status that the settings name is right. Otherwise the platform's word counts first, and then what the mode asks for.
    fn served(&self, response: &Response) -> Result<(), Finding> {
        let expect = &self.function.expect;
        if expect.names(response.status) && !platform::relay_failed(response) {
            return Ok(());
        }
        if let Some(finding) = platform::classify(response) {
            return Err(finding);
        }
        let right = expect.status.is_empty() && self.is_right(response.status);
        if right {
            return Ok(());
        }
        let summary = format!("status {} is not expected", response.status);
        Err(Finding::new(&classes::UNEXPECTED_STATUS, summary))
    }

    /// A function that says 404 to a call without a path lives all the same.
    fn is_right(&self, status: u16) -> bool {
        match self.function.mode {
            Mode::Liveness => (200..500).contains(&status),
            Mode::Invoke => (200..300).contains(&status),
        }
    }

    fn placed(&self, response: &Response) -> Result<(), Finding> {
        let (Some(asked), Some(served)) = (self.region, served_region(response)) else {
            return Ok(());
        };
        if asked == served {
            return Ok(());
        }
        let summary = format!("asked for {asked}, ran in {served}");
        Err(Finding::new(&classes::REGION_MISMATCH, summary))
    }
}

/// Longest value of a header that becomes a label or part of a summary; regions and worker ids are shorter.
const WORD_BYTES_MAX: usize = 64;

/// A header whose value is one plain word.
fn word<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    response
        .header(name)
        .filter(|value| (1..=WORD_BYTES_MAX).contains(&value.len()) && value.bytes().all(plain))
}

/// Where it ran (`guides/functions/regional-invocation`).
pub(crate) fn served_region(response: &Response) -> Option<&str> {
    word(response, "x-sb-edge-region")
}

/// Which worker answered. Hosted projects send it; nothing is promised about it.
pub(crate) fn worker(response: &Response) -> Option<&str> {
    word(response, "x-deno-execution-id")
}
