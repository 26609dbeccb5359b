//! The oldest job of a list from which workers take at one end, and where some jobs are put in at that end, before all others.
//!
//! Flows in: the list and how to ask when a job was put in. Flows out: since when the oldest waits, or that it cannot be known.
//! Jobs that jumped the line stand newest first, and behind them the others oldest first: towards the oldest job they get older,
//! and behind it younger again. So two jobs at the end tell whether the first is the oldest; only where it is not are more read.

use std::{cell::RefCell, rc::Rc};

use bellwether_sdk::redis::Reply;

use crate::{ask::Ask, picture::Picture, reply::texts, settings::End, when};

/// Jobs that are looked at first: as long as none jumped the line, these are enough.
const FIRST: usize = 2;

/// Most jobs that are looked at where some jumped the line, each with a command of its own.
const MOST: usize = 100;

/// The command that answers when a job was put in, by its id.
type Time = Box<dyn Fn(&str) -> [String; 3]>;

/// One list.
pub(super) struct Line {
    pub(super) queue: String,
    pub(super) list: String,
    /// Where workers take.
    pub(super) taken: End,
    /// Elements at that end that begin so are no jobs; the part of the waiting jobs whose length they falsify.
    pub(super) marker: Option<(&'static str, &'static str)>,
    pub(super) time: Time,
}

/// What the times of the first jobs tell.
#[derive(Debug, PartialEq)]
enum Oldest {
    At(f64),
    /// It stands further behind.
    Further,
    /// There is no job, or no time of any.
    Nothing,
}

impl Line {
    pub(super) fn ask(self) -> Ask {
        look(&Rc::new(self), FIRST)
    }

    /// As many elements from the end, outermost first.
    fn words(&self, count: usize) -> [String; 4] {
        let (first, last) = match self.taken {
            End::Left => ("0".to_owned(), (count - 1).to_string()),
            End::Right => (format!("-{count}"), "-1".to_owned()),
        };
        ["LRANGE".to_owned(), self.list.clone(), first, last]
    }

    /// The jobs of an answer, outermost first, and whether there are no more.
    fn jobs(&self, reply: Reply, count: usize, picture: &mut Picture) -> (Vec<String>, bool) {
        let mut jobs = texts(reply);
        let complete = jobs.len() < count;
        if matches!(self.taken, End::Right) {
            jobs.reverse();
        }
        let Some((marker, part)) = self.marker else {
            return (jobs, complete);
        };
        if jobs.first().is_some_and(|job| job.starts_with(marker)) {
            jobs.remove(0);
            // The length is corrected once, however often the list is looked at.
            if count == FIRST {
                picture.queue(&self.queue).shorten_part(part);
            }
        }
        (jobs, complete)
    }
}

fn look(line: &Rc<Line>, count: usize) -> Ask {
    let line = Rc::clone(line);
    Ask::then(line.words(count), move |reply, picture| {
        let (jobs, complete) = line.jobs(reply, count, picture);
        times(&line, &jobs, complete, count)
    })
}

/// Asks for the time of each; the last answer decides.
fn times(line: &Rc<Line>, jobs: &[String], complete: bool, count: usize) -> Vec<Ask> {
    let known = Rc::new(RefCell::new(Vec::with_capacity(jobs.len())));
    let total = jobs.len();
    let ask = |job: &String| {
        let (line, known) = (Rc::clone(line), Rc::clone(&known));
        Ask::then((line.time)(job), move |reply, picture| {
            known.borrow_mut().push(reply.text().and_then(when::from_text));
            if known.borrow().len() < total {
                return Vec::new();
            }
            settle(&line, &known.borrow(), complete, count, picture)
        })
    };
    jobs.iter().map(ask).collect()
}

fn settle(line: &Rc<Line>, times: &[Option<f64>], complete: bool, count: usize, picture: &mut Picture) -> Vec<Ask> {
    let queue = picture.queue(&line.queue);
    match oldest(times, complete) {
        Oldest::At(at) => queue.waits_since(at),
        Oldest::Further if count == FIRST => return vec![look(line, MOST)],
        Oldest::Further => queue.hide_waiting_since(),
        Oldest::Nothing => {}
    }
    Vec::new()
}

/// The first time behind which they get younger again. `complete`: there are no more jobs.
fn oldest(times: &[Option<f64>], complete: bool) -> Oldest {
    let known: Vec<f64> = times.iter().copied().flatten().collect();
    let Some(oldest) = known.iter().copied().reduce(f64::min) else {
        return Oldest::Nothing;
    };
    // Jobs that were put in together may have one time.
    let together = known.len() > 1 && known.iter().all(|at| *at == oldest);
    if complete || together || known.last().is_some_and(|last| *last > oldest) {
        return Oldest::At(oldest);
    }
    Oldest::Further
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_known_once_they_get_younger_again() {
        let of = |times: &[f64], complete| oldest(&times.iter().copied().map(Some).collect::<Vec<_>>(), complete);
        assert_eq!(of(&[1.0, 2.0], false), Oldest::At(1.0), "nobody jumped the line");
        assert_eq!(of(&[2.0, 1.0], false), Oldest::Further);
        assert_eq!(of(&[2.0, 1.0], true), Oldest::At(1.0));
        assert_eq!(of(&[9.0, 8.0, 3.0, 4.0], false), Oldest::At(3.0));
        assert_eq!(of(&[9.0, 8.0, 3.0], false), Oldest::Further);
        assert_eq!(of(&[5.0, 5.0], false), Oldest::At(5.0), "put in together");
        assert_eq!(of(&[], true), Oldest::Nothing);
        assert_eq!(oldest(&[None, Some(4.0)], true), Oldest::At(4.0));
        assert_eq!(
            oldest(&[Some(4.0), None], false),
            Oldest::Further,
            "one alone tells nothing"
        );
    }
}
