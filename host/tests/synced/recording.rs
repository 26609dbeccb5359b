//! A host that is watched while alerts begin and end, and what can be asked of the trace.
//!
//! Flows in: a play. Flows out: its steps, what was posted in what order, and what the receiver heard.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    disk::{Disk, Luck},
    hook::{Heard, Hook},
    in_memory,
    silences::{self, Silence},
    stream::{Episode, post},
    support::{
        dice::Dice,
        host::{PATIENCE, Place},
    },
    trace::{self, Step},
};

/// Groups that alerts are spread over.
const GROUPS: usize = 6;

/// Between two posts, in milliseconds.
const PAUSE_MOST: u64 = 40;

/// One in so many posts ends something.
const ENDS_ONE_IN: u64 = 2;

/// One in so many is about a silence, of which every other one is ended at once.
const SILENCES_ONE_IN: u64 = 12;

/// What goes with each request of a message.
const KEY: &[u8] = b"idempotency-key: ";
const REQUEST: &[u8] = b"POST ";
const OK: &[u8] = b"HTTP/1.1 200";
const POST: &[u8] = b"POST /api/v2/alerts";

/// The receiver is another one after a failure, and no message says where it is.
pub(crate) fn configuration(hook: &Hook) -> String {
    format!(
        "[alerting]\nexternal_url = \"http://host.example\"\nbundled_rules = false\nreceivers = [\"hook\"]\ngroup_by = [\"alertname\"]\ngroup_wait = \"1s\"\ngroup_interval = \"1s\"\nrepeat_interval = \"1h\"\n\n\
         [connection.hook]\nurl = \"http://{}/\"\nmethods = [\"POST\"]\n\n\
         [receiver.hook]\nplugin = \"webhook\"\nconnection = \"hook\"\ntimeout = \"20s\"\n",
        hook.address
    )
}

/// Something that was said to the world, or heard from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// The request of a message begins to leave.
    Message(String),
    /// The receiver has it, and the host knows.
    Answered(String),
    /// Of the post after those before it.
    Acknowledged,
}

/// What a client asks to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Post {
    Alert(Episode),
    Silence(Silence),
}

pub(crate) struct Recording {
    pub(crate) state: PathBuf,
    pub(crate) steps: Vec<Step>,
    /// In order; each was acknowledged before the next one.
    pub(crate) posts: Vec<Post>,
    pub(crate) heard: Vec<Heard>,
    /// How many steps there were at [`Player::mark`].
    pub(crate) mark: usize,
}

/// Posts, and waits for what comes of it.
pub(crate) struct Player {
    host: SocketAddr,
    hook: Hook,
    trace: PathBuf,
    state: PathBuf,
    posts: Vec<Post>,
    mark: usize,
}

/// Plays while the host is watched, and ends both.
pub(crate) fn record(play: impl FnOnce(&mut Player)) -> Recording {
    let hook = Hook::open(0);
    hook.behave();
    let place = Place::new(&configuration(&hook));
    let trace = place.path("trace");
    let host = place.run_with(|command| trace::watch(command, &trace));
    let mut player = Player {
        host: host.address(),
        hook,
        trace,
        state: place.path("state"),
        posts: Vec::new(),
        mark: 0,
    };
    play(&mut player);
    let process = host.child.id();
    host.stop();
    Recording {
        steps: trace::whole(&player.trace, process),
        heard: player.heard(),
        state: player.state,
        posts: player.posts,
        mark: player.mark,
    }
}

impl Player {
    pub(crate) fn fire(&mut self, member: &str) {
        let group = format!("group{}", member.bytes().map(usize::from).sum::<usize>() % GROUPS);
        self.fire_in(group, member);
    }

    fn fire_in(&mut self, group: String, member: &str) {
        self.post(Episode {
            group,
            member: member.to_owned(),
            starts: now(),
            ends: None,
        });
    }

    pub(crate) fn end(&mut self, member: &str) {
        let mut alerts = self.posts.iter().filter_map(|post| match post {
            Post::Alert(episode) => Some(episode),
            Post::Silence(_) => None,
        });
        let began = alerts.find(|episode| episode.member == member).expect("it began");
        let ended = Episode {
            ends: Some(now()),
            ..began.clone()
        };
        self.post(ended);
    }

    fn post(&mut self, episode: Episode) {
        assert!(post(self.host, &episode, PATIENCE).is_some(), "it does not answer");
        self.posts.push(Post::Alert(episode));
    }

    fn silence(&mut self, number: usize) {
        let silence = silences::set(self.host, number);
        self.posts.push(Post::Silence(silence.clone()));
        if number.is_multiple_of(2) {
            let ended = silences::end(self.host, &silence);
            self.posts.push(Post::Silence(ended));
        }
    }

    /// Alerts that begin and end, each once, by chance; some go on. Silences now and then.
    pub(crate) fn play(&mut self, alerts: usize, dice: &mut Dice) {
        let mut open: Vec<String> = Vec::new();
        let (mut began, mut silences) = (0, 0);
        while began < alerts {
            if dice.below(SILENCES_ONE_IN) == 0 {
                self.silence(silences);
                silences += 1;
            } else if dice.below(ENDS_ONE_IN) == 0 && open.len() > GROUPS {
                let at = usize::try_from(dice.below(open.len() as u64)).expect("few");
                let member = open.remove(at);
                self.end(&member);
            } else {
                let member = format!("m{began}");
                self.fire_in(format!("group{}", began % GROUPS), &member);
                open.push(member);
                began += 1;
            }
            std::thread::sleep(Duration::from_millis(dice.below(PAUSE_MOST)));
        }
    }

    /// Until so many notifications were accepted.
    pub(crate) fn wait_for_told(&self, least: usize) {
        let missing = self.hook.eventually(PATIENCE, |heard| {
            let missing = least.saturating_sub(heard.len());
            vec![format!("{missing} notifications did not come"); missing.min(1)]
        });
        assert!(missing.is_empty(), "{missing:?}");
    }

    /// Until what the host keeps satisfies `enough`: read from the trace, since opening the database would lock it.
    pub(crate) fn wait_until(&self, enough: impl Fn(&Connection) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !self.kept(&enough) {
            assert!(Instant::now() < deadline, "what is kept never got there");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn kept(&self, enough: impl Fn(&Connection) -> bool) -> bool {
        let mut disk = Disk::new(&self.state);
        trace::so_far(&self.trace).iter().for_each(|step| disk.take(step));
        let left = in_memory();
        disk.leave(left.path(), Luck::Nothing, &mut Dice::new(0));
        let database = left.path().join("bellwether.db");
        database.exists() && enough(&Connection::open(database).expect("a database"))
    }

    /// Remembers how much has been done.
    pub(crate) fn mark(&mut self) {
        self.mark = trace::so_far(&self.trace).len();
    }

    fn heard(&self) -> Vec<Heard> {
        heard(&self.hook)
    }
}

/// What a receiver has accepted.
pub(crate) fn heard(hook: &Hook) -> Vec<Heard> {
    let all = RefCell::new(Vec::new());
    hook.eventually(Duration::ZERO, |heard| {
        all.replace(heard.to_vec());
        Vec::new()
    });
    all.into_inner()
}

/// Something was posted, and there is no message that is not delivered.
pub(crate) fn is_settled(database: &Connection) -> bool {
    let count = |table: &str| -> rusqlite::Result<i64> {
        database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
    };
    matches!((count("dispatch_told"), count("dispatch_messages")), (Ok(1..), Ok(0)))
}

pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The key of a request that carries a message.
fn key(bytes: &[u8]) -> Option<String> {
    // Most of what is written are files.
    if !bytes.starts_with(REQUEST) {
        return None;
    }
    let lower = bytes.to_ascii_lowercase();
    let rest = &bytes[find(&lower, KEY)? + KEY.len()..];
    let end = find(rest, b"\r")?;
    Some(String::from_utf8_lossy(&rest[..end]).into_owned())
}

impl Recording {
    /// As if nothing had waited for the log: its syncs after the first post end when all is over.
    pub(crate) fn with_late_syncs(&self) -> Self {
        let is_post = |step: &Step| matches!(step, Step::Read { bytes, .. } if bytes.starts_with(POST));
        let first = self.steps.iter().position(is_post).expect("something was posted");
        let (mut steps, rest) = (self.steps[..first].to_vec(), &self.steps[first..]);
        let is_end = |step: &Step| matches!(step, Step::SyncEnded { .. });
        steps.extend(rest.iter().filter(|step| !is_end(step)).cloned());
        steps.extend(rest.iter().filter(|step| is_end(step)).cloned());
        Self {
            state: self.state.clone(),
            steps,
            posts: self.posts.clone(),
            heard: self.heard.clone(),
            mark: self.mark,
        }
    }

    /// Hands over each word with its step and the disk at its beginning.
    pub(crate) fn replay(&self, mut each: impl FnMut(&Word, usize, &Disk)) {
        let mut disk = Disk::new(&self.state);
        let mut words = self.words().into_iter().peekable();
        for (at, step) in self.steps.iter().enumerate() {
            while let Some((_, word)) = words.next_if(|(said, _)| *said == at) {
                each(&word, at, &disk);
            }
            disk.take(step);
        }
    }

    /// Hands over the disk before each of these steps, which are sorted.
    pub(crate) fn disks(&self, moments: &[usize], mut each: impl FnMut(usize, &Disk)) {
        let mut disk = Disk::new(&self.state);
        let mut moments = moments.iter().copied().peekable();
        for (at, step) in self.steps.iter().enumerate() {
            while moments.next_if_eq(&at).is_some() {
                each(at, &disk);
            }
            disk.take(step);
        }
        moments.for_each(|at| each(at, &disk));
    }

    /// Whether the state directory's own name was synced before anything was said.
    pub(crate) fn keeps_its_directory(&self) -> bool {
        let first = self.words().first().map_or(0, |(at, _)| *at);
        let mut fds = BTreeMap::new();
        self.steps[..first].iter().any(|step| match step {
            Step::Opened { fd, path, .. } => {
                fds.insert(*fd, path.clone());
                false
            }
            Step::SyncBegan { fd, .. } => fds.get(fd).map(|path| &**path) == self.state.parent(),
            _ => false,
        })
    }

    /// With the step at which each was said.
    pub(crate) fn words(&self) -> Vec<(usize, Word)> {
        let mut words = Vec::new();
        // By connection, which carries one message at a time.
        let mut asked: BTreeMap<i64, String> = BTreeMap::new();
        for (at, step) in self.steps.iter().enumerate() {
            let word = match step {
                Step::Wrote { at: None, bytes, .. } if bytes.starts_with(OK) => Some(Word::Acknowledged),
                Step::Wrote { at: None, bytes, fd } => key(bytes).map(|id| {
                    asked.insert(*fd, id.clone());
                    Word::Message(id)
                }),
                Step::Read { fd, bytes } if bytes.starts_with(OK) => asked.remove(fd).map(Word::Answered),
                _ => None,
            };
            words.extend(word.map(|word| (at, word)));
        }
        words
    }

    /// Messages, and the step at which the first byte of each leaves.
    pub(crate) fn messages(&self) -> Vec<(String, usize)> {
        let words = self.words().into_iter().filter_map(|(at, word)| match word {
            Word::Message(id) => Some((id, at)),
            _ => None,
        });
        let mut messages: Vec<(String, usize)> = Vec::new();
        for (id, at) in words {
            if messages.iter().all(|(known, _)| *known != id) {
                messages.push((id, at));
            }
        }
        messages
    }

    /// The step that ends the first sync of the log after this text was written to it.
    pub(crate) fn synced(&self, text: &str) -> Option<usize> {
        let mut disk = Disk::new(&self.state);
        let (mut log, mut waiting) = (None, None);
        for (at, step) in self.steps.iter().enumerate() {
            match step {
                Step::Wrote { fd, bytes, .. } if log.is_none() && is_log(disk.name(*fd)) => {
                    log = find(bytes, text.as_bytes()).map(|_| *fd);
                }
                Step::SyncBegan { thread, fd } if log == Some(*fd) => waiting = Some(*thread),
                Step::SyncEnded { thread } if waiting == Some(*thread) => return Some(at),
                _ => {}
            }
            disk.take(step);
        }
        None
    }

    /// Syncs from the first post to that step.
    pub(crate) fn syncs_until(&self, end: usize) -> usize {
        let mut disk = Disk::new(&self.state);
        let (mut is_posted, mut count) = (false, 0);
        for step in &self.steps[..end] {
            match step {
                Step::Read { bytes, .. } if bytes.starts_with(POST) => is_posted = true,
                Step::SyncBegan { fd, .. } if is_posted && disk.has(*fd) => count += 1,
                _ => {}
            }
            disk.take(step);
        }
        count
    }

    /// Whether what the log holds was written to the database while the host ran, and not only at its end.
    pub(crate) fn wrote_back(&self) -> bool {
        let mut disk = Disk::new(&self.state);
        let mut has_written = false;
        let last = self.words().last().map_or(0, |(at, _)| *at);
        let mut is_posted = false;
        for step in &self.steps[..last] {
            match step {
                Step::Read { bytes, .. } if bytes.starts_with(POST) => is_posted = true,
                Step::Wrote { fd, .. } if is_posted => {
                    has_written |= disk.name(*fd) == Some(Path::new("bellwether.db"));
                }
                _ => {}
            }
            disk.take(step);
        }
        has_written
    }

    /// Bytes written to the log.
    pub(crate) fn log(&self) -> usize {
        let mut disk = Disk::new(&self.state);
        let mut written = 0;
        for step in &self.steps {
            match step {
                Step::Wrote { fd, bytes, .. } if is_log(disk.name(*fd)) => written += bytes.len(),
                _ => {}
            }
            disk.take(step);
        }
        written
    }
}

fn is_log(name: Option<&Path>) -> bool {
    name == Some(Path::new("bellwether.db-wal"))
}
