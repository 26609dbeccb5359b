//! Kills at every point between keeping, attempting and reporting, and an oracle that knows what really fired.
//!
//! A world of alerts that begin and end; rules that evaluate it and keep their state in the same store, and somebody who posts some of
//! them, as a Prometheus does; receivers that answer well,
//! refuse, ask to wait, take a message and lose the answer, refuse for good, or are down for long. At the end all is quiet, and what each receiver heard is
//! held against the world: nothing is missing, nothing was said to be over that it did not know or that was not over, messages came
//! in order, and a message came again only once for a kill and once for each attempt that it took and did not answer.

use std::time::Duration;

use super::{
    super::{disk_tests::Disk, message::NewsReason, posted::PostedAlert, settings::ReceiverTraits},
    *,
};
use crate::{
    alert::{Alert, AlertState, Annotations, Matcher, ResolveCause},
    rule::outlet::RulesUpdate,
};

const S: i64 = 1_000;
const M: i64 = 60 * S;
const T0: i64 = 1_700_000_000_000;
/// From one look at everything to the next.
const STEP: i64 = 5 * S;
const EVALUATE_EVERY: i64 = 15 * S;
/// From one post of everything that fires to the next, and how long what fires is said to go on.
const POST_EVERY: i64 = M;
const POSTED_FOR: i64 = 4 * M;
/// How long the rules, and who posts, remember what is over.
const MEMORY: i64 = 15 * M;
const RECEIVERS: [&str; 2] = ["ops", "mail"];

/// Numbers that a seed determines.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    /// Once in so many times.
    fn once_in(&mut self, times: u64) -> bool {
        self.roll(times) == 0
    }
}

type Alerts = BTreeMap<Labels, Alert>;

/// The name of alerts that no rule makes.
const POSTED: &str = "P";

fn is_posted(labels: &Labels) -> bool {
    labels.get("alertname").is_some_and(|name| &**name == POSTED)
}

/// What is really the case.
struct World {
    firing: BTreeMap<Labels, bool>,
    /// For each alert, when it changed: the time and whether it fired since.
    past: BTreeMap<Labels, Vec<(i64, bool)>>,
}

impl World {
    fn new() -> Self {
        let all = (0..16).map(|number| {
            let name = if number < 12 {
                format!("A{}", number % 3)
            } else {
                POSTED.to_owned()
            };
            let instance = format!("{number}");
            Labels::new([("alertname", name), ("instance", instance)])
        });
        let firing: BTreeMap<Labels, bool> = all.map(|labels| (labels, false)).collect();
        let past = firing
            .keys()
            .map(|labels| (labels.clone(), vec![(T0, false)]))
            .collect();
        Self { firing, past }
    }

    fn turn(&mut self, dice: &mut Dice, now: i64) {
        for (labels, firing) in &mut self.firing {
            let times = if *firing { 60 } else { 120 };
            if dice.once_in(times) {
                *firing = !*firing;
                self.past.entry(labels.clone()).or_default().push((now, *firing));
            }
        }
    }

    /// Whether an alert fired all the time between.
    fn fired_throughout(&self, labels: &Labels, from: i64, to: i64) -> bool {
        let Some(past) = self.past.get(labels) else {
            return false;
        };
        let before = past.iter().take_while(|(at, _)| *at <= from).last();
        before.is_some_and(|(_, firing)| *firing) && !past.iter().any(|(at, firing)| *at > from && *at <= to && !firing)
    }
}

/// What one receiver heard of one group.
#[derive(Default)]
struct Ear {
    known: BTreeSet<Labels>,
    last: u64,
    twice: u32,
    /// How often the last message may come again: once for a kill, once for each attempt that it took without an answer.
    may_come_again: u32,
    /// Messages that it may have for all the host can tell.
    perhaps: BTreeSet<MessageId>,
    /// What they said, once they were refused for good: the host knows neither that it was heard nor that it was not.
    doubtful: BTreeSet<Labels>,
}

#[derive(Default)]
struct Receiver {
    ears: BTreeMap<Arc<str>, Ear>,
    heard: BTreeSet<MessageId>,
    down_until: i64,
    messages: usize,
}

struct Trial {
    seed: u64,
    dice: Dice,
    world: World,
    core: Core,
    disk: Disk,
    /// Of the rules: in memory, and on disk.
    alerts: Alerts,
    queued_alerts: Option<Alerts>,
    kept_alerts: Alerts,
    is_settled: bool,
    evaluated_at: i64,
    posted_at: i64,
    receivers: BTreeMap<&'static str, Receiver>,
    kills: u32,
    refused_in_doubt: u32,
    now: i64,
    must_keep: bool,
    is_rough: bool,
}

/// The process is gone.
struct Killed;

fn settings() -> Settings {
    let quiet = ReceiverTraits::default();
    Settings {
        receivers: RECEIVERS.map(Into::into).to_vec(),
        known: RECEIVERS.map(|name| (name.into(), quiet)).into(),
        timings: super::super::settings::Timings {
            group_wait: 30 * S,
            group_interval: 2 * M,
            repeat_interval: 30 * M,
        },
        ..Settings::default()
    }
}

impl Trial {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            world: World::new(),
            core: Core::new(settings(), Box::new(|_| Vec::new())),
            disk: Disk::default(),
            alerts: Alerts::new(),
            queued_alerts: None,
            kept_alerts: Alerts::new(),
            is_settled: false,
            evaluated_at: T0,
            posted_at: T0,
            receivers: RECEIVERS.map(|name| (name, Receiver::default())).into(),
            kills: 0,
            refused_in_doubt: 0,
            now: T0,
            must_keep: false,
            is_rough: true,
        }
    }

    fn maybe_killed(&mut self) -> Result<(), Killed> {
        if self.is_rough && self.dice.once_in(400) {
            Err(Killed)
        } else {
            Ok(())
        }
    }

    fn start_anew(&mut self) {
        self.kills += 1;
        self.disk.crash();
        self.queued_alerts = None;
        self.alerts = self.kept_alerts.clone();
        (self.is_settled, self.must_keep) = (false, false);
        for ear in self
            .receivers
            .values_mut()
            .flat_map(|receiver| receiver.ears.values_mut())
        {
            ear.may_come_again = 1;
        }
        for message in self.disk.load().messages {
            let receiver = self.receivers.get_mut(&*message.receiver).unwrap();
            ear(receiver, &message).perhaps.insert(message.id);
        }
        self.now += i64::try_from(self.dice.roll(120)).unwrap() * S;
        self.core = Core::new(settings(), Box::new(|_| Vec::new()));
        self.core.restore(self.disk.load(), self.now);
        self.tell_rules(true);
    }

    fn tell_rules(&mut self, is_whole: bool) {
        let names: BTreeSet<&str> = ["A0", "A1", "A2"].into();
        let rules = names.into_iter().map(|name| {
            let own = self
                .alerts
                .iter()
                .filter(|(labels, _)| labels.get("alertname").is_some_and(|own| **own == *name));
            RuleAlerts {
                key: format!("g;{name};0").into(),
                name: name.into(),
                alerts: Arc::new(own.map(|(labels, alert)| (labels.clone(), alert.clone())).collect()),
                is_settled: self.is_settled,
                generator_url: "".into(),
            }
        });
        let rules = rules.collect();
        self.core.on_rules(RulesUpdate { is_whole, rules }, self.now);
    }

    /// As the rules do: queued for the store before anybody is told.
    fn evaluate(&mut self) {
        if self.now - self.evaluated_at < EVALUATE_EVERY {
            return;
        }
        (self.evaluated_at, self.is_settled) = (self.now, true);
        let now = self.now;
        for (labels, firing) in self.world.firing.iter().filter(|(labels, _)| !is_posted(labels)) {
            let state = self.alerts.get(labels).map(|alert| alert.state);
            match (firing, state) {
                (true, None | Some(AlertState::Resolved)) => {
                    drop(self.alerts.insert(labels.clone(), begun(labels, now)))
                }
                (false, Some(AlertState::Firing)) => {
                    if let Some(alert) = self.alerts.get_mut(labels) {
                        alert.state = AlertState::Resolved;
                        alert.resolved = Some((now, ResolveCause::Condition));
                    }
                }
                _ => {}
            }
        }
        self.alerts
            .retain(|_, alert| alert.resolved.is_none_or(|(at, _)| now - at < MEMORY));
        self.queued_alerts = Some(self.alerts.clone());
        self.tell_rules(false);
    }

    /// As a Prometheus does: all that fires, and what was over a short while ago, again and again.
    fn post(&mut self) {
        if self.now - self.posted_at < POST_EVERY {
            return;
        }
        self.posted_at = self.now;
        let mut posts = Vec::new();
        for (labels, past) in self.world.past.iter().filter(|(labels, _)| is_posted(labels)) {
            let Some((at, firing)) = past.last().filter(|_| past.len() > 1) else {
                continue;
            };
            if !firing && self.now - at >= MEMORY {
                continue;
            }
            posts.push(PostedAlert {
                labels: labels.clone(),
                annotations: Annotations::new(),
                starts_at: None,
                ends_at: Some(if *firing { self.now + POSTED_FOR } else { self.now }),
                generator_url: "".into(),
            });
        }
        assert_eq!(self.core.post(&posts, self.now), []);
    }

    fn commit(&mut self) {
        if let Some(alerts) = self.queued_alerts.take() {
            self.kept_alerts = alerts;
        }
        self.disk.commit();
    }

    fn step(&mut self) -> Result<(), Killed> {
        self.evaluate();
        self.post();
        self.maybe_killed()?;
        self.settle()?;
        for name in RECEIVERS {
            while let Some(message) = self.core.next(name, self.now) {
                self.maybe_killed()?;
                let attempt = self.attempt(name, &message);
                self.maybe_killed()?;
                self.core.report(message.id, &attempt, self.now);
                self.maybe_killed()?;
                self.settle()?;
            }
        }
        if self.dice.once_in(3) {
            self.commit();
        }
        self.maybe_killed()
    }

    fn settle(&mut self) -> Result<(), Killed> {
        self.core.on_time(self.now);
        let effects = self.core.take_effects();
        self.disk.queue(effects.writes);
        self.must_keep |= effects.must_keep;
        // A disk may be slow, and those who deliver ask meanwhile.
        let is_slow = self.is_rough && self.dice.once_in(4);
        if self.must_keep && !is_slow {
            self.maybe_killed()?;
            self.commit();
            self.maybe_killed()?;
            self.must_keep = false;
            self.core.kept(effects.batch, true, self.now);
        }
        Ok(())
    }

    fn attempt(&mut self, name: &'static str, message: &Message) -> Attempt {
        let now = self.now;
        let receiver = self.receivers.get_mut(name).unwrap();
        let failed = |is_ambiguous, seconds| Attempt::Transient {
            message: "failed".to_owned(),
            retry_after: Some(Duration::from_secs(seconds)),
            is_ambiguous,
        };
        if self.is_rough && self.dice.once_in(150) {
            receiver.down_until = now + i64::try_from(self.dice.roll(60)).unwrap() * M;
        }
        if receiver.down_until > now && self.is_rough {
            return failed(false, 20);
        }
        match if self.is_rough { self.dice.roll(12) } else { 11 } {
            0 => failed(false, 5),
            1 => failed(false, 30 + self.dice.roll(60)),
            2 => {
                ear(receiver, message).perhaps.insert(message.id);
                failed(true, 10)
            }
            3 => {
                self.hear(name, message);
                let ear = ear(self.receivers.get_mut(name).unwrap(), message);
                ear.may_come_again += 1;
                ear.perhaps.insert(message.id);
                failed(true, 10)
            }
            4 => {
                let ear = ear(receiver, message);
                if ear.perhaps.contains(&message.id) {
                    self.refused_in_doubt += 1;
                    let said = message.alerts.iter().map(|news| news.labels.clone());
                    ear.doubtful.extend(said);
                }
                Attempt::Permanent {
                    message: "refused".to_owned(),
                }
            }
            _ => {
                self.hear(name, message);
                Attempt::Delivered { receipt: Vec::new() }
            }
        }
    }

    /// A message reaches a receiver: what the oracle says of it.
    fn hear(&mut self, name: &'static str, message: &Message) {
        let seed = self.seed;
        let receiver = self.receivers.get_mut(name).unwrap();
        receiver.messages += 1;
        let is_again = !receiver.heard.insert(message.id);
        let ear = ear(receiver, message);
        assert!(
            message.sequence >= ear.last,
            "seed {seed}: {name} hears {message:?} after a later one"
        );
        ear.last = message.sequence;
        if is_again {
            assert!(
                ear.may_come_again > 0,
                "seed {seed}: {name} hears {message:?} once too often"
            );
            ear.may_come_again -= 1;
            ear.twice += 1;
            return;
        }
        ear.may_come_again = 0;
        let (mut says_more, mut may_say_more) = (false, false);
        for news in &*message.alerts {
            let labels = &news.labels;
            let is_doubtful = ear.doubtful.remove(labels);
            may_say_more |= is_doubtful;
            if news.is_firing {
                says_more |= ear.known.insert(labels.clone());
                continue;
            }
            let knew = ear.known.remove(labels);
            says_more |= knew || !news.was_told;
            assert!(
                knew == news.was_told || (is_doubtful && news.was_told),
                "seed {seed}: {name} hears of the end of {labels} in {message:?}"
            );
            let decided = message.created_at;
            let is_false = self.world.fired_throughout(labels, decided - 10 * M, decided);
            assert!(!is_false, "seed {seed}: {labels} is not over in {message:?}");
        }
        match message.reason {
            NewsReason::Repeat | NewsReason::Refresh => assert!(!says_more, "seed {seed}: no repetition: {message:?}"),
            _ => assert!(says_more || may_say_more, "seed {seed}: {name} knew all of {message:?}"),
        }
        if message.reason == NewsReason::Resolved {
            assert!(
                ear.known.is_empty(),
                "seed {seed}: {name} is told that all is over: {message:?}"
            );
        }
    }

    /// Kills, messages heard, and messages refused for good that the receiver may have.
    fn run(mut self) -> (u32, usize, u32) {
        let end = T0 + 120 * M;
        while self.now < end {
            self.now += STEP;
            self.world.turn(&mut self.dice, self.now);
            self.maybe_silence();
            if self.step().is_err() {
                self.start_anew();
            }
        }
        // All is quiet from now on; what receivers asked for is waited for.
        self.is_rough = false;
        let end = self.now + 70 * M;
        while self.now < end {
            self.now += STEP;
            assert!(self.step().is_ok());
        }
        self.judge();
        (
            self.kills,
            self.receivers.values().map(|receiver| receiver.messages).sum(),
            self.refused_in_doubt,
        )
    }

    fn maybe_silence(&mut self) {
        if !self.dice.once_in(200) {
            return;
        }
        let number = self.dice.roll(12);
        let silence = NewSilence {
            id: None,
            matchers: Matcher::parse_list(&format!("instance={number}")).unwrap(),
            starts_at: self.now,
            ends_at: self.now + 10 * M,
            created_by: "oracle".into(),
            comment: "".into(),
        };
        self.core.silence(&silence, self.now).unwrap();
    }

    /// An alert that is over and held all the same, with what its groups know of it.
    fn left(&self, labels: &Labels, held: &Held) -> String {
        let group = |id: &u64| {
            let group = self.core.groups.get(id);
            group.map(|group| {
                (
                    group.flush_at - self.now,
                    group.members.get(labels).copied(),
                    group.slot.len(),
                )
            })
        };
        let groups: Vec<_> = held.groups.iter().map(group).collect();
        format!("{labels} {held:?} {groups:?}")
    }

    /// Nothing is missing, and nothing is left.
    fn judge(&self) {
        let firing: BTreeSet<&Labels> = self
            .world
            .firing
            .iter()
            .filter(|(_, firing)| **firing)
            .map(|(labels, _)| labels)
            .collect();
        for (name, receiver) in &self.receivers {
            let known: BTreeSet<&Labels> = receiver.ears.values().flat_map(|ear| &ear.known).collect();
            assert_eq!(
                known, firing,
                "seed {}: what {name} believes, and what is so",
                self.seed
            );
        }
        let counts = self.core.counts(self.now);
        assert_eq!(counts.messages, 0, "seed {}", self.seed);
        let over = self.core.alerts.iter().filter(|(_, held)| !held.is_firing());
        let over: Vec<String> = over.map(|(labels, held)| self.left(labels, held)).collect();
        assert_eq!((counts.firing, over), (firing.len(), Vec::new()), "seed {}", self.seed);
        let groups: BTreeSet<_> = firing.iter().map(|labels| labels.get("alertname")).collect();
        assert_eq!(counts.groups, groups.len() * RECEIVERS.len(), "seed {}", self.seed);
        let kept = self.disk.load();
        assert_eq!(kept.told.len(), firing.len() * RECEIVERS.len(), "seed {}", self.seed);
        let posted = firing.iter().filter(|labels| is_posted(labels));
        assert_eq!(kept.posted.len(), posted.count(), "seed {}", self.seed);
    }
}

fn ear<'r>(receiver: &'r mut Receiver, message: &Message) -> &'r mut Ear {
    receiver.ears.entry(Arc::clone(&message.group_key)).or_default()
}

fn begun(labels: &Labels, now: i64) -> Alert {
    Alert {
        labels: labels.clone(),
        annotations: Annotations::new(),
        state: AlertState::Firing,
        value: 1.0,
        active_at: now,
        fired_at: Some(now),
        keep_firing_since: None,
        no_data_since: None,
        resolved: None,
    }
}

#[test]
fn kills_and_flaky_receivers_lose_nothing_and_say_nothing_false() {
    let (mut kills, mut messages, mut doubts) = (0, 0, 0);
    for seed in 1..=200 {
        let (killed, heard, refused) = Trial::new(seed).run();
        kills += killed;
        messages += heard;
        doubts += refused;
    }
    // The trial would prove little if hardly anything happened in it.
    assert!(
        kills > 1_000 && messages > 10_000 && doubts > 100,
        "{kills} kills, {messages} messages, {doubts} of them in doubt"
    );
}

#[test]
fn without_faults_every_alert_is_told_in_time_and_once() {
    for seed in 1..=50 {
        let mut trial = Trial::new(seed);
        trial.is_rough = false;
        while trial.now < T0 + 120 * M {
            trial.now += STEP;
            trial.world.turn(&mut trial.dice, trial.now);
            assert!(trial.step().is_ok());
            for (labels, firing) in &trial.world.firing {
                // Wait, interval, evaluation or post, and two steps.
                let noticed = if is_posted(labels) { POST_EVERY } else { EVALUATE_EVERY };
                let latest = 30 * S + 2 * M + noticed + 2 * STEP;
                let is_due = *firing && trial.world.fired_throughout(labels, trial.now - latest, trial.now);
                let knows = |receiver: &Receiver| receiver.ears.values().any(|ear| ear.known.contains(labels));
                assert!(
                    !is_due || trial.receivers.values().all(knows),
                    "seed {seed}: {labels} at {}",
                    trial.now
                );
            }
        }
        let twice: u32 = trial
            .receivers
            .values()
            .flat_map(|receiver| receiver.ears.values())
            .map(|ear| ear.twice)
            .sum();
        assert_eq!(twice, 0);
    }
}
