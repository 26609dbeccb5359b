//! Where both send their notifications: a server that answers as the scenario says and keeps what it heard.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Instant,
};

use serde_json::Value;

use super::play::Scenario;

/// Which of the two sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Sender {
    Judge,
    Host,
}

/// A notification that was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) sender: Sender,
    /// Of the receiver, as in `alertmanager.yml`.
    pub(crate) receiver: String,
    pub(crate) at: Instant,
    pub(crate) body: Value,
}

#[derive(Default)]
struct State {
    heard: Vec<Heard>,
    /// What is still to be answered before everything is accepted, the next one last.
    answers: BTreeMap<(Sender, String), Vec<u16>>,
}

pub(crate) struct Hook {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Hook {
    pub(crate) fn open(scenarios: &[Scenario]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("bound");
        let mut first = State::default();
        for (receiver, answers) in scenarios.iter().flat_map(Scenario::answers) {
            for sender in [Sender::Judge, Sender::Host] {
                let answers = answers.iter().rev().copied().collect();
                first.answers.insert((sender, receiver.clone()), answers);
            }
        }
        let state = Arc::new(Mutex::new(first));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that leaves is its own affair.
                std::thread::spawn(move || while matches!(serve(&client, &state), Ok(true)) {});
            }
        });
        Self { address, state }
    }

    /// What was heard so far, in order.
    pub(crate) fn close(self) -> Vec<Heard> {
        std::mem::take(&mut self.state.lock().expect("no panic").heard)
    }
}

/// One request; whether there may be another.
fn serve(client: &TcpStream, state: &Mutex<State>) -> std::io::Result<bool> {
    let mut reader = BufReader::new(client);
    let (mut line, mut length, mut sender) = (String::new(), 0, Sender::Host);
    if reader.read_line(&mut line)? == 0 {
        return Ok(false);
    }
    let receiver = line
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .trim_start_matches('/')
        .to_owned();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim().to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if header.starts_with("user-agent: alertmanager/") {
            sender = Sender::Judge;
        }
        if header.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let status = {
        let mut state = state.lock().expect("no panic");
        let answers = state.answers.get_mut(&(sender, receiver.clone()));
        let status = answers.and_then(Vec::pop).unwrap_or(200);
        if status == 200 {
            state.heard.push(Heard {
                sender,
                receiver,
                at: Instant::now(),
                body: serde_json::from_slice(&body).expect("JSON"),
            });
        }
        status
    };
    let mut client = client;
    write!(client, "HTTP/1.1 {status} As said\r\ncontent-length: 0\r\n\r\n")?;
    Ok(true)
}
