//! The host's sign of life to whoever watches the watcher: a request to `heartbeat_url` after rules were evaluated and what came of
//! it is on disk.
//!
//! Flows in: the status of rules as they are evaluated, and the store. Flows out: one GET through the host's own client, under the same
//! policy as everything else. When evaluation stalls, every rule of it fails, or the store cannot commit, there is no request, and
//! whoever waits for it raises the alarm. A request that fails is not repeated: the next evaluation is soon enough.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::events::{HeartbeatFails, HeartbeatWorks};
use crate::{
    capability::{
        http::{HttpHost, Request},
        reach::Reach,
    },
    clock::{Clock, Instant},
    config::Connection,
    rule::{Health, RuleStatus},
    store::Store,
    supervisor::CancellationToken,
    telemetry::{Count, Telemetry},
};

/// From one request to the next, at least: services that wait for them count in minutes, and groups are evaluated at moments of
/// their own.
pub const PAUSE: Duration = Duration::from_secs(10);

/// Of one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Redirects that are followed: from http to https, and to another host of the service.
const REDIRECTS_MAX: u8 = 3;

/// The slot of its one connection.
const SLOT: &str = "default";

/// What it needs.
#[derive(Debug)]
pub struct Heartbeat {
    /// Where to. It is shown to nobody: whoever knows it can pretend that all is well.
    pub connection: Connection,
    /// The host's own client.
    pub http: HttpHost,
    /// What rules are doing.
    pub status: watch::Receiver<Arc<RuleStatus>>,
    /// Where what they yield is kept; None: nowhere.
    pub store: Option<Store>,
    /// Time.
    pub clock: Clock,
    /// Told when it fails and when it works again.
    pub telemetry: Telemetry,
}

impl Heartbeat {
    /// Until `stop`, or until there are no rules any more.
    pub async fn run(mut self, stop: CancellationToken) {
        self.connection.url_is_secret = true;
        let reach = Arc::new(Reach {
            slots: BTreeMap::from([(SLOT.to_owned(), Arc::new(self.connection.clone()))]),
            addresses: Vec::new(),
        });
        let mut works = true;
        let mut seen = 0;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.status.changed() => if changed.is_err() { return },
            }
            let newest = newest_success(&self.status.borrow_and_update());
            if newest.is_none_or(|newest| newest <= seen) {
                continue;
            }
            seen = newest.unwrap_or(seen);
            let beaten = tokio::select! {
                () = stop.cancelled() => return,
                beaten = self.beat(&reach) => beaten,
            };
            self.say(&beaten, &mut works);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Once. Errors: why there was no sign of life.
    async fn beat(&self, reach: &Arc<Reach>) -> Result<(), String> {
        if let Some(store) = &self.store {
            let committed = store.flush().await;
            committed.map_err(|error| format!("nothing was sent, because the store does not commit: {error}"))?;
        }
        let until: Instant = self.clock.monotonic() + TIMEOUT;
        let run = self.http.run("heartbeat_url".into(), Arc::clone(reach), until);
        let request = Request {
            method: "GET".to_owned(),
            slot: Some(SLOT.to_owned()),
            timeout: Some(TIMEOUT),
            redirects_max: REDIRECTS_MAX,
            body_bytes_max: Some(0),
            ..Request::default()
        };
        let answer = run.send(request).await.map_err(|failure| failure.to_string())?;
        match answer.status {
            200..=299 => Ok(()),
            status => Err(format!("it answers {status}")),
        }
    }

    fn say(&self, beaten: &Result<(), String>, works: &mut bool) {
        self.telemetry.instruments().count(&Count {
            name: "bellwether_heartbeats_total",
            help: "Signs of life sent to `heartbeat_url`, by what became of them.",
            labels: vec![("outcome", if beaten.is_ok() { "ok" } else { "failed" }.to_owned())],
            by: 1,
        });
        match (beaten, *works) {
            (Err(problem), true) => self.telemetry.emit(&HeartbeatFails { problem }),
            (Ok(()), false) => self.telemetry.emit(&HeartbeatWorks),
            (Err(_), false) | (Ok(()), true) => {}
        }
        *works = beaten.is_ok();
    }
}

/// The newest slot of a group of which not every rule failed.
fn newest_success(status: &RuleStatus) -> Option<i64> {
    let groups = status.groups();
    let good = groups.filter(|group| group.rules.iter().any(|rule| rule.health == Health::Good));
    good.filter_map(|group| group.last).max()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;
    use crate::{
        capability::{dial::Dialer, http::HttpTools, tls::Trust},
        rule::{GroupStatus, RuleReport, load_text},
        secret::Redactor,
        supervisor::Supervisor,
        testing,
    };

    const RULES: &str = "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: vector(1)\n";

    /// One group that was evaluated at `last`.
    fn evaluated(last: i64, health: &Health) -> Arc<RuleStatus> {
        let (set, _) = load_text("rules.yml", RULES, 15_000).expect("good rules");
        let group = set.groups.first().expect("a group");
        let report = RuleReport {
            rule: Arc::clone(&group.rules[0]),
            health: health.clone(),
            last: Some(last),
            took: Duration::ZERO,
            elements: 1,
            evaluations: 1,
            failures: 0,
            hold: None,
            warnings: Vec::new(),
            alerts: Arc::default(),
        };
        Arc::new(RuleStatus::new(
            15_000,
            [Arc::new(GroupStatus {
                group: Arc::clone(group),
                last: Some(last),
                took: Duration::ZERO,
                missed: 0,
                rules: vec![report],
            })],
        ))
    }

    /// The first line of the next request, which is answered by `status`.
    async fn request(listener: &TcpListener, status: u16) -> String {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut bytes = vec![0; 4_096];
        let read = stream.read(&mut bytes).await.expect("a request");
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.expect("answered");
        let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
        text.lines().next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn there_is_a_sign_of_life_after_an_evaluation_that_succeeded_and_none_after_one_that_failed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let supervisor = Supervisor::new(|panic| panic!("{panic}"));
        let telemetry = Telemetry::silent();
        let clock = Clock::system();
        let (news, status) = watch::channel(Arc::new(RuleStatus::default()));
        let store = Store::in_memory(&supervisor, &telemetry).expect("a store");
        let heartbeat = Heartbeat {
            connection: Connection {
                methods: std::collections::BTreeSet::from(["GET".to_owned()]),
                ..testing::connection(&format!("http://{address}/ping/canary-5f8e2b71"))
            },
            http: HttpHost::new(HttpTools {
                clock: clock.clone(),
                dialer: Dialer::new(clock.clone()),
                trust: Trust::default(),
                supervisor: supervisor.clone(),
                redactor: Redactor::default(),
                runs: 1,
            }),
            status,
            store: Some(store),
            clock,
            telemetry: telemetry.clone(),
        };
        let stop = supervisor.stopping();
        let beating = supervisor.spawn("heartbeat", heartbeat.run(stop.clone()));
        news.send_replace(evaluated(1_000, &Health::Failing("no".to_owned())));
        let waited = tokio::time::timeout(Duration::from_millis(100), request(&listener, 200)).await;
        assert!(waited.is_err(), "every rule failed: {waited:?}");
        news.send_replace(evaluated(2_000, &Health::Good));
        let asked = tokio::time::timeout(Duration::from_secs(10), request(&listener, 503)).await;
        assert_eq!(asked.expect("a sign of life"), "GET /ping/canary-5f8e2b71 HTTP/1.1");
        let failed = || {
            let families = telemetry.instruments().families();
            families
                .iter()
                .any(|family| family.head.name.as_str() == "bellwether_heartbeats_total")
        };
        for _ in 0..1_000 {
            if failed() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(failed());
        stop.cancel();
        beating.outcome().await.expect("not aborted").expect("no panic");
    }
}
