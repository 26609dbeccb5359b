//! The plugin as the host runs it, on the fake one.

mod cold;
mod expectations;
mod flows;
mod functions;
mod management;
mod spending;
mod surfaces;

use std::{cell::RefCell, rc::Rc};

use bellwether_sdk::{
    fake::{self, Fake, assert_readme, assert_rules, describe},
    http::{Certificate, Error, Failure, Phases, Request, Response, Tls},
};

use crate::SupabaseEdge;

/// Seconds since 1970: 2026-01-01 00:00 UTC, where the fake host's clock stands.
const NOW: i64 = 1_767_225_600;

const PROJECT: &str = "https://abcdefghijklmnopqrst.supabase.co/";

fn phases(milliseconds: u64) -> Phases {
    Phases {
        resolve_ns: None,
        connect_ns: None,
        tls_ns: None,
        processing_ns: Some(milliseconds * 1_000_000),
        transfer_ns: None,
        total_ns: milliseconds * 1_000_000,
    }
}

/// An answer after 20 ms.
fn answer(status: u16, body: &str) -> Response {
    after(fake::answer(status, body), 20)
}

fn header(mut response: Response, name: &str, value: &str) -> Response {
    response.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    response
}

fn after(mut response: Response, milliseconds: u64) -> Response {
    response.phases = phases(milliseconds);
    response
}

/// With a chain of which the first certificate ends so many days from now.
fn certified(mut response: Response, days: i64) -> Response {
    let certificate = |end: i64| Certificate {
        subject: "CN=supabase.co".to_owned(),
        issuer: "CN=an issuer".to_owned(),
        serial: "1".to_owned(),
        dns_names: Vec::new(),
        ip_addresses: Vec::new(),
        not_before_unix: 0,
        not_after_unix: end,
        sha256: String::new(),
    };
    response.tls = Some(Tls {
        version: "1.3".to_owned(),
        cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
        chain: vec![certificate(NOW + 400 * 86_400), certificate(NOW + days * 86_400)],
    });
    response
}

fn failure(error: Error) -> Box<Failure> {
    Box::new(Failure {
        url: PROJECT.to_owned(),
        ..*fake::no_answer(error)
    })
}

/// What was asked, in order.
#[derive(Clone, Default)]
struct Asked(Rc<RefCell<Vec<Request>>>);

impl Asked {
    fn all(&self) -> Vec<Request> {
        self.0.borrow().clone()
    }

    /// Method and path of each.
    fn lines(&self) -> Vec<String> {
        let line = |request: &Request| format!("{} {}", request.method, request.url);
        self.0.borrow().iter().map(line).collect()
    }

    fn clear(&self) {
        self.0.borrow_mut().clear();
    }
}

/// A host with a project that answers so, and what it is asked.
fn host(mut project: impl FnMut(&Request) -> Result<Response, Box<Failure>> + 'static) -> (Fake, Asked) {
    let asked = Asked::default();
    let seen = asked.clone();
    let fake = Fake::new()
        .with_connection("default", "https", PROJECT)
        .with_http(move |request| {
            seen.0.borrow_mut().push(request.clone());
            project(request)
        });
    (fake, asked)
}

fn header_of<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    let (_, value) = request.headers.iter().find(|(header, _)| header == name)?;
    std::str::from_utf8(value).ok()
}

#[test]
fn the_description_is_one_that_the_host_takes() {
    describe::<SupabaseEdge>();
}

#[test]
fn the_readme_tells_of_every_metric_and_code() {
    assert_readme::<SupabaseEdge>(include_str!("../../README.md"));
}

#[test]
fn rules_speak_of_what_is_reported() {
    assert_rules::<SupabaseEdge>(include_str!("../../rules.yml"));
}
