//! A mail server that does as it is told, in threads of its own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::support::host::PATIENCE;

/// How it behaves towards whoever connects next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Takes everything.
    Takes,
    /// Ends each connection before a word is said.
    Gone,
    /// Refuses each recipient for good.
    Refuses,
    /// Takes the email and never says so.
    Hangs,
}

/// The server, and what it took.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    mood: Mutex<Mood>,
    titles: Mutex<Vec<String>>,
    news: Condvar,
    connections: AtomicUsize,
    contents: AtomicUsize,
}

impl Post {
    pub(crate) fn open(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            mood: Mutex::new(mood),
            titles: Mutex::default(),
            news: Condvar::new(),
            connections: AtomicUsize::new(0),
            contents: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&shared);
        // Ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&serving);
                shared.connections.fetch_add(1, Ordering::SeqCst);
                // Whoever hangs up meanwhile is no matter of ours.
                std::thread::spawn(move || drop(shared.talk(&stream)));
            }
        });
        Self { port, shared }
    }

    pub(crate) fn turn(&self, mood: Mood) {
        *self.shared.mood.lock().expect("no panic") = mood;
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until there were so many.
    pub(crate) fn until_connections(&self, least: usize) {
        until(|| self.connections() >= least);
    }

    /// Waits until a whole email was sent here, taken or not.
    pub(crate) fn until_contents(&self, least: usize) {
        until(|| self.shared.contents.load(Ordering::SeqCst) >= least);
    }

    /// Titles of all that was taken.
    pub(crate) fn titles(&self) -> Vec<String> {
        self.shared.titles.lock().expect("no panic").clone()
    }

    /// Waits for an email whose title begins so, among all that were taken.
    pub(crate) fn takes(&self, start: &str) {
        self.takes_times(start, 1);
    }

    /// As [`Self::takes`], for so many of them.
    pub(crate) fn takes_times(&self, start: &str, times: usize) {
        let titles = self.shared.titles.lock().expect("no panic");
        let lacks = |titles: &mut Vec<String>| crate::count(titles, start) < times;
        let waited = self.shared.news.wait_timeout_while(titles, PATIENCE, lacks);
        let (titles, result) = waited.expect("no panic");
        assert!(!result.timed_out(), "no {times} × {start:?} among {titles:#?}");
    }
}

fn until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never came to that");
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Shared {
    fn talk(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mood = *self.mood.lock().expect("no panic");
        if mood == Mood::Gone {
            return Ok(());
        }
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut said = stream;
        said.write_all(b"220 post.example.com\r\n")?;
        let mut lines = BufReader::new(stream).lines();
        while let Some(line) = lines.next().transpose()? {
            let answer = match line.get(..4).unwrap_or(&line).to_ascii_uppercase().as_str() {
                "RCPT" if mood == Mood::Refuses => "550 5.1.1 nobody of that name",
                "DATA" => {
                    said.write_all(b"354 go on\r\n")?;
                    let email: Vec<String> = lines
                        .by_ref()
                        .map_while(Result::ok)
                        .take_while(|line| line != ".")
                        .collect();
                    self.contents.fetch_add(1, Ordering::SeqCst);
                    if mood == Mood::Hangs {
                        // Until the other side has had enough.
                        while lines.next().is_some_and(|line| line.is_ok()) {}
                        return Ok(());
                    }
                    self.titles.lock().expect("no panic").push(title(&email));
                    self.news.notify_all();
                    "250 2.0.0 taken"
                }
                "QUIT" => {
                    said.write_all(b"221 2.0.0 bye\r\n")?;
                    return Ok(());
                }
                _ => "250 2.0.0 good",
            };
            said.write_all(format!("{answer}\r\n").as_bytes())?;
        }
        Ok(())
    }
}

/// What stands in `Subject`, unfolded. Titles here are short ASCII.
fn title(email: &[String]) -> String {
    let head = email.iter().take_while(|line| !line.is_empty());
    let mut rest = head.skip_while(|line| !line.starts_with("Subject: "));
    let first = rest.next().map_or("", |line| line.trim_start_matches("Subject: "));
    let more = rest.take_while(|line| line.starts_with(' '));
    more.fold(first.to_owned(), |title, line| format!("{title} {}", line.trim_start()))
}
