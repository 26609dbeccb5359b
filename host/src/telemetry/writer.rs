//! Lines on their way to standard error, written by a thread of its own.
//!
//! Owns what was said and is not written yet. Flows in: whole lines, from any thread, which never wait: whoever reads the
//! other end of the pipe may have stopped, and a host that waits for a reader of its log answers no scrape and no signal.
//! Flows out: the same lines in the same order, or how many of them were lost. It knows nothing about events; the log
//! lends it the words for a loss.

use std::{
    fmt,
    io::{ErrorKind, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::supervisor::Supervisor;

/// Bytes that wait to be written; as many again may be in the writer's hands. Some four thousand lines: a journal that
/// pauses for seconds loses none of a host at work, and a reader that is gone costs 2 MiB. A line is taken whole when
/// nothing else waits, so that no length of a line is refused for good.
const QUEUE_BYTES: usize = 1 << 20;

/// Standard error may be set to answer "not now" by whoever shares it; the writer asks again after this.
const RETRY: Duration = Duration::from_millis(20);

/// Says how many lines are missing here, as a whole line.
type Notice = Box<dyn Fn(u64) -> String + Send>;

#[derive(Default)]
struct Queue {
    text: Vec<u8>,
    /// Lines that found no room behind `text`.
    lost: u64,
    /// Lines lost that nobody has counted yet.
    uncounted: u64,
    /// A batch is being written.
    writing: bool,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something is there to be written, or nothing will be any more.
    filled: Condvar,
    /// All that was there is written.
    drained: Condvar,
    notice: Mutex<Option<Notice>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands lines to the thread that writes them. Cheap to clone; when the last is dropped, the thread writes what is left
/// and ends.
#[derive(Clone)]
pub struct LogWriter(Arc<Handle>);

struct Handle(Arc<Shared>);

impl fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogWriter").finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        lock(&self.0.queue).closed = true;
        self.0.filled.notify_one();
    }
}

impl LogWriter {
    /// Writes to `out`, on a thread that no supervisor of tasks waits for: it outlives them all, to tell how they ended.
    pub fn start(out: impl Write + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        // A panic here would be one of `out`; there is nowhere left to report it.
        Supervisor::new(|_| {}).thread("log", move || of_thread.work(out))?;
        Ok(Self(Arc::new(Handle(shared))))
    }

    /// A line for a person, between those of the log. Never waits; lost and counted with them when there is no room.
    pub fn note(&self, text: &str) {
        drop(self.0.0.push(&format!("{text}\n")));
    }

    /// A whole line with its end. Never waits. Gives the number of lines lost that was given to nobody before, this one
    /// perhaps among them.
    pub(super) fn line(&self, line: &str) -> u64 {
        let mut queue = self.0.0.push(line);
        mem::take(&mut queue.uncounted)
    }

    /// How to say that lines were lost; in plain words until this is called.
    pub(super) fn on_loss(&self, notice: impl Fn(u64) -> String + Send + 'static) {
        *lock(&self.0.0.notice) = Some(Box::new(notice));
    }

    /// Waits until everything said before is written, up to `patience`. Whether it is.
    pub fn flush(&self, patience: Duration) -> bool {
        let queue = lock(&self.0.0.queue);
        let unwritten = |queue: &mut Queue| queue.writing || queue.is_waiting();
        let waited = self.0.0.drained.wait_timeout_while(queue, patience, unwritten);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Queue {
    fn is_waiting(&self) -> bool {
        !self.text.is_empty() || self.lost > 0
    }

    /// Once a line is lost, so are those after it until there is room for a word about it: what is written has no hole
    /// that is not marked.
    fn has_room_for(&self, line: &str) -> bool {
        self.lost == 0 && (self.text.is_empty() || self.text.len() + line.len() <= QUEUE_BYTES)
    }
}

impl Shared {
    fn push(&self, line: &str) -> MutexGuard<'_, Queue> {
        let mut queue = lock(&self.queue);
        if queue.has_room_for(line) {
            queue.text.extend_from_slice(line.as_bytes());
        } else {
            queue.lost += 1;
            queue.uncounted += 1;
        }
        self.filled.notify_one();
        queue
    }

    fn work(&self, mut out: impl Write) {
        while let Some((text, lost)) = self.next() {
            let unwritten = write(&mut out, &text);
            if lost > 0 && unwritten == 0 {
                // What was lost is counted; the word about it is none of the lines.
                let _ = write(&mut out, self.words_for(lost).as_bytes());
            }
            let _ = out.flush();
            let mut queue = lock(&self.queue);
            queue.writing = false;
            queue.uncounted += unwritten;
            if !queue.is_waiting() {
                self.drained.notify_all();
            }
        }
    }

    /// All that waits, and how many lines are missing after it. `None`: there will be no more.
    fn next(&self) -> Option<(Vec<u8>, u64)> {
        let queue = lock(&self.queue);
        let idle = |queue: &mut Queue| !queue.closed && !queue.is_waiting();
        let waited = self.filled.wait_while(queue, idle);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
        if !queue.is_waiting() {
            return None;
        }
        queue.writing = true;
        Some((mem::take(&mut queue.text), mem::take(&mut queue.lost)))
    }

    fn words_for(&self, lost: u64) -> String {
        match &*lock(&self.notice) {
            Some(notice) => notice(lost),
            None => format!("{lost} lines were lost here: they were not read fast enough\n"),
        }
    }
}

/// Writes all of `text`, however long that takes. Gives the number of lines that could not be written: a log that cannot
/// be written has nowhere to say so.
fn write(out: &mut impl Write, mut text: &[u8]) -> u64 {
    while !text.is_empty() {
        match out.write(text) {
            Ok(0) => break,
            Ok(written) => text = &text[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::park_timeout(RETRY),
            Err(_) => break,
        }
    }
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::mpsc::{Receiver, SyncSender, sync_channel},
    };

    use super::*;

    /// Far more than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A pipe: every write waits until the test takes it.
    struct Pipe(SyncSender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let sent = self.0.send(bytes.to_vec());
            sent.map(|()| bytes.len()).map_err(|_| ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pipe() -> (LogWriter, Receiver<Vec<u8>>) {
        let (send, receive) = sync_channel(0);
        (LogWriter::start(Pipe(send)).expect("a thread"), receive)
    }

    fn next(reader: &Receiver<Vec<u8>>) -> String {
        String::from_utf8(reader.recv_timeout(PATIENCE).expect("a batch")).expect("text")
    }

    #[test]
    fn nobody_waits_for_a_reader_and_what_found_no_room_is_told_in_its_place() {
        let (writer, reader) = pipe();
        writer.on_loss(|lost| format!("lost {lost}\n"));
        writer.note("taken");
        let is_taken = |_| !writer.flush(Duration::from_millis(10)) && lock(&writer.0.0.queue).writing;
        assert!((0..1000).any(is_taken), "the thread never came");
        let line = format!("{}\n", "x".repeat(1023));
        let room = QUEUE_BYTES / line.len();
        let counted: u64 = (0..room + 100).map(|_| writer.line(&line)).sum();
        assert_eq!(counted, 100);
        assert!(!writer.flush(Duration::from_millis(10)), "nobody has read");

        assert_eq!(next(&reader), "taken\n");
        assert_eq!(next(&reader), line.repeat(room));
        assert_eq!(next(&reader), "lost 100\n");
        assert!(writer.flush(PATIENCE));
        assert_eq!(writer.line("more\n"), 0);
        assert_eq!(next(&reader), "more\n", "there is room again");
    }

    #[test]
    fn a_flush_waits_for_every_line_and_a_drop_writes_what_is_left() {
        let (writer, reader) = pipe();
        let listener = Supervisor::new(|_| {})
            .thread("reader", move || reader.iter().flatten().collect::<Vec<u8>>())
            .expect("a thread");
        for number in 0..100 {
            assert_eq!(writer.line(&format!("{number}\n")), 0);
        }
        assert!(writer.flush(PATIENCE));
        writer.note("the last");
        drop(writer);
        let heard = String::from_utf8(listener.join().expect("ends").expect("no panic")).expect("text");
        let wanted: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert_eq!(heard, wanted + "the last\n");
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let (writer, reader) = pipe();
        drop(reader);
        assert_eq!(writer.line("one\n"), 0);
        assert!(writer.flush(PATIENCE), "given up is done");
        assert_eq!(writer.line("two\n"), 1);
    }

    #[test]
    fn a_line_longer_than_the_queue_is_written_when_nothing_else_waits() {
        let (writer, reader) = pipe();
        let long = format!("{}\n", "x".repeat(2 * QUEUE_BYTES));
        assert_eq!(writer.line(&long), 0);
        assert_eq!(next(&reader), long);
    }

    #[test]
    fn a_stream_that_says_not_now_is_asked_again() {
        struct Reluctant(Pipe, bool);
        impl Write for Reluctant {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.1 = !self.1;
                if self.1 {
                    return Err(ErrorKind::WouldBlock.into());
                }
                self.0.write(&bytes[..bytes.len().min(2)])
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (send, reader) = sync_channel(0);
        let writer = LogWriter::start(Reluctant(Pipe(send), false)).expect("a thread");
        writer.note("abc");
        assert_eq!(next(&reader) + &next(&reader), "abc\n");
    }
}
