//! A guest with two doors, names that resolve to what a test says, and servers that remember what they heard.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use bellwether::{
    capability::{
        dial::{Found, Resolve},
        reach::Reach,
    },
    config::{Addresses, Connection, HttpAuth},
    sandbox::{COMPILE_CPU_DEFAULT, COMPILE_WALL_DEFAULT, Plugin, RunEnd},
    secret::Secret,
};
use serde_json::{Value, json};

use super::{
    bench::{Bench, Given, report},
    guests,
    servers::{hear, say, serve},
};

/// What the connection knows and nobody may be told. Its end stands in each of its forms but base64, unless it is cut out.
pub(crate) const SECRET: &str = "s3cr3t/key+C4n4ryC0re";
pub(crate) const CORE: &str = "C4n4ryC0re";
/// Another one that could be the name of a header.
pub(crate) const WORD: &str = "w0rd-C4n4ryC0re";

/// Answers by name: one list after the other, and the last for ever. Other names are this machine, so that whatever slips
/// through is heard.
#[derive(Debug, Default)]
pub(crate) struct Names {
    answers: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
    slow: Mutex<Option<(Duration, mpsc::SyncSender<()>)>>,
}

impl Names {
    pub(crate) fn set(&self, name: &str, answers: &[&str]) {
        let parsed = answers.iter().map(|address| vec![address.parse().expect("an address")]);
        self.answers
            .lock()
            .expect("not poisoned")
            .insert(name.to_owned(), parsed.collect());
    }

    /// From now on each answer takes this long, and somebody is told when it is given.
    pub(crate) fn slow_down(&self, delay: Duration, told: mpsc::SyncSender<()>) {
        *self.slow.lock().expect("not poisoned") = Some((delay, told));
    }

    /// How often a name was looked up.
    pub(crate) fn asked(&self, name: &str) -> usize {
        self.asked
            .lock()
            .expect("not poisoned")
            .iter()
            .filter(|asked| *asked == name)
            .count()
    }

    fn next(&self, name: &str) -> Vec<IpAddr> {
        self.asked.lock().expect("not poisoned").push(name.to_owned());
        match self.answers.lock().expect("not poisoned").get_mut(name) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            None => vec![Ipv4Addr::LOCALHOST.into()],
        }
    }
}

impl Resolve for Names {
    fn resolve<'f>(&'f self, host: &'f str) -> Found<'f> {
        let slow = self.slow.lock().expect("not poisoned").clone();
        Box::pin(async move {
            if let Some((delay, told)) = slow {
                tokio::time::sleep(delay).await;
                told.send(()).map_err(io::Error::other)?;
            }
            Ok(self.next(host))
        })
    }
}

/// A server, and the heads of what it was asked.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Listening {
    /// Answers each request with what `answer` makes of its head, and hangs up.
    pub(crate) fn answering(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let ear = Arc::clone(&heard);
        let address = serve(move |mut client| {
            let head = hear(&mut client)?;
            let said = answer(&head);
            ear.lock().expect("not poisoned").push(head);
            say(&mut client, said)
        });
        Self { address, heard }
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("not poisoned").clone()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

/// One request of the table, through both doors.
pub(crate) fn get(url: &str) -> Value {
    json!({ "method": "GET", "url": url })
}

/// What the guest saw of it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) word: String,
    pub(crate) text: String,
    /// Resolve, connect, TLS, processing, transfer, total.
    pub(crate) phases: Vec<Option<Duration>>,
}

/// Answers by door and by the number of what was asked.
#[derive(Debug)]
pub(crate) struct Said(BTreeMap<String, Seen>);

impl Said {
    fn of(end: &RunEnd) -> Self {
        let seen = |details: &[(String, String)]| {
            let detail = |at: usize| details[at].1.as_str();
            let span = |nanos: &str| nanos.parse().ok().map(Duration::from_nanos);
            (
                detail(0).chars().rev().collect::<String>(),
                detail(1).split(' ').map(span).collect(),
            )
        };
        let verdicts = report(end).verdicts.iter().map(|verdict| {
            let (text, phases) = seen(&verdict.details);
            let word = verdict.summary.to_string();
            (verdict.target.to_string(), Seen { word, text, phases })
        });
        Self(verdicts.collect())
    }

    pub(crate) fn by(&self, door: &str, number: usize) -> &Seen {
        let name = format!("{door} {number}");
        self.0.get(&name).unwrap_or_else(|| panic!("{name}: {self:?}"))
    }

    /// Both doors, with their names.
    pub(crate) fn both(&self, number: usize) -> [(&'static str, &Seen); 2] {
        ["contract", "wasi"].map(|door| (door, self.by(door, number)))
    }
}

/// A host with one guest.
pub(crate) struct World {
    pub(crate) bench: Bench,
    pub(crate) names: Arc<Names>,
    plugin: Arc<Plugin>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let names = Arc::<Names>::default();
        let resolver = Arc::<Names>::clone(&names);
        let bench = Bench::resolving_by(COMPILE_CPU_DEFAULT, COMPILE_WALL_DEFAULT, resolver);
        let plugin = bench.load(&guests::rust("two_doors").await).await;
        Self { bench, names, plugin }
    }

    /// How a run ends that asks what `settings` say.
    pub(crate) async fn end(&self, connections: Vec<(&str, Connection)>, settings: &Value) -> RunEnd {
        let slots = connections
            .into_iter()
            .map(|(slot, connection)| (slot.to_owned(), Arc::new(connection)));
        let reach = Reach {
            slots: slots.collect(),
            addresses: Vec::new(),
        };
        let given = Given {
            reach: Arc::new(reach),
            settings: settings.to_string().leak(),
            ..Given::default()
        };
        self.bench.run("walled", &self.plugin, &given).await
    }

    pub(crate) async fn ask(&self, connections: Vec<(&str, Connection)>, asked: &[Value]) -> Said {
        Said::of(&self.end(connections, &json!({ "asked": asked })).await)
    }
}

/// Without credentials, for what connections are for unless they say more, wherever its names lead on this machine.
pub(crate) fn plain(url: &str) -> Connection {
    Connection {
        addresses: Addresses::Private,
        methods: ["GET", "HEAD", "OPTIONS"].map(str::to_owned).into(),
        ..Connection::at_address(url).expect("an address")
    }
}

/// With the secret in everything that can hold one.
pub(crate) fn knowing(url: &str) -> Connection {
    let secret = || Secret::new(SECRET);
    Connection {
        name: "api".into(),
        headers: vec![("x-api-key".to_owned(), secret())],
        query: vec![("token".to_owned(), secret())],
        secrets: [("key".to_owned(), secret()), ("word".to_owned(), Secret::new(WORD))].into(),
        auth: Some(HttpAuth::Basic {
            user: "monitor".to_owned(),
            password: secret(),
        }),
        ..plain(url)
    }
}

/// A way to ask for what is not the guest's, and what each door says to it.
pub(crate) struct Trick {
    /// What is tried.
    pub(crate) name: &'static str,
    /// Each form of it.
    pub(crate) asked: Vec<Value>,
    pub(crate) contract: &'static str,
    pub(crate) wasi: &'static str,
}

/// Asks every form of every trick in one run; what became of it differently than it should, a line each.
pub(crate) async fn tried(world: &World, connections: Vec<(&str, Connection)>, tricks: &[Trick]) -> Vec<String> {
    let asked: Vec<Value> = tricks.iter().flat_map(|trick| trick.asked.clone()).collect();
    let said = world.ask(connections, &asked).await;
    let mut wrong = Vec::new();
    let forms = tricks
        .iter()
        .flat_map(|trick| trick.asked.iter().map(move |asked| (trick, asked)));
    for (number, (trick, asked)) in forms.enumerate() {
        for (door, seen) in said.both(number) {
            let expected = if door == "wasi" { trick.wasi } else { trick.contract };
            if seen.word != expected {
                wrong.push(format!(
                    "{}, {asked}, by {door}: {seen:?} instead of {expected}",
                    trick.name
                ));
            }
        }
    }
    wrong
}
