//! The alerts of two servers side by side, and when each of them changed.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::support::host::request;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// States by name and labels; one that is neither pending nor firing is absent.
pub(crate) type Alerts = BTreeMap<String, String>;

/// A change of one alert: seconds since the watch began, and what it is from then on.
pub(crate) type Change = (f64, String);

/// `{"status": "success", "data": …}` of a server that is ready.
pub(crate) fn ask(server: SocketAddr, path: &str) -> Value {
    let answer = request(server, "GET", path, &[]);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    let mut body: Value = serde_json::from_str(&answer.body).expect("JSON");
    body["data"].take()
}

/// What is pending or firing on a server, labels as one text.
pub(crate) fn alerts(server: SocketAddr) -> Alerts {
    let data = ask(server, "/api/v1/alerts");
    let alerts = data["alerts"].as_array().expect("alerts").iter();
    alerts
        .map(|alert| {
            let labels: BTreeMap<&str, &str> = alert["labels"]
                .as_object()
                .expect("labels")
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str().expect("text")))
                .collect();
            let state = alert["state"].as_str().expect("a state");
            (format!("{labels:?}"), state.to_owned())
        })
        .collect()
}

/// Those of the host first.
pub(crate) struct Watch {
    servers: [SocketAddr; 2],
    began: Instant,
    pub(crate) now: [Alerts; 2],
    changes: [BTreeMap<String, Vec<Change>>; 2],
    looked_at: f64,
    /// The longest from one look to the next, in seconds: what changed meanwhile has no time of its own.
    pub(crate) longest_gap: f64,
}

impl Watch {
    pub(crate) fn new(servers: [SocketAddr; 2]) -> Self {
        Self {
            servers,
            began: Instant::now(),
            now: Default::default(),
            changes: Default::default(),
            looked_at: 0.0,
            longest_gap: 0.0,
        }
    }

    fn look(&mut self) {
        let now = self.began.elapsed().as_secs_f64();
        self.longest_gap = self.longest_gap.max(now - self.looked_at);
        self.looked_at = now;
        for side in [0, 1] {
            let found = alerts(self.servers[side]);
            let at = self.began.elapsed().as_secs_f64();
            let before = std::mem::replace(&mut self.now[side], found);
            let keys = before.keys().chain(self.now[side].keys());
            for key in keys.collect::<std::collections::BTreeSet<_>>() {
                let (was, is) = (before.get(key), self.now[side].get(key));
                if was != is {
                    let is = is.map_or("inactive", String::as_str).to_owned();
                    self.changes[side].entry(key.clone()).or_default().push((at, is));
                }
            }
        }
    }

    /// Looks again and again for so long.
    pub(crate) fn watch(&mut self, seconds: f64) {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        while Instant::now() < end {
            self.look();
            std::thread::sleep(LOOK);
        }
    }

    /// Looks until both are as wanted, or for so long.
    pub(crate) fn until(&mut self, seconds: f64, wanted: impl Fn(&[Alerts; 2]) -> bool) -> bool {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        loop {
            self.look();
            if wanted(&self.now) {
                return true;
            }
            if Instant::now() > end {
                return false;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Alerts that went through other states here than there, or through the same ones further apart than `most` seconds; and
    /// the widest distance there was, among how many changes.
    pub(crate) fn differences(&self, most: f64) -> (Vec<String>, f64, usize) {
        let [host, server] = &self.changes;
        let (mut found, mut widest, mut count) = (Vec::new(), 0.0_f64, 0);
        for key in host.keys().chain(server.keys().filter(|key| !host.contains_key(*key))) {
            let none = Vec::new();
            let (ours, theirs) = (host.get(key).unwrap_or(&none), server.get(key).unwrap_or(&none));
            let states = |changes: &[Change]| changes.iter().map(|(_, state)| state.clone()).collect::<Vec<_>>();
            let apart = ours
                .iter()
                .zip(theirs)
                .map(|((one, _), (other, _))| (one - other).abs());
            let apart = apart.fold(0.0, f64::max);
            if states(ours) != states(theirs) || apart > most {
                found.push(format!("{key}\n  here:  {ours:?}\n  there: {theirs:?}"));
            }
            widest = widest.max(apart);
            count += ours.len();
        }
        (found, widest, count)
    }
}
