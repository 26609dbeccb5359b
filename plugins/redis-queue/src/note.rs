//! The questions that most backends ask, each with where its answer belongs.

use bellwether_sdk::redis::Reply;

use crate::{
    ask::Ask,
    picture::{Picture, Queue, State},
    reply::{count, scored, yes},
};

/// A command, and a number that goes where `put` says.
fn counted<const N: usize>(queue: &str, words: [&str; N], put: impl FnOnce(&mut Queue, u64) + 'static) -> Ask {
    let queue = queue.to_owned();
    Ask::note(words, move |reply, picture| {
        if let Some(number) = count(&reply) {
            put(picture.queue(&queue), number);
        }
    })
}

/// How many jobs are in a state.
pub(crate) fn depth<const N: usize>(queue: &str, state: State, words: [&str; N]) -> Ask {
    counted(queue, words, move |queue, jobs| queue.set_depth(state, jobs))
}

/// The length of one of several lists that make up the waiting jobs.
pub(crate) fn part<const N: usize>(picture: &mut Picture, queue: &str, name: &str, words: [&str; N]) -> Ask {
    picture.queue(queue).expect_part(name);
    let name = name.to_owned();
    counted(queue, words, move |queue, jobs| queue.set_part(&name, jobs))
}

/// How many delayed jobs should have been moved long ago. Added up, when a queue has several such sets.
pub(crate) fn overdue<const N: usize>(queue: &str, words: [&str; N]) -> Ask {
    counted(queue, words, |queue, jobs| *queue.overdue.get_or_insert(0) += jobs)
}

/// A total of jobs that were done, well or not. What was never counted is 0.
pub(crate) fn processed<const N: usize>(queue: &str, words: [&str; N]) -> Ask {
    total(queue, words, |queue, jobs| queue.processed = Some(jobs))
}

/// A total of jobs that failed. What was never counted is 0.
pub(crate) fn failures<const N: usize>(queue: &str, words: [&str; N]) -> Ask {
    total(queue, words, |queue, jobs| queue.failures = Some(jobs))
}

fn total<const N: usize>(queue: &str, words: [&str; N], put: fn(&mut Queue, u64)) -> Ask {
    let queue = queue.to_owned();
    Ask::note(words, move |reply, picture| {
        let number = if reply == Reply::Nil { Some(0) } else { count(&reply) };
        if let Some(number) = number {
            put(picture.queue(&queue), number);
        }
    })
}

/// Whether a queue is paused, by a command that answers yes or no.
pub(crate) fn paused<const N: usize>(queue: &str, words: [&str; N]) -> Ask {
    let queue = queue.to_owned();
    Ask::note(words, move |reply, picture| {
        picture.queue(&queue).paused = Some(yes(&reply));
    })
}

/// Since when the oldest job waits, by a command that answers with a text holding that time.
pub(crate) fn waits_since<W: Into<String>>(
    queue: &str,
    words: impl IntoIterator<Item = W>,
    read: impl Fn(&str) -> Option<f64> + 'static,
) -> Ask {
    since(queue, words, read, Queue::waits_since)
}

/// Since when the oldest job is in flight, likewise.
pub(crate) fn in_flight_since<W: Into<String>>(
    queue: &str,
    words: impl IntoIterator<Item = W>,
    read: impl Fn(&str) -> Option<f64> + 'static,
) -> Ask {
    since(queue, words, read, Queue::in_flight_since)
}

fn since<W: Into<String>>(
    queue: &str,
    words: impl IntoIterator<Item = W>,
    read: impl Fn(&str) -> Option<f64> + 'static,
    put: fn(&mut Queue, f64),
) -> Ask {
    let queue = queue.to_owned();
    Ask::note(words, move |reply, picture| {
        if let Some(at) = reply.text().and_then(read) {
            put(picture.queue(&queue), at);
        }
    })
}

/// The smallest score of a sorted set, handed over when there is one.
pub(crate) fn first_score(queue: &str, key: &str, put: impl FnOnce(&mut Queue, f64) + 'static) -> Ask {
    let queue = queue.to_owned();
    Ask::note(["ZRANGE", key, "0", "0", "WITHSCORES"], move |reply, picture| {
        if let Some((_, score)) = scored(reply).first() {
            put(picture.queue(&queue), *score);
        }
    })
}
