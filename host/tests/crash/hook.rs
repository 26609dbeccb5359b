//! A receiver that fails in every way it can, and remembers what it accepted.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::Value;

use super::support::dice::Dice;

/// A notification that was taken, whether or not the sender was told.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// `Idempotency-Key`.
    pub(crate) id: String,
    pub(crate) body: Value,
    /// The sender may not know that it was accepted.
    pub(crate) is_ambiguous: bool,
    /// How many crashes there had been.
    pub(crate) crashes: u64,
    /// When, in milliseconds since the epoch.
    pub(crate) at: i64,
}

#[derive(Debug, Default)]
struct State {
    heard: Mutex<Vec<Heard>>,
    crashes: AtomicU64,
    behaves: AtomicBool,
    requests: AtomicU64,
}

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Accept,
    Refuse(&'static str),
    /// No answer, and not accepted.
    Hang,
    /// No answer, and accepted.
    HangAfter,
    /// Accepted, and the connection is gone before the answer.
    Reset,
}

/// One in two is accepted; the others take turns by chance.
const MOODS: [Mood; 12] = [
    Mood::Accept,
    Mood::Accept,
    Mood::Accept,
    Mood::Accept,
    Mood::Accept,
    Mood::Accept,
    Mood::Refuse("500 Internal Server Error\r\n"),
    Mood::Refuse("503 Service Unavailable\r\nretry-after: 1\r\n"),
    Mood::Refuse("429 Too Many Requests\r\nretry-after: 1\r\n"),
    Mood::Hang,
    Mood::HangAfter,
    Mood::Reset,
];

pub(crate) struct Hook {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Hook {
    pub(crate) fn open(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A client that leaves is its own affair.
                std::thread::spawn(move || while matches!(serve(&client, &state, seed), Ok(true)) {});
            }
        });
        Self { address, state }
    }

    pub(crate) fn note_crash(&self) {
        self.state.crashes.fetch_add(1, Ordering::SeqCst);
    }

    /// Everything is accepted from now on.
    pub(crate) fn behave(&self) {
        self.state.behaves.store(true, Ordering::SeqCst);
    }

    /// Asks until there is nothing wrong or time is up; what is wrong then.
    pub(crate) fn eventually(&self, patience: Duration, judge: impl Fn(&[Heard]) -> Vec<String>) -> Vec<String> {
        let deadline = Instant::now() + patience;
        loop {
            let problems = judge(&self.state.heard.lock().expect("no panic"));
            if problems.is_empty() || Instant::now() >= deadline {
                return problems;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Notifications accepted, and how many of them had been accepted before.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let heard = self.state.heard.lock().expect("no panic");
        let mut ids: Vec<&str> = heard.iter().map(|heard| heard.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let count = |length: usize| u64::try_from(length).expect("few");
        (count(heard.len()), count(heard.len() - ids.len()))
    }
}

/// One request; whether there may be another.
fn serve(mut client: &TcpStream, state: &State, seed: u64) -> std::io::Result<bool> {
    let mut reader = BufReader::new(client);
    let (mut line, mut length, mut id) = (String::new(), 0, String::new());
    if reader.read_line(&mut line)? == 0 {
        return Ok(false);
    }
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let (name, value) = header.split_once(':').unwrap_or((header.trim(), ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().expect("a length"),
            "idempotency-key" => value.trim().clone_into(&mut id),
            "" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    assert!(!id.is_empty(), "a notification without its id");
    let number = state.requests.fetch_add(1, Ordering::SeqCst);
    let mood = if state.behaves.load(Ordering::SeqCst) {
        Mood::Accept
    } else {
        let at = Dice::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).below(MOODS.len() as u64);
        MOODS[usize::try_from(at).expect("few")]
    };
    if matches!(mood, Mood::Accept | Mood::HangAfter | Mood::Reset) {
        state.heard.lock().expect("no panic").push(Heard {
            id,
            body: serde_json::from_slice(&body).expect("JSON"),
            is_ambiguous: mood != Mood::Accept,
            crashes: state.crashes.load(Ordering::SeqCst),
            at: Timestamp::now().as_millisecond(),
        });
    }
    match mood {
        Mood::Accept => write!(client, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?,
        Mood::Refuse(head) => write!(client, "HTTP/1.1 {head}content-length: 0\r\n\r\n")?,
        Mood::Reset => return Ok(false),
        // Until the sender has had enough.
        Mood::Hang | Mood::HangAfter => drop(client.read(&mut [0])),
    }
    Ok(matches!(mood, Mood::Accept | Mood::Refuse(_)))
}
