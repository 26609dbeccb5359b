//! Hosts that begin with what a power failure left, and whether they go on as if nothing had happened.
//!
//! Flows in: a recording and moments of it. Flows out: for each broken guarantee a line that says after which failure.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
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
    recording::{Post, Recording, Word, configuration, heard, now},
    silences::{self, Silence},
    stream::{Episode, post},
    support::{
        dice::Dice,
        host::{PATIENCE, Place},
    },
};

/// What may be there of that which was not synced.
pub(crate) const LUCKS: [Luck; 5] = [Luck::Nothing, Luck::Some(1), Luck::Some(2), Luck::Some(3), Luck::All];

/// Power fails before this step.
pub(crate) struct Moment {
    step: usize,
    luck: Luck,
    place: Place,
}

/// So many by chance from the whole life of the host, half of them just after something was said; with what each leaves.
pub(crate) fn moments(recording: &Recording, count: u64, lucks: &[Luck], dice: &mut Dice) -> Vec<Moment> {
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

/// A line for each broken guarantee; so many hosts run at a time, and everything must be told within `settle`. After the first failure
/// that costs something no other is looked at: each would wait in vain as long.
pub(crate) fn judge(recording: &Recording, moments: &[Moment], hosts: usize, settle: Duration) -> Vec<String> {
    let words = recording.words();
    let (next, problems) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(moment) = moments.get(next.fetch_add(1, Ordering::SeqCst)) {
            let found = after(recording, &words, moment, settle);
            let about = format!("power failed before step {} ({:?})", moment.step, moment.luck);
            if !found.is_empty() {
                next.store(moments.len(), Ordering::SeqCst);
            }
            let named = found.into_iter().map(|problem| format!("{about}: {problem}"));
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
#[derive(Default)]
struct World {
    /// What began, and ended where that was acknowledged.
    story: Vec<Episode>,
    /// As they were acknowledged.
    silences: Vec<Silence>,
    /// Messages that the receiver may have.
    heard: Vec<Heard>,
    /// Those of them of which the host knows that it has them.
    answered: BTreeSet<String>,
}

impl World {
    /// As it was, and what was posted and not acknowledged yet.
    fn at(recording: &Recording, words: &[(usize, Word)], step: usize) -> (Self, Option<Post>) {
        let mut world = Self::default();
        let mut posts = recording.posts.iter().cloned();
        for (_, word) in words.iter().take_while(|(at, _)| *at < step) {
            match word {
                Word::Acknowledged => match posts.next().expect("as many posts") {
                    Post::Alert(episode) => world.tell(episode),
                    Post::Silence(silence) => world.silences.push(silence),
                },
                Word::Answered(id) => {
                    world.answered.insert(id.clone());
                }
                Word::Message(id) => {
                    let mut all = recording.heard.iter();
                    world.heard.extend(all.find(|heard| heard.id == *id).cloned());
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

    /// It is posted, and acknowledged.
    fn say(&mut self, host: SocketAddr, episode: Episode) {
        assert!(post(host, &episode, PATIENCE).is_some(), "it does not answer");
        self.tell(episode);
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
fn after(recording: &Recording, words: &[(usize, Word)], moment: &Moment, settle: Duration) -> Vec<String> {
    let hook = Hook::open(0);
    hook.behave();
    hook.note_crash();
    moment.place.configure(&configuration(&hook));
    let host = moment.place.run();
    let (mut world, pending) = World::at(recording, words, moment.step);
    let pending = match pending {
        Some(Post::Alert(episode)) => {
            world.say(host.address(), episode);
            None
        }
        Some(Post::Silence(silence)) => Some(silence),
        None => None,
    };
    let mut problems = silences::lost(host.address(), &world.silences, pending.as_ref());
    problems.extend(hook.eventually(settle, |after| world.untold(after)));
    let open = world.story.iter().filter(|episode| episode.ends.is_none());
    for episode in open.cloned().collect::<Vec<_>>() {
        let ends = Some(now());
        world.say(host.address(), Episode { ends, ..episode });
    }
    problems.extend(hook.eventually(settle, |after| oracle::judge(&world.story, &world.heard_with(after))));
    host.stop();
    // What comes while it stops is judged too.
    problems.extend(oracle::judge(&world.story, &world.heard_with(&heard(&hook))));
    problems.extend(set_aside(&moment.place.path("state")));
    problems.sort();
    problems.dedup();
    problems
}

/// A line for each database that was taken for broken.
fn set_aside(state: &Path) -> Vec<String> {
    let files = std::fs::read_dir(state).expect("a directory").flatten();
    let aside = files.filter(|file| file.file_name().to_string_lossy().contains("corrupt"));
    aside
        .map(|file| format!("it set {} aside", file.path().display()))
        .collect()
}
