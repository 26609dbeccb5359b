//! Alerts that begin and end, each posted until the host acknowledges it, and the story of what was acknowledged.

use std::{
    cell::RefCell,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::support::dice::Dice;

/// Groups, and alerts in each.
const GROUPS: u64 = 8;
const ALERTS: u64 = 3;

/// Between two posts, in milliseconds.
const PAUSE_MOST: u64 = 120;

/// How long an answer may take: the host commits before it answers.
const PATIENCE: Duration = Duration::from_secs(20);

/// One time that an alert was firing, in milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Episode {
    pub(crate) group: String,
    pub(crate) member: String,
    pub(crate) starts: i64,
    pub(crate) ends: Option<i64>,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    story: Vec<Episode>,
    /// What was posted and not acknowledged yet.
    pending: Option<Episode>,
}

pub(crate) struct Stream(RefCell<State>);

impl Stream {
    pub(crate) fn begin(seed: u64) -> Self {
        Self(RefCell::new(State {
            dice: Dice::new(seed),
            story: Vec::new(),
            pending: None,
        }))
    }

    /// Posts to `host` until then.
    pub(crate) fn serve(&self, host: SocketAddr, until: Instant) {
        let mut state = self.0.borrow_mut();
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            state.step(host, left);
            let pause = Duration::from_millis(state.dice.below(PAUSE_MOST));
            std::thread::sleep(pause.min(until.saturating_duration_since(Instant::now())));
        }
    }

    /// Ends everything that is still firing.
    pub(crate) fn finish(&self, host: SocketAddr) {
        let mut state = self.0.borrow_mut();
        if let Some(pending) = state.pending.take() {
            state.acknowledged(host, pending, PATIENCE);
        }
        let open: Vec<Episode> = state
            .story
            .iter()
            .filter(|episode| episode.ends.is_none())
            .cloned()
            .collect();
        for episode in open {
            let ended = Episode {
                ends: Some(now()),
                ..episode
            };
            assert!(
                state.acknowledged(host, ended, PATIENCE),
                "the host does not answer any more"
            );
        }
    }

    pub(crate) fn story(&self) -> Vec<Episode> {
        self.0.borrow().story.clone()
    }
}

impl State {
    /// Posts what was not acknowledged before, or something new.
    fn step(&mut self, host: SocketAddr, patience: Duration) {
        let next = self.pending.take().unwrap_or_else(|| self.next());
        if !self.acknowledged(host, next.clone(), patience) {
            self.pending = Some(next);
        }
    }

    /// Some alert turns into what it is not.
    fn next(&mut self) -> Episode {
        let group = format!("group{}", self.dice.below(GROUPS));
        let member = self.dice.below(ALERTS).to_string();
        let mut story = self.story.iter().rev();
        let last = story.find(|episode| episode.group == group && episode.member == member);
        match last {
            Some(open) if open.ends.is_none() => Episode {
                ends: Some(now()),
                ..open.clone()
            },
            _ => Episode {
                group,
                member,
                starts: now(),
                ends: None,
            },
        }
    }

    /// Posts, and keeps it where that was acknowledged.
    fn acknowledged(&mut self, host: SocketAddr, episode: Episode, patience: Duration) -> bool {
        if post(host, &episode, patience.max(Duration::from_millis(1))).is_none() {
            return false;
        }
        let known = self.story.iter_mut().find(|known| {
            known.group == episode.group && known.member == episode.member && known.starts == episode.starts
        });
        match known {
            Some(known) => *known = episode,
            None => self.story.push(episode),
        }
        true
    }
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn time(at: i64) -> String {
    Timestamp::from_millisecond(at).expect("in range").to_string()
}

/// Some: it was acknowledged.
pub(crate) fn post(host: SocketAddr, episode: &Episode, patience: Duration) -> Option<()> {
    // Far ahead: nothing ends by itself here.
    let ends = episode.ends.unwrap_or(episode.starts + 24 * 3_600_000);
    let alerts: Value = json!([{
        "labels": { "alertname": episode.group, "member": episode.member },
        "startsAt": time(episode.starts),
        "endsAt": time(ends),
    }]);
    let body = alerts.to_string();
    let mut stream = TcpStream::connect_timeout(&host, patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    let length = body.len();
    let head = format!(
        "POST /api/v2/alerts HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(())
}
