//! From an HTTP answer to its content, or to what is wrong with it.
//!
//! Pure. It knows HTTP and where servers put their reasons; what a healthy answer holds is the business of the targets.

use std::time::Duration;

use bellwether_sdk::{
    Code,
    http::{Error, Failure, Response, reason},
    json::Unread,
};
use serde_json::Value;

use crate::{
    code,
    finding::{Finding, beginning, one_line},
    json, pointer,
};

/// An answer, or why there is none.
pub(crate) type Answer = Result<Response, Box<Failure>>;

/// Characters of a server's reason. A Python exception's last line fits.
const REASON_CHARS_MAX: usize = 240;

/// Bytes of an answer that is no JSON in which its first words are looked for.
const START_BYTES: usize = 1024;

/// Where servers put their reasons: `error` (KServe v2, Triton, TensorFlow Serving, Text Embeddings Inference), `message`
/// (TorchServe, MLflow, Meilisearch), `detail` (FastAPI, Airflow, vLLM), `error.message` (OpenAI's form), `status.error` (Qdrant),
/// `errors` (GraphQL), `title` (RFC 9457).
const REASONS: [&str; 8] = [
    "/error/message",
    "/status/error",
    "/error",
    "/message",
    "/detail",
    "/detail/*/msg",
    "/errors/*/message",
    "/title",
];

/// Why nothing at all could be sent, when that is so: then nobody can tell how any target is.
pub(crate) fn all_denied(answers: &[Answer]) -> Option<&str> {
    let reasons: Option<Vec<&str>> = answers.iter().map(denied).collect();
    reasons?.first().copied()
}

fn denied(answer: &Answer) -> Option<&str> {
    match &answer.as_ref().err()?.error {
        Error::Denied(reason) => Some(reason),
        _ => None,
    }
}

/// The response, whatever its status.
pub(crate) fn arrived(answer: &Answer) -> Result<&Response, Finding> {
    answer.as_ref().map_err(|failure| {
        let said = one_line(&reason(&failure.error), REASON_CHARS_MAX);
        match &failure.error {
            Error::Denied(_) => Finding::unknown(code::NOT_GRANTED, said),
            Error::Invalid(_) => Finding::unknown(code::UNREADABLE, said),
            Error::Limit(_) if was_asked(failure) => Finding::critical(code::BODY_TOO_LARGE, said),
            Error::Limit(_) | Error::Exhausted(_) => Finding::unknown(code::NOT_ASKED, said),
            Error::Resolve(_) | Error::Connect(_) | Error::Protocol(_) => Finding::critical(code::UNREACHABLE, said),
            Error::Tls(_) => Finding::critical(code::TLS_FAILED, said),
            Error::Timeout(_) => Finding::critical(code::TIMED_OUT, said),
        }
    })
}

/// Heads and bodies without end are the server's own.
fn was_asked(failure: &Failure) -> bool {
    failure.remote_address.is_some() || failure.redirects > 0
}

/// The response, when its status is one of success. Otherwise `otherwise` is the code, unless the status has a meaning of
/// its own; 404 is `unknown` to the server.
pub(crate) fn succeeded<'a>(
    answer: &'a Answer,
    what: &str,
    unknown: Code,
    otherwise: Code,
) -> Result<&'a Response, Finding> {
    let response = arrived(answer)?;
    let text = || status_text(response, what);
    match response.status {
        200..=299 => whole(response),
        401 | 403 => Err(Finding::unknown(code::UNAUTHORIZED, text())),
        404 => Err(Finding::critical(unknown, text())),
        400 if own_reason(response).is_some_and(|reason| means_unknown(&reason)) => {
            Err(Finding::critical(unknown, text()))
        }
        429 => Err(Finding::warning(code::OVERLOADED, text())),
        _ => Err(Finding::critical(otherwise, text())),
    }
}

/// Whether it is the system itself that answers: all of those that list runs say with JSON what is wrong.
pub(crate) fn in_own_words(answer: &Answer) -> bool {
    answer
        .as_ref()
        .is_ok_and(|response| response.body.trim_ascii_start().starts_with(b"{"))
}

/// A body that goes on where the host stops reading may never end, and what is missing may be what matters.
pub(crate) fn whole(response: &Response) -> Result<&Response, Finding> {
    if response.body_truncated {
        let text = "the answer is longer than the 1 MiB that the host keeps of one: ask for less of it, by its path or its body";
        return Err(Finding::critical(code::BODY_TOO_LARGE, text));
    }
    Ok(response)
}

/// MLflow and Triton answer 400 to a name that they do not know, as to everything that is wrong with a request.
fn means_unknown(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    ["not found", "unknown model"]
        .iter()
        .any(|words| reason.contains(words))
}

/// `two_tower_768: HTTP 503: no worker`.
pub(crate) fn status_text(response: &Response, what: &str) -> String {
    match own_reason(response) {
        Some(reason) => format!("{what}: HTTP {}: {reason}", response.status),
        None => format!("{what}: HTTP {}", response.status),
    }
}

/// What of a body is shown can only stand there.
fn start_of(body: &[u8]) -> &[u8] {
    &body[..body.len().min(START_BYTES)]
}

/// How much was kept.
pub(crate) fn body_bytes(answer: &Answer) -> usize {
    answer.as_ref().map_or(0, |response| response.body.len())
}

/// Why a piece of work was left out.
pub(crate) fn not_judged(response: &Response) -> Finding {
    let text = format!("this run has no time left to look into {} bytes", response.body.len());
    Finding::unknown(code::NOT_JUDGED, text)
}

/// The content as JSON.
pub(crate) fn document(response: &Response) -> Result<Value, Finding> {
    whole(response)?;
    json::parse(&response.body).map_err(|error| {
        match error {
            Unread::Invalid(_) => {}
            Unread::TooLarge(_) => return Finding::critical(code::BODY_TOO_LARGE, error.to_string()),
            Unread::NoRoom(_) | Unread::NoTime(_) => return Finding::unknown(code::NOT_JUDGED, error.to_string()),
        }
        let start = one_line(&String::from_utf8_lossy(start_of(&response.body)), 60);
        let text = format!("the answer is not JSON ({error}), it begins with `{start}`");
        Finding::critical(code::UNREADABLE, text)
    })
}

/// What the server itself says is wrong: a field of its JSON, or its text when that is no web page.
pub(crate) fn own_reason(response: &Response) -> Option<String> {
    let said = match json::parse(&response.body) {
        Ok(document) => REASONS.iter().find_map(|at| pointer::text(&document, at)),
        Err(Unread::Invalid(_)) => plain_text(response),
        // The status says enough.
        Err(_) => None,
    }?;
    Some(one_line(&said, REASON_CHARS_MAX)).filter(|line| !line.is_empty())
}

fn plain_text(response: &Response) -> Option<String> {
    let text = std::str::from_utf8(&response.body).ok()?;
    let text = beginning(text);
    (!text.trim_start().starts_with('<')).then(|| text.to_owned())
}

/// From the request to the end of the answer.
pub(crate) fn took(response: &Response) -> Duration {
    Duration::from_nanos(response.phases.total_ns)
}

#[cfg(test)]
mod tests {
    use bellwether_sdk::{Status, http::Phase};

    use super::*;
    use crate::tests::fixture::{failure, response};

    fn found(answer: &Answer) -> (Status, &'static str, String) {
        let finding = succeeded(answer, "m", code::MODEL_NOT_FOUND, code::SERVER_NOT_READY).unwrap_err();
        (finding.status, finding.code.name(), finding.text)
    }

    #[test]
    fn every_kind_of_failure_has_a_code() {
        let of = |error| found(&Err(failure(error)));
        assert_eq!(of(Error::Denied("grant it".into())).1, "not_granted");
        assert_eq!(of(Error::Connect("refused".into())).1, "unreachable");
        assert_eq!(of(Error::Resolve("no such name".into())).1, "unreachable");
        assert_eq!(of(Error::Protocol("no".into())).1, "unreachable");
        assert_eq!(of(Error::Tls("expired".into())).1, "tls_failed");
        assert_eq!(of(Error::Timeout(Phase::Connect)).1, "timed_out");
        assert_eq!(
            found(&Err(failure(Error::Exhausted("waited for a free seat".into())))).1,
            "not_asked",
            "nobody knows how the server is"
        );
    }

    #[test]
    fn a_status_has_a_meaning_and_the_servers_reason_is_said() {
        let of = |status, body: &str| found(&Ok(response(status, body)));
        assert_eq!(of(401, ""), (Status::Unknown, "unauthorized", "m: HTTP 401".into()));
        assert_eq!(of(404, r#"{"error":"no model"}"#).2, "m: HTTP 404: no model");
        assert_eq!(of(404, "").1, "model_not_found");
        assert_eq!(
            of(400, r#"{"error":"Request for unknown model: 'm' is not found"}"#).1,
            "model_not_found"
        );
        assert_eq!(of(400, r#"{"error":"unexpected shape"}"#).1, "server_not_ready");
        assert_eq!(of(429, r#"{"error":"Model is overloaded"}"#).0, Status::Warning);
        assert_eq!(
            of(500, "<html>oops"),
            (Status::Critical, "server_not_ready", "m: HTTP 500".into())
        );
        assert_eq!(of(503, "starting\n").2, "m: HTTP 503: starting");
        assert_eq!(
            of(422, r#"{"detail":[{"msg":"field required"}]}"#).2,
            "m: HTTP 422: field required"
        );
    }

    #[test]
    fn an_answer_without_an_end_is_the_servers_fault_however_it_comes() {
        let pieces = Failure {
            status: Some(200),
            remote_address: Some("127.0.0.1:8000".into()),
            ..*failure(Error::Limit(
                "while reading the body: it comes in more than 32768 pieces".into(),
            ))
        };
        let (status, code, said) = found(&Err(Box::new(pieces)));
        assert_eq!((status, code), (Status::Critical, "body_too_large"), "{said}");
        let full = Failure {
            status: Some(200),
            remote_address: Some("127.0.0.1:8000".into()),
            ..*failure(Error::Exhausted(
                "while reading the body: all bodies of this run are larger than 32 MiB together".into(),
            ))
        };
        let (status, code, said) = found(&Err(Box::new(full)));
        assert_eq!((status, code), (Status::Unknown, "not_asked"), "{said}");
    }

    #[test]
    fn an_answer_that_was_cut_off_is_not_judged() {
        let mut cut = response(200, "[1");
        cut.body_truncated = true;
        let finding = document(&cut).unwrap_err();
        assert_eq!((finding.status, finding.code), (Status::Critical, code::BODY_TOO_LARGE));
        assert!(
            !finding.text.contains("limits"),
            "no limit of a check raises it: {}",
            finding.text
        );
        let found = found(&Ok(cut)).1;
        assert_eq!(found, "body_too_large", "whether or not anybody looks into it");
        let page = document(&response(200, "<html>")).unwrap_err();
        assert!(page.text.contains("<html>"), "{}", page.text);
    }
}
