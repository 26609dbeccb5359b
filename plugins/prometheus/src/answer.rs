//! From an answer to an exposition, or to why there is none.

use std::time::Duration;

use bellwether_sdk::{
    Code,
    http::{Error, Failure, Response, reason},
    work::{Cost, Work},
};

use crate::{
    exposition::{Exposition, Format, ParseError, parse},
    settings::{BODY_BYTES_MAX, FormatSetting, Settings},
    verdict::{
        DENIED, EMPTY, FORMAT, LIMIT, MALFORMED, NOT_ASKED, NOT_FOUND, NOT_READ, REFUSED, STATUS, TIMEOUT, UNREACHABLE,
    },
};

/// What a byte of text takes to read. Measured in the sandbox, with lines that are a family each: 150 ns; with ordinary ones: 60.
const READING: Cost = Cost::nanoseconds(160);

/// One good answer.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) exposition: Exposition,
    pub(crate) latency: Duration,
    pub(crate) body_bytes: usize,
}

/// Why a target gave nothing.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: &'static Code,
    pub(crate) summary: String,
    pub(crate) latency: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(code: &'static Code, summary: impl Into<String>) -> Self {
        Self {
            code,
            summary: summary.into(),
            latency: None,
        }
    }
}

/// Reads no more than `work` allows.
pub(crate) fn read(
    answer: Result<Response, Box<Failure>>,
    settings: &Settings,
    work: &Work,
) -> Result<Scrape, Refusal> {
    let response = answer.map_err(|failure| failed(&failure))?;
    let latency = Duration::from_nanos(response.phases.total_ns);
    read_response(&response, settings, work)
        .map(|exposition| Scrape {
            exposition,
            latency,
            body_bytes: response.body.len(),
        })
        .map_err(|refusal| Refusal {
            latency: Some(latency),
            ..refusal
        })
}

fn failed(failure: &Failure) -> Refusal {
    let was_asked = failure.remote_address.is_some() || failure.redirects > 0;
    let code = match failure.error {
        Error::Denied(_) => &DENIED,
        Error::Timeout(_) => &TIMEOUT,
        // The run had no more of something before there was anybody to ask.
        Error::Limit(_) | Error::Exhausted(_) if !was_asked => &NOT_ASKED,
        Error::Exhausted(_) => &NOT_READ,
        // Heads, bodies and redirects without end.
        Error::Limit(_) => &LIMIT,
        Error::Invalid(_) | Error::Resolve(_) | Error::Connect(_) | Error::Tls(_) | Error::Protocol(_) => &UNREACHABLE,
    };
    Refusal::new(code, reason(&failure.error))
}

fn read_response(response: &Response, settings: &Settings, work: &Work) -> Result<Exposition, Refusal> {
    status(response.status)?;
    if response.body_truncated {
        return Err(Refusal::new(&LIMIT, too_long(settings.maximum.body_bytes)));
    }
    let format = format(response.header("content-type"), settings.format)?;
    let bytes = response.body.len();
    let no_time = || Refusal::new(&NOT_READ, no_time(&format!("a text of {bytes} bytes")));
    let read = work.perform(bytes, READING, || understood(&response.body, format, settings));
    let exposition = read.ok_or_else(no_time)??;
    if exposition.samples == 0 {
        return Err(Refusal::new(&EMPTY, "the answer holds no samples"));
    }
    Ok(exposition)
}

fn understood(body: &[u8], format: Format, settings: &Settings) -> Result<Exposition, Refusal> {
    let text = std::str::from_utf8(body).map_err(|error| not_text(body, &error))?;
    let most = usize::try_from(settings.maximum.samples).unwrap_or(usize::MAX);
    parse(text, format, most).map_err(|error| malformed(&error, text))
}

/// In the run, after the targets that stand before this one in the settings.
pub(crate) fn no_time(what: &str) -> String {
    format!("this run has no time left for {what}: give it a check of its own, or have it serve less")
}

/// With what can be done about it: from a certain length on nothing here can.
fn too_long(most: u32) -> String {
    let mend = if most < BODY_BYTES_MAX {
        "raise `maximum.body_bytes`"
    } else {
        "no more is kept of an answer, so have the exporter serve less, or in parts, each a target"
    };
    format!("the text is longer than {most} bytes: {mend}")
}

fn status(status: u16) -> Result<(), Refusal> {
    let (code, hint) = match status {
        200..=299 => return Ok(()),
        401 | 403 => (&REFUSED, ": it wants other credentials than the connection has"),
        404 => (&NOT_FOUND, ": are its metrics under another path?"),
        300..=399 => (&STATUS, ": a redirect that was not followed"),
        _ => (&STATUS, ""),
    };
    Err(Refusal::new(code, format!("answered {status}{hint}")))
}

fn format(content_type: Option<&str>, setting: FormatSetting) -> Result<Format, Refusal> {
    let media = content_type
        .and_then(|value| value.split(';').next())
        .unwrap_or("text/plain")
        .trim();
    match setting {
        FormatSetting::Text => return Ok(Format::Text),
        FormatSetting::OpenMetrics => return Ok(Format::OpenMetrics),
        FormatSetting::Auto => {}
    }
    match media.to_ascii_lowercase().as_str() {
        "application/openmetrics-text" => Ok(Format::OpenMetrics),
        "text/plain" | "" => Ok(Format::Text),
        other => Err(Refusal::new(
            &FORMAT,
            format!("answered {other}, which is no text format of metrics: another path? Or set `format`"),
        )),
    }
}

fn not_text(body: &[u8], error: &std::str::Utf8Error) -> Refusal {
    let before = &body[..error.valid_up_to()];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    Refusal::new(&MALFORMED, format!("line {line} is not UTF-8"))
}

/// With the beginning of the line, so that a person finds it.
fn malformed(error: &ParseError, text: &str) -> Refusal {
    /// Characters that are shown.
    const SHOWN: usize = 60;
    let line = text.split('\n').nth(error.line.saturating_sub(1)).unwrap_or_default();
    let shown: String = line.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let code = if error.too_many { &LIMIT } else { &MALFORMED };
    Refusal::new(code, format!("{error}, in `{shown}`"))
}
