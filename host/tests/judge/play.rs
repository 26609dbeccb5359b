//! What a scenario is, and how it is played to both.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{ask, hook::Sender};

/// How long after the last step both are listened to, in seconds: more than two of the longest group interval.
const LISTEN: f64 = 6.0;

/// How many times as long everything takes as the scenarios say: on a machine that is busy with other things seconds are not enough to
/// tell before from after. `BELLWETHER_JUDGE_PACE`, or [`PACES`].
pub(crate) fn paces() -> Vec<f64> {
    let own = std::env::var("BELLWETHER_JUDGE_PACE");
    own.map_or(PACES.to_vec(), |text| vec![text.parse().expect("a number")])
}

/// Two cores and a host that is not optimised keep up with the first. What the second shows too is a difference between the two, and not
/// the machine's mood.
const PACES: [f64; 2] = [2.0, 5.0];

/// An alert as it is posted. Times are seconds since the beginning of the play.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    starts: Option<f64>,
    ends: Option<f64>,
}

/// An alert of this name that begins at its step and does not end.
pub(crate) fn alert(name: &str) -> Post {
    Post {
        labels: BTreeMap::from([("alertname".to_owned(), name.to_owned())]),
        annotations: BTreeMap::new(),
        starts: None,
        ends: None,
    }
}

impl Post {
    pub(crate) fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn note(mut self, name: &str, value: &str) -> Self {
        self.annotations.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn starts(mut self, at: f64) -> Self {
        self.starts = Some(at);
        self
    }

    pub(crate) fn ends(mut self, at: f64) -> Self {
        self.ends = Some(at);
        self
    }
}

#[derive(Clone, Debug)]
enum Act {
    Alerts(Vec<Post>),
    /// Until then; label, operator, value.
    Silence(f64, Vec<(&'static str, &'static str, &'static str)>),
    /// The silence of this scenario that was made last.
    Expire,
}

/// One scenario: its route, its receivers, what happens and what is to be heard.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    route: &'static str,
    receivers: Vec<(&'static str, &'static str)>,
    answers: Vec<(&'static str, Vec<u16>)>,
    inhibit: &'static str,
    acts: Vec<(f64, Act)>,
    /// What the judge sends, in short; see `told`.
    pub(crate) heard: Vec<&'static str>,
    /// What the host sends instead, and why that is better.
    pub(crate) better: Option<(&'static str, Vec<&'static str>)>,
}

impl Scenario {
    /// `route`: the lines of its route but matchers and receiver; its first receiver has the name of the scenario.
    pub(crate) fn new(name: &'static str, route: &'static str) -> Self {
        Self {
            name,
            route,
            receivers: vec![("", "send_resolved: true")],
            answers: Vec::new(),
            inhibit: "",
            acts: Vec::new(),
            heard: Vec::new(),
            better: None,
        }
    }

    /// Another receiver, whose name is that of the scenario, a dash and `suffix`; "" for other settings of the first.
    pub(crate) fn receiver(mut self, suffix: &'static str, settings: &'static str) -> Self {
        self.receivers.retain(|(known, _)| *known != suffix);
        self.receivers.push((suffix, settings));
        self
    }

    /// How the receiver answers at first.
    pub(crate) fn answering(mut self, suffix: &'static str, statuses: &[u16]) -> Self {
        self.answers.push((suffix, statuses.to_vec()));
        self
    }

    /// The lines of an inhibition rule; matchers on the scenario are up to them.
    pub(crate) fn inhibit(mut self, rule: &'static str) -> Self {
        self.inhibit = rule;
        self
    }

    pub(crate) fn at(mut self, at: f64, alerts: impl IntoIterator<Item = Post>) -> Self {
        self.acts.push((at, Act::Alerts(alerts.into_iter().collect())));
        self
    }

    pub(crate) fn silence(
        mut self,
        at: f64,
        until: f64,
        matchers: &[(&'static str, &'static str, &'static str)],
    ) -> Self {
        self.acts.push((at, Act::Silence(until, matchers.to_vec())));
        self
    }

    pub(crate) fn expire(mut self, at: f64) -> Self {
        self.acts.push((at, Act::Expire));
        self
    }

    pub(crate) fn hears(mut self, notifications: &[&'static str]) -> Self {
        self.heard = notifications.to_vec();
        self
    }

    /// The host differs, and why that is better.
    pub(crate) fn better(mut self, why: &'static str, notifications: &[&'static str]) -> Self {
        self.better = Some((why, notifications.to_vec()));
        self
    }

    fn full(&self, suffix: &str) -> String {
        if suffix.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}-{suffix}", self.name)
        }
    }

    /// The suffix of a receiver, when it is one of this scenario's.
    pub(crate) fn suffix(&self, receiver: &str) -> Option<&'static str> {
        let mut receivers = self.receivers.iter();
        receivers
            .find(|(suffix, _)| self.full(suffix) == receiver)
            .map(|(suffix, _)| *suffix)
    }

    pub(crate) fn answers(&self) -> impl Iterator<Item = (String, &[u16])> {
        self.answers
            .iter()
            .map(|(suffix, statuses)| (self.full(suffix), statuses.as_slice()))
    }
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}

/// One configuration for all scenarios.
pub(crate) fn alertmanager_file(scenarios: &[Scenario], hook: SocketAddr, pace: f64) -> String {
    let mut text = String::from(
        "global: { resolve_timeout: 5m }\nroute:\n  receiver: nobody\n  group_by: [alertname]\n  group_wait: 1s\n  group_interval: 2s\n  repeat_interval: 1h\n  routes:\n",
    );
    for scenario in scenarios {
        let name = scenario.name;
        text += &format!("    - matchers: [ 'scenario=\"{name}\"' ]\n      receiver: {name}\n");
        text += &indented(scenario.route, 6);
    }
    text = stretched(&text, pace);
    text += "receivers:\n  - name: nobody\n";
    for scenario in scenarios {
        for (suffix, settings) in &scenario.receivers {
            let name = scenario.full(suffix);
            text += &format!("  - name: {name}\n    webhook_configs:\n      - url: http://{hook}/{name}\n");
            text += &indented(settings, 8);
        }
    }
    text += "inhibit_rules:\n";
    for scenario in scenarios.iter().filter(|scenario| !scenario.inhibit.is_empty()) {
        let mut lines = indented(scenario.inhibit, 4);
        lines.replace_range(2..3, "-");
        text += &lines;
    }
    text += "time_intervals:\n  - name: always\n    time_intervals: [ { times: [ { start_time: '00:00', end_time: '24:00' } ] } ]\n  - name: once\n    time_intervals: [ { years: [ '1999' ] } ]\n";
    text
}

/// Every wait of every route, as long as the pace has it.
fn stretched(text: &str, pace: f64) -> String {
    let line = |line: &str| -> String {
        let wait = line
            .trim_start()
            .split_once(": ")
            .filter(|(key, _)| matches!(*key, "group_wait" | "group_interval" | "repeat_interval"));
        let Some((_, wait)) = wait else {
            return format!("{line}\n");
        };
        let digits = wait.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
        let (count, unit): (f64, &str) = (digits.parse().expect("a number"), &wait[digits.len()..]);
        let unit = match unit {
            "ms" => 1.0,
            "s" => 1_000.0,
            "h" => 3_600_000.0,
            other => panic!("{other} is no unit here"),
        };
        line.replace(wait, &format!("{}ms", (count * unit * pace).round())) + "\n"
    };
    text.lines().map(line).collect()
}

/// One performance.
#[derive(Clone, Copy)]
struct Stage {
    pace: f64,
    base: Instant,
    wall: Timestamp,
}

/// Plays all of them to all `ends` at once. Returns when it began.
pub(crate) fn perform(scenarios: &[Scenario], ends: &[(Sender, SocketAddr)], pace: f64) -> Instant {
    let mut acts: Vec<(f64, &Scenario, &Act)> = Vec::new();
    for scenario in scenarios {
        acts.extend(scenario.acts.iter().map(|(at, act)| (*at, scenario, act)));
    }
    acts.sort_by(|one, other| one.0.total_cmp(&other.0));
    let stage = Stage {
        pace,
        base: Instant::now(),
        wall: Timestamp::now(),
    };
    let mut silences = HashMap::new();
    for (at, scenario, act) in &acts {
        stage.wait_until(*at);
        for (sender, end) in ends {
            let key = (*sender, scenario.name);
            perform_one(act, scenario, *at, stage, *end, silences.entry(key).or_default());
        }
    }
    let last = acts.last().map_or(0.0, |(at, ..)| *at);
    stage.wait_until(last + LISTEN);
    stage.base
}

impl Stage {
    fn wait_until(self, at: f64) {
        let until = self.base + Duration::from_secs_f64(at * self.pace);
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
    }

    fn time(self, seconds: f64) -> String {
        (self.wall + SignedDuration::from_secs_f64(seconds * self.pace)).to_string()
    }
}

fn perform_one(act: &Act, scenario: &Scenario, at: f64, stage: Stage, end: SocketAddr, silence: &mut String) {
    let time = |seconds: f64| stage.time(seconds);
    let answer = match act {
        Act::Alerts(posts) => {
            let alerts: Vec<Value> = posts.iter().map(|post| posted(post, scenario, at, &time)).collect();
            ask(end, "POST", "/api/v2/alerts", &Value::Array(alerts))
        }
        Act::Silence(until, matchers) => {
            let scenario = ("scenario", "=", scenario.name);
            let matchers: Vec<Value> = matchers.iter().chain([&scenario]).map(matcher).collect();
            let (starts, ends) = (time(at), time(*until));
            let body = json!({ "matchers": matchers, "startsAt": starts, "endsAt": ends, "createdBy": "judge", "comment": "a scenario" });
            ask(end, "POST", "/api/v2/silences", &body)
        }
        Act::Expire => ask(end, "DELETE", &format!("/api/v2/silence/{silence}"), &Value::Null),
    };
    let answer = answer.unwrap_or_else(|problem| panic!("{}: {act:?}: {problem}", scenario.name));
    if let Some(id) = answer.get("silenceID").and_then(Value::as_str) {
        id.clone_into(silence);
    }
}

fn matcher((name, op, value): &(&str, &str, &str)) -> Value {
    json!({ "name": name, "value": value, "isRegex": op.ends_with('~'), "isEqual": !op.starts_with('!') })
}

fn posted(post: &Post, scenario: &Scenario, at: f64, time: &dyn Fn(f64) -> String) -> Value {
    let mut labels = post.labels.clone();
    labels.insert("scenario".to_owned(), scenario.name.to_owned());
    let mut alert =
        json!({ "labels": labels, "annotations": post.annotations, "startsAt": time(post.starts.unwrap_or(at)) });
    if let Some(ends) = post.ends {
        alert["endsAt"] = time(ends).into();
    }
    alert
}
