//! Where notifications of dispatchers go: a small HTTP server in this process, so that its cost is not theirs.
//!
//! It keeps connections open, answers each body with 200 and counts notifications and the alerts in them, by path. What it is sent
//! that is no notification it counts as one without alerts.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde_json::Value;

use super::alert_load::Place;

/// Between two looks at what was heard.
const PAUSE: Duration = Duration::from_millis(5);

/// Longest body that is read: a group has few alerts.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What was heard at one path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) notifications: usize,
    pub(super) alerts: usize,
}

type Counts = Arc<Mutex<BTreeMap<String, Heard>>>;

/// A server; its threads end with their connections, and it with this process.
#[derive(Debug)]
pub(super) struct Hook {
    address: SocketAddr,
    counts: Counts,
}

impl Hook {
    pub(super) fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let hook = Self {
            address: listener.local_addr()?,
            counts: Counts::default(),
        };
        let counts = Arc::clone(&hook.counts);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let counts = Arc::clone(&counts);
                // A client that leaves is its own affair.
                thread::spawn(move || drop(serve(&client, &counts)));
            }
        });
        Ok(hook)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Since it was opened.
    pub(super) fn heard(&self, place: Place) -> Heard {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(place.word()).copied().unwrap_or_default()
    }

    /// Waits until it heard so much since `before`. What comes later is not waited for.
    pub(super) fn await_more(&self, place: Place, before: Heard, expected: Heard, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            let heard = self.heard(place).since(before);
            if heard.notifications >= expected.notifications && heard.alerts >= expected.alerts {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "{} notifications of {} alerts were due, and {} of {} came in {} s",
                    expected.notifications,
                    expected.alerts,
                    heard.notifications,
                    heard.alerts,
                    patience.as_secs()
                );
            }
            thread::sleep(PAUSE);
        }
    }
}

impl Heard {
    /// What came after `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            notifications: self.notifications - before.notifications,
            alerts: self.alerts - before.alerts,
        }
    }
}

fn serve(client: &TcpStream, counts: &Mutex<BTreeMap<String, Heard>>) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client);
    while let Some((path, body)) = request(&mut reader)? {
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let alerts = body["alerts"].as_array().map_or(0, Vec::len);
        {
            let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
            let heard = counts.entry(path).or_default();
            heard.notifications += 1;
            heard.alerts += alerts;
        }
        let mut client = client;
        client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
    Ok(())
}

/// The path without its slash, and the body; None: the client left.
fn request(reader: &mut impl BufRead) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let (mut first, mut length) = (String::new(), 0);
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let path = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    if length > BODY_BYTES_MAX {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((path.to_owned(), body)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Client;

    #[test]
    fn notifications_on_one_connection_are_counted_with_their_alerts_by_path() {
        let hook = Hook::open().unwrap();
        let mut client = Client::connect(&hook.address().to_string()).unwrap();
        for path in ["/many", "/many", "/lone"] {
            let answer = client.post(path, "{\"alerts\":[{},{}]}").unwrap();
            assert_eq!(answer.status, 200);
        }
        let expected = Heard {
            notifications: 2,
            alerts: 4,
        };
        assert_eq!(hook.heard(Place::Many), expected);
        assert_eq!(hook.heard(Place::Many).since(hook.heard(Place::Lone)).alerts, 2);
        let error = hook.await_more(Place::Many, expected, expected, Duration::ZERO);
        assert!(error.unwrap_err().to_string().contains("0 of 0 came"));
    }
}
