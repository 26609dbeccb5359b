//! Debian's Alertmanager as judge: one `alertmanager.yml` drives it and the host, the same alerts and silences are posted to both,
//! and both send the same notifications at the same time, but where a listed difference is an improvement.
//!
//! Flows in: scenarios, all of which run at once, each with a label, a route and receivers of its own. Flows out: for each scenario
//! what one of the two sent and the other did not.
//!
//! `BELLWETHER_JUDGE_PACE=4` plays four times as slowly as the scenarios say. Without it, what differs on a machine that is busy is played
//! once more, and more slowly.
//!
//! Beside it `amtool` and a Prometheus talk to the host as they do to an Alertmanager.
//!
//! Needs: alertmanager, prometheus
//! Budget: 6 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test talks to real processes: it waits on real time and serves from threads of its own"
)]

mod clients;
mod hook;
mod play;
mod scenarios;
mod told;

#[path = "../support"]
mod support {
    #![expect(dead_code, reason = "each suite uses a part of it")]
    pub(crate) mod host;
    pub(crate) mod server;
}

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use hook::{Hook, Sender};
use serde_json::Value;
use support::{
    host::Place,
    server::{PATIENCE, Server, command, free_port, program},
};

/// Where Debian's Alertmanager looks for its templates.
const TEMPLATES: &str = "/usr/share/prometheus/alertmanager";

#[test]
fn the_host_notifies_as_alertmanager_does() {
    let scenarios = scenarios::all();
    assert!(scenarios.len() >= 25, "{} scenarios", scenarios.len());
    let mut problems = Vec::new();
    for pace in play::paces() {
        problems = differences(&scenarios, pace);
        if problems.is_empty() {
            return;
        }
        println!("at a pace of {pace}:\n{}", problems.join("\n"));
    }
    panic!("{}", problems.join("\n"));
}

/// What was told otherwise, or at another time, when all is played at this pace.
fn differences(scenarios: &[play::Scenario], pace: f64) -> Vec<String> {
    let hook = Hook::open(scenarios);
    let text = play::alertmanager_file(scenarios, hook.address, pace);
    let place = Place::new("[alerting]\nalertmanager_file = \"alertmanager.yml\"\nbundled_rules = false\n");
    place.write("alertmanager.yml", &text);
    let (_judge, judge_at) = alertmanager(place.dir.path());
    let mut host = place.run();
    // Until then notifications wait for the plugin, which nobody has compiled yet.
    host.line("All checks are loaded.");
    let ends = [(Sender::Judge, judge_at), (Sender::Host, host.address())];
    let base = play::perform(scenarios, &ends, pace);
    let heard = hook.close();
    let mut problems = Vec::new();
    for scenario in scenarios {
        told::compare(scenario, &heard, (base, pace), &mut problems);
    }
    problems
}

/// A judge that reads `alertmanager.yml` in `place`.
fn alertmanager(place: &Path) -> (Server, SocketAddr) {
    let port = free_port();
    let mut server = command(&portable(place));
    server
        .args([
            "--config.file=alertmanager.yml",
            "--storage.path=judge",
            "--cluster.listen-address=",
        ])
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .current_dir(place);
    (Server::start(server, "Listening on"), ([127, 0, 0, 1], port).into())
}

/// The program, and the templates it insists on, in `place`: Debian's looks for that in one folder only, where nothing is installed, so
/// the name of that folder is replaced by one as long of the folder it is started in.
fn portable(place: &Path) -> String {
    let installed = program("prometheus-alertmanager");
    let share = installed
        .parent()
        .and_then(Path::parent)
        .expect("in a folder of programs")
        .join("share");
    for name in ["default.tmpl", "email.tmpl"] {
        let template = share.join("prometheus/alertmanager").join(name);
        std::fs::copy(&template, place.join(name)).unwrap_or_else(|error| panic!("{}: {error}", template.display()));
    }
    let mut bytes = std::fs::read(&installed).expect("a program");
    let here = "./".repeat(TEMPLATES.len() / 2);
    let found = bytes
        .windows(TEMPLATES.len())
        .position(|window| window == TEMPLATES.as_bytes());
    // Another build may look elsewhere.
    if let Some(at) = found {
        bytes[at..at + here.len()].copy_from_slice(here.as_bytes());
    }
    let own = place.join("alertmanager");
    std::fs::write(&own, bytes).expect("write");
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    own.display().to_string()
}

/// Asks one of the two, and gives what it answers.
fn ask(at: SocketAddr, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let body = body.to_string();
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream
        .write_all((head + &body).as_bytes())
        .map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    if !head.starts_with("HTTP/1.1 200") {
        return Err(answer);
    }
    Ok(serde_json::from_str(body).unwrap_or(Value::Null))
}
