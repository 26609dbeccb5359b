//! The way to Sentry: what may be sent now, what was lost, and what became of one envelope.
//!
//! Owns two values of the host's state for each kind of news, limits and losses. They are read when a delivery begins and written when it
//! ends. Deliveries of different kinds overlap, so each kind writes its own: a limit that one was told of holds for all of them, and
//! what one lost it reports itself, once. It sends what it is given once; whether a loss is one is its callers' to say.

use bellwether_sdk::{
    context,
    delivery::{self, DeliveryFailure},
    http::{self, Failure, Request, Response},
    log,
    news::Timestamp,
    state,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Settings,
    category::Category,
    envelope::{Envelope, Item, SDK},
    limits::Limits,
    losses::{Loss, Losses},
};

/// The one connection.
pub(crate) const SLOT: &str = "default";

/// Below the connection's URL, which ends in `/api/PROJECT/`.
const PATH: &str = "envelope/";

/// In the host's state, followed by the kind of news. The host reads limits as well.
const LIMITS: &str = "limits.";
const LOSSES: &str = "losses.";

/// Of an answer: an id, or a sentence.
const ANSWER_BYTES_MAX: u32 = 16 * 1024;

/// What Sentry's clients send, with the place for the key that only the host knows.
const AUTH: &str = concat!(
    "Sentry sentry_version=7, sentry_client=bellwether.sentry/",
    env!("CARGO_PKG_VERSION"),
    ", sentry_key={{secret:key}}"
);

/// What a delivery is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Alerts,
    Runs,
    Events,
}

impl News {
    const ALL: [Self; 3] = [Self::Alerts, Self::Runs, Self::Events];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Alerts => "alerts",
            Self::Runs => "runs",
            Self::Events => "events",
        }
    }

    fn key(self, of: &str) -> String {
        format!("{of}{}", self.as_str())
    }
}

/// Why an envelope was not taken.
pub(crate) enum Unsent {
    /// It was answered so: with 4xx or 5xx. Limits in it are noted already.
    Refused(Box<Response>),
    /// It was not answered, or cannot be sent.
    Unanswered(DeliveryFailure),
}

impl Unsent {
    /// What the host makes of it when the content must arrive.
    pub(crate) fn failure(self) -> DeliveryFailure {
        match self {
            Self::Refused(response) => delivery::status_failure(&response),
            Self::Unanswered(failure) => failure,
        }
    }
}

/// See the module.
pub(crate) struct Upstream<'s> {
    settings: &'s Settings,
    news: News,
    now: Timestamp,
    /// Of this kind of news.
    limits: Limits,
    /// What others were told of.
    others: Vec<Limits>,
    losses: Losses,
    known: (Limits, Losses),
}

impl<'s> Upstream<'s> {
    pub(crate) fn open(settings: &'s Settings, news: News) -> Self {
        let limits: Limits = load(&news.key(LIMITS));
        let losses: Losses = load(&news.key(LOSSES));
        let others = News::ALL.into_iter().filter(|other| *other != news);
        Self {
            settings,
            news,
            now: Timestamp::from_system_time(context::scheduled_at()),
            known: (limits.clone(), losses.clone()),
            limits,
            others: others.map(|other| load(&other.key(LIMITS))).collect(),
            losses,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// How long nothing of a category may be sent.
    pub(crate) fn limited(&self, category: Category) -> Option<std::time::Duration> {
        let now = self.now.as_seconds();
        let all = self.others.iter().chain([&self.limits]);
        all.filter_map(|limits| limits.left(category, now)).max()
    }

    /// Something was dropped. It is told with the next envelope, unless the other side takes no reports.
    pub(crate) fn lose(&mut self, loss: Loss, category: Category, quantity: u64) {
        if self.settings.takes("client_report") {
            self.losses.add(loss, category, quantity);
        }
    }

    /// Sends one envelope, and with it what was lost.
    pub(crate) fn send(&mut self, envelope: Envelope) -> Result<Response, Unsent> {
        let nothing = || Unsent::Unanswered(DeliveryFailure::transient("nothing was asked"));
        self.send_all(vec![envelope]).pop().unwrap_or_else(|| Err(nothing()))
    }

    /// Sends some at once, and with the first what was lost. What became of each, in their order.
    pub(crate) fn send_all(&mut self, mut envelopes: Vec<Envelope>) -> Vec<Result<Response, Unsent>> {
        let told = std::mem::take(&mut self.losses);
        if let Some(first) = envelopes.first_mut().filter(|_| !told.is_empty()) {
            let report = Item::new("client_report", &told.report(self.now.as_seconds_f64()));
            first.items.extend(report.ok());
        }
        let sent = self.post(envelopes);
        if sent.first().is_none_or(Result::is_err) {
            self.losses.restore(told);
        }
        sent
    }

    fn post(&mut self, envelopes: Vec<Envelope>) -> Vec<Result<Response, Unsent>> {
        let mut requests = Vec::new();
        let mut unwritten = Vec::new();
        for envelope in envelopes {
            match envelope.write(self.now) {
                Ok(body) => {
                    requests.push(request(body));
                    unwritten.push(None);
                }
                Err(why) => unwritten.push(Some(why)),
            }
        }
        let mut answers = http::send_all(&requests).into_iter();
        let ended = unwritten.into_iter().filter_map(|unwritten| match unwritten {
            Some(why) => Some(Err(Unsent::Unanswered(DeliveryFailure::permanent(why)))),
            None => Some(self.judge(answers.next()?)),
        });
        ended.collect()
    }

    fn judge(&mut self, answer: Result<Response, Box<Failure>>) -> Result<Response, Unsent> {
        let response = answer.map_err(|failure| Unsent::Unanswered(failure.into()))?;
        self.limits.note(&response, self.now.as_seconds());
        match response.status {
            200..=299 => Ok(response),
            _ => Err(Unsent::Refused(Box::new(response))),
        }
    }

    /// Keeps what must last.
    pub(crate) fn close(mut self) {
        self.limits.prune(self.now.as_seconds());
        if self.limits != self.known.0 {
            save(&self.news.key(LIMITS), &self.limits);
        }
        if self.losses != self.known.1 {
            save(&self.news.key(LOSSES), &self.losses);
        }
    }
}

fn request(body: Vec<u8>) -> Request {
    let mut request = Request::post(SLOT, PATH, body)
        .header("content-type", "application/x-sentry-envelope")
        .header("user-agent", &format!("{SDK}/{}", env!("CARGO_PKG_VERSION")))
        .header("x-sentry-auth", AUTH);
    request.max_body_bytes = Some(ANSWER_BYTES_MAX);
    request
}

/// What cannot be read is forgotten: the other side says it again.
pub(crate) fn load<T: DeserializeOwned + Default>(key: &str) -> T {
    match state::get_json(key) {
        Ok(value) => value.unwrap_or_default(),
        Err(error) => {
            log::warn("what was remembered is forgotten", &[("key", &key), ("why", &error)]);
            T::default()
        }
    }
}

/// What was sent is out already: that it is not remembered is no reason to send it again.
pub(crate) fn save<T: Serialize>(key: &str, value: &T) {
    if let Err(error) = state::set_json(key, value) {
        log::warn("something could not be remembered", &[("key", &key), ("why", &error)]);
    }
}
