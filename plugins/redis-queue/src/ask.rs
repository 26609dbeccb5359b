//! Commands with what is to be done with their answers, and the round trips that carry them.
//!
//! Flows in: the first questions of a run. Flows out: a filled-in [`Picture`]. An answer may raise further questions; those
//! travel together in the next round trip. What a command means is not known here.

use bellwether_sdk::{
    context,
    redis::{self, Info, Reply},
};

use crate::picture::Picture;

/// Most round trips of one run. Two or three are usual; only a first search through the keyspace takes more.
const ROUND_TRIPS_MAX: usize = 64;

/// Most commands of one round trip; what is more goes with the next one. The host takes twice as many, up to a MiB.
const COMMANDS_MAX: usize = 5_000;

/// Milliseconds that must be left to begin another round trip; below, what is known is reported.
const REMAINING_MIN_MS: u128 = 50;

/// Most bytes of all answers of one run: jobs can be large, and reading a megabyte of them takes some 20 ms of a run's CPU time.
const ANSWERS_BYTES_MAX: usize = 24 << 20;

/// What is done with an answer that is no error. What it returns is asked in the next round trip.
pub(crate) type Then = Box<dyn FnOnce(Reply, &mut Picture) -> Vec<Ask>>;

/// What is done when Redis says that the key is not there.
type Without = Box<dyn FnOnce(&mut Picture)>;

/// How Redis refuses a command on a key that is not there, where that is an error (`XINFO`).
const NO_SUCH_KEY: &str = "ERR no such key";

/// One command, and what to do with its answer.
pub(crate) struct Ask {
    pub(crate) words: Vec<String>,
    then: Then,
    without: Option<Without>,
    /// Its answer did not fit beside others once.
    is_again: bool,
}

impl Ask {
    /// A command whose answer may raise more.
    pub(crate) fn then<W: Into<String>>(
        words: impl IntoIterator<Item = W>,
        then: impl FnOnce(Reply, &mut Picture) -> Vec<Self> + 'static,
    ) -> Self {
        Self {
            words: words.into_iter().map(Into::into).collect(),
            then: Box::new(then),
            without: None,
            is_again: false,
        }
    }

    /// That the key is not there is no refusal, but news of its own.
    pub(crate) fn or_without_key(mut self, without: impl FnOnce(&mut Picture) + 'static) -> Self {
        self.without = Some(Box::new(without));
        self
    }

    /// A command whose answer is only written down.
    pub(crate) fn note<W: Into<String>>(
        words: impl IntoIterator<Item = W>,
        note: impl FnOnce(Reply, &mut Picture) + 'static,
    ) -> Self {
        Self::then(words, move |reply, picture| {
            note(reply, picture);
            Vec::new()
        })
    }
}

/// Asks until nothing is left to ask. An error only when the first round trip fails: then nothing is known at all. Later,
/// the picture says what is missing.
pub(crate) fn all(asks: Vec<Ask>, picture: &mut Picture) -> Result<(), redis::Error> {
    let mut bytes = 0;
    let mut asks = round_trip(asks, picture, &mut bytes)?;
    for _ in 1..ROUND_TRIPS_MAX {
        if asks.is_empty() {
            return Ok(());
        }
        if context::remaining().as_millis() < REMAINING_MIN_MS {
            picture.cut_short("there was no time left to ask for everything");
            return Ok(());
        }
        if bytes > ANSWERS_BYTES_MAX {
            picture.cut_short(&format!(
                "the answers take more than the {} MiB that one run reads: it holds very large jobs, some of which were not looked into",
                ANSWERS_BYTES_MAX >> 20
            ));
            return Ok(());
        }
        match round_trip(asks, picture, &mut bytes) {
            Ok(more) => asks = more,
            Err(error) => {
                picture.cut_short(&words_for(&error));
                return Ok(());
            }
        }
    }
    if !asks.is_empty() {
        picture.cut_short(&format!(
            "{ROUND_TRIPS_MAX} round trips were not enough to ask for everything"
        ));
    }
    Ok(())
}

fn words_for(error: &redis::Error) -> String {
    match error {
        redis::Error::Denied(reason) => format!("the host refused to ask further: {reason}"),
        redis::Error::Connect(reason) => reason.clone(),
        redis::Error::Authentication(reason) => format!("the log-in was refused midway: {reason}"),
        redis::Error::Timeout => "Redis did not answer in time".to_owned(),
        redis::Error::Protocol(reason) => format!("an answer could not be read: {reason}"),
    }
}

/// What is to be asked next begins with what did not fit this time: alone it may, and if the first of all does not, it never will.
fn round_trip(mut asks: Vec<Ask>, picture: &mut Picture, bytes: &mut usize) -> Result<Vec<Ask>, redis::Error> {
    let mut more = asks.split_off(asks.len().min(COMMANDS_MAX));
    let (replies, info) = send(&asks)?;
    picture.round_trips += 1;
    picture.latency.get_or_insert(latency(&info));
    let mut again = Vec::new();
    for (place, (ask, reply)) in asks.into_iter().zip(replies).enumerate() {
        *bytes = bytes.saturating_add(bytes_of(&reply));
        if reply.is_too_large() && !(place == 0 && ask.is_again) {
            again.push(Ask { is_again: true, ..ask });
            continue;
        }
        match (reply, ask.without) {
            (Reply::Error(message), Some(without)) if message.starts_with(NO_SUCH_KEY) => without(picture),
            (Reply::Error(message), _) => picture.refused(&ask.words, &message),
            (reply, _) => more.extend((ask.then)(reply, picture)),
        }
    }
    again.append(&mut more);
    Ok(again)
}

fn bytes_of(reply: &Reply) -> usize {
    match reply {
        Reply::Bulk(bytes) => bytes.len(),
        Reply::Array(parts) => parts.iter().map(bytes_of).sum(),
        _ => 0,
    }
}

fn latency(info: &Info) -> std::time::Duration {
    std::time::Duration::from_nanos(info.latency_ns)
}

fn send(asks: &[Ask]) -> Result<(Vec<Reply>, Info), redis::Error> {
    let words: Vec<Vec<&str>> = asks
        .iter()
        .map(|ask| ask.words.iter().map(String::as_str).collect())
        .collect();
    let commands: Vec<&[&str]> = words.iter().map(Vec::as_slice).collect();
    redis::pipeline(crate::SLOT, &commands)
}
