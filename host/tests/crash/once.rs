//! What happens once, told by a process that is killed: this test itself, started again as a store, dispatch and somebody who delivers,
//! without what stands around them in a host.
//!
//! Flows in: numbers on its standard input, each something that happened. Flows out: each number on its standard error once it is
//! acknowledged, and notifications to the hook. What is not acknowledged is told to the next process.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use bellwether::{
    alert::Annotations,
    clock::{Clock, Timestamp},
    dispatch::{
        Attempt, Dispatch, DispatchOptions, Message, Occurrence, OutboxHandle,
        settings::{ReceiverTraits, Settings},
    },
    rule::outlet::Outlet,
    store::Store,
    supervisor::Supervisor,
    telemetry::Telemetry,
};
use bellwether_promql::labels::Labels;
use serde_json::{Value, json};

use super::{hook::Heard, oracle::told_twice, support::dice::Dice};

/// Where the process that is killed keeps what it knows. Set: this is that process.
const DIRECTORY: &str = "BELLWETHER_CRASH_DIRECTORY";
/// To whom it delivers.
const HOOK: &str = "BELLWETHER_CRASH_HOOK";

const ACKNOWLEDGED: &str = "acknowledged ";

/// Of one attempt to deliver: the hook sometimes never answers. Long enough that an answer which it gives arrives on a busy machine, too:
/// the hook would not know that it did not.
const ATTEMPT: Duration = Duration::from_secs(5);

/// From one failed attempt to the next.
const PAUSE: Duration = Duration::from_millis(100);

/// Between two things that happen, at most, in milliseconds.
const QUIET_MOST: u64 = 80;

/// How long the last process may take to acknowledge everything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether this is the process that is killed; then it does what it is for, until its standard input ends.
pub(crate) fn is_served() -> bool {
    let (Some(directory), Ok(hook)) = (std::env::var_os(DIRECTORY), std::env::var(HOOK)) else {
        return false;
    };
    serve(Path::new(&directory), hook.parse().expect("an address"));
    true
}

fn serve(directory: &Path, hook: SocketAddr) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let _inside = runtime.enter();
    let supervisor = Supervisor::new(|panic| panic!("{panic}"));
    let telemetry = Telemetry::silent();
    let settings = Settings {
        receivers: vec!["hook".into()],
        known: [("hook".into(), ReceiverTraits::default())].into(),
        ..Settings::default()
    };
    let options = DispatchOptions {
        settings,
        store: Some(Store::open(directory, &supervisor, &telemetry).expect("a store")),
        outlet: Outlet::default(),
        snapshots: None,
        clock: Clock::system(),
        telemetry,
    };
    let dispatch = Dispatch::start(&supervisor, options);
    drop(runtime.spawn(deliver(dispatch.outbox(), hook)));
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let told = runtime
            .block_on(dispatch.tell(vec![occurrence(&line)]))
            .expect("it runs");
        assert!(told.is_kept && told.fates[0].is_settled(), "{told:?}");
        writeln!(std::io::stderr(), "{ACKNOWLEDGED}{line}").expect("somebody reads");
    }
}

fn occurrence(number: &str) -> Occurrence {
    // Some of them are in one group, and in order there.
    let group = number.parse::<u64>().expect("a number") % 3;
    let group = format!("Group{group}");
    Occurrence {
        labels: Labels::new([("alertname", group.as_str()), ("number", number)]),
        annotations: Annotations::new(),
        at: Timestamp::from_seconds(1_700_000_000),
        id: number.into(),
        generator_url: "".into(),
        handed_to: Vec::new(),
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

async fn deliver(outbox: OutboxHandle, hook: SocketAddr) {
    let receiver: Arc<str> = "hook".into();
    loop {
        let Some(message) = outbox.next(&receiver, now()).await else {
            outbox.wait_for_work(&receiver).await;
            continue;
        };
        let id = message.id;
        let attempt = tokio::task::spawn_blocking(move || post(hook, &message));
        outbox.report(id, attempt.await.expect("no panic"), now()).await;
    }
}

fn post(hook: SocketAddr, message: &Message) -> Attempt {
    let failed = |is_ambiguous| Attempt::Transient {
        message: "it failed".to_owned(),
        retry_after: Some(PAUSE),
        is_ambiguous,
    };
    let Ok(mut stream) = TcpStream::connect_timeout(&hook, ATTEMPT) else {
        return failed(false);
    };
    match asked(&mut stream, message) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => Attempt::Delivered { receipt: Vec::new() },
        Ok(answer) if answer.starts_with("HTTP/1.1 ") => failed(false),
        Ok(_) | Err(_) => failed(true),
    }
}

fn asked(stream: &mut TcpStream, message: &Message) -> std::io::Result<String> {
    stream.set_read_timeout(Some(ATTEMPT))?;
    let alerts: Vec<Value> = message
        .alerts
        .iter()
        .map(|news| {
            let number = news.labels.get("number").map(|number| &**number);
            json!({ "number": number, "is_firing": news.is_firing })
        })
        .collect();
    // Each line has one in flight.
    let body = json!({ "groupKey": &*message.group_key, "reason": message.reason.as_str(), "alerts": alerts });
    let body = body.to_string();
    // In one piece: a process that is killed leaves all of it or nothing.
    let request = format!(
        "POST / HTTP/1.1\r\nhost: hook\r\nidempotency-key: {}\r\ncontent-length: {}\r\n\r\n{body}",
        message.id,
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = [0; 256];
    let length = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

/// A process that is killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    stdin: ChildStdin,
    acknowledged: mpsc::Receiver<u64>,
}

impl Process {
    /// `test` is the name of the test that calls [`is_served`] first.
    pub(crate) fn start(test: &str, directory: &Path, hook: SocketAddr) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("a path"))
            .args([test, "--exact", "--nocapture"])
            .env(DIRECTORY, directory)
            .env(HOOK, hook.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (stdin, stderr) = (child.stdin.take().expect("piped"), child.stderr.take().expect("piped"));
        let (sender, acknowledged) = mpsc::sync_channel(100_000);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                match line.strip_prefix(ACKNOWLEDGED) {
                    Some(number) => drop(sender.send(number.parse().expect("a number"))),
                    // What it has to say when it fails.
                    None => drop(writeln!(std::io::stderr(), "{line}")),
                }
            }
        });
        Self {
            child,
            stdin,
            acknowledged,
        }
    }

    /// It may be gone.
    fn tell(&mut self, number: u64) {
        let _ = writeln!(self.stdin, "{number}");
    }

    /// Kills it. What it acknowledged before.
    fn kill(mut self) -> Vec<u64> {
        self.end();
        self.acknowledged.iter().collect()
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// What happened, and what of it was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Story {
    happened: u64,
    pending: BTreeSet<u64>,
}

impl Story {
    /// Tells a process what no other acknowledged, and what happens until then; and kills it.
    pub(crate) fn go_on(&mut self, mut process: Process, until: Instant, dice: &mut Dice) {
        self.pending.iter().for_each(|number| process.tell(*number));
        while Instant::now() < until {
            self.happened += 1;
            self.pending.insert(self.happened);
            process.tell(self.happened);
            std::thread::sleep(Duration::from_millis(dice.below(QUIET_MOST)));
        }
        for number in process.kill() {
            self.pending.remove(&number);
        }
    }

    /// Everything is acknowledged at last.
    pub(crate) fn finish(&mut self, process: &mut Process) {
        self.pending.iter().for_each(|number| process.tell(*number));
        while !self.pending.is_empty() {
            let number = process.acknowledged.recv_timeout(PATIENCE).expect("it acknowledges");
            self.pending.remove(&number);
        }
    }

    /// A line for each broken guarantee.
    pub(crate) fn judge(&self, heard: &[Heard]) -> Vec<String> {
        let mut problems = Vec::new();
        told_twice(heard, &mut problems);
        let mut told: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
        for one in heard {
            if one.body["reason"] != "occurred" {
                problems.push(format!("{one:?} is told for another reason"));
            }
            for alert in one.body["alerts"].as_array().into_iter().flatten() {
                if alert["is_firing"] != true {
                    problems.push(format!("{one:?} is said to be over"));
                }
                let number = alert["number"].as_str().and_then(|text| text.parse().ok());
                told.entry(number.expect("a number")).or_default().insert(&one.id);
            }
        }
        let untold = (1..=self.happened).filter(|number| !told.contains_key(number));
        problems.extend(untold.map(|number| format!("nobody was told of {number}")));
        let twice = told.iter().filter(|(_, messages)| messages.len() > 1);
        problems.extend(twice.map(|(number, messages)| format!("{number} was told in {messages:?}")));
        problems
    }

    /// How much happened.
    pub(crate) const fn happened(&self) -> u64 {
        self.happened
    }
}
