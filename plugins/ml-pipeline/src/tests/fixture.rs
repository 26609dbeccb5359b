//! Servers that answer as told, and runs against them.

use std::collections::BTreeMap;

use bellwether_sdk::{
    fake::{self, Fake, Run, json},
    http::{Error, Failure, Request, Response},
};
use serde_json::Value;

use crate::MlPipeline;

/// The time of runs: 2026-01-01 00:00 UTC, as the fake host has it.
pub(crate) const NOW: u64 = 1_767_225_600;

/// How long every answer takes.
pub(crate) const TOOK_MS: u64 = 40;

/// A time before [`NOW`] as systems write it.
pub(crate) fn ago(seconds: u64) -> String {
    let at = i64::try_from(NOW - seconds).unwrap();
    jiff::Timestamp::from_second(at).unwrap().to_string()
}

/// An answer.
pub(crate) fn response(status: u16, body: &str) -> Response {
    let mut answer = fake::answer(status, body);
    answer.phases.total_ns = TOOK_MS * 1_000_000;
    answer
}

/// No answer.
pub(crate) fn failure(error: Error) -> Box<Failure> {
    fake::no_answer(error)
}

type Handler = Box<dyn FnMut(&Request) -> (u16, String)>;

/// A server at `http://server`: answers by path, 404 to what it does not know; or by a function.
#[derive(Default)]
pub(crate) struct Server {
    answers: BTreeMap<String, (u16, String)>,
    headers: Vec<(String, Vec<u8>)>,
    handler: Option<Handler>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn text(mut self, path: &str, status: u16, text: &str) -> Self {
        self.answers.insert(path.to_owned(), (status, text.to_owned()));
        self
    }

    pub(crate) fn json(self, path: &str, status: u16, answer: Value) -> Self {
        self.text(path, status, &answer.to_string())
    }

    /// A header of every answer.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    pub(crate) fn answering(mut self, handler: impl FnMut(&Request) -> (u16, String) + 'static) -> Self {
        self.handler = Some(Box::new(handler));
        self
    }

    /// For `Fake::with_http`.
    pub(crate) fn into_answer(mut self) -> impl FnMut(&Request) -> Result<Response, Box<Failure>> {
        move |request| {
            let (status, body) = match &mut self.handler {
                Some(handler) => handler(request),
                None => {
                    let path = request.url.strip_prefix("http://server").unwrap_or(&request.url);
                    self.answers.get(path).cloned().unwrap_or((404, String::new()))
                }
            };
            let mut answer = response(status, &body);
            answer.headers.clone_from(&self.headers);
            Ok(answer)
        }
    }
}

/// One run at [`NOW`].
pub(crate) fn run_one(settings: Value, server: Server) -> Run {
    let mut fake = Fake::new().with_scheduled_at_unix(NOW).with_http(server.into_answer());
    fake.run::<MlPipeline>(settings)
}

/// One run with one target of kind `ready`, named `t`.
pub(crate) fn ready(settings: Value, server: Server) -> Run {
    let mut target = json!({ "url": "http://server/" });
    target
        .as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    run_one(json!({ "ready": { "t": target } }), server)
}
