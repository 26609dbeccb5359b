//! Why a push is not taken: in words, as a label, and as what Sentry's SDKs understand. Pure.

use std::time::Duration;

use super::{
    body::{BODY_BYTES_MAX, BodyError},
    envelope::EnvelopeError,
    source::Refusal,
};

/// When to come back to a host that has too much to do.
const BUSY_SECONDS: u64 = 5;

/// Why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No source has this project.
    #[error("no source has the project {0}; sources are [source.NAME] in the host's configuration")]
    UnknownProject(u64),
    /// Nothing says who it is.
    #[error(
        "there is no key: send `X-Sentry-Auth`, `?sentry_key=`, or `dsn` in the headers of the envelope, as SDKs do"
    )]
    NoKey,
    /// Another key.
    #[error("no source of this project has this key")]
    WrongKey,
    /// A page of a site that is not named.
    #[error("pages of this origin may not report here: `origins` of the source does not name it")]
    Origin,
    /// A page of another site, where no pages are answered.
    #[error("pages of other sites may report to `[host] push_listen` only")]
    CrossSite,
    /// Packed in a way that is not undone here.
    #[error("this content-encoding is not taken; gzip, deflate and br are")]
    Packing,
    /// As it came.
    #[error("the body is too long; at most {BODY_BYTES_MAX} bytes are taken")]
    BodyTooLong,
    /// It did not come in time, or its sender left.
    #[error("the body did not arrive in time")]
    Slow,
    /// What it holds.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// It is no envelope, or breaks a limit of Sentry's.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// More than its source may send.
    #[error("this source sends more than its limits allow; try again in {} s", seconds(.0))]
    TooFast(Duration),
    /// The host has too much to do with the pushes of all.
    #[error("there is too much to do already; try again in {BUSY_SECONDS} s")]
    Busy,
    /// A crash that nobody has seen before could not be kept, so it may not be called taken.
    #[error("what is new in it could not be kept; send it again")]
    NotKept,
    /// SDKs of before 2020.
    #[error("this host takes envelopes, at /api/PROJECT/envelope/; SDKs send them since 2020")]
    Gone,
    /// The host stops.
    #[error("the host is stopping")]
    Stopping,
    /// A bug of ours.
    #[error("a bug of ours; the log says more")]
    Fault,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooFast { retry_after } => Self::TooFast(retry_after),
            Refusal::Malformed(error) => Self::Envelope(error),
        }
    }
}

impl Refused {
    /// Of the answer. Whoever is told 413 drops it and does not try again.
    pub const fn status(&self) -> u16 {
        match self {
            Self::UnknownProject(_) | Self::Body(BodyError::Broken) => 400,
            Self::NoKey => 401,
            Self::WrongKey | Self::Origin | Self::CrossSite => 403,
            Self::Slow => 408,
            Self::Gone => 410,
            Self::BodyTooLong | Self::Body(BodyError::TooLong) => 413,
            Self::Packing => 415,
            Self::Envelope(error) => error.status(),
            Self::TooFast(_) | Self::Busy => 429,
            Self::Fault => 500,
            Self::NotKept | Self::Stopping => 503,
        }
    }

    /// As a label.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::UnknownProject(_) => "unknown_project",
            Self::NoKey => "no_key",
            Self::WrongKey => "wrong_key",
            Self::Origin => "origin",
            Self::CrossSite => "cross_site",
            Self::Packing => "encoding",
            Self::BodyTooLong | Self::Body(BodyError::TooLong) => "too_large",
            Self::Slow => "slow",
            Self::Body(BodyError::Broken) => "malformed",
            Self::Envelope(error) => match error.status() {
                413 => "too_large",
                _ => "malformed",
            },
            Self::TooFast(_) => "rate_limited",
            Self::Busy => "busy",
            Self::NotKept => "not_kept",
            Self::Gone => "gone",
            Self::Stopping => "stopping",
            Self::Fault => "fault",
        }
    }

    /// After how many seconds to come back, where that helps.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooFast(wait) => Some(seconds(wait)),
            Self::Busy | Self::NotKept | Self::Stopping => Some(BUSY_SECONDS),
            _ => None,
        }
    }

    /// What SDKs read to be quiet for a while: a limit on everything.
    pub fn rate_limits(&self) -> Option<String> {
        let wait = self.retry_after().filter(|_| self.status() == 429)?;
        Some(format!("{wait}::organization:bellwether"))
    }
}

/// Whole ones, at least one.
fn seconds(wait: &Duration) -> u64 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    seconds.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_too_fast_hears_when_to_come_back_in_words_that_sdks_know() {
        let refused = Refused::TooFast(Duration::from_millis(2_500));
        assert_eq!((refused.status(), refused.retry_after()), (429, Some(3)));
        assert_eq!(refused.rate_limits().as_deref(), Some("3::organization:bellwether"));
        assert!(refused.to_string().ends_with("try again in 3 s"), "{refused}");
        assert_eq!(Refused::NotKept.rate_limits(), None, "it is to be sent again");
        assert_eq!(Refused::WrongKey.retry_after(), None);
    }

    #[test]
    fn what_is_too_long_is_not_tried_again() {
        let long = [
            Refused::BodyTooLong,
            Refused::Body(BodyError::TooLong),
            Refused::Envelope(EnvelopeError::TooManyItems),
        ];
        assert!(
            long.iter()
                .all(|refused| (refused.status(), refused.as_str()) == (413, "too_large"))
        );
    }
}
