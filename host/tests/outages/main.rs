//! What a host does while something it needs is gone: a full disk, a directory that cannot be written, a broken database, a receiver
//! that is down, its own end in the middle of a delivery, a configuration that changes while alerts fire. Each time: who is told, how
//! often, what is still known after a restart, and what the host says of it.
//!
//! Flows in: rules that always fire, and a mail server of this suite's own that takes, refuses, hangs or is gone. Flows out: emails in
//! the order in which they were taken. Two tests mount a file system of their own; where that is not allowed they say so and end.
//!
//! Budget: 10 min

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests watch the host from outside: they read the clock, wait for a process and serve from a thread"
)]

#[path = "../support"]
mod support {
    #[expect(dead_code, reason = "each suite uses a part of it")]
    pub(crate) mod host;
}

mod database;
mod disk;
mod mail;
mod mount;
mod receivers;
mod reload;

use mail::Post;
use support::host::{Place, Running};

/// Ticks every second, groups without a wait, and one receiver for everything.
const QUICK: &str = "[history]\ninterval = \"1s\"\n\n[alerting]\nevaluation_interval = \"1s\"\ngroup_by = [\"alertname\"]\n\
    group_wait = \"0s\"\ngroup_interval = \"1s\"\nreceivers = [\"mail\"]\n";

/// A receiver of this name on this server.
fn receiver(name: &str, post: &Post) -> String {
    format!(
        "\n[receiver.{name}]\ntimeout = \"5s\"\n[receiver.{name}.email]\nserver = \"127.0.0.1:{}\"\nsecurity = \"none\"\n\
         from = \"watch@example.com\"\nto = [\"{name}@example.org\"]\n",
        post.port
    )
}

/// A rule that fires as long as it is configured.
fn rule(name: &str) -> String {
    format!("\n[[rule]]\nalert = \"{name}\"\nexpr = 'vector(1)'\n")
}

/// The usual configuration, with these alerts firing.
fn firing(post: &Post, names: &[&str]) -> String {
    let rules: String = names.iter().map(|name| rule(name)).collect();
    format!("{QUICK}{}{rules}", receiver("mail", post))
}

/// From now on exactly these fire.
fn change(place: &Place, host: &Running, post: &Post, names: &[&str]) {
    place.configure(&firing(post, names));
    host.signal("HUP");
}

/// It goes on scraping and evaluating: both counts grow.
fn goes_on(host: &Running) {
    let evaluations = |body: &str| -> f64 {
        let of = |line: &&str| line.starts_with("bellwether_rule_evaluations_total{");
        let values = body
            .lines()
            .filter(of)
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        values.sum()
    };
    let before = evaluations(&host.get("/metrics").body);
    host.eventually("/metrics", |body| evaluations(body) >= before + 2.0);
}

/// All that happened until now is on disk: a commit takes everything that waits, and what is read here may be as old as the last snapshot,
/// or count a commit that was under way.
fn kept(host: &Running) {
    for _ in 0..3 {
        let written = host.value("bellwether_store_writes_total");
        host.reaches("bellwether_store_writes_total", written + 1.0);
    }
}

/// The line that says so, which may have come before it listened.
fn has_said(host: &mut Running, wanted: &str) -> String {
    let before = host.seen.iter().find(|line| line.contains(wanted)).cloned();
    before.unwrap_or_else(|| host.line(wanted))
}

/// How many of the titles begin so.
fn count(titles: &[String], start: &str) -> usize {
    titles.iter().filter(|title| title.starts_with(start)).count()
}
