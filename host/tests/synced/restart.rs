//! Hosts that begin with what a power failure left, and whether they go on as if nothing had happened.
//!
//! Flows in: a recording and moments of it. Flows out: for each broken guarantee a line that says after which failure.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    disk::Luck,
    hook::{Heard, Hook},
    oracle,
    recording::{Recording, Word, configuration, heard, now},
    stream::{Episode, post},
    support::{
        dice::Dice,
        host::{PATIENCE, Place},
    },
};

/// How long after the failure everything must have been told.
const SETTLE: Duration = Duration::from_secs(60);

/// Power fails before this step.
pub(crate) struct Moment {
    step: usize,
    luck: Luck,
    place: Place,
}

/// So many by chance from the whole life of the host, half of them just after something was said; with what each leaves.
pub(crate) fn moments(recording: &Recording, count: u64, dice: &mut Dice) -> Vec<Moment> {
    let words = recording.words();
    let first = words.first().expect("something was said").0;
    let mut steps: Vec<usize> = (0..count)
        .map(|number| {
            if number % 2 == 0 {
                first + below(dice, recording.steps.len() - first)
            } else {
                words[below(dice, words.len())].0 + 1
            }
        })
        .collect();
    steps.sort_unstable();
    let lucks = [Luck::Nothing, Luck::Some(1), Luck::Some(2), Luck::Some(3), Luck::All];
    let mut moments = Vec::new();
    recording.disks(&steps, |step, disk| {
        let luck = lucks[below(dice, lucks.len())];
        let place = Place::new("");
        disk.leave(&place.path("state"), luck, dice);
        moments.push(Moment { step, luck, place });
    });
    moments
}

fn below(dice: &mut Dice, end: usize) -> usize {
    usize::try_from(dice.below(end as u64)).expect("of this machine")
}

/// A line for each broken guarantee; so many hosts run at a time.
pub(crate) fn judge(recording: &Recording, moments: Vec<Moment>, hosts: usize) -> Vec<String> {
    let (next, problems) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(moment) = moments.get(next.fetch_add(1, Ordering::SeqCst)) {
            let found = after(recording, moment);
            let named = found.into_iter().map(|problem| {
                format!(
                    "power failed before step {} ({:?}): {problem}",
                    moment.step, moment.luck
                )
            });
            problems.lock().expect("no panic").extend(named);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..hosts {
            scope.spawn(work);
        }
    });
    problems.into_inner().expect("no panic")
}

/// What was known to the world when power failed.
struct World {
    /// What began, and ended where that was acknowledged.
    story: Vec<Episode>,
    /// Messages that the receiver may have.
    heard: Vec<Heard>,
    /// Those of them of which the host knows that it has them.
    answered: BTreeSet<String>,
}

impl World {
    /// As it was, and what was posted and not acknowledged yet: that is posted again.
    fn at(recording: &Recording, step: usize) -> (Self, Option<Episode>) {
        let mut world = Self {
            story: Vec::new(),
            heard: Vec::new(),
            answered: BTreeSet::new(),
        };
        let mut posts = recording.posts.iter().cloned();
        for (_, word) in recording.words().into_iter().take_while(|(at, _)| *at < step) {
            match word {
                Word::Acknowledged => world.tell(posts.next().expect("as many posts")),
                Word::Answered(id) => {
                    world.answered.insert(id);
                }
                Word::Message(id) => {
                    let mut all = recording.heard.iter();
                    world.heard.extend(all.find(|heard| heard.id == id).cloned());
                }
            }
        }
        (world, posts.next())
    }

    fn tell(&mut self, episode: Episode) {
        match self.story.iter_mut().find(|known| known.member == episode.member) {
            Some(known) => *known = episode,
            None => self.story.push(episode),
        }
    }

    /// Together with what came after the failure.
    fn heard_with(&self, after: &[Heard]) -> Vec<Heard> {
        let after = after.iter().map(|heard| Heard {
            crashes: 1,
            ..heard.clone()
        });
        self.heard.iter().cloned().chain(after).collect()
    }

    /// What goes on and was not told, by those who certainly have it.
    fn untold(&self, after: &[Heard]) -> Vec<String> {
        let certain = self.heard.iter().filter(|heard| self.answered.contains(&heard.id));
        let told: BTreeSet<String> = certain.chain(after).flat_map(members).collect();
        let open = self.story.iter().filter(|episode| episode.ends.is_none());
        open.filter(|episode| !told.contains(&episode.member))
            .map(|episode| format!("{episode:?} was acknowledged and nobody was told"))
            .collect()
    }
}

fn members(heard: &Heard) -> Vec<String> {
    let alerts = heard.body["alerts"].as_array().expect("alerts");
    alerts
        .iter()
        .map(|alert| alert["labels"]["member"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The host begins with what was left; whoever posts posts on; in the end all is over.
fn after(recording: &Recording, moment: &Moment) -> Vec<String> {
    let hook = Hook::open(0);
    hook.behave();
    hook.note_crash();
    moment.place.configure(&configuration(&hook));
    let host = moment.place.run();
    let (mut world, pending) = World::at(recording, moment.step);
    let address = host.address();
    if let Some(pending) = pending {
        assert!(post(address, &pending, PATIENCE).is_some(), "it does not answer");
        world.tell(pending);
    }
    let mut problems = hook.eventually(SETTLE, |after| world.untold(after));
    let open: Vec<Episode> = world
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
        assert!(post(address, &ended, PATIENCE).is_some(), "it does not answer");
        world.tell(ended);
    }
    problems.extend(hook.eventually(SETTLE, |after| oracle::judge(&world.story, &world.heard_with(after))));
    host.stop();
    // What comes while it stops is judged too.
    problems.extend(oracle::judge(&world.story, &world.heard_with(&heard(&hook))));
    let aside = std::fs::read_dir(moment.place.path("state"))
        .expect("a directory")
        .flatten();
    let aside = aside.filter(|file| file.file_name().to_string_lossy().contains("corrupt"));
    problems.extend(aside.map(|file| format!("it set {} aside", file.path().display())));
    problems.sort();
    problems.dedup();
    problems
}
