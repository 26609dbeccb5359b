//! The client against servers that stand on this machine and do what a test tells them.
//!
//! Names end in `.test` and resolve to what a test says, by default to this machine. Where time matters it is paused:
//! delays are exact, and nobody waits for them.

mod apart;
mod hostile;
mod measured;
mod policy;
mod scrubbed;
mod seated;
mod server;
mod transport;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{fixtures::connection, *};
use crate::{
    capability::{
        dial::{Found, Resolve},
        reach::Reach,
    },
    config::Connection,
};

/// Of a run: more than any test takes, unless it is about running out of it.
const RUN: Duration = Duration::from_secs(20);

/// Runs at once that a host here is made for, as many as one has unless configured.
const RUNS: usize = 32;

/// Answers by name, one list of addresses after the other and the last for ever.
#[derive(Debug, Default)]
struct Names {
    answers: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    delay: Mutex<Duration>,
}

impl Names {
    fn set(&self, name: &str, answers: &[&str]) {
        let parsed = answers.iter().map(|address| vec![address.parse().expect("an address")]);
        self.answers
            .lock()
            .expect("not poisoned")
            .insert(name.to_owned(), parsed.collect());
    }

    fn next(&self, name: &str) -> Vec<IpAddr> {
        let mut all = self.answers.lock().expect("not poisoned");
        match all.get_mut(name) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            None => vec![IpAddr::from([127, 0, 0, 1])],
        }
    }
}

impl Resolve for Names {
    fn resolve<'f>(&'f self, host: &'f str) -> Found<'f> {
        let delay = *self.delay.lock().expect("not poisoned");
        Box::pin(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            Ok(self.next(host))
        })
    }
}

/// A host with nothing but its client.
struct World {
    supervisor: Supervisor,
    names: Arc<Names>,
    redactor: Redactor,
    http: HttpHost,
}

impl World {
    fn new() -> Self {
        let supervisor = Supervisor::new(|panic| eprintln!("{panic}"));
        let names = Arc::<Names>::default();
        let clock = Clock::system();
        let redactor = Redactor::default();
        let http = HttpHost::new(HttpTools {
            dialer: Dialer::with_resolver(clock.clone(), Arc::<Names>::clone(&names) as _),
            clock,
            trust: Trust::default(),
            supervisor: supervisor.clone(),
            redactor: redactor.clone(),
            runs: RUNS,
        });
        Self {
            supervisor,
            names,
            redactor,
            http,
        }
    }

    /// For paused time: it jumps from timer to timer, past what arrives on sockets meanwhile. With a timer for every
    /// millisecond it jumps no further than that.
    fn ticking() -> Self {
        let world = Self::new();
        drop(world.supervisor.spawn("tick", async {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }));
        world
    }

    fn run(&self, reach: Reach) -> HttpRun {
        let until = Clock::system().monotonic() + RUN;
        self.http.run("check".into(), Arc::new(reach), until)
    }

    /// One GET through one connection.
    async fn get(&self, connection: Connection, url: &str) -> Result<Response, Failure> {
        self.run(fixtures::reach([("default", connection)]))
            .send(get(url))
            .await
    }
}

/// Through the slot `default`.
fn get(url: &str) -> Request {
    Request {
        method: "GET".to_owned(),
        slot: Some("default".to_owned()),
        url: url.to_owned(),
        ..Request::default()
    }
}

/// To a server on this machine by a name.
fn at(port: u16) -> Connection {
    connection("target", &format!("http://target.test:{port}/"))
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    let found = response.headers.iter().find(|(own, _)| own == name);
    found.map(|(_, value)| std::str::from_utf8(value).expect("text"))
}
