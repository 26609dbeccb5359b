//! What applications push: `[source.NAME]` and `[heartbeat.NAME]`.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use crate::{metric::LabelName, secret::Secret};

/// `[source.NAME]`: an application that reports errors and transactions the way Sentry's SDKs do. Two equal ones need no restart of what
/// is known of it: `location` does not count.
#[derive(Clone, Debug)]
pub struct EventSource {
    /// NAME.
    pub name: Arc<str>,
    /// What stands at the end of the DSN.
    pub project: u64,
    /// Public keys of DSNs. Several while one is replaced; never none. No other source of the project has one of them.
    pub keys: Vec<Secret>,
    /// Sites whose pages may report from browsers.
    pub origins: Vec<Origin>,
    /// Forwarders that are handed what it sends.
    pub receivers: Vec<Arc<str>>,
    /// What it may send.
    pub limits: EventLimits,
    /// What is blanked in what it sends.
    pub scrub: Scrub,
    /// Where it stands, for messages.
    pub location: String,
}

impl PartialEq for EventSource {
    fn eq(&self, other: &Self) -> bool {
        // Taken apart, so that a new field cannot be forgotten here.
        let Self {
            name,
            project,
            keys,
            origins,
            receivers,
            limits,
            scrub,
            location: _,
        } = self;
        *name == other.name
            && *project == other.project
            && *keys == other.keys
            && *origins == other.origins
            && *receivers == other.receivers
            && *limits == other.limits
            && *scrub == other.scrub
    }
}

/// `limits` of a source. None of them is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLimits {
    /// Envelopes a second, on average.
    pub envelopes_per_second: u32,
    /// Bytes a second, decompressed, on average.
    pub bytes_per_second: u64,
    /// Label sets of what is derived.
    pub series: usize,
}

impl Default for EventLimits {
    /// An application with a hundred requests a second, of which a share is reported, and room for a bad minute.
    fn default() -> Self {
        Self {
            envelopes_per_second: 50,
            bytes_per_second: 1 << 20,
            series: 1_000,
        }
    }
}

/// `scrub` of a source: what is blanked besides credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scrub {
    /// Addresses of e-mail.
    pub emails: bool,
    /// IP addresses.
    pub ips: bool,
    /// Bodies of requests.
    pub bodies: bool,
}

impl Default for Scrub {
    /// All of it, as SDKs do that were not told to send what is personal.
    fn default() -> Self {
        Self {
            emails: true,
            ips: true,
            bodies: true,
        }
    }
}

/// A site, as browsers name it in `Origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `*`: any.
    Any,
    /// `https://shop.example.com`, in lower case, with its port unless that is the scheme's own.
    Exact(String),
    /// `https://*.example.com`: every name below this one, and not itself.
    Below {
        /// `https://`.
        scheme: String,
        /// `.example.com`, with its port.
        suffix: String,
    },
}

impl Origin {
    /// Whether a page of this origin is meant. `origin` is what a browser sent.
    pub fn admits(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => origin.eq_ignore_ascii_case(exact),
            Self::Below { scheme, suffix } => {
                let lower = origin.to_ascii_lowercase();
                let name = lower
                    .strip_prefix(scheme.as_str())
                    .and_then(|rest| rest.strip_suffix(suffix.as_str()));
                name.is_some_and(|name| !name.is_empty() && !name.contains(['/', '@', ':']))
            }
        }
    }
}

/// As it is written.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(exact) => f.write_str(exact),
            Self::Below { scheme, suffix } => write!(f, "{scheme}*{suffix}"),
        }
    }
}

/// `[heartbeat.NAME]`: something that says by itself that it lives, and is missed when it does not. Two equal ones go on as they are:
/// `location` does not count.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// NAME. It is shown as a check of that name, and no check has it.
    pub name: Arc<str>,
    /// Between two beats. Not zero.
    pub interval: Duration,
    /// How much later one may come. May be zero.
    pub grace: Duration,
    /// Whoever has one of them may send it. None: it takes a token of `[access] push`, where there are tokens.
    pub keys: Vec<Secret>,
    /// For people; "" when there is none.
    pub description: String,
    /// Put on each of its samples.
    pub labels: BTreeMap<LabelName, String>,
    /// Whether overall health is critical when it is missed; otherwise degraded only. Default true.
    pub required: bool,
    /// Where it stands, for messages.
    pub location: String,
}

impl PartialEq for Heartbeat {
    fn eq(&self, other: &Self) -> bool {
        // Taken apart, so that a new field cannot be forgotten here.
        let Self {
            name,
            interval,
            grace,
            keys,
            description,
            labels,
            required,
            location: _,
        } = self;
        *name == other.name
            && *interval == other.interval
            && *grace == other.grace
            && *keys == other.keys
            && *description == other.description
            && *labels == other.labels
            && *required == other.required
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_meant_as_a_whole() {
        let exact = Origin::Exact("https://shop.example.com".to_owned());
        assert!(exact.admits("https://shop.example.com") && exact.admits("HTTPS://Shop.example.com"));
        for other in [
            "http://shop.example.com",
            "https://shop.example.com:8443",
            "https://shop.example.com.evil.example",
            "null",
            "",
        ] {
            assert!(!exact.admits(other), "{other}");
            assert!(Origin::Any.admits(other));
        }
    }

    #[test]
    fn names_below_a_name_are_meant_and_it_is_not() {
        let below = Origin::Below {
            scheme: "https://".to_owned(),
            suffix: ".example.com".to_owned(),
        };
        assert!(below.admits("https://a.example.com") && below.admits("https://a.b.example.com"));
        for other in [
            "https://example.com",
            "https://.example.com",
            "https://evilexample.com",
            "http://a.example.com",
            "https://evil.example/.example.com",
            "https://evil@a.example.com",
            "https://a.example.com:8443",
        ] {
            assert!(!below.admits(other), "{other}");
        }
        assert_eq!(below.to_string(), "https://*.example.com");
    }
}
