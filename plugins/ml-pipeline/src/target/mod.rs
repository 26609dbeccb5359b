//! Kinds of targets: what each sends, and what it makes of the answers.
//!
//! A kind is one file: its settings, the requests made of them, and a pure judgement of answers. It does not know when it is
//! called, nor of other targets.

pub(crate) mod bases;
pub(crate) mod canary;
pub(crate) mod freshness;
pub(crate) mod readiness;
pub(crate) mod ready;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod scrape;

use bellwether_sdk::{Report, http::Request};

use crate::{answer::Answer, finding::Judgement, memory::Memory, settings::levels::Span, settings::slot::Slot};
use bases::Bases;

/// Where a target is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'s> {
    pub(crate) url: Option<&'s str>,
    pub(crate) connection: Option<Slot>,
    pub(crate) timeout: Option<Span>,
}

/// One request of a target, before it is known where to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ask {
    pub(crate) method: String,
    /// "" or beginning with `/`.
    pub(crate) path: String,
    /// JSON; none: without a body.
    pub(crate) body: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) name: &'a str,
    /// In the order of the asks.
    pub(crate) answers: &'a [Answer],
    /// Seconds since 1970.
    pub(crate) now: f64,
}

/// Something to look at.
pub(crate) trait Target {
    fn place(&self) -> Place<'_>;

    /// What is wrong with the settings, in words that follow the target's name.
    fn problems(&self) -> Vec<String>;

    /// What to send.
    fn asks(&self) -> Result<Vec<Ask>, String>;

    /// How it is. Adds metrics to the report, and nothing else.
    fn judge(&self, seen: &Seen<'_>, memory: &mut Memory, report: &mut Report) -> Judgement;
}

/// A target with its kind and name.
#[derive(Clone, Copy)]
pub(crate) struct Named<'s> {
    pub(crate) kind: &'static str,
    pub(crate) name: &'s str,
    target: &'s dyn Target,
}

impl<'s> Named<'s> {
    pub(crate) fn new(kind: &'static str, name: &'s str, target: &'s dyn Target) -> Self {
        Self { kind, name, target }
    }

    /// What is wrong with name and settings.
    pub(crate) fn problems(&self) -> Vec<String> {
        let place = self.target.place();
        let both = place.url.is_some() && place.connection.is_some();
        let both = both.then(|| "`url` and `connection` exclude each other".to_owned());
        let named = is_name(self.name);
        let unnamed = (!named).then(|| "a name is made of letters, digits, `_`, `-` and `.`".to_owned());
        both.into_iter().chain(unnamed).chain(self.target.problems()).collect()
    }

    pub(crate) fn requests(&self, bases: &Bases) -> Result<Vec<Request>, String> {
        let place = self.target.place();
        let asks = self.target.asks()?;
        Ok(asks.iter().map(|ask| bases.request(place, ask)).collect())
    }

    pub(crate) fn judge(&self, seen: &Seen<'_>, memory: &mut Memory, report: &mut Report) -> Judgement {
        self.target.judge(seen, memory, report)
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}
