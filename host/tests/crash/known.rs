//! Three failures of Alertmanager 0.25, each of which was seen there: a message that comes again after a kill, an end that nobody is told
//! of after a kill, and a group that is said to be over after a restart while two of its alerts fire.
//!
//! Flows in: alerts that are posted before and after the host ends. Flows out: what the receiver has heard by then.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::{
    configuration,
    hook::{Heard, Hook},
    stream::{Episode, post},
    support::host::{PATIENCE, Place, Running},
};

/// Notifications of one group, by what each says of the group and of each alert.
fn told(heard: &[Heard], group: &str) -> Vec<String> {
    let own = heard
        .iter()
        .filter(|heard| heard.body["groupLabels"]["alertname"] == *group);
    own.map(|heard| words(&heard.body)).collect()
}

/// `firing: 1- 2+ 3+`.
fn words(body: &Value) -> String {
    let alerts = body["alerts"].as_array().expect("alerts").iter();
    let word = |alert: &Value| {
        let sign = if alert["status"] == "firing" { '+' } else { '-' };
        format!("{}{sign}", alert["labels"]["member"].as_str().unwrap_or_default())
    };
    let mut alerts: Vec<String> = alerts.map(word).collect();
    alerts.sort();
    format!("{}: {}", body["status"].as_str().unwrap_or_default(), alerts.join(" "))
}

/// A host, its receiver, which takes everything, and three alerts of one group.
struct Known {
    hook: Hook,
    place: Place,
    alerts: Vec<Episode>,
}

impl Known {
    /// They fire, that was told, and it is on disk that it was.
    fn begin(alerts: usize) -> (Self, Running) {
        let hook = Hook::open(0);
        hook.behave();
        let place = Place::new(&configuration(&hook));
        let host = place.run();
        let known = Self {
            hook,
            place,
            alerts: (1..=alerts)
                .map(|number| episode("Known", &number.to_string()))
                .collect(),
        };
        known.say(&host, &known.alerts);
        let all: Vec<String> = known.alerts.iter().map(|alert| format!("{}+", alert.member)).collect();
        let told = format!("firing: {}", all.join(" "));
        known.hears(|heard| heard.last() == Some(&told));
        kept(&known.place.path("state"), alerts);
        (known, host)
    }

    fn say(&self, host: &Running, alerts: &[Episode]) {
        for alert in alerts {
            assert!(post(host.address(), alert, PATIENCE).is_some(), "it does not answer");
        }
    }

    /// Waits until what was told of the group is like this.
    fn hears(&self, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let seen = std::cell::RefCell::new(Vec::new());
        let wrong = self.hook.eventually(PATIENCE, |heard| {
            let told = told(heard, "Known");
            let problems = if enough(&told) {
                Vec::new()
            } else {
                vec![format!("{told:?}")]
            };
            seen.replace(told);
            problems
        });
        assert!(wrong.is_empty(), "{wrong:?}");
        seen.into_inner()
    }

    /// Whatever was to be told of the group is told by now: alerts of another one came and went meanwhile, which takes several of its
    /// intervals.
    fn pass(&self, host: &Running) {
        let mut other = episode("Other", "1");
        self.say(host, std::slice::from_ref(&other));
        let has = |status: &'static str| {
            let missing = self.hook.eventually(PATIENCE, |heard| {
                let is_there = told(heard, "Other").iter().any(|told| told.starts_with(status));
                if is_there {
                    Vec::new()
                } else {
                    vec![format!("no {status}")]
                }
            });
            assert!(missing.is_empty(), "{missing:?}");
        };
        has("firing");
        other.ends = Some(now());
        self.say(host, &[other]);
        has("resolved");
    }

    fn kill(&self, mut host: Running) -> Running {
        host.signal("KILL");
        host.wait();
        self.hook.note_crash();
        self.place.run()
    }
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn episode(group: &str, member: &str) -> Episode {
    Episode {
        group: group.to_owned(),
        member: member.to_owned(),
        starts: now(),
        ends: None,
    }
}

fn ended(alert: &Episode) -> Episode {
    Episode {
        ends: Some(now()),
        ..alert.clone()
    }
}

/// Waits until so many alerts are known on disk as told, and nothing is on its way any more.
fn kept(state: &Path, alerts: usize) {
    let is_kept = || -> rusqlite::Result<bool> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(state.join("bellwether.db"), flags)?;
        let count = |table: &str| -> rusqlite::Result<usize> {
            database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
        };
        Ok(count("dispatch_told")? == alerts && count("dispatch_messages")? == 0)
    };
    let deadline = Instant::now() + PATIENCE;
    // It may be locked at this moment.
    while !is_kept().unwrap_or(false) {
        assert!(Instant::now() < deadline, "it was told, and that is not kept");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_message_does_not_come_again_after_a_kill_when_its_alerts_are_posted_again() {
    let (known, host) = Known::begin(3);
    let host = known.kill(host);
    known.say(&host, &known.alerts);
    known.pass(&host);
    known.say(&host, &known.alerts);
    known.pass(&host);
    assert_eq!(known.hears(|_| true), ["firing: 1+ 2+ 3+"]);
    host.stop();
}

#[test]
fn an_end_is_told_that_is_posted_after_a_kill() {
    let (known, host) = Known::begin(1);
    let host = known.kill(host);
    known.say(&host, &[ended(&known.alerts[0])]);
    let told = known.hears(|told| told.len() > 1);
    assert_eq!(told, ["firing: 1+", "resolved: 1-"]);
    host.stop();
}

#[test]
fn a_group_is_not_said_to_be_over_after_a_restart_while_two_of_its_alerts_fire() {
    let (known, host) = Known::begin(3);
    host.stop();
    let host = known.place.run();
    // Whoever posts speaks of the one that is over first.
    known.say(&host, &[ended(&known.alerts[0])]);
    let told = known.hears(|told| told.len() > 1);
    assert_eq!(told[1..], ["firing: 1- 2+ 3+"]);
    known.say(&host, &known.alerts[1..]);
    known.pass(&host);
    let over: Vec<Episode> = known.alerts[1..].iter().map(ended).collect();
    known.say(&host, &over);
    let told = known.hears(|told| told.last().is_some_and(|told| told.starts_with("resolved")));
    assert!(told[2..].iter().all(|told| !told.contains("1-")), "{told:?}");
    host.stop();
}
